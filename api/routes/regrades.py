"""/quizzes/{quiz_id}/regrade, /regrades: attempts that the worker grades again."""

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath

from api.database.pool import Database
from api.http.documents import Document, accepted, shown
from api.http.idempotency import once
from api.http.openapi import problems
from api.http.service import actor_of, database_of
from api.models.regrades import Regrade
from api.repositories import regrades


@post("/quizzes/{quiz_id:str}/regrade", status_code=202, tags=["regrades"], responses=problems(401, 404))
async def create_regrade(request: Request[Any, Any, Any], quiz_id: FromPath[UUID]) -> Document[Regrade]:
    """Have the attempts that an older key graded graded again, and whoever's score changes told by mail.

    What a person decided stays. What was asked for and has not begun is not asked for twice: you get that one; ask
    GET /regrades/{regrade_id} until its state is done. 404: no such quiz for you to teach.
    """

    async def work(db: Database) -> Document[Regrade]:
        asked = await regrades.create_regrade(db, actor=actor_of(request), quiz_id=quiz_id)
        return accepted(asked, "/regrades")

    return await once(request, work)


@get("/regrades/{regrade_id:str}", tags=["regrades"], responses=problems(401, 404))
async def read_regrade(request: Request[Any, Any, Any], regrade_id: FromPath[UUID]) -> Document[Regrade]:
    """How far a regrade is. 404: no such regrade of a quiz that you teach."""
    return shown(
        request.scope,
        await regrades.read_regrade(database_of(request), actor=actor_of(request), regrade_id=regrade_id),
    )
