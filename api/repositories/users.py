"""sql/users: everybody who can log in."""

from uuid import UUID

from api.database.parameters import Actor, Page, Patch
from api.database.pool import Database
from api.database.query import query
from api.database.results import Created, Json, Paged, Versioned
from api.models.users import NewUser, SettingsPatch, User, UserKey, UserPage, UserPatch, UserSettings


@query("users/list_users")
async def list_users(db: Database, *, actor: Actor, page: Page) -> Paged[UserPage]: ...


@query("users/list_users_by_role")
async def list_users_by_role(db: Database, *, actor: Actor, role: str, page: Page) -> Paged[UserPage]: ...


@query("users/list_users_by_name")
async def list_users_by_name(
    db: Database, *, actor: Actor, role: str | None, name_prefix: str, page: Page
) -> Paged[UserPage]: ...


@query("users/list_users_by_email")
async def list_users_by_email(
    db: Database, *, actor: Actor, role: str | None, email_prefix: str, page: Page
) -> Paged[UserPage]: ...


@query("users/read_user")
async def read_user(db: Database, *, actor: Actor, user_id: UUID) -> Versioned[User]: ...


@query("users/create_user")
async def create_user(db: Database, *, actor: Actor, user: NewUser) -> Created[User]: ...


@query("users/update_user")
async def update_user(
    db: Database, *, actor: Actor, user_id: UUID, version: int | None, patch: Patch[UserPatch]
) -> Versioned[User]: ...


@query("users/set_password")
async def set_password(db: Database, *, actor: Actor, user_id: UUID, password_hash: str) -> Json[UserKey]: ...


@query("users/read_settings")
async def read_settings(db: Database, *, actor: Actor, user_id: UUID) -> Versioned[UserSettings]: ...


@query("users/update_settings")
async def update_settings(
    db: Database, *, actor: Actor, user_id: UUID, version: int | None, patch: Patch[SettingsPatch]
) -> Versioned[UserSettings]: ...
