"""What the worker does about attempts at quizzes: hands in those that are overdue, and grades again after a correction.

Both go batch by batch, each batch one statement and so one transaction: whoever is killed leaves whole batches behind,
and whoever takes over goes on after them. A batch is short, because students wait for the rows that it has locked. One
that is too long or cannot be done becomes smaller ones, down to the attempt that is to blame, which is left for later:
the others do not wait for it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

import asyncpg

from api.database.pool import UNREACHABLE, Pool
from api.models.regrades import ClaimedRegrade
from api.repositories import grades, regrades

logger = logging.getLogger(__name__)

T = TypeVar("T")

BATCH: Final = 100
"""Attempts that are graded by one statement, at the most. On a busy machine 250 took up to 0.9 s, which is how long a
student waits who hands in another attempt meanwhile; more, smaller batches take no longer in all."""

LONGEST_SECONDS: Final = 1.0
"""After which a batch is given up, unless it is a single attempt."""

QUICK_SECONDS: Final = 0.25
"""A batch that took no longer may be followed by one twice as large."""

LEASE_SECONDS: Final = 5
"""After which a regrade is taken over whose worker is gone. Nobody is overtaken in the midst of a batch, however long
that takes: its row is locked."""

TURN_SECONDS: Final = 10.0
"""After which a regrade lets others go first that have waited longer."""


class UngradableError(Exception):
    """The next attempt cannot even be graded alone. Says which one and why, in words that repeat no answer."""

    def __init__(self, error: asyncpg.PostgresError) -> None:
        self.attempt: str | None = error.detail
        super().__init__(f"{self.attempt or 'the next one'} ({type(error).__name__})")


class Batches:
    """Batches that are as large as goes well."""

    def __init__(self) -> None:
        self._size = BATCH
        self._suspects = 0
        """Of the attempts that come next, those among which something is wrong: no batch grows until they are past."""

    async def grade(self, statement: Callable[..., Awaitable[T]]) -> T:
        """Grade one batch, the largest that can be done, by a statement that takes `most`.

        Raises:
            UngradableError: not even one attempt can be.
            OSError, asyncpg.PostgresError: the database is away.
        """
        while True:
            since, alone = time.monotonic(), self._size == 1
            try:
                async with asyncio.timeout(None if alone else LONGEST_SECONDS):
                    result = await statement(most=self._size)
            except TimeoutError:
                if alone:
                    raise
            except (*UNREACHABLE, asyncpg.ReadOnlySQLTransactionError):
                raise
            except asyncpg.PostgresError as error:
                if alone:
                    self._suspects = 0
                    raise UngradableError(error) from error
            else:
                self._suspects -= self._size
                if self._suspects <= 0 and time.monotonic() - since < QUICK_SECONDS:
                    self._size = min(self._size * 2, BATCH)
                return result
            self._suspects = self._size
            # A quarter: by the third time it is one, long before a lease ends.
            self._size = max(self._size // 4, 1)


async def submit_overdue(pool: Pool) -> None:
    """Hand in and grade all attempts that were due, as they were saved last. What cannot be is left, with a warning."""
    batches, skip = Batches(), 0
    while True:
        try:
            handed_in = await batches.grade(partial(grades.submit_overdue_attempts, pool, skip=skip))
        except UngradableError as error:
            if not error.attempt:
                raise
            logger.warning("an overdue attempt cannot be handed in: %s", error)
            skip += 1
            continue
        if handed_in.attempts:
            logger.info("%s overdue attempts were handed in", handed_in.attempts)
        elif not handed_in.left_behind:
            break
        skip += handed_in.left_behind


async def regrade(pool: Pool) -> None:
    """Do all regrades that are due, by turns: a short one does not wait for the end of a long one."""
    while (claim := await regrades.claim_regrade(pool, lease_seconds=LEASE_SECONDS)) is not None:
        await _take_turn(pool, claim)


async def _take_turn(pool: Pool, claim: ClaimedRegrade) -> None:
    """Go on with a regrade until it is done, has to wait, or is somebody else's turn."""
    go_on = partial(regrades.continue_regrade, pool, regrade_id=claim.regrade_id, claims=claim.claims)
    leave = partial(regrades.leave_attempt, pool, regrade_id=claim.regrade_id, claims=claim.claims)
    batches, until = Batches(), time.monotonic() + TURN_SECONDS
    lease = LEASE_SECONDS
    while lease:
        lease = LEASE_SECONDS if time.monotonic() < until else 0
        progress = None
        try:
            progress = await batches.grade(partial(go_on, lease_seconds=lease))
        except UngradableError as error:
            logger.warning("the regrade %s leaves an attempt behind: %s", claim.regrade_id, error)
            if await leave(lease_seconds=lease):
                continue
        if progress is None:
            logger.warning("the regrade %s was taken over by somebody else", claim.regrade_id)
            return
        if progress.step != "on":
            logger.log(
                logging.WARNING if progress.attempts_failed else logging.INFO,
                "the regrade %s is %s: %s attempts, %s other scores, %s left behind",
                claim.regrade_id,
                "done" if progress.step == "done" else "tried again later",
                progress.attempts_regraded,
                progress.scores_changed,
                progress.attempts_failed,
            )
            return
