"""Every statement reads what it returns, by the indexes that its header names, whatever the plan.

Run on 50,000 courses, in generic and in custom plans, for each role, as lms_api.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.database.queries import Query, load_queries
from api.review.server import Prepared, Server
from tests.conftest import TestDatabase
from tests.support.large_school import COURSES_OF_A_LECTURER, LargeSchool, found_large_school

QUERIES = load_queries()
INDEXED = [name for name, query in QUERIES.items() if query.indexes]
LISTS = [name for name, query in QUERIES.items() if query.kind == "page"]
ROLES = ("super_admin", "lecturer", "student")
MODES = ("force_generic_plan", "force_custom_plan", "auto")

PAGE = 20
LARGE = {"courses", "users", "syllabus_weeks", "sessions", "idempotency_keys"}

GIVEN: dict[str, str | None] = {
    "version": None,
    "week_number": "1",
    "after_id": None,
    "page_limit": str(PAGE),
    "page_offset": "0",
    "with_total": "false",
    "session_hours": "1",
    "session_idle_hours": "1",
    "patch": '{"title": "Another title"}',
    "weeks": '[{"week_number": 1, "topic": "Another topic"}]',
    "topic": "Another topic",
    "route": "POST /courses",
    "key": "a key",
    "request_hash": "\\x" + "00" * 32,
    "status": "201",
    "headers": "{}",
    "body": "",
    "objectives": None,
    "reading": None,
}


@pytest.fixture(scope="module")
def large_school(module_database: TestDatabase) -> LargeSchool:
    return found_large_school(module_database.admin_url)


class Planner:
    """Explains statements as they run."""

    def __init__(self, connection: psycopg.Connection[Any], large_school: LargeSchool) -> None:
        self.connection = connection
        self.school = large_school
        self.server = Server(connection)
        self.prepared: dict[str, Prepared] = {}
        self.same: dict[str, set[str]] = {}

    def values(self, query: Query, role: str, **changes: str | None) -> dict[str, str | None]:
        token_hash = self.school.tokens[role]
        # A new session has a token of its own.
        own = "\\x" + "11" * 32 if query.name == "auth/create_session" else token_hash
        known = self.school.own | GIVEN | {"token_hash": own, "token_hashes": json.dumps([token_hash[2:]])}
        if query.name.startswith("terms/"):
            known["term_id"] = self.school.empty_term_id
        known |= changes
        return {parameter.name: known[parameter.name] for parameter in query.parameters}

    def prepare(self, query: Query) -> Prepared:
        """Once for each text: what is prepared outlasts the transaction."""
        if query.text not in self.prepared:
            with self.undone():
                self.prepared[query.text] = self.server.prepare(query.text)
        return self.prepared[query.text]

    def items(self, query: Query, role: str, **changes: str | None) -> int:
        """How many are on the page."""
        prepared = self.prepare(query)
        with self.undone():
            ((document, _),) = self.server.run(prepared, list(self.values(query, role, **changes).values()))
        return str(document).count('"created_at"')

    def explain(self, query: Query, mode: str, values: dict[str, str | None]) -> "Plan":
        """The plan with what it really read; what it wrote is undone."""
        prepared = self.prepare(query)
        arguments = sql.SQL(", ").join([sql.Literal(value) for value in values.values()])
        with self.undone():
            self.connection.execute(sql.SQL("set local plan_cache_mode = {}").format(sql.Literal(mode)))
            row = self.connection.execute(
                sql.SQL("explain (analyze, buffers, format json) execute {}{}").format(
                    sql.Identifier(prepared.name),
                    sql.SQL("({})").format(arguments) if values else sql.SQL(""),
                )
            ).fetchone()
            assert row is not None
            # What happens inside a function is not in the plan: the transaction's own counters tell.
            counted = {
                index
                for index in query.indexes
                if self.connection.execute(
                    "select pg_stat_get_xact_numscans(%s::regclass) > 0", (f"lms.{index}",)
                ).fetchone()
                == (True,)
            }
            return Plan(row[0][0]["Plan"], counted)

    def stand_ins(self, index: str) -> set[str]:
        """An index, and those that begin with its columns: to the planner they are the same."""
        if index not in self.same:
            self.same[index] = {
                name
                for (name,) in self.connection.execute(
                    "select others.indexrelid::regclass::text from pg_index as named "
                    "join pg_index as others on others.indrelid = named.indrelid "
                    "where named.indexrelid = %s::regclass and others.indpred is null "
                    "and others.indkey::text || ' ' like named.indkey::text || ' %%'",
                    (f"lms.{index}",),
                )
            }
            self.same[index] = {name.removeprefix("lms.") for name in self.same[index]}
        return self.same[index]

    @contextmanager
    def undone(self) -> Iterator[None]:
        self.connection.execute("begin")
        try:
            yield
        finally:
            self.connection.execute("rollback")


class Plan:
    """A plan as PostgreSQL explains it, and the indexes that were scanned while it ran."""

    def __init__(self, root: dict[str, Any], counted: set[str]) -> None:
        self.root = root
        self.nodes = list(_nodes(root))
        self.indexes = {node["Index Name"] for node in self.nodes if "Index Name" in node}
        for node in self.nodes:
            self.indexes.update(node.get("Conflict Arbiter Indexes", []))
        functions = {node.get("Function Name") for node in self.nodes}
        self.functions = functions - {None}
        if self.functions:
            self.indexes |= counted

    @property
    def sequential(self) -> set[str]:
        """Tables of which every row was read."""
        return {
            node["Relation Name"]
            for node in self.nodes
            if node["Node Type"] == "Seq Scan" and node["Actual Loops"] > 0
        }

    @property
    def sorted(self) -> float:
        """Rows of the largest sort."""
        return max((_rows(node) for node in self.nodes if "Sort" in node["Node Type"]), default=0)

    def read(self, table: str | None = None) -> float:
        """Rows that came out of a table, or of any, or were looked at and left there."""
        return sum(
            _rows(node) + float(node["Actual Loops"] * node.get("Rows Removed by Filter", 0))
            for node in self.nodes
            if "Relation Name" in node
            and "Scan" in node["Node Type"]
            and table in (None, node["Relation Name"])
        )

    @property
    def buffers(self) -> int:
        return int(self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"])


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def _rows(node: dict[str, Any]) -> float:
    return float(node["Actual Rows"] * node["Actual Loops"])


@pytest.fixture(scope="module")
def planner(module_database: TestDatabase, large_school: LargeSchool) -> Iterator[Planner]:
    url = module_database.server.url(module_database.name, "lms_api")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        yield Planner(connection, large_school)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", INDEXED)
def test_it_uses_the_indexes_that_it_names_and_reads_no_table_whole(
    planner: Planner, name: str, mode: str
) -> None:
    query = QUERIES[name]
    for role in ROLES:
        plan = planner.explain(query, mode, planner.values(query, role))
        for index in query.indexes:
            assert plan.indexes & planner.stand_ins(index), f"{role}: {index}, not {plan.indexes}"
        assert not plan.sequential & LARGE, role
        assert "actor" not in plan.functions, "lms.actor is not inlined"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LISTS)
def test_a_page_reads_and_sorts_what_it_returns(planner: Planner, name: str, mode: str) -> None:
    query = QUERIES[name]
    for role in ROLES:
        returned = planner.items(query, role)
        plan = planner.explain(query, mode, planner.values(query, role))
        # A filter that no index serves is tried on what one lecturer teaches, at most.
        assert plan.read() <= 10 * returned + COURSES_OF_A_LECTURER + 10, role
        assert plan.sorted <= PAGE + 1, role
    assert planner.items(query, "super_admin") == PAGE or name.endswith("_by_lecturer")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "role", "skipped", "among"),
    [
        ("courses/list_courses", "super_admin", 45_000, "true"),
        ("courses/list_courses", "lecturer", 70, "lecturer_id = %(lecturer_id)s"),
        ("courses/list_courses_by_term", "super_admin", 900, "term_id = %(term_id)s"),
        ("courses/list_courses_by_lecturer", "super_admin", 70, "lecturer_id = %(lecturer_id)s"),
    ],
)
def test_a_deep_page_costs_what_the_first_one_costs(
    planner: Planner, name: str, role: str, skipped: int, among: str, mode: str
) -> None:
    query = QUERIES[name]
    # The term is no part of this: with it a lecturer has two courses.
    every_term = {"term_id": None} if name.endswith("_by_lecturer") else {}
    row = planner.connection.execute(
        sql.SQL(
            "select course_id::text from lms.courses where {} order by course_id limit 1 offset {}"
        ).format(sql.SQL(among), skipped),
        planner.school.own,
    ).fetchone()
    assert row is not None
    first = planner.explain(query, mode, planner.values(query, role, **every_term))
    deep = planner.explain(query, mode, planner.values(query, role, after_id=row[0], **every_term))
    assert planner.items(query, role, after_id=row[0], **every_term) == PAGE
    # Beside the courses a merge join may read on through the terms, of which there are few.
    assert deep.read("courses") <= first.read("courses") + 1
    assert deep.buffers <= first.buffers * 1.25 + 5


def test_an_offset_reads_what_it_skips(planner: Planner) -> None:
    """The control: without the cursor a deep page is dear, so the test above can tell."""
    query = QUERIES["courses/list_courses"]
    first = planner.explain(query, "force_generic_plan", planner.values(query, "super_admin"))
    deep = planner.explain(
        query, "force_generic_plan", planner.values(query, "super_admin", page_offset="10000")
    )
    assert deep.read() > first.read() + 9_000


@pytest.mark.parametrize(
    ("habit", "name", "old", "new"),
    [
        (
            "the order of each branch",
            "courses/list_courses",
            "            order by course_id\n        )\n        union all",
            "        )\n        union all",
        ),
        ("the constant bound", "courses/list_courses", "limit 101 offset $4", "offset $4"),
        (
            "the coalesced cursor",
            "courses/list_courses",
            "course_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')",
            "($2::uuid is null or course_id > $2)",
        ),
    ],
)
def test_without_each_habit_some_page_reads_too_much(
    planner: Planner, habit: str, name: str, old: str, new: str
) -> None:
    query = QUERIES[name]
    assert query.text.count(old) == 1, habit
    without = replace(query, text=query.text.replace(old, new))
    row = planner.connection.execute(
        "select course_id::text from lms.courses order by course_id limit 1 offset 45000"
    ).fetchone()
    assert row is not None
    plans = [
        planner.explain(without, mode, planner.values(query, "super_admin", after_id=after))
        for mode in MODES
        for after in (None, row[0])
    ]
    assert any(
        plan.read() > 10 * PAGE + COURSES_OF_A_LECTURER + 10 or plan.sorted > PAGE + 1 for plan in plans
    )
