"""sql/auth: logging in and out."""

from uuid import UUID

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.database.results import Json
from api.models.auth import ActorRole, Credentials, Me, Session
from api.models.users import UserKey


@query("auth/read_credentials")
async def read_credentials(db: Database, *, email: str) -> Credentials | None: ...


@query("auth/create_session")
async def create_session(
    db: Database, *, token_hash: bytes, user_id: UUID, session_hours: int, session_idle_hours: int
) -> Json[Session]: ...


@query("auth/revoke_session")
async def revoke_session(db: Database, *, actor: Actor) -> int: ...


@query("auth/read_me")
async def read_me(db: Database, *, actor: Actor) -> Json[Me]: ...


@query("auth/read_actor")
async def read_actor(db: Database, *, actor: Actor) -> ActorRole | None: ...


@query("auth/read_own_credentials")
async def read_own_credentials(db: Database, *, actor: Actor) -> Credentials | None: ...


@query("auth/change_password")
async def change_password(db: Database, *, actor: Actor, password_hash: str) -> Json[UserKey]: ...
