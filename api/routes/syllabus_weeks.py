"""/courses/{course_id}/syllabus: what a course does week by week.

The syllabus has one version for all its weeks, and every write answers with all of it: whoever edits one week
sees what it stands among.
"""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, delete, get, put
from litestar.params import FromPath, PathParameter

from api.http.bodies import Sent
from api.http.conditions import expected_version
from api.http.documents import Document, changed, shown
from api.http.openapi import problems
from api.http.service import actor_of, database_of
from api.models.syllabus_weeks import NewSyllabus, NewSyllabusWeek, Syllabus
from api.repositories import syllabus_weeks

WeekNumber = Annotated[int, PathParameter(ge=1, le=53, description="From 1; gaps are weeks off.")]


@get("/courses/{course_id:str}/syllabus", tags=["syllabus"], responses=problems(401, 404))
async def read_syllabus(request: Request[Any, Any, Any], course_id: FromPath[UUID]) -> Document[Syllabus]:
    """The syllabus of a course. 404: no such course for you."""
    return shown(
        request.scope,
        await syllabus_weeks.read_syllabus(
            database_of(request), actor=actor_of(request), course_id=course_id
        ),
    )


@put(
    "/courses/{course_id:str}/syllabus",
    tags=["syllabus"],
    responses=problems(400, 401, 404, 412, 413, 415, 428),
)
async def put_syllabus(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], data: Sent[NewSyllabus]
) -> Document[Syllabus]:
    """Replace the whole syllabus: weeks that are not in it are taken out."""
    return changed(
        await syllabus_weeks.put_syllabus(
            database_of(request),
            actor=actor_of(request),
            course_id=course_id,
            version=expected_version(request.scope),
            syllabus=data,
        )
    )


@put(
    "/courses/{course_id:str}/syllabus/{week_number:str}",
    tags=["syllabus"],
    responses=problems(400, 401, 404, 412, 413, 415, 428),
)
async def put_syllabus_week(
    request: Request[Any, Any, Any],
    course_id: FromPath[UUID],
    week_number: WeekNumber,
    data: Sent[NewSyllabusWeek],
) -> Document[Syllabus]:
    """Write one week, new or not. Answers with the whole syllabus, whose version If-Match guards."""
    syllabus = await syllabus_weeks.put_syllabus_week(
        database_of(request),
        actor=actor_of(request),
        course_id=course_id,
        version=expected_version(request.scope),
        week_number=week_number,
        week=data,
    )
    return changed(syllabus, location=f"/courses/{course_id}/syllabus")


@delete(
    "/courses/{course_id:str}/syllabus/{week_number:str}",
    status_code=200,
    tags=["syllabus"],
    responses=problems(401, 404, 412, 428),
)
async def delete_syllabus_week(
    request: Request[Any, Any, Any], course_id: FromPath[UUID], week_number: WeekNumber
) -> Document[Syllabus]:
    """Take one week out. Answers with the whole syllabus, whose version If-Match guards."""
    syllabus = await syllabus_weeks.delete_syllabus_week(
        database_of(request),
        actor=actor_of(request),
        course_id=course_id,
        version=expected_version(request.scope),
        week_number=week_number,
    )
    return changed(syllabus, location=f"/courses/{course_id}/syllabus")
