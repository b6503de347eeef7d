"""/users: accounts, for administrators; one's own profile and settings, for everybody."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, get, patch, post, put
from litestar.params import FromPath, QueryParameter

from api.database.errors import NotFoundError
from api.database.parameters import patch_of
from api.database.pool import Database
from api.http.bodies import Sent, SentPatch
from api.http.conditions import expected_version
from api.http.documents import Document, changed, created, gone, listed, shown
from api.http.idempotency import once
from api.http.openapi import problems
from api.http.paging import Count, Cursor, Limit, Offset, page_of
from api.http.problems import ProblemError, unauthenticated
from api.http.service import actor_of, database_of
from api.models.users import (
    NewUser,
    NewUserPassword,
    Role,
    SettingsPatch,
    User,
    UserPage,
    UserPatch,
    UserSettings,
)
from api.passwords import hash_password
from api.repositories import auth, users


@get("/users", tags=["users"], responses=problems(401, 404))
async def list_users(
    request: Request[Any, Any, Any],
    role: Annotated[Role | None, QueryParameter(description="Only accounts of this role.")] = None,
    name: Annotated[
        str | None,
        QueryParameter(
            min_length=1, max_length=200, description="Only names that begin so, whatever case and accents."
        ),
    ] = None,
    email: Annotated[
        str | None, QueryParameter(min_length=1, max_length=254, description="Only addresses that begin so.")
    ] = None,
    limit: Limit = 20,
    offset: Offset = 0,
    cursor: Cursor = None,
    count: Count = False,
) -> Document[UserPage]:
    """All accounts, oldest first; those searched for by name or address in that order. For administrators."""
    db, actor = database_of(request), actor_of(request)
    page = page_of(limit, offset, cursor, count)
    if name is not None and email is not None:
        detail = "Search by name or by email, not by both."
        raise ProblemError(422, detail, "invalid-request", [{"parameter": "email", "detail": detail}])
    if name is not None:
        found = await users.list_users_by_name(db, actor=actor, role=role, name_prefix=name, page=page)
    elif email is not None:
        found = await users.list_users_by_email(db, actor=actor, role=role, email_prefix=email, page=page)
    elif role is not None:
        found = await users.list_users_by_role(db, actor=actor, role=role, page=page)
    else:
        found = await users.list_users(db, actor=actor, page=page)
    return listed(request.scope, found)


@post("/users", tags=["users"], responses=problems(400, 401, 404, 409, 413, 415))
async def create_user(request: Request[Any, Any, Any], data: Sent[NewUser]) -> Document[User]:
    """Make an account, as an administrator. Nobody can log in to it until it is given a password."""

    async def work(db: Database) -> Document[User]:
        return created(await users.create_user(db, actor=actor_of(request), user=data), "/users")

    return await once(request, work)


@get("/users/{user_id:str}", tags=["users"], responses=problems(401, 404))
async def read_user(request: Request[Any, Any, Any], user_id: FromPath[UUID]) -> Document[User]:
    """One account: your own, or any for an administrator. 404: no such user for you."""
    return shown(
        request.scope,
        await users.read_user(database_of(request), actor=actor_of(request), user_id=user_id),
    )


@patch(
    "/users/{user_id:str}",
    tags=["users"],
    responses=problems(400, 401, 404, 409, 412, 413, 415, 428),
)
async def update_user(
    request: Request[Any, Any, Any], user_id: FromPath[UUID], data: SentPatch[UserPatch]
) -> Document[User]:
    """Change an account: your own name; address, role and whether it is open as an administrator."""
    return changed(
        await users.update_user(
            database_of(request),
            actor=actor_of(request),
            user_id=user_id,
            version=expected_version(request.scope),
            patch=patch_of(data),
        )
    )


@put(
    "/users/{user_id:str}/password",
    status_code=204,
    tags=["users"],
    responses=problems(400, 401, 404, 413, 415),
)
async def set_password(
    request: Request[Any, Any, Any], user_id: FromPath[UUID], data: Sent[NewUserPassword]
) -> Document[None]:
    """Give somebody else a password, as an administrator. Every session of theirs ends."""
    database, actor = database_of(request), actor_of(request)
    # Before the hash, which costs 20 ms: the statement decides again.
    asking = await auth.read_actor(database, actor=actor)
    if asking is None:
        raise unauthenticated()
    if asking.role != "super_admin":
        raise NotFoundError("no such user for this actor")
    await users.set_password(
        database, actor=actor, user_id=user_id, password_hash=await hash_password(data.new_password)
    )
    return gone()


@get("/users/{user_id:str}/settings", tags=["users"], responses=problems(401, 404))
async def read_settings(request: Request[Any, Any, Any], user_id: FromPath[UUID]) -> Document[UserSettings]:
    """The preferences of a person: those they chose. 404: no such user for you."""
    return shown(
        request.scope,
        await users.read_settings(database_of(request), actor=actor_of(request), user_id=user_id),
    )


@patch(
    "/users/{user_id:str}/settings",
    tags=["users"],
    responses=problems(400, 401, 404, 412, 413, 415, 428),
)
async def update_settings(
    request: Request[Any, Any, Any], user_id: FromPath[UUID], data: SentPatch[SettingsPatch]
) -> Document[UserSettings]:
    """Change preferences. Null goes back to the default."""
    return changed(
        await users.update_settings(
            database_of(request),
            actor=actor_of(request),
            user_id=user_id,
            version=expected_version(request.scope),
            patch=patch_of(data),
        )
    )
