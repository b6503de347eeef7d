"""Answer keys: what is right, by version of a quiz."""

from uuid import UUID

from pydantic import Field

from api.models.common import Request, Response
from api.models.quizzes import Key


class NewAnswerKey(Request):
    """What is right, by the id of the question: all of it, since it takes the place of what was there."""

    key: dict[str, Key]


class AnswerKey(Response):
    """What is right, for a version of a quiz."""

    quiz_id: UUID
    version_number: int = Field(description="Of the questions.")
    key_version: int = Field(
        description="From 1, and one more by each correction; the first part of the ETag."
    )
    key: dict[str, Key] = Field(description="What is right, by the id of the question.")
    regrade_due: bool = Field(
        description="Whether attempts were graded by an older key: `POST /quizzes/{quiz_id}/regrade` grades them again."
    )
