"""Dashboards: where a student stands, and how a course and its students fare.

What each number is, the headers of sql/dashboards say exactly.
"""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api.models.common import PageOf, Response
from api.models.materials import MaterialFile
from api.models.performance import AVERAGE, BEST, GRADED_ATTEMPTS, LAST, MASTERY, Mastery
from api.models.quizzes import ScorePolicy

_TOPIC = "As the syllabus has it; null where it has no such week."
_OF_WHOMEVER = "Counts attempts, not students, and those of who dropped the course, too."


class DashboardStudent(Response):
    """Whose dashboard it is."""

    id: UUID
    full_name: str


class DashboardWeek(Response):
    """A week of a course; scores and mastery are null where nothing of it is graded."""

    week_number: int
    topic: str | None = Field(description=_TOPIC)
    attempts: int = Field(description=GRADED_ATTEMPTS)
    best_score: float | None = Field(description=BEST)
    last_score: float | None = Field(description=LAST)
    average_score: float | None = Field(description=AVERAGE)
    mastery: Mastery | None = Field(description=MASTERY)


class StudentCourse(Response):
    """A course that the student is on."""

    id: UUID
    code: str
    title: str
    mastered: int = Field(description="Weeks with that mastery.")
    developing: int = Field(description="Weeks with that mastery.")
    remedial: int = Field(description="Weeks with that mastery.")
    weeks: list[DashboardWeek] = Field(
        description="Those of the syllabus, and those of which something is graded; by number."
    )


class PastCourse(StudentCourse):
    """A course that is over for the student."""

    ended: Literal["completed", "closed"] = Field(
        description="completed: the student completed it. closed: it was closed while they were active on it."
    )


class PresentAttempt(Response):
    """The attempt that is in progress."""

    id: UUID
    started_at: datetime
    due_at: datetime | None = Field(description="Until when it can be worked on; null for any time.")


class OpenQuiz(Response):
    """A quiz that the student can go on with, whatever became of it, or start now."""

    id: UUID
    course_id: UUID
    week_number: int | None = Field(description="Null for the whole course.")
    title: str
    opens_at: datetime | None
    closes_at: datetime | None
    time_limit_seconds: int | None
    attempts_allowed: int | None = Field(description="Null for any number.")
    attempts: int = Field(description="How many attempts the student has begun, in any state.")
    attempt: PresentAttempt | None = Field(
        description="The one to go on with; null where one can be started."
    )
    due_at: datetime | None = Field(
        description="That of the attempt in progress, without one `closes_at`; null for never."
    )


class RemedialMaterial(Response):
    """Something to read or to watch for a week."""

    id: UUID
    title: str
    kind: Literal["pdf", "video", "link", "slides", "text"]
    url: str | None = Field(description="Where it is; null for what was uploaded.")
    file: MaterialFile | None = Field(
        description="`GET /materials/{material_id}/file`; null for what was not uploaded."
    )


class RemedialTopic(Response):
    """A week whose mastery is remedial."""

    course_id: UUID
    week_number: int
    topic: str | None = Field(description=_TOPIC)
    best_score: float = Field(description=BEST)
    last_score: float = Field(description=LAST)
    average_score: float = Field(description=AVERAGE)
    materials: list[RemedialMaterial] = Field(description="Of the week, the first 20 by age.")


class StudentDashboard(Response):
    """What a student has before them and behind them."""

    student: DashboardStudent
    courses: list[StudentCourse] = Field(
        description="Published ones that the student is active on: the latest 20 by age, latest first."
    )
    has_more_courses: bool = Field(
        description="Whether the student is active on older ones, too. `GET /students/{student_id}/enrollments` has "
        "them, `GET /courses/{course_id}/quizzes` their quizzes, and `GET /students/{student_id}/performance` their "
        "mastery."
    )
    past: list[PastCourse] = Field(
        description="Those that the student completed, and those that were closed while they were active on them: the "
        "latest 20 by age, latest first. `GET /students/{student_id}/performance` has more."
    )
    open_quizzes: list[OpenQuiz] = Field(
        description="The 50 that are due first, by `due_at`, null last: those of any course, past ones too, that the "
        "student is at and has time for, and those of `courses` that they can start."
    )
    remedial: list[RemedialTopic] = Field(
        description="Of `courses`, the first 50, latest course first, then by week."
    )


class DashboardCourse(Response):
    """Whose numbers they are."""

    id: UUID
    code: str
    title: str


class WeekMastery(Response):
    """How many students have mastered a week; who has nothing graded in it is in none of the numbers."""

    week_number: int
    topic: str | None = Field(description=_TOPIC)
    mastered: int
    developing: int
    remedial: int


class AwaitingQuiz(Response):
    """A quiz of which something waits to be graded by a person."""

    quiz_id: UUID
    title: str
    attempts: int = Field(
        description="How many are handed in and have no score yet: `GET /quizzes/{quiz_id}/attempts?state=submitted`."
    )


class DayAttempts(Response):
    """How many attempts were handed in on a day."""

    day: date = Field(description="From midnight to midnight UTC.")
    attempts: int = Field(description="Handed in on that day, graded or not.")


class CourseDashboard(Response):
    """How a course fares, in numbers."""

    course: DashboardCourse
    students: int = Field(description="How many are active on it or completed it.")
    weeks: list[WeekMastery] = Field(
        description="Counts these students by their mastery of each week; by number of the week."
    )
    awaiting_review: list[AwaitingQuiz] = Field(
        description="Quizzes of which something waits to be graded, by week, those of the whole course last; the "
        f"first 200. {_OF_WHOMEVER}"
    )
    attempt_scores: Annotated[list[int], Field(min_length=10, max_length=10)] = Field(
        description="Graded attempts by tenth of score / max_score: from 0 to below 0.1, …, from 0.9 to 1. "
        f"{_OF_WHOMEVER}"
    )
    attempt_days: list[DayAttempts] = Field(
        description=f"The latest 100 days (UTC) on which attempts were handed in, oldest first. {_OF_WHOMEVER}"
    )


class CourseStudent(Response):
    """A student of the course."""

    id: UUID
    email: str
    full_name: str


RiskReason = Literal["remedial_topics", "missed_quizzes", "average_share", "days_since_last_attempt"]


class AtRisk(Response):
    """An active student who may fail the course, and why."""

    student: CourseStudent
    remedial_topics: int = Field(description="Weeks whose mastery is remedial. A reason from 2 on.")
    missed_quizzes: int = Field(
        description="Closed quizzes, and published ones with `closes_at` past, that were open after the student was "
        "enrolled, without an attempt in any state. A reason from 2 on."
    )
    average_share: float | None = Field(
        description="The mean of `share` in the student's row of `GET /courses/{course_id}/gradebook`, quizzes without "
        "a week included; null where nothing is graded. A reason below 0.5."
    )
    days_since_last_attempt: int | None = Field(
        description="Whole days since the latest start of an attempt; null without any, and then those since the "
        "student was enrolled are what counts. A reason from 14 on, if the course is published and there was something "
        "to do for as long: a published quiz that the student never began, open within the last 14 days. If all of "
        "those opened later, the days since the first of them are what counts."
    )
    reasons: Annotated[list[RiskReason], Field(min_length=1)] = Field(
        description="Which of these numbers are reasons, in this order."
    )


class AtRiskPage(PageOf):
    """A page of students who may fail the course, oldest account first."""

    items: list[AtRisk]


class GradebookQuiz(Response):
    """A column: a quiz that is no draft."""

    id: UUID
    week_number: int | None = Field(description="Null for the whole course.")
    title: str
    state: Literal["published", "closed"]
    opens_at: datetime | None
    closes_at: datetime | None
    max_score: float = Field(
        description="The points of its present questions together. An attempt has its own, by the version it was "
        "started on."
    )
    score_policy: ScorePolicy


class CountedGrade(Response):
    """What a student has for a quiz that they have begun."""

    quiz_id: UUID
    share: float | None = Field(
        description="Of its points, 0 to 1, by the quiz's `score_policy` over the graded attempts; four decimals; null "
        "without any."
    )
    attempts: int = Field(description="How many the student has begun, in any state.")
    awaiting_review: int = Field(description="How many of them are handed in and have no score yet.")
    state: Literal["in_progress", "submitted", "graded"] = Field(
        description="in_progress if an attempt is, whatever waits besides; else submitted if one waits for a person, "
        "else graded."
    )


class GradebookRow(Response):
    """What a student has for each of the quizzes that they have begun."""

    student: CourseStudent
    enrollment_state: Literal["active", "completed"] = Field(
        description="How the student stands on the course."
    )
    grades: list[CountedGrade] = Field(description="In the order of the quizzes.")


class Gradebook(PageOf):
    """A page of students who are active on the course or completed it, oldest account first."""

    quizzes: list[GradebookQuiz] = Field(
        description="The columns, by week, those of the whole course last; the first 200. The same on every page."
    )
    has_more_quizzes: bool = Field(
        description="Whether the course has others that are no drafts, too: `GET /courses/{course_id}/quizzes` has "
        "them, `GET /quizzes/{quiz_id}/attempts` what was got for them."
    )
    items: list[GradebookRow]
