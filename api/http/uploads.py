"""An upload from the first byte of its body to the last of its object, and what is done where it fails.

The row is there before the object (`files/create_file`), and of a failed upload the object goes before the row. So
whatever happens in between, the sweep finds the row: api/operations/sweep_files.py.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from litestar import Request

from api.database.pool import UNAVAILABLE
from api.http.forms import Form, read_form, validated
from api.http.problems import ProblemError
from api.http.service import Service
from api.models.files import NewFile, Stored
from api.repositories import files
from api.storage.contents import HEAD, KINDS, UnfitError, check_of, media_type_of
from api.storage.names import clean_name, content_disposition
from api.storage.store import StorageError, Store, remove, write

logger = logging.getLogger(__name__)

_FIELDS: Final = frozenset(NewFile.model_fields)
_INTEGERS: Final = frozenset(("week_number",))

LEASE: Final = 120
"""Seconds that a row is kept from the sweep after the body of its upload has to have ended."""

_LAST_PART: Final = 60.0
"""Seconds of those that the object store may take after the last byte."""

_PATIENCE: Final = 10.0
"""Seconds that an answer waits for the object to be removed."""


async def receive_file(
    request: Request[Any, Any, Any], store: Store, file_id: UUID, boundary: str, limit: int, deadline: float
) -> Stored:
    """Read the body and make the object of the file in it.

    Args:
        request: whose body it is.
        store: where the object goes.
        file_id: whose object it is.
        boundary: what stands between the parts of the body.
        limit: how many bytes the file may have.
        deadline: until when the body may take, by the clock of the event loop.

    Raises:
        ProblemError: the body is not what it should be, is too large, breaks off, or takes too long. Then there is no
            object.
        StorageError: the object cannot be written, as far as is known.
    """
    try:
        async with asyncio.timeout_at(deadline + _LAST_PART):
            form = await read_form(_body(request, deadline), boundary, limit, _FIELDS)
            new = validated(NewFile, form.fields, _INTEGERS)
            return await _store(store, file_id, form, new)
    except TimeoutError:
        raise StorageError("The object store: it takes too long.") from None


async def give_up(service: Service, file_id: UUID, error: BaseException | None = None) -> None:
    """Leave nothing of an upload that failed, unless it did not: its answer alone may have been lost.

    Where the error leaves open what the store does at last, the row stays for the sweep, which looks again.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await files.abandon_file(service.database, file_id=file_id)
            # Without a row, a sweep was here before the object was.
            if found is None or found.state == "deleting":
                await remove(service.store, file_id)
                if isinstance(error, Exception | None) and not isinstance(error, StorageError):
                    await files.delete_file(service.database, file_id=file_id)
    except (*UNAVAILABLE, StorageError) as failure:
        logger.warning("file %s is left to the sweep: %s", file_id, type(failure).__name__)


async def discard(service: Service, file_id: UUID) -> None:
    """Remove the object of a file that is marked so, then its row. What fails is left to the sweep."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await remove(service.store, file_id)
            await files.delete_file(service.database, file_id=file_id)
    except (*UNAVAILABLE, StorageError) as error:
        logger.warning("file %s is left to the sweep: %s", file_id, type(error).__name__)


def identity_of(stored: Stored) -> bytes:
    """What tells one upload from another, for its Idempotency-Key."""
    return json.dumps(
        [stored.title, stored.kind, stored.week_number, stored.name, stored.sha256.hex()]
    ).encode()


async def _store(store: Store, file_id: UUID, form: Form, new: NewFile) -> Stored:
    head = await _head(form.content)
    try:
        media_type = media_type_of(head, form.file_name)
    except UnfitError as error:
        raise _unfit(str(error)) from None
    if media_type not in KINDS[new.kind]:
        raise _unfit(f"The file is of the type {media_type}, and no {new.kind}.")
    name = clean_name(form.file_name, media_type)
    seen = _Seen()
    await write(
        store,
        file_id,
        _checked(head, form.content, media_type, new.sha256, seen),
        {"Content-Type": media_type, "Content-Disposition": content_disposition(name)},
    )
    return Stored(
        new.week_number, new.kind, new.title, name, media_type, seen.size, bytes.fromhex(seen.sha256)
    )


@dataclass
class _Seen:
    """What is known once the last byte went by."""

    size: int = 0
    sha256: str = ""


async def _head(content: AsyncIterator[bytes]) -> bytes:
    head = b""
    async for piece in content:
        head += piece
        if len(head) >= HEAD:
            break
    return head


async def _checked(
    head: bytes, rest: AsyncIterator[bytes], media_type: str, expected: str | None, seen: _Seen
) -> AsyncIterator[bytes]:
    """The file, piece by piece. What is wrong with it is raised before its end, so that it has none."""
    digest = sha256()
    check = check_of(media_type)
    try:
        piece = head
        while True:
            digest.update(piece)
            check.feed(piece)
            seen.size += len(piece)
            yield piece
            following = await anext(rest, None)
            if following is None:
                break
            piece = following
        check.finish()
    except UnfitError as error:
        raise _unfit(str(error)) from None
    seen.sha256 = digest.hexdigest()
    if expected is not None and expected != seen.sha256:
        sentence = "The file that arrived has another SHA-256."
        raise ProblemError(422, sentence, "wrong-hash", [{"pointer": "/sha256", "detail": sentence}])


def _body(request: Request[Any, Any, Any], deadline: float) -> Callable[[], Awaitable[bytes | None]]:
    """Gives the pieces of a body, then None. Raises ProblemError where it breaks off or takes too long."""
    ended = False

    async def piece() -> bytes | None:
        nonlocal ended
        if ended:
            return None
        try:
            # Here too: the object store runs this in a task of its own.
            async with asyncio.timeout_at(deadline):
                event: Any = await request.receive()
        except TimeoutError:
            raise _too_slow() from None
        if event["type"] != "http.request":
            raise ProblemError(400, "The body breaks off.", "malformed-body")
        ended = not event.get("more_body", False)
        body: bytes = event["body"]
        return body

    return piece


def _too_slow() -> ProblemError:
    return ProblemError(408, "The upload took longer than one may.", "files_due_at_past")


def _unfit(sentence: str) -> ProblemError:
    return ProblemError(422, sentence, "unfit-file", [{"pointer": "/file", "detail": sentence}])
