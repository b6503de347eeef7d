"""What the OpenAPI document says beyond what handlers say themselves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
    SecurityScheme,
)

from api import __version__
from api.http.problems import ProblemDetails, ProblemError
from api.models.files import NewFile

DESCRIPTION = """\
Courses with their weekly syllabi, materials, quizzes and enrolments; the terms they are given in; the people who teach
and learn, and how far they are; and a record of who changed what.

**Logging in.** `POST /auth/login` gives an access token; send it as `Authorization: Bearer …`. What you may not see
does not exist for you: 404, never 403.

**Lists** take `limit` (1 to 100) and `offset`, and return `next`; pass it back as `cursor` for the next page.

**Changing something.** Every answer has an `ETag`. Send it as `If-Match` with a change (428 without it); if somebody
was faster, the answer is 412 and nothing is changed. A PATCH is a JSON merge patch: what is left out stays, null
clears.

**Retrying.** A POST may carry an `Idempotency-Key`: sent again within 24 hours it gets the first answer, with
`Idempotency-Replayed: true`, and takes effect once; where it is about an attempt, it gets that as it is now. 503 and
504 may always be retried.

**Mail.** Enrolling, inviting and dropping a student, giving another score, and setting a password queue the mail about
it in the same statement. An enrolment shows the latest as `delivery_id`; `GET /deliveries/{delivery_id}` says whether
it was sent.

**Whole classes.** `POST /courses/{course_id}/enrollments/import` takes a CSV file with the columns email, full_name and
state, and puts all of its people on the course or none. `dry_run=true` says first what would be done, or what is wrong
with which line. Who is invited and has no account gets one, and a link by mail to set a password: it leads to the page
`/invitation`, which sends the token behind its # to `POST /account-tokens/redeem`.

**Files** are uploaded as a form whose last part is the file, and come back as attachments. What a file is, its bytes
say, whatever its name and type.

**Quizzes** begin as drafts, which students do not see. `PUT /quizzes/{quiz_id}/questions` saves questions and key
together, as a new version; no student is shown either there. `PATCH /quizzes/{quiz_id}` with the state published lets
students take it, and with closed it is over, for those who are at it, too. `POST /courses/{course_id}/quizzes/import`
makes a quiz of a text in Moodle's GIFT format; `dry_run=true` says first what it would ask, and what is wrong with
which line.

**Taking a quiz.** `POST /quizzes/{quiz_id}/attempts` starts an attempt or finds the one under way, with its questions;
`PATCH /attempts/{attempt_id}` saves answers, some at a time; `POST /attempts/{attempt_id}/submit` hands it in and
grades it. Each save and each grade is a new version, and the ETag of each answer is the If-Match of the next save.
Each of the three may be sent again after a lost answer: starting and handing in give the same attempt again, and a
save that is told 412 was made, or another window has made one: read the attempt, and go on from there. Give a start an
Idempotency-Key, and not even one that was delayed until the attempt was handed in begins another. Handing in keeps
nothing under a key: the answer is the attempt as you may see it then.

**Time.** `due_at` is `time_limit_seconds` from the start, `closes_at` or when the quiz was closed, whichever is
first; when these change, so does the `due_at` of whoever is at it. It goes by the clock of the database, never by
yours; the header `Date` of an answer comes near it. Five seconds are added for the way. After that a save is told 409,
a submit hands in what was saved, and what nobody hands in, the worker does; until it has, a start finds that attempt.

**What came of it.** The score is shown once there is one; points by question, comments, right answers and explanations
when the quiz says so (`feedback_policy`), null before; after the close, once nobody can hand in any more. An attempt
keeps the questions that it was started on.

**Grades** follow from the key, and from what a person decides: `PUT /attempts/{attempt_id}/grade` gives points and
comments, which an essay waits for; until then the attempt is submitted, without a score. A key is corrected at
`/quizzes/{quiz_id}/versions/{version_number}/key`, which changes no score; `regrade_due` says there that an older key
graded some. Then `POST /quizzes/{quiz_id}/regrade` grades those again, and what a person decided stays. It answers
202, and `/regrades/{regrade_id}` says how far it is; students whose score changed are told by mail. What cannot be
graded is tried again for some minutes, and keeps its score in the end: `attempts_failed` says how many that are.

**Mastery** of a week's topic follows from graded attempts by the course's `mastery_policy`, the moment they are
graded. Dashboards show a student what is open, what to go over again and what is past, and teachers how their
course fares.

**Errors** are `application/problem+json` (RFC 9457). `type` is stable; `errors` names each field, or each line of a
file.
"""


CSV_FILE = """\
The columns are email, full_name and state (active or invited), in any order, named by the first line; UTF-8, with or
without a BOM; fields in quotation marks as in RFC 4180. Empty lines are left out.
"""


GIFT_TEXT = """\
Questions in Moodle's GIFT format, in UTF-8, with or without a BOM. Choices, several choices, true or false, short
answers, numbers, pairs and essays become questions of one point each; feedback becomes the explanation.
"""


@dataclass
class TakesGift(Operation):
    """An operation whose body is a GIFT text, which its handler reads itself once it knows who sends it."""

    def __post_init__(self) -> None:
        example = "What is 2 + 2? {=4 ~5 ~22}\n\nThe square of 3 {#9}.\n"
        self.request_body = _text_body("text/plain", GIFT_TEXT, example)


@dataclass
class TakesCsv(Operation):
    """An operation whose body is a CSV file, which its handler reads itself once it knows who sends it."""

    def __post_init__(self) -> None:
        example = "email,full_name,state\r\nlena.vogel@example.edu,Lena Vogel,invited\r\n"
        self.request_body = _text_body("text/csv", CSV_FILE, example)


def _text_body(media_type: str, description: str, example: str) -> RequestBody:
    schema = Schema(type=OpenAPIType.STRING, description=description, examples=[example])
    return RequestBody(content={media_type: OpenAPIMediaType(schema=schema)}, required=True)


PUBLIC: list[dict[str, list[str]]] = [{}]
"""The `security` of an operation that asks for no token."""


class OpenAPIDocument(JsonRenderPlugin):
    """The OpenAPI document, finished and encoded once."""

    _encoded: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if self._encoded is None:
            _finish(openapi_schema)
            self._encoded = super().render(request, openapi_schema)
        return self._encoded


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="LMS data service",
        version=__version__,
        description=DESCRIPTION,
        openapi_router=Router(
            "/schema",
            route_handlers=[],
            opt={"public": True},
            include_in_schema=False,
            after_request=_refuse_unknown_path,
        ),
        render_plugins=[OpenAPIDocument(path="/openapi.json", media_type="application/json")],  # type: ignore[arg-type]
        operation_id_creator=_operation_id,
        use_handler_docstrings=True,
        security=[{"bearer": []}],
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
    )


_MEANING = {
    400: "The body is malformed: not JSON, not UTF-8, too deep, a key twice, a number out of bounds.",
    401: "Log in: the token is missing, wrong, expired or revoked, or the account is closed.",
    404: "No such thing for you.",
    408: "The body took too long.",
    409: "A rule of the data refuses, because of what is there already.",
    412: "It was changed since you read it; `version` is the present one.",
    413: "The body is too large.",
    415: "The body is not sent as the media type that the operation takes.",
    416: "The file has no such range; Content-Range says how long it is.",
    422: "A value breaks a rule; `errors` says which and why.",
    428: "Send the ETag that you have seen as If-Match.",
    503: "The database is busy or restarting; try again after Retry-After.",
}


def problems(*statuses: int, asks_database: bool = True) -> dict[int, ResponseSpec]:
    """The failures that an operation can answer with, for its `responses`.

    422 is always among them, for a query parameter that it does not have; 503 unless it asks no database.
    """
    always = (422, 503) if asks_database else (422,)
    return {
        status: ResponseSpec(
            data_container=ProblemDetails,
            generate_examples=False,
            description=_MEANING[status],
            media_type="application/problem+json",
        )
        for status in sorted({*statuses, *always})
    }


@dataclass
class FormOperation(Operation):
    """An operation that takes a form with a file, which its handler reads itself."""

    def __post_init__(self) -> None:
        fields = NewFile.model_json_schema()
        for name, field in fields["properties"].items():
            # A part of a form is there or not; there is no null.
            field.pop("default", None)
            if "anyOf" in field:
                (kind,) = [kind for kind in field.pop("anyOf") if kind != {"type": "null"}]
                field.update(kind)
            field["title"] = name
        self.request_body = RequestBody(
            required=True,
            content={
                "multipart/form-data": OpenAPIMediaType(
                    schema={  # type: ignore[arg-type]  # Litestar's Schema knows less than pydantic
                        "type": "object",
                        "properties": fields["properties"]
                        | {"file": {"type": "string", "format": "binary", "description": "The last part."}},
                        "required": [*fields["required"], "file"],
                        "additionalProperties": False,
                    }
                )
            },
        )


@dataclass
class FileOperation(Operation):
    """An operation that answers with the bytes of a file, or with where they are."""

    def __post_init__(self) -> None:
        content = {
            "application/octet-stream": OpenAPIMediaType(
                schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
            )
        }
        assert self.responses is not None  # noqa: S101 - Litestar has made some
        self.responses["200"] = OpenAPIResponse(
            description="The file. Content-Type is one of the types that can be uploaded.", content=content
        )
        self.responses["206"] = OpenAPIResponse(description="The range that was asked for.", content=content)
        self.responses["307"] = OpenAPIResponse(description="The file is at Location, for a short while.")


@dataclass
class OnceAnyway(Operation):
    """An operation that has one effect however often it is sent, with a key or without."""

    def __post_init__(self) -> None:
        key = Parameter(
            name="Idempotency-Key",
            param_in="header",
            required=False,
            description="Not needed: sent again, this takes effect once. It is taken, and nothing is kept under it.",
            schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=200),
        )
        self.parameters = [*(self.parameters or []), key]


_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that you have seen, or `*` for whichever there is. Without it, 428.",
    "schema": {"type": "string"},
    "example": '"3.89abcdef"',
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what you have: 304 while it is still the same.",
    "schema": {"type": "string"},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A name of your own for this request, so that it may be sent again and takes effect once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_ETAG = {"description": "Version and checksum of the body.", "schema": {"type": "string"}}


def _operation_id(handler: HTTPRouteHandler, *_: Any) -> str:
    """The name that a generated client gives to the call: that of the handler."""
    return handler.handler_name


def _refuse_unknown_path(response: Response[Any]) -> Response[Any]:
    """Litestar answers for other addresses below /schema itself, with a page of HTML."""
    if response.status_code == 404:  # noqa: PLR2004
        raise ProblemError(404, "There is nothing at this address.", "not-found")
    return response


def _finish(document: dict[str, Any]) -> None:
    """Say what Litestar cannot know: the conditional headers; and leave out what is not so."""
    for path in document["paths"].values():
        for method, operation in path.items():
            _finish_operation(method, operation)
    schemas = document["components"]["schemas"]
    for name in _sent(document["paths"], schemas):
        schemas[name]["additionalProperties"] = False
    _make_whole(document)


def _finish_operation(method: str, operation: dict[str, Any]) -> None:
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    responses = operation["responses"]
    # Litestar's own form of a validation error, which nobody is ever sent.
    if "application/json" in responses.get("400", {}).get("content", {}):
        del responses["400"]
    responses.get("204", {}).pop("content", None)
    parameters = operation.setdefault("parameters", [])
    if "428" in responses:
        parameters.append(_IF_MATCH)
    is_public = operation.get("security") == PUBLIC
    made = responses.get("201") or responses.get("202")
    is_keyed = made or (method == "post" and "200" in responses and not is_public)
    if is_keyed and all(found["name"] != _IDEMPOTENCY_KEY["name"] for found in parameters):
        parameters.append(_IDEMPOTENCY_KEY)
    if made:
        made["headers"] = {
            "ETag": _ETAG,
            "Location": {"description": "Where it is.", "schema": {"type": "string"}},
        }
    if "200" in responses and method != "post" and not is_public:
        responses["200"]["headers"] = {"ETag": _ETAG}
        if method == "get":
            parameters.append(_IF_NONE_MATCH)
            responses["304"] = {"description": "It is what If-None-Match names.", "headers": {"ETag": _ETAG}}


def _sent(paths: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """The names of the schemas that request bodies are made of: those that take no unknown field."""
    bodies = [
        operation["requestBody"]
        for path in paths.values()
        for operation in path.values()
        if "requestBody" in operation
    ]
    found: set[str] = set()
    waiting = {name for body in bodies for name in _references(body)}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(_references(schemas[name])) - found
    return found


def _references(node: Any) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)}:
            yield reference.rpartition("/")[2]
        case dict():
            for item in node.values():
                yield from _references(item)
        case list():
            for item in node:
                yield from _references(item)


def _make_whole(node: Any) -> None:
    """Litestar writes the bounds of an integer as 100.0, an empty `required`, and `from_` for the field `from`."""
    match node:
        case {"properties": {"from_": _} as properties}:
            node["properties"] = {name.rstrip("_"): found for name, found in properties.items()}
            node["required"] = [name.rstrip("_") for name in node["required"]]
        case dict():
            for key in ("minimum", "maximum"):
                if isinstance(node.get(key), float) and node[key].is_integer():
                    node[key] = int(node[key])
            if node.get("required") == []:
                del node["required"]
            for item in node.values():
                _make_whole(item)
        case list():
            for item in node:
                _make_whole(item)
