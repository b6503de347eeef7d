"""sql/dashboards: what a student has before them, and how a course fares."""

from uuid import UUID

from api.database.parameters import Actor, Page
from api.database.pool import Database
from api.database.query import query
from api.database.results import Json, Paged
from api.models.dashboards import AtRiskPage, CourseDashboard, Gradebook, StudentDashboard


@query("dashboards/read_student_dashboard")
async def read_student_dashboard(
    db: Database, *, actor: Actor, student_id: UUID
) -> Json[StudentDashboard]: ...


@query("dashboards/read_course_dashboard")
async def read_course_dashboard(db: Database, *, actor: Actor, course_id: UUID) -> Json[CourseDashboard]: ...


@query("dashboards/list_at_risk")
async def list_at_risk(db: Database, *, actor: Actor, course_id: UUID, page: Page) -> Paged[AtRiskPage]: ...


@query("dashboards/list_gradebook")
async def list_gradebook(db: Database, *, actor: Actor, course_id: UUID, page: Page) -> Paged[Gradebook]: ...
