"""Which part of a list is wanted: `limit`, `offset`, `cursor` and `count`."""

import re
from base64 import urlsafe_b64decode
from typing import Annotated
from uuid import UUID

from litestar.params import QueryParameter

from api.database.parameters import Page
from api.http.problems import ProblemError

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="Items of the page.")]
Offset = Annotated[
    int, QueryParameter(ge=0, le=10_000, description="Items to leave out. For more, follow `next`.")
]
Cursor = Annotated[
    str | None, QueryParameter(max_length=22, description="The `next` of the page before; opaque.")
]
Count = Annotated[
    bool, QueryParameter(description="Also count all items, up to 10,000. Costs more than the page.")
]

_CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")  # 16 bytes in base64url


def page_of(limit: int, offset: int, cursor: str | None, count: bool) -> Page:
    """The page that the parameters ask for. Raises ProblemError 422 for a cursor that is none of ours."""
    return Page(limit, offset, None if cursor is None else _after(cursor), count)


def _after(cursor: str) -> UUID:
    if _CURSOR.fullmatch(cursor) is None:
        detail = "Pass back the `next` of a page as it was."
        raise ProblemError(
            422, f"cursor: {detail}", "invalid-request", [{"parameter": "cursor", "detail": detail}]
        )
    return UUID(bytes=urlsafe_b64decode(cursor + "=="))
