"""Audit events: who changed what about whom."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.models.common import PageOf, Response


class Change(Response):
    """A value before and after."""

    from_: Any = Field(alias="from")
    to: Any


class AuditEvent(Response):
    """One change to an account, an enrolment, a quiz, an attempt, a grade or a key, or the request of a regrade."""

    id: UUID
    occurred_at: datetime
    actor_id: UUID | None = Field(
        description="Who did it; null for the command line, and for the worker, where nobody asked it to."
    )
    action: str = Field(examples=["enrollments.update"])
    user_id: UUID | None = Field(description="Whom it concerns.")
    course_id: UUID | None = Field(description="Which course it concerns, if one.")
    changes: dict[str, Change | Literal[True]] = Field(
        description="By field; just true for a field whose values say who somebody is."
    )


class AuditEventPage(PageOf):
    """A page of events, the latest first."""

    items: list[AuditEvent]
