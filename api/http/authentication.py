"""Bearer tokens: their form, their hash, and who must bring one.

A token is `lms_` and 43 characters of base64url, 256 random bits. Only its SHA-256 is ever stored or sent to
PostgreSQL; that is enough for a secret of this size, which cannot be guessed from its hash. Whether a token is
alive, and whose it is, each statement finds out itself (`lms.actor`).
"""

import re
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any

from litestar import Request
from litestar.types import Scope

from api.database.parameters import Actor
from api.http.conditions import header
from api.http.parameters import check_parameters
from api.http.problems import unauthenticated

_BEARER = re.compile(rb"(?i:bearer) +(lms_[A-Za-z0-9_-]{43})")


def new_token() -> str:
    """A fresh token, shown to its owner once."""
    return f"lms_{token_urlsafe(32)}"


def hash_token(token: bytes) -> bytes:
    return sha256(token).digest()


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Turn away, before a body is read or a connection taken, who has no token and what no route understands.

    A route that needs no token says so with `public=True`. Litestar calls this before each handler; as
    middleware it would cost every request a twentieth more.
    """
    scope = request.scope
    handler = scope["route_handler"]
    if not handler.opt.get("public"):
        scope["actor"] = _actor(scope)  # type: ignore[typeddict-unknown-key]
    check_parameters(scope, handler)


def _actor(scope: Scope) -> Actor:
    authorization = header(scope, b"authorization")
    match = _BEARER.fullmatch(authorization) if authorization else None
    if match is None:
        raise unauthenticated()
    return Actor(hash_token(match[1]))
