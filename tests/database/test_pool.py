"""The pool under clients that leave, statements that fail and servers that hang up."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg
import psycopg
import pytest

from api.database.errors import UnavailableError
from api.database.pool import Pool, open_pool
from tests.conftest import TestDatabase
from tests.support.service import settings_for

SIZE = 4
"""What settings_for() gives a pool."""


def with_pool(database: TestDatabase, work: Callable[[Pool], Awaitable[None]], **settings: Any) -> None:
    """Run this with a pool of its own, closed at the end."""

    async def run() -> None:
        pool = await open_pool(settings_for(database.server, database.name, **settings))
        try:
            await work(pool)
        finally:
            await pool.close()

    asyncio.run(run())


async def answer(pool: Pool, seconds: float = 0.0) -> int:
    rows = await pool.fetch("select $1::integer + 41 as sum from pg_sleep($2)", (1, seconds))
    value: int = rows[0]["sum"]
    return value


async def all_connections_answer(pool: Pool) -> bool:
    """Whether as many statements as there are connections run side by side, twice."""
    return [await asyncio.gather(*[answer(pool, 0.05) for _ in range(SIZE)]) for _ in range(2)] == [
        [42] * SIZE
    ] * 2


def test_a_connection_is_used_again(module_database: TestDatabase) -> None:
    async def work(pool: Pool) -> None:
        async with pool.transaction() as transaction:
            first = await transaction.fetch("select pg_backend_pid() as pid", ())
        # Through a pooler a client's connection is none of the server's.
        assert len(pool._kept) == 1
        assert await answer(pool) == 42
        assert len(pool._kept) == 1
        assert first[0]["pid"] > 0

    with_pool(module_database, work)


def test_more_clients_than_connections_are_all_answered(module_database: TestDatabase) -> None:
    async def work(pool: Pool) -> None:
        assert await asyncio.gather(*[answer(pool) for _ in range(500)]) == [42] * 500
        assert pool._pool.get_size() <= SIZE

    with_pool(module_database, work, database_acquire_timeout=30)


def test_who_waits_longer_than_the_deadline_is_told_so(module_database: TestDatabase) -> None:
    async def work(pool: Pool) -> None:
        busy = [asyncio.create_task(answer(pool, 2)) for _ in range(SIZE)]
        await asyncio.sleep(0.3)
        started = time.monotonic()
        with pytest.raises(UnavailableError):
            await answer(pool)
        waited = time.monotonic() - started
        assert not any(task.done() for task in busy), f"waited {waited:.1f} s, as long as the statements took"
        assert await asyncio.gather(*busy) == [42] * SIZE
        assert await all_connections_answer(pool)

    with_pool(module_database, work, database_acquire_timeout=0.3)


def test_a_connection_that_the_server_closed_is_replaced(module_database: TestDatabase) -> None:
    async def work(pool: Pool) -> None:
        assert await all_connections_answer(pool)
        with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
            ended = connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where usename = 'lms_api' and datname = current_database()"
            ).fetchall()
        assert ended
        await asyncio.sleep(0.2)
        for _ in range(SIZE):
            # The first statement on a dead connection may still find out the hard way, through a pooler too.
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await answer(pool)
        assert await all_connections_answer(pool)

    with_pool(module_database, work)


def test_no_connection_is_lost_to_clients_that_leave_or_fail(
    module_database: TestDatabase, seed: int, full: bool
) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated from its seed

    async def client(pool: Pool) -> None:
        what = chance.random()
        if what < 0.4:
            task = asyncio.create_task(answer(pool, chance.random() * 0.01))
            await asyncio.sleep(chance.random() * 0.02)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        elif what < 0.6:
            with pytest.raises(asyncpg.DivisionByZeroError):
                await pool.fetch("select 1 / $1::integer", (0,))
        elif what < 0.7:
            with suppress(asyncpg.DivisionByZeroError):
                async with pool.transaction() as transaction:
                    await transaction.fetch("select 1 / $1::integer", (chance.randrange(2),))
        else:
            assert await answer(pool) == 42

    async def work(pool: Pool) -> None:
        for _ in range(50 if full else 5):
            await asyncio.gather(*[client(pool) for _ in range(100)])
        assert pool._wanted == 0, f"seed {seed}"
        assert await all_connections_answer(pool), f"seed {seed}"
        assert pool._pool.get_size() <= SIZE, f"seed {seed}"

    with_pool(module_database, work, database_acquire_timeout=30)
