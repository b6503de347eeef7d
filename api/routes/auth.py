"""/auth: logging in and out, who is logged in, and their password."""

import json
from typing import Any

from litestar import Request, get, post

from api.database.pool import Database
from api.http.authentication import hash_token, new_token
from api.http.bodies import Sent
from api.http.documents import Document, gone, shown
from api.http.openapi import PUBLIC, problems
from api.http.problems import ProblemError, unauthenticated
from api.http.service import actor_of, database_of, service_of
from api.models.auth import Credentials, Login, Me, PasswordChange, Token
from api.models.email import canonical
from api.passwords import hash_password, verify_password
from api.repositories import auth


@post(
    "/auth/login",
    status_code=200,
    tags=["auth"],
    public=True,
    security=PUBLIC,
    responses=problems(400, 401, 413, 415),
)
async def login(request: Request[Any, Any, Any], data: Sent[Login]) -> Document[Token]:
    """Log in with e-mail address and password. 401: no such account, wrong password, or the account is closed."""
    database = database_of(request)
    settings = service_of(request).settings
    credentials = await _credentials(database, data.email)
    password_hash = credentials.password_hash if credentials else None
    if not await verify_password(password_hash, data.password) or credentials is None:
        raise ProblemError(
            401,
            "E-mail address and password do not belong together.",
            "wrong-credentials",
            headers={"WWW-Authenticate": "Bearer"},
        )
    token = new_token()
    session = await auth.create_session(
        database,
        token_hash=hash_token(token.encode()),
        user_id=credentials.user_id,
        session_hours=settings.session_hours,
        session_idle_hours=settings.session_idle_hours,
    )
    answer = {"access_token": token, "token_type": "bearer", **json.loads(session.document)}
    return Document(json.dumps(answer).encode())


@post("/auth/logout", status_code=204, tags=["auth"], responses=problems(401))
async def logout(request: Request[Any, Any, Any]) -> Document[None]:
    """End the session of this token."""
    if not await auth.revoke_session(database_of(request), actor=actor_of(request)):
        raise unauthenticated()
    return gone()


@post(
    "/auth/password",
    status_code=204,
    tags=["auth"],
    responses=problems(400, 401, 413, 415),
)
async def change_password(request: Request[Any, Any, Any], data: Sent[PasswordChange]) -> Document[None]:
    """Change your own password. Every other session of yours ends; 422 where the present one is not right."""
    database = database_of(request)
    credentials = await auth.read_own_credentials(database, actor=actor_of(request))
    if credentials is None:
        raise unauthenticated()
    if not await verify_password(credentials.password_hash, data.current_password):
        detail = "This is not your present password."
        raise ProblemError(
            422, detail, "wrong-password", [{"pointer": "/current_password", "detail": detail}]
        )
    await auth.change_password(
        database, actor=actor_of(request), password_hash=await hash_password(data.new_password)
    )
    return gone()


@get("/auth/me", tags=["auth"], responses=problems(401))
async def read_me(request: Request[Any, Any, Any]) -> Document[Me]:
    """Who is logged in."""
    return shown(request.scope, await auth.read_me(database_of(request), actor=actor_of(request)))


async def _credentials(database: Database, email: str) -> Credentials | None:
    """Whom an address belongs to. What is no address belongs to nobody."""
    try:
        return await auth.read_credentials(database, email=canonical(email))
    except ValueError:
        return None
