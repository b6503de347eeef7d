"""`lms sql check`: green on the tree, and red, by file and reason, for each thing it is there to find."""

import asyncio
import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

import api.repositories
from api.database.addresses import with_database
from api.database.queries import SQL_FOLDER
from api.database.query import BOUND
from api.review.check import check
from api.review.form import check_text, read_files
from api.review.functions import import_repositories
from api.settings import ROOT
from tests.conftest import TestDatabase


def test_the_tree_is_green(module_database: TestDatabase) -> None:
    assert asyncio.run(check(module_database.admin_url)) == []


@pytest.mark.parametrize("folder", [ROOT / "api" / "operations" / "sql", ROOT / "seeds" / "sql"])
def test_what_the_command_line_sends_has_the_same_form(folder: Path) -> None:
    queries, findings = read_files(folder)
    assert queries
    assert [*findings, *(finding for query in queries.values() for finding in check_text(query))] == []


class Tree:
    """A copy of a few files of sql/, to be spoiled, and the functions that belong to them."""

    def __init__(self, folder: Path, database: TestDatabase) -> None:
        self.folder = folder
        self.database = database
        self.names: list[str] = []

    def take(self, *names: str) -> None:
        for name in names:
            (self.folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(SQL_FOLDER / f"{name}.sql", self.folder / f"{name}.sql")
            self.names.append(name)

    def spoil(self, name: str, old: str, new: str) -> None:
        self.take(name)
        path = self.folder / f"{name}.sql"
        text = path.read_text()
        assert old in text, f"{name}.sql has no {old!r} to spoil"
        path.write_text(text.replace(old, new))

    def check(self) -> list[str]:
        functions = {name: BOUND[name] for name in self.names}
        return asyncio.run(check(self.database.admin_url, folder=self.folder, functions=functions))


@pytest.fixture
def tree(tmp_path: Path, module_database: TestDatabase) -> Tree:
    import_repositories()
    (tmp_path / "sql").mkdir()
    return Tree(tmp_path / "sql", module_database)


# What is spoiled: file, old text, new text; and what the finding says about it, {line} being that of the change.
SPOILED = {
    "a name comment that is not the path": (
        ("terms/read_term", "/* terms/read_term */", "/* terms/read_terms */"),
        "/* terms/read_term */",
    ),
    "a first line that is not the path": (
        ("terms/read_term", "-- terms/read_term\n", "-- term/read_term\n"),
        "sql/terms/read_term.sql:1: the first line must be",
    ),
    "an undeclared parameter": (
        ("terms/read_term", "terms.term_id = $2;", "terms.term_id = $2 and $3;"),
        "$3 is used and not declared",
    ),
    "an unused parameter": (
        ("terms/read_term", "-- $2  term_id     uuid", "-- $2  term_id     uuid\n-- $3  code        text"),
        "$3 is declared and not used",
    ),
    "a parameter declared twice": (
        ("terms/read_term", "-- $2  term_id     uuid", "-- $2  term_id     uuid\n-- $3  term_id     uuid"),
        "sql/terms/read_term.sql:6: the parameter term_id is declared twice",
    ),
    "select *": (
        ("auth/read_credentials", "credentials.user_id,\n    credentials.password_hash", "credentials.*"),
        "select * and returning * break",
    ),
    "returning *": (
        ("auth/create_session", "returning user_id, expires_at", "returning *"),
        "select * and returning * break",
    ),
    "a type that the signature does not have": (
        ("terms/read_term", "-- $2  term_id     uuid", "-- $2  term_id     text"),
        "term_id is text, not <class 'uuid.UUID'>",
    ),
    "a type that only the server tells apart": (
        ("courses/delete_course", "version     integer", "version     bigint"),
        "version is integer, not bigint",
    ),
    "a time that the signature has in full": (
        ("materials/put_crawled_material", "crawled_at   timestamptz", "crawled_at   date"),
        "crawled_at is date, not <class 'datetime.datetime'>",
    ),
    "a time where the server has a day": (
        (
            "materials/put_crawled_material",
            "when $7 <= now() + interval '5 minutes' then $7",
            "when $7 <= current_date then $7",
        ),
        "crawled_at is date, not timestamptz",
    ),
    "an array": (
        ("terms/read_term", "terms.term_id = $2;", "terms.term_id = any($2::uuid[]);"),
        "is uuid[]",
    ),
    "a column that is an array": (
        ("catalogue/read_service_role", "roles.rolsuper as is_superuser", "roles.rolconfig as is_superuser"),
        "is_superuser is text[], which asyncpg asks about, with jit set for the session",
    ),
    "a type that does not exist": (
        ("courses/delete_course", "$3  version     integer", "$3  version     number"),
        "version is number",
    ),
    "a column that is not there": (
        ("terms/read_term", "'title', terms.title", "'title', terms.name"),
        ":{line}: column terms.name does not exist",
    ),
    "a table without its schema": (
        ("terms/read_term", "left join lms.terms on", "left join terms on"),
        'relation "terms" does not exist, or it is not schema-qualified',
    ),
    "a function without its schema": (
        ("terms/read_term", "from lms.actor($1)", "from actor($1)"),
        "function actor(unknown) does not exist",
    ),
    "a constraint that is not there": (
        ("terms/create_term", "-- fails   terms_code_uq", "-- fails   terms_codes_uq"),
        "there is no constraint terms_codes_uq",
    ),
    "a constraint of another table": (
        (
            "terms/create_term",
            "-- fails   terms_code_uq",
            "-- fails   terms_code_uq\n-- fails   users_email_uq",
        ),
        "users_email_uq is a rule of a table that this statement does not touch",
    ),
    "a constraint that is hit and not declared": (
        ("terms/create_term", "-- fails   terms_code_uq\n", ""),
        "(terms_code_uq, which is not declared as fails)",
    ),
    "a refusal that is not declared": (
        ("courses/create_course", "lms.refuse('courses_lecturer_id_assign')", "lms.refuse('courses_assign')"),
        "the rule courses_assign is refused here and not declared as fails",
    ),
    "a declared refusal that is not there": (
        ("courses/create_course", "lms.refuse('courses_lecturer_id_assign')::uuid", "null"),
        "there is no constraint courses_lecturer_id_assign, nor is it refused here",
    ),
    "a refusal without an answer": (
        (
            "courses/create_course",
            "_assign  422 /lecturer_id Only an administrator says who else teaches a course.",
            "_assign",
        ),
        "has no comment to answer with",
    ),
    "a refusal whose name is computed": (
        ("courses/create_course", "lms.refuse('courses_lecturer_id_assign')", "lms.refuse($2)"),
        "lms.refuse takes the name of the rule as a literal",
    ),
    "an answer that is none": (
        ("courses/create_course", "422 /term_id There is", "422 /term_id there is"),
        "expected '<status> [/pointer] <Sentence.>'",
    ),
    "an index that is not there": (
        ("terms/read_term", "-- index   terms_pk", "-- index   terms_pk, terms_title_ix"),
        "there is no index terms_title_ix",
    ),
    "a model that is not there": (
        ("terms/read_term", "versioned  Term ", "versioned  Semester "),
        "there is no model Semester in api/models",
    ),
    "a model that the function does not return": (
        ("terms/read_term", "versioned  Term ", "versioned  Course "),
        "the header promises Versioned[Course], not Versioned[Term]",
    ),
    "a result of another kind": (
        ("terms/read_term", "versioned  Term ", "json  Term "),
        "the header promises Json[Term], not Versioned[Term]",
    ),
    "a column too few": (
        ("terms/read_term", "end as document,\n    terms.version", "end as document"),
        "versioned is document json, version integer, not document json",
    ),
    "a document that is not json": (
        ("terms/read_term", "json_build_object(", "jsonb_build_object("),
        "not document jsonb, version integer",
    ),
    "a row without a column for a field": (
        ("catalogue/read_service_role", "roles.rolsuper as is_superuser", "roles.rolsuper as superuser"),
        "ServiceRole has a field is_superuser that is no column",
    ),
    "a row with a column of another type": (
        ("catalogue/read_service_role", "roles.rolsuper as is_superuser", "1 as is_superuser"),
        "the column is_superuser is integer, its field <class 'bool'>",
    ),
    "a document that is not its model": (
        ("terms/read_term", "'title', terms.title", "'name', terms.title"),
        "the document is no Term: title: Field required",
    ),
    "a second row for json": (
        ("auth/read_me", "join lms.users on users.user_id = actor.user_id", "cross join lms.users"),
        "rows, and json promises one",
    ),
    "a second row for page": (
        ("terms/list_terms", ") as term on true;", ") as term on true\ncross join generate_series(1, 2);"),
        "2 rows, and page promises one",
    ),
    "a second row for created": (
        ("terms/create_term", "left join created on true", "left join created on true\ncross join lms.terms"),
        "rows, and created promises one",
    ),
    "a second row for versioned": (
        ("terms/read_term", "on terms.term_id = $2;", "on terms.term_id = $2 or true;"),
        "rows, and versioned promises one",
    ),
    "a second row for row": (
        ("catalogue/read_schema_state", " as is_current;", " as is_current\nfrom generate_series(1, 2);"),
        "rows, and row promises one",
    ),
    "a second row for row?": (
        (
            "auth/read_credentials",
            "from lms.credentials($1) as credentials",
            "from lms.credentials($1) as credentials\ncross join generate_series(1, 2)",
        ),
        "2 rows, and row? promises one",
    ),
    "no row for row": (
        ("catalogue/read_schema_state", " as is_current;", " as is_current\nwhere false;"),
        "no row, and row promises one",
    ),
    "no row for a live session": (
        ("terms/read_term", "left join lms.terms", "join lms.terms"),
        "no row means 401, and the session is alive",
    ),
    "a row for a token that nobody has": (
        (
            "terms/read_term",
            "from lms.actor($1) as actor",
            "from (select) as anybody left join lms.actor($1) on true",
        ),
        "a row for a token that nobody has",
    ),
    "a list in whatever order": (
        ("syllabus_weeks/read_syllabus", "order by weeks.week_number", ""),
        "json_agg without an order",
    ),
    "an order of a list without a unique key": (
        ("syllabus_weeks/read_syllabus", "order by weeks.week_number", "order by weeks.topic"),
        ":{line}: this order does not end in a unique key",
    ),
    "an order of a page without a unique key": (
        ("courses/list_courses", "order by page.place", "order by courses.title"),
        ":{line}: this order does not end in a unique key",
    ),
    "an order under a limit without a unique key": (
        ("terms/list_terms", "order by term_id\n        limit 101", "order by ends_on\n        limit 101"),
        ":{line}: this order does not end in a unique key",
    ),
    "an order of rows without a unique key": (
        ("catalogue/list_constraint_comments", "order by rules.name", "order by left(rules.name, 3)"),
        ":{line}: this order does not end in a unique key",
    ),
    "an order that cannot be proved": (
        (
            "catalogue/list_constraint_comments",
            ") as rules\norder by rules.name",
            ") as rules\nunion select '', '' order by 1",
        ),
        "an order that nothing can be added to proves nothing",
    ),
    "a setting": (
        (
            "terms/read_term",
            "select /* terms/read_term */",
            "set search_path = lms; select /* terms/read_term */",
        ),
        ":{line}: set outlives the transaction",
    ),
    "a setting by function": (
        ("terms/read_term", "terms.version\n", "terms.version + length(set_config('a.b', '', false))\n"),
        "set_config outlives the transaction",
    ),
    "a lock of the session": (
        ("terms/read_term", "terms.version\n", "terms.version + length(pg_advisory_lock(1)::text)\n"),
        "pg_advisory_lock outlives the transaction",
    ),
    "a listener": (
        ("terms/read_term", "select /* terms/read_term */", "listen terms; select /* terms/read_term */"),
        "listen outlives the transaction",
    ),
    "a prepared statement": (
        ("terms/read_term", "select /* terms/read_term */", "prepare terms as select /* terms/read_term */"),
        "prepare outlives the transaction",
    ),
    "a temporary table": (
        ("terms/read_term", "terms.version\n", "terms.version into temporary table seen\n"),
        "a temporary table outlives the transaction",
    ),
    "two statements": (
        ("terms/read_term", "terms.term_id = $2;", "terms.term_id = $2; select 1;"),
        "a query file holds one statement",
    ),
    "a role that has no right here": (
        ("terms/read_term", "-- result", "-- role    lms_cleaner\n--\n-- result"),
        "sql/terms/read_term.sql: role: there is no role lms_cleaner that has a right here",
    ),
    "a role that may not do what it is sent for": (
        ("terms/read_term", "-- result", "-- role    lms_worker\n--\n-- result"),
        "permission denied for ",
    ),
    "a parameter out of its column": (
        ("terms/read_term", "-- $2  term_id     uuid", "-- $2  term_id   uuid"),
        "sql/terms/read_term.sql:5: in columns this line is: $2  term_id     uuid",
    ),
    "a parameter too close to its type": (
        ("terms/read_term", "-- $2  term_id     uuid", "-- $2  term_id uuid"),
        "sql/terms/read_term.sql:5: a parameter is declared as: $n  name  type  note",
    ),
    "a failure out of its column": (
        ("courses/create_course", "courses_term_id_fk          422", "courses_term_id_fk  422"),
        ":{line}: in columns this line is: courses_term_id_fk          422 /term_id There is no such term.",
    ),
    "a result with a space too many": (
        ("terms/read_term", "-- result  versioned  Term", "-- result  versioned   Term"),
        "sql/terms/read_term.sql:7: a result is one of: json, page, created",
    ),
    "a field of a patch that no column takes": (
        (
            "terms/update_term",
            "        ends_on = case when $4 ? 'ends_on' then ($4 ->> 'ends_on')::date else terms.ends_on end,\n",
            "",
        ),
        ": TermPatch has a field ends_on that the patch is not asked for",
    ),
    "a field of a patch that is cleared where it is absent": (
        (
            "terms/update_term",
            "case when $4 ? 'code' then $4 ->> 'code' else terms.code end",
            "$4 ->> 'code'",
        ),
        ": TermPatch has a field code that the patch is not asked for",
    ),
    "a field that no patch has": (
        ("terms/update_term", "$4 ? 'code' then $4 ->> 'code'", "$4 ? 'name' then $4 ->> 'name'"),
        ": TermPatch has no field name, which the patch is asked for",
    ),
    "an unknown line in the header": (
        ("terms/read_term", "-- index   terms_pk", "-- indices terms_pk"),
        "sql/terms/read_term.sql:8: expected $n, role, result, fails or index",
    ),
}


@pytest.mark.once
@pytest.mark.parametrize(("change", "finding"), SPOILED.values(), ids=SPOILED.keys())
def test_it_finds(tree: Tree, change: tuple[str, str, str], finding: str) -> None:
    name, _, new = change
    tree.spoil(*change)
    text = (tree.folder / f"{name}.sql").read_text()
    at = text.find(new) + max(new.rfind("order by"), 0)
    finding = finding.replace("{line}", str(text.count("\n", 0, at) + 1))
    findings = tree.check()
    assert any(f"sql/{change[0]}.sql" in line and finding in line for line in findings), findings


def test_it_finds_a_file_without_a_function(tree: Tree) -> None:
    tree.take("terms/read_term")
    text = (tree.folder / "terms/read_term.sql").read_text()
    (tree.folder / "terms/show_term.sql").write_text(text.replace("terms/read_term", "terms/show_term"))
    assert tree.check() == ["sql/terms/show_term.sql: no function in api/repositories sends it"]


def test_it_finds_a_function_without_a_file(tree: Tree) -> None:
    tree.take("terms/read_term")
    (tree.folder / "terms/read_term.sql").unlink()
    assert tree.check() == [
        "api/repositories/terms.py: read_term has no query file terms/read_term.sql that can be read"
    ]


def test_it_finds_a_file_that_lies_astray(tree: Tree) -> None:
    tree.take("terms/read_term")
    shutil.copy(tree.folder / "terms/read_term.sql", tree.folder / "read_term.sql")
    assert tree.check() == ["sql/read_term.sql: a query file lies in sql/<noun>/"]


def test_it_reports_every_broken_file(tree: Tree) -> None:
    for name in ("read_term", "list_terms", "delete_term"):
        tree.spoil(f"terms/{name}", f"/* terms/{name} */", "")
    named = {line.partition(":")[0] for line in tree.check() if "after the first keyword" in line}
    assert named == {f"sql/terms/{name}.sql" for name in ("read_term", "list_terms", "delete_term")}


def test_it_finds_a_renamed_column_in_every_file_that_reads_it(tree: Tree, database: TestDatabase) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("alter table lms.terms rename column starts_on to begins_on")
    tree.take(*(name for name in BOUND if name.startswith("terms/")))
    tree.database = database
    named = {
        line.partition(":")[0] for line in tree.check() if "starts_on" in line and "does not exist" in line
    }
    assert named == {
        "seeds/setup_demo.py",
        *(f"sql/terms/{name}.sql" for name in ("create_term", "list_terms", "read_term", "update_term")),
    }


def test_it_finds_a_missing_grant(tree: Tree, database: TestDatabase) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("revoke delete on lms.terms from lms_api")
    tree.take("terms/delete_term", "terms/read_term")
    tree.database = database
    assert tree.check() == ["sql/terms/delete_term.sql: permission denied for table terms"]


def test_it_runs_nothing_in_a_database_that_is_in_use(tree: Tree, database: TestDatabase) -> None:
    def state() -> list[tuple[object, ...]]:
        with psycopg.connect(database.admin_url) as connection:
            return connection.execute(
                "select user_id, email, version, xmin::text, (select count(*) from lms.sessions), "
                "(select array_agg(datname order by datname) from pg_database) from lms.users"
            ).fetchall()

    with psycopg.connect(database.admin_url) as connection:
        connection.execute(
            "insert into lms.users (email, full_name, role, password_hash) "
            "values ('ada@school.example', 'Ada', 'student', '!')"
        )
    before = state()
    tree.spoil("terms/read_term", "on terms.term_id = $2;", "on terms.term_id = $2 or true;")
    tree.database = database
    assert any("rows, and versioned promises one" in line for line in tree.check())
    assert state() == before


def test_it_leaves_an_empty_database_empty(tree: Tree, module_database: TestDatabase) -> None:
    tree.take("terms/read_term")
    tree.check()
    with psycopg.connect(module_database.admin_url) as connection:
        assert connection.execute("select count(*) from lms.users").fetchone() == (0,)


@pytest.fixture
def broken_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Adds a module to api.repositories."""
    monkeypatch.setattr(api.repositories, "__path__", [*api.repositories.__path__, str(tmp_path)])
    importlib.invalidate_caches()

    def write(text: str) -> None:
        (tmp_path / "spoiled.py").write_text(
            "from api.database.pool import Database\nfrom api.database.query import query\n" + text
        )

    yield write
    sys.modules.pop("api.repositories.spoiled", None)


@pytest.mark.parametrize(
    ("function", "finding"),
    [
        (
            '@query("terms/read_terms")\nasync def read_terms(db: Database) -> int: ...\n',
            "there is no such query file",
        ),
        (
            '@query("terms/read_term")\nasync def read_term(db: Database) -> int: ...\n',
            "terms/read_term is bound twice",
        ),
    ],
)
def test_it_finds_a_function_that_cannot_be_bound(
    tree: Tree,  # noqa: ARG001 - the functions of the service are bound first
    broken_module: Callable[[str], None],
    function: str,
    finding: str,
) -> None:
    broken_module(function)
    _, findings = import_repositories()
    assert len(findings) == 1
    assert findings[0].startswith("api/repositories/spoiled.py: ")
    assert finding in findings[0]


@pytest.mark.parametrize(
    ("address", "other"),
    [
        (
            "postgresql://ada:a%2Fb@db:5432/lms?sslmode=require",
            "postgresql://ada:a%2Fb@db:5432/other?sslmode=require",
        ),
        ("postgresql://ada@/lms?host=/run&port=5432", "postgresql://ada@/other?host=/run&port=5432"),
        ("postgresql:///?host=/run&dbname=lms", "postgresql:///other?host=/run"),
        ("postgres://db", "postgres://db/other"),
    ],
)
def test_the_database_beside_is_on_the_same_server(address: str, other: str) -> None:
    assert with_database(address, "other") == other
