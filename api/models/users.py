"""Users: everybody who can log in, with one of three roles."""

from datetime import datetime
from functools import cache
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.models.common import ABSENT, PageOf, Request, Response
from api.models.email import Email

FullName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="The name as the person writes it.", examples=["Lena Vogel"]),
]
Role = Literal["student", "lecturer", "super_admin"]
NewPassword = Annotated[
    str,
    # As long as NIST SP 800-63B asks for, without rules of composition, which it advises against.
    StringConstraints(min_length=15, max_length=1024),
    Field(description="15 to 1,024 characters, whichever: a sentence is fine."),
]


class NewUser(Request):
    """An account to be made. Nobody can log in to it until it is given a password."""

    email: Email
    full_name: FullName
    role: Role


class UserPatch(Request):
    """What to change about an account; what is left out stays. Its owner changes the name alone."""

    email: Email = ABSENT
    full_name: FullName = ABSENT
    role: Role = ABSENT
    active: bool = Field(default=ABSENT, description="False closes the account and ends its sessions.")


class NewUserPassword(Request):
    """A password for somebody else's account."""

    new_password: NewPassword


class User(Response):
    """An account."""

    id: UUID
    email: str
    full_name: str
    role: Role
    active: bool = Field(description="Whether its owner can log in; false once it is closed.")
    deactivated_at: datetime | None = Field(description="Since when it is closed.")
    version: int = Field(description="Counts the edits; the first part of the ETag.")
    created_at: datetime
    updated_at: datetime


class UserPage(PageOf):
    """A page of accounts."""

    items: list[User]


class UserKey(Response):
    """Whose password was set. No client sees it: the answer is 204."""

    id: UUID


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_timezone(name: str) -> str:
    if name not in _timezones():
        raise PydanticCustomError("timezone", "There is no such time zone in the IANA database.")
    return name


Language = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"),
    Field(description="A language tag: language, script, region (BCP 47).", examples=["pt-BR"]),
]
Timezone = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_known_timezone),
    Field(description="A name of the IANA time zone database.", examples=["Asia/Singapore"]),
]
Theme = Literal["system", "light", "dark"]
Digest = Literal["never", "daily", "weekly"]


class NotificationsPatch(Request):
    """Which mails to change; null goes back to the default."""

    enrollments: bool | None = None
    quizzes: bool | None = None
    digest: Digest | None = None


class SettingsPatch(Request):
    """What to change about one's preferences; what is left out stays, null goes back to the default."""

    language: Language | None = None
    timezone: Timezone | None = None
    theme: Theme | None = None
    notifications: NotificationsPatch | None = None


class Notifications(Response):
    """Which mails somebody wants."""

    enrollments: bool = Field(default=True, description="About being put on a course or taken off it.")
    quizzes: bool = Field(default=True, description="About quizzes that open and results that are there.")
    digest: Digest = Field(default="weekly", description="How often a summary comes.")


class UserSettings(Response):
    """The preferences of a person: those they chose. What is left out has its default."""

    language: str = "en"
    timezone: str = "UTC"
    theme: Theme = "system"
    notifications: Notifications = Notifications()
