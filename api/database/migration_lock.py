"""The lock that lets one process at a time migrate a database."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_random_exponential

from api.database.migration_files import MigrationError

LOCK_KEY = 0x6C6D735F6D696772
"""The advisory lock of migrations, one per database: the letters `lms_migr` as a bigint."""

LOCK_PATIENCE = 600.0
"""Seconds to wait while another process migrates this database. The last of many starters waits for all."""

_HOLDERS = """
    select pid, pid = pg_backend_pid() as own
    from pg_locks
    where
        locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())
        and (classid, objid, objsubid) = (%s::oid, %s::oid, 1)
        and granted
"""

logger = logging.getLogger("yoyo.migrations")


class MigrationLock:
    """A session-level advisory lock: a crash cannot leave it behind, it ends with its connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._held = False

    @contextmanager
    def hold(self, patience: float) -> Iterator[None]:
        """Be the only one who migrates, waiting up to `patience` seconds. Raises MigrationError after that.

        Waiting is asking again and again. A session that blocks in pg_advisory_lock() has a snapshot open;
        the holder's `create index concurrently` would wait for it, and it for the holder.
        """
        if self._held:
            yield
            return
        Retrying(
            retry=retry_if_result(lambda got: not got),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            stop=stop_after_delay(patience),
            before_sleep=self._say_who_holds,
            retry_error_callback=self._give_up,
        )(self._try)
        self._held = True
        try:
            yield
        finally:
            self._held = False
            # If this fails the connection is gone, and the lock with it.
            with suppress(psycopg.Error):
                self._connection.execute("select pg_advisory_unlock(%s)", [LOCK_KEY])

    def expect(self) -> None:
        """Inside each transaction: a pooler may have put another session behind this connection."""
        if not any(own for _, own in self._holders()):
            raise MigrationError(
                "This connection does not keep its session, so it cannot hold the migration lock: a "
                "transaction pooler stands in between. Give the address of the server itself."
            )

    def describe(self) -> str:
        """For `yoyo break-lock`, which has nothing to break."""
        holder = f"now that is {self._holder()}" if self._holders() else "now nobody holds it"
        return f"There is no lock to break. It ends with the connection that holds it; {holder}."

    def _try(self) -> bool:
        row = self._connection.execute("select pg_try_advisory_lock(%s)", [LOCK_KEY]).fetchone()
        return row == (True,)

    def _holders(self) -> list[tuple[int, bool]]:
        return self._connection.execute(_HOLDERS, [LOCK_KEY >> 32, LOCK_KEY & 0xFFFFFFFF]).fetchall()

    def _holder(self) -> str:
        pids = ", ".join(str(pid) for pid, _ in self._holders())
        return f"server process {pids}" if pids else "a server process that has just ended"

    def _say_who_holds(self, state: RetryCallState) -> None:
        tries_in_a_second_or_two = 7
        if state.attempt_number == tries_in_a_second_or_two:
            logger.warning("Waiting for %s, which migrates this database.", self._holder())

    def _give_up(self, state: RetryCallState) -> bool:
        raise MigrationError(
            f"Gave up after {state.seconds_since_start or 0:.0f} s: {self._holder()} migrates this database. "
            "See pg_stat_activity on it. Ending it with pg_terminate_backend() leaves nothing half."
        )
