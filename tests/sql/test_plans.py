"""Every statement reads what it returns, by the indexes that its header names, whatever the plan.

Run on 50,000 courses, 80,000 enrolments and 100,000 audit events, in generic and in custom plans, for each kind of
person, as the role of the file. Some things there are very many of: the students of one course, the courses of one
student, the events about one person, the names that begin alike.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.database.queries import Query, load_queries
from api.database.roles import SERVICE_ROLE, WORKER_ROLE
from api.review.server import Prepared, Server
from tests.conftest import TestDatabase
from tests.sql.questions import quiz
from tests.support.large_school import (
    COURSES_OF_A_LECTURER,
    COURSES_OF_A_STUDENT,
    QUIZZES_OF_THE_GRADED,
    STUDENTS_OF_THE_GRADED,
    WEEKS,
    LargeSchool,
    found_large_school,
)

QUERIES = load_queries()
INDEXED = [name for name, query in QUERIES.items() if query.indexes]
LISTS = [name for name, query in QUERIES.items() if query.kind == "page"]
ROLES = ("super_admin", "lecturer", "student")
MODES = ("force_generic_plan", "force_custom_plan", "auto")

PAGE = 20
LARGE = {
    "account_tokens",
    "audit_events",
    "courses",
    "email_outbox",
    "files",
    "idempotency_keys",
    "materials",
    "quiz_answer_keys",
    "quiz_attempts",
    "quiz_versions",
    "quizzes",
    "regrades",
    "sessions",
    "student_enrollments",
    "syllabus_weeks",
    "topic_performance",
    "users",
}

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
    "email": "new@school.example",
    "email_prefix": "student",
    "full_name": "New Person",
    "name_prefix": "student",
    "password_hash": "!",
    "kind": "link",
    "url": "https://pages.example/new",
    "crawled_at": "2026-01-01T00:00:00Z",
    "metadata": "{}",
    "lease_seconds": "20",
    "scores_last": "true",
    "attempts": "0",
    "reply": "250 OK",
    "wait_seconds": "30",
    "upload_seconds": "3600",
    "name": "new.txt",
    "media_type": "text/plain",
    "byte_size": "1",
    "sha256": "\\x" + "00" * 32,
    "opens_at": None,
    "closes_at": None,
    "time_limit_seconds": "600",
    "attempts_allowed": "1",
    "score_policy": "highest",
    "feedback_policy": "never",
    "questions": json.dumps(quiz("true_false").questions),
    "version_number": "1",
    "reviews": '{"q1": {"points": 1}}',
    "claims": "1",
    "most": "1",
    "skip": "0",
}
"""What a parameter is given that no row of the school fills."""

LINE = {"line": 2, "email": "new@school.example", "full_name": "New Person", "state": "invited"}

GIVEN_TO: dict[str, dict[str, str | None]] = {
    "deliveries/settle_delivery": {"state": "sent"},
    "enrollments/enroll_student": {"email": None, "state": "active"},
    "enrollments/import_enrollments": {"lines": json.dumps([LINE]), "dry_run": "false"},
    "enrollments/list_enrollments": {"state": None},
    "enrollments/update_enrollment": {"patch": '{"state": "dropped"}'},
    "materials/create_uploaded_material": {"kind": "text", "title": "New"},
    "performance/list_performance": {"course_id": None},
    "attempts/list_attempts": {"state": None},
    "attempts/submit_attempt": {"answers": '{"q1": true}'},
    "attempts/update_attempt": {"patch": '{"answers": {"q1": true}}'},
    "quizzes/import_questions": {
        "key": json.dumps(quiz("true_false").key),
        "imported": "[]",
        "left_out": "[]",
        "dry_run": "false",
    },
    "answer_keys/put_answer_key": {"key": json.dumps(quiz("true_false").key)},
    "quizzes/put_questions": {"key": json.dumps(quiz("true_false").key)},
    "users/create_user": {"role": "student"},
    "users/list_users_by_email": {"role": None},
    "users/list_users_by_name": {"role": None},
    "users/list_users_by_role": {"role": "student"},
    "users/update_settings": {"patch": '{"theme": "dark"}'},
    "users/update_user": {"patch": '{"full_name": "Another Name"}'},
}
"""What it is given by one file alone."""

FILE_OF = {
    "files/abandon_file": "uploading_file_id",
    "files/delete_file": "deleting_file_id",
    "materials/create_uploaded_material": "uploading_file_id",
}
"""In which state the file is that a statement is asked for."""

FEW: list[tuple[str, dict[str, str | None]]] = [
    ("attempts/list_attempts", {"state": "submitted"}),
    ("courses/list_courses_by_lecturer", {}),
    ("users/list_users_by_email", {"email_prefix": "student19999@"}),
    ("users/list_users_by_email", {"email_prefix": "a", "role": "super_admin"}),
    ("users/list_users_by_email", {"email_prefix": "s", "role": "super_admin"}),
    ("users/list_users_by_name", {"name_prefix": "Student 19999"}),
    ("users/list_users_by_name", {"name_prefix": "a", "role": "super_admin"}),
    ("users/list_users_by_name", {"name_prefix": "s", "role": "super_admin"}),
]
"""What can be asked for that is no page full for anybody."""

FILTERS: list[tuple[str, dict[str, str | None]]] = [
    *((name, {}) for name in LISTS if (name, {}) not in FEW),
    *FEW,
    ("attempts/list_attempts", {"state": "in_progress"}),
    ("attempts/list_attempts", {"state": "graded"}),
    ("courses/list_courses_by_lecturer", {"term_id": None}),
    ("enrollments/list_enrollments", {"state": "dropped"}),
    ("enrollments/list_enrollments", {"state": "invited"}),
    ("users/list_users_by_email", {"role": "student"}),
    ("users/list_users_by_email", {"role": "lecturer", "email_prefix": "LECTURER"}),
    ("users/list_users_by_name", {"role": "student"}),
    ("users/list_users_by_name", {"role": "lecturer", "name_prefix": "LÉCTURER"}),
    ("users/list_users_by_role", {"role": "lecturer"}),
]
"""Every list as it comes, and with what else it can be asked for."""

COMPARING = {"files/claim_garbage"}
"""What compares all of two tables, in the background: by their indexes, without a sort."""

SUMMING = {"dashboards/read_course_dashboard", "dashboards/read_student_dashboard"}
"""What sums up many rows in one document."""

RESIDUAL = {
    # What the lecturer teaches and what the student is on, compared, and once for whether they may ask at all.
    "performance/list_performance": {"lecturer": 4 * COURSES_OF_A_LECTURER + 2 * COURSES_OF_A_STUDENT},
    # The columns and their versions, whoever is on the page.
    "dashboards/list_gradebook": dict.fromkeys(ROLES, 3 * 201),
    # Of each student on the page, and of the next one, the weeks of the course and the attempts at its quizzes.
    "dashboards/list_at_risk": dict.fromkeys(ROLES, 2 * QUIZZES_OF_THE_GRADED * (PAGE + 1)),
    "courses/list_courses_by_lecturer": {
        # By term too: tried on what the lecturer teaches.
        "super_admin": COURSES_OF_A_LECTURER,
        "lecturer": COURSES_OF_A_LECTURER,
        "student": 2 * COURSES_OF_A_STUDENT,
    },
    "courses/list_courses_by_term": {"lecturer": COURSES_OF_A_LECTURER, "student": 2 * COURSES_OF_A_STUDENT},
}
"""Rows that a filter without an index is tried on: one person's courses, their enrolments with them."""


def _spelled(value: object) -> str | None:
    """The id of a parameter that pytest would number."""
    return json.dumps(value) if isinstance(value, dict) else None


@pytest.fixture(scope="module")
def large_school(module_database: TestDatabase) -> LargeSchool:
    return found_large_school(module_database.admin_url)


class Planner:
    """Explains statements as they run, as one role."""

    def __init__(self, connection: psycopg.Connection[Any], large_school: LargeSchool) -> None:
        self.connection = connection
        self.school = large_school
        self.server = Server(connection)
        self.prepared: dict[str, Prepared] = {}
        self.same: dict[str, set[str]] = {}

    def values(self, query: Query, who: str, /, **changes: str | None) -> dict[str, str | None]:
        token_hash = self.school.tokens[who]
        # A new session has a token of its own.
        own = "\\x" + "11" * 32 if query.name == "auth/create_session" else token_hash
        known = self.school.own | GIVEN | {"token_hash": own, "token_hashes": json.dumps([token_hash[2:]])}
        if query.name.startswith("terms/"):
            known["term_id"] = self.school.empty_term_id
        if query.name == "courses/delete_course":
            known["course_id"] = self.school.empty_course_id
        if query.name == "dashboards/list_at_risk":
            known["course_id"] = self.school.graded_course_id
        if query.name == "files/read_file":
            known["material_id"] = self.school.own["file_material_id"]
        if query.name == "quizzes/delete_quiz":
            known["quiz_id"] = self.school.own["untaken_quiz_id"]
        if query.name in FILE_OF:
            known["file_id"] = self.school.own[FILE_OF[query.name]]
        if query.name.startswith("grades/"):
            known["attempt_id"] = self.school.own["graded_attempt_id"]
        if query.name == "enrollments/enroll_student":
            known["student_id"] = self.school.outsider_id
        if query.name == "enrollments/read_enrollment":
            # Not the busiest student on the crowded course: that makes a few hundred rows by the statistics.
            known |= self.school.ordinary_enrollments[who]
        known |= GIVEN_TO.get(query.name, {}) | changes
        return {parameter.name: known[parameter.name] for parameter in query.parameters}

    def prepare(self, query: Query) -> Prepared:
        """Once for each text: what is prepared outlasts the transaction."""
        if query.text not in self.prepared:
            with self.undone():
                self.prepared[query.text] = self.server.prepare(query.text)
        return self.prepared[query.text]

    def key(self, order: str, among: str, skipped: int) -> str:
        """The key, last in this order, of the row so far down in it."""
        row = self.connection.execute(
            sql.SQL("select {}::text from {} order by {} limit 1 offset {}").format(
                sql.SQL(order.removesuffix(" desc").rpartition(" ")[2]),
                sql.SQL(among),
                sql.SQL(order),
                skipped,
            ),
            self.school.own,
        ).fetchone()
        assert row is not None
        return str(row[0])

    def items(self, query: Query, who: str, /, **changes: str | None) -> int:
        """How many are on the page."""
        prepared = self.prepare(query)
        with self.undone():
            ((document, _),) = self.server.run(prepared, list(self.values(query, who, **changes).values()))
        return 0 if document is None else len(json.loads(document)["items"])

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
                for named in query.indexes
                for index in self.stand_ins(named)
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
                    "where named.indexrelid = %s::regclass and (others.indexrelid = named.indexrelid "
                    "or others.indpred is null and others.indkey::text || ' ' like named.indkey::text || ' %%')",
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

    def read(self, *, but: str | None = None) -> float:
        """Rows that came out of tables, but for one, or were looked at and left there."""
        return sum(
            _rows(node) + float(node["Actual Loops"] * node.get("Rows Removed by Filter", 0))
            for node in self.nodes
            if node.get("Relation Name", but) != but and "Scan" in node["Node Type"]
        )

    @property
    def buffers(self) -> int:
        """Pages of tables and indexes."""
        return _pages(self.root)

    @property
    def buffers_of_functions(self) -> int:
        """Those of them that functions in `from` needed, and the planning of what they send."""
        return sum(_pages(node) for node in self.nodes if node["Node Type"] == "Function Scan")


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def _pages(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


def _rows(node: dict[str, Any]) -> float:
    return float(node["Actual Rows"] * node["Actual Loops"])


@pytest.fixture(scope="module")
def planners(module_database: TestDatabase, large_school: LargeSchool) -> Iterator[dict[str, Planner]]:
    """By the role that a file is sent as."""
    with ExitStack() as stack:
        yield {
            role: Planner(
                stack.enter_context(
                    psycopg.connect(
                        module_database.server.url(module_database.name, role),
                        autocommit=True,
                        prepare_threshold=None,
                    )
                ),
                large_school,
            )
            for role in (SERVICE_ROLE, WORKER_ROLE)
        }


@pytest.fixture(scope="module")
def planner(planners: dict[str, Planner]) -> Planner:
    return planners[SERVICE_ROLE]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", INDEXED)
def test_it_uses_the_indexes_that_it_names_and_reads_no_table_whole(
    planners: dict[str, Planner], name: str, mode: str
) -> None:
    query = QUERIES[name]
    planner = planners[query.role]
    plans = {role: planner.explain(query, mode, planner.values(query, role)) for role in ROLES}
    # A function stops at the first table that has nothing for the actor, and may join them in any order.
    in_functions = set().union(*(plan.indexes for plan in plans.values() if plan.functions))
    for role, plan in plans.items():
        used = plan.indexes | (in_functions if plan.functions else set())
        for index in query.indexes:
            assert used & planner.stand_ins(index), f"{role}: {index}, not {used}"
        assert not plan.sequential & LARGE, role
        assert "actor" not in plan.functions, "lms.actor is not inlined"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name in INDEXED if name not in {*LISTS, *COMPARING, *SUMMING}])
def test_one_thing_reads_and_sorts_a_few_rows(planners: dict[str, Planner], name: str, mode: str) -> None:
    query = QUERIES[name]
    planner = planners[query.role]
    for role in ROLES:
        plan = planner.explain(query, mode, planner.values(query, role))
        # A merge join may read on through the terms, of which there are few.
        assert plan.read(but="terms") <= 10, role
        assert plan.sorted <= WEEKS, role


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("name", "changes"), FILTERS, ids=_spelled)
def test_a_page_reads_and_sorts_what_it_returns(
    planner: Planner, name: str, changes: dict[str, str | None], mode: str
) -> None:
    query = QUERIES[name]
    for role in ROLES:
        returned = planner.items(query, role, **changes)
        plan = planner.explain(query, mode, planner.values(query, role, **changes))
        residual = RESIDUAL.get(name, {}).get(role, 0)
        assert plan.read(but="terms") <= 10 * max(returned, 1) + residual, role
        assert plan.sorted <= PAGE + 2 + residual, role


def test_the_pages_above_are_full_ones(planner: Planner) -> None:
    """Each for somebody, but for those that are meant to be short."""
    for name, changes in FILTERS:
        full = {role for role in ROLES if planner.items(QUERIES[name], role, **changes) == PAGE}
        assert full or (name, changes) in FEW, (name, changes)


ATTENDED = [
    name for name, query in QUERIES.items() if "lms.can_attend(" in query.text and query.role == SERVICE_ROLE
]


ATTEMPT_OF = {"attempts/submit_attempt": "in_progress", "attempts/update_attempt": "in_progress"}
"""In which state the attempt is that a statement asks for; graded, if it is not here."""

MOST_PAGES = 60
"""An index that begins with the course would be read for all that are on it: more than a hundred pages."""


@pytest.fixture(scope="module")
def watcher(module_database: TestDatabase, large_school: LargeSchool) -> Iterator["Watcher"]:
    with psycopg.connect(module_database.admin_url, autocommit=True, prepare_threshold=None) as connection:
        yield Watcher(connection, large_school)


class Watcher(Planner):
    """Counts the pages of tables and indexes that a statement needs, inside functions too, as the service.

    Planning reads the ends of indexes, and before PostgreSQL 18 what a function in SQL sends is planned at each call:
    in a plan those pages are the function's. auto_explain tells what each statement read as it ran, and no more.
    """

    def __init__(self, connection: psycopg.Connection[Any], large_school: LargeSchool) -> None:
        super().__init__(connection, large_school)
        self.told: list[str] = []
        connection.add_notice_handler(lambda told: self.told.append(told.message_primary or ""))
        connection.execute("load 'auto_explain'")
        for setting, value in (
            ("log_min_duration", "0"),
            ("log_analyze", "on"),
            ("log_buffers", "on"),
            ("log_nested_statements", "on"),
            ("log_format", "json"),
            ("log_level", "notice"),
        ):
            connection.execute("select set_config(%s, %s, false)", (f"auto_explain.{setting}", value))
        connection.execute(sql.SQL("set role {}").format(sql.Identifier(SERVICE_ROLE)))

    def pages(self, query: Query, mode: str, values: dict[str, str | None], before: str = "") -> int:
        """How many; what it wrote is undone, and what an administrator did before it."""
        prepared = self.prepare(query)
        with self.undone():
            if before:
                self.connection.execute("set local role none")
                self.connection.execute(before.encode())
                self.connection.execute(sql.SQL("set local role {}").format(sql.Identifier(SERVICE_ROLE)))
            self.connection.execute(sql.SQL("set local plan_cache_mode = {}").format(sql.Literal(mode)))
            self.told.clear()
            arguments = sql.SQL(", ").join([sql.Literal(value) for value in values.values()])
            self.connection.execute(
                sql.SQL("execute {}({})").format(sql.Identifier(prepared.name), arguments)
            )
            plans = [Plan(json.loads(told[told.index("{") :])["Plan"], set()) for told in self.told]
        return sum(plan.buffers - plan.buffers_of_functions for plan in plans)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ATTENDED)
def test_whether_somebody_is_on_a_crowded_course_is_looked_up_by_its_key(
    watcher: Watcher, name: str, mode: str
) -> None:
    query = QUERIES[name]
    assert watcher.pages(query, mode, _asked_from_outside(watcher, query)) <= MOST_PAGES


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["courses/read_course", "attempts/read_attempt", "attempts/submit_attempt"])
def test_without_the_key_it_would_read_the_course(watcher: Watcher, name: str, mode: str) -> None:
    """The control, of a statement by itself and of two that ask inside functions."""
    query = QUERIES[name]
    # PostgreSQL 18 would skip through an index that ends with the student.
    without = """
        alter table lms.student_enrollments drop constraint student_enrollments_pk cascade;
        drop index lms.student_enrollments_course_id_state_student_id_ix;
        create index on lms.student_enrollments (course_id)
    """
    assert watcher.pages(query, mode, _asked_from_outside(watcher, query), before=without) > MOST_PAGES


def _asked_from_outside(planner: Planner, query: Query) -> dict[str, str | None]:
    """By a student who is not on the course; of attempts, for one of their own."""
    school = planner.school
    values = planner.values(query, "student", token_hash=school.outsider_token)
    if "attempt_id" in values:
        values["attempt_id"] = school.outsider_attempts[ATTEMPT_OF.get(query.name, "graded")]
    return values


ADMINISTRATORS_ALONE = [name for name in LISTS if name.startswith(("audit_events/", "users/"))]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ADMINISTRATORS_ALONE)
def test_a_list_for_administrators_reads_nothing_for_anybody_else(
    planner: Planner, name: str, mode: str
) -> None:
    query = QUERIES[name]
    for role in ("lecturer", "student"):
        values = planner.values(query, role, with_total="true", page_offset="1000")
        # Their session and they themselves.
        assert planner.explain(query, mode, values).read() == 2


@pytest.mark.parametrize("mode", MODES)
# Who is at risk is not counted, but judged: by several rows each.
@pytest.mark.parametrize("name", [name for name in LISTS if name != "dashboards/list_at_risk"])
def test_a_count_stops_at_ten_thousand(planner: Planner, name: str, mode: str) -> None:
    query = QUERIES[name]
    for role in ROLES:
        without = planner.explain(query, mode, planner.values(query, role))
        counted = planner.explain(query, mode, planner.values(query, role, with_total="true"))
        # What a student is on is looked up for each of their courses.
        assert counted.read(but="terms") <= without.read(but="terms") + 10_001 + 2 * COURSES_OF_A_STUDENT, (
            role
        )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "role", "changes", "key", "skipped", "among"),
    [
        ("courses/list_courses", "super_admin", {}, "course_id", 45_000, "lms.courses"),
        (
            "courses/list_courses",
            "lecturer",
            {},
            "course_id",
            70,
            "lms.courses where lecturer_id = %(lecturer_id)s",
        ),
        (
            "courses/list_courses",
            "student",
            {},
            "course_id",
            700,
            "lms.student_enrollments where student_id = %(student_id)s",
        ),
        (
            "courses/list_courses_by_term",
            "super_admin",
            {},
            "course_id",
            900,
            "lms.courses where term_id = %(term_id)s",
        ),
        (
            "courses/list_courses_by_lecturer",
            "super_admin",
            # The term is no part of this: with it a lecturer has two courses.
            {"term_id": None},
            "course_id",
            70,
            "lms.courses where lecturer_id = %(lecturer_id)s",
        ),
        (
            "audit_events/list_audit_events",
            "super_admin",
            {},
            "audit_event_id desc",
            80_000,
            "lms.audit_events",
        ),
        (
            "audit_events/list_audit_events_by_user",
            "super_admin",
            {},
            "audit_event_id desc",
            15_000,
            "lms.audit_events where user_id = %(user_id)s",
        ),
        (
            "audit_events/list_audit_events_by_course",
            "super_admin",
            {},
            "audit_event_id desc",
            15_000,
            "lms.audit_events where course_id = %(course_id)s",
        ),
        (
            "audit_events/list_audit_events_by_actor",
            "super_admin",
            {},
            "audit_event_id desc",
            15_000,
            "lms.audit_events where actor_id = %(actor_id)s",
        ),
        (
            "enrollments/list_enrollments",
            "lecturer",
            {},
            "student_id",
            15_000,
            "lms.student_enrollments where course_id = %(course_id)s",
        ),
        (
            "enrollments/list_enrollments",
            "lecturer",
            {"state": "dropped"},
            "student_id",
            4_000,
            "lms.student_enrollments where course_id = %(course_id)s and state = 'dropped'",
        ),
        (
            "enrollments/list_enrollments_by_student",
            "student",
            {},
            "course_id",
            700,
            "lms.student_enrollments where student_id = %(student_id)s",
        ),
        (
            "materials/list_materials",
            "student",
            {},
            "material_id",
            4_000,
            "lms.materials where course_id = %(course_id)s",
        ),
        (
            "materials/list_materials_by_week",
            "student",
            {},
            "material_id",
            1_000,
            "lms.materials where course_id = %(course_id)s and week_number = 1",
        ),
        *(
            (
                "quizzes/list_quizzes",
                role,
                {},
                "quiz_id",
                4_000,
                "lms.quizzes where course_id = %(course_id)s",
            )
            for role in ("lecturer", "student")
        ),
        (
            "attempts/list_attempts",
            "lecturer",
            {},
            "attempt_id",
            15_000,
            "lms.quiz_attempts where quiz_id = %(quiz_id)s",
        ),
        (
            "attempts/list_attempts",
            "lecturer",
            {"state": "graded"},
            "attempt_id",
            15_000,
            "lms.quiz_attempts where quiz_id = %(quiz_id)s and state = 'graded'",
        ),
        ("users/list_users", "super_admin", {}, "user_id", 15_000, "lms.users"),
        (
            "users/list_users_by_role",
            "super_admin",
            {},
            "user_id",
            15_000,
            "lms.users where role = 'student'",
        ),
        *(
            (
                "users/list_users_by_name",
                "super_admin",
                {"role": role},
                'lms.folded(full_name) collate "C", user_id',
                15_000,
                "lms.users where role = 'student'",
            )
            for role in (None, "student")
        ),
        *(
            (
                "users/list_users_by_email",
                "super_admin",
                {"role": role},
                'email collate "C", user_id',
                15_000,
                "lms.users where role = 'student'",
            )
            for role in (None, "student")
        ),
    ],
    ids=_spelled,
)
def test_a_deep_page_costs_what_the_first_one_costs(
    planner: Planner,
    name: str,
    role: str,
    changes: dict[str, str | None],
    key: str,
    skipped: int,
    among: str,
    mode: str,
) -> None:
    query = QUERIES[name]
    after_id = planner.key(key, among, skipped)
    first = planner.explain(query, mode, planner.values(query, role, **changes))
    deep = planner.explain(query, mode, planner.values(query, role, after_id=after_id, **changes))
    assert planner.items(query, role, after_id=after_id, **changes) == PAGE
    # Of a student's courses every third is dropped or only offered, now more of them on a page, now fewer.
    few = PAGE if role == "student" and "/list_courses" in name else 2
    assert deep.read(but="terms") <= first.read(but="terms") + few
    assert deep.buffers <= first.buffers * 1.25 + 5


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "column", "among"),
    [
        (
            "audit_events/list_audit_events_by_user",
            "user_id",
            "lms.audit_events where course_id = %(course_id)s and user_id <> %(student_id)s",
        ),
        (
            "audit_events/list_audit_events_by_actor",
            "actor_id",
            "lms.audit_events where actor_id <> %(actor_id)s and course_id is not null",
        ),
        (
            "audit_events/list_audit_events_by_course",
            "course_id",
            "lms.audit_events where course_id <> %(course_id)s",
        ),
        (
            "enrollments/list_enrollments_by_student",
            "student_id",
            "lms.student_enrollments where student_id <> %(student_id)s",
        ),
        (
            "enrollments/list_enrollments",
            "course_id",
            "lms.student_enrollments where course_id <> %(course_id)s",
        ),
    ],
)
def test_where_there_are_few_few_are_read(
    planner: Planner, name: str, column: str, among: str, mode: str
) -> None:
    query = QUERIES[name]
    changes = {column: planner.key(column, among, 100)}
    returned = planner.items(query, "super_admin", **changes)
    plan = planner.explain(query, mode, planner.values(query, "super_admin", **changes))
    assert returned > 0
    assert plan.read(but="terms") <= 10 * returned
    assert plan.sorted <= returned


@pytest.mark.parametrize("mode", MODES)
def test_where_few_are_at_risk_each_student_is_judged_by_this_course_alone(
    planner: Planner, mode: str
) -> None:
    """However much else they did: the first of them is on a thousand courses."""
    query = QUERIES["dashboards/list_at_risk"]
    # Each enrolment, its weeks and its attempts.
    course = STUDENTS_OF_THE_GRADED * (1 + 2 * QUIZZES_OF_THE_GRADED)
    deep = planner.values(query, "lecturer", after_id=planner.school.graded_student_id)
    assert 0 < planner.items(query, "lecturer", after_id=planner.school.graded_student_id) < PAGE
    assert planner.explain(query, mode, deep).read() <= course
    # To count is to judge everybody, and the page once more.
    counted = planner.explain(query, mode, deep | {"with_total": "true"})
    assert counted.read() <= 2 * course
    assert counted.sorted <= PAGE


@pytest.mark.parametrize("mode", MODES)
def test_one_course_of_a_student_is_looked_up(planner: Planner, mode: str) -> None:
    query = QUERIES["performance/list_performance"]
    course_id = planner.school.own["course_id"]
    for role in ROLES:
        assert planner.items(query, role, course_id=course_id) == 1
        plan = planner.explain(query, mode, planner.values(query, role, course_id=course_id))
        # Whether a lecturer may ask at all is tried on what they teach.
        assert plan.read() <= 10 + (COURSES_OF_A_LECTURER if role == "lecturer" else 0), role


def test_an_offset_reads_what_it_skips(planner: Planner) -> None:
    """The control: without the cursor a deep page is dear, so the test above can tell."""
    query = QUERIES["courses/list_courses"]
    first = planner.explain(query, "force_generic_plan", planner.values(query, "super_admin"))
    deep = planner.explain(
        query, "force_generic_plan", planner.values(query, "super_admin", page_offset="10000")
    )
    assert deep.read() > first.read() + 9_000


@pytest.mark.parametrize(
    ("habit", "name", "role", "old", "new", "after"),
    [
        (
            "the order of each branch",
            "courses/list_courses",
            "super_admin",
            "            order by course_id\n        )\n        union all",
            "        )\n        union all",
            ("course_id", "lms.courses", 45_000),
        ),
        (
            "the order of each branch",
            "enrollments/list_enrollments",
            "lecturer",
            "            order by student_id\n",
            "",
            ("student_id", "lms.student_enrollments where course_id = %(course_id)s", 15_000),
        ),
        (
            "the constant bound",
            "courses/list_courses",
            "super_admin",
            "limit 101 offset $4",
            "offset $4",
            ("course_id", "lms.courses", 45_000),
        ),
        (
            "the coalesced cursor",
            "courses/list_courses",
            "super_admin",
            "course_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')",
            "($2::uuid is null or course_id > $2)",
            ("course_id", "lms.courses", 45_000),
        ),
        (
            "the coalesced cursor",
            "audit_events/list_audit_events_by_user",
            "super_admin",
            "audit_event_id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')",
            "($3::uuid is null or audit_event_id < $3)",
            ("audit_event_id desc", "lms.audit_events where user_id = %(user_id)s", 15_000),
        ),
        (
            "the join by the whole key",
            "enrollments/list_enrollments",
            "lecturer",
            "enrollments.course_id = page.course_id",
            "enrollments.course_id = courses.course_id",
            ("student_id", "lms.student_enrollments where course_id = %(course_id)s", 15_000),
        ),
        (
            "one branch for each role",
            "users/list_users_by_name",
            "super_admin",
            "where role = 'student' and coalesce($2, 'student') = 'student'",
            "where role = coalesce($2, role)",
            ('lms.folded(full_name) collate "C", user_id', "lms.users where role = 'student'", 15_000),
        ),
    ],
)
def test_without_each_habit_some_page_reads_too_much(
    planner: Planner, habit: str, name: str, role: str, old: str, new: str, after: tuple[str, str, int]
) -> None:
    query = QUERIES[name]
    assert old in query.text, habit
    without = replace(query, text=query.text.replace(old, new))
    plans = [
        planner.explain(without, mode, planner.values(query, role, after_id=after_id))
        for mode in MODES
        for after_id in (None, planner.key(*after))
    ]
    assert any(plan.read() > 10 * PAGE or plan.sorted > PAGE + 2 for plan in plans)
