"""Import courses with their weeks, materials and quizzes from a folder: `lms import courses DIR`.

The folder holds courses.json, in the form of api/operations/course_source.py, and may hold materials.jsonl, in
that of api/operations/material_source.py, and questions.jsonl, in that of api/operations/question_source.py, which may
also lie elsewhere. The SQL lies in api/operations/sql/import_courses/.

Whose is what, when a folder is imported again:

* A course is found by its code. Once it is there, its title, description, term, lecturer, capacity and state
  belong to people: the folder changes none of them, and the report says where it has something else.
* Of the weeks that the folder lists it owns topic and objectives, and brings them back where somebody changed
  them. Objectives stay where it says nothing of them; `reading` always does.
* Weeks that it does not list stay, since nobody can tell those it dropped from those that a lecturer added.
* A material is found by its course and its address, among those that were crawled: what a lecturer linked is not
  touched, even at the same address. Of the materials that the folder lists it owns kind, title and week, and brings
  them back where somebody changed them, or a crawler did. Title and week stay where it says nothing of them.
  Metadata and the time of the crawl, which is that of the first import, are written once and always stay.
* A material whose address somebody changed is another one, and one that was deleted comes back. Materials that the
  folder does not list stay.
* A quiz is found by its course and its title, the oldest of several. New ones are drafts, like their courses, so
  that a person reads them before students do. Once a quiz has questions it belongs to people, who correct its key,
  publish it and have it taken: the folder changes nothing of it, and the report says where it has something else. A
  draft without questions is given those of the folder, and its week. A quiz whose title somebody changed is another
  one, and one that was deleted comes back; those that the folder does not list stay.

A syllabus that this changes counts it as one edit (`syllabus_version`), as a lecturer's would, and so does each
material, and each quiz that had no questions.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from api.models.email import canonical
from api.operations import course_source, material_source, question_source
from api.operations.course_source import Source, SourceCourse, read_source
from api.operations.failures import FailureError
from api.operations.material_source import MaterialSource, read_materials
from api.operations.question_source import QuestionSource, read_questions
from api.operations.source_files import Refusal, other_files, read_json, read_lines
from api.operations.statements import count, rows
from api.operations.targets import connect
from api.operations.terminal import Step
from api.wording import plural

TERM_CODE: Final = "IMPORTED"
TERM_TITLE: Final = "Imported courses"
"""Where courses go that nobody has planned: from the day of the import, 53 weeks long."""

_SQL: Final = Path(__file__).resolve().parent / "sql"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, and what it did not."""

    lecturer: str
    """The e-mail address of who teaches the courses that are new."""
    term: str
    """The code of the term of the courses that are new."""
    imported: dict[str, int]
    """Rows added or changed, by table; tables without any are left out."""
    unchanged: dict[str, int]
    """Rows that were as the folder has them, by table; tables without any are left out."""
    refused: list[Refusal]
    """What the folder has and the database now has not, by file and place."""
    left_out: dict[str, str]
    """What no import of courses reads, and how much there is of it: other files, unknown keys, lines of files."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is to teach, if that is possible."""

    user_id: UUID
    email: str
    can_teach: bool


@dataclass(frozen=True, slots=True)
class TermToFill:
    """Where the courses go."""

    term_id: UUID
    is_archived: bool


@dataclass(frozen=True, slots=True)
class PresentCourse:
    """A course as the database has it."""

    code: str
    title: str
    description: str | None
    term_id: UUID
    lecturer_id: UUID


@dataclass(frozen=True, slots=True)
class LargeQuiz:
    """A quiz that asks more than a quiz can hold."""

    course_code: str
    title: str


@dataclass(frozen=True, slots=True)
class DifferingQuiz:
    """A quiz that the database has otherwise than the folder, and in what."""

    course_code: str
    title: str
    other_questions: bool
    other_key: bool
    other_week: bool


def import_courses(
    url: str,
    directory: Path,
    *,
    lecturer_email: str | None = None,
    term_code: str | None = None,
    questions_path: Path | None = None,
    on_progress: Step | None = None,
) -> ImportReport:
    """Import the courses of a folder as drafts, in one transaction, as the owner of the database.

    New courses are taught by the lecturer of this address, or else by the active lecturer with the oldest
    account. They go to the term of this code, or else to the term IMPORTED, made where it is missing. Questions are
    those of this file, or else of questions.jsonl in the folder.

    Raises:
        FailureError: a file is missing or damaged, or there is no such lecturer or term. Nothing is imported.
        psycopg.Error: no connection, no privilege, no schema. Nothing is imported.
    """
    tell = on_progress or (lambda *_: None)
    tell(course_source.FILE, 1, 5)
    document = read_json(directory / course_source.FILE)
    lines = read_lines(directory / material_source.FILE)
    question_lines = read_lines(questions_path or directory / question_source.FILE)
    read = {course_source.FILE, material_source.FILE}
    if questions_path is None or questions_path.resolve().parent == directory.resolve():
        read.add(questions_path.name if questions_path else question_source.FILE)
    beside = dict(other_files(directory, frozenset(read)))
    materials = MaterialSource()
    questions = QuestionSource()
    imported: dict[str, int] = {}
    unchanged: dict[str, int] = {}
    with connect(url) as connection, connection.transaction():
        lecturer = _lecturer(connection, lecturer_email)
        term_id, terms_added = _term(connection, term_code)
        source = read_source(document, term_id=term_id, lecturer_id=lecturer.user_id)
        if not source.courses:
            # Takes back the term, which would be there for nothing.
            raise psycopg.Rollback
        tell("courses", 2, 5)
        courses_added = _add_courses(connection, source.courses)
        _note_what_stays(
            connection, source, ask_lecturer=lecturer_email is not None, ask_term=term_code is not None
        )
        tell("weeks", 3, 5)
        weeks = _weeks(source.courses)
        weeks_written = count(connection, _SQL, "import_courses/put_weeks", Jsonb(weeks))
        tell("materials", 4, 5)
        materials = read_materials(lines, {each.course.code for each in source.courses})
        found = [asdict(material) for material in materials.materials]
        materials_written = count(connection, _SQL, "import_courses/put_materials", Jsonb(found))
        tell("quizzes", 5, 5)
        codes = [each.course.code for each in source.courses]
        questions = read_questions(question_lines, set(codes))
        _refuse_large_quizzes(connection, questions)
        count(connection, _SQL, "import_courses/lock_quizzes", codes)
        quizzes = [quiz.document() for quiz in questions.quizzes]
        quizzes_written = count(connection, _SQL, "import_courses/put_quizzes", Jsonb(quizzes))
        quizzes_kept = _note_quizzes_that_stay(connection, questions)
        imported = _some(
            terms=terms_added,
            courses=courses_added,
            syllabus_weeks=weeks_written,
            materials=materials_written,
            quizzes=quizzes_written,
        )
        unchanged = _some(
            courses=len(source.courses) - courses_added,
            syllabus_weeks=len(weeks) - weeks_written,
            materials=len(found) - materials_written,
            quizzes=len(quizzes) - quizzes_written - quizzes_kept,
        )
    return ImportReport(
        lecturer=lecturer.email,
        term=term_code or TERM_CODE,
        imported=imported,
        unchanged=unchanged,
        refused=source.refused + materials.refused + questions.refused,
        left_out=_unread(source, materials, questions) | beside,
    )


def _lecturer(connection: psycopg.Connection[Any], email: str | None) -> Person:
    found = rows(
        connection, _SQL, "import_courses/read_lecturer", Person, None if email is None else _address(email)
    )
    if not found and email is None:
        raise FailureError("There is no lecturer yet to teach the courses: make an account for one first.")
    if not found:
        raise FailureError(f"Nobody has the e-mail address {email}.")
    if not found[0].can_teach:
        raise FailureError(f"{found[0].email} is no active lecturer, and cannot teach the courses.")
    return found[0]


def _address(email: str) -> str:
    try:
        return canonical(email)
    except ValueError as error:
        raise FailureError(f"{email!r} is no e-mail address: {error}") from None


def _term(connection: psycopg.Connection[Any], code: str | None) -> tuple[UUID, int]:
    """The term of this code, and how many were made for it: one at most."""
    added = 0
    if code is None or code == TERM_CODE:
        code = TERM_CODE
        added = count(connection, _SQL, "import_courses/add_term", code, TERM_TITLE)
    found = rows(connection, _SQL, "import_courses/read_term", TermToFill, code)
    if not found:
        raise FailureError(f"There is no term {code}: make it first, or leave it out.")
    if found[0].is_archived:
        raise FailureError(f"The term {code} is in the archive: give another one.")
    return found[0].term_id, added


def _add_courses(connection: psycopg.Connection[Any], courses: list[SourceCourse]) -> int:
    documents = [each.course.model_dump(mode="json") for each in courses]
    return count(connection, _SQL, "import_courses/add_courses", Jsonb(documents))


def _weeks(courses: list[SourceCourse]) -> list[dict[str, Any]]:
    return [
        {"code": each.course.code, **week.model_dump(exclude={"reading"})}
        for each in courses
        for week in each.weeks
    ]


def _note_what_stays(
    connection: psycopg.Connection[Any], source: Source, *, ask_lecturer: bool, ask_term: bool
) -> None:
    """Note what was asked for and is not done, because the course is there already and differs."""
    places = {each.course.code: each for each in source.courses}
    for present in rows(connection, _SQL, "import_courses/lock_courses", PresentCourse, list(places)):
        place, course = places[present.code].place, places[present.code].course
        if present.title != course.title:
            source.refuse(f"{place}/title", "The course is there with another title, which stays.")
        if present.description != course.description:
            source.refuse(f"{place}/description", "The course is there with another one, which stays.")
        if ask_lecturer and present.lecturer_id != course.lecturer_id:
            source.refuse(place, "The course is there with another lecturer, who stays.")
        if ask_term and present.term_id != course.term_id:
            source.refuse(place, "The course is there in another term, where it stays.")


def _refuse_large_quizzes(connection: psycopg.Connection[Any], source: QuestionSource) -> None:
    """Take those out that are too large, which only the server can tell."""
    wanted = Jsonb([quiz.document() for quiz in source.quizzes])
    large = {
        (quiz.course_code, quiz.title)
        for quiz in rows(connection, _SQL, "import_courses/list_large_quizzes", LargeQuiz, wanted)
    }
    for quiz in source.quizzes:
        if (quiz.course_code, quiz.title) in large:
            source.refuse(f"line {quiz.line}/quiz", "A quiz has at most 256 KiB of questions.")
    source.quizzes = [quiz for quiz in source.quizzes if (quiz.course_code, quiz.title) not in large]


def _note_quizzes_that_stay(connection: psycopg.Connection[Any], source: QuestionSource) -> int:
    """Note which quizzes people have made another of, and say how many."""
    lines = {(quiz.course_code, quiz.title): quiz.line for quiz in source.quizzes}
    wanted = Jsonb([quiz.document() for quiz in source.quizzes])
    found = rows(connection, _SQL, "import_courses/read_differing_quizzes", DifferingQuiz, wanted)
    for quiz in found:
        place = f"line {lines[quiz.course_code, quiz.title]}"
        if quiz.other_questions:
            source.refuse(place, "The quiz is there with other questions, which stay.")
        elif quiz.other_key:
            source.refuse(place, "The quiz is there with another key, which stays.")
        if quiz.other_week:
            source.refuse(f"{place}/week", "The quiz is there in another week, where it stays.")
    return len(found)


def _unread(source: Source, materials: MaterialSource, questions: QuestionSource) -> dict[str, str]:
    unread = _unknown_keys(course_source.FILE, source.unknown_keys)
    if materials.files:
        unread[f"{material_source.FILE}: what has a path and no address, since files are not imported"] = (
            plural(materials.files, "line")
        )
    unread |= _unknown_keys(material_source.FILE, materials.unknown_keys)
    return unread | _unknown_keys(question_source.FILE, questions.unknown_keys)


def _unknown_keys(file: str, keys: Counter[str]) -> dict[str, str]:
    return {f"{file}: {key!r}": plural(times, "time") for key, times in sorted(keys.items())}


def _some(**numbers: int) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}
