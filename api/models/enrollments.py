"""Enrolments: students on courses."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
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
        description="The latest mail to the student about it: `GET /deliveries/{delivery_id}` says how it fares, for "
        "90 days. Null where none was sent."
    )
    version: int = Field(description="Counts the edits; the first part of the ETag.")
    enrolled_at: datetime = Field(description="When the student was enrolled first, invitations included.")
    updated_at: datetime


class EnrollmentPage(PageOf):
    """A page of enrolments: by the age of the student's account, or of the course."""

    items: list[Enrollment]


class ImportedEnrollment(Response):
    """What became of a line."""

    line: int = Field(description="Number of the line in the file, its header being the first.")
    email: str = Field(description="The address in the form in which it is kept.")
    outcome: Literal["enrolled", "invited", "unchanged"] = Field(
        description="enrolled: on the course now, or no longer only invited. unchanged: they were on it already."
    )
    student_id: UUID | None = Field(description="Null in a dry run for whom there is no account yet.")
    delivery_id: UUID | None = Field(
        description="The mail: see `GET /deliveries/{delivery_id}`. Null where there is nothing to tell, and in a dry "
        "run."
    )


class EnrollmentImport(Response):
    """What an import made; in a dry run, what it would make."""

    dry_run: bool
    lines: int = Field(description="Lines of the file, without the header and without empty ones.")
    enrolled: int
    invited: int
    unchanged: int
    accounts: int = Field(description="How many of those invited had no account, and have one now.")
    items: list[ImportedEnrollment] = Field(description="Every line, in the order of the file.")


class EnrollmentLine(BaseModel):
    """A line of a file, as far as it can be judged without the database."""

    line: int
    email: str
    """In canonical form."""
    full_name: str | None
    """Empty where the file has none; null where something is wrong with it."""
    state: Literal["active", "invited"] | None
    """Null where the file has another."""


@dataclass(frozen=True, slots=True)
class EnrollmentImportResult:
    """The report of an import, or what is wrong with its lines; neither without such a course for the actor."""

    document: bytes | None
    """JSON of an EnrollmentImport."""
    defects: bytes | None
    """JSON: an array of line, column and detail."""
