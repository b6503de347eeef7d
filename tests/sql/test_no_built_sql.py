"""No SQL text is assembled from strings, anywhere: a gate on the syntax trees of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.settings import ROOT

pytestmark = pytest.mark.once

FILES = sorted([*(ROOT / "api").rglob("*.py"), *(ROOT / "seeds").rglob("*.py")])

_THING = r"(?:database|extension|function|index|policy|role|schema|table|type|user|view)"
_SQL = re.compile(
    rf"\s*(?:select\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|with\s+(?:recursive\s+)?\w+\s.*?\bas\s*\("
    rf"|(?:create|alter|drop)\s+(?:unique\s+)?{_THING}\s|truncate\s|(?:grant|revoke)\s.*\son\s|copy\s.*\s(?:from|to)\s"
    r"|call\s+\S+\(|explain\s*[(a-z]|set\s+(?:local\s+)?\w+\s*(?:=|to\s)"
    r"|(?:from|join)\s+[\w{]+\.|where\s.*[=<>]|(?:order|group)\s+by\s|limit\s+[\d${]|returning\s|on\s+conflict\s"
    r"|union\s+(?:all\s+)?[(s]|values\s*\()",
    re.IGNORECASE | re.DOTALL,
)


def built_sql(source: str) -> Iterator[int]:
    """Lines on which a string that looks like SQL is put together: f-strings, +, %, str.format, join, replace."""
    tree = ast.parse(source)
    composable = {id(node) for call in ast.walk(tree) for node in _inside_composable(call)}
    for node in ast.walk(tree):
        if id(node) not in composable and any(_SQL.match(text) for text in _texts(node)):
            yield node.lineno  # type: ignore[attr-defined]  # only expressions have texts


def _inside_composable(node: ast.AST) -> Iterator[ast.AST]:
    """`sql.SQL("…").format(…)` escapes what it is given: the one way that is let through."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"format", "join"}
        and isinstance(node.func.value, ast.Call)
        and _name(node.func.value.func) == "SQL"
        and all(isinstance(argument, ast.Constant) for argument in node.func.value.args)
    ):
        yield node


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(node: ast.AST) -> Iterator[str]:
    """The literal parts of a string that is put together here."""
    if isinstance(node, ast.JoinedStr) and any(isinstance(part, ast.FormattedValue) for part in node.values):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        for side in (node.left, node.right):
            yield from _strings(side)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"format", "format_map", "join", "replace"}:
            yield from _strings(node.func.value)
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        yield from _strings(node.value)


def _strings(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        yield node.value if isinstance(node.value, str) else node.value.decode(errors="replace")
    elif isinstance(node, ast.Call) and _name(node.func) == "SQL":
        for argument in node.args:
            yield from _strings(argument)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_statement_is_built(path: Path) -> None:
    assert list(built_sql(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        'f"select * from lms.users where email = {email!r}"',
        'f"delete from {table}"',
        "\"select * from lms.users where email = '%s'\" % email",
        '"select * from lms.users order by " + order',
        'text + " order by full_name, (user_id)"',
        'text += " where user_id = $1"',
        '"update lms.{} set x = 1".format(table)',
        '"with a as (select) ".join(parts)',
        '"select {} from lms.users".replace("{}", column)',
        'b"select 1 from %s" % name',
        'f"set search_path to {path}"',
        'SQL(f"drop table {name}")',
        'SQL("select 1 where a = " + b)',
    ],
)
def test_the_gate_closes(source: str) -> None:
    assert list(built_sql(source)) == [1]


@pytest.mark.parametrize(
    "source",
    [
        '"select user_id from lms.users where email = %s"',
        'SQL("drop table {}").format(Identifier(name))',
        'sql.SQL("select {} from lms.users").format(sql.Identifier(column))',
        'f"{place}: select a week"',
        'f"The update of {name} failed."',
        'f"With the demo school in {place}."',
        'f"Update {name}, then set it up."',
        '"a" + b',
    ],
)
def test_the_gate_lets_through(source: str) -> None:
    assert list(built_sql(source)) == []
