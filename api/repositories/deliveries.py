"""sql/deliveries: mails, and how they fare."""

from uuid import UUID

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.database.results import Json
from api.models.deliveries import ClaimedDelivery, Delivery, DueDelivery


@query("deliveries/read_delivery")
async def read_delivery(db: Database, *, actor: Actor, delivery_id: UUID) -> Json[Delivery]: ...


@query("deliveries/read_due_delivery")
async def read_due_delivery(db: Database) -> DueDelivery | None: ...


@query("deliveries/claim_delivery")
async def claim_delivery(
    db: Database, *, lease_seconds: int, scores_last: bool
) -> ClaimedDelivery | None: ...


@query("deliveries/settle_delivery")
async def settle_delivery(
    db: Database, *, delivery_id: UUID, attempts: int, state: str, reply: str
) -> int: ...


@query("deliveries/postpone_delivery")
async def postpone_delivery(
    db: Database, *, delivery_id: UUID, attempts: int, reply: str, wait_seconds: int
) -> int: ...


@query("deliveries/delete_old_deliveries")
async def delete_old_deliveries(db: Database, *, most: int) -> int: ...
