"""A form with a file in it (multipart/form-data, RFC 7578), read as it comes in and never kept whole.

Litestar reads a form into memory and temporary files before a handler sees any of it. Here the small fields come
first and are checked before the first byte of the file is looked at; the file passes through in pieces.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from litestar import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from pydantic import BaseModel, ValidationError

from api.http.bodies import invalid_body
from api.http.conditions import header
from api.http.problems import ProblemError, pointer

M = TypeVar("M", bound=BaseModel)

MULTIPART: Final = "multipart/form-data"
ROOM: Final = 65_536
"""Bytes of a body besides the file: fields, headers and boundaries."""

_MAX_FIELD: Final = 4_096
"""Bytes of a field. The longest title has no more."""
_MAX_PARTS: Final = 16
_MAX_HEADERS: Final = 8
_MAX_HEADER: Final = 4_096
"""Bytes of a part's header; a file name of 300 characters fits, in any script."""

_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,8}")

_Event: TypeAlias = MultipartSegment | bytes | bytearray | None


@dataclass(frozen=True, slots=True)
class Form:
    """What stood before the file, the name that the client gives the file, and the file."""

    fields: dict[str, str]
    file_name: str
    content: AsyncIterator[bytes]
    """Raises ProblemError where the body breaks off, or something comes after the file."""


def check_form(request: Request[Any, Any, Any], limit: int) -> str:
    """The boundary of a body that may be read. Raises ProblemError 415, or 413 where it is announced as too large."""
    content_type = (header(request.scope, b"content-type") or b"").decode("latin-1")
    kind, options = parse_options_header(content_type)
    boundary: str = options.get("boundary", "")
    if kind != MULTIPART or _BOUNDARY.fullmatch(boundary) is None:
        raise ProblemError(
            415,
            f"Send the body as {MULTIPART}, with a boundary.",
            "unsupported-media-type",
            [{"header": "Content-Type", "detail": f"Use {MULTIPART}."}],
            headers={"Accept": MULTIPART},
        )
    # httptools has seen to it that it is a number.
    announced = header(request.scope, b"content-length")
    if announced is not None and int(announced) > limit + ROOM:
        raise too_large(limit)
    return boundary


def too_large(limit: int) -> ProblemError:
    return ProblemError(
        413,
        f"A file has at most {limit:,} bytes here.",
        "content-too-large",
        [{"pointer": "/file", "detail": f"It has more than {limit:,} bytes."}],
    )


async def read_form(
    receive: Callable[[], Awaitable[bytes | None]], boundary: str, limit: int, known: frozenset[str]
) -> Form:
    """Read a body up to the beginning of its file.

    Args:
        receive: gives the next piece of the body, None at its end.
        boundary: what stands between the parts.
        limit: how many bytes the file may have.
        known: the fields that may stand before it.

    Raises:
        ProblemError: 400 where it is no such form; 422 for a field that is unknown, there twice, too long or no text,
            and where there is no file.
    """
    events = _events(receive, boundary, limit)
    fields: dict[str, str] = {}
    async for part in events:
        if not isinstance(part, MultipartSegment):
            raise _malformed("A part has no header.")
        name = part.name or ""
        if name == "file":
            if not part.filename:
                raise _refused("file", "Give the file a name: it is sent as a field.")
            return Form(fields, part.filename, _content(events, limit))
        if name not in known:
            raise _refused(name, "There is no such field here.")
        if name in fields:
            raise _refused(name, "It is there twice.")
        if part.filename is not None:
            raise _refused(name, "It is no file.")
        fields[name] = await _field(events, name)
    raise _refused("file", "It is missing: send the file as the last part.")


def validated(model: type[M], fields: dict[str, str], integers: frozenset[str]) -> M:
    """The fields of a form as a model. Raises ProblemError 422 with a pointer to each that is refused."""
    values: dict[str, Any] = {
        name: int(text) if name in integers and _INTEGER.fullmatch(text) else text
        for name, text in fields.items()
    }
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid_body(error) from None


async def _events(
    receive: Callable[[], Awaitable[bytes | None]], boundary: str, limit: int
) -> AsyncGenerator[_Event, None]:
    read = 0
    parser = PushMultipartParser(
        boundary,
        max_header_size=_MAX_HEADER,
        max_header_count=_MAX_HEADERS,
        max_segment_count=_MAX_PARTS,
        strict=True,
    )
    try:
        while (piece := await receive()) is not None:
            read += len(piece)
            if read > limit + ROOM:
                raise too_large(limit)
            if piece:
                for event in parser.parse(piece):
                    # Strict, it refuses the line break at the very end where that comes in a piece of its own. What
                    # else comes after the file is refused below.
                    if isinstance(event, MultipartSegment) and event.name == "file":
                        parser.strict = False
                    yield event
        parser.close()
    except MultipartError as error:
        raise _malformed(f"{error}.") from None


async def _field(events: AsyncGenerator[_Event, None], name: str) -> str:
    value = bytearray()
    async for piece in events:
        if not isinstance(piece, bytes | bytearray):
            break
        value += piece
        if len(value) > _MAX_FIELD:
            raise _refused(name, f"It has more than {_MAX_FIELD:,} bytes.")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise _refused(name, "It is not UTF-8.") from None
    if "\0" in text:
        raise _refused(name, "A text cannot hold the character NUL.")
    return text


async def _content(events: AsyncGenerator[_Event, None], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for piece in events:
        if piece is None:
            break
        assert isinstance(piece, bytes | bytearray)  # noqa: S101 - a part's header comes after the end of another
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        yield bytes(piece)
    async for more in events:
        name = more.name if isinstance(more, MultipartSegment) else None
        raise _refused(name or "file", "The file is the last part: send the fields before it, and one file.")


def _malformed(detail: str) -> ProblemError:
    sentence = f"The body is no {MULTIPART} within our bounds: {detail}"
    return ProblemError(400, sentence, "malformed-body", [{"pointer": "", "detail": sentence}])


def _refused(name: str, detail: str) -> ProblemError:
    place = pointer([name.encode("ascii", "backslashreplace").decode()[:100]])
    return ProblemError(422, f"{place}: {detail}", "invalid-body", [{"pointer": place, "detail": detail}])
