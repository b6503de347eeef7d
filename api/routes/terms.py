"""/terms: the spans of time that courses are given in."""

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, patch, post
from litestar.params import FromPath

from api.database.parameters import patch_of
from api.database.pool import Database
from api.http.bodies import Sent, SentPatch
from api.http.conditions import expected_version
from api.http.documents import Document, changed, created, gone, listed, shown
from api.http.idempotency import once
from api.http.openapi import problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.service import actor_of, database_of
from api.models.terms import NewTerm, Term, TermPage, TermPatch
from api.repositories import terms


@get("/terms", tags=["terms"], responses=problems(401))
async def list_terms(
    request: Request[Any, Any, Any],
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[TermPage]:
    """All terms, oldest entry first."""
    page = page_of(limit, offset, cursor, count)
    return listed(
        request.scope, await terms.list_terms(database_of(request), actor=actor_of(request), page=page)
    )


@post("/terms", tags=["terms"], responses=problems(400, 401, 404, 409, 413, 415))
async def create_term(request: Request[Any, Any, Any], data: Sent[NewTerm]) -> Document[Term]:
    """Make a term. Only administrators do: for others there is nothing here, 404."""

    async def work(db: Database) -> Document[Term]:
        return created(await terms.create_term(db, actor=actor_of(request), term=data), "/terms")

    return await once(request, work)


@get("/terms/{term_id:str}", tags=["terms"], responses=problems(401, 404))
async def read_term(request: Request[Any, Any, Any], term_id: FromPath[UUID]) -> Document[Term]:
    """One term. 404: no such term."""
    return shown(
        request.scope, await terms.read_term(database_of(request), actor=actor_of(request), term_id=term_id)
    )


@patch(
    "/terms/{term_id:str}",
    tags=["terms"],
    responses=problems(400, 401, 404, 409, 412, 413, 415, 428),
)
async def update_term(
    request: Request[Any, Any, Any], term_id: FromPath[UUID], data: SentPatch[TermPatch]
) -> Document[Term]:
    """Change a term. 404: no such term that you may change. 412: it was changed since you read it."""
    return changed(
        await terms.update_term(
            database_of(request),
            actor=actor_of(request),
            term_id=term_id,
            version=expected_version(request.scope),
            patch=patch_of(data),
        )
    )


@delete("/terms/{term_id:str}", tags=["terms"], responses=problems(401, 404, 409, 412, 428))
async def delete_term(request: Request[Any, Any, Any], term_id: FromPath[UUID]) -> Document[None]:
    """Delete a term without courses. 409: it has courses."""
    await terms.delete_term(
        database_of(request),
        actor=actor_of(request),
        term_id=term_id,
        version=expected_version(request.scope),
    )
    return gone()
