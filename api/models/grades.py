"""Grades: what an attempt at a quiz is worth, and what a person decided about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, StringConstraints, model_serializer
from pydantic_core import PydanticCustomError

from api.models.attempts import AttemptState, QuestionFeedback, Review
from api.models.common import ABSENT, Request, Response
from api.models.quizzes import MAX_QUESTIONS, NOT_BLANK, two_decimals

Points = Annotated[
    float,
    Field(ge=0, le=1_000, description="From 0 to the points of the question, with at most two decimals."),
    AfterValidator(two_decimals),
]
Comment = Annotated[str, StringConstraints(min_length=1, max_length=5_000, pattern=NOT_BLANK)]


class NewReview(Request):
    """What a person decided about an answer."""

    points: Points
    comment: Comment = Field(default=ABSENT, description="For the student. Leave it out for none.")

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


def _some(reviews: dict[str, NewReview | None]) -> dict[str, NewReview | None]:
    # Not min_length: with it, Litestar 2.25 describes an object as an array.
    if not 1 <= len(reviews) <= MAX_QUESTIONS:
        raise PydanticCustomError("reviews", "Give 1 to 200 reviews.")
    return reviews


class NewGrade(Request):
    """Points and comments by the id of the question; null takes one back, and what is left out stays."""

    reviews: Annotated[dict[str, NewReview | None], AfterValidator(_some)] = Field(
        examples=[{"q3": {"points": 4.5, "comment": "And why?"}, "q4": None}],
    )


class Grade(Response):
    """What an attempt is worth."""

    id: UUID = Field(description="The attempt.")
    quiz_id: UUID
    student_id: UUID
    state: AttemptState = Field(description="submitted: handed in, and some of it waits for a person.")
    score: float | None = Field(description="The points of all questions together; null until all have some.")
    max_score: float
    reviews: dict[str, Review] = Field(description="What a person decided, by the id of the question.")
    feedback: dict[str, QuestionFeedback] | None = Field(
        description="By the id of the question; null while in progress, or where it was imported."
    )
    version: int = Field(description="Of the attempt; the first part of the ETag.")
    submitted_at: datetime | None
    graded_at: datetime | None = Field(description="When the score was last found.")


@dataclass(frozen=True, slots=True)
class HandedIn:
    """How many attempts were handed in for their students, and how many of those due first somebody else was at."""

    attempts: int
    left_behind: int
