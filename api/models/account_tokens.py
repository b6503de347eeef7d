"""Account tokens: links by which people who were invited set their first password."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from api.models.common import Request
from api.models.users import NewPassword


class Redemption(Request):
    """A first password, and the token of the link that allows it."""

    token: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200),
        Field(description="What stands behind the # of the link in the mail."),
    ]
    new_password: NewPassword


@dataclass(frozen=True, slots=True)
class AccountToken:
    """Whose account a link opens."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class AccountTokenIssue:
    """Whom a link was made for."""

    issued_to: UUID
