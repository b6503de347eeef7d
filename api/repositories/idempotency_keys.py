"""sql/idempotency_keys: the first answers to requests that may be sent twice."""

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.models.idempotency_keys import Claim, KeptAnswer


@query("idempotency_keys/claim_idempotency_key")
async def claim_idempotency_key(
    db: Database, *, actor: Actor, route: str, key: str, request_hash: bytes
) -> Claim | None: ...


@query("idempotency_keys/read_idempotency_key")
async def read_idempotency_key(db: Database, *, actor: Actor, route: str, key: str) -> KeptAnswer | None: ...


@query("idempotency_keys/save_idempotency_key")
async def save_idempotency_key(
    db: Database, *, actor: Actor, route: str, key: str, status: int, headers: dict[str, str], body: bytes
) -> int: ...


@query("idempotency_keys/delete_expired_idempotency_keys")
async def delete_expired_idempotency_keys(db: Database) -> int: ...
