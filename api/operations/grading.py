"""What the worker does about attempts at quizzes: hands in those that are overdue, and grades again after a correction.

Both go batch by batch, each batch one statement and so one transaction: whoever is killed leaves whole batches behind,
and whoever takes over goes on after them. A batch is short, because students wait for the rows that it has locked.
"""

import logging
from typing import Final

from api.database.pool import Pool
from api.repositories import grades, regrades

logger = logging.getLogger(__name__)

OVERDUE_BATCH: Final = 100
"""Attempts that are handed in by one statement."""

REGRADE_BATCH: Final = 100
"""Attempts that are graded again by one statement. On a busy machine 250 took up to 0.9 s, which is how long a student
waits who hands in another attempt meanwhile; more, smaller batches take no longer in all."""

LEASE_SECONDS: Final = 5
"""After which a regrade is taken over whose worker is gone. Nobody is overtaken in the midst of a batch, however long
that takes: its row is locked."""


async def submit_overdue(pool: Pool) -> None:
    """Hand in and grade all attempts that were due, as they were saved last. What fails is left, with an error."""
    skip = 0
    while True:
        handed_in = await grades.submit_overdue_attempts(pool, most=OVERDUE_BATCH, skip=skip)
        if handed_in.attempts:
            logger.info("%s overdue attempts were handed in", handed_in.attempts)
        if handed_in.left_behind:
            logger.error("%s overdue attempts cannot be handed in", handed_in.left_behind)
        elif not handed_in.attempts:
            break
        skip += handed_in.left_behind


async def regrade(pool: Pool) -> None:
    """Do all regrades that are due, one after the other."""
    while (claim := await regrades.claim_regrade(pool, lease_seconds=LEASE_SECONDS)) is not None:
        while True:
            progress = await regrades.continue_regrade(
                pool,
                regrade_id=claim.regrade_id,
                claims=claim.claims,
                most=REGRADE_BATCH,
                lease_seconds=LEASE_SECONDS,
            )
            if progress is None:
                logger.warning("the regrade %s was taken over by somebody else", claim.regrade_id)
                break
            if progress.state == "done":
                logger.info(
                    "the regrade %s is done: %s attempts, %s other scores",
                    claim.regrade_id,
                    progress.attempts_regraded,
                    progress.scores_changed,
                )
                break
