"""How much there is of everything: the number of students decides, and each figure can be given instead."""

from dataclasses import dataclass
from typing import Final

from api.operations.failures import FailureError

STUDENTS_PER_LECTURER: Final = 50
STUDENTS_PER_ADMINISTRATOR: Final = 5_000
FEWEST_ADMINISTRATORS: Final = 3
STUDENTS_PER_COURSE: Final = 3
"""Over all terms. With six of them a student is on about 15 courses, so a course has 46 students on average."""
MOST_STUDENTS: Final = 10_000_000
MOST_TERMS: Final = 60
MOST_WEEKS: Final = 53
"""As in syllabus_weeks_week_number_ck."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a school is made from. Two with the same figures are the same in every byte."""

    seed: int
    students: int
    lecturers: int
    administrators: int
    courses: int
    """Over all terms, evenly."""
    terms: int
    """Half-years. The newest is the present one, autumn 2026; the others are over."""
    weeks: int
    """Of each course."""
    materials: int
    """Of a course, on average."""


def figures(
    students: int,
    *,
    seed: int = 1,
    lecturers: int | None = None,
    courses: int | None = None,
    terms: int = 6,
    weeks: int = 14,
    materials: int = 12,
) -> Figures:
    """The figures of a school with so many students; what is not given follows from that number.

    Raises:
        FailureError: a figure is out of its range.
    """
    found = Figures(
        seed=seed,
        students=students,
        lecturers=-(-students // STUDENTS_PER_LECTURER) if lecturers is None else lecturers,
        administrators=max(FEWEST_ADMINISTRATORS, students // STUDENTS_PER_ADMINISTRATOR),
        courses=max(terms, students // STUDENTS_PER_COURSE) if courses is None else courses,
        terms=terms,
        weeks=weeks,
        materials=materials,
    )
    ranges = {
        "seed": (0, 2**31 - 1),
        "students": (1, MOST_STUDENTS),
        "lecturers": (1, MOST_STUDENTS),
        "terms": (1, MOST_TERMS),
        "courses": (terms, MOST_STUDENTS),
        "weeks": (1, MOST_WEEKS),
        "materials": (0, 1_000),
    }
    for name, (least, most) in ranges.items():
        given = getattr(found, name)
        if not least <= given <= most:
            what = "seed" if name == "seed" else f"number of {name}"
            why = ", at least one in each term" if name == "courses" else ""
            raise FailureError(f"{given:,} is no {what}: give one from {least:,} to {most:,}{why}.")
    return found
