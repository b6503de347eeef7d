"""Topic performance: how far a student is with the topic of each week, by the policy of the course."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.models.common import PageOf, Response
from api.models.enrollments import EnrollmentState

Mastery = Literal["mastered", "developing", "remedial"]

BEST = (
    "The highest share of its points, 0 to 1, that a graded attempt at a quiz of the week got; four decimals."
)
LAST = "The share of its points, 0 to 1, that the graded attempt got which was handed in last; four decimals."
AVERAGE = "The mean of the shares, 0 to 1, of the graded attempts; four decimals."
GRADED_ATTEMPTS = "How many of the student's attempts at quizzes of the week are graded."
MASTERY = "By `mastery_policy` of the course."


class PerformanceCourse(Response):
    """The course that something was learned on."""

    id: UUID
    code: str
    title: str
    state: Literal["draft", "published", "closed"]


class WeekPerformance(Response):
    """How far a student is with the topic of a week."""

    week_number: int
    topic: str | None = Field(description="As the syllabus has it; null where it has no such week.")
    attempts: int = Field(description=GRADED_ATTEMPTS)
    best_score: float = Field(description=BEST)
    last_score: float = Field(description=LAST)
    average_score: float = Field(description=AVERAGE)
    mastery: Mastery = Field(description=MASTERY)
    updated_at: datetime = Field(description="When any of it last changed.")


class CoursePerformance(Response):
    """How far a student is on a course."""

    course: PerformanceCourse
    enrollment_state: EnrollmentState = Field(
        description="How the student stands on the course. To themself it is active or completed."
    )
    weeks: list[WeekPerformance] = Field(description="Those of which something is graded, by number.")


class PerformancePage(PageOf):
    """A page of the courses of a student, oldest first."""

    items: list[CoursePerformance]
