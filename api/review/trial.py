"""Running every query file on the demo school, for each role, in a transaction that is rolled back.

That an answer has one row, that an order leaves nothing to chance and that a document is what its model says
cannot be read off a statement. So each is tried: with rows of the school, with ids that nobody has, with
versions of yesterday. A rule that refuses is fine where the file declares it; any other error is a finding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import psycopg
from psycopg import sql
from pydantic import TypeAdapter, ValidationError

from api.database.queries import Query
from api.database.query import Source, sources_of
from api.review.arguments import UNKNOWN_TOKEN, Row, Values, attempts, contexts, ordered
from api.review.catalogue import Catalogue, read_catalogue
from api.review.form import place
from api.review.functions import Functions
from api.review.server import Prepared, Rows, Server, StatementError
from api.review.statements import Order, orders
from seeds.setup_demo import fill

_ONE_ROW: Final = frozenset(("json", "page", "created", "versioned", "row", "row?"))
_DOCUMENTS: Final = frozenset(("json", "page", "created", "versioned"))
_INTEGRITY: Final = "23"
_SEEDS: Final = (0.1, 0.2, 0.3, 0.6, 0.7, 0.9)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A query file, ready to be run."""

    query: Query
    sources: Mapping[str, Source]
    contexts: list[Row]
    model: TypeAdapter[Any] | None


def try_files(
    server: Server, queries: Mapping[str, Query], functions: Functions, models: Mapping[str, type]
) -> Iterator[str]:
    """Run every file that has a function. The database of the server has no users yet."""
    connection = server.connection
    try:
        fill(connection)
    except psycopg.ProgrammingError as error:
        reason = error.diag.message_primary
        yield f"seeds/setup_demo.py: nothing was run, the demo school does not fit: {reason}"
        return
    actors = _log_in(connection)
    catalogue = read_catalogue(connection)
    trials = [
        _Trial(
            query,
            sources_of(functions[query.name]),
            contexts(connection, catalogue, query),
            _validator(query, models),
        )
        for query in queries.values()
        if query.name in functions
    ]
    sound = []
    for trial in trials:
        with server.as_role(trial.query.role):
            findings = list(_try_rows(server, trial, catalogue, actors))
        yield from findings
        if not findings:
            sound.append(trial)
    _make_ties(connection, catalogue)
    for trial in sound:
        with server.as_role(trial.query.role):
            yield from _try_orders(server, trial, catalogue, actors)


def _validator(query: Query, models: Mapping[str, type]) -> TypeAdapter[Any] | None:
    if query.kind not in _DOCUMENTS or query.model is None or query.model not in models:
        return None
    return TypeAdapter(models[query.model])


def _log_in(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """A session for one user of each role; the hash of its token by the role's name."""
    actors = {}
    for role, user_id in connection.execute(
        "select distinct on (role) role, user_id from lms.users order by role, email"
    ).fetchall():
        token_hash = sha256(role.encode()).digest()
        connection.execute(
            "insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at) "
            "values (%s, %s, interval '1 hour', now() + interval '1 hour')",
            (token_hash, user_id),
        )
        connection.execute(
            "insert into lms.idempotency_keys (user_id, route, key, request_hash, status, headers, body) "
            "values (%s, 'POST /courses', 'sample', %s, 201, '{}', '')",
            (user_id, token_hash),
        )
        connection.execute(
            "insert into lms.email_outbox (kind, user_id) values ('password_set', %s)", (user_id,)
        )
        connection.execute(
            "insert into lms.account_tokens (token_hash, user_id, expires_at) "
            "values (%s, %s, now() + interval '1 hour')",
            (token_hash, user_id),
        )
        actors[role] = f"\\x{token_hash.hex()}"
    return actors


def _make_ties(connection: psycopg.Connection[Any], catalogue: Catalogue) -> None:
    """Give all rows of a table one value in every column that allows it: only keys tell them apart."""
    for table in catalogue.tables.values():
        referring = {column for key in table.parents for column in key.columns}
        columns = sorted(table.columns - table.unique - referring)
        # Twice: where a rule holds two columns together, the second may have to go first.
        for column in columns * 2:
            connection.execute("savepoint tie")
            try:
                connection.execute(
                    sql.SQL(
                        "update lms.{table} set {column} = (select {column} from lms.{table} limit 1)"
                    ).format(table=sql.Identifier(table.name), column=sql.Identifier(column))
                )
            except (psycopg.errors.IntegrityError, psycopg.errors.GeneratedAlways):
                connection.execute("rollback to savepoint tie")
            connection.execute("release savepoint tie")


def _try_rows(
    server: Server, trial: _Trial, catalogue: Catalogue, actors: Mapping[str, str]
) -> Iterator[str]:
    """Run a file with everything there is to try. One finding for each kind of defect."""
    try:
        prepared = server.prepare(trial.query.text)
    except StatementError as error:
        yield f"{place(trial.query, error.position)}: {error.sentence}"
        return
    told: set[str] = set()
    for role, values in _all_attempts(trial, catalogue, actors):
        for defect, finding in _run_once(server, trial, prepared, role, values):
            if defect not in told:
                told.add(defect)
                yield finding


def _all_attempts(
    trial: _Trial, catalogue: Catalogue, actors: Mapping[str, str]
) -> Iterator[tuple[str, Values]]:
    takes_token = any(parameter.name == "token_hash" for parameter in trial.query.parameters)
    for role, token_hash in actors.items() if takes_token else [("nobody", UNKNOWN_TOKEN)]:
        for context in trial.contexts:
            for values in attempts(trial.query, trial.sources, context, catalogue, token_hash):
                yield role, values


def _run_once(
    server: Server, trial: _Trial, prepared: Prepared, role: str, values: Values
) -> Iterator[tuple[str, str]]:
    query = trial.query
    try:
        rows = server.run(prepared, ordered(query, values))
    except StatementError as error:
        if not error.code.startswith(_INTEGRITY) or error.constraint not in query.fails:
            at = place(query, error.position)
            rule = f" ({error.constraint}, which is not declared as fails)" if error.constraint else ""
            yield error.sentence, f"{at}: as {role}: {error.sentence}{rule}"
        return
    where = f"{place(query)}: as {role}"
    if query.kind in _ONE_ROW and len(rows) > 1:
        yield "rows", f"{where}: {len(rows)} rows, and {query.kind} promises one"
        return
    if query.kind == "row" and not rows:
        yield "no row", f"{where}: no row, and row promises one"
    if query.kind in _DOCUMENTS:
        yield from _check_document(trial, where, rows, values)


def _check_document(trial: _Trial, where: str, rows: Rows, values: Values) -> Iterator[tuple[str, str]]:
    query = trial.query
    if "lms.actor(" in query.statement:
        known = values["token_hash"] != UNKNOWN_TOKEN
        if known and not rows:
            yield "401", f"{where}: no row means 401, and the session is alive"
        if not known and rows:
            yield "200", f"{where}: a row for a token that nobody has, where no row would mean 401"
    if not rows:
        return
    document, *beside = rows[0]
    if query.kind == "page" and document is None and query.not_found is None:
        yield "page", f"{where}: a page without a document; an empty list is one, unless the file has a 404"
    if query.kind == "created" and (document is None) != (beside[0] is None):
        yield "created", f"{where}: document and id come together or not at all"
    if query.kind == "versioned" and document is not None and beside[0] is None:
        yield "versioned", f"{where}: a document without a version"
    if document is not None and trial.model is not None:
        try:
            trial.model.validate_json(document)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            yield "model", f"{where}: the document is no {query.model}: {field}: {first['msg']}"


def _try_orders(
    server: Server, trial: _Trial, catalogue: Catalogue, actors: Mapping[str, str]
) -> Iterator[str]:
    """Break the ties of every order at random: if that changes the answer, the order has no unique key."""
    found = orders(trial.query.text)
    if not found:
        return
    plain = server.prepare(trial.query.text)
    answers: dict[str, Values] = {}
    for _, values in _all_attempts(trial, catalogue, actors):
        answer = _answer(server, trial, plain, values, None)
        # Where nothing is in order there is no order to lose; and one way to get an answer is enough.
        if answer:
            answers.setdefault(answer, values)
    for order in found:
        line = place(trial.query, order.start)
        try:
            shaken = server.prepare(_with_ties_broken(trial.query.text, order))
        except StatementError:
            yield f"{line}: an order that nothing can be added to proves nothing: order a sub-select instead"
            continue
        if any(
            _answer(server, trial, shaken, values, seed) != answer
            for answer, values in answers.items()
            for seed in _SEEDS
        ):
            yield f"{line}: this order does not end in a unique key, so equal rows come in any order"


def _answer(server: Server, trial: _Trial, prepared: Prepared, values: Values, seed: float | None) -> str:
    """The rows as text, with the key of a new one left out; empty where there are none or a rule refuses."""
    try:
        rows = server.run(prepared, ordered(trial.query, values), seed=seed)
    except StatementError:
        return ""
    if trial.query.kind == "created":
        return "".join((row[0] or "").replace(row[1] or " ", "") for row in rows)
    return str(rows) if rows else ""


def _with_ties_broken(text: str, order: Order) -> str:
    return f"{text[: order.end].rstrip()}, random() {text[order.end :]}"
