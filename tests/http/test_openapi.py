"""The OpenAPI document: valid, complete, and what a client generator can work with."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from openapi_spec_validator import validate
from pydantic import BaseModel

from api.app import create_app
from api.models.common import Request, Response
from tests.conftest import TestDatabase
from tests.http.matrix import PUBLIC
from tests.support.service import settings_for

pytestmark = pytest.mark.once

METHODS = {"get", "post", "put", "patch", "delete"}

FILES = {
    "POST /courses/{course_id}/enrollments/import": "text/csv",
    "POST /courses/{course_id}/quizzes/import": "text/plain",
    "POST /courses/{course_id}/materials/files": "multipart/form-data",
}
"""Bodies that are no JSON: what is wrong with one is told by its line, in a 422."""

WITHOUT_VERSION = {"PUT /users/{user_id}/password", "PUT /courses/{course_id}/materials/crawled"}
"""Writes that need not have seen anything: what they write is not read first."""


@pytest.fixture(scope="module")
def document(service: httpx.Client) -> dict[str, Any]:
    answer = service.get("/schema/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def app(module_database: TestDatabase) -> Litestar:
    return create_app(settings_for(module_database.server, module_database.name))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        assert set(item) <= METHODS
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    match node:
        case dict():
            yield node
            for item in node.values():
                yield from objects(item)
        case list():
            for item in node:
                yield from objects(item)


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)


def test_it_is_the_same_each_time(service: httpx.Client) -> None:
    assert len({service.get("/schema/openapi.json").content for _ in range(3)}) == 1


def test_every_route_is_in_it_but_those_for_browsers(document: dict[str, Any], app: Litestar) -> None:
    handled = {
        f"{method} {route.path_format}"
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method in route.route_handler_map
        if method != "OPTIONS"
    }
    described = {route for route, _ in operations(document)}
    assert handled - described == {
        "GET /docs",
        "GET /docs/{asset}",
        "GET /invitation",
        "GET /invitation/{asset}",
        "GET /schema",
        "GET /schema/{path}",
        "GET /schema/openapi.json",
    }
    assert described <= handled


def test_an_operation_is_called_what_its_handler_is(document: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for _, operation in operations(document))
    assert set(names.values()) == {1}
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    assert {"list_courses", "create_course", "read_course", "update_course", "delete_course"} <= set(names)


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    for route, operation in operations(document):
        assert operation["summary"], route
        assert operation["description"].endswith("."), route
        assert operation["tags"], route


def test_a_route_that_a_text_names_is_there(document: dict[str, Any]) -> None:
    routes = {route for route, _ in operations(document)}
    texts = [found["description"] for found in objects(document) if "description" in found]
    named = {
        route for text in texts for route in re.findall(r"\b(?:GET|POST|PUT|PATCH) /[\w/{}-]+", str(text))
    }
    assert len(named) >= 10
    assert named <= routes


def test_an_operation_asks_for_a_token_where_its_route_does(document: dict[str, Any]) -> None:
    assert document["security"] == [{"bearer": []}]
    assert document["components"]["securitySchemes"]["bearer"] == {"type": "http", "scheme": "bearer"}
    for route, operation in operations(document):
        if route in PUBLIC:
            assert operation["security"] == [{}]
        else:
            assert "security" not in operation
            assert "401" in operation["responses"]


def test_every_failure_is_a_problem(document: dict[str, Any]) -> None:
    for route, operation in operations(document):
        failures = {status: found for status, found in operation["responses"].items() if status >= "400"}
        assert "503" in failures or route == "GET /health/live"
        for found in failures.values():
            assert found["description"]
            assert found["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
            }


WITHOUT_BODY = {"POST /auth/logout", "POST /quizzes/{quiz_id}/attempts", "POST /quizzes/{quiz_id}/regrade"}


def test_a_body_is_taken_in_its_media_type_and_no_other(document: dict[str, Any]) -> None:
    for route, operation in operations(document):
        method = route.partition(" ")[0]
        if method in ("GET", "DELETE") or route in WITHOUT_BODY:
            assert "requestBody" not in operation
            continue
        media_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        media_type = FILES.get(route, media_type)
        assert list(operation["requestBody"]["content"]) == [media_type]
        assert operation["requestBody"]["required"]
        assert {"413", "415", "422"} <= set(operation["responses"])
        assert ("400" in operation["responses"]) == (not media_type.startswith("text/"))


def models_of(kind: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """The models that are derived from this one, by name; without what is only there to be derived from."""
    derived = {model.__name__: model for model in kind.__subclasses__()}
    every = derived | {name: model for found in derived.values() for name, model in models_of(found).items()}
    return {name: model for name, model in every.items() if not name.startswith("_")}


def test_what_is_sent_takes_no_unknown_field(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert closed == set(models_of(Request)) - {"NewFile"}


@pytest.mark.parametrize("model", [*models_of(Request).values(), *models_of(Response).values()])
def test_a_field_is_called_what_it_is_called_in_json(
    document: dict[str, Any], model: type[BaseModel]
) -> None:
    schema = document["components"]["schemas"].get(model.__name__)
    names = {field.alias or name for name, field in model.model_fields.items()}
    assert schema is None or set(schema["properties"]) == names
    # Who it is that logs in, pages without their items, files on their way, and what is answered 204, no client sees;
    # a form is described where it is sent.
    assert schema is not None or model.__name__ in {
        "CourseKey",
        "Deleted",
        "DeletedMaterial",
        "NewFile",
        "PageOf",
        "Session",
        "StoredFile",
        "Upload",
        "UserKey",
    }


def test_a_patch_has_no_defaults_and_demands_nothing(document: dict[str, Any]) -> None:
    patches = [name for name in document["components"]["schemas"] if name.endswith("Patch")]
    assert len(patches) >= 7
    for name in patches:
        schema = document["components"]["schemas"][name]
        assert "required" not in schema
        assert not [found for found in objects(schema) if "default" in found]


def test_no_default_is_null(document: dict[str, Any]) -> None:
    assert not [found for found in objects(document) if found.get("default", 0) is None]


def test_the_headers_of_conditional_and_repeatable_requests_are_in_it(document: dict[str, Any]) -> None:
    for route, operation in operations(document):
        headers = {found["name"]: found for found in operation["parameters"] if found["in"] == "header"}
        method, _, path = route.partition(" ")
        is_versioned = method in ("PATCH", "PUT", "DELETE") and route not in WITHOUT_VERSION
        assert ("If-Match" in headers) == is_versioned, route
        assert ("Idempotency-Key" in headers) == (
            method == "POST" and not path.startswith(("/auth", "/account-tokens"))
        ), route
        assert ("If-None-Match" in headers) == (method == "GET" and not path.startswith("/health")), route
        if "If-Match" in headers:
            assert headers["If-Match"]["required"]
            assert {"412", "428"} <= set(operation["responses"])
        if "If-None-Match" in headers:
            assert "ETag" in operation["responses"]["200"]["headers"]
            assert "304" in operation["responses"]


def test_it_says_where_nothing_is_kept_under_a_key(document: dict[str, Any]) -> None:
    said = {
        route
        for route, operation in operations(document)
        for found in operation["parameters"]
        if found["name"] == "Idempotency-Key" and "nothing is kept" in found["description"]
    }
    assert said == {"POST /attempts/{attempt_id}/submit"}


def test_an_answer_without_a_body_has_none_in_it(document: dict[str, Any]) -> None:
    for _, operation in operations(document):
        for status in ("204", "304"):
            assert "content" not in operation["responses"].get(status, {})


def test_what_litestar_would_answer_by_itself_is_not_in_it(document: dict[str, Any]) -> None:
    text = str(document)
    assert "status_code" not in text
    assert "Validation Exception" not in text


def test_a_form_says_what_is_in_it(document: dict[str, Any]) -> None:
    operation = document["paths"]["/courses/{course_id}/materials/files"]["post"]
    schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(schema["properties"]) == {"title", "kind", "week_number", "sha256", "file"}
    assert set(schema["required"]) == {"title", "kind", "file"}
    assert schema["additionalProperties"] is False
    assert schema["properties"]["file"]["format"] == "binary"


def test_a_file_is_answered_as_what_it_is(document: dict[str, Any]) -> None:
    operation = document["paths"]["/materials/{material_id}/file"]["get"]
    assert {"200", "206", "304", "307", "416"} <= set(operation["responses"])
    for status in ("200", "206"):
        assert list(operation["responses"][status]["content"]) == ["application/octet-stream"]
