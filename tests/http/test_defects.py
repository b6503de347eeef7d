"""Whatever is wrong with a request, the answer is a problem that names the place, and nothing is changed."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.settings import Settings
from tests.http.defects import Defect, Operation, defects_of, encoded, operations, pointer, with_value
from tests.http.matrix import QUERIES, body_of, in_its_form
from tests.http.tables import Tables
from tests.support.school import School

# Nearly all of it is refused before a connection is taken.
pytestmark = pytest.mark.once

OPERATIONS = operations(
    create_app(Settings(database_url=SecretStr("postgresql://nobody.invalid/lms"))).openapi_schema.to_schema()
)
DEFECTS = [defect for operation in OPERATIONS for defect in defects_of(operation)]

TABLES_OF = {
    "POST /auth/login": ["users", "sessions"],
    "POST /auth/password": ["users", "sessions"],
    "POST /users": ["users"],
    "POST /account-tokens/redeem": ["users", "account_tokens"],
    "PATCH /users/{user_id}": ["users"],
    "PUT /users/{user_id}/password": ["users", "sessions"],
    "PATCH /users/{user_id}/settings": ["users"],
    "POST /terms": ["terms"],
    "PATCH /terms/{term_id}": ["terms"],
    "POST /courses": ["courses"],
    "PATCH /courses/{course_id}": ["courses"],
    "PUT /courses/{course_id}/syllabus": ["courses", "syllabus_weeks"],
    "PUT /courses/{course_id}/syllabus/{week_number}": ["courses", "syllabus_weeks"],
    "POST /courses/{course_id}/materials": ["materials"],
    "PUT /courses/{course_id}/materials/crawled": ["materials"],
    "PATCH /materials/{material_id}": ["materials"],
    "POST /courses/{course_id}/quizzes": ["quizzes"],
    "PATCH /quizzes/{quiz_id}": ["quizzes"],
    "PUT /quizzes/{quiz_id}/questions": ["quizzes", "quiz_versions", "quiz_answer_keys"],
    "PATCH /attempts/{attempt_id}": ["quiz_attempts"],
    "POST /attempts/{attempt_id}/submit": ["quiz_attempts", "topic_performance"],
    "PUT /attempts/{attempt_id}/grade": ["quiz_attempts"],
    "PUT /quizzes/{quiz_id}/versions/{version_number}/key": ["quiz_answer_keys"],
    "POST /courses/{course_id}/enrollments": ["student_enrollments", "courses"],
    "PATCH /courses/{course_id}/enrollments/{student_id}": ["student_enrollments", "courses"],
}
"""What the routes with a body write, beside the audit."""

COLUMNS = """
select attname
from pg_catalog.pg_attribute
where attrelid = any(%s::regclass[]) and attnum > 0 and not attisdropped
"""


def good_body(operation: Operation, school: School) -> Any:
    """A body that would be taken from who sends it."""
    body = body_of(operation.route, school)
    policy = {"mastery_policy": {"score": "highest", "mastered": 0.9, "developing": 0.4}}
    if operation.route == "POST /courses":
        return {**(body or {}), **policy, "lecturer_id": str(school.own["lecturer_id"])}
    if operation.route == "PATCH /courses/{course_id}":
        return {**(body or {}), **policy}
    return body


def sender_of(operation: Operation) -> str:
    """Who sends it: an administrator, but students take quizzes."""
    takes = (
        operation.method != "GET"
        and operation.path.startswith(("/attempts/", "/quizzes/{quiz_id}/attempts"))
        and not operation.path.endswith("/grade")
    )
    return "student" if takes else "super_admin"


def send(
    service: httpx.Client, school: School, operation: Operation, defect: Defect | None = None
) -> httpx.Response:
    """The good request of a route, with one defect."""
    headers: dict[str, Any] = dict(school.headers(sender_of(operation)))
    if operation.is_versioned:
        headers["If-Match"] = "*"
    content = None
    form = in_its_form(operation.route, body_of(operation.route, school)) if operation.is_form else {}
    if operation.body is not None or operation.text_type:
        headers["Content-Type"] = operation.content_type
        good = good_body(operation, school)
        made = defect.content if defect else None
        content = (
            made(good)
            if made
            else httpx.Request("POST", "http://x", **in_its_form(operation.route, good)).content
        )
    for name, value in (defect.headers if defect else {}).items():
        headers.pop(name, None)
        if value is not None:
            headers[name] = value
    places = dict(school.own)
    if operation.path.endswith("/file"):
        places["material_id"] = school.own["file_material_id"]
    if operation.path.endswith("/grade"):
        places["attempt_id"] = school.own["graded_attempt_id"]
    address = operation.path.format(**{**places, **(defect.path if defect else {})})
    given = defect.query if defect else ""
    needed = QUERIES.get(operation.route, "")
    # What is needed is left out where the defect is one of it.
    queries = [
        found for found in (needed, given) if found and found.partition("=")[0] != given.partition("=")[0]
    ]
    query = f"?{'&'.join([*queries, *filter(None, [given])])}" if needed or given else ""
    return service.request(operation.method, address + query, content=content, headers=headers, **form)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.route)
def test_without_a_defect_the_request_is_taken(
    service: httpx.Client, school: School, operation: Operation
) -> None:
    expected = {
        "POST /auth/login": 401,
        "POST /account-tokens/redeem": 422,
        "DELETE /terms/{term_id}": 409,
        "DELETE /courses/{course_id}": 409,
    }.get(operation.route)
    answer = send(service, school, operation)
    assert answer.status_code == expected or (expected is None and answer.is_success), answer.text


@pytest.fixture(scope="module")
def unchanged(tables: Tables) -> Iterator[None]:
    """All rows are the same when the last of many requests was answered as when the first one was sent."""
    before = tables.rows()
    yield
    assert tables.rows() == before


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_a_defect_is_refused_by_name_and_changes_nothing(
    service: httpx.Client, school: School, defect: Defect
) -> None:
    answer = send(service, school, defect.operation, defect)
    assert answer.status_code in defect.statuses, answer.text
    assert_problem(answer)
    assert str(answer.status_code) in defect.operation.responses, "the OpenAPI document does not declare it"
    if defect.blame is not None:
        kind, place = defect.blame
        blamed = [str(found[kind]) for found in answer.json()["errors"] if kind in found]
        inside = kind == "pointer" and any(found.startswith(f"{place}/") for found in blamed)
        assert place in blamed or inside, answer.text


def assert_problem(answer: httpx.Response) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert problem["status"] == answer.status_code
    assert problem["type"].startswith("urn:lms:problem:")
    assert problem["detail"]


@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS if operation.body is not None],
    ids=lambda operation: operation.route,
)
def test_no_column_can_be_written_that_the_body_does_not_have(
    service: httpx.Client,
    school: School,
    tables: Tables,
    admin: psycopg.Connection[Any],
    operation: Operation,
) -> None:
    assert operation.body is not None
    written = [f"lms.{name}" for name in (*TABLES_OF[operation.route], "audit_events")]
    columns = {name for (name,) in admin.execute(COLUMNS, (written,))}
    assert columns, "the table is there"
    before = tables.rows()
    for path, schema in _objects(operation.body, good_body(operation, school), ()):
        for column in sorted(columns - set(schema["properties"])):
            for value in ("x", 1, None, str(school.foreign["lecturer_id"])):
                defect = Defect(operation, column, {422}, content=_adding(path, column, value))
                answer = send(service, school, operation, defect)
                assert answer.status_code == 422, (column, answer.text)
                assert {pointer((*path, column))} == {found["pointer"] for found in answer.json()["errors"]}
    assert tables.rows() == before


def _objects(
    schema: dict[str, Any], good: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The object itself, and those in it and in its arrays, of the kinds that they have in a good body."""
    if "oneOf" in schema:
        for kind in schema["oneOf"]:
            tag = kind.get("properties", {}).get("type", {}).get("const")
            if tag is None or (isinstance(good, dict) and tag == good.get("type")):
                yield from _objects(kind, good, path)
    elif schema.get("type") == "array" and good:
        yield from _objects(schema["items"], good[0], (*path, 0))
    elif "properties" in schema and isinstance(good, dict):
        yield path, schema
        for name, declared in schema["properties"].items():
            yield from _objects(declared, good.get(name), (*path, name))
    elif isinstance(schema.get("additionalProperties"), dict) and good:
        name = next(iter(good))
        yield from _objects(schema["additionalProperties"], good[name], (*path, name))


def _adding(path: tuple[str | int, ...], name: str, value: Any) -> Any:
    return lambda good: encoded(with_value(good, (*path, name), value))
