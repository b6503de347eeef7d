"""Twenty writers who cross on the same few courses: nobody waits for somebody who waits for them.

    pytest tests/chaos/test_deadlocks.py --full      a minute of it

Every statement takes its locks in one order: accounts by their keys, the course, its enrolments. A deadlock would not
show in an answer, since the service tries again, so PostgreSQL is asked how many there were.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final, LiteralString
from uuid import UUID

import httpx
import psycopg

from tests.chaos.conftest import Serving
from tests.chaos.seats import KEEP_ALIVE, Contender, Hall, found_hall, open_race
from tests.conftest import TestDatabase
from tests.http.support import at_once

WRITERS: Final = 20
COURSES: Final = 4
STUDENTS: Final = 12
PATIENCE: Final = 60
"""Seconds after which what has not succeeded yet never will."""

EXPECTED: Final = {
    "enroll": {201, 404, 409, 422},
    "patch the enrolment": {200, 404, 409},
    "patch the capacity": {200, 404, 409},
    "delete the course": {204, 404, 409},
    "open a course": {201},
    "patch the account": {200, 409},
    "import a file": {200, 404, 409, 422},
}
"""What may be answered to each: a course may just have gone, be full or have students; a student be none any more."""
OFTEN: Final = {"enroll": 6, "patch the enrolment": 8, "patch the capacity": 3, "delete the course": 2}
"""Times as often as the others."""


class Crossing:
    """What the writers have in common."""

    def __init__(self, hall: Hall, courses: list[UUID], randomly: random.Random) -> None:
        self.hall = hall
        self.courses = courses
        self.randomly = randomly
        self.answers: Counter[tuple[str, int]] = Counter()

    async def write(self, client: httpx.AsyncClient, until: float) -> None:
        """One thing after the other, until the time is over and all has been tried with success."""
        while time.monotonic() < until or (not self.tried() and time.monotonic() < until + PATIENCE):
            (what,) = self.randomly.choices(list(EXPECTED), [OFTEN.get(each, 1) for each in EXPECTED])
            answer = await self._send(client, what, self.randomly.choice(self._students()))
            self.answers[what, answer.status_code] += 1

    def tried(self) -> bool:
        return {what for what, status in self.answers if status < 300} == EXPECTED.keys()

    def _students(self) -> list[Contender]:
        return self.hall.contenders[:STUDENTS]

    async def _send(  # noqa: PLR0911 - one for each thing that is tried
        self, client: httpx.AsyncClient, what: str, student: Contender
    ) -> httpx.Response:
        course = f"/courses/{self.randomly.choice(self.courses)}"
        enrollment = f"{course}/enrollments/{student.student_id}"
        lecturer = {"Authorization": f"Bearer {self.hall.lecturer_token}", "If-Match": "*"}
        administrator = {"Authorization": f"Bearer {self.hall.admin_token}", "If-Match": "*"}
        match what:
            case "enroll":
                who = self.randomly.choice(
                    [{"student_id": str(student.student_id)}, {"email": student.email}]
                )
                return await client.post(f"{course}/enrollments", json=who, headers=lecturer)
            case "patch the enrolment":
                state = {"state": self.randomly.choice(["active", "dropped"])}
                return await client.patch(enrollment, json=state, headers=lecturer)
            case "patch the capacity":
                capacity = {"capacity": self.randomly.randint(5, 15)}
                return await client.patch(course, json=capacity, headers=lecturer)
            case "delete the course":
                return await client.delete(course, headers=lecturer)
            case "import a file":
                return await self._import(client, course, student, lecturer)
            case "open a course":
                return await self._open(client, lecturer)
            case _:
                role = {"role": self.randomly.choice(["student", "student", "lecturer"])}
                return await client.patch(f"/users/{student.student_id}", json=role, headers=administrator)

    async def _import(
        self, client: httpx.AsyncClient, course: str, student: Contender, headers: dict[str, str]
    ) -> httpx.Response:
        """Two whom others import as well, in whichever order, and somebody who may be on the course already."""
        new = [f"new{number}@crossing.example,New,invited" for number in self.randomly.sample(range(9), 2)]
        lines = [
            "email,full_name,state",
            *new,
            f"{student.email},,{self.randomly.choice(['active', 'invited'])}",
        ]
        return await client.post(
            f"{course}/enrollments/import",
            content="\r\n".join(lines),
            headers=headers | {"Content-Type": "text/csv"},
        )

    async def _open(self, client: httpx.AsyncClient, lecturer: dict[str, str]) -> httpx.Response:
        """A new course, empty at first, in the place of one of the few."""
        course = {
            "code": f"CROSS-{self.randomly.getrandbits(40)}",
            "title": "A crossing",
            "term_id": str(self.hall.term_id),
            "capacity": 10,
            "state": "published",
        }
        answer = await client.post("/courses", json=course, headers=lecturer)
        if answer.status_code == 201:
            self.courses[self.randomly.randrange(COURSES)] = UUID(answer.json()["id"])
        return answer


def deadlocks(database: TestDatabase) -> int:
    with psycopg.connect(database.admin_url) as connection:
        ((count,),) = connection.execute(
            "select deadlocks from pg_stat_database where datname = current_database()"
        ).fetchall()
        return int(count)


def test_writers_who_cross_never_deadlock(
    module_database: TestDatabase,
    hall: Hall,
    serving: Serving,
    full: bool,
    seed: int,
    say: Callable[[str], None],
) -> None:
    randomly = random.Random(seed)  # noqa: S311 - nothing secret
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        courses = [open_race(connection, hall, number).course_id for number in range(COURSES)]
    crossing = Crossing(hall, courses, randomly)
    seconds = 60 if full else 4

    async def cross(url: str) -> None:
        clients = [httpx.AsyncClient(base_url=url, timeout=60, limits=KEEP_ALIVE) for _ in range(WRITERS)]
        try:
            await asyncio.gather(*(client.get("/health/ready") for client in clients))
            until = time.monotonic() + seconds
            await asyncio.gather(*(crossing.write(client, until) for client in clients))
        finally:
            for client in clients:
                await client.aclose()

    before = deadlocks(module_database)
    # PostgreSQL adds up what a connection counted when it ends, so the service has to be gone.
    with serving(module_database) as service:
        asyncio.run(cross(service.url))
    found = deadlocks(module_database) - before

    total = crossing.answers.total()
    kinds = ", ".join(
        f"{count} {what}: {status}" for (what, status), count in sorted(crossing.answers.items())
    )
    say(f"{total} writes of {WRITERS} writers in {seconds} s, seed {seed}, {found} deadlocks: {kinds}")
    assert found == 0
    for (what, status), count in crossing.answers.items():
        assert status in EXPECTED[what], f"{count} times {status} to {what}"
    assert {what for what, status in crossing.answers if status < 300} == EXPECTED.keys(), (
        "all of it was tried"
    )
    assert _miscounted(module_database) == []


def _miscounted(database: TestDatabase) -> list[Any]:
    """Courses whose counter is not what there is."""
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(
            "select courses.code, courses.seats_taken, count(enrollments.student_id) from lms.courses "
            "left join lms.student_enrollments as enrollments "
            "on enrollments.course_id = courses.course_id and enrollments.state <> 'dropped' "
            "group by courses.course_id having courses.seats_taken <> count(enrollments.student_id)"
        ).fetchall()


LOCK_COURSE: Final = "select from lms.courses where course_id = %s for no key update"
LOCK_ENROLMENTS: Final = "select from lms.student_enrollments where course_id = %s for no key update"


def test_locks_taken_the_other_way_round_deadlock_and_are_counted(database: TestDatabase) -> None:
    """The control: one locks the course first, as all statements do, and one the enrolments."""
    hall = found_hall(database.admin_url, STUDENTS)
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        course_id = open_race(connection, hall, 0).course_id
        connection.execute(
            "insert into lms.student_enrollments (student_id, course_id, state) values (%s, %s, 'active')",
            (hall.contenders[0].student_id, course_id),
        )

    def lock(connection: psycopg.Connection[Any], statement: LiteralString) -> bool:
        """Whether it got the lock in the end."""
        try:
            connection.execute(statement, (course_id,))
        except psycopg.errors.DeadlockDetected:
            connection.rollback()
            return False
        return True

    with psycopg.connect(database.admin_url) as one, psycopg.connect(database.admin_url) as other:
        assert lock(one, LOCK_COURSE)
        assert lock(other, LOCK_ENROLMENTS)
        # Whoever is told of the deadlock lets go, and the other one gets on.
        got = at_once([partial(lock, one, LOCK_ENROLMENTS), partial(lock, other, LOCK_COURSE)])
    assert sorted(got) == [False, True]
    assert deadlocks(database) == 1
