"""/quizzes/{quiz_id}/attempts and /attempts: students taking quizzes."""

from json import loads
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from api.database.errors import NoActorError, NotFoundError
from api.database.parameters import patch_of
from api.database.pool import Database
from api.database.results import Created
from api.http.bodies import Sent, SentPatch
from api.http.conditions import expected_version
from api.http.documents import Document, changed, created, listed, shown
from api.http.idempotency import is_replayed, key_of, once_or_again
from api.http.openapi import OnceAnyway, problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.problems import unavailable
from api.http.service import actor_of, database_of
from api.models.attempts import Attempt, AttemptPage, AttemptPatch, AttemptState, Submission
from api.repositories import attempts

STARTS: Final = 10
"""How often a start is tried, where each time the attempt that was under way is handed in before it is read."""


@get("/quizzes/{quiz_id:str}/attempts", tags=["attempts"], responses=problems(401, 404))
async def list_attempts(
    request: Request[Any, Any, Any],
    quiz_id: FromPath[UUID],
    # Litestar keeps the name `state` for itself.
    in_state: Annotated[
        AttemptState | None,
        QueryParameter(
            name="state", description="Only attempts in this state; those that are submitted wait."
        ),
    ] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[AttemptPage]:
    """The attempts at a quiz, oldest first: your own, or all of them if you teach the course.

    404: no such quiz for you.
    """
    found = await attempts.list_attempts(
        database_of(request),
        actor=actor_of(request),
        quiz_id=quiz_id,
        state=in_state,
        page=page_of(limit, offset, cursor, count),
    )
    return listed(request.scope, found)


@post(
    "/quizzes/{quiz_id:str}/attempts",
    tags=["attempts"],
    responses=problems(401, 404, 409)
    | {
        200: ResponseSpec(
            data_container=Attempt,
            generate_examples=False,
            description="The attempt that you are at already; Content-Location says where it is.",
        )
    },
)
async def start_attempt(request: Request[Any, Any, Any], quiz_id: FromPath[UUID]) -> Document[Attempt]:
    """Take a quiz of a course that you are active on: 201 and a new attempt, or 200 and the one you are at already.

    Whoever starts twice, at once or later, gets the same attempt, until it is handed in, by them or, when it is
    overdue, by the worker; under the same key also after that, as you may see it then. 404: no such quiz for you. 409:
    quiz or course are closed, it is not open yet, or you have no attempts left.
    """

    async def work(db: Database) -> Document[Attempt]:
        actor = actor_of(request)
        for _ in range(STARTS):
            started = await attempts.start_attempt(db, actor=actor, quiz_id=quiz_id)
            if started is None:
                raise NoActorError
            if started.attempt_id is None:
                raise NotFoundError(None)
            if started.document is not None:
                return created(Created(started.document, started.attempt_id), "/attempts")
            # Read anew: whatever the start waited for may have changed it.
            found = await attempts.read_attempt(db, actor=actor, attempt_id=started.attempt_id)
            if loads(found.document)["state"] == "in_progress":
                return changed(found, location=f"/attempts/{started.attempt_id}")
        raise unavailable()

    answer = await once_or_again(request, work)
    return await _as_it_is(request, answer) if is_replayed(answer) else answer


async def _as_it_is(request: Request[Any, Any, Any], replayed: Document[Attempt]) -> Document[Attempt]:
    """The attempt of an answer that was kept. That shows what its student saw then, and may not see any more."""
    attempt_id = UUID(loads(replayed.body)["id"])
    read = changed(
        await attempts.read_attempt(database_of(request), actor=actor_of(request), attempt_id=attempt_id)
    )
    headers = [header for header in replayed.raw_headers if header[0] != b"etag"]
    return Document(read.body, status_code=replayed.status_code or 200, headers=headers + read.raw_headers)


@get("/attempts/{attempt_id:str}", tags=["attempts"], responses=problems(401, 404))
async def read_attempt(request: Request[Any, Any, Any], attempt_id: FromPath[UUID]) -> Document[Attempt]:
    """One attempt, with questions and answers: your own, or on a course that you teach.

    404: no such attempt for you.
    """
    return shown(
        request.scope,
        await attempts.read_attempt(database_of(request), actor=actor_of(request), attempt_id=attempt_id),
    )


@patch(
    "/attempts/{attempt_id:str}",
    tags=["attempts"],
    responses=problems(400, 401, 404, 409, 412, 413, 415, 428),
)
async def update_attempt(
    request: Request[Any, Any, Any], attempt_id: FromPath[UUID], data: SentPatch[AttemptPatch]
) -> Document[Attempt]:
    """Save answers of your attempt while you are at it. 409: it was handed in, or its time is over.

    Send it as often as you like, each time with the ETag of the answer before as If-Match. Where an answer was lost,
    send it again: 412 means that it was saved, or that you are at the quiz in another window as well; read the attempt,
    then go on. With `*` the last that comes counts, also one that was delayed. 404: no such attempt of yours.
    """
    return changed(
        await attempts.update_attempt(
            database_of(request),
            actor=actor_of(request),
            attempt_id=attempt_id,
            version=expected_version(request.scope),
            patch=patch_of(data),
        )
    )


@post(
    "/attempts/{attempt_id:str}/submit",
    status_code=200,
    operation_class=OnceAnyway,
    tags=["attempts"],
    responses=problems(400, 401, 404, 413, 415),
)
async def submit_attempt(
    request: Request[Any, Any, Any], attempt_id: FromPath[UUID], data: Sent[Submission]
) -> Document[Attempt]:
    """Hand in your attempt, with all answers or, if there are none in the body (`{}`), with those saved.

    It is graded at once, but for what waits for a person. Sent again, whatever is in it, it changes nothing and gets
    the attempt as it is. More than five seconds after it was due the answers saved count, not those sent. 404: no such
    attempt of yours.
    """
    # Not once(): the answer may hold the key of the quiz, which would be stored in the clear, and shown again to
    # somebody who may no longer see it.
    key_of(request)
    submitted = await attempts.submit_attempt(
        database_of(request), actor=actor_of(request), attempt_id=attempt_id, submission=data
    )
    return changed(submitted)
