"""Put a made-up school into a database: `lms seed volume`.

By COPY, table by table, in one transaction, so it is there as a whole or not at all. As lms_owner, like a migration,
because row-level security lets nobody but the owner copy into a table; every constraint and foreign key is checked as
ever. Rows are sent as they are made. A COPY ends after some rows and the next one begins, since the server remembers
each row until its foreign keys are checked, which is at the end of the statement.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg.sql import SQL, Identifier

from api.operations.failures import FailureError
from api.operations.targets import connect
from api.operations.terminal import Step
from seeds.production import is_production
from seeds.volume.calendar import newest_code, term_rows
from seeds.volume.courses import material_rows, week_rows
from seeds.volume.enrollments import audit_event_rows, course_rows, enrollment_rows, expected_enrollments
from seeds.volume.figures import Figures
from seeds.volume.people import user_rows

ROWS_OF_A_COPY: Final = 100_000
ROWS_OF_A_STEP: Final = 5_000


class Table(NamedTuple):
    """A table, and how its rows are made."""

    name: LiteralString
    columns: tuple[LiteralString, ...]
    """Those that the rows give; the others have their defaults, of which none depends on the run."""
    rows: Callable[[Figures], Iterator[tuple[object, ...]]]
    expected: Callable[[Figures], int]
    """About how many, to tell how far it is."""


TABLES: Final = (
    # First, since a second run for the same seed waits here for the first one, and then fails.
    Table(
        "terms",
        ("term_id", "code", "title", "starts_on", "ends_on", "created_at", "updated_at"),
        term_rows,
        lambda figures: figures.terms,
    ),
    Table(
        "users",
        ("user_id", "email", "full_name", "role", "password_hash", "created_at", "updated_at"),
        user_rows,
        lambda figures: figures.administrators + figures.lecturers + figures.students,
    ),
    Table(
        "courses",
        (
            "course_id",
            "code",
            "title",
            "description",
            "term_id",
            "lecturer_id",
            "capacity",
            "seats_taken",
            "state",
            "created_at",
            "updated_at",
        ),
        course_rows,
        lambda figures: figures.courses,
    ),
    Table(
        "syllabus_weeks",
        ("course_id", "week_number", "topic", "objectives", "reading"),
        week_rows,
        lambda figures: figures.courses * figures.weeks,
    ),
    Table(
        "materials",
        (
            "material_id",
            "course_id",
            "week_number",
            "kind",
            "origin",
            "title",
            "url",
            "crawled_at",
            "metadata",
            "created_at",
            "updated_at",
        ),
        material_rows,
        lambda figures: figures.courses * figures.materials,
    ),
    Table(
        "student_enrollments",
        ("student_id", "course_id", "state", "version", "enrolled_at", "updated_at"),
        enrollment_rows,
        expected_enrollments,
    ),
    Table(
        "audit_events",
        ("audit_event_id", "occurred_at", "action", "user_id", "course_id", "changes"),
        audit_event_rows,
        lambda figures: 2 * expected_enrollments(figures),
    ),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was put into a table."""

    table: str
    rows: int
    seconds: float


def seed(url: str, figures: Figures, *, force: bool = False, on_progress: Step | None = None) -> list[Loaded]:
    """Put the school of these figures into the migrated database of this address, all of it or nothing.

    The address names a superuser, lms_migrate, or another member of lms_owner.

    Raises:
        FailureError: the database is for production and `force` is not given, or it has a school of this seed.
        psycopg.Error: no connection, no privilege, no schema.
    """
    with connect(url) as connection, connection.transaction():
        if not force and is_production(connection):
            raise FailureError(
                f"The database {connection.info.dbname} is for production, and these people are made up: none "
                "were added. With --force they would be."
            )
        return fill(connection, figures, on_progress=on_progress)


def fill(
    connection: psycopg.Connection[Any], figures: Figures, *, on_progress: Step | None = None
) -> list[Loaded]:
    """The same in the transaction of an open connection, for production too, and without a commit.

    The rest of the transaction runs as lms_owner.
    """
    connection.execute("set local role lms_owner")
    # Hosts give administrators one that is right for a person's queries.
    connection.execute("set local statement_timeout = 0")
    try:
        loaded = [_load(connection, table, figures, on_progress) for table in TABLES]
    except psycopg.errors.UniqueViolation as violation:
        if violation.diag.table_name != TABLES[0].name:
            raise
        raise FailureError(
            f"A school of the seed {figures.seed} is in {connection.info.dbname} already, of this size or another: "
            f"nothing was added. Give another --seed. Its newest term is {newest_code(figures.seed)}."
        ) from None
    # Not left to autovacuum, so that the first statement is planned for what is there.
    for table in TABLES:
        connection.execute(SQL("analyze lms.{}").format(Identifier(table.name)))
    return loaded


def _load(
    connection: psycopg.Connection[Any], table: Table, figures: Figures, on_progress: Step | None
) -> Loaded:
    begun = time.monotonic()
    statement = SQL("copy /* volume/{} */ lms.{} ({}) from stdin").format(
        SQL(table.name), Identifier(table.name), SQL(", ").join(map(Identifier, table.columns))
    )
    rows, done, expected = table.rows(figures), 0, table.expected(figures)
    while True:
        before = done
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in islice(rows, ROWS_OF_A_COPY):
                if on_progress is not None and done % ROWS_OF_A_STEP == 0:
                    on_progress(table.name, done + 1, max(expected, done + 1))
                copy.write_row(row)
                done += 1
        if done < before + ROWS_OF_A_COPY:
            return Loaded(table.name, done, time.monotonic() - begun)
