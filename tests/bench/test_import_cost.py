"""What `lms import oulad` costs: its time against that of a plain COPY of the rows that it comes to.

Reading, checking, finding out what is there already and counting seats are on our side of the ratio, and so is the
start of the program. Indexes, rules and foreign keys are on both. Both write into a new database in one transaction,
in turn, so that a busy machine is busy for both.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median

import psycopg
import pytest
from psycopg import sql

from tests.cli.support import lms
from tests.conftest import TestDatabase
from tests.support.contents import checksums
from tests.support.postgres import Server, drop_database

TABLES = ("terms", "users", "courses", "student_enrollments", "audit_events")
"""What the import writes, parents first."""

MOST = 4.0

pytestmark = pytest.mark.once

_numbers = count(1)

Copies = dict[str, tuple[list[str], bytes]]
"""By table: its columns, and its rows in the form of COPY."""


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
def copies(server: Server, template: str, oulad: Path) -> Copies:
    """The rows of an import, which are the same by plain COPY."""
    with copy_of(server, template) as imported, copy_of(server, template) as copied:
        import_into(imported, oulad)
        found = {}
        with psycopg.connect(imported.admin_url) as connection:
            for table in TABLES:
                columns = stored_columns(connection, table)
                with connection.cursor().copy(statement(table, columns, "to stdout")) as copy:
                    found[table] = columns, b"".join(copy)
        copy_into(copied, found)
        assert checksums(copied.admin_url) == checksums(imported.admin_url)
    return found


@pytest.fixture(scope="module")
def after_a_failure(server: Server, template: str, oulad: Path) -> Iterator[str]:
    """A database that an import failed in at the very end, and that remembers its tables as large and empty."""
    with copy_of(server, template) as database:
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            connection.execute(
                "alter table lms.student_enrollments add constraint no_ck check (state <> 'dropped')"
            )
            assert "no_ck" in lms("import", "oulad", oulad, LMS_MIGRATION_URL=database.admin_url).stderr
            connection.execute("alter table lms.student_enrollments drop constraint no_ck")
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


def statement(table: str, columns: list[str], direction: str) -> sql.Composed:
    return sql.SQL("copy {} ({}) {}").format(
        sql.Identifier("lms", table), sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(direction)
    )


def import_into(database: TestDatabase, oulad: Path) -> float:
    """Seconds that the command takes."""
    started = time.perf_counter()
    done = lms("import", "oulad", oulad, LMS_MIGRATION_URL=database.admin_url)
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done
    assert "student_enrollments 32593." in done.stdout
    return seconds


def copy_into(database: TestDatabase, copies: Copies) -> float:
    """Seconds that it takes to connect, copy and commit."""
    started = time.perf_counter()
    with psycopg.connect(database.admin_url) as connection:
        for table, (columns, rows) in copies.items():
            with connection.cursor().copy(statement(table, columns, "from stdin")) as copy:
                copy.write(rows)
    return time.perf_counter() - started


@pytest.mark.parametrize("where", ["in a new database", "after one that failed"])
def test_an_import_costs_little_more_than_a_copy_of_its_rows(
    where: str,
    server: Server,
    template: str,
    oulad: Path,
    copies: Copies,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = template if where == "in a new database" else request.getfixturevalue("after_a_failure")
    pairs = 11 if request.config.getoption("--full") else 5
    measured = []
    for number in range(pairs):
        with copy_of(server, start) as ours, copy_of(server, template) as plain:
            if number % 2:
                measured.append((import_into(ours, oulad), copy_into(plain, copies)))
            else:
                copied = copy_into(plain, copies)
                measured.append((import_into(ours, oulad), copied))

    ratios = [a / b for a, b in measured]
    with capsys.disabled():
        ours_seconds, plain_seconds = (median(side) for side in zip(*measured, strict=True))
        print(
            f"\nimport of the OULAD {where}: {median(ratios):.2f} times a plain COPY (bar {MOST}; {pairs} pairs "
            f"{min(ratios):.2f} to {max(ratios):.2f}; {ours_seconds:.2f} and {plain_seconds:.2f} s here)"
        )
    assert median(ratios) <= MOST
