"""Values that fill several parameters of a query at once, by name, or need a form of their own."""

from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks, by the SHA-256 of the bearer token. The statement finds out who that is."""

    token_hash: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted."""

    page_limit: int
    page_offset: int
    after_id: UUID | None
    with_total: bool


@dataclass(frozen=True, slots=True)
class Patch(Generic[M]):
    """A merge patch (RFC 7396) as the client sent it: what is absent stays, what is null is cleared."""

    document: str


def patch_of(model: M) -> Patch[M]:
    """The patch that this model was read from, without what the client left out."""
    return Patch(model.model_dump_json(exclude_unset=True))
