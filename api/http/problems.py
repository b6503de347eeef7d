"""Every answer that is not a success: `application/problem+json` (RFC 9457).

`type` is a URN that a program can rely on: the broken constraint's name where there is one, a short name of
the case otherwise. No text of the database, no row and no stack trace ever reaches a client.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import asyncpg
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from pydantic import BaseModel, Field

from api.database.answers import Answer
from api.database.errors import NoActorError, NotFoundError, RuleError, StaleVersionError
from api.database.pool import UNAVAILABLE
from api.storage.store import StorageError

logger = logging.getLogger(__name__)


class FieldProblem(BaseModel):
    """One thing to mend: where it is, and what is wrong with it."""

    detail: str
    pointer: str | None = Field(default=None, description="JSON pointer into the body.")
    parameter: str | None = Field(default=None, description="Name of a path or query parameter.")
    header: str | None = Field(default=None, description="Name of a request header.")
    line: int | None = Field(default=None, description="Number of a line in the file that was sent.")
    column: str | None = Field(default=None, description="Name of a column of that file.")
    character: int | None = Field(default=None, description="Number of a character in that line, from 1.")


class ProblemDetails(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:lms:problem:courses_code_uq"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] | None = None
    version: int | None = Field(default=None, description="412: the version that there is now.")


@dataclass(slots=True)
class ProblemError(Exception):
    """An answer that is not a success, raised from wherever that is found out."""

    status: int
    detail: str
    name: str = ""
    errors: Sequence[Mapping[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, Any] = field(default_factory=dict)


def unauthenticated() -> ProblemError:
    return ProblemError(
        401,
        "Log in: the request needs a bearer token that is still valid.",
        "unauthenticated",
        headers={"WWW-Authenticate": "Bearer"},
    )


def unavailable() -> ProblemError:
    return ProblemError(
        503, "The service is busy or restarting. Try again.", "unavailable", headers={"Retry-After": "1"}
    )


SQLSTATES: Mapping[str, Answer] = {
    # What a value can be guilty of without breaking a named rule.
    "21000": Answer(422, None, "The same thing is there twice."),
    "22001": Answer(422, None, "A text is too long."),
    "22003": Answer(422, None, "A number is out of range."),
    "22007": Answer(422, None, "A date or time has no such form."),
    "22008": Answer(422, None, "A date or time is out of range."),
    "22021": Answer(422, None, "A text holds a character that cannot be stored."),
    "22023": Answer(422, None, "A value is out of range."),
    "22P02": Answer(422, None, "A value has another form."),
    "22P05": Answer(422, None, "A text holds a character that cannot be stored."),
    "23502": Answer(422, None, "A value is missing."),
    "54000": Answer(422, None, "A value is too large."),
}
"""For errors that name no constraint. Anything else is a defect of ours: 500."""


def problem_of(  # noqa: C901, PLR0911 - one case for each way to fail
    error: Exception, catalogue: Mapping[str, Answer], names: Mapping[str, str]
) -> ProblemError:
    """The answer to an exception.

    `catalogue` holds the constraints' own, `names` what a client calls the parameters of the handler.
    """
    match error:
        case ProblemError():
            return error
        case NoActorError():
            return unauthenticated()
        case NotFoundError():
            sentence = error.sentence or "there is nothing here for you"
            return ProblemError(404, f"{sentence[0].upper()}{sentence[1:]}.", "not-found")
        case StaleVersionError():
            return ProblemError(
                412,
                "It was changed since you read it. Read it again, then decide.",
                "stale-version",
                extensions={"version": error.version},
            )
        case RuleError():
            return _answer(error.answer, error.rule)
        case ValidationException():
            return _invalid_parameters(error, names)
        case HTTPException():
            return ProblemError(
                error.status_code,
                _sentence(error),
                headers={k.title(): v for k, v in (error.headers or {}).items()},
            )
        case asyncpg.PostgresError() if constraint := getattr(error, "constraint_name", None):
            if constraint in catalogue:
                return _answer(catalogue[constraint], constraint)
        case asyncpg.PostgresError() if error.sqlstate in SQLSTATES:
            return _answer(SQLSTATES[error.sqlstate], "refused-value")
    if isinstance(error, StorageError):
        logger.warning("no storage for this request: %s", error)
        return unavailable()
    if isinstance(error, UNAVAILABLE):
        logger.warning("no database for this request: %s", type(error).__name__)
        return unavailable()
    logger.error("unexpected error", exc_info=error)
    return ProblemError(500, "Something went wrong on our side. It has been noted.", "internal")


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """The handler of every exception. Litestar calls it with the request that failed."""
    service = getattr(request.app.state, "service", None)
    handler = request.scope.get("route_handler")
    names = handler.opt.get("parameter_names", {}) if handler else {}
    problem = problem_of(error, service.answers if service else {}, names)
    title = HTTPStatus(problem.status).phrase
    body = {
        "type": f"urn:lms:problem:{problem.name or title.lower().replace(' ', '-')}",
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return Response(
        body | problem.extensions,
        status_code=problem.status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store"} | problem.headers,
    )


def pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _answer(answer: Answer, name: str) -> ProblemError:
    errors = [{"pointer": answer.pointer, "detail": answer.sentence}] if answer.pointer else []
    return ProblemError(answer.status, answer.sentence, name, errors)


def _invalid_parameters(error: ValidationException, names: Mapping[str, str]) -> ProblemError:
    """Litestar's own finding: a path or query parameter, or a body that is missing."""
    errors = []
    for found in error.extra if isinstance(error.extra, list) else []:
        if found.get("key", "data") == "data":
            errors.append({"pointer": "", "detail": "The request needs a JSON body."})
        else:
            name = names.get(found["key"], found["key"])
            errors.append({"parameter": name, "detail": found["message"]})
    detail = "; ".join(f"{found.get('parameter', 'body')}: {found['detail']}" for found in errors)
    return ProblemError(422, detail or "A parameter is missing.", "invalid-request", errors)


def _sentence(error: HTTPException) -> str:
    match error.status_code:
        case 404:
            return "There is nothing at this address."
        case 405:
            return "This address does not take that method."
        case 413:
            return "The body is too large."
        case _:
            return f"{HTTPStatus(error.status_code).phrase}."
