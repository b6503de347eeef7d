"""A file as an answer: whole or a range of it (RFC 9110, section 14), always as an attachment, never kept in memory."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from litestar import Response
from litestar.types import Receive, Scope, Send

from api.http.conditions import header, not_modified
from api.http.documents import PRIVATE, Headers
from api.http.problems import ProblemError
from api.http.service import Service
from api.models.files import StoredFile
from api.storage.names import content_disposition
from api.storage.store import ObjectMissingError, link, read

logger = logging.getLogger(__name__)

_RANGE: Final = re.compile(rb"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})", re.IGNORECASE)


class Download(Response[bytes]):
    """Status, headers, and a body that is read while it is sent."""

    __slots__ = ("content_pieces", "raw_headers")

    def __init__(
        self, status_code: int, headers: Headers, pieces: AsyncIterator[bytes] | None = None
    ) -> None:
        # As in Document: nothing of what Response prepares is needed.
        self.status_code = status_code
        self.raw_headers = headers
        self.content_pieces = pieces

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        headers = [*PRIVATE, *self.raw_headers]
        await send({"type": "http.response.start", "status": self.status_code or 200, "headers": headers})
        if self.content_pieces is not None:
            # uvicorn does not say when nobody listens any more, and the rest would be read for nothing.
            leaving = asyncio.create_task(_departure(receive))
            try:
                # What fails here closes the connection: the length was announced, so nobody takes it for whole.
                async for piece in self.content_pieces:
                    if leaving.done():
                        return
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            finally:
                leaving.cancel()
                with suppress(asyncio.CancelledError):
                    await leaving
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def download(scope: Scope, service: Service, file: StoredFile) -> Download:
    """The answer to a GET of a file.

    Raises:
        ProblemError: 416 for a range that it does not have, 404 where the object is gone: it is being deleted.
        StorageError: it cannot be read.
    """
    etag = b'"%s"' % file.sha256.encode()
    tagged: Headers = [(b"etag", etag), (b"accept-ranges", b"bytes")]
    if not_modified(scope, etag):
        return Download(304, tagged)
    seconds = service.settings.storage_link_seconds
    if seconds is not None:
        address = await link(service.store, file.id, seconds)
        if address is not None:
            return Download(307, [(b"location", address.encode()), (b"content-length", b"0")])
    part = _part(scope, file.size, etag)
    start, end = part or (0, file.size)
    headers: Headers = [
        *tagged,
        (b"content-type", _content_type(file.media_type)),
        (b"content-disposition", content_disposition(file.name).encode()),
        (b"content-length", b"%d" % (end - start)),
    ]
    if part is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, file.size)))
    try:
        pieces = await read(service.store, file.id, start, end)
    except ObjectMissingError:
        logger.warning("the object of file %s is missing", file.id)
        raise ProblemError(404, "No such file for this actor.", "not-found") from None
    return Download(200 if part is None else 206, headers, pieces)


def _part(scope: Scope, size: int, etag: bytes) -> tuple[int, int] | None:
    """The bytes that Range asks for, from and to before; None for all of them.

    What cannot be understood, several ranges at once, and a range of a file that If-Range does not name are answered
    with the whole file, as RFC 9110 allows. Raises ProblemError 416 for one beyond the end.
    """
    wanted = header(scope, b"range")
    if wanted is None:
        return None
    condition = header(scope, b"if-range")
    if condition is not None and condition.strip() != etag:
        return None
    match = _RANGE.fullmatch(wanted.strip())
    if match is None or not (match["first"] or match["last"]):
        return None
    last = int(match["last"]) if match["last"] else None
    if not match["first"]:
        assert last is not None  # noqa: S101 - one of the two is there
        start, end = max(0, size - last), size
    else:
        start, end = int(match["first"]), size if last is None else min(size, last + 1)
        if last is not None and last < start:
            return None
    if start >= size or start >= end:
        raise ProblemError(
            416,
            f"The file has {size} bytes.",
            "range-not-satisfiable",
            [{"header": "Range", "detail": f"It begins beyond the {size} bytes that there are."}],
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


def _content_type(media_type: str) -> bytes:
    return f"{media_type}; charset=utf-8".encode() if media_type.startswith("text/") else media_type.encode()


async def _departure(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
