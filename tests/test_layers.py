"""The way a request goes: routes -> repositories -> database, one noun and one name all along."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.database.queries import load_query
from api.database.roles import SERVICE_ROLE
from api.settings import ROOT

pytestmark = pytest.mark.once

API = ROOT / "api"
SQL = ROOT / "sql"

BELOW = {
    "routes": {"database", "http", "models", "repositories", "storage"},
    "repositories": {"database", "models"},
    "models": {"models"},
    "http": {"database", "gift", "models", "http", "repositories", "storage"},
    "gift": {"gift", "models"},
    "storage": {"storage"},
    "database": {"database"},
}
"""What the modules of a layer may import of the others. `settings` and the like belong to all."""

# Files that bind no noun of the database to a route of its own.
ROUTES_WITHOUT_SQL = {"health", "documentation", "invitation"}
SQL_WITHOUT_ROUTE = {"catalogue", "idempotency_keys", "sessions"}
MODELS_WITHOUT_SQL = {"common", "email"}
SQL_WITHOUT_MODEL = {"sessions"}


def _imports(path: Path) -> Iterator[str]:
    """Modules of the project that a file imports, as dotted names behind `api.`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("api.") for name in names if name.startswith("api."))


def _nouns(layer: str) -> set[str]:
    return {path.stem for path in (API / layer).glob("*.py")} - {"__init__"}


@pytest.mark.parametrize("layer", BELOW)
def test_a_layer_imports_only_from_those_below_it(layer: str) -> None:
    files = sorted((API / layer).rglob("*.py"))
    assert len(files) > 3
    packages = {path.name for path in API.iterdir() if path.is_dir()}
    for path in files:
        for imported in _imports(path):
            package = imported.partition(".")[0]
            if package in packages:
                assert package in BELOW[layer], f"{path.relative_to(ROOT)} imports api.{imported}"


def test_only_a_database_module_speaks_asyncpg() -> None:
    for layer in ("routes", "repositories", "models"):
        for path in (API / layer).glob("*.py"):
            assert not re.search(r"^(?:import|from) (?:asyncpg|psycopg)", path.read_text(), re.MULTILINE), (
                path
            )


def test_routes_hold_no_sql() -> None:
    statement = re.compile(
        r"\b(?:select\s.+\sfrom|insert\s+into|update\s+\w+\s+set|delete\s+from|order\s+by|where\s+\w+\s*=)\b",
        re.IGNORECASE | re.DOTALL,
    )
    for path in [*(API / "routes").glob("*.py"), *(API / "models").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not statement.search(node.value), f"{path.name}:{node.lineno}"


def test_every_layer_has_the_same_nouns() -> None:
    folders = {path.name for path in SQL.iterdir() if path.is_dir()}
    assert _nouns("repositories") == folders
    assert _nouns("routes") - ROUTES_WITHOUT_SQL == folders - SQL_WITHOUT_ROUTE
    assert _nouns("models") - MODELS_WITHOUT_SQL == folders - SQL_WITHOUT_MODEL


def _bound(path: Path) -> list[tuple[str, ast.AsyncFunctionDef]]:
    """The functions of a repository, each with the query that its decorator names."""
    found = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef):
            assert isinstance(node, ast.AsyncFunctionDef), f"{path.name}: {node.name}"
            (decorator,) = node.decorator_list
            assert isinstance(decorator, ast.Call)
            (name,) = decorator.args
            assert isinstance(name, ast.Constant)
            found.append((str(name.value), node))
    return found


@pytest.mark.parametrize("path", sorted(SQL.glob("*/")), ids=lambda path: path.name)
def test_a_repository_is_the_table_of_contents_of_its_folder(path: Path) -> None:
    functions = _bound(API / "repositories" / f"{path.name}.py")
    assert sorted(name for name, _ in functions) == sorted(
        f"{path.name}/{file.stem}" for file in path.glob("*")
    )
    for name, function in functions:
        assert name == f"{path.name}/{function.name}"
        (body,) = function.body
        assert isinstance(body, ast.Expr), f"{name} has a body"
        assert isinstance(body.value, ast.Constant), f"{name} has a body"
        assert body.value.value is ..., f"{name} has a body"


def test_a_route_calls_the_repository_of_its_name() -> None:
    """`courses.read_course` is called by the handler read_course of routes/courses.py, among others."""
    # What is done for nobody who asks, and what a file's upload and its sweep need, is sent from other places.
    senders = [
        *(API / "routes").glob("*.py"),
        API / "http" / "service.py",
        API / "http" / "uploads.py",
        API / "operations" / "sweep_files.py",
    ]
    everywhere = "".join(path.read_text() for path in senders)
    for noun in _nouns("routes") - ROUTES_WITHOUT_SQL:
        text = (API / "routes" / f"{noun}.py").read_text()
        handlers = set(re.findall(r"^async def (\w+)", text, re.MULTILINE))
        own = {name.rpartition("/")[2] for name, _ in _bound(API / "repositories" / f"{noun}.py")}
        called = set(re.findall(rf"\b{noun}\.(\w+)\(", text))
        assert called <= own, f"routes/{noun}.py calls {called - own}"
        # Another noun may ask first who somebody is.
        sent = set(re.findall(rf"\b{noun}\.(\w+)\(", everywhere))
        # What the worker sends, no request does.
        served = {name for name in own if load_query(f"{noun}/{name}").role == SERVICE_ROLE}
        assert served <= sent, f"nothing sends {served - sent}"
        assert handlers & own, f"routes/{noun}.py shares no name with its repository"
