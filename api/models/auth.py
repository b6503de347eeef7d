"""Logging in and out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.models.common import Request, Response
from api.models.users import NewPassword


class Login(Request):
    """An e-mail address and its password."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=254)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class PasswordChange(Request):
    """A new password for oneself, and the present one to prove who asks."""

    current_password: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    new_password: NewPassword


class Me(Response):
    """Who is logged in."""

    id: UUID
    email: str
    full_name: str
    role: Literal["student", "lecturer", "super_admin"]


class Session(Response):
    """A login, as the database keeps it."""

    expires_at: datetime
    user: Me


class Token(Session):
    """A login, with the token that proves it."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`. It is shown this once.")
    token_type: Literal["bearer"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and the hash to verify a password against."""

    user_id: UUID
    password_hash: str


@dataclass(frozen=True, slots=True)
class ActorRole:
    """Who asks."""

    user_id: UUID
    role: str
