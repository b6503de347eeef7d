"""sql/materials: what there is to read and to watch for a course, as references and as files."""

from uuid import UUID

from api.database.parameters import Actor, Page, Patch
from api.database.pool import Database
from api.database.query import query
from api.database.results import Created, Paged, Versioned
from api.models.files import Stored
from api.models.materials import (
    CrawledMaterial,
    DeletedMaterial,
    Material,
    MaterialPage,
    MaterialPatch,
    NewMaterial,
)


@query("materials/list_materials")
async def list_materials(
    db: Database, *, actor: Actor, course_id: UUID, page: Page
) -> Paged[MaterialPage]: ...


@query("materials/list_materials_by_week")
async def list_materials_by_week(
    db: Database, *, actor: Actor, course_id: UUID, week_number: int, page: Page
) -> Paged[MaterialPage]: ...


@query("materials/read_material")
async def read_material(db: Database, *, actor: Actor, material_id: UUID) -> Versioned[Material]: ...


@query("materials/create_material")
async def create_material(
    db: Database, *, actor: Actor, course_id: UUID, material: NewMaterial
) -> Created[Material]: ...


@query("materials/create_uploaded_material")
async def create_uploaded_material(
    db: Database, *, actor: Actor, file_id: UUID, stored: Stored
) -> Created[Material]: ...


@query("materials/put_crawled_material")
async def put_crawled_material(
    db: Database, *, actor: Actor, course_id: UUID, material: CrawledMaterial
) -> Versioned[Material]: ...


@query("materials/update_material")
async def update_material(
    db: Database, *, actor: Actor, material_id: UUID, version: int | None, patch: Patch[MaterialPatch]
) -> Versioned[Material]: ...


@query("materials/delete_material")
async def delete_material(
    db: Database, *, actor: Actor, material_id: UUID, version: int | None
) -> Versioned[DeletedMaterial]: ...
