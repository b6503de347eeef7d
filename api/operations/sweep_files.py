"""Removes what uploads that failed, courses that went and crashes left: first the object, then its row.

Whatever is in the store had its row first, and keeps it until it is gone. So the sweep begins with the rows: those of
uploads that took too long, of files that no material shows, and of files that somebody marked and did not get to.
"""

import asyncio
import logging
from typing import Final

from pydantic import SecretStr

from api.database.pool import Database, open_pool
from api.operations.terminal import Step
from api.repositories import files
from api.settings import Settings
from api.storage.store import StorageError, Store, open_store, remove

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 100
"""As many as `files/claim_garbage` marks."""


async def sweep(db: Database, store: Store, *, on_progress: Step | None = None) -> int:
    """Remove the files that nobody needs; returns how many those were.

    May be done at any time and by several at once. To send: as lms_worker, or as an owner.

    Raises:
        StorageError: some objects could not be removed. The others were, and these are tried again the next time.
        OSError, asyncpg.PostgresError: no connection, no privilege.
    """
    removed = 0
    while True:
        garbage = await files.claim_garbage(db)
        failed = 0
        for number, file in enumerate(garbage, start=1):
            if on_progress is not None:
                on_progress(str(file.file_id), number, len(garbage))
            try:
                await remove(store, file.file_id)
            except StorageError as error:
                logger.warning("file %s stays: %s", file.file_id, error)
                failed += 1
            else:
                removed += await files.delete_file(db, file_id=file.file_id)
        if failed:
            raise StorageError(
                f"{failed} of {len(garbage)} objects could not be removed; they are tried again the next time."
            )
        if len(garbage) < _AT_ONCE:
            return removed


def sweep_now(settings: Settings, url: str, *, on_progress: Step) -> int:
    """Sweep the store of the settings once, by the rows of the database at this address.

    Raises:
        StorageError: see `sweep`; or the settings name a store that cannot be used.
        OSError, asyncpg.PostgresError: no connection, no privilege, no schema.
    """

    async def once() -> int:
        pool = await open_pool(settings.model_copy(update={"database_url": SecretStr(url)}))
        try:
            return await sweep(pool, open_store(settings), on_progress=on_progress)
        finally:
            await pool.close()

    return asyncio.run(once())
