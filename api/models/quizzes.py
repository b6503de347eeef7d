"""Quizzes: when and how they are taken, questions by type, and apart from them the key that says what is right.

migrations/0024_create_quizzes.sql says what questions, keys and answers look like. lms.questions_defect() and
lms.key_defect() hold documents to the same rules, and a test that the two agree.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from api.models.common import ABSENT, PageOf, Request, Response, Title, WeekOrNone, read_time

MAX_QUESTIONS: Final = 200
_LARGEST: Final = 1e300
"""Of a number in a key: far from what a JSON number may be, so that nothing computed from it is out of range."""

# Not \S, which is another set of characters in PostgreSQL.
NOT_BLANK: Final = r"[^ \t\n\r\f\v]"


def _refusal(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("quiz", "{reason}", {"reason": sentence})


def two_decimals(points: float) -> float:
    if round(points, 2) != points:
        raise _refusal("Give points with at most two decimals.")
    return points


def _number(value: Any) -> Any:
    """What is a number for one reason: a union would tell a reason for each of its types, and where it is in it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refusal("Input should be a valid number.")
    if not -_LARGEST <= value <= _LARGEST:
        raise _refusal(f"Input should be a number from -{_LARGEST:g} to {_LARGEST:g}.")
    return value


def _not_negative(value: Any) -> Any:
    if value < 0:
        raise _refusal("Input should be 0 or more.")
    return value


def _each_once(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise _refusal("The same thing is there twice.")
    return values


def _distinct(items: list["Option"]) -> list["Option"]:
    _each_once([item.id for item in items])
    _each_once([item.text for item in items])
    return items


Id = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"),
    Field(description="1 to 64 letters, digits, hyphens or underscores.", examples=["q1"]),
]
Prompt = Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=NOT_BLANK)]
OptionText = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=NOT_BLANK)]
Spelling = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=NOT_BLANK)]
Explanation = Annotated[str, StringConstraints(min_length=1, max_length=5_000, pattern=NOT_BLANK)]
Points = Annotated[
    float,
    Field(gt=0, le=1_000, description="Above 0, at most 1,000, with at most two decimals."),
    AfterValidator(two_decimals),
]
# Whole numbers stay whole: above 2**53 a float is another number, and what was right would be wrong.
Number = Annotated[int | float, BeforeValidator(_number)]
Tolerance = Annotated[Number, AfterValidator(_not_negative)]


class Option(Request):
    """Something to choose, or to find a partner for."""

    id: Id
    text: OptionText


Options = Annotated[list[Option], Field(min_length=2, max_length=100), AfterValidator(_distinct)]


class _Question(Request):
    id: Id
    prompt: Prompt
    points: Points


class SingleChoice(_Question):
    """One of the options is right. Answered with its id."""

    type: Literal["single_choice"]
    options: Options


class MultipleChoice(_Question):
    """Some of the options are right. Answered with a list of ids; (right chosen - wrong chosen) / right, at least 0."""

    type: Literal["multiple_choice"]
    options: Options


class TrueFalse(_Question):
    """Answered with true or false."""

    type: Literal["true_false"]


class ShortAnswer(_Question):
    """Answered with a text, which is right in any of the accepted spellings."""

    type: Literal["short_answer"]


class Numeric(_Question):
    """Answered with a JSON number."""

    type: Literal["numeric"]


class Matching(_Question):
    """Each stem has one partner among the options. Answered with an object; each right pair has its share."""

    type: Literal["matching"]
    stems: Options
    options: Options


class Essay(_Question):
    """Answered with a text, which waits for a person."""

    type: Literal["essay"]


class _Key(Request):
    explanation: Explanation | None = Field(default=None, description="Shown with the right answer.")

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, data: Any) -> Any:
        """What is not there is left out, so that one key has one form."""
        if isinstance(data, dict) and any(name in data and data[name] is None for name in cls.model_fields):
            raise _refusal("Leave out what is null.")
        return data

    @model_serializer(mode="wrap")
    def _only_what_is_there(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


class SingleChoiceKey(_Key):
    type: Literal["single_choice"]
    correct: Id


class MultipleChoiceKey(_Key):
    type: Literal["multiple_choice"]
    correct: Annotated[list[Id], Field(min_length=1), AfterValidator(_each_once)]


class TrueFalseKey(_Key):
    type: Literal["true_false"]
    correct: bool


class ShortAnswerKey(_Key):
    """Compared without space at the ends, with single spaces within, composed or not (Unicode), and in lower case."""

    type: Literal["short_answer"]
    accepted: Annotated[list[Spelling], Field(min_length=1, max_length=100), AfterValidator(_each_once)]
    match_case: bool | None = Field(
        default=None, description="Whether case matters; it does not unless said."
    )


class NumericKey(_Key):
    """A value, exact or with one tolerance, or a range, its ends included."""

    type: Literal["numeric"]
    value: Number | None = None
    absolute_tolerance: Tolerance | None = None
    relative_tolerance: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="A share of the value: 0.01 is 1 %."
    )
    minimum: Number | None = None
    maximum: Number | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "NumericKey":
        given = self.model_fields_set - {"type", "explanation"}
        if given not in (
            {"value"},
            {"value", "absolute_tolerance"},
            {"value", "relative_tolerance"},
            {"minimum", "maximum"},
        ):
            raise _refusal("Give a value, with one tolerance or none, or a minimum and a maximum.")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise _refusal("The minimum is above the maximum.")
        return self


class MatchingKey(_Key):
    """The id of the option, by the id of the stem."""

    type: Literal["matching"]
    correct: dict[Id, Id]


class EssayKey(_Key):
    type: Literal["essay"]


_TYPES: Final = (
    "single_choice",
    "multiple_choice",
    "true_false",
    "short_answer",
    "numeric",
    "matching",
    "essay",
)


def _without_tag(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Pydantic puts the type into the path of what it finds in a union; a client's document has no such level."""
    try:
        return handler(value)
    except ValidationError as error:
        raise ValidationError.from_exception_data(
            error.title,
            [
                InitErrorDetails(
                    type=_refusal(found["msg"]),
                    loc=found["loc"][1:]
                    if found["loc"][:1] in {(type_,) for type_ in _TYPES}
                    else found["loc"],
                    input=found["input"],
                )
                for found in error.errors(include_url=False, include_context=False)
            ],
        ) from None


Question: TypeAlias = Annotated[
    Annotated[
        SingleChoice | MultipleChoice | TrueFalse | ShortAnswer | Numeric | Matching | Essay,
        Field(discriminator="type"),
    ],
    WrapValidator(_without_tag),
]
Key: TypeAlias = Annotated[
    Annotated[
        SingleChoiceKey
        | MultipleChoiceKey
        | TrueFalseKey
        | ShortAnswerKey
        | NumericKey
        | MatchingKey
        | EssayKey,
        Field(discriminator="type"),
    ],
    WrapValidator(_without_tag),
]


class NewQuizVersion(Request):
    """Questions in the order they are asked, and what is right, by the id of the question."""

    questions: Annotated[list[Question], Field(min_length=1, max_length=MAX_QUESTIONS)]
    key: dict[str, Key]

    @model_validator(mode="after")
    def _fit(self) -> "NewQuizVersion":
        errors = [
            InitErrorDetails(type=_refusal(sentence), loc=path, input=None)
            for path, sentence in _misfits(self.questions, self.key)
        ]
        if errors:
            raise ValidationError.from_exception_data("NewQuizVersion", errors)
        return self


def _misfits(questions: list[Any], key: dict[str, Any]) -> Iterable[tuple[tuple[str, ...], str]]:
    """What questions and key, each well-formed, do not have in common: paths and sentences."""
    times = Counter(question.id for question in questions)
    if len(times) < len(questions):
        yield ("questions",), "Two questions have the same id."
    for question in questions:
        path = ("key", question.id)
        entry = key.get(question.id)
        if entry is None:
            yield path, "The key lacks this question."
        elif entry.type != question.type:
            yield (*path, "type"), f"The question is {question.type}."
        elif isinstance(question, SingleChoice | MultipleChoice | Matching):
            yield from _wrong_choices(question, entry, (*path, "correct"))
    for unknown in sorted(key.keys() - times.keys()):
        yield ("key", unknown), "There is no such question."


def _wrong_choices(question: Any, entry: Any, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], str]]:
    match entry:
        case SingleChoiceKey():
            chosen = {entry.correct}
        case MultipleChoiceKey():
            chosen = set(entry.correct)
        case _:
            chosen = set(entry.correct.values())
            stems = {stem.id for stem in question.stems}
            if stems - entry.correct.keys():
                yield path, "Each stem needs its option."
            if entry.correct.keys() - stems:
                yield path, "There is no such stem."
    if chosen - {option.id for option in question.options}:
        yield path, "There is no such option."


Time = Annotated[datetime, BeforeValidator(read_time)]
Seconds = Annotated[int | None, Field(ge=10, le=604_800)]
Attempts = Annotated[int | None, Field(ge=1, le=100)]
State = Literal["draft", "published", "closed"]
ScorePolicy = Literal["highest", "latest", "average"]
FeedbackPolicy = Literal["never", "after_submit", "after_close"]

_WEEK: Final = "The week that it asks about; null for the whole course."
_OPENS: Final = "From when it can be started; null for at once."
_CLOSES: Final = "From when it can neither be started nor worked on, after it opens; null for never."
_LIMIT: Final = "From start to submission; null for any."
_ATTEMPTS: Final = "How often a student may take it; null for any."
_SCORE: Final = "Which of several attempts counts; average is that of all."
_FEEDBACK: Final = (
    "When a student sees points, right answers and explanations of an attempt that they handed in. after_submit: at "
    "once, also if they may try again. after_close: when `closes_at` is past or the state is closed, and nobody is "
    "at it any more."
)


class NewQuiz(Request):
    """When and how a quiz is taken. It begins as a draft, without questions."""

    title: Title
    week_number: WeekOrNone = Field(default=None, description=_WEEK)
    opens_at: Time | None = Field(default=None, description=_OPENS)
    closes_at: Time | None = Field(default=None, description=_CLOSES)
    time_limit_seconds: Seconds = Field(default=None, description=_LIMIT)
    attempts_allowed: Attempts = Field(default=1, description=_ATTEMPTS)
    score_policy: ScorePolicy = Field(default="highest", description=_SCORE)
    feedback_policy: FeedbackPolicy = Field(default="after_submit", description=_FEEDBACK)


class QuizPatch(Request):
    """What to change about a quiz; what is left out stays."""

    title: Title = ABSENT
    state: State = Field(
        default=ABSENT,
        description="A quiz without questions stays a draft, and one that was taken does not become one again. Closed, "
        "it is over, for those who are at it, too: what they saved is handed in within seconds.",
    )
    week_number: WeekOrNone = Field(default=None, description=_WEEK)
    opens_at: Time | None = Field(default=None, description=_OPENS)
    closes_at: Time | None = Field(default=None, description=_CLOSES)
    time_limit_seconds: Seconds = Field(default=None, description=_LIMIT)
    attempts_allowed: Attempts = Field(default=None, description=_ATTEMPTS)
    score_policy: ScorePolicy = Field(default=ABSENT, description=_SCORE)
    feedback_policy: FeedbackPolicy = Field(default=ABSENT, description=_FEEDBACK)


class Quiz(Response):
    """A quiz of a course, without its questions."""

    id: UUID
    course_id: UUID
    week_number: int | None = Field(description=_WEEK)
    title: str
    state: State = Field(
        description="draft (shown to no student), published, or closed (over, for those who are at it, too)."
    )
    opens_at: datetime | None = Field(description=_OPENS)
    closes_at: datetime | None = Field(description=_CLOSES)
    time_limit_seconds: int | None = Field(description=_LIMIT)
    attempts_allowed: int | None = Field(description=_ATTEMPTS)
    score_policy: ScorePolicy = Field(description=_SCORE)
    feedback_policy: FeedbackPolicy = Field(description=_FEEDBACK)
    current_version: int | None = Field(
        description="Counts its questions as saved; null before there are any."
    )
    version: int = Field(
        description="Counts the edits of settings and questions; the first part of the ETag."
    )
    created_at: datetime
    updated_at: datetime


class QuizPage(PageOf):
    """A page of quizzes, oldest entry first."""

    items: list[Quiz]


class SavedQuestions(Response):
    """How questions and their key were saved."""

    id: UUID = Field(description="The quiz.")
    version: int = Field(description="Of the quiz; the first part of the ETag.")
    version_number: int = Field(description="Of the questions, from 1.")
    max_score: float = Field(description="The points of all questions together.")


class QuizQuestions(Response):
    """The present questions of a quiz, and what is right."""

    id: UUID = Field(description="The quiz.")
    version: int = Field(description="Of the quiz; the first part of the ETag.")
    version_number: int | None = Field(description="Of the questions; null before there are any.")
    max_score: float | None = Field(description="The points of all together; null before there are any.")
    questions: list[Question]
    key: dict[str, Key] = Field(description="What is right, by the id of the question.")


class ImportedQuestion(Response):
    """A question of a text, and where it stood."""

    line: int = Field(description="Where it begins in the text; the first line is 1.")
    id: Id
    type: Literal[
        "single_choice", "multiple_choice", "true_false", "short_answer", "numeric", "matching", "essay"
    ]
    title: str | None = Field(description="What the text calls it; told here, and not kept.")
    format: Literal["html", "markdown", "moodle", "plain"] = Field(
        description="What it is written in; its texts are kept as they are."
    )


class LeftOutQuestion(Response):
    """What a text has and a quiz cannot ask, or has no place for."""

    line: int
    kind: Literal["category", "description", "several_right", "weights", "wildcard"]
    detail: str


class QuizImport(Response):
    """What an import made; in a dry run, what it would make."""

    dry_run: bool
    quiz: Quiz | None = Field(description="Null in a dry run.")
    max_score: float = Field(description="The points of all questions together, one for each.")
    questions: list[ImportedQuestion] = Field(description="In the order in which they are asked.")
    left_out: list[LeftOutQuestion]
