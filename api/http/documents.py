"""`Document[T]`: a response whose body PostgreSQL built, sent as it is.

OpenAPI reads T from a handler's annotation. At run time there is no model, no encoder and no copy: the ASGI
form of the response is itself, two sends.
"""

from typing import Any, TypeVar
from zlib import crc32

from litestar import Response
from litestar.types import Receive, Scope, Send

from api.database.results import Created, Json, Paged, Versioned
from api.http.conditions import not_modified

T = TypeVar("T")

Headers = list[tuple[bytes, bytes]]

PRIVATE: Headers = [
    # Whose answer it is depends on the token, and it may change with the next request.
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization"),
    (b"x-content-type-options", b"nosniff"),
]


class Document(Response[T]):
    """Bytes of JSON that are a T, with status and headers."""

    __slots__ = ("body", "raw_headers")

    def __init__(self, body: bytes, *, status_code: int = 200, headers: Headers | None = None) -> None:
        # Response.__init__ is left out on purpose: it prepares cookies, encoders and a header mapping.
        self.body = body
        self.status_code = status_code
        self.raw_headers = headers or []

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's form
        status = self.status_code or 200
        headers = [*PRIVATE, *self.raw_headers]
        if status not in (204, 304):
            headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def etag(body: bytes, version: int) -> bytes:
    """`"<version>.<crc32>"`: the first part guards writes, all of it says whether the bytes are the same."""
    return b'"%d.%08x"' % (version, crc32(body))


def shown(scope: Scope, result: Versioned[T] | Json[T]) -> Document[T]:
    """The answer to a GET of one thing; 304 where the client has it already."""
    tag = etag(result.document, result.version if isinstance(result, Versioned) else 0)
    headers = [(b"etag", tag)]
    if not_modified(scope, tag):
        return Document(b"", status_code=304, headers=headers)
    return Document(result.document, headers=headers)


def listed(scope: Scope, result: Paged[T]) -> Document[T]:
    """The answer to a GET of a list, with `Link` headers (RFC 8288) to the first and the next page."""
    tag = etag(result.document, 0)
    headers = [(b"etag", tag), (b"link", _links(scope, result.next))]
    if not_modified(scope, tag):
        return Document(b"", status_code=304, headers=headers)
    return Document(result.document, headers=headers)


def changed(result: Versioned[T], *, location: str | None = None) -> Document[T]:
    """The answer to a write: the new state, and its ETag. `location` is what the body is, if not the address."""
    headers = [(b"etag", etag(result.document, result.version))]
    if location is not None:
        headers.append((b"content-location", location.encode()))
    return Document(result.document, headers=headers)


def created(result: Created[T], path: str) -> Document[T]:
    """The answer to a POST that made something: 201, where it is, and its ETag."""
    return Document(
        result.document,
        status_code=201,
        headers=[
            (b"location", f"{path}/{result.id}".encode()),
            (b"etag", etag(result.document, 1)),
        ],
    )


def accepted(result: Created[T], path: str) -> Document[T]:
    """The answer to a POST that asked for what is done later: 202, and where it says how far that is."""
    return Document(result.document, status_code=202, headers=[(b"location", f"{path}/{result.id}".encode())])


def gone() -> Document[None]:
    """The answer to a write that leaves nothing to show."""
    return Document(b"", status_code=204)


def _links(scope: Scope, cursor: str | None) -> bytes:
    """Relative references: nothing of a request's Host header comes back in an answer."""
    query = b"&".join(
        part
        for part in scope["query_string"].split(b"&")
        if part and not part.startswith((b"cursor=", b"offset="))
    )
    path = scope["raw_path"] if "raw_path" in scope else scope["path"].encode()
    first = b'<%s%s>; rel="first"' % (path, b"?" + query if query else b"")
    if cursor is None:
        return first
    return b'<%s?%scursor=%s>; rel="next", %s' % (
        path,
        query + b"&" if query else b"",
        cursor.encode(),
        first,
    )
