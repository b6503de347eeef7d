"""sql/deliveries: mails, and how they fare."""

from uuid import UUID

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.database.results import Json
from api.models.deliveries import ClaimedDelivery, Delivery


@query("deliveries/read_delivery")
async def read_delivery(db: Database, *, actor: Actor, delivery_id: UUID) -> Json[Delivery]: ...


@query("deliveries/claim_deliveries")
async def claim_deliveries(db: Database, *, batch: int, lease_seconds: int) -> list[ClaimedDelivery]: ...


@query("deliveries/settle_delivery")
async def settle_delivery(
    db: Database, *, delivery_id: UUID, attempts: int, state: str, reply: str
) -> int: ...


@query("deliveries/postpone_delivery")
async def postpone_delivery(
    db: Database, *, delivery_id: UUID, attempts: int, reply: str, wait_seconds: int
) -> int: ...


@query("deliveries/give_up_deliveries")
async def give_up_deliveries(db: Database) -> int: ...


@query("deliveries/delete_old_deliveries")
async def delete_old_deliveries(db: Database) -> int: ...
