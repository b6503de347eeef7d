"""Path and query parameters, read strictly: unknown and repeated names are refused, `1.0` is no integer."""

import re
from collections.abc import Iterator
from functools import lru_cache
from types import NoneType
from typing import Any, get_args
from urllib.parse import unquote_plus

from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from api.http.problems import ProblemError

_FORMS: dict[type, tuple[re.Pattern[str], str]] = {
    # Litestar reads 1.0 and 1e1 as integers, and 1 as true.
    int: (re.compile(r"-?[0-9]{1,18}"), "It is not a whole number."),
    bool: (re.compile(r"true|false"), "It is neither true nor false."),
}

# Litestar reads null, in any case, as a parameter that is not there.
_ANY = (re.compile(r"(?!null\Z).*", re.IGNORECASE | re.DOTALL), "It is null: leave it out instead.")

_NOT_PARAMETERS = {"request", "data"}


def check_parameters(scope: Scope, handler: BaseRouteHandler) -> None:
    """Raises ProblemError 422 for the first parameter that the route does not know, or not in this form."""
    known: _Known | None = handler.opt.get("known_parameters")
    if known is None:
        known = handler.opt["known_parameters"] = _Known(handler)
    path_params = scope["path_params"]
    for name, value in path_params.items():
        _check(name, value, known.forms)
    if scope["query_string"]:
        known.check_query(scope["query_string"], tuple(path_params))


class _Known:
    """The parameters of a route."""

    def __init__(self, handler: BaseRouteHandler) -> None:
        self.forms = _forms(handler)
        # The same few questions are asked again and again; a refusal is not remembered.
        self.check_query = lru_cache(128)(self._check_query)

    def _check_query(self, query: bytes, path_names: tuple[str, ...]) -> None:
        try:
            pairs = list(_pairs(query.decode("ascii")))
        except UnicodeError:
            raise _refused("query", "It is not UTF-8.") from None
        seen = set(path_names)
        for name, value in pairs:
            if name not in self.forms:
                raise _refused(name, "There is no such parameter here.")
            if name in seen:
                raise _refused(name, "It is there twice.")
            seen.add(name)
            _check(name, value, self.forms)


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    """As urllib.parse.parse_qsl reads them, in a fraction of the time."""
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            yield unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")


def _check(name: str, value: str, forms: dict[str, tuple[re.Pattern[str], str] | None]) -> None:
    form = forms.get(name)
    if "\0" in value:
        raise _refused(name, "A text cannot hold the character NUL.")
    if form is not None and form[0].fullmatch(value) is None:
        raise _refused(name, form[1])


def _forms(handler: BaseRouteHandler) -> dict[str, tuple[re.Pattern[str], str] | None]:
    """The parameters that a route has, each with the form it must have, where Litestar is too kind."""
    parameters = handler.parsed_fn_signature.parameters
    names = handler.opt["parameter_names"] = {
        name: getattr(field.kwarg_definition, "name", None) or name
        for name, field in parameters.items()
        if name not in _NOT_PARAMETERS
    }
    return {names[name]: _form(parameters[name].annotation) for name in names}


def _form(annotation: Any) -> tuple[re.Pattern[str], str] | None:
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if NoneType not in get_args(annotation):
        return _FORMS.get(annotation)
    return None if kinds == [str] else _FORMS.get(kinds[0], _ANY)


def _refused(name: str, detail: str) -> ProblemError:
    printable = name.encode("ascii", "backslashreplace").decode().replace("\0", "\\0")[:100]
    return ProblemError(
        422, f"{printable}: {detail}", "invalid-request", [{"parameter": printable, "detail": detail}]
    )
