"""/courses: the central entity, taught by one lecturer in one term."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, delete, get, patch, post
from litestar.params import FromPath, QueryParameter

from api.database.parameters import patch_of
from api.database.pool import Database
from api.http.bodies import Sent, SentPatch
from api.http.conditions import expected_version
from api.http.documents import Document, changed, created, gone, listed, shown
from api.http.idempotency import once
from api.http.openapi import problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.service import actor_of, database_of
from api.models.courses import Course, CoursePage, CoursePatch, NewCourse
from api.repositories import courses


@get("/courses", tags=["courses"], responses=problems(401))
async def list_courses(
    request: Request[Any, Any, Any],
    term_id: Annotated[UUID | None, QueryParameter(description="Only courses of this term.")] = None,
    lecturer_id: Annotated[UUID | None, QueryParameter(description="Only courses of this lecturer.")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[CoursePage]:
    """The courses that you may see, oldest first: all for an administrator, their own for a lecturer."""
    db, actor = database_of(request), actor_of(request)
    page = page_of(limit, offset, cursor, count)
    if lecturer_id is not None:
        found = await courses.list_courses_by_lecturer(
            db, actor=actor, lecturer_id=lecturer_id, term_id=term_id, page=page
        )
    elif term_id is not None:
        found = await courses.list_courses_by_term(db, actor=actor, term_id=term_id, page=page)
    else:
        found = await courses.list_courses(db, actor=actor, page=page)
    return listed(request.scope, found)


@post("/courses", tags=["courses"], responses=problems(400, 401, 404, 409, 413, 415))
async def create_course(request: Request[Any, Any, Any], data: Sent[NewCourse]) -> Document[Course]:
    """Make a course: a lecturer for themself, an administrator for any lecturer. For students, 404."""

    async def work(db: Database) -> Document[Course]:
        return created(await courses.create_course(db, actor=actor_of(request), course=data), "/courses")

    return await once(request, work)


@get("/courses/{course_id:str}", tags=["courses"], responses=problems(401, 404))
async def read_course(request: Request[Any, Any, Any], course_id: FromPath[UUID]) -> Document[Course]:
    """One course. 404: no such course for you."""
    return shown(
        request.scope,
        await courses.read_course(database_of(request), actor=actor_of(request), course_id=course_id),
    )


@patch(
    "/courses/{course_id:str}",
    tags=["courses"],
    responses=problems(400, 401, 404, 409, 412, 413, 415, 428),
)
async def update_course(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], data: SentPatch[CoursePatch]
) -> Document[Course]:
    """Change a course. 404: no such course for you. 412: it was changed since you read it."""
    return changed(
        await courses.update_course(
            database_of(request),
            actor=actor_of(request),
            course_id=course_id,
            version=expected_version(request.scope),
            patch=patch_of(data),
        )
    )


@delete("/courses/{course_id:str}", tags=["courses"], responses=problems(401, 404, 409, 412, 428))
async def delete_course(request: Request[Any, Any, Any], course_id: FromPath[UUID]) -> Document[None]:
    """Delete a course with its syllabus, materials and quizzes. 404: no such course for you."""
    await courses.delete_course(
        database_of(request),
        actor=actor_of(request),
        course_id=course_id,
        version=expected_version(request.scope),
    )
    return gone()
