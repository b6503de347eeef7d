"""The worker grades: what is overdue is handed in, and a corrected key regrades, whoever is killed meanwhile."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.database.pool import Pool, connect_pool
from api.database.roles import WORKER_ROLE
from api.operations import grading
from api.operations.grading import regrade, submit_overdue
from api.repositories import regrades
from tests.conftest import TestDatabase
from tests.operations.relay import relay_settings, relaying, worker
from tests.support.mail import MailServer, wait_until
from tests.support.many_attempts import fill


def one(connection: psycopg.Connection[Any], statement: str) -> Any:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


ASK = """
    insert into lms.regrades (quiz_id, requested_by)
    select quizzes.quiz_id, courses.lecturer_id
    from lms.quizzes join lms.courses on courses.course_id = quizzes.course_id
"""
UNFINISHED = "select count(*) from lms.regrades where state <> 'done'"
CORRECT = """
    update lms.quiz_answer_keys
    set key = jsonb_set(key, '{q3,correct}', to_jsonb(not (key #>> '{q3,correct}')::boolean)),
        key_version = key_version + 1
"""
WRONG = """
    select count(*)
    from lms.quiz_attempts as attempts
    join lms.quiz_versions as versions on versions.quiz_id = attempts.quiz_id
    join lms.quiz_answer_keys as keys on keys.quiz_id = attempts.quiz_id
    cross join lateral (
        select sum(points) as score
        from lms.graded(versions.questions, keys.key, attempts.answers, attempts.reviews)
    ) as scratch
    where attempts.score is distinct from scratch.score or attempts.graded_by_key <> keys.key_version
"""
DRIFTED = """
    select count(*)
    from lms.topic_performance as known
    full join lms.computed_performance() as computed using (student_id, course_id, week_number)
    where (known.attempts, known.best_score, known.last_score, known.average_score, known.mastery)
    is distinct from
    (computed.attempts, computed.best_score, computed.last_score, computed.average_score, computed.mastery)
"""
"""Scores, and what follows from them, that are not what grading from scratch gives."""


def school(connection: psycopg.Connection[Any], attempts: int) -> None:
    """Attempts that their key has graded."""
    with connection.transaction():
        fill(connection, attempts)
    connection.execute("select from lms.regrade_attempts((select quiz_id from lms.quizzes), 100000)")


def overdue(connection: psycopg.Connection[Any]) -> None:
    """All are under way, and over since an hour."""
    connection.execute("""
        update lms.quiz_attempts
        set state = 'in_progress', score = null, graded_at = null, feedback = null, graded_by_key = null,
            submitted_at = null, started_at = now() - interval '2 hours', due_at = now() - interval '1 hour'
    """)


def refuse(connection: psycopg.Connection[Any], attempt_id: Any, rule: str) -> None:
    """One attempt cannot become anything else than this rule says."""
    connection.execute(
        "alter table lms.quiz_attempts add constraint odd_ck "
        f"check (attempt_id <> %s or {rule}) not valid".encode(),
        (attempt_id,),
    )


def work(database: TestDatabase, job: Callable[[Pool], Awaitable[Any]]) -> Any:
    """Do what the worker does, once."""

    async def run() -> Any:
        pool = await connect_pool(database.server.url(database.name, WORKER_ROLE), size=1, acquire_timeout=5)
        try:
            return await job(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


def work_again(database: TestDatabase, connection: psycopg.Connection[Any]) -> None:
    """Regrade, without the wait for what was left behind."""
    connection.execute("update lms.regrades set due_at = now() where state <> 'done'")
    work(database, regrade)


def test_an_overdue_attempt_is_graded_with_what_was_saved(
    database: TestDatabase, owner: psycopg.Connection[Any], mail: MailServer, tmp_path: Path
) -> None:
    school(owner, 3)
    owner.execute("""
        update lms.quiz_attempts
        set state = 'in_progress', answers = '{"q3": true}', score = null, graded_at = null, feedback = null,
            graded_by_key = null, submitted_at = null, started_at = now() - interval '2 hours',
            due_at = case attempt_number when 1 then now() - interval '1 hour' end
        where student_id in (select student_id from lms.quiz_attempts order by student_id limit 2)
    """)
    owner.execute("""
        update lms.quiz_attempts set due_at = now() + interval '1 hour'
        where student_id = (select max(student_id::text)::uuid from lms.quiz_attempts where state = 'in_progress')
    """)
    output = tmp_path / "worker"
    with worker(output, relay_settings(database, mail)):
        wait_until(lambda: "1 overdue attempts were handed in" in output.read_text())
    assert owner.execute(
        "select state, score, submitted_at = due_at from lms.quiz_attempts where answers = '{\"q3\": true}' "
        "order by state"
    ).fetchall() == [("graded", 3, True), ("in_progress", None, None)]


def test_what_cannot_be_handed_in_does_not_keep_the_others_waiting(
    database: TestDatabase, owner: psycopg.Connection[Any], mail: MailServer, tmp_path: Path
) -> None:
    school(owner, 5)
    overdue(owner)
    # The oldest of them, which comes first.
    odd = one(owner, "select attempt_id from lms.quiz_attempts order by attempt_id limit 1")
    owner.execute("update lms.quiz_attempts set due_at = started_at where attempt_id = %s", (odd,))
    refuse(owner, odd, "state = 'in_progress'")
    # All or none; alone it is named, and skipped.
    statement = "select attempts, left_behind from lms.submit_overdue_attempts(%s, %s)"
    for most, named in ((5, f"{odd} and others"), (1, str(odd))):
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            owner.execute(statement, (most, 0))
        assert refused.value.diag.message_detail == named
    assert owner.execute(statement, (1, 1)).fetchone() == (1, 0)
    output = tmp_path / "worker"
    with worker(output, relay_settings(database, mail)):
        wait_until(lambda: one(owner, "select count(*) from lms.quiz_attempts where state = 'graded'") == 4)
        wait_until(lambda: f"{odd} (CheckViolationError)" in output.read_text())
    assert one(owner, "select attempt_id from lms.quiz_attempts where state = 'in_progress'") == odd
    assert one(owner, "select count(*) from lms.audit_events where action = 'attempts.submit'") == 4
    assert one(owner, "select count(*) from lms.quiz_attempts where score is not null") == 4


def test_what_cannot_be_graded_again_keeps_its_score_and_nobody_else_waiting(
    database: TestDatabase, owner: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    school(owner, 8)
    odd = one(owner, "select attempt_id from lms.quiz_attempts order by attempt_id limit 1 offset 2")
    scores = dict(owner.execute("select attempt_id, score from lms.quiz_attempts").fetchall())
    refuse(owner, odd, "graded_by_key = 1")
    owner.execute(CORRECT.encode())
    owner.execute(ASK)
    work(database, regrade)
    progress = (
        "select state, attempts_regraded, attempts_failed, rounds from lms.regrades order by requested_at"
    )
    assert owner.execute(progress).fetchall() == [("running", 7, 0, 2)]
    assert f"leaves an attempt behind: {odd} (CheckViolationError)" in caplog.text
    # Tried again, each time after a longer wait, and not for ever.
    waits = []
    while one(owner, UNFINISHED):
        waits.append(one(owner, "select round(extract(epoch from due_at - now()) / 5) from lms.regrades"))
        work_again(database, owner)
    assert waits == [1, 2, 4, 8, 16]
    assert owner.execute(progress).fetchall() == [("done", 7, 1, 6)]
    assert owner.execute(
        "select attempt_id, score, graded_by_key from lms.quiz_attempts where graded_by_key <> 2"
    ).fetchall() == [(odd, scores[odd], 1)]
    # Once it can be, whoever asks has it.
    owner.execute("alter table lms.quiz_attempts drop constraint odd_ck")
    owner.execute(ASK)
    work(database, regrade)
    assert owner.execute(progress).fetchall() == [("done", 7, 1, 6), ("done", 1, 0, 1)]
    assert one(owner, WRONG) == one(owner, DRIFTED) == 0


@pytest.mark.parametrize("job", [submit_overdue, regrade], ids=["handed in", "graded again"])
def test_a_lock_that_somebody_holds_keeps_nobody_else_waiting(
    database: TestDatabase,
    owner: psycopg.Connection[Any],
    caplog: pytest.LogCaptureFixture,
    job: Callable[[Pool], Awaitable[None]],
) -> None:
    school(owner, 4)
    if job is regrade:
        owner.execute(CORRECT.encode())
        owner.execute(ASK)
    else:
        overdue(owner)
    left = (
        "select attempt_id from lms.quiz_attempts "
        "where graded_by_key is distinct from (select key_version from lms.quiz_answer_keys)"
    )
    locked, student_id = owner.execute(
        "select attempt_id, student_id from lms.quiz_attempts order by attempt_id limit 1 offset 1"
    ).fetchall()[0]
    with psycopg.connect(database.admin_url) as somebody:
        somebody.execute(
            "select from lms.student_enrollments where student_id = %s for no key update", (student_id,)
        )
        work(database, job)
        assert owner.execute(left.encode()).fetchall() == [(locked,)]
        assert f"{locked} (LockNotAvailableError)" in caplog.text
    if job is regrade:
        work_again(database, owner)
        assert one(owner, UNFINISHED) == 0
    else:
        work(database, job)
    assert owner.execute(left.encode()).fetchall() == []
    assert one(owner, DRIFTED) == 0


def test_what_takes_long_is_graded_in_smaller_batches(
    database: TestDatabase, owner: psycopg.Connection[Any]
) -> None:
    school(owner, 30)
    overdue(owner)
    owner.execute("""
        create function public.take_long() returns trigger language plpgsql as
        $$ begin perform pg_sleep(0.05); return new; end; $$;
        create trigger take_long before update of graded_by_key on lms.quiz_attempts
        for each row execute function public.take_long();
    """)
    # A second and a half together, and nobody is kept from the rows that are locked for longer than a second.
    work(database, submit_overdue)
    together = [
        number
        for (number,) in owner.execute(
            "select count(*) from lms.audit_events where action = 'attempts.submit' group by xmin::text"
        )
    ]
    assert sum(together) == 30
    assert max(together) < 20
    # And when the server gives up first.
    owner.execute(
        f"alter role lms_worker in database {database.name} set statement_timeout = '500ms'".encode()
    )
    owner.execute(CORRECT.encode())
    owner.execute(ASK)
    work(database, regrade)
    assert owner.execute("select state, attempts_regraded, attempts_failed from lms.regrades").fetchall() == [
        ("done", 30, 0)
    ]
    assert one(owner, WRONG) == one(owner, DRIFTED) == 0


def test_a_short_regrade_does_not_wait_for_the_end_of_a_long_one(
    database: TestDatabase, owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    school(owner, 120)
    with owner.transaction():
        short = one(
            owner,
            "insert into lms.quizzes (course_id, week_number, title) select course_id, 2, 'Short' from lms.quizzes "
            "returning quiz_id",
        )
        owner.execute(
            """
            insert into lms.quiz_versions (quiz_id, version_number, questions)
            select %(short)s, version_number, questions from lms.quiz_versions;
            insert into lms.quiz_answer_keys (quiz_id, version_number, key)
            select %(short)s, version_number, key from lms.quiz_answer_keys;
            update lms.quizzes set current_version = 1, state = 'published' where quiz_id = %(short)s;
            update lms.quiz_attempts set quiz_id = %(short)s
            where attempt_id in (select attempt_id from lms.quiz_attempts order by attempt_id limit 3);
            """,
            {"short": short},
        )
    owner.execute(CORRECT.encode())
    owner.execute(ASK)
    # The long one was asked for before.
    owner.execute(
        "update lms.regrades set due_at = due_at - interval '1 minute' where quiz_id <> %s", (short,)
    )
    monkeypatch.setattr(grading, "TURN_SECONDS", 0.0)
    work(database, regrade)
    assert owner.execute(
        "select attempts_regraded, claims, state from lms.regrades order by finished_at"
    ).fetchall() == [(3, 1, "done"), (117, 2, "done")]


def test_whoever_was_overtaken_leaves_nothing_behind(
    database: TestDatabase, owner: psycopg.Connection[Any]
) -> None:
    school(owner, 2)
    owner.execute(ASK)
    regrade_id = one(
        owner,
        "update lms.regrades set state = 'running', started_at = now(), claims = 2 returning regrade_id",
    )

    async def leave(pool: Pool) -> list[int]:
        return [
            await regrades.leave_attempt(pool, regrade_id=regrade_id, claims=claims, lease_seconds=5)
            for claims in (1, 2, 2, 2)
        ]

    # And whoever has it, no more than there are.
    assert work(database, leave) == [0, 1, 1, 0]
    assert one(owner, "select attempts_failed from lms.regrades") == 2


def test_whoever_has_another_score_is_told_what_it_was_and_is(
    database: TestDatabase, owner: psycopg.Connection[Any], mail: MailServer
) -> None:
    school(owner, 2)
    owner.execute(
        "update lms.student_enrollments set state = 'dropped' where student_id = "
        "(select student_id from lms.quiz_attempts order by student_id limit 1)"
    )
    owner.execute(CORRECT.encode())
    with relaying(relay_settings(database, mail)):
        # Woken, or found by looking.
        owner.execute(ASK)
        wait_until(lambda: one(owner, UNFINISHED) == 0)
        (received,) = mail.wait_for(1)
    assert one(owner, WRONG) == one(owner, DRIFTED) == 0
    assert one(owner, "select count(*) from lms.audit_events where action = 'grades.regrade'") == 2
    before, after = owner.execute(
        "select trim_scale(changes.score_before), trim_scale(changes.score) from lms.score_changes as changes "
        "join lms.quiz_attempts as attempts using (attempt_id) join lms.users on user_id = student_id "
        "where email = %s",
        (received.recipient,),
    ).fetchall()[0]
    assert received.message["Subject"] == "Your score has changed: Quiz"
    for part in ("plain", "html"):
        text = " ".join(received.message.get_body((part,)).get_content().split())  # type: ignore[union-attr]
        assert f"You had {before} of 55 points" in text
        assert str(after) in text
        assert "chapter" not in text


@pytest.mark.once
def test_killed_at_any_time_a_regrade_ends_where_it_would_have_ended(
    database: TestDatabase,
    owner: psycopg.Connection[Any],
    mail: MailServer,
    tmp_path: Path,
    full: bool,
) -> None:
    attempts, kills = (20_000, 30) if full else (2_000, 3)
    school(owner, attempts)
    owner.execute("update lms.student_enrollments set state = 'dropped'")
    settings = relay_settings(database, mail)
    midway = 0
    owner.execute(CORRECT.encode())
    owner.execute(ASK)
    for kill in range(kills):
        with worker(tmp_path / f"worker-{kill}", settings) as process:
            regraded = one(owner, "select sum(attempts_regraded) from lms.regrades")
            deadline = time.monotonic() + 30
            while (
                one(owner, UNFINISHED)
                and one(owner, "select sum(attempts_regraded) from lms.regrades") == regraded
                and time.monotonic() < deadline
            ):
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
        midway += one(owner, UNFINISHED) > 0
        if kill == 0:
            # Corrected again, while it runs.
            owner.execute(CORRECT.encode())
        if not one(owner, UNFINISHED):
            owner.execute(CORRECT.encode())
            owner.execute(ASK)
    with worker(tmp_path / "worker-last", settings):
        wait_until(lambda: one(owner, UNFINISHED) == 0, 120)
    assert midway
    assert one(owner, WRONG) == one(owner, DRIFTED) == 0
    changes = one(owner, "select count(*) from lms.score_changes")
    assert one(owner, "select count(*) from lms.audit_events where action = 'grades.regrade'") == changes
    assert one(owner, "select sum(scores_changed) from lms.regrades") == changes > 0
