"""`lms sql check`: every query file against its repository function, its models and PostgreSQL.

What each module asks:

    form.py        does the file keep the rules that its text alone can break
    functions.py   do signature, header and models say the same
    server.py      what PostgreSQL, as the role of the file, makes of the statement: types, columns, privileges
    trial.py       is the answer what the header promises, for each role, on the demo school
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from psycopg import sql

from api.database.addresses import with_database
from api.database.queries import SQL_FOLDER, Query
from api.operations import migrate
from api.operations.targets import connect
from api.review.catalogue import Catalogue, read_catalogue
from api.review.form import check_text, place, read_files, refused_rules
from api.review.functions import Functions, compare_columns, compare_functions, import_repositories, models
from api.review.server import Server, StatementError, rolled_back
from api.review.statements import tokens
from api.review.trial import try_files


async def check(url: str, *, folder: Path = SQL_FOLDER, functions: Functions | None = None) -> list[str]:
    """What is wrong with the query files of a folder: a line for each finding, none if all is well.

    The address names a migrated database, as somebody who may act as lms_api and lms_worker. Nothing in it changes:
    statements are prepared and planned there, and run only if it has no users yet. Beside a database in use they run in
    one that is made from the migrations on the same server, and dropped again.

    Raises:
        psycopg.Error: no connection, no schema, or no privilege.
    """
    return await asyncio.to_thread(_check, url, folder, functions)


def _check(url: str, folder: Path, functions: Functions | None) -> list[str]:
    queries, findings = read_files(folder)
    if functions is None:
        functions, unbound = import_repositories()
        findings += unbound
    findings += compare_functions(queries, functions)
    known = models()
    with rolled_back(url) as server:
        catalogue = read_catalogue(server.connection)
        for query in queries.values():
            findings += check_text(query)
            findings += _check_names(query, catalogue)
        for query in queries.values():
            if query.role not in catalogue.roles:
                findings.append(f"{place(query)}: role: there is no role {query.role} that has a right here")
                continue
            with server.as_role(query.role):
                findings += _check_statement(server, query, known)
    with _without_users(url) as empty, rolled_back(empty) as server:
        broken = {finding.partition(":")[0] for finding in findings}
        findings += try_files(
            server,
            {name: query for name, query in queries.items() if place(query) not in broken},
            functions,
            known,
        )
    return findings


def _check_names(query: Query, catalogue: Catalogue) -> Iterator[str]:
    """Constraints and indexes that the header names and the schema, or the statement, does not know."""
    words = tokens(query.text)
    touched = {
        words[at + 2].word
        for at in range(len(words) - 2)
        if words[at].word == "lms" and words[at + 1].word == "."
    }
    called = frozenset().union(*(catalogue.refusals.get(name, frozenset()) for name in touched))
    for rule in sorted(called):
        if query.fails.get(rule) is None:
            yield f"{place(query)}: the rule {rule} is refused by a function here: give fails an answer for it"
    for rule in query.fails.keys() - refused_rules(query) - called:
        if rule not in catalogue.rules:
            yield f"{place(query)}: fails: there is no constraint {rule}, nor is it refused here by that name"
        elif not catalogue.rules[rule] & touched:
            yield f"{place(query)}: fails: {rule} is a rule of a table that this statement does not touch"
    for index in query.indexes:
        if index not in catalogue.indexes:
            yield f"{place(query)}: index: there is no index {index}"


def _check_statement(server: Server, query: Query, known: Mapping[str, type]) -> Iterator[str]:
    """Types, columns and privileges, as the server has them for the role of the file."""
    try:
        prepared = server.prepare(query.text)
        server.explain(prepared)
    except StatementError as error:
        hint = ", or it is not schema-qualified" if error.code == _UNDEFINED_TABLE else ""
        yield f"{place(query, error.position)}: {error.sentence}{hint}"
        return
    for parameter, type_ in zip(query.parameters, prepared.parameters, strict=True):
        if parameter.type != type_:
            yield f"{place(query)}: {parameter.name} is {type_}, not {parameter.type}"
    for name, type_ in [
        *((parameter.name, parameter.type) for parameter in query.parameters),
        *((column.name, column.type) for column in prepared.columns),
    ]:
        if type_.endswith("[]"):
            yield f"{place(query)}: {name} is {type_}, which asyncpg asks about, with jit set for the session"
    yield from compare_columns(query, prepared.columns, known)


_UNDEFINED_TABLE = "42P01"


@contextmanager
def _without_users(url: str) -> Iterator[str]:
    """The address of a migrated database without users: this one, or one that lasts as long as the block."""
    with connect(url) as connection:
        (in_use,) = connection.execute("select exists (select from lms.users)").fetchone() or (True,)
        if not in_use:
            yield url
            return
        name = f"lms_check_{token_hex(6)}"
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            scratch = with_database(url, name)
            migrate.apply(scratch)
            yield scratch
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
