"""The connections of one worker, and the two ways a repository function reaches PostgreSQL through them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
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
        self._size: int = pool.get_max_size()
        self._acquire_timeout = acquire_timeout
        self._kept: list[asyncpg.Connection] = []
        """Between two requests a connection is kept here, on loan from asyncpg: a task and two timers for
        giving it back and taking it again would be a fifth of what a request costs."""
        self._wanted = 0
        """Connections in use or waited for."""

    async def fetch(self, statement: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        async with _Loan(self) as connection:
            try:
                return await connection.fetch(statement, *arguments)  # type: ignore[no-any-return]
            except RETRIED:
                return await connection.fetch(statement, *arguments)  # type: ignore[no-any-return]

    async def execute(self, statement: str, arguments: tuple[Any, ...]) -> int:
        async with _Loan(self) as connection:
            try:
                return _affected(await connection.execute(statement, *arguments))
            except RETRIED:
                return _affected(await connection.execute(statement, *arguments))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One transaction, committed at the end of the block and rolled back by any exception."""
        async with _Loan(self) as connection, connection.transaction():
            yield Transaction(connection)

    async def close(self, patience: float = 10) -> None:
        """Wait for the statements under way, then close. After so many seconds, cut them off."""
        self._size = 0  # from now on nothing is kept
        try:
            async with asyncio.timeout(patience):
                while self._kept:
                    await self._pool.release(self._kept.pop())
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def acquire(self) -> asyncpg.Connection:
        """A connection, to be released. Raises UnavailableError where there is none within the deadline."""
        self._wanted += 1
        try:
            while self._kept:
                connection = self._kept.pop()
                if _is_open(connection):
                    return connection
                await self._pool.release(connection)
            if self._wanted <= self._size:
                # There is a free one, so no timer; should it have to connect first, that has its own deadline.
                return await self._pool.acquire()
            async with asyncio.timeout(self._acquire_timeout):
                return await self._pool.acquire()
        except BaseException as error:
            self._wanted -= 1
            if isinstance(error, TimeoutError):
                raise UnavailableError from error
            raise

    async def release(self, connection: asyncpg.Connection, *, failed: bool) -> None:
        """Take it back. After a failure its statement may have to be cancelled first, which has a deadline."""
        if not failed and self._wanted <= self._size:
            self._kept.append(connection)
            self._wanted -= 1
            return
        # To asyncpg, which hands it to whoever waits and mends what has failed.
        try:
            await self._pool.release(connection, timeout=self._acquire_timeout)
        finally:
            self._wanted -= 1


class _Loan:
    """A connection of the pool for the length of a block."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> asyncpg.Connection:
        self._connection = await self._pool.acquire()
        return self._connection

    async def __aexit__(self, failure: type[BaseException] | None, *_: object) -> None:
        await self._pool.release(self._connection, failed=failure is not None)


RETRIED = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
"""What a statement, or a whole transaction, is sent once more for: nothing of it took effect."""

UNREACHABLE = (
    OSError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
"""What to connect once more for: the server is away, starts, stops or is full."""

UNAVAILABLE = (
    OSError,
    UnavailableError,
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.CrashShutdownError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.SerializationError,
)
"""The database is not to be had now. A request is answered 503, and its client may repeat it."""


async def open_pool(settings: Settings) -> Pool:
    """Connect as the service. Raises OSError or asyncpg.PostgresError where the server is not to be had."""
    return await connect_pool(
        settings.require_database_url(),
        size=settings.database_pool_size,
        acquire_timeout=settings.database_acquire_timeout,
        # Through a transaction pooler a name prepared by one client means another's statement to the next.
        statement_cache_size=0 if settings.database_pooler == "transaction" else 1000,
    )


async def connect_pool(
    url: str,
    *,
    size: int,
    acquire_timeout: float,
    statement_timeout: float | None = None,
    statement_cache_size: int = 1000,
) -> Pool:
    """Connect to an address. Raises OSError or asyncpg.PostgresError where the server is not to be had.

    A statement raises TimeoutError where the server says nothing for `statement_timeout` seconds.
    """
    pool = await asyncpg.create_pool(
        url,
        connection_class=Connection,
        init=partial(_pass_json_through, deadline=acquire_timeout),
        min_size=min(2, size),
        max_size=size,
        statement_cache_size=statement_cache_size,
        # No limit on what is cached: a list with three branches is long.
        max_cacheable_statement_size=0,
        timeout=acquire_timeout,
        command_timeout=statement_timeout,
    )
    return Pool(pool, acquire_timeout)


async def _pass_json_through(connection: asyncpg.Connection, *, deadline: float) -> None:
    # `json` is what a client gets, byte for byte. `jsonb`, which is what a client sent, stays text.
    async with asyncio.timeout(deadline):
        await connection.set_type_codec(
            "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
        )


def _is_open(connection: asyncpg.Connection) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # asyncpg took back what the server closed.
        return False


def _affected(status: str) -> int:
    """The rows of a command tag, such as `UPDATE 3`."""
    return int(status.rpartition(" ")[2])
