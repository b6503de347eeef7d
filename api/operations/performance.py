"""Proves that topic performance is what the attempts come to, and makes it so: `lms performance verify|rebuild`.

lms.topic_performance is kept up to date by whatever grades, and equals lms.computed_performance() after every
transaction. Where it does not, rows were written past the functions: by hand, or by a restore of single tables.
Both go course by course. What is verified is one snapshot of the course; what is rebuilt is one transaction, so that a
rebuild that was interrupted has mended whole courses and can be started again. Both may be done while the service runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg

from api.operations.failures import FailureError
from api.operations.statements import rows
from api.operations.targets import connect
from api.operations.terminal import Step

_SQL: Final = Path(__file__).resolve().parent / "sql"


@dataclass(frozen=True, slots=True)
class Course:
    """A course that has quizzes or topic performance."""

    course_id: UUID
    code: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A student and a week whose row is not what the attempts come to."""

    student_id: UUID
    week_number: int
    kept: dict[str, Any] | None
    """Attempts, scores and mastery as they are stored; None where there is no row."""
    computed: dict[str, Any] | None
    """The same from the attempts; None where there should be no row."""
    total: int
    """How many such rows the course has, listed or not."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many rows of a course were written or deleted."""

    changed: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found."""

    courses: int
    differing: int
    """Rows in all that are not what they should be."""
    listed: list[tuple[Course, Difference]]
    """The first of these, by course, student and week."""


def verify(
    url: str, *, code: str | None = None, most: int = 20, on_progress: Step | None = None
) -> Verification:
    """Compare the topic performance of all courses, or of one, with the attempts. Changes nothing.

    Args:
        url: the owner's address.
        code: of the one course; None for all.
        most: how many differing rows are listed.
        on_progress: told as each course begins.

    Raises:
        FailureError: no course with this code has quizzes.
        psycopg.Error: no connection, no privilege, no schema.
    """
    differing, listed = 0, list[tuple[Course, Difference]]()
    with _courses(url, code) as (connection, courses):
        for number, course in enumerate(courses, start=1):
            if on_progress is not None:
                on_progress(course.code, number, len(courses))
            # At least one, which has the total.
            room = max(most - len(listed), 1)
            found = rows(connection, _SQL, "performance/list_differences", Difference, course.course_id, room)
            differing += found[0].total if found else 0
            listed += ((course, difference) for difference in found)
    return Verification(len(courses), differing, listed[:most])


def rebuild(url: str, *, code: str | None = None, on_progress: Step | None = None) -> dict[str, int]:
    """Make the topic performance of all courses, or of one, what the attempts come to.

    Returns:
        How many rows were written or deleted, by the code of the course; courses without any are left out.

    Raises:
        FailureError: no course with this code has quizzes.
        psycopg.Error: no connection, no privilege, no schema. Courses that were done before stay done.
    """
    changed: dict[str, int] = {}
    with _courses(url, code) as (connection, courses):
        for number, course in enumerate(courses, start=1):
            if on_progress is not None:
                on_progress(course.code, number, len(courses))
            (done,) = rows(connection, _SQL, "performance/rebuild_course", Rebuilt, course.course_id)
            if done.changed:
                changed[course.code] = done.changed
    return changed


@contextmanager
def _courses(url: str, code: str | None) -> Iterator[tuple[psycopg.Connection[Any], list[Course]]]:
    with connect(url) as connection:
        found = rows(connection, _SQL, "performance/list_courses", Course, code)
        if code is not None and not found:
            raise FailureError(f"No course {code} has quizzes.")
        yield connection, found
