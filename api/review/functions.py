"""The repository functions and models of the service, compared with the query files."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from inspect import getmembers, isclass
from typing import Any, Final, get_args, get_origin, get_type_hints

import api.models
import api.repositories
from api.database.parameters import Patch
from api.database.queries import Query, QueryFileError
from api.database.query import BOUND, PYTHON_TYPES, SignatureError, bind, sources_of
from api.review.form import place
from api.review.server import Column
from api.review.statements import without_comments

Functions = Mapping[str, Callable[..., Any]]

_COLUMN_TYPES: Final = {**PYTHON_TYPES, "json": bytes, "jsonb": str}
"""What asyncpg makes of a column, as the pool is set up."""


def import_repositories() -> tuple[Functions, list[str]]:
    """Every function by the name of its query, and what kept a module from being imported."""
    findings = []
    for module in pkgutil.iter_modules(api.repositories.__path__, "api.repositories."):
        try:
            importlib.import_module(module.name)
        except (SignatureError, QueryFileError) as error:
            findings.append(f"{module.name.replace('.', '/')}.py: {error}")
    return dict(BOUND), findings


def models() -> dict[str, type]:
    """Every class of api.models, by name."""
    return {
        name: found
        for module in pkgutil.iter_modules(api.models.__path__, "api.models.")
        for name, found in getmembers(importlib.import_module(module.name), isclass)
        if found.__module__.startswith("api.models.")
    }


def compare_functions(queries: Mapping[str, Query], functions: Functions) -> Iterator[str]:
    """Files without a function, functions without a file, and pairs that do not match."""
    for name in sorted(functions.keys() - queries.keys()):
        module = functions[name].__module__.replace(".", "/")
        yield f"{module}.py: {functions[name].__name__} has no query file {name}.sql that can be read"
    for name, query in queries.items():
        if name not in functions:
            yield f"{place(query)}: no function in api/repositories sends it"
            continue
        try:
            bind(query, functions[name])
        except SignatureError as error:
            yield f"{place(query)}: {error}"
        else:
            yield from _compare_patches(query, functions[name])


def _compare_patches(query: Query, function: Callable[..., Any]) -> Iterator[str]:
    """Fields of a merge patch that the statement leaves: a client's change would be accepted and dropped."""
    sources = sources_of(function)
    text = without_comments(query.text)
    for number, parameter in enumerate(query.parameters, 1):
        hint = sources[parameter.name].type
        if get_origin(hint) is not Patch:
            continue
        uses = set(re.findall(rf"\${number}\b(?:\s*(\?|->>?)\s*'(\w+)')?", text))
        if ("", "") in uses:
            continue  # all of it, as lms.merge_patch() takes it
        (model,) = get_args(hint)
        # What is absent stays and what is null is cleared, so each is asked for, and read.
        asked = {name for operator, name in uses if operator == "?"}
        read = {name for operator, name in uses if operator != "?"}
        for name in sorted(model.model_fields.keys() - (asked & read)):
            yield f"{place(query)}: {model.__name__} has a field {name} that the patch is not asked for"
        for name in sorted((asked | read) - model.model_fields.keys()):
            yield f"{place(query)}: {model.__name__} has no field {name}, which the patch is asked for"


def compare_columns(query: Query, columns: tuple[Column, ...], known: Mapping[str, type]) -> Iterator[str]:
    """Result columns that are not what the kind of result, or its model, calls for."""
    if query.model is not None and query.model not in known:
        yield f"{place(query)}: there is no model {query.model} in api/models"
        return
    wanted = _DOCUMENT_COLUMNS.get(query.kind)
    if wanted is not None:
        if columns != wanted:
            yield f"{place(query)}: {query.kind} is {_spell(wanted)}, not {_spell(columns)}"
    elif query.model is not None:
        yield from _compare_fields(query, columns, known[query.model])
    elif columns:
        yield f"{place(query)}: {query.kind} has no columns, not {_spell(columns)}"


def _compare_fields(query: Query, columns: tuple[Column, ...], model: type) -> Iterator[str]:
    if not is_dataclass(model):
        yield f"{place(query)}: {query.kind} needs a dataclass, and {model.__name__} is none"
        return
    hints = get_type_hints(model)
    wanted = {field.name for field in fields(model)}
    given = {column.name for column in columns}
    for name in sorted(wanted - given):
        yield f"{place(query)}: {model.__name__} has a field {name} that is no column"
    for name in sorted(given - wanted):
        yield f"{place(query)}: {model.__name__} has no field for the column {name}"
    for column in columns:
        hint = hints.get(column.name)
        if hint is not None and _COLUMN_TYPES.get(column.type) not in (hint, *getattr(hint, "__args__", ())):
            yield f"{place(query)}: the column {column.name} is {column.type}, its field {hint}"


_DOCUMENT_COLUMNS: dict[str, tuple[Column, ...]] = {
    "json": (Column("document", "json"),),
    "page": (Column("document", "json"), Column("next", "text")),
    "created": (Column("document", "json"), Column("id", "uuid")),
    "versioned": (Column("document", "json"), Column("version", "integer")),
}


def _spell(columns: tuple[Column, ...]) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in columns) or "nothing"
