"""sql/sessions: the upkeep of logins."""

from api.database.pool import Database
from api.database.query import query


@query("sessions/touch_sessions")
async def touch_sessions(db: Database, *, token_hashes: list[str]) -> int: ...


@query("sessions/delete_expired_sessions")
async def delete_expired_sessions(db: Database) -> int: ...
