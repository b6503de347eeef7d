"""Double submits, parallel starts, and clients that leave before they are answered.

    pytest tests/chaos/test_attempts.py --full      50 rounds each

The service runs as `lms serve` runs it, two processes on one PostgreSQL. An attempt that a hundred hand in at once is
handed in once, graded once, and all are told the same; of fifty starts at once there is never an attempt more than the
quiz allows. The naive ways run on the same tables, and must do it twice.
"""

import asyncio
import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx
import psycopg
import pytest

from tests.chaos.conftest import Serving
from tests.conftest import TestDatabase
from tests.http.support import Client, at_once, one
from tests.sql.questions import quiz
from tests.support.school import School, found_school
from tests.support.service import KEPT

Say = Callable[[str], None]

SUBMITS = 100
STARTS = 50
ASKED = quiz("single_choice", "multiple_choice", "numeric")
HOURS_OFF = ("Wed, 01 Jan 2020 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT")


@dataclass
class Room:
    """Where a quiz is taken: the service in two processes, its database, and who is there."""

    lecturer: Client
    student: Client
    admin: psycopg.Connection[Any]
    school: School
    address: str

    def quiz(self, **settings: Any) -> str:
        """Where a new quiz is that can be taken."""
        course = f"/courses/{self.school.own['course_id']}"
        made = str(
            self.lecturer.post(f"{course}/quizzes", {"title": "Raced", "week_number": 1} | settings).headers[
                "location"
            ]
        )
        self.lecturer.put(f"{made}/questions", ASKED._asdict())
        assert self.lecturer.patch(made, {"state": "published"}).status_code == 200
        return made

    def start(self, taken: str) -> str:
        return str(self.student.post(f"{taken}/attempts").headers["location"])

    def number(self, taken: str) -> int:
        """How many attempts there are."""
        found: int = one(
            self.admin,
            "select count(*) from lms.quiz_attempts where quiz_id = %s",
            (taken.rpartition("/")[2],),
        )
        return found

    def audited(self, action: str) -> int:
        found: int = one(self.admin, "select count(*) from lms.audit_events where action = %s", (action,))
        return found


@pytest.fixture(scope="module")
def room(module_database: TestDatabase, serving: Serving) -> Iterator[Room]:
    school = found_school(module_database.admin_url)
    with (
        serving(module_database) as running,
        httpx.Client(base_url=running.url, timeout=60, limits=KEPT) as client,
        psycopg.connect(module_database.admin_url, autocommit=True) as admin,
    ):
        yield Room(
            Client(client, school, "lecturer"), Client(client, school, "student"), admin, school, running.url
        )


def test_a_hundred_hand_in_one_attempt_and_it_is_graded_once(
    room: Room, full: bool, seed: int, say: Say
) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    rounds = 50 if full else 2
    for _ in range(rounds):
        attempt = room.start(room.quiz())
        handed_in = room.audited("attempts.submit")
        sent = [{"q1": chance.choice("abc"), "q3": chance.choice([95, 200])} for _ in range(SUBMITS)]
        works = [
            partial(
                room.student.post, f"{attempt}/submit", {"answers": each}, **_some_headers(chance, number)
            )
            for number, each in enumerate(sent)
        ]
        answers = at_once(works)
        assert Counter(answer.status_code for answer in answers) == {200: SUBMITS}
        assert len({answer.content for answer in answers}) == 1
        assert len({answer.headers["etag"] for answer in answers}) == 1
        document = answers[0].json()
        # One edit: its end and its grade are one.
        assert (document["state"], document["version"]) == ("graded", 2)
        assert document["answers"] in sent
        assert document["score"] == (document["answers"]["q1"] == "b") + (document["answers"]["q3"] == 95)
        assert room.student.get(attempt).content == answers[0].content
        assert room.audited("attempts.submit") == handed_in + 1
    _performance_is_right(room)
    say(
        f"{rounds} attempts, each handed in by {SUBMITS} at once: one end, one grade, one answer each; seed {seed}"
    )


def _some_headers(chance: random.Random, number: int) -> dict[str, str]:
    """Every third with a key of its own, every fifth with a clock that is wrong by years."""
    headers = {}
    if number % 3 == 0:
        headers["Idempotency-Key"] = f"{chance.getrandbits(64):x}"
    if number % 5 == 0:
        headers["Date"] = chance.choice(HOURS_OFF)
    return headers


def _performance_is_right(room: Room) -> None:
    columns = b"student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery"
    kept, computed = (
        room.admin.execute(b"select %s from %s order by 1, 2, 3" % (columns, source)).fetchall()
        for source in (b"lms.topic_performance", b"lms.computed_performance()")
    )
    assert kept == computed
    assert kept


def test_fifty_start_at_once_and_get_one_attempt_as_long_as_there_are_any(
    room: Room, full: bool, seed: int, say: Say
) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    rounds = 50 if full else 4
    for _ in range(rounds):
        allowed = chance.choice([1, 2, 3])
        taken = room.quiz(attempts_allowed=allowed)
        for number in range(1, allowed + 1):
            started = room.audited("attempts.create")
            works = [
                partial(room.student.post, f"{taken}/attempts", None, **_some_headers(chance, each))
                for each in range(STARTS)
            ]
            answers = at_once(works)
            assert Counter(answer.status_code for answer in answers) == {201: 1, 200: STARTS - 1}
            assert len({answer.content for answer in answers}) == 1
            assert (room.number(taken), answers[0].json()["attempt_number"]) == (number, number)
            assert room.audited("attempts.create") == started + 1
            room.student.post(f"/attempts/{answers[0].json()['id']}/submit", {})
        refused = at_once([partial(room.student.post, f"{taken}/attempts")] * STARTS)
        assert {answer.json()["type"] for answer in refused} == {"urn:lms:problem:quiz_attempts_allowed"}
        assert room.number(taken) == allowed
    say(f"{rounds} quizzes, {STARTS} starts at once for each attempt: never one too many; seed {seed}")


def test_starting_and_handing_in_at_once_makes_no_attempt_too_many(
    room: Room, full: bool, seed: int, say: Say
) -> None:
    """Whoever starts while the attempt under way is handed in gets that one, the next one, or is told there is none."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    rounds = 50 if full else 8
    made = 0
    statuses: Counter[int] = Counter()
    for _ in range(rounds):
        taken = room.quiz(attempts_allowed=3)

        def both(taken: str = taken) -> list[httpx.Response]:
            begun = room.student.post(f"{taken}/attempts")
            if not begun.is_success:
                return [begun]
            return [begun, room.student.post(f"/attempts/{begun.json()['id']}/submit", {})]

        works = [both] * 30
        chance.shuffle(works)
        answers = [answer for pair in at_once(works) for answer in pair]
        statuses.update(answer.status_code for answer in answers)
        numbers = {answer.json()["attempt_number"] for answer in answers if answer.is_success}
        assert numbers == set(range(1, room.number(taken) + 1))
        assert numbers <= {1, 2, 3}
        made += len(numbers)
    assert set(statuses) <= {200, 201, 409}
    assert statuses[201] == made > rounds
    say(f"{rounds} quizzes started and handed in by 30 at once: {dict(statuses)}, seed {seed}")


def test_nothing_is_saved_once_it_was_handed_in(room: Room, full: bool, seed: int) -> None:
    """Saves that come with the end are in it, or are refused and change nothing."""
    for number in range(20 if full else 3):
        attempt = room.start(room.quiz())
        save = partial(room.student.patch, attempt, {"answers": {"q1": "b"}})
        submit = partial(room.student.post, f"{attempt}/submit", {})
        *saved, handed_in = at_once([*[save] * 20, submit])
        assert Counter(answer.status_code for answer in saved) <= Counter({200: 20, 409: 20}), (seed, number)
        assert handed_in.status_code == 200
        assert room.student.get(attempt).content == handed_in.content
        before = one(
            room.admin,
            "select xmin::text || to_jsonb(attempts)::text from lms.quiz_attempts as attempts where attempt_id = %s",
            (attempt.rpartition("/")[2],),
        )
        late = at_once([save] * 20)
        assert Counter(answer.status_code for answer in late) == {409: 20}
        after = one(
            room.admin,
            "select xmin::text || to_jsonb(attempts)::text from lms.quiz_attempts as attempts where attempt_id = %s",
            (attempt.rpartition("/")[2],),
        )
        assert after == before


def test_a_client_that_is_cut_off_tries_again_and_finds_one_effect(
    room: Room, full: bool, seed: int, say: Say
) -> None:
    """The connection ends with the request: whether it took effect, the client cannot know."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    rounds = 200 if full else 15
    had_effect: Counter[str] = Counter()
    for _ in range(rounds):
        taken = room.quiz()
        _cut_off(room, f"{taken}/attempts", None, chance)
        begun = room.student.post(f"{taken}/attempts")
        had_effect["start"] += begun.status_code == 200
        assert begun.status_code in (200, 201)
        attempt = f"/attempts/{begun.json()['id']}"
        document = {"answers": {"q1": "b"}}
        _cut_off(room, f"{attempt}/submit", document, chance)
        answers = [room.student.post(f"{attempt}/submit", document) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content
        assert (answers[0].json()["score"], answers[0].json()["version"], room.number(taken)) == (1, 2, 1)
    say(f"{rounds} starts and submits cut off, and sent again: {dict(had_effect)} had begun, seed {seed}")


def _cut_off(room: Room, path: str, document: Any, chance: random.Random) -> None:
    """Send a request and leave, at once or a little later, without reading the answer."""
    where = urlsplit(room.address)
    body = b"" if document is None else json.dumps(document).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nAuthorization: {room.student.headers['Authorization']}\r\n\r\n"
    )
    with socket.create_connection((str(where.hostname), where.port or 80)) as connection:
        connection.sendall(head.encode() + body)
        if chance.random() < 0.7:
            connection.settimeout(chance.uniform(0.001, 0.02))
            with suppress(TimeoutError):
                connection.recv(1)


# The controls: the same on tables without the two unique rules, and without the lock.

COUNT = "select count(*) from lms.quiz_attempts where quiz_id = $1 and student_id = $2"
INSERT = """
    insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score)
    values ($1, 1, $2, 1, 3)
"""
STATE = "select state from lms.quiz_attempts where attempt_id = $1"
END = """
    update lms.quiz_attempts
    set state = 'submitted', submitted_at = now(), version = version + 1
    where attempt_id = $1
"""


@dataclass(frozen=True)
class Naive:
    """Look first, then write, in a pool of ten."""

    pool: asyncpg.Pool
    quiz_id: UUID
    student_id: UUID

    async def start(self) -> None:
        if await self.pool.fetchval(COUNT, self.quiz_id, self.student_id) < 1:
            await self.pool.execute(INSERT, self.quiz_id, self.student_id)

    async def submit(self, attempt_id: UUID) -> int:
        """How often this one graded it."""
        if await self.pool.fetchval(STATE, attempt_id) != "in_progress":
            return 0
        await self.pool.execute(END, attempt_id)
        return 1


@pytest.mark.once
def test_looking_first_starts_too_many_and_grades_twice(database: TestDatabase, say: Say) -> None:
    school = found_school(database.admin_url)
    straight = replace(database, server=replace(database.server, pooler_port=None))

    async def hold() -> tuple[int, int]:
        async with asyncpg.create_pool(straight.admin_url, min_size=10, max_size=10) as pool:
            await pool.execute(
                "alter table lms.quiz_attempts drop constraint quiz_attempts_attempt_number_uq"
            )
            await pool.execute("drop index lms.quiz_attempts_in_progress_uq")
            naive = Naive(pool, school.own["quiz_id"], school.people["student"])
            started = graded = 0
            for _ in range(10):
                await asyncio.gather(*[naive.start() for _ in range(STARTS)])
                started = max(started, await pool.fetchval(COUNT, naive.quiz_id, naive.student_id))
                attempt_id = await pool.fetchval(
                    "select attempt_id from lms.quiz_attempts where quiz_id = $1 limit 1", naive.quiz_id
                )
                graded = max(
                    graded, sum(await asyncio.gather(*[naive.submit(attempt_id) for _ in range(SUBMITS)]))
                )
                await pool.execute("delete from lms.quiz_attempts where quiz_id = $1", naive.quiz_id)
            return started, graded

    started, graded = asyncio.run(hold())
    say(f"looking first: {started} attempts where 1 is allowed, {graded} grades of one attempt")
    assert started > 1
    assert graded > 1
