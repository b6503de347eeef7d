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
    attempts_failed: int = Field(
        description="How many could not be graded and, once it is done, keep the scores that they have."
    )
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

    step: str
    """What comes next: on, again (after a wait, what was left behind), or done."""
    attempts_regraded: int
    scores_changed: int
    attempts_failed: int
    """How many this round left behind."""
