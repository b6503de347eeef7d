"""/quizzes/{quiz_id}/versions/{version_number}/key: what is right, and its corrections."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, put
from litestar.params import FromPath, PathParameter

from api.http.bodies import Sent
from api.http.conditions import expected_version
from api.http.documents import Document, changed, shown
from api.http.openapi import problems
from api.http.service import actor_of, database_of
from api.models.answer_keys import AnswerKey, NewAnswerKey
from api.repositories import answer_keys

VersionNumber = Annotated[int, PathParameter(ge=1, le=2_147_483_647, description="Of the questions, from 1.")]


@get(
    "/quizzes/{quiz_id:str}/versions/{version_number:str}/key",
    tags=["answer keys"],
    responses=problems(401, 404),
)
async def read_answer_key(
    request: Request[Any, Any, Any], quiz_id: FromPath[UUID], version_number: VersionNumber
) -> Document[AnswerKey]:
    """What is right, for a version of a quiz, and whether a regrade is due. 404: no such version that you teach."""
    return shown(
        request.scope,
        await answer_keys.read_answer_key(
            database_of(request), actor=actor_of(request), quiz_id=quiz_id, version_number=version_number
        ),
    )


@put(
    "/quizzes/{quiz_id:str}/versions/{version_number:str}/key",
    tags=["answer keys"],
    responses=problems(400, 401, 404, 412, 413, 415, 428),
)
async def put_answer_key(
    request: Request[Any, Any, Any],
    quiz_id: FromPath[UUID],
    version_number: VersionNumber,
    data: Sent[NewAnswerKey],
) -> Document[AnswerKey]:
    """Correct the key to questions that stay. Attempts keep their scores until `POST /quizzes/{quiz_id}/regrade`.

    `regrade_due` in the answer says whether there are any. 404: no such version of a quiz for you to change.
    """
    return changed(
        await answer_keys.put_answer_key(
            database_of(request),
            actor=actor_of(request),
            quiz_id=quiz_id,
            version_number=version_number,
            version=expected_version(request.scope),
            corrected=data,
        )
    )
