"""Courses: the central entity, taught by one lecturer in one term."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.models.common import ABSENT, Code, PageOf, Request, Response, Title

Description = Annotated[str, StringConstraints(max_length=10_000)]
Capacity = Annotated[int, Field(ge=1, le=100_000, description="Seats in all.")]
State = Annotated[
    Literal["draft", "published", "closed"],
    Field(description="draft (not shown to students), published, or closed (over)."),
]


Share = Annotated[float, Field(ge=0, le=1, description="Of the points, 0 to 1.")]


class MasteryPolicy(Request):
    """Which share of the points is mastery of a week's topic; below `developing` it is remedial.

    lms.is_mastery_policy() holds the column to the same rules.
    """

    score: Literal["highest", "latest", "average"] = Field(
        description="Which of the graded attempts at quizzes of a week counts: the best, the one handed in last, or "
        "the mean of all."
    )
    mastered: Share = Field(description="From this share on a topic is mastered.")
    developing: Share = Field(description="From this share on it is developing; not above `mastered`.")

    @model_validator(mode="after")
    def _in_order(self) -> "MasteryPolicy":
        if self.developing > self.mastered:
            raise PydanticCustomError("order", "Developing is not above mastered.")
        return self


DEFAULT_POLICY: Final = MasteryPolicy(score="highest", mastered=0.8, developing=0.5)


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
    mastery_policy: MasteryPolicy = Field(default_factory=lambda: DEFAULT_POLICY)


class CoursePatch(Request):
    """What to change about a course; what is left out stays."""

    code: Code = ABSENT
    title: Title = ABSENT
    description: Description | None = Field(default=None, description="Null clears it.")
    term_id: UUID = ABSENT
    lecturer_id: UUID = Field(default=ABSENT, description="Only an administrator hands a course over.")
    capacity: Capacity = ABSENT
    state: State = ABSENT
    mastery_policy: MasteryPolicy = ABSENT  # replaced as a whole, not merged


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
    mastery_policy: MasteryPolicy
    version: int = Field(description="Counts the edits; the first part of the ETag.")
    created_at: datetime
    updated_at: datetime


class CourseKey(Response):
    """A course that may be worked on. No client sees it."""

    id: UUID


class CoursePage(PageOf):
    """A page of courses, oldest first."""

    items: list[Course]
