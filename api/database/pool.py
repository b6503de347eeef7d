"""The connections of one worker, and the two ways a repository function reaches PostgreSQL through them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg

from api.database.errors import UnavailableError
from api.settings import Settings


class Database(Protocol):
    """Where a statement is sent: any connection of the pool, or the one that holds a transaction."""

    async def fetch(self, statement: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        """All rows of a statement."""

    async def execute(self, statement: str, arguments: tuple[Any, ...]) -> int:
        """The number of rows that a statement affected."""


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that has no session state, so there is nothing to reset when it goes back."""

    def get_reset_query(self) -> str:
        return ""


class Transaction:
    """A transaction under way. Its statements are not repeated here: the whole unit is, by whoever began it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, statement: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        return await self._connection.fetch(statement, *arguments)  # type: ignore[no-any-return]

    async def execute(self, statement: str, arguments: tuple[Any, ...]) -> int:
        return _affected(await self._connection.execute(statement, *arguments))


class Pool:
    """The pool of one worker. Acquiring has a deadline: a request is answered 503 rather than left waiting."""

    def __init__(self, pool: asyncpg.Pool, acquire_timeout: float) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout

    async def fetch(self, statement: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        connection = await self._acquire()
        try:
            try:
                return await connection.fetch(statement, *arguments)  # type: ignore[no-any-return]
            except RETRIED:
                return await connection.fetch(statement, *arguments)  # type: ignore[no-any-return]
        finally:
            await self._pool.release(connection)

    async def execute(self, statement: str, arguments: tuple[Any, ...]) -> int:
        connection = await self._acquire()
        try:
            try:
                return _affected(await connection.execute(statement, *arguments))
            except RETRIED:
                return _affected(await connection.execute(statement, *arguments))
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction, committed at the end of the block and rolled back by any exception."""
        connection = await self._acquire()
        try:
            async with connection.transaction():
                yield Transaction(connection)
        finally:
            await self._pool.release(connection)

    async def close(self) -> None:
        """Wait for the statements under way, then close. After 10 s, cut them off."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=10)
        except TimeoutError:
            self._pool.terminate()

    async def _acquire(self) -> asyncpg.Connection:
        try:
            return await self._pool.acquire(timeout=self._acquire_timeout)
        except TimeoutError as error:
            raise UnavailableError from error


RETRIED = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
"""What a statement, or a whole transaction, is sent once more for: nothing of it took effect."""


async def open_pool(settings: Settings) -> Pool:
    """Connect. Raises OSError or asyncpg.PostgresError where the server is not to be had."""
    pool = await asyncpg.create_pool(
        settings.require_database_url(),
        connection_class=Connection,
        init=_pass_json_through,
        min_size=min(2, settings.database_pool_size),
        max_size=settings.database_pool_size,
        # Through a transaction pooler a name prepared by one client means another's statement to the next.
        statement_cache_size=0 if settings.database_pooler == "transaction" else 1000,
        # No limit on what is cached: a list with three branches is long.
        max_cacheable_statement_size=0,
        timeout=settings.database_acquire_timeout,
    )
    return Pool(pool, settings.database_acquire_timeout)


async def _pass_json_through(connection: asyncpg.Connection) -> None:
    # `json` is what a client gets, byte for byte. `jsonb`, which is what a client sent, stays text.
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )


def _affected(status: str) -> int:
    """The rows of a command tag, such as `UPDATE 3`."""
    return int(status.rpartition(" ")[2])
