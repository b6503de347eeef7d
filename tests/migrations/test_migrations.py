"""The project's own migrations: their form, their way back, and what survives any crash."""

import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from api.database.known_version import known_version
from api.database.migration_files import MigrationFile, read_folders
from api.operations import migrate
from api.operations.roles import give_login
from seeds.setup_demo import seed
from tests.migrations.support import (
    applications,
    catalogue,
    finish,
    fresh_database,
    marked,
    query,
    rows,
    start_yoyo,
    wait_for_line,
    yoyo,
)
from tests.support.postgres import Server

Rows = dict[str, list[dict[str, Any]]]

FILES = read_folders([migrate.FOLDER])
IDS = list(FILES)


@dataclass(frozen=True)
class Undisturbed:
    """What plain `yoyo apply` comes to when nobody interferes."""

    seconds: float
    catalogue: str


@pytest.fixture(scope="module")
def undisturbed(server: Server) -> Undisturbed:
    with fresh_database(server) as url:
        finish(start_yoyo(url, "apply"))  # the first run reads its modules from the disk
    with fresh_database(server) as url:
        started = time.monotonic()
        done = finish(start_yoyo(url, "apply"))
        seconds = time.monotonic() - started
        assert done.returncode == 0, done.stderr
        assert marked(url) == IDS
        return Undisturbed(seconds, catalogue(server, url))


@pytest.mark.parametrize("file", FILES.values(), ids=IDS)
def test_a_file_is_named_numbered_and_has_its_rollback(file: MigrationFile) -> None:
    number = IDS.index(file.id) + 1
    assert re.fullmatch(rf"{number:04}_[a-z]+(_[a-z0-9]+)+", file.id), "NNNN_verb_object.sql, without a gap"
    assert file.depends == frozenset(IDS[number - 2 : number - 1]), "each depends on the one before it"
    file.check()


@pytest.mark.parametrize("file", FILES.values(), ids=IDS)
def test_a_header_says_why_what_it_locks_and_what_undoing_loses(file: MigrationFile) -> None:
    header = re.match(r"(--.*\n)+", file.up.sql)
    assert header, "a comment comes first"
    assert [word for word in ("why", "locks", "undo") if f"\n-- {word} " not in header[0]] == []
    assert file.down is not None
    assert re.search(r"^-- loses  \S|raise exception", file.down.sql, re.MULTILINE)


def test_the_release_knows_the_newest_of_them() -> None:
    assert known_version() == IDS[-1]


@pytest.fixture(scope="module")
def tried(full: bool) -> list[str]:
    """The migrations that are tried one by one: all, or in CI the newest, since those that are applied never change."""
    return IDS if full else IDS[-10:]


def test_each_migration_goes_up_down_and_up_to_the_same_catalogue(
    server: Server, empty_database: str, tried: list[str]
) -> None:
    if tried != IDS:
        migrate.apply(empty_database, to=IDS[IDS.index(tried[0]) - 1])
    before = catalogue(server, empty_database)
    for each in tried:
        assert migrate.apply(empty_database, to=each) == [each]
        after = catalogue(server, empty_database)
        assert migrate.roll_back(empty_database, down_to=each) == [each]
        assert catalogue(server, empty_database) == before, f"mend migrations/{each}.rollback.sql"
        assert migrate.apply(empty_database, to=each) == [each]
        assert catalogue(server, empty_database) == after, (
            f"mend migrations/{each}.sql, which differs on return"
        )
        before = after


LOST = {
    "0003_create_users": {"users"},
    "0004_create_sessions": {"sessions"},
    "0006_create_terms": {"terms"},
    "0007_create_courses": {"courses"},
    "0008_create_syllabus_weeks": {"syllabus_weeks"},
    "0009_create_idempotency_keys": {"idempotency_keys"},
    "0010_create_deployments": {"deployments"},
    "0011_create_audit_events": {"audit_events"},
    "0012_extend_users": {"users.settings_version"},
    # Without enrolments there are no seats taken.
    "0013_create_student_enrollments": {"student_enrollments", "courses.seats_taken"},
    "0014_create_materials": {"materials"},
    "0018_create_email_outbox": {"email_outbox", "student_enrollments.delivery_id"},
    "0019_create_account_tokens": {"account_tokens"},
    "0020_create_files": {"files"},
    "0021_add_materials_file": {"materials"},
    "0024_create_quizzes": {"quizzes", "quiz_versions", "quiz_answer_keys"},
    "0025_create_quiz_attempts": {"quiz_attempts"},
    "0026_create_topic_performance": {"topic_performance", "courses.mastery_policy"},
    "0030_create_regrades": {"regrades", "score_changes", "email_outbox"},
    "0037_mend_grading": {"regrades.attempts_failed", "regrades.rounds"},
}
"""Tables and columns whose contents are gone after a rollback. Its file says so in words, behind `-- loses`."""

LIVED_IN = """
    insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at)
    select sha256(email::bytea), user_id, interval '1 hour', now() + interval '1 hour' from lms.users;
    insert into lms.idempotency_keys (user_id, route, key, request_hash, status, headers, body)
    select user_id, 'POST /courses', 'a key', sha256(email::bytea), 201, '{"A": "b"}', 'kept' from lms.users;
    insert into lms.email_outbox (delivery_id, kind, user_id, course_id)
    select lms.uuidv7(), 'welcome', student_id, course_id from lms.student_enrollments;
    update lms.student_enrollments
    set delivery_id = email_outbox.delivery_id
    from lms.email_outbox
    where email_outbox.user_id = student_id and email_outbox.course_id = student_enrollments.course_id;
    insert into lms.account_tokens (token_hash, user_id, expires_at)
    select sha256(email::bytea), user_id, now() + interval '1 day' from lms.users;
    update lms.users set settings = '{"theme": "dark"}', settings_version = 3 where role = 'student';
    update lms.deployments set environment = 'staging';
    insert into lms.files (course_id, state, name, media_type, byte_size, sha256, due_at)
    select course_id, 'stored', 'a.pdf', 'application/pdf', 1, sha256(code::bytea), now() from lms.courses;
    insert into lms.materials (course_id, kind, origin, title, file_id)
    select course_id, 'pdf', 'uploaded', 'A', file_id from lms.files;
    insert into lms.regrades (quiz_id, requested_by)
    select quizzes.quiz_id, courses.lecturer_id
    from lms.quizzes join lms.courses on courses.course_id = quizzes.course_id;
    insert into lms.score_changes (attempt_id, score_before, score) select attempt_id, 1, 2 from lms.quiz_attempts;
    insert into lms.email_outbox (kind, user_id, course_id, score_change_id)
    select 'score_changed', attempts.student_id, quizzes.course_id, changes.score_change_id
    from lms.score_changes as changes
    join lms.quiz_attempts as attempts on attempts.attempt_id = changes.attempt_id
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id;
"""
"""What is in a database after some use that the demo school has none of."""


def _lost(before: Rows, after: Rows) -> set[str]:
    """Tables and columns that are gone, or do not hold what they held."""
    lost = set()
    for table, was in before.items():
        if table not in after or len(after[table]) != len(was):
            lost.add(table)
            continue
        for old, new in zip(was, after[table], strict=True):
            lost |= {f"{table}.{column}" for column in old if column not in new or new[column] != old[column]}
    return lost


# What it says of itself is the same on every server.
@pytest.mark.once
def test_each_migration_goes_down_and_up_where_there_is_something_to_lose(
    empty_database: str, tried: list[str]
) -> None:
    """The rest is as it was, row by row; and a file that says it loses nothing loses nothing."""
    migrate.apply(empty_database)
    seed(empty_database)
    query(empty_database, LIVED_IN)
    assert {table for table, found in rows(empty_database).items() if not found} == set()
    for each in reversed(tried):
        before = rows(empty_database)
        expected = LOST.get(each, set())
        down = FILES[each].down
        assert down is not None
        said = re.search(r"^-- loses  (.+)", down.sql, re.MULTILINE)
        assert said
        assert said[1].startswith("nothing") == (not expected), (
            f"mend migrations/{each}.rollback.sql: {said[1]}"
        )

        assert migrate.roll_back(empty_database, down_to=each) == [each]
        gone = rows(empty_database)
        assert _lost(before, gone) == expected, f"mend migrations/{each}.rollback.sql"

        assert migrate.apply(empty_database, to=each) == [each]
        returned = rows(empty_database)
        assert returned.keys() == before.keys()
        # What comes back is as if it were new; all else was left alone.
        assert {
            loss for loss in _lost(before, returned) if not {loss, loss.partition(".")[0]} & expected
        } == set()
        assert _lost(gone, returned) == set(), (
            f"mend migrations/{each}.sql, which changes rows that are there"
        )

        assert migrate.roll_back(empty_database, down_to=each) == [each]
        assert rows(empty_database) == gone, each


def test_all_of_them_go_up_down_and_up(server: Server, empty_database: str, undisturbed: Undisturbed) -> None:
    empty = catalogue(server, empty_database)
    yoyo(empty_database, "apply")
    assert catalogue(server, empty_database) == undisturbed.catalogue
    yoyo(empty_database, "rollback", "--all")
    assert catalogue(server, empty_database) == empty
    yoyo(empty_database, "apply")
    assert catalogue(server, empty_database) == undisturbed.catalogue


def test_sixteen_starters_at_once_all_succeed(
    server: Server, empty_database: str, undisturbed: Undisturbed
) -> None:
    starters = [start_yoyo(empty_database, "apply") for _ in range(16)]
    done = [finish(starter) for starter in starters]

    assert [each.returncode for each in done] == [0] * 16, [each.stderr for each in done]
    assert applications(empty_database) == IDS
    assert catalogue(server, empty_database) == undisturbed.catalogue


# The full campaign is run on each version of the server on demand; CI takes its share once.
@pytest.mark.once
def test_killed_anywhere_a_plain_second_run_completes(
    server: Server,
    undisturbed: Undisturbed,
    full: bool,
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kills = 200 if full else 4
    randomly = random.Random(seed)  # noqa: S311 - nothing secret
    reached: Counter[int] = Counter()
    too_late = 0
    for number in range(kills):
        with fresh_database(server) as url:
            victim = start_yoyo(url, "apply", "-vv")
            # A random point in each of as many equal parts of the run as there are kills. Much of a run is
            # the start of Python; so of every two, one is spread over the migrations, some 10 ms each.
            share = (number + randomly.random()) / kills
            if number % 2:
                wait_for_line(victim, f"apply {IDS[int(share * len(IDS))]}")
                time.sleep(randomly.uniform(0, 0.01))
            else:
                time.sleep(share * undisturbed.seconds)
            victim.kill()
            too_late += finish(victim).returncode == 0
            reached[len(marked(url))] += 1

            again = finish(start_yoyo(url, "apply"))
            place = f"kill {number} of seed {seed}"
            assert again.returncode == 0, f"{place}: {again.stderr}"
            assert marked(url) == IDS, place
            assert applications(url) == IDS, f"{place}: each is applied once, and logged with it"
            assert catalogue(server, url) == undisturbed.catalogue, place
    with capsys.disabled():
        marks = ", ".join(f"{count} at {marks}" for marks, count in sorted(reached.items()))
        sys.stdout.write(
            f"\n{kills} kills, seed {seed}, over {undisturbed.seconds:.2f} s, {too_late} after the end; "
            f"by the number of migrations marked: {marks}\n"
        )


def test_the_role_that_migrates_goes_on_where_an_administrator_began(empty_database: str) -> None:
    migrate.apply(empty_database, to=IDS[-2])
    give_login(empty_database, "lms_migrate", None)
    url = empty_database.replace("//postgres@", "//lms_migrate@")
    assert query(url, "select current_user") == [("lms_migrate",)]

    yoyo(url, "apply")
    assert marked(url) == IDS
    yoyo(url, "rollback")
    assert marked(url) == IDS[:-1]
    yoyo(url, "apply")
    yoyo(url, "reapply", "--revision", IDS[-1])
    assert [line.split()[0] for line in yoyo(url, "list").splitlines()[2:]] == ["A"] * len(IDS)
    owners = "select distinct relowner::regrole::text from pg_class where relnamespace = 'lms'::regnamespace"
    assert query(empty_database, owners) == [("lms_owner",)]
