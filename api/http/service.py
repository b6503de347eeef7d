"""What the routes of one worker share, reached without dependency injection, which costs a request most."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from litestar import Request

from api.database.answers import Answer, parse_answer
from api.database.errors import UnavailableError
from api.database.parameters import Actor
from api.database.pool import UNAVAILABLE, Pool
from api.repositories import account_tokens, catalogue, idempotency_keys, sessions
from api.settings import Settings
from api.storage.store import Store, open_store

MAX_SEEN = 50_000
"""Sessions noted between two touches; more than that many in a minute is no honest traffic of one worker."""

MAX_UPLOADS = 16
"""Uploads at the same time in one worker; each holds some 15 MB of memory."""


IMPORT_PATIENCE = 20.0
"""Seconds that an import waits for its turn before it is answered 503."""


class Service:
    """The connections, the store of files, the constraints' answers, and the sessions seen since they were noted."""

    def __init__(self, settings: Settings) -> None:
        """Raises StorageError where the settings name a store that cannot be used."""
        self.settings = settings
        self.store: Store = open_store(settings)
        self.uploads = 0
        self.answers: Mapping[str, Answer] = {}
        self.seen: set[bytes] = set()
        self._pool: Pool | None = None
        self._importing = asyncio.Semaphore(1)

    @property
    def database(self) -> Pool:
        """The pool. Raises UnavailableError while there is none yet."""
        if self._pool is None:
            raise UnavailableError
        return self._pool

    async def start(self, pool: Pool) -> None:
        """Begin to serve from this pool."""
        self.answers = await read_catalogue(pool)
        self._pool = pool

    async def stop(self) -> None:
        if self._pool is not None:
            with suppress(*UNAVAILABLE):
                await self.note_sessions()
            await self._pool.close()
            self._pool = None

    @asynccontextmanager
    async def importing(self) -> AsyncIterator[None]:
        """One import of this worker at a time: those who wait hold no connection, of which everybody needs one.

        Raises UnavailableError where the turn does not come in time.
        """
        try:
            async with asyncio.timeout(IMPORT_PATIENCE):
                await self._importing.acquire()
        except TimeoutError:
            raise UnavailableError from None
        try:
            yield
        finally:
            self._importing.release()

    @contextmanager
    def uploading(self) -> Iterator[None]:
        """The time of an upload. Raises UnavailableError where there are too many."""
        if self.uploads >= MAX_UPLOADS:
            raise UnavailableError
        self.uploads += 1
        try:
            yield
        finally:
            self.uploads -= 1

    async def note_sessions(self) -> None:
        """Tell the database which sessions were used, so that they do not idle out."""
        seen, self.seen = self.seen, set()
        if seen:
            await sessions.touch_sessions(
                self.database, token_hashes=[token_hash.hex() for token_hash in seen]
            )

    async def forget(self) -> None:
        """Delete what is past its time: sessions, links to accounts, and answers kept for retries."""
        await sessions.delete_expired_sessions(self.database)
        await account_tokens.delete_expired_account_tokens(self.database)
        await idempotency_keys.delete_expired_idempotency_keys(self.database)


async def read_catalogue(pool: Pool) -> dict[str, Answer]:
    """The answer of every constraint, from its comment."""
    return {
        rule.name: parse_answer(rule.comment)
        for rule in await catalogue.list_constraint_comments(pool)
        if rule.comment
    }


def service_of(request: Request[Any, Any, Any]) -> Service:
    service: Service = request.scope["litestar_app"].state._state["service"]  # noqa: SLF001 - the public way copies
    return service


def database_of(request: Request[Any, Any, Any]) -> Pool:
    return service_of(request).database


def actor_of(request: Request[Any, Any, Any]) -> Actor:
    """Whoever asks. `check_request` has seen to it that there is a well-formed token."""
    actor: Actor = request.scope["actor"]  # type: ignore[typeddict-item]
    return actor


async def note_session(request: Request[Any, Any, Any]) -> None:
    """After an answer that was no refusal: its session is alive, and was used."""
    actor: Actor | None = request.scope.get("actor")  # type: ignore[assignment]
    seen = service_of(request).seen
    if actor is not None and len(seen) < MAX_SEEN:
        seen.add(actor.token_hash)
