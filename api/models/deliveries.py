"""Deliveries: mails, and how they fare."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.models.common import Response

DeliveryKind = Literal["welcome", "invitation", "dropped", "password_set", "score_changed"]


class Delivery(Response):
    """A mail to somebody, and how it fares."""

    id: UUID
    kind: DeliveryKind
    user_id: UUID = Field(description="Who is written to, at the address that they have when it is sent.")
    course_id: UUID | None = Field(description="The course it is about, if one.")
    state: Literal["queued", "sent", "bounced", "given_up"] = Field(
        description="sent: a mail server took it. bounced: one refused it for good. given_up: 12 attempts failed."
    )
    attempts: int = Field(description="How often it was tried, the attempt under way included.")
    next_attempt_at: datetime | None = Field(description="When it is tried next; null once it is settled.")
    queued_at: datetime
    settled_at: datetime | None = Field(description="When it was sent or given up; null while it is queued.")


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A mail that waits to be taken."""

    delivery_id: UUID


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A mail that a worker has taken, and what goes into it."""

    delivery_id: UUID
    attempts: int
    """The fencing token of the claim."""
    kind: str
    user_id: UUID
    queued_at: datetime
    email: str
    full_name: str
    course_code: str | None
    course_title: str | None
    lecturer_name: str | None
    quiz_title: str | None
    score_before: str | None
    score: str | None
    max_score: str | None
