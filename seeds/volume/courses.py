"""Courses, with their weeks and materials, term by term."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from seeds.volume.calendar import Term, terms, timestamp
from seeds.volume.draws import Choice, Draw, Keys, by_rank, draws, shuffled, zipf
from seeds.volume.figures import Figures
from seeds.volume.people import lecturers
from seeds.volume.resources import toml

POPULARITY_OFFSET: Final = 3
"""How many students want a course falls with its rank, see draws.zipf(). With 3 the largest of 555 courses gets 6 %
of all enrolments, the first tenth of them 58 %, and the one in the middle 17 students of 25,000 enrolments."""
MOST_SEATS: Final = 100_000
"""As in courses_capacity_ck."""
FEWEST_SEATS: Final = 5
SPARE_SEATS: Final = (100, 160)
"""Per cent of the demand that is expected: some courses are too small for it, some have room to spare."""
DRAFTS: Final = 0.05
"""How many courses of the present term are not published yet. Nobody is on them."""
DESCRIBED: Final = 0.7
"""How many courses say what they are about, and how many weeks what to read."""
WITH_OBJECTIVES: Final = 0.6

QUARTERS_OF_MATERIALS: Final = Choice((0, 1, 2, 3, 4, 6, 8, 16, 40), (14, 19, 19, 13, 14, 8, 7, 4, 2))
"""How many materials a course has, in quarters of the average: some none, one in fifty ten times as many."""
FOR_ALL_WEEKS: Final = 0.1
"""How many materials belong to no week."""
KINDS: Final = Choice(("pdf", "slides", "link", "video", "text"), (35, 25, 20, 15, 5))
CRAWLED: Final = 0.15


class Department(NamedTuple):
    """Who gives a course."""

    code: str
    subjects: Choice[str]


@dataclass(frozen=True, slots=True)
class Course:
    """A course, but for its seats."""

    key: str
    made: int
    code: str
    title: str
    description: str | None
    subject: str
    lecturer_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Offer:
    """The courses of a term, and how many students want each of them."""

    term: Term
    courses: list[Course]
    popularity: list[int]
    """A weight for each course; 0 for those that nobody sees yet."""
    seats_per_cent: list[int]
    """How many seats each has, of those that its share of all enrolments would need."""


@lru_cache(maxsize=2)
def offered(figures: Figures, number: int) -> Offer:
    """What is taught in the term of this number, the oldest course first."""
    term = terms(figures)[number]
    first, count = _places(figures, number)
    draw = draws(figures.seed, "courses", number)
    keys, lecturer = Keys(figures.seed, "courses"), lecturers(figures)
    courses = []
    for place in range(count):
        made = term.courses_made.at(place, count)
        # Squared, so that some teach much and some hardly anything.
        drawn = draw()
        by = lecturer(int(drawn * drawn * figures.lecturers))[0]
        courses.append(_course(term, first + place, keys.key(first + place, made), made, by, draw))
    weights = zipf(count, POPULARITY_OFFSET)
    popularity = [
        weights[rank] if course.state != "draft" else 0
        for rank, course in zip(shuffled(count, draw), courses, strict=True)
    ]
    least, most = SPARE_SEATS
    return Offer(term, courses, popularity, [least + int(draw() * (most - least)) for _ in courses])


def seats(offer: Offer, enrollments: int) -> list[int]:
    """The capacity of each course of a term in which so many enrolments are expected."""
    total = sum(offer.popularity) or 1
    return [
        min(MOST_SEATS, max(FEWEST_SEATS, enrollments * weight * per_cent // (100 * total)))
        for weight, per_cent in zip(offer.popularity, offer.seats_per_cent, strict=True)
    ]


def week_rows(figures: Figures) -> Iterator[tuple[object, ...]]:
    words = toml("subjects.toml")
    topics: list[str] = words["topics"]
    for term in terms(figures):
        draw = draws(figures.seed, "weeks", term.number)
        for course in offered(figures, term.number).courses:
            for week in range(1, figures.weeks + 1):
                topic = topics[(week - 1) % len(topics)].format(subject=course.subject)
                objectives = words["objectives"] if draw() < WITH_OBJECTIVES else None
                reading = (
                    words["reading"].format(subject=course.subject, chapter=week)
                    if draw() < DESCRIBED
                    else None
                )
                yield course.key, week, topic, objectives, reading


def material_rows(figures: Figures) -> Iterator[tuple[object, ...]]:
    """Week by week, and in a week course by course: that is how they come."""
    keys = Keys(figures.seed, "materials")
    number = 0
    for term in terms(figures):
        courses = offered(figures, term.number).courses
        draw = draws(figures.seed, "materials", term.number)
        for week, counts in enumerate(_materials_by_week(figures, term)):
            of_what = f"week {week}" if week else "the whole course"
            span, in_all, place = term.uploading(week), sum(counts), 0
            for course, count in zip(courses, counts, strict=True):
                for which in range(1, count + 1):
                    made = span.at(place, in_all)
                    at = timestamp(made)
                    place += 1
                    number += 1
                    kind = KINDS(draw())
                    crawled = draw() < CRAWLED
                    yield (
                        keys.key(number, made),
                        course.key,
                        week or None,
                        kind,
                        "crawled" if crawled else "linked",
                        f"{course.subject}, {of_what}: {kind} {which}",
                        f"https://files.volume.example/{course.code}/{number}",
                        at if crawled else None,
                        _METADATA[kind].replace("$", str(1 + int(draw() * 60))),
                        at,
                        at,
                    )


_METADATA: Final = {
    "pdf": '{"pages": $}',
    "slides": '{"pages": $}',
    "video": '{"minutes": $}',
    "link": "{}",
    "text": "{}",
}


def _places(figures: Figures, term: int) -> tuple[int, int]:
    """The number of a term's first course, and how many it has."""
    first = figures.courses * term // figures.terms
    return first, figures.courses * (term + 1) // figures.terms - first


def _course(term: Term, number: int, key: str, made: int, lecturer_id: str, draw: Draw) -> Course:
    department = _departments()(draw())
    subject = department.subjects(draw())
    title, description = _titles()(draw()), _descriptions()(draw())
    return Course(
        key=key,
        made=made,
        code=f"{term.code.replace('-AUTUMN', 'A').replace('-SPRING', 'S')}-{department.code}{number}",
        title=title.format(subject=subject),
        description=description.format(subject=subject) if draw() < DESCRIBED else None,
        subject=subject,
        lecturer_id=lecturer_id,
        state="closed" if term.is_over else "draft" if draw() < DRAFTS else "published",
    )


def _materials_by_week(figures: Figures, term: Term) -> "list[array[int]]":
    """How many of each course, by week; 0 is for all weeks. The first weeks have the most."""
    draw = draws(figures.seed, "numbers of materials", term.number)
    courses = offered(figures, term.number).courses
    by_week = [array("I", [0]) * len(courses) for _ in range(figures.weeks + 1)]
    for place in range(len(courses)):
        quarters = figures.materials * QUARTERS_OF_MATERIALS(draw())
        # Rounded up as often as the remainder says, so that the average stays what it is.
        for _ in range((quarters + int(draw() * 4)) // 4):
            drawn = draw()
            week = 0 if draw() < FOR_ALL_WEEKS else 1 + int(drawn * drawn * figures.weeks)
            by_week[week][place] += 1
    return by_week


@cache
def _departments() -> Choice[Department]:
    found: list[dict[str, Any]] = toml("subjects.toml")["departments"]
    return Choice(
        [Department(department["code"], by_rank(department["subjects"])) for department in found],
        [department["weight"] for department in found],
    )


@cache
def _titles() -> Choice[str]:
    return by_rank(toml("subjects.toml")["titles"])


@cache
def _descriptions() -> Choice[str]:
    return by_rank(toml("subjects.toml")["descriptions"])
