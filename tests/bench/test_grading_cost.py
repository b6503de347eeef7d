"""What grading costs: 100,000 attempts of ten questions, no two alike, against a plain update of as many rows.

Both in turn on the same table, in batches of 1,000, so that a busy machine is busy for both. What the worker does
besides, and what others notice of it, tests/chaos/test_regrades.py measures.
"""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import psycopg
import pytest

from tests.conftest import TestDatabase
from tests.support.many_attempts import fill

pytestmark = pytest.mark.once

MOST = 10.0
"""Times a plain update, of regrading with all that belongs to it."""
BATCH = 1_000


@pytest.fixture(scope="module")
def attempts(full: bool) -> int:
    return 100_000 if full else 5_000


@pytest.fixture(scope="module")
def owner(module_database: TestDatabase, attempts: int) -> Iterator[psycopg.Connection[Any]]:
    url = module_database.admin_url
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        with connection.transaction():
            fill(connection, attempts)
        connection.execute("vacuum analyze")
        yield connection


GRADE = """
    select count(*), sum(total.points), count(distinct total.feedback)
    from lms.quiz_attempts as attempts
    join lms.quiz_versions as versions on versions.quiz_id = attempts.quiz_id
    join lms.quiz_answer_keys as keys on keys.quiz_id = attempts.quiz_id
    cross join lateral (
        select sum(question.points) as points, string_agg(question.points::text, ' ') as feedback
        from lms.graded(versions.questions, keys.key, attempts.answers, attempts.reviews) as question
    ) as total
"""
REGRADE = "select count(*) from lms.regrade_attempts((select quiz_id from lms.quizzes), %s)"
PLAIN = """
    update lms.quiz_attempts
    set score = score, feedback = feedback, graded_by_key = 0, version = version + 1
    where attempt_id in (
        select attempt_id from lms.quiz_attempts where graded_by_key > 0 order by attempt_id limit %s
    )
"""


def seconds(connection: psycopg.Connection[Any], statement: str, batches: int) -> list[float]:
    """How long each batch takes."""
    taken = []
    for _ in range(batches):
        started = time.perf_counter()
        connection.execute(statement.encode(), (BATCH,))
        taken.append(time.perf_counter() - started)
    return taken


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
def test_the_performance_of_one_student_reads_their_attempts_alone(
    owner: psycopg.Connection[Any], mode: str
) -> None:
    refresh = (
        "select lms.refresh_performance(course_id, '{1}', "
        "array(select student_id from lms.quiz_attempts order by student_id offset %s limit 1)) from lms.courses"
    )
    with owner.transaction(force_rollback=True):
        owner.execute(f"set local plan_cache_mode = {mode}".encode())
        owner.execute(refresh.encode(), (0,))
        before = rows_read(owner)
        # Of another one, with the plans made.
        owner.execute(refresh.encode(), (1,))
        assert rows_read(owner) - before <= 10


def rows_read(connection: psycopg.Connection[Any]) -> int:
    """Of the attempts and what follows from them, in this transaction."""
    row = connection.execute(
        "select sum(seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_user_tables "
        "where relname in ('quiz_attempts', 'topic_performance', 'student_enrollments')"
    ).fetchone()
    assert row is not None
    read: int = row[0]
    return read


def test_regrading_costs_a_few_plain_updates(
    owner: psycopg.Connection[Any],
    attempts: int,
    capsys: pytest.CaptureFixture[str],
    full: bool,
) -> None:
    batches = attempts // BATCH
    seconds(owner, REGRADE, batches)
    seconds(owner, PLAIN, batches)
    started = time.perf_counter()
    row = owner.execute(GRADE).fetchone()
    grading = time.perf_counter() - started
    assert row is not None
    # What is worth something, and not the same for everybody.
    assert row[0] == attempts
    assert 0 < row[1] < 55 * attempts
    assert row[2] > 100

    measured = []
    for _ in range(3 if full else 5):
        owner.execute("vacuum lms.quiz_attempts")
        regrading = seconds(owner, REGRADE, batches)
        assert owner.execute(REGRADE.encode(), (BATCH,)).fetchone() == (0,)
        owner.execute("vacuum lms.quiz_attempts")
        measured.append((sum(regrading), sum(seconds(owner, PLAIN, batches)), max(regrading)))
    ratio = median(ours / plain for ours, plain, _ in measured)
    with capsys.disabled():
        ours, plain, longest = (median(side) for side in zip(*measured, strict=True))
        print(
            f"\n{attempts} attempts of ten questions: graded in {grading:.2f} s, regraded and written in {ours:.2f} s, "
            f"{ratio:.1f} times a plain update ({plain:.2f} s; bar {MOST}); the longest batch {longest:.2f} s"
        )
    assert ratio <= MOST
