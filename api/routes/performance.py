"""/students/{student_id}/performance: how far a student is with the topics of their courses."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath, QueryParameter

from api.http.documents import Document, listed
from api.http.openapi import problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.service import actor_of, database_of
from api.models.performance import PerformancePage
from api.repositories import performance


@get("/students/{student_id:str}/performance", tags=["performance"], responses=problems(401, 404))
async def list_performance(
    request: Request[Any, Any, Any],
    student_id: FromPath[UUID],
    course_id: Annotated[UUID | None, QueryParameter(description="Only this course.")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[PerformancePage]:
    """How far a student is, by course and week: your own, on courses that you teach, or any for an administrator.

    Whatever is graded counts at once. You see of yourself what you are active on or completed, of others every
    enrolment, whatever its state. 404: no such student, or neither you nor on a course that you teach.
    """
    found = await performance.list_performance(
        database_of(request),
        actor=actor_of(request),
        student_id=student_id,
        course_id=course_id,
        page=page_of(limit, offset, cursor, count),
    )
    return listed(request.scope, found)
