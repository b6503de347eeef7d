"""Administrators who take each other's role, or close each other's account, at the same moment: one is left."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.database.queries import load_query
from tests.conftest import TestDatabase
from tests.http.support import at_once
from tests.support.school import token_for

STATEMENT = load_query("users/update_user").text

SECOND_LOOK = """\
    select people.user_id, people.role
    from people
    join session on session.user_id = people.user_id
    where people.active
"""
ONE_LOOK = "    select user_id, role from lms.actor($1)\n"
BOTH_LOCKED = "users.user_id in (session.user_id, $2)"
NAIVE = {
    # As every other statement finds its actor: as they were when it began.
    "without the second look": STATEMENT.replace(SECOND_LOOK, ONE_LOOK),
    "without the lock": STATEMENT.replace(SECOND_LOOK, ONE_LOOK).replace(BOTH_LOCKED, "users.user_id = $2"),
}
PATCHES: list[dict[str, Any]] = [
    {"role": "lecturer"},
    {"active": False},
    {"role": "student", "active": False},
]


def _administrators(admin_url: str, number: int) -> list[UUID]:
    """Close every administrator's account, and make as many new ones, each with a session."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("update lms.users set deactivated_at = now() where role = 'super_admin'")
        connection.execute("delete from lms.sessions")
        made: list[UUID] = []
        for each in range(number):
            row = connection.execute(
                "insert into lms.users (email, full_name, role, password_hash) "
                "values (lms.uuidv7() || '@school.example', 'An administrator', 'super_admin', '!') "
                "returning user_id"
            ).fetchone()
            assert row is not None
            made.append(row[0])
            connection.execute(
                "insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at) "
                "values (%s, %s, interval '1 hour', now() + interval '1 hour')",
                (_token_hash(each), row[0]),
            )
        return made


def _token_hash(number: int) -> bytes:
    return sha256(token_for(f"administrator {number}").encode()).digest()


def _left(admin_url: str) -> int:
    with psycopg.connect(admin_url) as connection:
        row = connection.execute(
            "select count(*) from lms.users where role = 'super_admin' and deactivated_at is null"
        ).fetchone()
        assert row is not None
        return int(row[0])


def _update(
    connection: psycopg.Connection[Any], statement: str, number: int, user_id: UUID, patch: dict[str, Any]
) -> Any:
    """Send the query file as the service does, with $n. Its row: document and version, or None."""
    with psycopg.RawCursor(connection) as cursor:
        cursor.execute(statement.encode(), (_token_hash(number), user_id, None, json.dumps(patch)))
        return cursor.fetchone()


def _duel(database: TestDatabase, statement: str, patch: dict[str, Any]) -> tuple[Any, int]:
    """Each changes the other, the second while the first is slow to commit. What the second got, and who is left."""
    first_id, second_id = _administrators(database.admin_url, 2)
    answers: list[Any] = []
    with psycopg.connect(database.admin_url) as first, psycopg.connect(database.admin_url) as second:
        _update(first, statement, 0, second_id, patch)
        thread = threading.Thread(
            target=lambda: answers.append(_update(second, statement, 1, first_id, patch)), daemon=True
        )
        thread.start()
        with psycopg.connect(database.admin_url, autocommit=True) as watcher:
            waits = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and pid = %s)"
            while thread.is_alive() and watcher.execute(waits, (second.info.backend_pid,)).fetchone() != (
                True,
            ):
                time.sleep(0.01)
        first.commit()
        thread.join()
        second.commit()
    return answers[0], _left(database.admin_url)


@pytest.mark.parametrize("patch", PATCHES, ids=json.dumps)
def test_of_two_who_change_each_other_the_second_is_refused(
    module_database: TestDatabase, patch: dict[str, Any]
) -> None:
    answer, left = _duel(module_database, STATEMENT, patch)
    assert left == 1
    # Whose account is closed is nobody, 401; who is no administrator any more sees no such user, 404.
    assert answer == (None if "active" in patch else (None, None))


@pytest.mark.parametrize("naive", NAIVE)
@pytest.mark.parametrize("patch", PATCHES, ids=json.dumps)
def test_the_naive_way_leaves_nobody(
    module_database: TestDatabase, naive: str, patch: dict[str, Any]
) -> None:
    assert SECOND_LOOK in STATEMENT
    assert BOTH_LOCKED in STATEMENT
    answer, left = _duel(module_database, NAIVE[naive], patch)
    assert answer[0] is not None
    assert left == 0


@pytest.mark.parametrize("number", [2, 3, 5])
def test_in_a_ring_of_administrators_somebody_is_left_and_nobody_waits_forever(
    module_database: TestDatabase, number: int
) -> None:
    """Each changes the next, all at once: the locks are taken in one order, so there is no deadlock in any ring."""
    url = module_database.admin_url
    answers: Counter[str] = Counter()
    connections = [psycopg.connect(url, autocommit=True) for _ in range(number)]
    try:
        for round_ in range(20):
            ids = _administrators(url, number)
            patch = PATCHES[round_ % len(PATCHES)]
            works: list[Callable[[], Any]] = [
                partial(_update, connections[each], STATEMENT, each, ids[(each + 1) % number], patch)
                for each in range(number)
            ]
            done = at_once(works)
            answers.update("refused" if row is None or row[0] is None else "changed" for row in done)
            changed = sum(row is not None and row[0] is not None for row in done)
            assert _left(url) == number - changed >= 1
    finally:
        for connection in connections:
            connection.close()
    assert answers["changed"] >= 20
    assert answers["refused"] >= 20


def test_an_administrator_still_changes_their_own_name(module_database: TestDatabase) -> None:
    (own_id,) = _administrators(module_database.admin_url, 1)
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        document, version = _update(connection, STATEMENT, 0, own_id, {"full_name": "Another Name"})
    assert (document["full_name"], version) == ("Another Name", 2)
