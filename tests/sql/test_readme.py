"""What sql/README.md tells a DBA to type works as it stands."""

import re
import subprocess
from pathlib import Path
from typing import get_args

import psycopg

from api.database.answers import Answer
from api.database.queries import ResultKind, load_query, parse_query
from api.settings import ROOT
from tests.conftest import TestDatabase

README = (ROOT / "sql" / "README.md").read_text(encoding="utf-8")


def _examples(heading: str) -> list[str]:
    """The indented blocks of a section."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    assert section, f"there is no section {heading}"
    blocks = re.findall(r"(?:^ {4}.*\n)+", section, re.MULTILINE)
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in blocks]


def test_a_file_is_explained_as_it_stands(module_database: TestDatabase) -> None:
    (script,) = _examples("Explaining a file as it stands")
    psql = subprocess.run(
        [
            module_database.server.programs / "psql",
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            f"--dbname={module_database.admin_url}",
        ],
        input=script,
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
    )
    assert psql.returncode == 0, psql.stderr
    assert "sessions_pk" in psql.stdout


def test_a_file_is_found_by_its_name(module_database: TestDatabase) -> None:
    (script,) = _examples("Finding a file on a server")
    with psycopg.connect(module_database.admin_url) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        connection.execute(script.encode())


def test_the_header_it_shows_is_one(tmp_path: Path) -> None:
    (shown,) = _examples("The header")
    margin = shown.index("the file's own path")
    header = "\n".join(line[:margin].rstrip() for line in shown.splitlines())
    body = load_query("terms/delete_term").text.partition("\n\n")[2]
    path = tmp_path / "terms" / "delete_term.sql"
    path.parent.mkdir()
    path.write_text(f"{header}\n\n{body}")
    query = parse_query(path, tmp_path)
    assert (query.kind, query.model, query.not_found) == ("versioned", "Deleted", "no such term")
    assert query.fails == {"courses_term_id_fk": Answer(409, None, "It still has courses.")}


def test_it_explains_every_kind_of_result() -> None:
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([^`]+)`", "".join(rows))) == sorted(get_args(ResultKind))
