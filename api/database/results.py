"""What a repository function returns: the result kinds of the query files, as types.

Each holds the response body as PostgreSQL built it, in UTF-8. The type parameter is the pydantic model that
describes it; nothing is parsed or validated at run time, contract tests do that.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Json(Generic[T]):
    """A document."""

    document: bytes


@dataclass(frozen=True, slots=True)
class Paged(Generic[T]):
    """A page and the cursor of the next one, or None on the last."""

    document: bytes
    next: str | None


@dataclass(frozen=True, slots=True)
class Created(Generic[T]):
    """A new thing and its key, for `Location`."""

    document: bytes
    id: UUID


@dataclass(frozen=True, slots=True)
class Versioned(Generic[T]):
    """A document and the version it has, for `ETag`."""

    document: bytes
    version: int
