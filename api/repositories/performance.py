"""sql/performance: how far students are with the topics of their courses."""

from uuid import UUID

from api.database.parameters import Actor, Page
from api.database.pool import Database
from api.database.query import query
from api.database.results import Paged
from api.models.performance import PerformancePage


@query("performance/list_performance")
async def list_performance(
    db: Database, *, actor: Actor, student_id: UUID, course_id: UUID | None, page: Page
) -> Paged[PerformancePage]: ...
