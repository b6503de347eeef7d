"""/attempts/{attempt_id}/grade: what an attempt is worth, for whoever teaches the course."""

from typing import Any
from uuid import UUID

from litestar import Request, get, put
from litestar.params import FromPath

from api.http.bodies import Sent
from api.http.conditions import expected_version
from api.http.documents import Document, changed, shown
from api.http.openapi import problems
from api.http.service import actor_of, database_of
from api.models.grades import Grade, NewGrade
from api.repositories import grades


@get("/attempts/{attempt_id:str}/grade", tags=["grades"], responses=problems(401, 404))
async def read_grade(request: Request[Any, Any, Any], attempt_id: FromPath[UUID]) -> Document[Grade]:
    """What an attempt is worth, question by question. 404: no such attempt at a quiz that you teach."""
    return shown(
        request.scope,
        await grades.read_grade(database_of(request), actor=actor_of(request), attempt_id=attempt_id),
    )


@put(
    "/attempts/{attempt_id:str}/grade",
    tags=["grades"],
    responses=problems(400, 401, 404, 409, 412, 413, 415, 428),
)
async def put_grade(
    request: Request[Any, Any, Any], attempt_id: FromPath[UUID], data: Sent[NewGrade]
) -> Document[Grade]:
    """Give points and comments to answers, of an essay or instead of what the key says, and grade by them.

    Its state is then graded, unless another answer still waits. A regrade keeps what is given here. If-Match takes the
    ETag of the grade or of the attempt: they count the same versions. 404: no such attempt for you to grade. 409: it is
    not handed in yet.
    """
    return changed(
        await grades.put_grade(
            database_of(request),
            actor=actor_of(request),
            attempt_id=attempt_id,
            version=expected_version(request.scope),
            grade=data,
        )
    )
