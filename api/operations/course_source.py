"""The file courses.json of an import: what it says, as courses and weeks that the service would take too.

    [{"code": "PY4E", "title": "…", "description": "…", "source": "…", "licence": "…", "lessons": 3,
      "weeks": [{"week": 1, "lesson": 1, "topic": "…", "description": "…"},
                {"week": 2, "lesson": 2, "topic": "…"},
                {"week": 2, "lesson": 3, "topic": "…"}]}]

`code`, `title`, `weeks`, and of a week `week` and `topic`, are needed. An entry with a `lesson` number shares
its week with other lessons; one without is the week. Lessons of one week become one: their topics in a row,
in the order of their numbers, and their descriptions as objectives, one a line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from uuid import UUID

from api.models.courses import NewCourse
from api.models.syllabus_weeks import NumberedSyllabusWeek
from api.operations.failures import FailureError
from api.operations.source_files import SourceFile, checked, kind_of

FILE: Final = "courses.json"
CAPACITY: Final = 1_000
"""Seats of an imported course. The file does not say, and open courses have room for many."""

_TOPIC_LENGTH: Final = 300
_OBJECTIVES_LENGTH: Final = 5_000
_COURSE_KEYS: Final = frozenset({"code", "title", "description", "licence", "source", "lessons", "weeks"})
_TEXT_KEYS: Final = frozenset({"description", "licence", "source"})
_ORIGIN_KEYS: Final = {"source": "Source", "licence": "Licence"}
_WEEK_KEYS: Final = {"week": "week_number", "topic": "topic", "description": "objectives"}
"""The keys of an entry, and what the service calls them."""


@dataclass(frozen=True, slots=True)
class SourceCourse:
    """A course, the weeks of it, and where it stands."""

    place: str
    course: NewCourse
    weeks: list[NumberedSyllabusWeek]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A week, or one lesson of it."""

    place: str
    lesson: int | None
    week: NumberedSyllabusWeek


@dataclass(slots=True)
class Source(SourceFile):
    """The courses of a file."""

    name: ClassVar = FILE

    courses: list[SourceCourse] = field(default_factory=list)


def read_source(document: Any, *, term_id: UUID, lecturer_id: UUID) -> Source:
    """The courses of a document, all in one term and taught by one lecturer.

    Raises:
        FailureError: it is no list.
    """
    if not isinstance(document, list):
        raise FailureError(f"{FILE}, line 1: expected a list of courses, found {kind_of(document)}.")
    source = Source()
    seen: set[str] = set()
    for number, given in enumerate(document):
        found = _read_course(source, f"/{number}", given, {"term_id": term_id, "lecturer_id": lecturer_id})
        if found is None:
            continue
        if found.course.code in seen:
            source.refuse(f"{found.place}/code", "Another course of the file has this code: see above.")
            continue
        seen.add(found.course.code)
        source.courses.append(found)
    return source


def _read_course(source: Source, place: str, given: Any, ids: Mapping[str, UUID]) -> SourceCourse | None:
    if not isinstance(given, dict):
        source.refuse(place, f"Expected an object, found {kind_of(given)}.")
        return None
    source.unknown_keys.update(given.keys() - _COURSE_KEYS)
    before = len(source.refused)
    for key in _TEXT_KEYS & given.keys():
        if not isinstance(given[key], str):
            source.refuse(f"{place}/{key}", f"Expected a text, found {kind_of(given[key])}.")
    if not isinstance(given.get("weeks"), list):
        source.refuse(f"{place}/weeks", "A course needs a list of weeks.")
    if len(source.refused) > before:
        return None
    fields = {"description": _description(given), "capacity": CAPACITY, **ids}
    course = checked(
        source.refuse, place, NewCourse, _picked(given, {"code": "code", "title": "title"}) | fields
    )
    if course is None:
        return None
    entries = given["weeks"]
    if given.get("lessons", len(entries)) != len(entries):
        source.refuse(f"{place}/lessons", f"Another number of lessons follows: {len(entries)}.")
    return SourceCourse(place, course, list(_read_weeks(source, f"{place}/weeks", entries)))


def _description(given: Mapping[str, Any]) -> str | None:
    """What the course is about, and where it comes from: its licence may ask for that."""
    origin = [f"{name}: {given[key]}." for key, name in _ORIGIN_KEYS.items() if given.get(key)]
    return "\n\n".join(filter(None, (given.get("description"), " ".join(origin)))) or None


def _read_weeks(source: Source, place: str, entries: list[Any]) -> Iterator[NumberedSyllabusWeek]:
    weeks: dict[int, list[_Entry]] = {}
    lessons: set[int] = set()
    for number, given in enumerate(entries):
        entry = _read_entry(source, f"{place}/{number}", given)
        if entry is None:
            continue
        there = weeks.setdefault(entry.week.week_number, [])
        if entry.lesson in lessons:
            source.refuse(f"{entry.place}/lesson", f"Lesson {entry.lesson} is there twice.")
        elif there and None in {entry.lesson, there[0].lesson}:
            source.refuse(
                f"{entry.place}/week",
                f"The week is there already: see {there[0].place}. Only lessons with numbers share a week.",
            )
        else:
            there.append(entry)
            if entry.lesson is not None:
                lessons.add(entry.lesson)
    for found in filter(None, weeks.values()):
        week = _merged(found)
        if len(week["objectives"] or "") > _OBJECTIVES_LENGTH:
            source.refuse(
                found[0].place,
                f"The {len(found)} lessons of the week do not fit into one: their topics and descriptions "
                f"have more than {_OBJECTIVES_LENGTH:,} characters.",
            )
        else:
            yield NumberedSyllabusWeek.model_validate(week)


def _read_entry(source: Source, place: str, given: Any) -> _Entry | None:
    if not isinstance(given, dict):
        source.refuse(place, f"Expected an object, found {kind_of(given)}.")
        return None
    source.unknown_keys.update(given.keys() - _WEEK_KEYS.keys() - {"lesson"})
    lesson = given.get("lesson")
    # A truth value is an int in Python, and no number in JSON.
    if lesson is not None and type(lesson) is not int:
        source.refuse(f"{place}/lesson", f"Expected a whole number, found {kind_of(lesson)}.")
        return None
    week = checked(source.refuse, place, NumberedSyllabusWeek, _picked(given, _WEEK_KEYS), _WEEK_KEYS)
    return None if week is None else _Entry(place, lesson, week)


def _merged(entries: list[_Entry]) -> dict[str, Any]:
    """One week of all the lessons in it. What its topic is too short for, its objectives hold."""
    weeks = [entry.week for entry in sorted(entries, key=lambda entry: entry.lesson or 0)]
    first = weeks[0]
    if len(weeks) == 1:
        return {**first.model_dump(), "objectives": first.objectives or None}
    topic = "; ".join(week.topic for week in weeks)
    fits = len(topic) <= _TOPIC_LENGTH
    lines = [
        f"{week.topic}: {week.objectives}" if week.objectives else week.topic
        for week in weeks
        if week.objectives or not fits
    ]
    return {
        "week_number": first.week_number,
        "topic": topic if fits else first.topic,
        "objectives": "\n".join(lines) or None,
    }


def _picked(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {name: given[key] for key, name in names.items() if key in given}
