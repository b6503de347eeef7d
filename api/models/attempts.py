"""Attempts: students taking quizzes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import Field

from api.models.common import ABSENT, PageOf, Request, Response
from api.models.quizzes import Key, Question

AttemptState = Literal["in_progress", "submitted", "graded"]

_ANSWERS: Final = (
    "By the id of the question: the id of an option for single_choice, a list of ids for multiple_choice, true or "
    "false for true_false, a number for numeric, the id of an option by the id of each stem for matching, a text for "
    "short_answer and essay. At most 256 KiB together."
)
_STATE: Final = "in_progress, submitted (some of it waits for a person), or graded."
_SCORE: Final = "The points of all questions together, 0 to `max_score`; null until all have some."
_DUE: Final = (
    "Until when it can be worked on, by the clock of the database; follows the times of the quiz. What comes up to "
    "five seconds later still counts. Null if there is no end."
)


class AttemptPatch(Request):
    """Answers to save; what is left out stays."""

    answers: dict[str, Any] = Field(
        default=ABSENT,
        description=f"{_ANSWERS} Only those to change: null takes an answer back, and the stems of a matching question "
        "are merged one by one.",
    )


class Submission(Request):
    """What is handed in."""

    answers: dict[str, Any] | None = Field(
        default=None,
        description=f"{_ANSWERS} All of them: they take the place of those saved. Left out or null, those saved are "
        "handed in.",
    )


class AttemptStudent(Response):
    """Who takes the quiz."""

    id: UUID
    full_name: str


class AttemptSummary(Response):
    """An attempt without what was asked and answered."""

    id: UUID
    quiz_id: UUID
    course_id: UUID
    student: AttemptStudent
    attempt_number: int = Field(description="From 1, for this student and quiz.")
    state: AttemptState = Field(description=_STATE)
    quiz_version: int = Field(description="Which version of the questions was asked.")
    score: float | None = Field(description=_SCORE)
    max_score: float = Field(description="The points that there are to be had.")
    started_at: datetime
    due_at: datetime | None = Field(description=_DUE)
    submitted_at: datetime | None = Field(description="When it was handed in, at the latest when it was due.")
    graded_at: datetime | None = Field(description="When the score was last found.")
    version: int = Field(description="Counts saves and grades; the first part of the ETag.")


class AttemptPage(PageOf):
    """A page of attempts, oldest first."""

    items: list[AttemptSummary]


class QuestionFeedback(Response):
    """What the answer to a question was worth."""

    points: float | None = Field(description="Null while the answer waits for a person.")
    comment: str = Field(default="", description="What a person wrote about it, if they did.")


class Review(Response):
    """What a person decided about a question."""

    points: float
    comment: str = Field(default="", description="For the student.")


class Attempt(Response):
    """A student taking a quiz: what was asked, what was answered, and what it was worth."""

    id: UUID
    quiz_id: UUID
    course_id: UUID
    student: AttemptStudent
    attempt_number: int = Field(description="From 1, for this student and quiz.")
    state: AttemptState = Field(description=_STATE)
    quiz_version: int = Field(description="Which version of the questions was asked.")
    questions: list[Question] = Field(description="In the order they are asked.")
    answers: dict[str, Any] = Field(description=_ANSWERS)
    score: float | None = Field(description=_SCORE)
    max_score: float = Field(description="The points that there are to be had.")
    feedback: dict[str, QuestionFeedback] | None = Field(
        description="Points by question. To a student when the quiz says so (`feedback_policy`), null before."
    )
    key: dict[str, Key] | None = Field(
        description="What is right, by question. To a student together with the feedback, null before."
    )
    reviews: dict[str, Review] | None = Field(
        description="What a person decided, by question. To those who teach the course; null for a student."
    )
    started_at: datetime
    due_at: datetime | None = Field(description=_DUE)
    submitted_at: datetime | None = Field(description="When it was handed in, at the latest when it was due.")
    graded_at: datetime | None = Field(description="When the score was last found.")
    version: int = Field(description="Counts saves and grades; the first part of the ETag.")


@dataclass(frozen=True, slots=True)
class StartedAttempt:
    """An attempt that was started now, or before and is under way; nothing where there is no such quiz."""

    document: bytes | None
    """JSON of an Attempt, if it was started now."""
    attempt_id: UUID | None
