"""What the HTTP tests share beside tests/conftest.py."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.conftest import TestDatabase
from tests.http.matrix import LET_IN, Matrix, token_hash
from tests.http.support import Client
from tests.http.tables import Tables
from tests.support.school import School, token_for


@pytest.fixture(scope="module")
def admin(module_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to the file's database, each statement a transaction of its own."""
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def tables(admin: psycopg.Connection[Any], school: School) -> Tables:
    """All rows of the file's school, saved as they were at first."""
    for name in LET_IN:
        # Everybody is logged in twice, and was once more: it shows which sessions a request ends.
        for where, revoked_at in (("elsewhere", None), ("before", "2026-01-01")):
            admin.execute(
                "insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at, revoked_at) "
                "values (%s, %s, interval '1 hour', now() + interval '1 day', %s)",
                (token_hash(token_for(f"{name} {where}")), school.people[name], revoked_at),
            )
    found = Tables(admin)
    found.save()
    return found


@pytest.fixture
def restored(tables: Tables) -> Iterator[Tables]:
    """The same, put back when the test is over."""
    yield tables
    tables.restore()


@pytest.fixture(scope="module")
def matrix(service: httpx.Client, school: School, tables: Tables) -> Matrix:
    return Matrix(service, school, tables)


@pytest.fixture(scope="module")
def lecturer(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "lecturer")


@pytest.fixture(scope="module")
def other_lecturer(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "other_lecturer")


@pytest.fixture(scope="module")
def super_admin(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "super_admin")


@pytest.fixture(scope="module")
def course(school: School) -> str:
    """The address of lecturer's course."""
    return f"/courses/{school.own['course_id']}"
