"""Courses: the central entity, taught by one lecturer in one term."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.models.common import ABSENT, Code, PageOf, Request, Response, Title

Description = Annotated[str, StringConstraints(max_length=10_000)]
Capacity = Annotated[int, Field(ge=1, le=100_000, description="Seats in all.")]
State = Annotated[
    Literal["draft", "published", "closed"],
    Field(description="draft (not shown to students), published, or closed (over)."),
]


class NewCourse(Request):
    """A course to be made."""

    code: Code
    title: Title
    description: Description | None = None
    term_id: UUID
    lecturer_id: UUID | None = Field(
        default=None, description="Who teaches it; left out, the lecturer who asks."
    )
    capacity: Capacity
    state: State = "draft"


class CoursePatch(Request):
    """What to change about a course; what is left out stays."""

    code: Code = ABSENT
    title: Title = ABSENT
    description: Description | None = Field(default=None, description="Null clears it.")
    term_id: UUID = ABSENT
    lecturer_id: UUID = Field(default=ABSENT, description="Only an administrator hands a course over.")
    capacity: Capacity = ABSENT
    state: State = ABSENT


class CourseTerm(Response):
    """The term of a course."""

    id: UUID
    code: str
    title: str


class CourseLecturer(Response):
    """Who teaches a course."""

    id: UUID
    full_name: str


class Course(Response):
    """A course."""

    id: UUID
    code: str
    title: str
    description: str | None
    term: CourseTerm
    lecturer: CourseLecturer
    capacity: int
    seats_taken: int
    state: Literal["draft", "published", "closed"]
    version: int = Field(description="Counts the edits; the first part of the ETag.")
    created_at: datetime
    updated_at: datetime


class CourseKey(Response):
    """A course that may be worked on. No client sees it."""

    id: UUID


class CoursePage(PageOf):
    """A page of courses, oldest first."""

    items: list[Course]
