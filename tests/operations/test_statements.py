"""The SQL of operations: each file is what its header says, as PostgreSQL sees it."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.database.queries import Query, QueryFileError, load_queries
from api.operations import accounts, import_courses, import_oulad, performance
from api.operations.failures import FailureError
from api.operations.mail import dead_letters
from api.operations.statements import count
from api.review.form import check_text
from api.review.server import Prepared, rolled_back
from api.settings import ROOT
from tests.conftest import TestDatabase

FOLDERS = (ROOT / "seeds" / "sql", ROOT / "api" / "operations" / "sql")
MODULES = {
    "import_courses": import_courses,
    "import_oulad": import_oulad,
    "mail": dead_letters,
    "performance": performance,
}
"""Where the models are of the statements that have some."""
QUERIES = [query for folder in FOLDERS for query in load_queries(folder).values()]


@pytest.fixture(params=QUERIES, ids=lambda query: query.name)
def query(request: pytest.FixtureRequest) -> Query:
    found: Query = request.param
    return found


def prepared(database: TestDatabase, query: Query) -> Prepared:
    with rolled_back(database.admin_url) as server, server.connection.transaction():
        return server.prepare(query.text)


def test_there_are_some() -> None:
    assert {query.name.partition("/")[0] for query in QUERIES} == {
        "accounts",
        "demo_school",
        "import_courses",
        "import_oulad",
        "mail",
        "performance",
    }


def test_the_header_has_the_types_of_the_server(module_database: TestDatabase, query: Query) -> None:
    assert prepared(module_database, query).parameters == tuple(
        parameter.type for parameter in query.parameters
    )


def test_the_columns_are_the_fields_of_the_model(module_database: TestDatabase, query: Query) -> None:
    columns = [column.name for column in prepared(module_database, query).columns]
    if query.model is None:
        assert columns == []
    else:
        module = MODULES[query.name.partition("/")[0]]
        assert columns == [field.name for field in fields(getattr(module, query.model))]


def test_the_text_keeps_the_rules_of_form(query: Query) -> None:
    assert list(check_text(query)) == []


def test_the_server_gets_the_file_byte_for_byte(module_database: TestDatabase, tmp_path: Path) -> None:
    text = (
        "-- made_up/keep_text\n-- Asks for its own text, and for %s.\n--\n-- $1  likeness  text\n--\n"
        "-- result  count\n\n"
        "select /* made_up/keep_text */ from pg_catalog.pg_stat_activity\n"
        "where pid = pg_backend_pid() and query like $1;\n"
    )
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up" / "keep_text.sql").write_text(text)
    with psycopg.connect(module_database.admin_url) as connection:
        assert (
            count(connection, tmp_path, "made_up/keep_text", text.replace("%", r"\%").replace("_", r"\_"))
            == 1
        )
        assert count(connection, tmp_path, "made_up/keep_text", "something else") == 0


def test_a_file_that_is_not_there(module_database: TestDatabase, tmp_path: Path) -> None:
    with (
        psycopg.connect(module_database.admin_url) as connection,
        pytest.raises(QueryFileError, match=r"made_up/nothing\.sql: there is no such query file"),
    ):
        count(connection, tmp_path, "made_up/nothing")


def test_every_file_is_sent(monkeypatch: pytest.MonkeyPatch, database: TestDatabase, tmp_path: Path) -> None:
    """None is left over from something that was."""
    from api.operations import statements  # noqa: PLC0415
    from seeds.setup_demo import seed  # noqa: PLC0415
    from tests.operations.courses import course, folder  # noqa: PLC0415
    from tests.operations.oulad import assessment, enrolled, person, result  # noqa: PLC0415

    sent: set[str] = set()
    text: Callable[..., Any] = statements._text

    def noted(of: Path, name: str) -> Any:
        sent.add(name)
        return text(of, name)

    monkeypatch.setattr(statements, "_text", noted)
    seed(database.admin_url)
    import_courses.import_courses(database.admin_url, folder(tmp_path, course()))
    import_oulad.import_oulad(
        database.admin_url,
        enrolled(tmp_path, person(1), assessments=[assessment()], results=[result(of=1)]),
    )
    with pytest.raises(FailureError, match="seat"):
        # Two more than there are seats, for what is asked only then.
        import_oulad.import_oulad(database.admin_url, enrolled(tmp_path, person(1), person(2), person(3)))
    accounts.add_account(
        database.admin_url, email="a@school.example", full_name="A", role="student", password=None
    )
    accounts.set_password(database.admin_url, email="a@school.example", password="sixteen letters or more")
    assert dead_letters.list_mails(database.admin_url, state=None, limit=1)
    assert dead_letters.retry_mails(database.admin_url, None) == set()
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(
            "insert into lms.quizzes (course_id, week_number, title) select course_id, 1, 'Quiz' from lms.courses"
        )
    assert performance.rebuild(database.admin_url) == {}
    assert performance.verify(database.admin_url).differing == 0
    assert sent == {query.name for query in QUERIES}
