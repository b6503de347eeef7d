"""The syllabus of a course, week by week."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.models.common import Request, Response

WeekNumber = Annotated[int, Field(ge=1, le=53, description="From 1; gaps are weeks off.")]
Topic = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Prose = Annotated[str, StringConstraints(max_length=5_000)]


class NewSyllabusWeek(Request):
    """What one week is about."""

    topic: Topic
    objectives: Prose | None = Field(default=None, description="What a student can do after it.")
    reading: Prose | None = Field(default=None, description="What to read for it.")


class NumberedSyllabusWeek(NewSyllabusWeek):
    """What a week is about, and which it is."""

    week_number: WeekNumber


def _no_week_twice(weeks: list[NumberedSyllabusWeek]) -> list[NumberedSyllabusWeek]:
    seen: set[int] = set()
    for week in weeks:
        if week.week_number in seen:
            raise PydanticCustomError(
                "week_twice", "Week {number} is there twice.", {"number": week.week_number}
            )
        seen.add(week.week_number)
    return weeks


class NewSyllabus(Request):
    """All the weeks of a course; those not in it are taken out."""

    weeks: Annotated[list[NumberedSyllabusWeek], Field(max_length=53), AfterValidator(_no_week_twice)]


class SyllabusWeek(Response):
    """One week of a syllabus."""

    week_number: int
    topic: str
    objectives: str | None
    reading: str | None


class Syllabus(Response):
    """The syllabus of a course."""

    course_id: UUID
    version: int = Field(description="Counts the edits of any week; the first part of the ETag.")
    weeks: list[SyllabusWeek]
