"""sql/files: what was uploaded, what is being uploaded, and what is to be removed."""

from uuid import UUID

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.database.results import Created, Json
from api.models.files import FileKey, FileState, StoredFile, Upload


@query("files/create_file")
async def create_file(
    db: Database, *, actor: Actor, course_id: UUID, upload_seconds: int
) -> Created[Upload]: ...


@query("files/read_file")
async def read_file(db: Database, *, actor: Actor, material_id: UUID) -> Json[StoredFile]: ...


@query("files/abandon_file")
async def abandon_file(db: Database, *, file_id: UUID) -> FileState | None: ...


@query("files/delete_file")
async def delete_file(db: Database, *, file_id: UUID) -> int: ...


@query("files/claim_garbage")
async def claim_garbage(db: Database) -> list[FileKey]: ...
