"""What the OpenAPI document says beyond what handlers say themselves."""

from litestar import Router
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from api import __version__
from api.http.problems import ProblemDetails

DESCRIPTION = """\
Courses, their weekly syllabi and the terms they are given in.

**Logging in.** `POST /auth/login` gives an access token; send it as `Authorization: Bearer …`. What you may not see
does not exist for you: 404, never 403.

**Lists** take `limit` (1 to 100) and `offset`, and return `next`; pass it back as `cursor` for the next page.

**Changing something.** Every answer has an `ETag`. Send it as `If-Match` with a change (428 without it); if somebody
was faster, the answer is 412 and nothing is changed. A PATCH is a JSON merge patch: what is left out stays, null
clears.

**Retrying.** A POST may carry an `Idempotency-Key`: sent again within 24 hours it gets the first answer, with
`Idempotency-Replayed: true`, and takes effect once. 503 and 504 may always be retried.

**Errors** are `application/problem+json` (RFC 9457). `type` is stable; `errors` names each field.
"""


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="LMS data service",
        version=__version__,
        description=DESCRIPTION,
        openapi_router=Router("/schema", route_handlers=[], opt={"public": True}),
        render_plugins=[JsonRenderPlugin(path="/openapi.json", media_type="application/json")],  # type: ignore[arg-type]
        security=[{"bearer": []}],
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
    )


_MEANING = {
    400: "The body is malformed: not JSON, not UTF-8, too deep, a key twice, a number out of bounds.",
    401: "Log in: the token is missing, wrong, expired or revoked, or the account is closed.",
    404: "No such thing for you.",
    409: "A rule of the data refuses, because of what is there already.",
    412: "It was changed since you read it; `version` is the present one.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "A value breaks a rule; `errors` says which and why.",
    428: "Send the ETag that you have seen as If-Match.",
    503: "The database is busy or restarting; try again after Retry-After.",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """The failures that an operation can answer with, for its `responses`."""
    return {
        status: ResponseSpec(
            data_container=ProblemDetails,
            generate_examples=False,
            description=_MEANING[status],
            media_type="application/problem+json",  # type: ignore[arg-type]
        )
        for status in (*statuses, 503)
    }
