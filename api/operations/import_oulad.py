"""Import the Open University Learning Analytics Dataset from a folder: `lms import oulad DIR`.

The files are those of api/operations/oulad_source.py. Their lines are copied into the staging tables of
migrations/0015 and 0029, and from there a few statements check and insert them all; these lie in
api/operations/sql/import_oulad/. What a course does not need of a person (gender, region, education, deprivation,
age, disability) is deliberately not stored, nor is it staged.

What becomes of a line:

* A presentation such as AAA 2013J becomes the closed course OULAD-AAA-2013J, in the term OULAD-2013J and taught by
  aaa-2013j@oulad.example. A presentation of B starts on 1 February, one of J on 1 October; a term ends with the
  longest of its presentations. A course has a seat for everybody who ever registered, at least one.
* A student becomes the account student-11391@oulad.example, Student 11391. Nobody can log in to it, nor to that of a
  lecturer, until a password is set. The domain is a reserved one: no mail leads anywhere.
* A registration is `dropped` if it has a day of unregistration or its result is Withdrawn, and else `completed`,
  since all presentations are over.
* `enrolled_at` is the day of registration, counted from the first day of the presentation, and midnight UTC. Where
  it is not known (`?`), it is the first day, or the day of unregistration if that is earlier.
* `updated_at` is the day of unregistration, or else the last day of the presentation.
* An assessment such as the TMA 1752 becomes the closed quiz of this title, in the week of the day it was due; an exam
  has no week, since it asks about the whole course, and neither has what has no day. It closes at the end of that day,
  UTC. It has one question, worth 100 points, that a person grades. Its weight is left out: it says nothing about the
  points, and the quizzes of a course have none.
* A result becomes the first attempt of the student, started and handed in at midnight UTC of its day, which is all that
  is known. The answer is in none of the files, and a sentence says so in its place: without any, there would be nothing
  to review once a review is taken back. The score stands as the review of a person, and no key has graded it: so
  lms.regrade_attempts() passes it by, whatever becomes of the key, and a lecturer who reviews it starts from the
  score. To name a key would be untrue, and to go without the review would lose the score at the next grading.
* Without a score a result stays `submitted`: it was handed in, and nobody graded it. It counts for no mastery.
* A result that is banked, which is one of an earlier presentation, counts like any other, as it did for the student; so
  does what was handed in late, before the registration or after an unregistration. Nothing says that points were taken
  for any of these. How many there are of each kind is reported, and how many count for no week; what is banked is none
  of the other three, since it was handed in elsewhere, whatever its day says.
* A result of somebody who is not registered for the presentation is refused, and so is a second one of the same student
  in the same assessment.
* What the graded attempts of a week amount to, the mastery, follows from them by the policy of the course. Of two that
  were handed in on the same day the one of the later line of assessments.csv is the last.

Each account and each enrolment that is made has its audit event, without an actor.

What is there already stays as it is, whoever changed it since: a term and a course are found by their code, an
account by its address, an enrolment by both, a quiz by what its first version asks, an attempt by quiz and student. So
doing it again adds what is new in the files, and nothing else. Who gives one of these courses another code, or one of
these students another address, gets the first one anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from api.operations.failures import FailureError
from api.operations.oulad_source import (
    ASSESSMENTS,
    COURSES,
    FILES,
    REGISTRATIONS,
    RESULTS,
    STUDENTS,
    SourceFile,
    read_lines,
)
from api.operations.source_files import other_files
from api.operations.statements import count, rows
from api.operations.targets import connect
from api.operations.terminal import Step
from api.wording import plural

_SQL: Final = Path(__file__).resolve().parent / "sql"
_STAGING: Final = {
    COURSES: sql.Identifier("lms_import", "oulad_courses"),
    STUDENTS: sql.Identifier("lms_import", "oulad_students"),
    REGISTRATIONS: sql.Identifier("lms_import", "oulad_registrations"),
    ASSESSMENTS: sql.Identifier("lms_import", "oulad_assessments"),
    RESULTS: sql.Identifier("lms_import", "oulad_results"),
}
_STEPS: Final = (
    *(file.name for file in FILES),
    "checks",
    "users",
    "courses",
    "enrollments",
    "quizzes",
    "attempts",
    "performance",
)


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that was not imported: where it stands, and why."""

    file: str
    line: int
    field: str
    """The column that the reason is about."""
    reason: str


@dataclass(frozen=True, slots=True)
class PeculiarResults:
    """How many results, of those that can be imported, are out of the ordinary; one may be so in several ways."""

    without_score: int
    """Handed in, and not graded."""
    without_week: int
    """Of exams, and of assessments without a day: they count for no mastery."""
    banked: int
    """Those of an earlier presentation."""
    late: int
    """Not banked, and handed in after the day that the assessment was due."""
    before_registration: int
    """Not banked, and handed in before the day that the student registered."""
    after_unregistration: int
    """Not banked, and handed in after the day that the student left."""


@dataclass(frozen=True, slots=True)
class OuladReport:
    """What an import did, and what it did not."""

    imported: dict[str, int]
    """Rows added, by table; tables without any are left out."""
    unchanged: dict[str, int]
    """Rows that were there already, by table; tables without any are left out."""
    refused: list[RefusedLine]
    """By file and line; a line that is wrong in two ways is there twice."""
    peculiar: dict[str, int]
    """Of the results in the files, there already or not, what PeculiarResults counts; without what there is none of."""
    left_out: dict[str, str]
    """Files and columns that are not imported, and how much there is of each."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many rows the lines stand for, by table."""

    terms: int
    users: int
    courses: int
    student_enrollments: int
    quizzes: int
    quiz_attempts: int


@dataclass(frozen=True, slots=True)
class TakenAddress:
    """An address that somebody else has."""

    email: str
    role: str
    wanted_role: str


@dataclass(frozen=True, slots=True)
class ArchivedTerm:
    """A term that takes no more courses."""

    code: str


@dataclass(frozen=True, slots=True)
class FullCourse:
    """A course that has too few seats."""

    code: str
    seats_left: int
    seats_needed: int


def import_oulad(url: str, directory: Path, *, on_progress: Step | None = None) -> OuladReport:
    """Import what a folder has of the dataset, in one transaction, as the owner of the database.

    Two imports at once take turns.

    Raises:
        FailureError: a file is missing or damaged; an address belongs to somebody else; a term is in the archive;
            a course is full. Nothing is imported.
        psycopg.Error: no connection, no privilege, no schema. Nothing is imported.
    """
    lines = {}
    for file in FILES:
        _tell(on_progress, file.name)
        lines[file] = list(read_lines(directory, file))
    left_out = dict(_left_out(directory, lines))
    with connect(url) as connection, connection.transaction():
        _tell(on_progress, "checks")
        _stage(connection, lines)
        refused = _check(connection)
        (wanted,) = rows(connection, _SQL, "import_oulad/count_staged", Wanted)
        (peculiar,) = rows(connection, _SQL, "import_oulad/count_peculiar_results", PeculiarResults)
        imported = _insert(connection, on_progress)
        _empty(connection)
    unchanged = {table: number - imported[table] for table, number in asdict(wanted).items()}
    return OuladReport(_some(imported), _some(unchanged), refused, _some(asdict(peculiar)), left_out)


def _stage(
    connection: psycopg.Connection[Any], lines: Mapping[SourceFile, Iterable[tuple[Any, ...]]]
) -> None:
    """Lay the lines down in the staging tables, for us alone: whoever else imports waits here."""
    _empty(connection)
    for file, table in _STAGING.items():
        columns = sql.SQL(", ").join(map(sql.Identifier, ("line", *file.imported)))
        with connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(table, columns)) as copy:
            for line in lines[file]:
                copy.write_row(line)
        connection.execute(sql.SQL("analyze {}").format(table))


def _empty(connection: psycopg.Connection[Any]) -> None:
    connection.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(_STAGING.values())))


def _check(connection: psycopg.Connection[Any]) -> list[RefusedLine]:
    """Take the lines out that cannot be imported."""
    refused = [
        line
        for what in ("courses", "students", "registrations", "pairs", "assessments", "results")
        for line in rows(connection, _SQL, f"import_oulad/check_{what}", RefusedLine)
    ]
    order = [file.name for file in FILES]
    return sorted(refused, key=lambda line: (order.index(line.file), line.line))


def _insert(connection: psycopg.Connection[Any], on_progress: Step | None) -> dict[str, int]:
    """Insert what is not there yet: the number of rows, by table."""
    _tell(on_progress, "users")
    imported = {"terms": _add(connection, "terms"), "users": _add(connection, "users")}
    # What is known of them may be older than what was just added: that they are few, for one.
    connection.execute("analyze lms.users (user_id, email, role)")
    for taken in rows(connection, _SQL, "import_oulad/list_taken_addresses", TakenAddress):
        raise FailureError(
            f"The account {taken.email} is a {taken.role}'s, and the import needs it for a {taken.wanted_role}."
        )
    _tell(on_progress, "courses")
    for term in rows(connection, _SQL, "import_oulad/list_archived_terms", ArchivedTerm):
        raise FailureError(f"The term {term.code} is in the archive, and takes no more courses.")
    imported["courses"] = _add(connection, "courses")
    count(connection, _SQL, "import_oulad/lock_courses")
    connection.execute("analyze lms.courses (course_id, code)")
    _tell(on_progress, "enrollments")
    try:
        with connection.transaction():
            imported["student_enrollments"] = _add(connection, "enrollments")
    except psycopg.errors.CheckViolation as error:
        if error.diag.constraint_name != "courses_seats_ck":
            raise
        full, *_ = rows(connection, _SQL, "import_oulad/list_full_courses", FullCourse)
        raise FailureError(
            f"The course {full.code} has {plural(full.seats_left, 'seat')} left, and the import needs "
            f"{full.seats_needed:,}: raise its capacity first."
        ) from None
    _tell(on_progress, "quizzes")
    imported["quizzes"] = _add(connection, "quizzes")
    _tell(on_progress, "attempts")
    count(connection, _SQL, "import_oulad/lock_quizzes")
    imported["quiz_attempts"] = _add(connection, "attempts")
    _tell(on_progress, "performance")
    if imported["quiz_attempts"]:
        connection.execute("analyze lms.quiz_attempts")
        count(connection, _SQL, "import_oulad/lock_enrollments")
        count(connection, _SQL, "import_oulad/refresh_performance")
    return imported


def _add(connection: psycopg.Connection[Any], what: str) -> int:
    return count(connection, _SQL, f"import_oulad/add_{what}")


def _left_out(directory: Path, lines: Mapping[SourceFile, Sequence[object]]) -> Iterator[tuple[str, str]]:
    for file, given in lines.items():
        if file.left_out and given:
            yield f"{file.name}: {', '.join(file.left_out)}", plural(len(given), "line")
    yield from other_files(directory, frozenset(file.name for file in FILES))


def _tell(on_progress: Step | None, step: str) -> None:
    if on_progress is not None:
        on_progress(step, _STEPS.index(step) + 1, len(_STEPS))


def _some(numbers: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}
