"""/courses/{course_id}/materials and /materials: what there is to read and to watch for a course.

People link materials, or upload them (files.py), and crawlers find them. What was crawled has one row for each course
and address, so a crawler writes what it finds by that key, and needs neither an id nor a version.
"""

import json
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, delete, get, patch, post, put
from litestar.params import FromPath, QueryParameter

from api.database.parameters import patch_of
from api.database.pool import Database
from api.http.bodies import Sent, SentPatch
from api.http.conditions import expected_version
from api.http.documents import Document, changed, created, gone, listed, shown
from api.http.idempotency import once
from api.http.openapi import problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.service import actor_of, database_of, service_of
from api.http.uploads import discard
from api.models.materials import CrawledMaterial, Material, MaterialPage, MaterialPatch, NewMaterial
from api.repositories import materials

WeekNumber = Annotated[
    int | None, QueryParameter(ge=1, le=53, description="Only materials for this week of the syllabus.")
]


@get("/courses/{course_id:str}/materials", tags=["materials"], responses=problems(401, 404))
async def list_materials(
    request: Request[Any, Any, Any],
    course_id: FromPath[UUID],
    week_number: WeekNumber = None,
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[MaterialPage]:
    """The materials of a course, oldest entry first. 404: no such course for you."""
    db, actor = database_of(request), actor_of(request)
    page = page_of(limit, offset, cursor, count)
    if week_number is None:
        found = await materials.list_materials(db, actor=actor, course_id=course_id, page=page)
    else:
        found = await materials.list_materials_by_week(
            db, actor=actor, course_id=course_id, week_number=week_number, page=page
        )
    return listed(request.scope, found)


@post("/courses/{course_id:str}/materials", tags=["materials"], responses=problems(400, 401, 404, 413, 415))
async def create_material(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], data: Sent[NewMaterial]
) -> Document[Material]:
    """Put a link to something on a course that you teach. 404: no such course for you to teach."""

    async def work(db: Database) -> Document[Material]:
        made = await materials.create_material(
            db, actor=actor_of(request), course_id=course_id, material=data
        )
        return created(made, "/materials")

    return await once(request, work)


@put(
    "/courses/{course_id:str}/materials/crawled",
    tags=["materials"],
    responses=problems(400, 401, 404, 413, 415),
)
async def put_crawled_material(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], data: Sent[CrawledMaterial]
) -> Document[Material]:
    """Write what a crawler found at an address. Answers with what is kept: this, or what was crawled later.

    Course and address are the key, so it may be sent again. 404: no such course for you to teach.
    """
    kept = await materials.put_crawled_material(
        database_of(request), actor=actor_of(request), course_id=course_id, material=data
    )
    return changed(kept, location=f"/materials/{json.loads(kept.document)['id']}")


@get("/materials/{material_id:str}", tags=["materials"], responses=problems(401, 404))
async def read_material(request: Request[Any, Any, Any], material_id: FromPath[UUID]) -> Document[Material]:
    """One material. 404: no such material for you."""
    return shown(
        request.scope,
        await materials.read_material(database_of(request), actor=actor_of(request), material_id=material_id),
    )


@patch(
    "/materials/{material_id:str}",
    tags=["materials"],
    responses=problems(400, 401, 404, 409, 412, 413, 415, 428),
)
async def update_material(
    request: Request[Any, Any, Any], material_id: FromPath[UUID], data: SentPatch[MaterialPatch]
) -> Document[Material]:
    """Change a material. `metadata` is replaced as a whole. 409: a crawler found that address already.

    What was uploaded has no `url`, and is of a `kind` that its file fits.
    """
    return changed(
        await materials.update_material(
            database_of(request),
            actor=actor_of(request),
            material_id=material_id,
            version=expected_version(request.scope),
            patch=patch_of(data),
        )
    )


@delete("/materials/{material_id:str}", tags=["materials"], responses=problems(401, 404, 412, 428))
async def delete_material(request: Request[Any, Any, Any], material_id: FromPath[UUID]) -> Document[None]:
    """Take a material off its course, with its file. 404: no such material for you to delete."""
    deleted = await materials.delete_material(
        database_of(request),
        actor=actor_of(request),
        material_id=material_id,
        version=expected_version(request.scope),
    )
    file_id = json.loads(deleted.document)["file_id"]
    if file_id is not None:
        await discard(service_of(request), UUID(file_id))
    return gone()
