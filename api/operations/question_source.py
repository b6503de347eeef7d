"""The file questions.jsonl of an import: questions one by one, put together to the quizzes that they belong to.

    {"course": "PY4E", "quiz": "Loops", "week": 5, "id": "loops-1", "type": "mc_single",
     "prompt": "Which loop may run for ever?", "choices": ["for", "while"], "answer": ["while"]}

One object a line. All but `week` are needed. `quiz` is the title of the quiz, `id` is the question's own in it, in
which other characters than letters, digits, - and _ become hyphens; `answer` repeats what is right among the choices.
`type` is mc_single, or truefalse, whose choices are True and False. Each question is worth one point, and asked where
it stands, its choices in their order: nobody mixes them later, so they do not begin with the right one, as in GIFT.
A quiz of more than 256 KiB is refused.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from api.models.common import Title, WeekOrNone
from api.models.quizzes import MAX_QUESTIONS, NewQuizVersion
from api.operations.source_files import Line, SourceFile, checked, kind_of

FILE: Final = "questions.jsonl"

_NO_ID: Final = re.compile(r"[^A-Za-z0-9_-]")
_TRUTHS: Final = {"true": True, "false": False}
_KEYS: Final = {"options": "choices", "correct": "answer"}
"""What the service calls by another name."""


class SourceQuestion(BaseModel):
    """What a line says, under its own keys."""

    model_config = ConfigDict(strict=True, frozen=True, str_strip_whitespace=True)

    course: str
    quiz: Title
    id: str
    type: Literal["mc_single", "truefalse"]
    prompt: str
    choices: list[str]
    answer: list[str]
    week: WeekOrNone = None


@dataclass(slots=True)
class SourceQuiz:
    """A quiz, and the questions of it."""

    line: int
    """Where the first of them stands."""
    course_code: str
    title: str
    week_number: int | None
    questions: list[dict[str, Any]] = field(default_factory=list)
    key: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As a statement takes it."""
        return {
            "course_code": self.course_code,
            "title": self.title,
            "week_number": self.week_number,
            "questions": self.questions,
            "key": self.key,
        }


@dataclass(slots=True)
class QuestionSource(SourceFile):
    """The quizzes of a file."""

    name: ClassVar = FILE

    quizzes: list[SourceQuiz] = field(default_factory=list)


def read_questions(lines: list[Line], course_codes: Collection[str]) -> QuestionSource:
    """The quizzes of these courses, without the questions that are refused; the first question says the week."""
    source = QuestionSource()
    found: dict[tuple[str, str], SourceQuiz] = {}
    for line in lines:
        place = f"line {line.number}"
        said = _read_line(source, line)
        if said is None:
            continue
        if said.course not in course_codes:
            source.refuse(
                f"{place}/course", f"There is no course {said.course} among those that are imported."
            )
            continue
        new = SourceQuiz(line.number, said.course, said.quiz, said.week)
        quiz = found.get((said.course, said.quiz), new)
        question, key = _question(said)
        if refusal := next(_unfit(quiz, said, question, key), None):
            key_of_line, reason = refusal
            source.refuse(place + key_of_line, reason)
            continue
        found[said.course, said.quiz] = quiz
        quiz.questions.append(question)
        quiz.key[question["id"]] = key
    source.quizzes = list(found.values())
    return source


def _read_line(source: QuestionSource, line: Line) -> SourceQuestion | None:
    place, given = f"line {line.number}", line.value
    if line.defect is not None:
        source.refuse(place, line.defect)
        return None
    if not isinstance(given, dict):
        source.refuse(place, f"Expected an object, found {kind_of(given)}.")
        return None
    source.unknown_keys.update(given.keys() - SourceQuestion.model_fields.keys())
    values = {key: given[key] for key in SourceQuestion.model_fields if key in given}
    for key in ("choices", "answer"):
        # What `checked` looks for in a text, these lists could hold as well.
        if isinstance(given.get(key), list) and any(
            "\0" in each for each in given[key] if isinstance(each, str)
        ):
            source.refuse(f"{place}/{key}", "A text cannot hold the character NUL.")
            return None
    return checked(source.refuse, place, SourceQuestion, values)


def _question(said: SourceQuestion) -> tuple[dict[str, Any], dict[str, Any]]:
    """The question as the service asks it, and its key; neither checked."""
    question: dict[str, Any] = {"id": _NO_ID.sub("-", said.id), "prompt": said.prompt, "points": 1}
    if said.type == "truefalse":
        truths = [_TRUTHS.get(answer.lower()) for answer in said.answer]
        return question | {"type": "true_false"}, {
            "type": "true_false",
            "correct": truths[0] if truths else None,
        }
    options = [{"id": f"o{place}", "text": text} for place, text in enumerate(said.choices, start=1)]
    right = [option["id"] for option in options if option["text"] in said.answer]
    return (
        question | {"type": "single_choice", "options": options},
        {"type": "single_choice", "correct": right[0] if right else None},
    )


def _unfit(
    quiz: SourceQuiz, said: SourceQuestion, question: dict[str, Any], key: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """Why a question cannot be asked in its quiz: the key to blame, and the reason. The first one counts."""
    if quiz.week_number != said.week:
        week = "no week" if quiz.week_number is None else f"week {quiz.week_number}"
        yield "/week", f"The quiz is in {week}: see line {quiz.line}."
    if question["id"] in quiz.key:
        yield "/id", f"Another question of the quiz has the id {question['id']}."
    if len(quiz.questions) == MAX_QUESTIONS:
        yield "/quiz", f"A quiz has at most {MAX_QUESTIONS} questions."
    if len(said.answer) != 1:
        yield "/answer", f"One answer is right in a question of this type, not {len(said.answer)}."
    if said.type == "truefalse" and sorted(choice.lower() for choice in said.choices) != ["false", "true"]:
        yield "/choices", "The choices of this type are True and False."
    if said.answer[0] not in said.choices:
        yield "/answer", "It is none of the choices."
    try:
        NewQuizVersion.model_validate({"questions": [question], "key": {question["id"]: key}})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        steps = [step for step in first["loc"][1:] if isinstance(step, str) and step != question["id"]]
        name = steps[0] if steps else "id"
        yield f"/{_KEYS.get(name, name)}", f"{first['msg'].removesuffix('.')}."
