"""The race for the last seat: 200 contenders for 30, some of them twice, some of whom leave and come back.

    pytest tests/chaos/test_seats.py --full      50 races each way

The service runs as `lms serve` runs it, two processes on one PostgreSQL. What everybody was told is held against the
tables: never more seats than there are, all of them taken where enough want one, each answer true, one audit event
for each write. The naive ways run with the same contenders through the same pool, and must overbook.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

import asyncpg
import psycopg
import pytest

from api.database.pool import Pool, open_pool
from api.settings import Settings
from tests.chaos.seats import (
    CONTENDERS,
    FEW,
    FULL,
    SEATS,
    ByFunction,
    Contender,
    Hall,
    OverHttp,
    Race,
    Registrar,
    check,
    found_hall,
    open_race,
    plans,
    report,
    run,
)
from tests.cli.support import Running
from tests.conftest import TestDatabase
from tests.support.service import settings_for

Say = Callable[[str], None]


async def races(
    registrar: Registrar, database: TestDatabase, hall: Hall, number: int, seed: int
) -> list[Race]:
    """Hold so many races, one after the other, and check each. In every fifth there are seats for all."""
    randomly = random.Random(seed)  # noqa: S311 - nothing secret
    held = []
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        for each in range(number):
            contenders = hall.contenders[: FEW if each % 5 == 4 else CONTENDERS]
            race = open_race(connection, hall, randomly.getrandbits(40))
            await run(registrar, race, contenders, plans(randomly, len(contenders)))
            check(connection, race, contenders)
            held.append(race)
    return held


@asynccontextmanager
async def pool_of(settings: Settings) -> AsyncIterator[Pool]:
    """A pool as a worker has it."""
    pool = await open_pool(
        settings.model_copy(update={"database_pool_size": 10, "database_acquire_timeout": 30})
    )
    try:
        yield pool
    finally:
        await pool.close()


def test_over_http_no_seat_is_given_twice_and_none_stays_free(
    running: Running, module_database: TestDatabase, hall: Hall, full: bool, seed: int, say: Say
) -> None:
    async def hold() -> list[Race]:
        async with OverHttp(running.url, hall.lecturer_token) as registrar:
            await registrar.connect(hall.contenders)
            return await races(registrar, module_database, hall, 50 if full else 5, seed)

    say(report("HTTP, two processes", asyncio.run(hold()), seed))


def test_by_repository_functions_no_seat_is_given_twice_and_none_stays_free(
    module_database: TestDatabase, hall: Hall, full: bool, seed: int, say: Say
) -> None:
    async def hold() -> list[Race]:
        async with pool_of(settings_for(module_database.server, module_database.name)) as pool:
            registrar = ByFunction(pool, hall.lecturer_token)
            return await races(registrar, module_database, hall, 50 if full else 10, seed)

    say(report("functions on a pool of ten", asyncio.run(hold()), seed))


# The controls: the same contenders, on the same pool, without the counter.

COUNT_UNDER_LOCK = """
    with course as (
        select course_id, capacity from lms.courses where course_id = $1 for update
    ),
    taken as (
        select count(*) as seats from lms.student_enrollments where course_id = $1 and state <> 'dropped'
    )
    insert into lms.student_enrollments (student_id, course_id, state)
    select $2, course.course_id, 'active'
    from course
    cross join taken
    where taken.seats < course.capacity
"""
COUNT = "select count(*) from lms.student_enrollments where course_id = $1 and state <> 'dropped'"
INSERT = "insert into lms.student_enrollments (student_id, course_id, state) values ($1, $2, 'active')"

UPDATE = "update lms.student_enrollments set state = $3 where student_id = $1 and course_id = $2"


@dataclass(frozen=True)
class Naive:
    """Count the seats that are taken, and take one if there is one left."""

    pool: Pool
    enrolling: Callable[[Pool, UUID, UUID], Awaitable[bool]]

    async def enroll(
        self, course_id: UUID, contender: Contender, *, by_email: bool, state: str
    ) -> tuple[int, str | None]:
        del by_email, state
        try:
            enrolled = await self.enrolling(self.pool, course_id, contender.student_id)
        except asyncpg.UniqueViolationError as error:
            return 409, str(error.constraint_name)
        return (201, None) if enrolled else (409, FULL)

    async def change(
        self, course_id: UUID, contender: Contender, *, state: str, by_student: bool
    ) -> tuple[int, str | None]:
        del by_student
        (row,) = await self.pool.fetch(COUNT, (course_id,))
        if state != "dropped" and row["count"] >= SEATS:
            return 409, FULL
        await self.pool.execute(UPDATE, (contender.student_id, course_id, state))
        return 200, None


async def count_under_lock(pool: Pool, course_id: UUID, student_id: UUID) -> bool:
    return await pool.execute(COUNT_UNDER_LOCK, (course_id, student_id)) == 1


async def count_and_insert(pool: Pool, course_id: UUID, student_id: UUID) -> bool:
    (row,) = await pool.fetch(COUNT, (course_id,))
    return row["count"] < SEATS and await pool.execute(INSERT, (student_id, course_id)) == 1


@pytest.mark.parametrize("enrolling", [count_under_lock, count_and_insert])
def test_counting_first_overbooks(
    database: TestDatabase,
    enrolling: Callable[[Pool, UUID, UUID], Awaitable[bool]],
    full: bool,
    seed: int,
    say: Say,
) -> None:
    """Under the lock of the course, too: a statement counts what was there when it began, not when it got the lock."""
    hall = found_hall(database.admin_url)
    # A pooler with two connections would leave one to race with.
    straight = replace(database.server, pooler_port=None)
    rounds = 50 if full else 10
    randomly = random.Random(seed)  # noqa: S311 - nothing secret

    async def hold() -> list[int]:
        overbooked: list[int] = []
        async with pool_of(settings_for(straight, database.name)) as pool:
            with psycopg.connect(database.admin_url, autocommit=True) as connection:
                # Some seat in every second race; where there is none by chance, a few more.
                while len(overbooked) < rounds or (sum(overbooked) == 0 and len(overbooked) < 10 * rounds):
                    race = open_race(connection, hall, randomly.getrandbits(40))
                    await run(Naive(pool, enrolling), race, hall.contenders, plans(randomly, CONTENDERS))
                    ((taken,),) = connection.execute(
                        "select count(*) from lms.student_enrollments where course_id = %s and state <> 'dropped'",
                        (race.course_id,),
                    ).fetchall()
                    overbooked.append(taken - SEATS)
        return overbooked

    overbooked = asyncio.run(hold())
    say(
        f"{enrolling.__name__}: {sum(overbooked)} seats overbooked in {len(overbooked)} races, "
        f"at most {max(overbooked)} in one, seed {seed}"
    )
    assert sum(overbooked) > 0
