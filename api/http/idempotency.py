"""`Idempotency-Key`: a request that is sent twice takes effect once, and both times gets the first answer.

Key, effect and answer are written in one transaction. A twin that comes while the first is under way waits in
the claim, then reads what was committed. Only successes are kept: after a refusal or a crash the key is free.
"""

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from json import loads
from typing import Any, TypeVar

from litestar import Request

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


def key_of(request: Request[Any, Any, Any]) -> str | None:
    """The Idempotency-Key, if there is one. Raises ProblemError 422 for one that is none."""
    key = header(request.scope, b"idempotency-key")
    if key is None:
        return None
    if _KEY.fullmatch(key) is None:
        raise _refused("An Idempotency-Key is 1 to 200 printable ASCII characters, without space.")
    return key.decode()


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
    request_hash = sha256(request.scope["path"].encode() + b"\0" + content).digest()
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
