"""`@query`: a repository function is its signature, its query file the body.

    @query("courses/read_course")
    async def read_course(db: Database, *, actor: Actor, course_id: UUID) -> Versioned[Course]: ...

At import the file is read and each of its parameters is bound, by name, to an argument or to a field of one
(`Actor` fills token_hash, `Page` fills page_limit and so on, a model fills its fields). A signature that does
not match the header is refused there, and so are a field that no parameter takes, which would be accepted from
a client and dropped, and a return type that does not match its `result`.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime
from functools import wraps
from inspect import Parameter as Argument
from inspect import signature
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import (
    Any,
    Final,
    Literal,
    NamedTuple,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)
from uuid import UUID

import asyncpg
from pydantic import BaseModel, TypeAdapter

from api.database.errors import ContractError, NoActorError, NotFoundError, RuleError, StaleVersionError
from api.database.parameters import Patch
from api.database.pool import Database
from api.database.queries import Parameter, Query, load_query
from api.database.results import Created, Json, Paged, Versioned

P = ParamSpec("P")
R = TypeVar("R")

Bind = Callable[[dict[str, Any]], Any]
Fetch = Callable[[Database, tuple[Any, ...]], Coroutine[Any, Any, Any]]

BOUND: dict[str, Callable[..., Any]] = {}
"""Every query that a repository function binds, by name. `lms sql check` compares it with the files."""

PYTHON_TYPES: Final[Mapping[str, type]] = {
    "bigint": int,
    "boolean": bool,
    "bytea": bytes,
    "date": date,
    "integer": int,
    "smallint": int,
    "text": str,
    "timestamptz": datetime,
    "uuid": UUID,
}
"""What a value of each type is in Python."""

_DOCUMENTS: dict[str, type] = {"json": Json, "page": Paged, "created": Created, "versioned": Versioned}


class SignatureError(TypeError):
    """A repository function and its query file say different things."""


def query(
    name: str,
) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Give a repository function its query file. Raises SignatureError or QueryFileError at import."""

    def decorate(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        found = load_query(name)
        if name in BOUND:
            raise SignatureError(f"{name} is bound twice")
        binders, fetch = bind(found, function)

        @wraps(function)
        async def run(db: Database, **arguments: Any) -> Any:
            try:
                return await fetch(db, tuple([bind(arguments) for bind in binders]))
            except asyncpg.IntegrityConstraintViolationError as error:
                answer = found.fails.get(error.constraint_name)
                if answer is None:
                    raise
                # No violated constraint names a column: it is the pointer of lms.refuse(rule, pointer).
                pointer = error.column_name or answer.pointer
                raise RuleError(error.constraint_name, replace(answer, pointer=pointer)) from None

        BOUND[name] = run
        return run  # type: ignore[return-value]  # wraps() keeps the signature, mypy sees **arguments

    return decorate


def bind(found: Query, function: Callable[..., Any]) -> tuple[list[Bind], Fetch]:
    """How a function's arguments fill a query, and how its result comes back. Raises SignatureError."""
    if function.__name__ != found.name.rpartition("/")[2]:
        raise SignatureError(f"{found.name} is bound by {function.__name__}: give both one name")
    returned = get_type_hints(function).get("return")
    if _spell(returned) != _promise(found):
        raise SignatureError(f"{found.name}: the header promises {_promise(found)}, not {_spell(returned)}")
    return _binders(found, function), _fetcher(found, returned)


class Source(NamedTuple):
    """Where a parameter's value comes from: an argument, or a field of one."""

    argument: str
    field: str | None
    type: Any


def sources_of(function: Callable[..., Any]) -> dict[str, Source]:
    """What a call of this function has at hand, by the name of the parameter that it can fill."""
    hints = get_type_hints(function)
    return {
        target: source
        for name in signature(function).parameters
        if name != "db"
        for target, source in _sources(name, hints[name]).items()
    }


def _binders(found: Query, function: Callable[..., Any]) -> list[Bind]:
    arguments = dict(signature(function).parameters)
    if next(iter(arguments), None) != "db":
        raise SignatureError(f"{found.name}: the first parameter is db")
    del arguments["db"]
    for argument in arguments.values():
        if argument.kind is not Argument.KEYWORD_ONLY:
            raise SignatureError(f"{found.name}: {argument.name} is given by keyword, put it behind the *")
    sources = sources_of(function)
    binders: list[Bind] = []
    for parameter in found.parameters:
        source = sources.get(parameter.name)
        if source is None:
            raise SignatureError(f"{found.name}: no argument gives {parameter.name}")
        if not _fits(parameter, source.type):
            raise SignatureError(f"{found.name}: {parameter.name} is {parameter.type}, not {source.type}")
        binders.append(_binder(parameter, source))
    unused: set[str] = sources.keys() - {parameter.name for parameter in found.parameters}
    unused |= arguments.keys() - {source.argument for source in sources.values()}
    if unused:
        raise SignatureError(f"{found.name}: the query has no use for {', '.join(sorted(unused))}")
    return binders


def _sources(argument: str, hint: Any) -> dict[str, Source]:
    """What an argument can fill: itself, or every field that it has."""
    if is_dataclass(hint):
        names = [field.name for field in fields(hint)]
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        names = list(hint.model_fields)
    else:
        return {argument: Source(argument, None, hint)}
    types = get_type_hints(hint)
    return {name: Source(argument, name, types[name]) for name in names}


def _fits(parameter: Parameter, hint: Any) -> bool:
    # Whatever is not text yet is serialised for jsonb.
    return parameter.type == "jsonb" or _plain_types(hint) <= {PYTHON_TYPES.get(parameter.type)}


def _plain_types(hint: Any) -> set[Any]:
    """The classes a value of this annotation can have, None left out: it is SQL's null everywhere."""
    if get_origin(hint) in (Union, UnionType):
        return set().union(*map(_plain_types, get_args(hint)))
    if get_origin(hint) is Literal:
        return {type(value) for value in get_args(hint)}
    if hint is NoneType:
        return set()
    return {get_origin(hint) or hint}


def _binder(parameter: Parameter, source: Source) -> Bind:
    take = _taker(source)
    if parameter.type != "jsonb":
        return take
    if get_origin(source.type) is Patch:
        return lambda arguments: take(arguments).document
    to_json = TypeAdapter(source.type).dump_json
    return lambda arguments: to_json(take(arguments)).decode()


def _taker(source: Source) -> Bind:
    argument = itemgetter(source.argument)
    if source.field is None:
        return argument
    field = attrgetter(source.field)
    return lambda arguments: field(argument(arguments))


def _promise(found: Query) -> str:
    """The annotation that a header calls for."""
    if found.kind in _DOCUMENTS:
        return f"{_DOCUMENTS[found.kind].__name__}[{found.model}]"
    return {"count": "int", "row": "{0}", "row?": "{0} | None", "rows": "list[{0}]"}[found.kind].format(
        found.model
    )


def _spell(hint: Any) -> str:
    """An annotation as one writes it, without modules."""
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(map(_spell, get_args(hint)))
    name: str = "None" if hint is NoneType else getattr(hint, "__name__", str(hint))
    return f"{name}[{', '.join(map(_spell, get_args(hint)))}]" if get_args(hint) else name


def _fetcher(found: Query, returned: Any) -> Fetch:
    if found.kind == "count":
        return lambda db, values: db.execute(found.text, values)
    if found.kind in _DOCUMENTS:
        return _fetch_document(found)
    (model,) = _plain_types(get_args(returned)[0] if found.kind == "rows" else returned)
    return _fetch_rows(found, model)


def _fetch_rows(found: Query, model: Callable[..., Any]) -> Fetch:
    text, kind = found.text, found.kind

    async def fetch_rows(db: Database, values: tuple[Any, ...]) -> Any:
        rows = [model(**record) for record in await db.fetch(text, values)]
        if kind == "rows":
            return rows
        if len(rows) > 1:
            raise ContractError(f"{found.name}: more than one row")
        if not rows and kind == "row":
            raise ContractError(f"{found.name}: no row")
        return rows[0] if rows else None

    return fetch_rows


def _fetch_document(found: Query) -> Fetch:
    """No row is 401, a row without a document is 404, a version without a document is 412."""
    text, kind = found.text, found.kind

    async def fetch_document(db: Database, values: tuple[Any, ...]) -> Any:
        records = await db.fetch(text, values)
        if not records:
            raise NoActorError
        if len(records) > 1:
            raise ContractError(f"{found.name}: more than one row")
        record: asyncpg.Record = records[0]
        document = record[0]
        if document is None:
            if kind == "versioned" and record[1] is not None:
                raise StaleVersionError(record[1])
            raise NotFoundError(found.not_found)
        if kind == "json":
            return Json(document)
        return _DOCUMENTS[kind](document, record[1])

    return fetch_document
