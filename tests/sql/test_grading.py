"""What an answer is worth: by type, each case through the function alone and through handing in an attempt."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest

from tests.conftest import TestDatabase
from tests.sql.questions import Quiz, quiz, with_key
from tests.support.school import School, sha256_of

NOTHING = object()
"""The question was left out."""


class Case(NamedTuple):
    """An answer, and what it is worth of the points of its question: 6, where nothing else is said."""

    asked: Quiz
    answer: Any
    points: float | None


def of(type_: str, **key: Any) -> Quiz:
    asked = with_key(type_, **key)
    asked.questions[0]["points"] = 6
    return asked


def parts(type_: str, count: int, points: float) -> Quiz:
    """A question of that many stems, or right options, each of them worth as much."""
    asked = of(type_)
    options = [{"id": f"o{n}", "text": f"Option {n}"} for n in range(count)]
    asked.questions[0] |= {"points": points, "options": options}
    if type_ == "matching":
        asked.questions[0]["stems"] = [{"id": f"s{n}", "text": f"Stem {n}"} for n in range(count)]
        asked.key["q1"]["correct"] = right_pairs(count)
    else:
        asked.key["q1"]["correct"] = right_options(count)
    return asked


def right_options(count: int) -> list[str]:
    return [f"o{n}" for n in range(count)]


def right_pairs(count: int) -> dict[str, str]:
    return {f"s{n}": f"o{n}" for n in range(count)}


CHOICE = of("single_choice")
SEVERAL = of("multiple_choice")
ALL = of("multiple_choice", correct=["a", "b", "c"])
ONE = of("multiple_choice", correct=["a"])
TRUE = of("true_false")
FALSE = of("true_false", correct=False)
FOUR = of("short_answer")
CASED = of("short_answer", match_case=True, accepted=["NaCl", "Na Cl"])
ACCENTS = of("short_answer", accepted=["Élodie", "Ångström", "日本 語", "straße"])
GREEK = of("short_answer", accepted=["Σίσυφος"])
ACCENTS_CASED = of("short_answer", match_case=True, accepted=["Élodie"])
SQUARE = of("short_answer", accepted=["x²"])
ABSOLUTE = of("numeric")
EXACT = of("numeric", value=0.3, absolute_tolerance=None)
RELATIVE = of("numeric", absolute_tolerance=None, relative_tolerance=0.01)
NEGATIVE = of("numeric", value=-200, absolute_tolerance=None, relative_tolerance=0.01)
ZERO = of("numeric", value=0, absolute_tolerance=None, relative_tolerance=0.5)
RANGE = of("numeric", value=None, absolute_tolerance=None, minimum=-5, maximum=5.5)
WHOLE = of("numeric", value=2**60, absolute_tolerance=None)
BEYOND_64_BITS = of("numeric", value=2**64, absolute_tolerance=None)
SMALL = of("numeric", value=6.02e23, absolute_tolerance=1e21)
PAIRS = of("matching")
SHARED = of("matching", correct={"s1": "a", "s2": "a"})
ESSAY = of("essay")

CASES = {
    # One of several: all or nothing.
    "the right option": Case(CHOICE, "b", 6),
    "a wrong option": Case(CHOICE, "a", 0),
    "an unknown option": Case(CHOICE, "z", 0),
    "an option in another case": Case(CHOICE, "B", 0),
    "an option with a space": Case(CHOICE, "b ", 0),
    "no option": Case(CHOICE, NOTHING, 0),
    "null for an option": Case(CHOICE, None, 0),
    "an empty text for an option": Case(CHOICE, "", 0),
    "a list with the right option": Case(CHOICE, ["b"], 0),
    "an object for an option": Case(CHOICE, {"b": True}, 0),
    "a number for an option": Case(CHOICE, 1, 0),
    "true for an option": Case(CHOICE, True, 0),
    # Several: (right - wrong) / all that are right, at least 0.
    "both right": Case(SEVERAL, ["a", "c"], 6),
    "both right, the other way round": Case(SEVERAL, ["c", "a"], 6),
    "one of two right": Case(SEVERAL, ["a"], 3),
    "both right and one wrong": Case(SEVERAL, ["a", "b", "c"], 3),
    "one right and one wrong": Case(SEVERAL, ["a", "b"], 0),
    "one wrong": Case(SEVERAL, ["b"], 0),
    "the same one twice": Case(SEVERAL, ["a", "a"], 3),
    "a wrong one twice counts once": Case(SEVERAL, ["a", "c", "b", "b"], 3),
    "one that the question does not have": Case(SEVERAL, ["a", "c", "z"], 6),
    "none at all": Case(SEVERAL, [], 0),
    "several left out": Case(SEVERAL, NOTHING, 0),
    "null for several": Case(SEVERAL, None, 0),
    "a text for several": Case(SEVERAL, "a", 0),
    "an object for several": Case(SEVERAL, {"a": True, "c": True}, 0),
    "a list in a list": Case(SEVERAL, [["a", "c"]], 0),
    "numbers and nulls among them": Case(SEVERAL, ["a", 1, None, {"c": 1}, ["c"]], 3),
    "one of three": Case(ALL, ["a"], 2),
    "two of three": Case(ALL, ["a", "b"], 4),
    "three of three": Case(ALL, ["a", "b", "c"], 6),
    "everything where one is right": Case(ONE, ["a", "b", "c"], 0),
    "the one that is right": Case(ONE, ["a"], 6),
    # True or false.
    "true is true": Case(TRUE, True, 6),
    "false is not": Case(TRUE, False, 0),
    "false is false": Case(FALSE, False, 6),
    "true is not false": Case(FALSE, True, 0),
    "nothing is not false": Case(FALSE, NOTHING, 0),
    "null is not false": Case(FALSE, None, 0),
    "0 is not false": Case(FALSE, 0, 0),
    "true as a text": Case(TRUE, "true", 0),
    "1 is not true": Case(TRUE, 1, 0),
    # Short answers.
    "the first spelling": Case(FOUR, "four", 6),
    "the second spelling": Case(FOUR, "4", 6),
    "upper case": Case(FOUR, "FOUR", 6),
    "space around it": Case(FOUR, "  four\n", 6),
    "space within it": Case(FOUR, "fo ur", 0),
    "another word": Case(FOUR, "five", 0),
    "more than the word": Case(FOUR, "four!", 0),
    "an empty text": Case(FOUR, "", 0),
    "a blank text": Case(FOUR, " \t", 0),
    "no text": Case(FOUR, NOTHING, 0),
    "null for a text": Case(FOUR, None, 0),
    "a number for a text": Case(FOUR, 4, 0),
    "a list with the text": Case(FOUR, ["four"], 0),
    "an object with the text": Case(FOUR, {"four": 1}, 0),
    "a pattern is no spelling": Case(FOUR, "f%", 0),
    "the case that matters": Case(CASED, "NaCl", 6),
    "another case where it matters": Case(CASED, "nacl", 0),
    "spaces where case matters": Case(CASED, " Na   Cl ", 6),
    "composed": Case(ACCENTS, "\u00c9lodie", 6),
    "decomposed": Case(ACCENTS, "E\u0301lodie", 6),
    "composed, in lower case": Case(ACCENTS, "\u00e9LODIE", 6),
    "decomposed, in lower case": Case(ACCENTS, "e\u0301lodie", 6),
    "without its accent": Case(ACCENTS, "Elodie", 0),
    "the sign for the unit": Case(ACCENTS, "\u212bngstr\u00f6m", 6),
    "a no-break space": Case(ACCENTS, "日本\u00a0語", 6),
    "an ideographic space and a line end": Case(ACCENTS, "\u3000日本\n\u2003語", 6),
    "another letter of the same sound": Case(ACCENTS, "strasse", 0),
    "Greek as it is written": Case(GREEK, "σίσυφος", 6),
    "Greek in capitals, whose last letter is another": Case(GREEK, "ΣΊΣΥΦΟΣ", 6),
    "another Greek": Case(GREEK, "ΣΊΣΥΦΟ", 0),
    "as long as can be": Case(FOUR, "four" + " " * 996, 6),
    "longer": Case(FOUR, "four" + " " * 997, 0),
    "marks in an order that takes long to mend": Case(FOUR, "a" + "\u0301" * 15_000 + "\u0323" * 15_000, 0),
    "decomposed where case matters": Case(ACCENTS_CASED, "E\u0301lodie", 6),
    "lower case where case matters": Case(ACCENTS_CASED, "\u00e9lodie", 0),
    "a digit that is not raised": Case(SQUARE, "x2", 0),
    "a digit that is raised": Case(SQUARE, "X\u00b2", 6),
    # Numbers, their edges included.
    "the value": Case(ABSOLUTE, 100, 6),
    "the lower edge": Case(ABSOLUTE, 95, 6),
    "the upper edge": Case(ABSOLUTE, 105, 6),
    "below the lower edge": Case(ABSOLUTE, 94.999999, 0),
    "above the upper edge": Case(ABSOLUTE, 105.000001, 0),
    "the value as a decimal": Case(ABSOLUTE, 100.0, 6),
    "a text for a number": Case(ABSOLUTE, "100", 0),
    "a list with the number": Case(ABSOLUTE, [100], 0),
    "true for a number": Case(ABSOLUTE, True, 0),
    "null for a number": Case(ABSOLUTE, None, 0),
    "no number": Case(ABSOLUTE, NOTHING, 0),
    "the largest number there is": Case(ABSOLUTE, 1.7976931348623157e308, 0),
    "0.3 is 0.3": Case(EXACT, 0.3, 6),
    "0.1 + 0.2 of a machine is not": Case(EXACT, 0.1 + 0.2, 0),
    "1 % below": Case(RELATIVE, 99, 6),
    "1 % above": Case(RELATIVE, 101, 6),
    "more than 1 % below": Case(RELATIVE, 98.99, 0),
    "1 % of a negative value": Case(NEGATIVE, -202, 6),
    "more than 1 % of a negative value": Case(NEGATIVE, -202.01, 0),
    "half of zero": Case(ZERO, 0, 6),
    "half of zero is zero": Case(ZERO, 0.0001, 0),
    "the beginning of the range": Case(RANGE, -5, 6),
    "the end of the range": Case(RANGE, 5.5, 6),
    "within the range": Case(RANGE, 0, 6),
    "beyond the range": Case(RANGE, 5.51, 0),
    "a large number": Case(SMALL, 6.022e23, 6),
    "a large number that is off": Case(SMALL, 6.04e23, 0),
    "a whole number that a float rounds": Case(WHOLE, 1152921504606846976, 6),
    "what a float would round to it": Case(WHOLE, 1152921504606847000, 0),
    "a whole number beyond 64 bits": Case(BEYOND_64_BITS, 2**64, 6),
    "another whole number beyond 64 bits": Case(BEYOND_64_BITS, 2**64 + 1, 0),
    "a whole number beyond all others": Case(BEYOND_64_BITS, 10**308, 0),
    "a large number as JavaScript writes it": Case(SMALL, 602200000000000000000000, 6),
    # Pairs.
    "both pairs": Case(PAIRS, {"s1": "a", "s2": "c"}, 6),
    "one pair": Case(PAIRS, {"s1": "a", "s2": "b"}, 3),
    "one pair, the other left out": Case(PAIRS, {"s1": "a"}, 3),
    "no pair": Case(PAIRS, {"s1": "c", "s2": "a"}, 0),
    "an empty object": Case(PAIRS, {}, 0),
    "an unknown stem": Case(PAIRS, {"s1": "a", "s2": "c", "s3": "b"}, 6),
    "pairs left out": Case(PAIRS, NOTHING, 0),
    "null for pairs": Case(PAIRS, None, 0),
    "a list for pairs": Case(PAIRS, ["a", "c"], 0),
    "a text for pairs": Case(PAIRS, "a", 0),
    "a list as a partner": Case(PAIRS, {"s1": ["a", "b", "c"], "s2": "c"}, 3),
    "one partner for both": Case(SHARED, {"s1": "a", "s2": "a"}, 6),
    # Half a cent is rounded up, also where the share of it has no end.
    "one of twelve pairs, 0.125 points": Case(parts("matching", 12, 1.5), right_pairs(1), 0.13),
    "five of twelve pairs, 0.625 points": Case(parts("matching", 12, 1.5), right_pairs(5), 0.63),
    "seven of twelve pairs, 0.875 points": Case(parts("matching", 12, 1.5), right_pairs(7), 0.88),
    "one of fourteen pairs, 0.075 points": Case(parts("matching", 14, 1.05), right_pairs(1), 0.08),
    "one of twenty-four pairs, 0.125 points": Case(parts("matching", 24, 3), right_pairs(1), 0.13),
    "five of twenty-four pairs, 0.625 points": Case(parts("matching", 24, 3), right_pairs(5), 0.63),
    "less than half a cent": Case(parts("matching", 24, 2.99), right_pairs(1), 0.12),
    "one of twelve options, 0.125 points": Case(parts("multiple_choice", 12, 1.5), right_options(1), 0.13),
    "five of twenty-four options, 0.625 points": Case(
        parts("multiple_choice", 24, 3), right_options(5), 0.63
    ),
    # Essays wait, if there is something to read.
    "an essay": Case(ESSAY, "It is a matter of taste.", None),
    "a blank essay": Case(ESSAY, " \n", 0),
    "an empty essay": Case(ESSAY, "", 0),
    "no essay": Case(ESSAY, NOTHING, 0),
    "null for an essay": Case(ESSAY, None, 0),
    "a number for an essay": Case(ESSAY, 7, 0),
    "a list for an essay": Case(ESSAY, ["It is"], 0),
}


class Desk:
    """Where attempts are handed in: as the service, by people of the school."""

    def __init__(self, database: TestDatabase, school: School) -> None:
        self.owner = psycopg.connect(database.admin_url, autocommit=True)
        self.api = psycopg.connect(database.server.url(database.name, "lms_api"), autocommit=True)
        self.school = school

    def save(self, asked: Quiz, **settings: Any) -> UUID:
        """A published quiz of the lecturer's course, in week 1."""
        quiz_id: UUID = self.one(
            "insert into lms.quizzes (course_id, week_number, title, attempts_allowed) "
            "values (%s, 1, 'Quiz', null) returning quiz_id",
            self.school.own["course_id"],
        )
        self.one(
            "select version_number from lms.save_quiz_version(%s, %s, null, %s::jsonb, %s::jsonb)",
            sha256_of("lecturer"),
            quiz_id,
            json.dumps(asked.questions),
            json.dumps(asked.key),
        )
        policy = settings.get("feedback_policy", "after_submit")
        self.api.execute(
            "update lms.quizzes set state = 'published', feedback_policy = %s where quiz_id = %s",
            (policy, quiz_id),
        )
        return quiz_id

    def start(self, quiz_id: UUID, name: str = "student") -> UUID:
        attempt_id: UUID = self.one(
            "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score, due_at) "
            "select versions.quiz_id, versions.version_number, %(student_id)s, ("
            "select count(*) + 1 from lms.quiz_attempts where quiz_id = %(quiz_id)s and student_id = %(student_id)s"
            "), versions.max_score, null from lms.quiz_versions as versions "
            "join lms.quizzes on quizzes.quiz_id = versions.quiz_id "
            "and quizzes.current_version = versions.version_number "
            "where versions.quiz_id = %(quiz_id)s returning attempt_id",
            quiz_id=quiz_id,
            student_id=self.school.people[name],
        )
        return attempt_id

    def submit(self, attempt_id: UUID, answers: Any, name: str = "student") -> Any:
        return self.api.execute(
            "select state, score::float, feedback, answers, version from lms.submit_attempt(%s, %s, %s::jsonb)",
            (sha256_of(name), attempt_id, None if answers is None else json.dumps(answers)),
        ).fetchone()

    def hand_in(self, attempt_id: UUID, answers: Any) -> Any:
        """Submit what is stored already, since what is sent has to have its form."""
        self.owner.execute(
            "update lms.quiz_attempts set answers = %s where attempt_id = %s",
            (json.dumps(answers), attempt_id),
        )
        return self.submit(attempt_id, None)

    def review(
        self, attempt_id: UUID, reviews: Any, name: str = "lecturer", version: int | None = None
    ) -> Any:
        return self.api.execute(
            "select state, score::float, feedback, version from lms.review_attempt(%s, %s, %s, %s::jsonb)",
            (sha256_of(name), attempt_id, version, json.dumps(reviews)),
        ).fetchone()

    def one(self, statement: str, *values: Any, **named: Any) -> Any:
        row = self.api.execute(statement.encode(), named or values).fetchone()
        assert row is not None
        return row[0]

    def performance(self) -> tuple[list[Any], list[Any]]:
        """What is kept, and what the attempts come to."""
        columns = (
            b"student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery"
        )
        kept = b"select %s from lms.topic_performance order by 1, 2, 3" % columns
        computed = b"select %s from lms.computed_performance() order by 1, 2, 3" % columns
        return self.owner.execute(kept).fetchall(), self.owner.execute(computed).fetchall()


@pytest.fixture(scope="module")
def desk(module_database: TestDatabase, school: School) -> Iterator[Desk]:
    made = Desk(module_database, school)
    yield made
    kept, computed = made.performance()
    assert kept == computed
    made.owner.close()
    made.api.close()


def answers_of(case: Case) -> dict[str, Any]:
    return {} if case.answer is NOTHING else {"q1": case.answer}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_function(desk: Desk, case: Case) -> None:
    found = desk.owner.execute(
        "select question_id, max_points::float, points::float, is_right, awaits_review "
        "from lms.graded(%s::jsonb, %s::jsonb, %s::jsonb, '{}')",
        tuple(map(json.dumps, (case.asked.questions, case.asked.key, answers_of(case)))),
    ).fetchall()
    waits, most = case.points is None, case.asked.questions[0]["points"]
    assert found == [("q1", most, case.points, None if waits else case.points == most, waits)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_door(desk: Desk, case: Case) -> None:
    attempt_id = desk.start(desk.save(case.asked))
    state, score, feedback, *_ = desk.hand_in(attempt_id, answers_of(case))
    assert state == ("submitted" if case.points is None else "graded")
    assert score == case.points
    assert feedback == {"q1": {"points": case.points}}


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 80


def test_an_answer_to_an_unknown_question_is_worth_nothing(desk: Desk) -> None:
    state, score, feedback, *_ = desk.hand_in(desk.start(desk.save(CHOICE)), {"q1": "b", "q2": "b"})
    assert (state, score, feedback) == ("graded", 6, {"q1": {"points": 6}})


def test_what_is_shown_adds_up_to_the_score(desk: Desk) -> None:
    asked = quiz("multiple_choice", "multiple_choice", "multiple_choice")
    for entry in asked.key.values():
        entry["correct"] = ["a", "b", "c"]
    _, score, feedback, *_ = desk.submit(desk.start(desk.save(asked)), {f"q{n}": ["a"] for n in (1, 2, 3)})
    assert [feedback[f"q{n}"]["points"] for n in (1, 2, 3)] == [0.33] * 3
    assert score == 0.99


def test_what_was_handed_in_stays_as_it_is(desk: Desk) -> None:
    attempt_id = desk.start(desk.save(CHOICE))
    first = desk.submit(attempt_id, {"q1": "a"})
    assert desk.submit(attempt_id, {"q1": "b"}) == first


# Who may open which door

OTHERS = [
    "other_lecturer",
    "other_student",
    "classmate",
    "dropped_student",
    "invited_student",
    "disabled",
    "expired",
    "idle",
    "revoked",
    "unknown_token",
]
STUDENTS = ["student", *(name for name in OTHERS if "lecturer" not in name)]


@pytest.fixture(scope="module")
def taken(desk: Desk) -> tuple[UUID, UUID]:
    """A quiz, and the student's attempt at it, handed in."""
    quiz_id = desk.save(CHOICE)
    attempt_id = desk.start(quiz_id)
    desk.submit(attempt_id, {"q1": "a"})
    return quiz_id, attempt_id


def opens(desk: Desk, statement: str, name: str, *values: Any) -> bool:
    with desk.api.transaction(force_rollback=True):
        return desk.api.execute(statement.encode(), (sha256_of(name), *values)).fetchone() is not None


KEYS = {
    "read": "select from lms.read_answer_key(%s, %s, 1)",
    "save": "select from lms.save_quiz_version(%s, %s, null, %s::jsonb, %s::jsonb)",
    "correct": "select from lms.correct_answer_key(%s, %s, 1, null, %s::jsonb)",
}


@pytest.mark.parametrize("door", KEYS)
@pytest.mark.parametrize("name", ["lecturer", "super_admin", *dict.fromkeys([*OTHERS, *STUDENTS])])
def test_a_key_is_for_whoever_teaches(desk: Desk, taken: tuple[UUID, UUID], door: str, name: str) -> None:
    documents = {"read": [], "save": CHOICE, "correct": CHOICE[1:]}[door]
    assert opens(desk, KEYS[door], name, taken[0], *map(json.dumps, documents)) == (
        name in {"lecturer", "super_admin"}
    )


@pytest.mark.parametrize("name", ["student", "lecturer", "super_admin", *OTHERS])
def test_an_attempt_is_handed_in_by_whose_it_is(desk: Desk, taken: tuple[UUID, UUID], name: str) -> None:
    assert opens(desk, "select from lms.submit_attempt(%s, %s, null)", name, taken[1]) == (name == "student")


@pytest.mark.parametrize("name", ["lecturer", "super_admin", *dict.fromkeys([*OTHERS, *STUDENTS])])
def test_an_attempt_is_reviewed_by_whoever_teaches(desk: Desk, taken: tuple[UUID, UUID], name: str) -> None:
    statement = "select from lms.review_attempt(%s, %s, null, '{}')"
    assert opens(desk, statement, name, taken[1]) == (name in {"lecturer", "super_admin"})


@pytest.mark.parametrize("name", ["student", "lecturer", "super_admin", *OTHERS])
def test_the_key_to_an_attempt_is_for_whose_it_is(desk: Desk, taken: tuple[UUID, UUID], name: str) -> None:
    assert opens(desk, "select from lms.reveal_answer_key(%s, %s)", name, taken[1]) == (name == "student")


@pytest.mark.parametrize(
    ("policy", "in_progress", "submitted", "closed"),
    [
        ("never", False, False, False),
        ("after_submit", False, True, True),
        ("after_close", False, False, True),
    ],
)
def test_a_student_sees_what_is_right_when_the_quiz_says_so(
    desk: Desk, policy: str, in_progress: bool, submitted: bool, closed: bool
) -> None:
    quiz_id = desk.save(CHOICE, feedback_policy=policy)
    attempt_id = desk.start(quiz_id)
    reveal = "select from lms.reveal_answer_key(%s, %s)"
    seen = [opens(desk, reveal, "student", attempt_id)]
    desk.submit(attempt_id, {})
    seen.append(opens(desk, reveal, "student", attempt_id))
    desk.api.execute(
        "update lms.quizzes set closes_at = now() - interval '6 seconds' where quiz_id = %s", (quiz_id,)
    )
    seen.append(opens(desk, reveal, "student", attempt_id))
    assert seen == [in_progress, submitted, closed]


@pytest.mark.parametrize(
    "statement",
    [
        "select from lms.quiz_answer_keys",
        "select key from lms.quiz_answer_keys",
        "insert into lms.quiz_answer_keys (quiz_id, version_number, key) values (lms.uuidv7(), 1, '{}')",
        "update lms.quiz_answer_keys set key = '{}'",
        "delete from lms.quiz_answer_keys",
        "insert into lms.quiz_versions (quiz_id, version_number, questions) values (lms.uuidv7(), 1, '[]')",
        "update lms.quiz_versions set questions = '[]'",
        "update lms.quiz_attempts set score = 1",
        "update lms.quiz_attempts set state = 'graded'",
        "update lms.quiz_attempts set reviews = '{}'",
        "update lms.topic_performance set mastery = 'mastered'",
        "select lms.graded('[]', '{}', '{}', '{}')",
        "select lms.record_grades('{}')",
        "select lms.regrade_attempts(lms.uuidv7(), 1)",
        "select lms.submit_overdue_attempts(1, 0)",
    ],
)
def test_the_service_has_no_other_way(desk: Desk, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        desk.api.execute(statement.encode())


# What a person decides, and what a corrected key changes


def test_an_essay_waits_for_a_person_who_gives_it_points(desk: Desk) -> None:
    attempt_id = desk.start(desk.save(quiz("true_false", "essay", points=4)))
    state, score, feedback, _, version = desk.submit(attempt_id, {"q1": True, "q2": "It is."})
    assert (state, score, feedback) == ("submitted", None, {"q1": {"points": 4}, "q2": {"points": None}})
    assert desk.review(attempt_id, {}, version=version - 1) == (None, None, None, version)
    assert desk.review(attempt_id, {"q2": {"points": 2.5, "comment": "Why?"}}, version=version)[:3] == (
        "graded",
        6.5,
        {"q1": {"points": 4}, "q2": {"points": 2.5, "comment": "Why?"}},
    )
    assert desk.review(attempt_id, {"q2": None})[:2] == ("submitted", None)


@pytest.mark.parametrize(
    ("reviews", "rule", "pointer"),
    [
        ([], "quiz_reviews_form", "/reviews"),
        ({"q1": 1}, "quiz_reviews_form", "/reviews/q1"),
        ({"q1": {"points": 1, "score": 1}}, "quiz_reviews_form", "/reviews/q1"),
        ({"q1": {"points": 1, "comment": " "}}, "quiz_reviews_form", "/reviews/q1"),
        ({"q1": {"points": "1"}}, "quiz_reviews_points", "/reviews/q1"),
        ({"q1": {"points": -0.01}}, "quiz_reviews_points", "/reviews/q1"),
        ({"q1": {"points": 6.01}}, "quiz_reviews_points", "/reviews/q1"),
        ({"q1": {"points": 0.125}}, "quiz_reviews_points", "/reviews/q1"),
        ({"q2": {"points": 1}}, "quiz_reviews_unknown_question", "/reviews/q2"),
    ],
)
def test_a_review_has_its_form(
    desk: Desk, taken: tuple[UUID, UUID], reviews: Any, rule: str, pointer: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        desk.review(taken[1], reviews)
    assert (refused.value.diag.constraint_name, refused.value.diag.column_name) == (rule, pointer)


def test_nobody_reviews_what_was_not_handed_in(desk: Desk) -> None:
    attempt_id = desk.start(desk.save(CHOICE))
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        desk.review(attempt_id, {"q1": {"points": 1}})
    assert refused.value.diag.constraint_name == "quiz_attempts_handed_in"


def test_a_corrected_key_grades_again_what_an_older_one_graded(desk: Desk) -> None:
    quiz_id = desk.save(quiz("single_choice", "essay", points=6))
    attempts = [desk.start(quiz_id, name) for name in ("student", "classmate")]
    desk.submit(attempts[0], {"q1": "a", "q2": "Yes."})
    desk.submit(attempts[1], {"q1": "b"}, "classmate")
    desk.review(attempts[0], {"q2": {"points": 1}})
    key = quiz("single_choice", "essay").key
    key["q1"]["correct"] = "a"
    correct = "select key_version, corrected from lms.correct_answer_key(%s, %s, 1, %s, %s::jsonb)"

    def corrected(seen: int) -> Any:
        return desk.api.execute(correct, (sha256_of("lecturer"), quiz_id, seen, json.dumps(key))).fetchone()

    assert corrected(2) == (1, None)
    assert corrected(1) == (2, True)
    assert corrected(2) == (2, False)
    regrade = "select attempt_id, score_before::float, score::float from lms.regrade_attempts(%s, %s)"
    found = [row for _ in range(3) for row in desk.owner.execute(regrade, (quiz_id, 1)).fetchall()]
    assert found == [(attempts[0], 1, 7), (attempts[1], 6, 0)]


def test_what_is_overdue_is_handed_in_as_it_was_saved(desk: Desk) -> None:
    quiz_id = desk.save(CHOICE)
    due: dict[int, UUID] = {}
    for seconds, name in ((-60, "student"), (-2, "classmate")):
        due[seconds] = desk.start(quiz_id, name)
        desk.owner.execute(
            "update lms.quiz_attempts set answers = %s, started_at = now() - interval '1 hour', "
            "due_at = now() + %s * interval '1 second' where attempt_id = %s",
            ('{"q1": "b"}', seconds, due[seconds]),
        )
    with desk.owner.transaction(force_rollback=True):
        assert desk.owner.execute("select attempts from lms.submit_overdue_attempts(10, 0)").fetchone() == (
            1,
        )
        # As a submit leaves it, by nobody.
        assert desk.owner.execute(
            "select actor_id, user_id, course_id, changes from lms.audit_events "
            "where action = 'attempts.submit' and actor_id is null"
        ).fetchall() == [
            (
                None,
                desk.school.people["student"],
                desk.school.own["course_id"],
                {
                    "attempt_id": {"from": str(due[-60]), "to": str(due[-60])},
                    "state": {"from": "in_progress", "to": "graded"},
                },
            )
        ]
    # Handed in by themselves, the one is too late for other answers, the other in time.
    assert desk.submit(due[-60], {"q1": "a"})[1:4] == (6, {"q1": {"points": 6}}, {"q1": "b"})
    assert desk.submit(due[-2], {"q1": "a"}, "classmate")[1:4] == (0, {"q1": {"points": 0}}, {"q1": "a"})


# Performance


def test_performance_follows_week_and_policy(desk: Desk) -> None:
    quiz_id = desk.save(CHOICE)
    desk.submit(desk.start(quiz_id, "classmate"), {"q1": "b"}, "classmate")
    course_id = desk.school.own["course_id"]
    mine = "select mastery, attempts from lms.topic_performance where student_id = %s and week_number = %s"
    classmate = desk.school.people["classmate"]
    policy = {"score": "average", "mastered": 1, "developing": 1}
    for change, values in (
        ("update lms.quizzes set week_number = 2 where quiz_id = %s", (quiz_id,)),
        ("update lms.courses set mastery_policy = %s where course_id = %s", (json.dumps(policy), course_id)),
        ("update lms.quizzes set week_number = null where quiz_id = %s", (quiz_id,)),
        ("update lms.quizzes set week_number = 1 where quiz_id = %s", (quiz_id,)),
    ):
        desk.api.execute(change.encode(), values)
        kept, computed = desk.performance()
        assert kept == computed
        found = desk.api.execute(mine, (classmate, 2)).fetchone()
        assert found == (("mastered", 1) if "week_number = 2" in change or "policy" in change else None)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        [],
        {"score": "best", "mastered": 0.8, "developing": 0.5},
        {"score": "highest", "mastered": 0.8},
        {"score": "highest", "mastered": "0.8", "developing": 0.5},
        {"score": "highest", "mastered": 0.4, "developing": 0.5},
        {"score": "highest", "mastered": 1.1, "developing": 0.5},
        {"score": "highest", "mastered": 0.8, "developing": -0.1},
        {"score": "highest", "mastered": 0.8, "developing": 0.5, "more": 1},
    ],
)
def test_a_policy_has_its_form(desk: Desk, policy: Any) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        desk.api.execute("update lms.courses set mastery_policy = %s", (json.dumps(policy),))
    assert refused.value.diag.constraint_name == "courses_mastery_policy_ck"


def test_grading_is_inlined(desk: Desk) -> None:
    plan = "\n".join(
        line
        for (line,) in desk.owner.execute(
            "explain (verbose) select question.points from lms.quiz_attempts as attempts "
            "cross join lateral lms.graded(attempts.answers, attempts.answers, attempts.answers, '{}') as question"
        )
    )
    assert "jsonb_array_elements" in plan
    assert "lms.graded(" not in plan
    assert "spelled(" not in plan
