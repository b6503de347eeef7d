"""Regrades: attempts that are graded again, after a key was corrected."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.models.common import Response


class Regrade(Response):
    """That the attempts at a quiz are graded again, and how far that is."""

    id: UUID
    quiz_id: UUID
    state: Literal["queued", "running", "done"]
    attempts_regraded: int = Field(description="How many were graded again so far.")
    scores_changed: int = Field(description="How many of them have another score; their students are told.")
    requested_by: UUID = Field(description="Who asked for it first.")
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedRegrade:
    """A regrade that a worker has taken."""

    regrade_id: UUID
    claims: int
    """The fencing token of the claim."""


@dataclass(frozen=True, slots=True)
class RegradeProgress:
    """How far a regrade is after a batch."""

    state: str
    attempts_regraded: int
    scores_changed: int
