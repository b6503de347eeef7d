"""/students/{student_id}/dashboard, /courses/{course_id}/dashboard, …/at-risk and …/gradebook: where things stand."""

from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath

from api.http.documents import Document, listed, shown
from api.http.openapi import problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.service import actor_of, database_of
from api.models.dashboards import AtRiskPage, CourseDashboard, Gradebook, StudentDashboard
from api.repositories import dashboards


@get("/students/{student_id:str}/dashboard", tags=["dashboards"], responses=problems(401, 404))
async def read_student_dashboard(
    request: Request[Any, Any, Any], student_id: FromPath[UUID]
) -> Document[StudentDashboard]:
    """Courses with mastery by week, open quizzes, and what to go over again: your own, or any for an administrator.

    What you completed, and what was closed while you were on it, is in `past`; what you dropped is nowhere. 404: no
    such student, or not you.
    """
    return shown(
        request.scope,
        await dashboards.read_student_dashboard(
            database_of(request), actor=actor_of(request), student_id=student_id
        ),
    )


@get("/courses/{course_id:str}/dashboard", tags=["dashboards"], responses=problems(401, 404))
async def read_course_dashboard(
    request: Request[Any, Any, Any], course_id: FromPath[UUID]
) -> Document[CourseDashboard]:
    """Mastery by week, what waits for grading, scores and attempts over time, in numbers.

    404: no such course for you to teach.
    """
    return shown(
        request.scope,
        await dashboards.read_course_dashboard(
            database_of(request), actor=actor_of(request), course_id=course_id
        ),
    )


@get("/courses/{course_id:str}/at-risk", tags=["dashboards"], responses=problems(401, 404))
async def list_at_risk(
    request: Request[Any, Any, Any],
    course_id: FromPath[UUID],
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[AtRiskPage]:
    """Who may fail the course, and why. 404: no such course for you to teach.

    That is every active student with 2 or more remedial topics, 2 or more missed quizzes, an average share below
    0.5, or 14 or more days without an attempt while there was a quiz to take. `reasons` names those that they have.
    """
    found = await dashboards.list_at_risk(
        database_of(request),
        actor=actor_of(request),
        course_id=course_id,
        page=page_of(limit, offset, cursor, count),
    )
    return listed(request.scope, found)


@get("/courses/{course_id:str}/gradebook", tags=["dashboards"], responses=problems(401, 404))
async def list_gradebook(
    request: Request[Any, Any, Any],
    course_id: FromPath[UUID],
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[Gradebook]:
    """What each student has for each quiz, a page of students. 404: no such course for you to teach."""
    found = await dashboards.list_gradebook(
        database_of(request),
        actor=actor_of(request),
        course_id=course_id,
        page=page_of(limit, offset, cursor, count),
    )
    return listed(request.scope, found)
