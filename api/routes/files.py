"""/courses/{course_id}/materials/files and /materials/{material_id}/file: materials that are uploaded, and downloaded.

The row of a file is there before its object, and the object is whole before a material shows it. Whoever may not
upload is told so before the body is read.
"""

import asyncio
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath

from api.database.pool import Database
from api.http.documents import Document, created
from api.http.downloads import Download, download
from api.http.forms import check_form
from api.http.idempotency import is_replayed, key_of, once
from api.http.openapi import FileOperation, FormOperation, problems
from api.http.service import actor_of, database_of, service_of
from api.http.uploads import LEASE, give_up, identity_of, receive_file
from api.models.files import StoredFile
from api.models.materials import Material
from api.repositories import files, materials


@post(
    "/courses/{course_id:str}/materials/files",
    tags=["materials"],
    responses=problems(400, 401, 404, 408, 413, 415),
    operation_class=FormOperation,
    # Read in pieces, and held to a limit of its own.
    request_max_body_size=None,
)
async def create_file(request: Request[Any, Any, Any], course_id: FromPath[UUID]) -> Document[Material]:
    """Upload a file, and put it on a course that you teach. 404: no such course for you to teach.

    The parts of the form are `title`, `kind`, `week_number` and `sha256`, in any order, and `file` as the last one.
    What the file is, its bytes say: PDF, MP4, WebM, PPTX, ODP, or plain text or Markdown in UTF-8.

    Sent again with the same Idempotency-Key, the file is read once more, and the answer is the first one.
    """
    service = service_of(request)
    limit, seconds = service.settings.upload_limit, service.settings.upload_seconds
    boundary = check_form(request, limit)
    key_of(request)
    with service.uploading():
        # Well before the row is due.
        deadline = asyncio.get_running_loop().time() + seconds
        upload = await files.create_file(
            database_of(request), actor=actor_of(request), course_id=course_id, upload_seconds=seconds + LEASE
        )
        try:
            stored = await receive_file(request, service.store, upload.id, boundary, limit, deadline)

            async def work(db: Database) -> Document[Material]:
                made = await materials.create_uploaded_material(
                    db, actor=actor_of(request), file_id=upload.id, stored=stored
                )
                return created(made, "/materials")

            answer = await once(request, work, content=identity_of(stored))
        except BaseException as error:
            await give_up(service, upload.id, error)
            raise
        if is_replayed(answer):
            await give_up(service, upload.id)
        return answer


@get(
    "/materials/{material_id:str}/file",
    tags=["materials"],
    responses=problems(401, 404, 416),
    operation_class=FileOperation,
)
async def read_file(request: Request[Any, Any, Any], material_id: FromPath[UUID]) -> Download:
    """The file of an uploaded material, as an attachment. 404: no such file for you.

    `Range` and `If-Range` are understood, one range at a time. Where the service is set up so, the answer is a link
    that works for a short while: follow it without the token.
    """
    found = await files.read_file(database_of(request), actor=actor_of(request), material_id=material_id)
    return await download(request.scope, service_of(request), StoredFile.model_validate_json(found.document))
