"""Questions, good and bad, in one table: what pydantic and PostgreSQL are both asked about."""

from copy import deepcopy
from typing import Any, NamedTuple

OPTIONS = [{"id": "a", "text": "Alpha"}, {"id": "b", "text": "Beta"}, {"id": "c", "text": "Gamma"}]
STEMS = [{"id": "s1", "text": "First"}, {"id": "s2", "text": "Second"}]

QUESTIONS: dict[str, dict[str, Any]] = {
    "single_choice": {"options": OPTIONS},
    "multiple_choice": {"options": OPTIONS},
    "true_false": {},
    "short_answer": {},
    "numeric": {},
    "matching": {"stems": STEMS, "options": OPTIONS},
    "essay": {},
}
KEYS: dict[str, dict[str, Any]] = {
    "single_choice": {"correct": "b"},
    "multiple_choice": {"correct": ["a", "c"]},
    "true_false": {"correct": True},
    "short_answer": {"accepted": ["four", "4"]},
    "numeric": {"value": 100, "absolute_tolerance": 5},
    "matching": {"correct": {"s1": "a", "s2": "c"}},
    "essay": {},
}


class Quiz(NamedTuple):
    """Questions and their key, as a client sends them."""

    questions: Any
    key: Any


def quiz(*types: str, points: float = 1) -> Quiz:
    """A good quiz with a question of each of these types, q1, q2 and so on."""
    return Quiz(
        [
            {"id": f"q{n}", "type": type_, "prompt": f"Question {n}", "points": points}
            | deepcopy(QUESTIONS[type_])
            for n, type_ in enumerate(types, start=1)
        ],
        {f"q{n}": {"type": type_} | deepcopy(KEYS[type_]) for n, type_ in enumerate(types, start=1)},
    )


def with_question(type_: str, **changes: Any) -> Quiz:
    """A quiz of one question, which is changed; None takes a field out."""
    questions, key = quiz(type_)
    return Quiz([_changed(questions[0], changes)], key)


def with_key(type_: str, **changes: Any) -> Quiz:
    """A quiz of one question, whose key is changed; None takes a field out."""
    questions, key = quiz(type_)
    return Quiz(questions, {"q1": _changed(key["q1"], changes)})


def _changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (document | changes).items() if value is not None}


def _options(*pairs: tuple[Any, Any]) -> list[dict[str, Any]]:
    return [{"id": id_, "text": text} for id_, text in pairs]


GOOD = {
    "every type": quiz(*QUESTIONS),
    "the smallest points": with_question("true_false", points=0.01),
    "the most points": with_question("true_false", points=1000),
    "points with two decimals": with_question("true_false", points=2.25),
    "an id with a hyphen, of 64 characters": Quiz(
        [{"id": "a-" + "b" * 62, "type": "essay", "prompt": "?", "points": 1}],
        {"a-" + "b" * 62: {"type": "essay"}},
    ),
    "a prompt of 10,000 characters beyond the BMP": with_question("essay", prompt="\U0001f600" * 10_000),
    "a prompt that is a no-break space": with_question("essay", prompt="\u00a0"),
    "a prompt with line ends": with_question("essay", prompt=" a\nb\t"),
    "two options": with_question("single_choice", options=OPTIONS[:2]),
    "options that differ in case": with_question("single_choice", options=_options(("b", "X"), ("B", "x"))),
    "all options right": with_key("multiple_choice", correct=["c", "b", "a"]),
    "one of several right": with_key("multiple_choice", correct=["a"]),
    "false": with_key("true_false", correct=False),
    "an exact number": with_key("numeric", absolute_tolerance=None),
    "a relative tolerance": with_key("numeric", absolute_tolerance=None, relative_tolerance=0.01),
    "no tolerance at all": with_key("numeric", absolute_tolerance=0),
    "a range": with_key("numeric", value=None, absolute_tolerance=None, minimum=-5, maximum=5.5),
    "a range of one number": with_key("numeric", value=None, absolute_tolerance=None, minimum=2, maximum=2),
    "a whole number that no float is": with_key("numeric", value=2**60 + 1, absolute_tolerance=2**53 + 1),
    "a range of the largest whole numbers": with_key(
        "numeric", value=None, absolute_tolerance=None, minimum=-(2**63), maximum=2**63 - 1
    ),
    "a whole number beyond 64 bits": with_key("numeric", value=2**64, absolute_tolerance=10**21),
    "a range of whole numbers beyond all others": with_key(
        "numeric", value=None, absolute_tolerance=None, minimum=-(10**300), maximum=10**300
    ),
    "a number that is written out when it comes back": with_key("numeric", value=6.022e23),
    "a fraction and a whole number": with_key("numeric", value=0.5, absolute_tolerance=1),
    "case matters": with_key("short_answer", match_case=True),
    "spellings that differ in case": with_key("short_answer", accepted=["Four", "four"]),
    "one option for two stems": with_key("matching", correct={"s1": "a", "s2": "a"}),
    "an explanation": with_key("essay", explanation="Because."),
}

BAD = {
    # Questions
    "questions are no list": Quiz({}, {}),
    "questions are null": Quiz(None, {}),
    "no question": Quiz([], {}),
    "201 questions": quiz(*["essay"] * 201),
    "a question is a text": Quiz(["q1"], {}),
    "a question is null": Quiz([None], {}),
    "an unknown type": with_question("essay", type="riddle"),
    "a type that is a number": with_question("essay", type=1),
    "no type": with_question("essay", type=None),
    "no id": with_question("essay", id=None),
    "an empty id": with_question("essay", id=""),
    "an id of 65 characters": with_question("essay", id="x" * 65),
    "an id with a space": with_question("essay", id="q 1"),
    "an id with a line end behind it": with_question("essay", id="q1\n"),
    "an id that is a number": with_question("essay", id=1),
    "no prompt": with_question("essay", prompt=None),
    "a blank prompt": with_question("essay", prompt=" \t\n"),
    "a prompt that is too long": with_question("essay", prompt="x" * 10_001),
    "a prompt that is a list": with_question("essay", prompt=["?"]),
    "no points": with_question("essay", points=None),
    "0 points": with_question("essay", points=0),
    "less than 0 points": with_question("essay", points=-1),
    "too many points": with_question("essay", points=1000.01),
    "points with three decimals": with_question("essay", points=0.125),
    "points that are a text": with_question("essay", points="1"),
    "points that are true": with_question("essay", points=True),
    "an unknown field": with_question("essay", hint="Think."),
    "the answer in the question": with_question("single_choice", correct="b"),
    "options where there are none": with_question("true_false", options=OPTIONS),
    "no options": with_question("single_choice", options=None),
    "an empty list of options": with_question("single_choice", options=[]),
    "one option": with_question("single_choice", options=_options(("b", "Beta"))),
    "101 options": with_question(
        "single_choice", options=_options(("b", "Beta"), *((f"o{n}", f"{n}") for n in range(100)))
    ),
    "options that are texts": with_question("single_choice", options=["a", "b"]),
    "options that are an object": with_question("single_choice", options={"a": "Alpha", "b": "Beta"}),
    "two options with one id": with_question(
        "single_choice", options=_options(("b", "Beta"), ("b", "Other"))
    ),
    "two options with one text": with_question(
        "single_choice", options=_options(("a", "Beta"), ("b", "Beta"))
    ),
    "an option without text": with_question("single_choice", options=[*OPTIONS, {"id": "d"}]),
    "an option with a blank text": with_question(
        "single_choice", options=_options(("b", "Beta"), ("d", " "))
    ),
    "an option that says it is right": with_question(
        "single_choice", options=[*OPTIONS, {"id": "d", "text": "Delta", "correct": True}]
    ),
    "two questions with one id": Quiz(
        [{"id": "q1", "type": "essay", "prompt": f"{n}", "points": 1} for n in range(2)],
        {"q1": {"type": "essay"}},
    ),
    "no stems": with_question("matching", stems=None),
    "two stems with one text": with_question("matching", stems=_options(("s1", "One"), ("s2", "One"))),
    # Keys
    "a key that is a list": Quiz(quiz("essay").questions, []),
    "a key that is null": Quiz(quiz("essay").questions, None),
    "a key without the question": Quiz(quiz("essay").questions, {}),
    "a key for an unknown question": Quiz(
        quiz("essay").questions, {"q1": {"type": "essay"}, "q2": {"type": "essay"}}
    ),
    "an entry that is the answer itself": Quiz(quiz("single_choice").questions, {"q1": "b"}),
    "an entry that is null": Quiz(quiz("essay").questions, {"q1": None}),
    "an entry of another type": Quiz(quiz("single_choice").questions, quiz("essay").key),
    "an entry without type": with_key("essay", type=None),
    "an unknown field in the key": with_key("essay", points=1),
    "a blank explanation": with_key("essay", explanation=" "),
    "an explanation that is a list": with_key("essay", explanation=["Because."]),
    "no correct option": with_key("single_choice", correct=None),
    "two right answers in a single choice": with_key("single_choice", correct=["a", "b"]),
    "an unknown option": with_key("single_choice", correct="d"),
    "an option that is a number": with_key("single_choice", correct=1),
    "no right one among several": with_key("multiple_choice", correct=[]),
    "an unknown one among several": with_key("multiple_choice", correct=["a", "d"]),
    "one of several twice": with_key("multiple_choice", correct=["a", "a"]),
    "a multiple choice with one that is no text": with_key("multiple_choice", correct=["a", 1]),
    "a multiple choice with a text": with_key("multiple_choice", correct="a"),
    "true as a text": with_key("true_false", correct="true"),
    "true as a number": with_key("true_false", correct=1),
    "no accepted spelling": with_key("short_answer", accepted=[]),
    "a blank spelling": with_key("short_answer", accepted=["four", " "]),
    "one spelling twice": with_key("short_answer", accepted=["four", "four"]),
    "a spelling that is a number": with_key("short_answer", accepted=[4]),
    "a spelling that is too long": with_key("short_answer", accepted=["x" * 501]),
    "a case rule that is a text": with_key("short_answer", match_case="no"),
    "no value": with_key("numeric", value=None),
    "a value that is a text": with_key("numeric", value="100"),
    "a value that is true": with_key("numeric", value=True),
    "a tolerance that is true": with_key("numeric", absolute_tolerance=True),
    "a negative whole tolerance": with_key("numeric", absolute_tolerance=-1),
    "a whole number beyond all measure": with_key("numeric", value=10**301),
    "a whole number below all measure": with_key("numeric", value=-(10**301)),
    "a negative tolerance": with_key("numeric", absolute_tolerance=-0.1),
    "a negative relative tolerance": with_key("numeric", absolute_tolerance=None, relative_tolerance=-0.1),
    "a relative tolerance above 1": with_key("numeric", absolute_tolerance=None, relative_tolerance=1.5),
    "two tolerances": with_key("numeric", relative_tolerance=0.1),
    "a value and a range": with_key("numeric", minimum=1, maximum=2),
    "a minimum alone": with_key("numeric", value=None, absolute_tolerance=None, minimum=1),
    "a range that ends before it begins": with_key(
        "numeric", value=None, absolute_tolerance=None, minimum=2, maximum=1
    ),
    "a number beyond all measure": with_key("numeric", value=1e301),
    "a stem without its option": with_key("matching", correct={"s1": "a"}),
    "an unknown stem": with_key("matching", correct={"s1": "a", "s2": "b", "s3": "c"}),
    "an unknown partner": with_key("matching", correct={"s1": "a", "s2": "d"}),
    "pairs that are lists": with_key("matching", correct=[["s1", "a"], ["s2", "b"]]),
    "a stem with two options": with_key("matching", correct={"s1": ["a", "b"], "s2": "c"}),
}
