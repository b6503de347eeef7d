"""sql/audit_events: who changed what about whom."""

from uuid import UUID

from api.database.parameters import Actor, Page
from api.database.pool import Database
from api.database.query import query
from api.database.results import Paged
from api.models.audit_events import AuditEventPage


@query("audit_events/list_audit_events")
async def list_audit_events(db: Database, *, actor: Actor, page: Page) -> Paged[AuditEventPage]: ...


@query("audit_events/list_audit_events_by_user")
async def list_audit_events_by_user(
    db: Database, *, actor: Actor, user_id: UUID, page: Page
) -> Paged[AuditEventPage]: ...


@query("audit_events/list_audit_events_by_course")
async def list_audit_events_by_course(
    db: Database, *, actor: Actor, course_id: UUID, page: Page
) -> Paged[AuditEventPage]: ...


@query("audit_events/list_audit_events_by_actor")
async def list_audit_events_by_actor(
    db: Database, *, actor: Actor, actor_id: UUID, page: Page
) -> Paged[AuditEventPage]: ...
