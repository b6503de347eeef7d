"""JSON request bodies, read strictly: what is not plain JSON within our bounds is refused, field by field.

Litestar's decoder answers 500 to invalid UTF-8 and to deep nesting, lets NUL through to PostgreSQL, takes JSON
under any content type and lets the last of two equal keys win. Here all of that is 4xx.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeAlias, TypeVar

from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg
from litestar.plugins.pydantic import PydanticInitPlugin
from pydantic import BaseModel, ValidationError

from api.http.problems import ProblemError, pointer

MAX_DEPTH = 32
"""Levels of arrays and objects in a body."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

T = TypeVar("T")

Sent: TypeAlias = Annotated[T, BodyKwarg(media_type=RequestEncodingType.JSON)]
"""A handler's `data`: a JSON body."""

SentPatch: TypeAlias = Annotated[T, BodyKwarg(media_type=MERGE_PATCH)]
"""A handler's `data`: a JSON merge patch (RFC 7396)."""

# A string that never ends is taken to the end of the body: tried again from each of its quotes, 256 KiB
# of them would hold up the worker for minutes.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_NO_NUMBER = "A number must be from -1.7e308 to 1.7e308."


class JsonBody(bytes):
    """A body that passed `check_json`, not yet read into a model."""

    __slots__ = ()


class StrictRequest(Request[Any, Any, Any]):
    """Litestar's request, with a body that is checked before anything else looks at it."""

    async def json(self) -> Any:
        check_media_type(self, JSON, *((MERGE_PATCH,) if self.method == "PATCH" else ()))
        body = JsonBody(await self.body())
        check_json(body)
        return body


class StrictBodies(PydanticInitPlugin):
    """Reads a checked body into its model. Pydantic parses the bytes itself, in its strict JSON mode."""

    @classmethod
    def decoders(
        cls,
        validate_strict: bool = False,  # noqa: ARG003 - the plugin's; here it is never anything but strict
    ) -> list[tuple[Callable[[Any], bool], Callable[[Any, Any], Any]]]:
        return [(_is_model, _read_model)]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _read_model(model: type[BaseModel], body: Any) -> BaseModel:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body(error) from None


def invalid_body(error: ValidationError) -> ProblemError:
    """422, with a pointer to each field that the model refuses."""
    errors = [
        {"pointer": pointer(found["loc"]), "detail": found["msg"]}
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return ProblemError(422, _summary(errors), "invalid-body", errors)


def check_media_type(request: Request[Any, Any, Any], *allowed: str) -> None:
    """One of these, in UTF-8. Raises ProblemError 415."""
    content_type, parameters = request.content_type
    if content_type not in allowed or parameters.get("charset", "utf-8").lower() != "utf-8":
        header = "Accept-Patch" if request.method == "PATCH" else "Accept"
        raise ProblemError(
            415,
            f"Send the body as {' or '.join(allowed)}, in UTF-8.",
            "unsupported-media-type",
            [{"header": "Content-Type", "detail": f"Use {' or '.join(allowed)}."}],
            headers={header: ", ".join(allowed)},
        )


def check_json(body: bytes) -> None:
    """Refuse what is not plain JSON within our bounds. Raises ProblemError 400, with a pointer to each defect."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8: see byte {error.start}.") from None
    if _depth(body) > MAX_DEPTH:
        raise _malformed(f"The body is nested more than {MAX_DEPTH} levels deep.")
    try:
        document = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_int, parse_float=_float
        )
    except json.JSONDecodeError as error:
        raise _malformed(f"The body is not JSON: see line {error.lineno}, column {error.colno}.") from None
    errors = [{"pointer": pointer(path), "detail": defect.reason} for path, defect in _defects(document, ())]
    if errors:
        raise ProblemError(400, _summary(errors), "malformed-body", errors)


class _Defect:
    """Stands in a parsed document where something cannot be taken, so that it is found with its path."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class _Object(dict[str, Any]):
    """An object, and the keys that it has twice."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) < len(pairs):
        times = Counter(key for key, _ in pairs)
        found.twice = tuple(key for key, number in times.items() if number > 1)
    return found


def _constant(name: str) -> _Defect:
    return _Defect(f"{name} is not a JSON number.")


def _int(digits: str) -> int | _Defect:
    # First as a float: int() takes quadratic time, and refuses more than 4,300 digits. What fits into a column is for
    # the models to say: each of their whole numbers has its bounds.
    return int(digits) if math.isfinite(float(digits)) else _Defect(_NO_NUMBER)


def _float(digits: str) -> float | _Defect:
    value = float(digits)
    return value if math.isfinite(value) else _Defect(_NO_NUMBER)


def _defects(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], _Defect]]:
    match value:
        case _Defect():
            yield path, value
        case str() if reason := _text_defect(value):
            yield path, _Defect(reason)
        case _Object():
            for key in value.twice:
                yield (*path, key), _Defect("The key is there twice.")
            for key, item in value.items():
                if reason := _text_defect(key):
                    yield path, _Defect(f"A key: {reason}")
                yield from _defects(item, (*path, key))
        case list():
            for place, item in enumerate(value):
                yield from _defects(item, (*path, place))


def _text_defect(text: str) -> str | None:
    if "\0" in text:
        return "A text cannot hold the character NUL."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "A text cannot hold half of a surrogate pair."
    return None


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", body)):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _malformed(detail: str) -> ProblemError:
    return ProblemError(400, detail, "malformed-body", [{"pointer": "", "detail": detail}])


def _summary(errors: list[dict[str, str]]) -> str:
    """The first few findings in one line."""
    shown = [f"{found['pointer'] or 'body'}: {found['detail']}" for found in errors[:3]]
    more = f" (and {len(errors) - 3} more)" if len(errors) > len(shown) else ""
    return "; ".join(shown) + more
