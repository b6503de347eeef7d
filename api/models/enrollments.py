"""Enrolments: students on courses."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api.models.common import ABSENT, PageOf, Request, Response
from api.models.email import Email

EnrollmentState = Literal["invited", "active", "completed", "dropped"]


class NewEnrollment(Request):
    """A student to be put on a course, by id or by e-mail address."""

    student_id: UUID | None = Field(default=None, description="Give either this or `email`.")
    email: Email | None = Field(default=None, description="Give either this or `student_id`.")
    state: Literal["active", "invited"] = Field(
        default="active", description="invited keeps a seat, and shows the course once the student accepts."
    )

    @model_validator(mode="after")
    def _either_or(self) -> "NewEnrollment":
        if (self.student_id is None) == (self.email is None):
            raise PydanticCustomError("either_or", "Give either student_id or email.")
        return self


class EnrollmentPatch(Request):
    """What to change about an enrolment; what is left out stays."""

    state: EnrollmentState = Field(
        default=ABSENT,
        description="From invited to active or dropped; from active to completed or dropped; from completed back "
        "to active; from dropped to active or invited. A student accepts, declines and leaves.",
    )


class EnrollmentCourse(Response):
    """The course of an enrolment."""

    id: UUID
    code: str
    title: str
    state: Literal["draft", "published", "closed"]


class EnrollmentStudent(Response):
    """The student of an enrolment."""

    id: UUID
    email: str
    full_name: str


class Enrollment(Response):
    """A student on a course."""

    course: EnrollmentCourse
    student: EnrollmentStudent
    state: EnrollmentState
    delivery_id: UUID | None = Field(
        description="The latest mail to the student about it: `GET /deliveries/{id}` says how it fares, for 90 days. "
        "Null where none was sent."
    )
    version: int = Field(description="Counts the edits; the first part of the ETag.")
    enrolled_at: datetime = Field(description="When the student was enrolled first, invitations included.")
    updated_at: datetime


class EnrollmentPage(PageOf):
    """A page of enrolments: by the age of the student's account, or of the course."""

    items: list[Enrollment]
