"""A quiz that ends while students sit it: when they are due, and from when on it is shown what is right.

What is right after the close is shown to nobody as long as anybody can still save or hand in: whoever is at the quiz
when it ends has until `due_at` and five seconds more, and could be told by a classmate, or by an attempt of their own.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from tests.conftest import TestDatabase
from tests.http.support import Client, one, refusal, waiting
from tests.http.test_attempts import RIGHT, publish, put_off, shown, start
from tests.operations.relay import relay_settings, relaying
from tests.sql.questions import QUESTIONS, quiz
from tests.support.mail import mail_server, wait_until
from tests.support.school import School

pytestmark = pytest.mark.usefixtures("restored")

ALL = (True, True, True)
SCORE = (True, False, False)


@pytest.fixture
def student(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "student")


@pytest.fixture
def classmate(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "classmate")


@pytest.fixture
def make(lecturer: Client, course: str) -> Callable[..., str]:
    """Where a new quiz is that shows what is right after its close."""

    def published(**settings: Any) -> str:
        usual = {"attempts_allowed": 2, "feedback_policy": "after_close"}
        return publish(lecturer, course, quiz(*QUESTIONS), **usual | settings)

    return published


def at(admin: psycopg.Connection[Any], seconds: float) -> str:
    """So many seconds from now on, by the clock of the database."""
    time: datetime = one(admin, "select now() + %s * interval '1 second'", (seconds,))
    return time.isoformat()


def is_due(client: Client, attempt: str) -> datetime | None:
    due_at = client.get(attempt).json()["due_at"]
    return None if due_at is None else datetime.fromisoformat(due_at)


def change(lecturer: Client, taken: str, **settings: Any) -> None:
    answer = lecturer.patch(taken, settings)
    assert answer.status_code == 200, answer.text


def by_state(admin: psycopg.Connection[Any], lecturer: Client, taken: str) -> None:  # noqa: ARG001
    change(lecturer, taken, state="closed")


def by_time(admin: psycopg.Connection[Any], lecturer: Client, taken: str) -> None:
    change(lecturer, taken, closes_at=at(admin, -1))


def let_grace_pass(admin: psycopg.Connection[Any], taken: str) -> None:
    """Whoever began in the last moment before `closes_at` may not be seen yet: so nothing is shown sooner."""
    admin.execute(
        "update lms.quizzes set closes_at = closes_at - interval '6 seconds' where quiz_id = %s",
        (taken.rpartition("/")[2],),
    )


CLOSINGS = pytest.mark.parametrize("close", [by_state, by_time])
Close = Callable[[psycopg.Connection[Any], Client, str], None]


# What is right


@CLOSINGS
@pytest.mark.parametrize("policy", ["after_close", "never"])
def test_nobody_sees_what_is_right_while_a_classmate_can_still_hand_in(
    make: Callable[..., str],
    student: Client,
    classmate: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    close: Close,
    policy: str,
) -> None:
    taken = make(feedback_policy=policy)
    other = start(classmate, taken)
    mine = start(student, taken)
    assert shown(student.post(f"{mine}/submit", {"answers": RIGHT}).json()) == SCORE
    close(admin, lecturer, taken)
    assert shown(student.get(mine).json()) == SCORE
    assert shown(student.post(f"{mine}/submit", {}).json()) == SCORE
    # It can be saved indeed, and handed in, after that was read.
    assert classmate.patch(other, {"answers": {"q1": "b"}}).status_code == 200
    assert shown(student.get(mine).json()) == SCORE
    handed_in = classmate.post(f"{other}/submit", {"answers": RIGHT}).json()
    assert handed_in["answers"] == RIGHT
    let_grace_pass(admin, taken)
    # Now nobody can.
    for client, attempt in ((student, mine), (classmate, other)):
        assert shown(client.get(attempt).json()) == (ALL if policy == "after_close" else SCORE)


@CLOSINGS
def test_what_is_right_is_seen_once_the_grace_is_over_also_before_the_worker_comes(
    make: Callable[..., str],
    student: Client,
    classmate: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    close: Close,
) -> None:
    taken = make()
    other = start(classmate, taken)
    mine = start(student, taken)
    student.post(f"{mine}/submit", {"answers": RIGHT})
    close(admin, lecturer, taken)
    assert shown(student.get(mine).json()) == SCORE
    put_off(admin, other, -5.5)
    assert refusal(classmate.patch(other, {"answers": RIGHT})) == (409, "quiz_attempts_due_at_past", [])
    assert classmate.get(other).json()["state"] == "in_progress"
    let_grace_pass(admin, taken)
    assert shown(student.get(mine).json()) == ALL
    assert shown(classmate.get(other).json()) == (False, False, False)


@CLOSINGS
def test_the_first_attempt_does_not_tell_what_is_right_in_the_second(
    make: Callable[..., str],
    student: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    close: Close,
) -> None:
    taken = make()
    first = start(student, taken)
    student.post(f"{first}/submit", {})
    second = start(student, taken)
    close(admin, lecturer, taken)
    assert shown(student.get(first).json())[1:] == (False, False)
    assert shown(student.post(f"{first}/submit", {}).json())[1:] == (False, False)
    assert student.patch(second, {"answers": {"q1": "b"}}).status_code == 200
    student.post(f"{second}/submit", {})
    let_grace_pass(admin, taken)
    for attempt in (first, second):
        assert shown(student.get(attempt).json()) == ALL


def test_nor_does_it_in_the_five_seconds_after_the_end_that_was_set_from_the_start(
    make: Callable[..., str], student: Client, admin: psycopg.Connection[Any]
) -> None:
    taken = make(closes_at=at(admin, 2))
    first = start(student, taken)
    student.post(f"{first}/submit", {})
    second = start(student, taken)
    due_at = is_due(student, second)
    wait_until(lambda: bool(one(admin, "select now() > %s", (due_at,))))
    assert shown(student.get(first).json())[1:] == (False, False)
    assert student.patch(second, {"answers": {"q1": "b"}}).status_code == 200
    student.post(f"{second}/submit", {})
    assert shown(student.get(first).json())[1:] == (False, False)
    let_grace_pass(admin, taken)
    assert shown(student.get(first).json()) == ALL


def test_who_sits_another_quiz_keeps_nobody_waiting(
    make: Callable[..., str], student: Client, classmate: Client, lecturer: Client
) -> None:
    taken, another = make(), make()
    start(classmate, another)
    mine = start(student, taken)
    student.post(f"{mine}/submit", {"answers": RIGHT})
    change(lecturer, taken, state="closed")
    assert shown(student.get(mine).json()) == ALL


# When they are due


def test_a_quiz_without_an_end_that_is_closed_is_handed_in_by_the_worker(
    make: Callable[..., str],
    student: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
) -> None:
    attempt = start(student, make())
    student.patch(attempt, {"answers": {"q3": True}})
    assert is_due(student, attempt) is None
    change(lecturer, attempt_of(student, attempt), state="closed")
    # The five seconds pass. What is due at no time stays so.
    admin.execute(
        "update lms.quiz_attempts set started_at = started_at - interval '1 minute', "
        "due_at = due_at - interval '6 seconds' where attempt_id = %s",
        (attempt.rpartition("/")[2],),
    )
    with mail_server() as mail, relaying(relay_settings(module_database, mail)):
        wait_until(lambda: student.get(attempt).json()["state"] == "graded")
    handed_in = student.get(attempt).json()
    assert (handed_in["answers"], handed_in["score"]) == ({"q3": True}, 1)
    assert handed_in["submitted_at"] == handed_in["due_at"]


def attempt_of(client: Client, attempt: str) -> str:
    """Where the quiz of an attempt is."""
    return f"/quizzes/{client.get(attempt).json()['quiz_id']}"


@pytest.mark.parametrize(
    ("limit", "closes_in", "then_in", "expected"),
    [
        (None, 60, 3600, "end"),
        (None, 3600, 60, "end"),
        (None, None, 3600, "end"),
        (None, 60, None, None),
        (600, 60, 3600, "limit"),
        (600, 3600, 60, "end"),
        (600, 60, None, "limit"),
    ],
)
def test_another_end_reaches_those_who_sit_the_quiz(
    make: Callable[..., str],
    student: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    limit: int | None,
    closes_in: int | None,
    then_in: int | None,
    expected: str | None,
) -> None:
    taken = make(time_limit_seconds=limit, closes_at=None if closes_in is None else at(admin, closes_in))
    attempt = start(student, taken)
    change(lecturer, taken, closes_at=None if then_in is None else at(admin, then_in))
    closes_at = lecturer.get(taken).json()["closes_at"]
    read = student.get(attempt).json()
    started_at = datetime.fromisoformat(read["started_at"])
    due_at = is_due(student, attempt)
    match expected:
        case "end":
            assert due_at == datetime.fromisoformat(closes_at)
        case "limit":
            assert due_at is not None
            assert (due_at - started_at).total_seconds() == limit
        case _:
            assert due_at is None


@CLOSINGS
def test_who_sits_it_when_it_is_closed_is_due_at_once(
    make: Callable[..., str], student: Client, lecturer: Client, admin: psycopg.Connection[Any], close: Close
) -> None:
    """And no sooner than they began."""
    taken = make(time_limit_seconds=600)
    attempt = start(student, taken)
    close(admin, lecturer, taken)
    read = student.get(attempt).json()
    assert datetime.fromisoformat(read["due_at"]) >= datetime.fromisoformat(read["started_at"])
    assert one(admin, "select now() >= %s::timestamptz", (read["due_at"],))
    put_off(admin, attempt, -5.5)
    late = student.post(f"{attempt}/submit", {"answers": RIGHT}).json()
    assert (late["answers"], late["score"]) == ({}, 0)


@CLOSINGS
def test_who_has_missed_the_end_does_not_come_back_when_it_is_put_off(
    make: Callable[..., str],
    student: Client,
    classmate: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    close: Close,
) -> None:
    """Since then others have seen what is right."""
    taken = make()
    other = start(classmate, taken)
    mine = start(student, taken)
    student.post(f"{mine}/submit", {"answers": RIGHT})
    close(admin, lecturer, taken)
    put_off(admin, other, -5.5)
    let_grace_pass(admin, taken)
    assert shown(student.get(mine).json()) == ALL
    change(lecturer, taken, state="published", closes_at=at(admin, 3600))
    assert refusal(classmate.patch(other, {"answers": RIGHT})) == (409, "quiz_attempts_due_at_past", [])
    assert classmate.post(f"{other}/submit", {"answers": RIGHT}).json()["answers"] == {}


def test_an_end_that_is_past_already_leaves_what_was_saved_until_now_in_time(
    make: Callable[..., str], student: Client, lecturer: Client, admin: psycopg.Connection[Any]
) -> None:
    taken = make()
    attempt = start(student, taken)
    student.patch(attempt, {"answers": {"q3": True}})
    saved_at = one(admin, "select now()")
    change(lecturer, taken, closes_at=at(admin, -3600))
    due_at = is_due(student, attempt)
    assert due_at is not None
    assert due_at >= saved_at


@pytest.mark.parametrize("setting", ["title", "closes_at"])
def test_another_change_of_a_closed_quiz_gives_nobody_more_time(
    make: Callable[..., str],
    student: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    setting: str,
) -> None:
    taken = make()
    attempt = start(student, taken)
    change(lecturer, taken, state="closed")
    put_off(admin, attempt, -3)
    before = is_due(student, attempt)
    change(lecturer, taken, **{setting: "Another" if setting == "title" else at(admin, 3600)})
    assert is_due(student, attempt) == before


def test_what_was_handed_in_stays_due_when_it_was(
    make: Callable[..., str], student: Client, lecturer: Client, admin: psycopg.Connection[Any]
) -> None:
    taken = make(closes_at=at(admin, 60))
    attempt = start(student, taken)
    before = student.post(f"{attempt}/submit", {"answers": RIGHT}).json()
    change(lecturer, taken, closes_at=at(admin, 3600))
    change(lecturer, taken, state="closed")
    after = student.get(attempt).json()
    assert [after[name] for name in ("due_at", "submitted_at", "score")] == [
        before[name] for name in ("due_at", "submitted_at", "score")
    ]


def test_whoever_starts_while_it_is_being_closed_is_refused_or_due(
    make: Callable[..., str],
    student: Client,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
) -> None:
    taken = make()
    with psycopg.connect(module_database.admin_url) as closing, ThreadPoolExecutor() as threads:
        closing.execute(
            "update lms.quizzes set state = 'closed' where quiz_id = %s", (taken.rpartition("/")[2],)
        )
        starting = threads.submit(student.post, f"{taken}/attempts")
        # It waits for the other; or it does not, and is done.
        wait_until(lambda: starting.done() or is_blocked_by(admin, closing))
        closing.commit()
        answer = starting.result()
    if answer.status_code == 201:
        assert is_due(student, answer.headers["location"]) is not None
    else:
        assert refusal(answer) == (409, "quiz_attempts_quiz_closed", [])


@CLOSINGS
def test_whoever_starts_while_its_closing_waits_is_due_when_it_is_closed(
    make: Callable[..., str],
    student: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
    close: Close,
) -> None:
    """And not when that was asked for: they had not begun yet."""
    taken = make()
    closed: list[datetime] = []
    with psycopg.connect(module_database.admin_url) as starting:
        take_part(starting, taken)

        def meanwhile() -> None:
            start(student, taken)
            closed.append(one(admin, "select clock_timestamp()"))
            starting.commit()

        with waiting(admin, partial(close, admin, lecturer, taken), meanwhile) as closing:
            closing.result()
    (attempt,) = student.get(f"{taken}/attempts").json()["items"]
    assert (
        datetime.fromisoformat(attempt["due_at"]) >= closed[0] > datetime.fromisoformat(attempt["started_at"])
    )


def take_part(connection: psycopg.Connection[Any], taken: str) -> None:
    """Lock a quiz as whoever starts it does."""
    connection.execute("select from lms.quizzes where quiz_id = %s for share", (taken.rpartition("/")[2],))


@pytest.mark.parametrize(("due_in", "prolonged"), [(60, True), (-2, True), (-4.5, False), (-5.5, False)])
def test_who_is_at_it_until_it_is_put_off_goes_on_but_for_the_last_second(
    make: Callable[..., str],
    student: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    due_in: float,
    prolonged: bool,
) -> None:
    """Before another end is there to be seen that second may be over, and what is right shown."""
    taken = make(closes_at=at(admin, 60))
    attempt = start(student, taken)
    put_off(admin, attempt, due_in)
    before = is_due(student, attempt)
    change(lecturer, taken, closes_at=None)
    assert is_due(student, attempt) == (None if prolonged else before)


def test_nobody_comes_back_by_an_end_that_was_put_off_in_time_and_had_to_wait(
    make: Callable[..., str],
    student: Client,
    classmate: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
) -> None:
    taken = make()
    other = start(classmate, taken)
    mine = start(student, taken)
    student.post(f"{mine}/submit", {"answers": RIGHT})
    change(lecturer, taken, closes_at=at(admin, -1))
    let_grace_pass(admin, taken)
    later = at(admin, 3600)
    with psycopg.connect(module_database.admin_url) as starting:
        take_part(starting, taken)

        def meanwhile() -> None:
            # When it was put off, they were still in time.
            put_off(admin, other, -5)
            assert shown(student.get(mine).json()) == ALL
            starting.commit()

        with waiting(admin, partial(change, lecturer, taken, closes_at=later), meanwhile) as prolonging:
            prolonging.result()
    assert refusal(classmate.patch(other, {"answers": RIGHT})) == (409, "quiz_attempts_due_at_past", [])


# Withdrawing it


@pytest.mark.parametrize("state", ["published", "closed"])
@pytest.mark.parametrize("handed_in", [True, False])
def test_what_was_taken_is_not_withdrawn(
    make: Callable[..., str], student: Client, lecturer: Client, state: str, handed_in: bool
) -> None:
    taken = make()
    attempt = start(student, taken)
    if handed_in:
        student.post(f"{attempt}/submit", {})
    change(lecturer, taken, state=state)
    before = lecturer.get(taken).json()
    assert refusal(lecturer.patch(taken, {"state": "draft"})) == (409, "quizzes_state_taken", ["/state"])
    assert lecturer.get(taken).json() == before
    assert student.get(attempt).status_code == 200


def test_nor_is_what_somebody_begins_to_take_meanwhile(
    make: Callable[..., str],
    lecturer: Client,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
    school: School,
) -> None:
    taken = make()
    with psycopg.connect(module_database.admin_url) as starting:
        take_part(starting, taken)
        starting.execute(
            "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score) "
            "values (%s, 1, %s, 1, 1)",
            (taken.rpartition("/")[2], school.people["student"]),
        )
        with waiting(
            admin, partial(lecturer.patch, taken, {"state": "draft"}), starting.commit
        ) as withdrawing:
            answer = withdrawing.result()
    assert refusal(answer) == (409, "quizzes_state_taken", ["/state"])


def test_whoever_starts_what_is_being_withdrawn_finds_it_gone(
    make: Callable[..., str],
    student: Client,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
) -> None:
    taken = make()
    with psycopg.connect(module_database.admin_url) as withdrawing:
        withdrawing.execute(
            "update lms.quizzes set state = 'draft' where quiz_id = %s", (taken.rpartition("/")[2],)
        )
        with waiting(admin, partial(student.post, f"{taken}/attempts"), withdrawing.commit) as starting:
            assert starting.result().status_code == 404


def is_blocked_by(admin: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> bool:
    return bool(
        one(
            admin,
            "select exists (select from pg_stat_activity where %s = any(pg_blocking_pids(pid)))",
            (other.info.backend_pid,),
        )
    )


@pytest.fixture(autouse=True, scope="module")
def put_back(tables: Any) -> Iterator[None]:
    """What the tests of the file have made is gone in the end."""
    yield
    tables.restore()
