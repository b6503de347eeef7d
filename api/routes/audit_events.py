"""/audit: who changed what about whom, for administrators."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get
from litestar.params import QueryParameter

from api.http.documents import Document, listed
from api.http.openapi import problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.problems import ProblemError
from api.http.service import actor_of, database_of
from api.models.audit_events import AuditEventPage
from api.repositories import audit_events


@get("/audit", tags=["audit"], responses=problems(401, 404))
async def list_audit_events(
    request: Request[Any, Any, Any],
    user_id: Annotated[UUID | None, QueryParameter(description="Only what concerns this person.")] = None,
    course_id: Annotated[UUID | None, QueryParameter(description="Only what concerns this course.")] = None,
    actor_id: Annotated[UUID | None, QueryParameter(description="Only what this person did.")] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[AuditEventPage]:
    """What was done to accounts, enrolments, attempts, grades, keys and regrades, the latest first.

    For administrators; at most one filter.
    """
    db, actor = database_of(request), actor_of(request)
    page = page_of(limit, offset, cursor, count)
    given = [
        name
        for name, value in (("user_id", user_id), ("course_id", course_id), ("actor_id", actor_id))
        if value is not None
    ]
    if len(given) > 1:
        detail = "Ask for one of user_id, course_id and actor_id at a time."
        raise ProblemError(
            422, detail, "invalid-request", [{"parameter": name, "detail": detail} for name in given[1:]]
        )
    if user_id is not None:
        found = await audit_events.list_audit_events_by_user(db, actor=actor, user_id=user_id, page=page)
    elif course_id is not None:
        found = await audit_events.list_audit_events_by_course(
            db, actor=actor, course_id=course_id, page=page
        )
    elif actor_id is not None:
        found = await audit_events.list_audit_events_by_actor(db, actor=actor, actor_id=actor_id, page=page)
    else:
        found = await audit_events.list_audit_events(db, actor=actor, page=page)
    return listed(request.scope, found)
