"""Two people write one syllabus at once, both with `If-Match: *`."""

import json
import threading
import time
from hashlib import sha256
from typing import Any

import psycopg
import pytest

from api.database.queries import load_query
from tests.conftest import TestDatabase
from tests.support.school import found_school, token_for

STATEMENT = load_query("syllabus_weeks/put_syllabus").text
CHECK = "and target.syllabus_version = target.began_version"


def _put(connection: psycopg.Connection[Any], statement: str, course_id: Any, week: int) -> Any:
    """Send a query file as the service does, with $n."""
    weeks = [{"week_number": week, "topic": f"Written by {week}"}]
    token_hash = sha256(token_for("lecturer").encode()).digest()
    with psycopg.RawCursor(connection) as cursor:
        cursor.execute(statement.encode(), (token_hash, course_id, None, json.dumps(weeks)))
        return cursor.fetchone()


def _race(database: TestDatabase, statement: str) -> tuple[Any, set[int]]:
    """One writes week 10 and is slow to commit, the other writes week 11. What the other got; the weeks after."""
    course_id = found_school(database.admin_url).own["course_id"]
    answers: list[Any] = []
    with psycopg.connect(database.admin_url) as first, psycopg.connect(database.admin_url) as second:
        _put(first, statement, course_id, 10)
        thread = threading.Thread(target=lambda: answers.append(_put(second, statement, course_id, 11)))
        thread.start()
        with psycopg.connect(database.admin_url, autocommit=True) as watcher:
            while not watcher.execute(
                "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and pid = %s)",
                (second.info.backend_pid,),
            ).fetchone()[0]:  # type: ignore[index]
                time.sleep(0.01)
        first.commit()
        thread.join()
        second.commit()
    with psycopg.connect(database.admin_url) as connection:
        rows = connection.execute(
            "select week_number from lms.syllabus_weeks where course_id = %s", (course_id,)
        )
        return answers[0], {row[0] for row in rows}


def test_the_loser_is_told_the_version_that_won(database: TestDatabase) -> None:
    answer, weeks = _race(database, STATEMENT)

    assert answer == (None, 2)
    assert weeks == {10}


def test_without_the_check_the_syllabus_is_a_mixture(database: TestDatabase) -> None:
    answer, weeks = _race(database, STATEMENT.replace(CHECK, ""))

    assert CHECK in STATEMENT
    with pytest.raises(AssertionError):
        assert {week["week_number"] for week in answer[0]["weeks"]} == weeks
