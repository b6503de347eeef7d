"""What `lms import oulad` costs: its time against that of a plain COPY of the rows that it comes to.

Reading, checking, finding out what is there already, counting seats and computing mastery are on our side of the ratio,
and so is the start of the program. Indexes, rules and foreign keys are on both. Both write into a new database in one
transaction, in turn, so that a busy machine is busy for both.

What indexes, rules and foreign keys take is told beside it, by a COPY of the same rows into tables that have none: that
they cost is their purpose, and it has no bar.

CI does it once; --full five times, and also in a database that an import failed in.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import psycopg
import pytest
from psycopg import sql

from tests.cli.support import patiently
from tests.conftest import TestDatabase
from tests.support.contents import checksums
from tests.support.postgres import Server, drop_database

TABLES = (
    *("terms", "users", "courses", "student_enrollments", "audit_events"),
    *("quizzes", "quiz_versions", "quiz_answer_keys", "quiz_attempts", "topic_performance"),
)
"""What the import writes, parents first."""

MOST = 6.0

pytestmark = pytest.mark.once

_numbers = count(1)

PATIENCE = 600
"""Seconds for one import, on a machine that has more to do."""

Copies = dict[str, tuple[list[str], bytes]]
"""By table: its columns, and its rows in the form of COPY."""


@dataclass(frozen=True)
class Run:
    """Seconds of one import, of the COPY of its rows, and of that into tables without rules."""

    imported: float
    copied: float
    bare: float


@contextmanager
def copy_of(server: Server, template: str) -> Iterator[TestDatabase]:
    """A new database like this one, for as long as the context lasts."""
    name = f"{template}_{next(_numbers)}"
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    yield TestDatabase(server, name)
    drop_database(server, name)


@pytest.fixture(scope="module")
def oulad(real_data: Path) -> Path:
    return real_data / "oulad"


@pytest.fixture(scope="module")
def first(server: Server, template: str, oulad: Path) -> tuple[Copies, Run]:
    """The rows of an import, which are the same by plain COPY, and what both took."""
    with copy_of(server, template) as imported, copy_of(server, template) as copied:
        import_seconds = import_into(imported, oulad)
        found = {}
        with psycopg.connect(imported.admin_url) as connection:
            for table in TABLES:
                columns = stored_columns(connection, table)
                with connection.cursor().copy(statement("lms", table, columns, "to stdout")) as copy:
                    found[table] = columns, b"".join(copy)
        run = Run(import_seconds, copy_into(copied, found), copy_into_bare_tables(copied, found))
        assert checksums(copied.admin_url) == checksums(imported.admin_url)
    return found, run


@pytest.fixture(scope="module")
def after_a_failure(server: Server, template: str, oulad: Path) -> Iterator[str]:
    """A database that an import failed in at the very end, and that remembers its tables as large and empty."""
    with copy_of(server, template) as database:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            connection.execute(
                "alter table lms.topic_performance add constraint no_ck check (mastery <> 'remedial')"
            )
            assert "no_ck" in command(database, oulad).stderr
            connection.execute("alter table lms.topic_performance drop constraint no_ck")
            connection.execute("analyze")
        yield database.name


def stored_columns(connection: psycopg.Connection[tuple[str]], table: str) -> list[str]:
    return [
        name
        for (name,) in connection.execute(
            "select attname from pg_catalog.pg_attribute where attrelid = %s::regclass and attnum > 0 "
            "and not attisdropped and attgenerated = '' order by attnum",
            (f"lms.{table}",),
        )
    ]


def statement(schema: str, table: str, columns: list[str], direction: str) -> sql.Composed:
    return sql.SQL("copy {} ({}) {}").format(
        sql.Identifier(schema, table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(direction)
    )


def command(database: TestDatabase, oulad: Path) -> subprocess.CompletedProcess[str]:
    return patiently(PATIENCE, "import", "oulad", oulad, LMS_MIGRATION_URL=database.admin_url)


def import_into(database: TestDatabase, oulad: Path) -> float:
    """Seconds that the command takes."""
    started = time.perf_counter()
    done = command(database, oulad)
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done
    assert "student_enrollments 32593, quizzes 206, quiz_attempts 173912." in done.stdout
    return seconds


def copy_into(database: TestDatabase, copies: Copies, schema: str = "lms") -> float:
    """Seconds that it takes to connect, copy and commit."""
    started = time.perf_counter()
    with psycopg.connect(database.admin_url) as connection:
        for table, (columns, rows) in copies.items():
            with connection.cursor().copy(statement(schema, table, columns, "from stdin")) as copy:
                copy.write(rows)
    return time.perf_counter() - started


def copy_into_bare_tables(database: TestDatabase, copies: Copies) -> float:
    """The same, into tables with these columns and nothing else."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("create schema bare")
        for table, (columns, _) in copies.items():
            connection.execute(
                sql.SQL("create table {} as select {} from {} with no data").format(
                    sql.Identifier("bare", table),
                    sql.SQL(", ").join(map(sql.Identifier, columns)),
                    sql.Identifier("lms", table),
                )
            )
    return copy_into(database, copies, "bare")


@pytest.mark.parametrize("where", ["in a new database", "after one that failed"])
def test_an_import_costs_little_more_than_a_copy_of_its_rows(
    where: str,
    server: Server,
    template: str,
    oulad: Path,
    first: tuple[Copies, Run],
    full: bool,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copies, run = first
    if where == "in a new database":
        start, measured, pairs = template, [run], 5 if full else 1
    elif full:
        start, measured, pairs = request.getfixturevalue("after_a_failure"), list[Run](), 5
    else:
        pytest.skip("three imports of everything: with --full")
    for number in range(len(measured), pairs):
        with copy_of(server, start) as ours, copy_of(server, template) as plain:
            if number % 2:
                copied, bare = copy_into(plain, copies), copy_into_bare_tables(plain, copies)
                measured.append(Run(import_into(ours, oulad), copied, bare))
            else:
                imported = import_into(ours, oulad)
                measured.append(Run(imported, copy_into(plain, copies), copy_into_bare_tables(plain, copies)))

    ratios = [each.imported / each.copied for each in measured]
    with capsys.disabled():
        rows = sum(text.count(b"\n") for _, text in copies.values())
        bare = median(each.imported / each.bare for each in measured)
        print(
            f"\nimport of the OULAD {where}, {rows:,} rows: {median(ratios):.2f} times a plain COPY (bar {MOST}; "
            f"{len(ratios)} pairs {min(ratios):.2f} to {max(ratios):.2f}), {bare:.1f} times one into tables "
            "without indexes, rules and foreign keys; "
            f"{median(each.imported for each in measured):.1f}, {median(each.copied for each in measured):.1f} and "
            f"{median(each.bare for each in measured):.1f} s here"
        )
    assert median(ratios) <= MOST
