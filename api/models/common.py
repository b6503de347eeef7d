"""What the models of all nouns share."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

_WEB: Final = datetime(1990, 1, 1, tzinfo=UTC)
_END: Final = datetime(9999, 1, 1, tzinfo=UTC)
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def read_time(value: Any) -> datetime:
    """A time in the form of RFC 3339; pydantic would take "1700000000" for one."""
    with suppress(ValueError):
        time = datetime.fromisoformat(value) if _is_time(value) else value
        # Between these, every offset leads to a time that Python and PostgreSQL know; and there was no web before.
        if isinstance(time, datetime) and time.tzinfo is not None and _WEB <= time < _END:
            return time
    raise PydanticCustomError(
        "date_time", "Give a time since 1990 with its offset from UTC, such as 2026-09-01T06:00:00Z."
    )


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and _DATE_TIME.fullmatch(value) is not None


Code = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9._-]{0,31}$"),
    Field(
        description="1 to 32 capital letters, digits, dots, hyphens or underscores; a letter or digit first.",
        examples=["CS101-2026"],
    ),
]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="1 to 200 characters; space at its ends is cut off."),
]
WeekOrNone = Annotated[int | None, Field(ge=1, le=53)]

ABSENT: Any = None
"""The default of a field of a merge patch. Never read: what the client left out is not in the patch."""


class Request(BaseModel):
    """What a client sends: unknown fields and values of another type are refused, not guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Response(BaseModel):
    """What a client gets. Built by PostgreSQL; the model describes it and is checked by contract tests."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageOf(Response):
    """What every list has beside its items."""

    next: str | None = Field(description="Pass it back as `cursor` for the next page; null on the last.")
    total: int | None = Field(
        default=None,
        description="How many there are in all, exact up to 10,000. Only with `count=true`.",
    )
    total_is_lower_bound: bool | None = Field(
        default=None, description="Whether there are more than `total`. Only with `count=true`."
    )


class Deleted(Response):
    """What was deleted. No client sees it: the answer is 204."""

    id: UUID
