"""The worker grades: what is overdue is handed in, and a corrected key regrades, whoever is killed meanwhile."""

import signal
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

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
    owner.execute("""
        update lms.quiz_attempts
        set state = 'in_progress', score = null, graded_at = null, feedback = null, graded_by_key = null,
            submitted_at = null, started_at = now() - interval '2 hours', due_at = now() - interval '1 hour'
    """)
    # The oldest of them, which comes first.
    odd = one(owner, "select attempt_id from lms.quiz_attempts order by attempt_id limit 1")
    owner.execute("update lms.quiz_attempts set due_at = started_at where attempt_id = %s", (odd,))
    owner.execute(
        "alter table lms.quiz_attempts add constraint odd_ck "
        "check (attempt_id <> %s or state = 'in_progress') not valid",
        (odd,),
    )
    # A batch of nothing but such, and then the others.
    statement = "select attempts, left_behind from lms.submit_overdue_attempts(%s, %s)"
    assert [owner.execute(statement, (1, skip)).fetchone() for skip in (0, 1)] == [(0, 1), (1, 0)]
    with worker(tmp_path / "worker", relay_settings(database, mail)):
        wait_until(lambda: one(owner, "select count(*) from lms.quiz_attempts where state = 'graded'") == 4)
    assert one(owner, "select attempt_id from lms.quiz_attempts where state = 'in_progress'") == odd
    assert one(owner, "select count(*) from lms.audit_events where action = 'attempts.submit'") == 4
    assert one(owner, "select count(*) from lms.quiz_attempts where score is not null") == 4


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


def test_killed_at_any_time_a_regrade_ends_where_it_would_have_ended(
    database: TestDatabase,
    owner: psycopg.Connection[Any],
    mail: MailServer,
    tmp_path: Path,
    pytestconfig: pytest.Config,
) -> None:
    full = pytestconfig.getoption("--full", default=False)
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
