"""/courses/{course_id}/enrollments: who is on a course; /students/{student_id}/enrollments: what somebody is on."""

import json
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, patch, post
from litestar.params import FromPath, QueryParameter

from api.database.errors import NoActorError, NotFoundError
from api.database.parameters import patch_of
from api.database.pool import Database
from api.http.bodies import Sent, SentPatch
from api.http.conditions import expected_version
from api.http.documents import Document, changed, created, listed, shown
from api.http.enrollment_files import EnrollmentFile, LineDefect, read_file, receive_csv, refused
from api.http.idempotency import once, once_whole
from api.http.openapi import TakesCsv, problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.service import actor_of, database_of, service_of
from api.models.enrollments import (
    Enrollment,
    EnrollmentImport,
    EnrollmentImportResult,
    EnrollmentPage,
    EnrollmentPatch,
    EnrollmentState,
    NewEnrollment,
)
from api.repositories import courses, enrollments


@get("/courses/{course_id:str}/enrollments", tags=["enrollments"], responses=problems(401, 404))
async def list_enrollments(
    request: Request[Any, Any, Any],
    course_id: FromPath[UUID],
    # Litestar keeps the name `state` for itself.
    in_state: Annotated[
        EnrollmentState | None, QueryParameter(name="state", description="Only enrolments in this state.")
    ] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[EnrollmentPage]:
    """Who is on a course, oldest account first, for those who teach it. 404: no such course for you to teach."""
    found = await enrollments.list_enrollments(
        database_of(request),
        actor=actor_of(request),
        course_id=course_id,
        state=in_state,
        page=page_of(limit, offset, cursor, count),
    )
    return listed(request.scope, found)


@post(
    "/courses/{course_id:str}/enrollments",
    tags=["enrollments"],
    responses=problems(400, 401, 404, 409, 413, 415),
)
async def enroll_student(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], data: Sent[NewEnrollment]
) -> Document[Enrollment]:
    """Put a student on a course that you teach, or invite them, and tell them by mail.

    409: it is full, or they are on it already. Whether the mail was sent, `GET /deliveries/{delivery_id}` says.
    """

    async def work(db: Database) -> Document[Enrollment]:
        result = await enrollments.enroll_student(
            db, actor=actor_of(request), course_id=course_id, enrollment=data
        )
        return created(result, f"/courses/{course_id}/enrollments")

    return await once(request, work)


DryRun = Annotated[
    bool,
    QueryParameter(description="Say what would be done, or what is wrong with the file, and do nothing."),
]


@post(
    "/courses/{course_id:str}/enrollments/import",
    status_code=200,
    tags=["enrollments"],
    operation_class=TakesCsv,
    responses=problems(401, 404, 409, 413, 415),
)
async def import_enrollments(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], dry_run: DryRun = False
) -> Document[EnrollmentImport]:
    """Put all people of a CSV file on a course that you teach, or none of them, and tell them by mail.

    422: `errors` names every defect with its line, and nothing was imported. Who is on the course already, or is to be
    invited to it and is there, stays as they are; who was invited and is active in the file comes in; who dropped the
    course is a defect. Whoever has no account and is invited is sent a link to set a password.
    """
    actor, service = actor_of(request), service_of(request)
    # Nobody makes the service read a file who may not import it.
    await courses.read_taught_course(service.database, actor=actor, course_id=course_id)
    limit = service.settings.import_limit
    content = await receive_csv(request, limit)

    async def work(db: Database) -> Document[EnrollmentImport]:
        await courses.lock_taught_course(db, actor=actor, course_id=course_id)
        result = await enrollments.import_enrollments(
            db, actor=actor, course_id=course_id, lines=file.lines, dry_run=dry_run or bool(file.defects)
        )
        return _imported(result, file)

    async with service.importing():
        file = await read_file(content, limit)
        return await once_whole(request, work)


def _imported(result: EnrollmentImportResult | None, file: EnrollmentFile) -> Document[EnrollmentImport]:
    """The report, or the defects that the service or the database has found."""
    if result is None:
        raise NoActorError
    found = [LineDefect(**defect) for defect in json.loads(result.defects or b"[]")]
    if file.defects or found:
        raise refused([*file.defects, *found])
    if result.document is None:
        raise NotFoundError(None)
    return Document(result.document)


@get(
    "/courses/{course_id:str}/enrollments/{student_id:str}",
    tags=["enrollments"],
    responses=problems(401, 404),
)
async def read_enrollment(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], student_id: FromPath[UUID]
) -> Document[Enrollment]:
    """One student on one course: yourself, or on a course that you teach."""
    return shown(
        request.scope,
        await enrollments.read_enrollment(
            database_of(request), actor=actor_of(request), course_id=course_id, student_id=student_id
        ),
    )


@patch(
    "/courses/{course_id:str}/enrollments/{student_id:str}",
    tags=["enrollments"],
    responses=problems(400, 401, 404, 409, 412, 413, 415, 428),
)
async def update_enrollment(
    request: Request[Any, Any, Any],
    course_id: FromPath[UUID],
    student_id: FromPath[UUID],
    data: SentPatch[EnrollmentPatch],
) -> Document[Enrollment]:
    """Change the state of an enrolment, and tell the student. Dropping gives the seat back; coming back needs one."""
    return changed(
        await enrollments.update_enrollment(
            database_of(request),
            actor=actor_of(request),
            course_id=course_id,
            student_id=student_id,
            version=expected_version(request.scope),
            patch=patch_of(data),
        )
    )


@get("/students/{student_id:str}/enrollments", tags=["enrollments"], responses=problems(401, 404))
async def list_enrollments_by_student(
    request: Request[Any, Any, Any],
    student_id: FromPath[UUID],
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[EnrollmentPage]:
    """Which courses a student is or was on, in every state: your own, or any for an administrator."""
    found = await enrollments.list_enrollments_by_student(
        database_of(request),
        actor=actor_of(request),
        student_id=student_id,
        page=page_of(limit, offset, cursor, count),
    )
    return listed(request.scope, found)
