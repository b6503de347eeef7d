"""sql/regrades: attempts that are graded again, after a key was corrected."""

from uuid import UUID

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.database.results import Created, Json
from api.models.regrades import ClaimedRegrade, Regrade, RegradeProgress


@query("regrades/create_regrade")
async def create_regrade(db: Database, *, actor: Actor, quiz_id: UUID) -> Created[Regrade]: ...


@query("regrades/read_regrade")
async def read_regrade(db: Database, *, actor: Actor, regrade_id: UUID) -> Json[Regrade]: ...


@query("regrades/claim_regrade")
async def claim_regrade(db: Database, *, lease_seconds: int) -> ClaimedRegrade | None: ...


@query("regrades/continue_regrade")
async def continue_regrade(
    db: Database, *, regrade_id: UUID, claims: int, most: int, lease_seconds: int
) -> RegradeProgress | None: ...


@query("regrades/leave_attempt")
async def leave_attempt(db: Database, *, regrade_id: UUID, claims: int, lease_seconds: int) -> int: ...
