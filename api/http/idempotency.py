"""`Idempotency-Key`: a request that is sent twice takes effect once, and both times gets the first answer.

Key, effect and answer are written in one transaction. A twin that comes while the first is under way waits in
the claim, then reads what was committed. Only successes are kept: after a refusal or a crash the key is free.
"""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from json import loads
from typing import Any, TypeVar

import asyncpg
from litestar import Request
from litestar.types import Scope
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random

from api.database.errors import NoActorError
from api.database.pool import RETRIED, Database, Transaction
from api.http.conditions import header
from api.http.documents import Document
from api.http.problems import ProblemError
from api.http.service import actor_of, database_of
from api.repositories import idempotency_keys

T = TypeVar("T")

_KEY = re.compile(rb"[\x21-\x7e]{1,200}")
_REPLAYED = (b"idempotency-replayed", b"true")


async def once(
    request: Request[Any, Any, Any],
    work: Callable[[Database], Awaitable[Document[T]]],
    *,
    content: bytes | None = None,
) -> Document[T]:
    """Do the work, or give the answer that it had when the same request came first.

    `content` is what tells one body from another, where the body itself was not kept.

    Raises ProblemError 422 for a key that was sent with another request, or is none.
    """
    key = key_of(request)
    if key is None:
        return await work(database_of(request))
    told = await request.body() if content is None else content
    try:
        return await _once(request, key, told, work)
    except RETRIED:
        return await _once(request, key, told, work)


async def once_or_again(
    request: Request[Any, Any, Any], work: Callable[[Database], Awaitable[Document[T]]]
) -> Document[T]:
    """The same for work that finds what is there already, and that a twin may forestall: then it is done again."""
    return await _retrying()(once, request, work)


async def once_whole(
    request: Request[Any, Any, Any], work: Callable[[Database], Awaitable[Document[T]]]
) -> Document[T]:
    """The same for work of several statements: they are one transaction, with a key or without.

    Who makes the same thing at the same time may be first (an account for the same address). Then all of it is sent
    again, and finds the thing there.
    """
    key = key_of(request)

    async def unit() -> Document[T]:
        if key is not None:
            return await _once(request, key, await request.body(), work)
        async with database_of(request).transaction() as transaction:
            return await work(transaction)

    return await _retrying()(unit)


def _retrying() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type((*RETRIED, asyncpg.UniqueViolationError)),
        wait=wait_random(max=0.1),
        stop=stop_after_attempt(5),
        reraise=True,
    )


class _TakenBackError(Exception):
    """Ends a transaction without its effect, and carries its answer out of it."""

    def __init__(self, answer: Document[Any]) -> None:
        super().__init__(answer)
        self.answer = answer


async def rehearsed(
    request: Request[Any, Any, Any], work: Callable[[Database], Awaitable[Document[T]]]
) -> Document[T]:
    """Do the work in a transaction and take it back: the answer that it would have.

    There is no effect that a second request could repeat, so a key is looked at and not kept.
    """
    key_of(request)

    async def unit() -> Document[T]:
        try:
            async with database_of(request).transaction() as transaction:
                raise _TakenBackError(await work(transaction))  # noqa: TRY301 - rolls it back
        except _TakenBackError as taken:
            return taken.answer

    try:
        return await unit()
    except RETRIED:
        return await unit()


def key_of(request: Request[Any, Any, Any]) -> str | None:
    """The key that was sent. Raises ProblemError 422 for what is none."""
    key = header(request.scope, b"idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        raise _refused("An Idempotency-Key is 1 to 200 printable ASCII characters, without space.")
    return None if key is None else key.decode()


def is_replayed(answer: Document[Any]) -> bool:
    """Whether an answer is that of an earlier request, so that this one had no effect."""
    return _REPLAYED in answer.raw_headers


async def _once(
    request: Request[Any, Any, Any],
    key: str,
    content: bytes,
    work: Callable[[Database], Awaitable[Document[T]]],
) -> Document[T]:
    actor = actor_of(request)
    route = f"{request.method} {request.scope['path_template']}"
    request_hash = sha256(_address(request.scope) + b"\0" + content).digest()
    async with database_of(request).transaction() as transaction:
        claim = await idempotency_keys.claim_idempotency_key(
            transaction, actor=actor, route=route, key=key, request_hash=request_hash
        )
        if claim is None:
            raise NoActorError
        if not claim.claimed:
            return await _replayed(request, transaction, route, key, request_hash)
        answer = await work(transaction)
        await idempotency_keys.save_idempotency_key(
            transaction,
            actor=actor,
            route=route,
            key=key,
            status=answer.status_code or 200,
            headers={name.decode(): value.decode() for name, value in answer.raw_headers},
            body=answer.body,
        )
        return answer


def _address(scope: Scope) -> bytes:
    """Path and query: the key of a dry run is no key of the same without it."""
    query: bytes = scope["query_string"]
    return scope["path"].encode() + (b"?" + query if query else b"")


async def _replayed(
    request: Request[Any, Any, Any], transaction: Transaction, route: str, key: str, request_hash: bytes
) -> Document[Any]:
    kept = await idempotency_keys.read_idempotency_key(
        transaction, actor=actor_of(request), route=route, key=key
    )
    if kept is None:
        raise NoActorError
    if kept.request_hash != request_hash:
        raise _refused("This Idempotency-Key was sent with another request.")
    headers = [(name.encode(), value.encode()) for name, value in loads(kept.headers).items()]
    headers.append(_REPLAYED)
    return Document(kept.body, status_code=kept.status, headers=headers)


def _refused(detail: str) -> ProblemError:
    return ProblemError(422, detail, "idempotency-key", [{"header": "Idempotency-Key", "detail": detail}])
