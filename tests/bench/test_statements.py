"""How many statements a request sends, counted by the server: one for every read and every plain write.

By name, since the name of a query file stands in its text, so that a wrong statement cannot pass for a right one.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg
import pytest
from litestar import Litestar

from api.app import create_app
from tests.conftest import TestDatabase
from tests.http.matrix import FILES, TEXT_TYPES, in_its_form
from tests.sql.questions import quiz
from tests.support.school import PASSWORD, School, address_of, token_for
from tests.support.service import settings_for

_NAME = re.compile(r"/\* (?P<name>[a-z_]+/[a-z_]+) \*/")


@dataclass(frozen=True)
class Row:
    """A request to a route, and the statements that it is answered with."""

    statements: tuple[str, ...]
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    variant: str = ""

    def __str__(self) -> str:
        return self.variant


ANY_VERSION = {"If-Match": "*"}
TERM = {"code": "BENCH", "title": "Term", "starts_on": "2026-01-01", "ends_on": "2026-02-01"}
COURSE = {"code": "BENCH", "title": "Course", "capacity": 10}
WEEK = {"topic": "Statements"}
PERSON = {"email": "bench@school.example", "full_name": "Person", "role": "student"}
TEXT = {"kind": "text", "title": "Text"}
LINK = {"kind": "link", "title": "Link", "url": "https://bench.example/"}
CLAIM = "idempotency_keys/claim_idempotency_key"
CSV_FILE = (
    f"email,full_name,state\r\n{address_of('newcomer')},,active\r\nnobody@bench.example,New,invited\r\n"
)
IMPORT = (
    "courses/read_taught_course",
    "begin",
    "courses/lock_taught_course",
    "enrollments/import_enrollments",
    "commit",
)
GIFT = "Green? {=leaf ~sky}\n\nThe square of 3 {#9}.\n"
QUIZ_IMPORT = (
    "courses/read_taught_course",
    "begin",
    "quizzes/create_quiz",
    "quizzes/import_questions",
    "commit",
)
TOKEN = "t" * 43

TABLE: dict[str, list[Row]] = {
    "POST /auth/login": [
        # Two, with the password verified between them.
        Row(
            ("auth/read_credentials", "auth/create_session"),
            {"email": "lecturer@school.example", "password": PASSWORD},
        ),
        Row(
            ("auth/read_credentials",), {"email": "nobody@school.example", "password": "x"}, variant="refused"
        ),
    ],
    "POST /auth/logout": [Row(("auth/revoke_session",))],
    "GET /auth/me": [Row(("auth/read_me",))],
    "POST /auth/password": [
        # Two, with the present password verified and the new one hashed between them.
        Row(
            ("auth/read_own_credentials", "auth/change_password"),
            {"current_password": PASSWORD, "new_password": PASSWORD},
        ),
        Row(
            ("auth/read_own_credentials",),
            {"current_password": "x", "new_password": PASSWORD},
            variant="refused",
        ),
    ],
    "GET /users": [
        Row(("users/list_users",)),
        Row(("users/list_users",), query="?limit=1&offset=1&count=true", variant="counted"),
        Row(("users/list_users_by_role",), query="?role=student", variant="of a role"),
        Row(("users/list_users_by_name",), query="?name=s", variant="by name"),
        Row(("users/list_users_by_name",), query="?name=s&role=student&count=true", variant="by both"),
        Row(("users/list_users_by_email",), query="?email=s", variant="by address"),
    ],
    "POST /users": [
        Row(("users/create_user",), PERSON),
        Row(
            ("begin", CLAIM, "users/create_user", "idempotency_keys/save_idempotency_key", "commit"),
            PERSON,
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "GET /users/{user_id}": [Row(("users/read_user",))],
    "PATCH /users/{user_id}": [
        Row(("users/update_user",), {"full_name": "Other"}, ANY_VERSION),
        # With the end of every session and the row of audit.
        Row(("users/update_user",), {"active": False}, ANY_VERSION, variant="closed"),
    ],
    "PUT /users/{user_id}/password": [
        # Two, with the password hashed between them.
        Row(("auth/read_actor", "users/set_password"), {"new_password": PASSWORD}),
    ],
    "GET /users/{user_id}/settings": [Row(("users/read_settings",))],
    "PATCH /users/{user_id}/settings": [Row(("users/update_settings",), {"theme": "dark"}, ANY_VERSION)],
    "GET /terms": [
        Row(("terms/list_terms",)),
        Row(("terms/list_terms",), query="?limit=1&offset=1&count=true", variant="counted"),
    ],
    "POST /terms": [
        Row(("terms/create_term",), TERM),
        # One transaction: the key, the effect, the answer.
        Row(
            ("begin", CLAIM, "terms/create_term", "idempotency_keys/save_idempotency_key", "commit"),
            TERM,
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "GET /terms/{term_id}": [Row(("terms/read_term",))],
    "PATCH /terms/{term_id}": [Row(("terms/update_term",), {"title": "Other"}, ANY_VERSION)],
    "DELETE /terms/{term_id}": [Row(("terms/delete_term",), headers=ANY_VERSION)],
    "GET /courses": [
        Row(("courses/list_courses",)),
        Row(("courses/list_courses",), query="?count=true", variant="counted"),
        Row(("courses/list_courses_by_term",), query="?term_id={term_id}", variant="of a term"),
        Row(
            ("courses/list_courses_by_lecturer",), query="?lecturer_id={lecturer_id}", variant="of a lecturer"
        ),
        Row(
            ("courses/list_courses_by_lecturer",),
            query="?lecturer_id={lecturer_id}&term_id={term_id}",
            variant="of both",
        ),
    ],
    "POST /courses": [
        Row(("courses/create_course",), COURSE),
        Row(
            ("begin", CLAIM, "courses/create_course", "idempotency_keys/save_idempotency_key", "commit"),
            COURSE,
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "GET /courses/{course_id}": [
        Row(("courses/read_course",)),
        Row(
            ("courses/read_course",),
            headers={"Authorization": "Bearer lms_" + "0" * 43},
            variant="unknown token",
        ),
    ],
    "PATCH /courses/{course_id}": [
        Row(("courses/update_course",), {"title": "Other"}, ANY_VERSION),
        Row(("courses/update_course",), {"title": "Other"}, {"If-Match": '"99"'}, variant="stale"),
    ],
    "DELETE /courses/{course_id}": [Row(("courses/delete_course",), headers=ANY_VERSION)],
    "GET /courses/{course_id}/syllabus": [Row(("syllabus_weeks/read_syllabus",))],
    "PUT /courses/{course_id}/syllabus": [
        Row(
            ("syllabus_weeks/put_syllabus",),
            {"weeks": [WEEK | {"week_number": number} for number in range(1, 54)]},
            ANY_VERSION,
        )
    ],
    "PUT /courses/{course_id}/syllabus/{week_number}": [
        Row(("syllabus_weeks/put_syllabus_week",), WEEK, ANY_VERSION)
    ],
    "DELETE /courses/{course_id}/syllabus/{week_number}": [
        Row(("syllabus_weeks/delete_syllabus_week",), headers=ANY_VERSION)
    ],
    "GET /courses/{course_id}/enrollments": [
        Row(("enrollments/list_enrollments",)),
        Row(("enrollments/list_enrollments",), query="?state=active&count=true", variant="in a state"),
    ],
    "POST /courses/{course_id}/enrollments": [
        # The seat, the enrolment, the mail and the row of audit, or none of them.
        Row(("enrollments/enroll_student",), {"student_id": "{newcomer}"}),
        Row(("enrollments/enroll_student",), {"email": address_of("newcomer")}, variant="by address"),
        Row(
            ("begin", CLAIM, "enrollments/enroll_student", "idempotency_keys/save_idempotency_key", "commit"),
            {"email": address_of("newcomer")},
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "POST /courses/{course_id}/enrollments/import": [
        # Who may, before the file is read; then one transaction: the lock, and all of the rest.
        Row(IMPORT, CSV_FILE),
        Row(IMPORT, CSV_FILE, query="?dry_run=true", variant="rehearsed"),
        Row(
            (
                IMPORT[0],
                "begin",
                CLAIM,
                *IMPORT[2:-1],
                "idempotency_keys/save_idempotency_key",
                "commit",
            ),
            CSV_FILE,
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "POST /account-tokens/redeem": [
        Row(
            ("account_tokens/read_account_token",),
            {"token": "none", "new_password": PASSWORD},
            variant="refused",
        ),
        # Two, with the password hashed between them.
        Row(
            ("account_tokens/read_account_token", "account_tokens/redeem_account_token"),
            {"token": TOKEN, "new_password": PASSWORD},
        ),
    ],
    "GET /invitation": [Row(())],
    "GET /invitation/{asset}": [Row(())],
    "GET /courses/{course_id}/enrollments/{student_id}": [Row(("enrollments/read_enrollment",))],
    "PATCH /courses/{course_id}/enrollments/{student_id}": [
        Row(("enrollments/update_enrollment",), {"state": "dropped"}, ANY_VERSION),
        Row(("enrollments/update_enrollment",), {"state": "active"}, ANY_VERSION, variant="back again"),
    ],
    "GET /deliveries/{delivery_id}": [Row(("deliveries/read_delivery",))],
    "GET /students/{student_id}/enrollments": [Row(("enrollments/list_enrollments_by_student",))],
    "GET /courses/{course_id}/materials": [
        Row(("materials/list_materials",)),
        Row(("materials/list_materials_by_week",), query="?week_number=1", variant="of a week"),
    ],
    "POST /courses/{course_id}/materials": [
        Row(("materials/create_material",), LINK),
        Row(
            ("begin", CLAIM, "materials/create_material", "idempotency_keys/save_idempotency_key", "commit"),
            LINK,
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "PUT /courses/{course_id}/materials/crawled": [
        Row(("materials/put_crawled_material",), LINK | {"crawled_at": "2026-01-01T00:00:00Z"})
    ],
    "GET /materials/{material_id}": [Row(("materials/read_material",))],
    "PATCH /materials/{material_id}": [Row(("materials/update_material",), {"title": "Other"}, ANY_VERSION)],
    "POST /courses/{course_id}/materials/files": [
        # Two, with the body read between them.
        Row(("files/create_file", "materials/create_uploaded_material"), TEXT),
        Row(
            (
                "files/create_file",
                "begin",
                CLAIM,
                "materials/create_uploaded_material",
                "idempotency_keys/save_idempotency_key",
                "commit",
            ),
            TEXT,
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
        Row(
            ("files/create_file", "files/abandon_file", "files/delete_file"),
            TEXT | {"kind": "pdf"},
            variant="refused",
        ),
    ],
    "GET /materials/{material_id}/file": [Row(("files/read_file",))],
    "DELETE /materials/{material_id}": [
        Row(("materials/delete_material",), headers=ANY_VERSION),
        # Two, with the object removed between them.
        Row(("materials/delete_material", "files/delete_file"), headers=ANY_VERSION, variant="uploaded"),
    ],
    "GET /courses/{course_id}/quizzes": [
        Row(("quizzes/list_quizzes",)),
        Row(("quizzes/list_quizzes",), query="?count=true", variant="counted"),
    ],
    "POST /courses/{course_id}/quizzes": [
        Row(("quizzes/create_quiz",), {"title": "Quiz"}),
        Row(
            ("begin", CLAIM, "quizzes/create_quiz", "idempotency_keys/save_idempotency_key", "commit"),
            {"title": "Quiz"},
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "POST /courses/{course_id}/quizzes/import": [
        # Who may, before the text is read; then the quiz and its questions, both or neither.
        Row(QUIZ_IMPORT, GIFT, query="?title=New"),
        Row((*QUIZ_IMPORT[:-1], "rollback"), GIFT, query="?title=New&dry_run=true", variant="rehearsed"),
        Row(
            (
                *QUIZ_IMPORT[:2],
                CLAIM,
                *QUIZ_IMPORT[2:-1],
                "idempotency_keys/save_idempotency_key",
                "commit",
            ),
            GIFT,
            {"Idempotency-Key": "once"},
            query="?title=New",
            variant="keyed",
        ),
    ],
    "GET /quizzes/{quiz_id}": [Row(("quizzes/read_quiz",))],
    "PATCH /quizzes/{quiz_id}": [Row(("quizzes/update_quiz",), {"title": "Other"}, ANY_VERSION)],
    "GET /quizzes/{quiz_id}/questions": [Row(("quizzes/read_questions",))],
    "PUT /quizzes/{quiz_id}/questions": [
        Row(("quizzes/put_questions",), quiz("essay", "matching")._asdict(), ANY_VERSION)
    ],
    "GET /quizzes/{quiz_id}/attempts": [
        Row(("attempts/list_attempts",)),
        Row(("attempts/list_attempts",), query="?count=true", variant="counted"),
    ],
    "POST /quizzes/{quiz_id}/attempts": [
        Row(("attempts/start_attempt",)),
        # Read by a statement of its own, since the first may have waited for what changed it.
        Row(("attempts/start_attempt", "attempts/read_attempt"), variant="under way"),
        Row(
            (
                "begin",
                CLAIM,
                "attempts/start_attempt",
                "attempts/read_attempt",
                "idempotency_keys/save_idempotency_key",
                "commit",
            ),
            headers={"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "GET /attempts/{attempt_id}/grade": [Row(("grades/read_grade",))],
    "PUT /attempts/{attempt_id}/grade": [
        Row(("grades/put_grade",), {"reviews": {"q1": {"points": 1}}}, ANY_VERSION)
    ],
    "GET /quizzes/{quiz_id}/versions/{version_number}/key": [Row(("answer_keys/read_answer_key",))],
    "PUT /quizzes/{quiz_id}/versions/{version_number}/key": [
        Row(
            ("answer_keys/put_answer_key",),
            {"key": {"q1": {"type": "true_false", "correct": False}}},
            ANY_VERSION,
        )
    ],
    "POST /quizzes/{quiz_id}/regrade": [
        Row(("regrades/create_regrade",)),
        Row(
            ("begin", CLAIM, "regrades/create_regrade", "idempotency_keys/save_idempotency_key", "commit"),
            headers={"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "GET /attempts/{attempt_id}": [Row(("attempts/read_attempt",))],
    "PATCH /attempts/{attempt_id}": [
        Row(("attempts/update_attempt",), {"answers": {"q1": True}}, ANY_VERSION)
    ],
    "POST /attempts/{attempt_id}/submit": [
        Row(("attempts/submit_attempt",), {}),
        Row(("attempts/submit_attempt",), {}, variant="again"),
        Row(
            ("attempts/submit_attempt",),
            {},
            {"Idempotency-Key": "once"},
            variant="keyed",
        ),
    ],
    "GET /regrades/{regrade_id}": [Row(("regrades/read_regrade",))],
    "DELETE /quizzes/{quiz_id}": [Row(("quizzes/delete_quiz",), headers=ANY_VERSION)],
    "GET /students/{student_id}/performance": [
        Row(("performance/list_performance",)),
        Row(("performance/list_performance",), query="?count=true", variant="counted"),
    ],
    "GET /students/{student_id}/dashboard": [Row(("dashboards/read_student_dashboard",))],
    "GET /courses/{course_id}/dashboard": [Row(("dashboards/read_course_dashboard",))],
    "GET /courses/{course_id}/at-risk": [
        Row(("dashboards/list_at_risk",)),
        Row(("dashboards/list_at_risk",), query="?count=true", variant="counted"),
    ],
    "GET /courses/{course_id}/gradebook": [
        Row(("dashboards/list_gradebook",)),
        Row(("dashboards/list_gradebook",), query="?count=true", variant="counted"),
    ],
    "GET /audit": [
        Row(("audit_events/list_audit_events",)),
        Row(("audit_events/list_audit_events_by_user",), query="?user_id={user_id}", variant="of a person"),
        Row(
            ("audit_events/list_audit_events_by_course",),
            query="?course_id={course_id}",
            variant="of a course",
        ),
        Row(
            ("audit_events/list_audit_events_by_actor",), query="?actor_id={actor_id}", variant="by a person"
        ),
    ],
    "GET /health/live": [Row(())],
    "GET /health/ready": [Row(("catalogue/read_schema_state",))],
    "GET /docs": [Row(())],
    "GET /docs/{asset}": [Row(())],
    "GET /schema": [Row(())],
    "GET /schema/openapi.json": [Row(())],
    "GET /schema/{path}": [Row((), variant="absent")],
}

SEVERAL = {
    "POST /auth/login",
    "POST /auth/password",
    "PUT /users/{user_id}/password",
    "POST /account-tokens/redeem",
    "POST /courses/{course_id}/enrollments/import",
    "POST /courses/{course_id}/enrollments/import rehearsed",
    "POST /courses/{course_id}/enrollments/import keyed",
    "POST /terms keyed",
    "POST /courses keyed",
    "POST /users keyed",
    "POST /courses/{course_id}/enrollments keyed",
    "POST /courses/{course_id}/materials keyed",
    "POST /courses/{course_id}/quizzes keyed",
    "POST /quizzes/{quiz_id}/attempts keyed",
    "POST /quizzes/{quiz_id}/attempts under way",
    "POST /courses/{course_id}/quizzes/import",
    "POST /courses/{course_id}/quizzes/import rehearsed",
    "POST /courses/{course_id}/quizzes/import keyed",
    "POST /quizzes/{quiz_id}/regrade keyed",
    "POST /courses/{course_id}/materials/files",
    "POST /courses/{course_id}/materials/files keyed",
    "POST /courses/{course_id}/materials/files refused",
    "DELETE /materials/{material_id} uploaded",
}
"""All that may send more than one statement."""

ROWS = [(route, row) for route, rows in TABLE.items() for row in rows]


@pytest.fixture(scope="module")
def calls(module_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A connection that sees what the server has counted."""
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        yield connection


@pytest.fixture
def app(module_database: TestDatabase) -> Litestar:
    return create_app(settings_for(module_database.server, module_database.name))


def test_every_route_has_a_row(app: Litestar) -> None:
    routes = {
        f"{method} {route.path_format}"
        for route in app.routes
        for handler in route.route_handlers  # type: ignore[union-attr]  # all of ours are HTTP
        for method in handler.http_methods
        if method != "OPTIONS"
    }
    assert routes == set(TABLE)


def test_only_a_keyed_write_what_takes_a_password_and_a_file_send_more_than_one_statement() -> None:
    several = {f"{route} {row}".strip() for route, row in ROWS if len(row.statements) > 1}
    assert several == SEVERAL


@pytest.mark.parametrize(("route", "row"), ROWS, ids=[f"{route} {row}".strip() for route, row in ROWS])
def test_a_request_sends_these_statements(
    route: str,
    row: Row,
    school: School,
    service: httpx.Client,
    calls: psycopg.Connection[Any],
    module_database: TestDatabase,
) -> None:
    token, row_of_its_own = _prepare(f"{route} {row}".strip(), school, module_database.admin_url)
    method, path = route.split()
    path = (path + row.query).format_map(school.own | {"asset": "page.js", "path": "absent"} | row_of_its_own)
    body = row.json
    if route == "POST /courses":
        body = body | {"term_id": str(school.own["term_id"])}
    elif body == {"student_id": "{newcomer}"}:
        body = {"student_id": str(school.people["newcomer"])}
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    content_type = TEXT_TYPES.get(route, content_type)
    before = _sent(calls, module_database.name)

    sent = {"Content-Type": content_type} if route not in FILES else {}
    answer = service.request(
        method,
        path,
        headers={"Authorization": f"Bearer {token}"} | sent | row.headers,
        **in_its_form(route, body),
    )

    assert answer.status_code in {200, 201, 202, 204} or row.variant in {
        "refused",
        "unknown token",
        "stale",
        "absent",
    }
    assert dict(_sent(calls, module_database.name) - before) == dict(Counter(row.statements)), answer.text


def test_a_retry_of_a_keyed_write_reads_what_it_answered_first(
    school: School, service: httpx.Client, calls: psycopg.Connection[Any], module_database: TestDatabase
) -> None:
    def ask() -> httpx.Response:
        course = COURSE | {"code": "RETRIED", "term_id": str(school.own["term_id"])}
        headers = school.headers("lecturer") | {"Idempotency-Key": "twice"}
        return service.post("/courses", headers=headers, json=course)

    assert ask().status_code == 201
    before = _sent(calls, module_database.name)

    assert ask().headers["Idempotency-Replayed"] == "true"

    sent = ["begin", CLAIM, "idempotency_keys/read_idempotency_key", "commit"]
    assert _sent(calls, module_database.name) - before == Counter(sent)


def _sent(calls: psycopg.Connection[Any], database: str) -> Counter[str]:
    """How often the service's role has sent what, by the names of the query files."""
    counts: Counter[str] = Counter()
    for text, number in calls.execute(
        "select statements.query, statements.calls from pg_stat_statements as statements "
        "join pg_database as databases on databases.oid = statements.dbid "
        "where databases.datname = %s and statements.userid = 'lms_api'::regrole",
        (database,),
    ):
        match = _NAME.search(text)
        name = match["name"] if match else text.strip(" ;").lower()
        counts["begin" if name.startswith("begin") else name] += number
    # PgBouncer's own, when it lends a server connection to another client than before.
    for name in [name for name in counts if name.startswith("set client_encoding")]:
        del counts[name]
    return counts


def _somebody_who_may(route: str) -> str:
    if any(f" {path}" in route for path in ("/terms", "/users", "/students", "/audit")):
        return "super_admin"
    by_student = any(f" {path}" in route for path in ("/attempts", "/quizzes/{quiz_id}/attempts"))
    return "student" if by_student and not route.endswith("/grade") else "lecturer"


def _prepare(  # noqa: C901 - one short branch for each kind of route
    route: str, school: School, admin_url: str
) -> tuple[str, dict[str, Any]]:
    """A token of somebody who may, and what the request consumes."""
    name = _somebody_who_may(route)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("delete from lms.courses where code = 'BENCH'")
        connection.execute("delete from lms.terms where code = 'BENCH'")
        connection.execute("delete from lms.users where email = 'bench@school.example'")
        connection.execute(
            "delete from lms.student_enrollments where student_id = %s", (school.people["newcomer"],)
        )
        connection.execute("delete from lms.materials where url = 'https://bench.example/'")
        own: dict[str, Any] = {}
        if route == "DELETE /terms/{term_id}":
            own["term_id"] = _one(
                connection,
                "insert into lms.terms (code, title, starts_on, ends_on) "
                "values ('BENCH', 'Term', '2026-01-01', '2026-02-01') returning term_id",
            )
        if route == "DELETE /courses/{course_id}":
            own["course_id"] = _one(
                connection,
                "insert into lms.courses (code, title, term_id, lecturer_id, capacity) "
                "values ('BENCH', 'Course', %s, %s, 10) returning course_id",
                (school.own["term_id"], school.people[name]),
            )
        if route in {"DELETE /materials/{material_id} uploaded", "GET /materials/{material_id}/file"}:
            own["material_id"] = school.own["file_material_id"]
        if route == "DELETE /materials/{material_id}":
            own["material_id"] = _one(
                connection,
                "insert into lms.materials (course_id, kind, origin, title, url) "
                "values (%s, 'link', 'linked', 'Link', 'https://bench.example/') returning material_id",
                (school.own["course_id"],),
            )
        if route == "DELETE /quizzes/{quiz_id}":
            own["quiz_id"] = _one(
                connection,
                "insert into lms.quizzes (course_id, title) values (%s, 'Quiz') returning quiz_id",
                (school.own["course_id"],),
            )
        if route == "POST /quizzes/{quiz_id}/attempts":
            connection.execute("delete from lms.quiz_attempts where quiz_id = %s", (school.own["quiz_id"],))
        if route.endswith("/grade"):
            own["attempt_id"] = school.own["graded_attempt_id"]
        if route == "POST /account-tokens/redeem":
            connection.execute(
                "insert into lms.account_tokens (token_hash, user_id, expires_at) "
                "values (sha256(%s), %s, now() + interval '1 hour') on conflict do nothing",
                (TOKEN.encode(), school.people["invited_student"]),
            )
        token = token_for(name)
        if name == "student":
            # Other requests have set their password and closed their account.
            connection.execute(
                "update lms.sessions set revoked_at = null where token_hash = sha256(%s)", (token.encode(),)
            )
            connection.execute(
                "update lms.users set deactivated_at = null where user_id = %s", (school.people[name],)
            )
        if route.startswith("POST /auth/log"):
            token = "lms_" + "b" * 43
            connection.execute(
                "insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at) "
                "values (sha256(%s), %s, interval '1 hour', now() + interval '1 day') on conflict do nothing",
                (token.encode(), school.people[name]),
            )
    return token, own


def _one(connection: psycopg.Connection[Any], statement: Any, arguments: tuple[Any, ...] = ()) -> Any:
    row = connection.execute(statement, arguments).fetchone()
    assert row is not None
    return row[0]
