"""What the text of the query files shows without a database: broken form, session state, unanswered rules."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from api.database.queries import Query, QueryFileError, parse_query
from api.review.statements import line_of, session_state, unordered_lists, without_comments

GENERATED = "schema.sql"
"""The one file of the folder that is no query."""

_REFUSAL = re.compile(r"\blms\.refuse\(\s*(?:'(?P<rule>[a-z0-9_]+)'\s*\))?", re.IGNORECASE)


def place(query: Query, position: int | None = None) -> str:
    """Where a finding is: `sql/courses/read_course.sql`, with the line where there is one."""
    path = f"{query.path.parent.parent.name}/{query.name}.sql"
    return path if position is None else f"{path}:{line_of(query.text, position)}"


def read_files(folder: Path) -> tuple[dict[str, Query], list[str]]:
    """Every query file that can be read, by name, and what is wrong with the others and where they lie."""
    queries: dict[str, Query] = {}
    findings: list[str] = []
    for path in sorted(folder.rglob("*.sql")):
        inside = path.relative_to(folder)
        if len(inside.parts) != 2:  # noqa: PLR2004 - noun and file
            if inside.as_posix() != GENERATED:
                findings.append(f"{folder.name}/{inside}: a query file lies in {folder.name}/<noun>/")
            continue
        findings += [
            f"{folder.name}/{inside}:{line_of(path.read_text(), position)}: "
            f"{what} outlives the transaction, and a pooler hands it to somebody else"
            for position, what in session_state(path.read_text())
        ]
        try:
            query = parse_query(path, folder)
        except QueryFileError as error:
            findings.append(str(error).replace(str(folder), folder.name, 1))
        else:
            queries[query.name] = query
    return queries, findings


def check_text(query: Query) -> Iterator[str]:
    """What is wrong with a file that can be read."""
    yield from _check_columns(query)
    for position, aggregate in unordered_lists(query.text):
        yield f"{place(query, position)}: {aggregate} without an order gives its list in whatever order"
    yield from _check_refusals(query)


def refused_rules(query: Query) -> set[str]:
    """The rules that a statement enforces itself, by `lms.refuse('…')`."""
    return {match["rule"] for match in _REFUSAL.finditer(without_comments(query.text)) if match["rule"]}


def _check_columns(query: Query) -> Iterator[str]:
    """Parameters and failures that do not stand in columns, two spaces behind the widest."""
    for table in (r"^-- (\$.*)", "^-- fails   (.*)"):
        lines = list(re.finditer(table, query.text, re.MULTILINE))
        rows = [re.split(" {2,}", line[1]) for line in lines]
        widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
        for line, row in zip(lines, rows, strict=True):
            wanted = "  ".join(map(str.ljust, row, widths)).rstrip()
            if line[1] != wanted:
                yield f"{place(query, line.start())}: in columns this line is: {wanted}"


def _check_refusals(query: Query) -> Iterator[str]:
    for match in _REFUSAL.finditer(without_comments(query.text)):
        where, rule = place(query, match.start()), match["rule"]
        if rule is None:
            yield f"{where}: lms.refuse takes the name of the rule as a literal, so that it can be found"
        elif rule not in query.fails:
            yield f"{where}: the rule {rule} is refused here and not declared as fails"
        elif query.fails[rule] is None:
            yield f"{where}: the rule {rule} has no comment to answer with: give fails an answer"
