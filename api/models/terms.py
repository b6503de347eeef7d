"""Terms: the spans of time that courses are given in."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from api.models.common import ABSENT, Code, PageOf, Request, Response, Title


class NewTerm(Request):
    """A term to be made."""

    code: Code
    title: Title
    starts_on: date = Field(description="First day.")
    ends_on: date = Field(description="Last day, included.")


class TermPatch(Request):
    """What to change about a term; what is left out stays."""

    code: Code = ABSENT
    title: Title = ABSENT
    starts_on: date = ABSENT
    ends_on: date = ABSENT


class Term(Response):
    """A term."""

    id: UUID
    code: str
    title: str
    starts_on: date
    ends_on: date
    archived_at: datetime | None = Field(description="When it went to the archive.")
    version: int = Field(description="Counts the edits; the first part of the ETag.")
    created_at: datetime
    updated_at: datetime


class TermPage(PageOf):
    """A page of terms, oldest entry first."""

    items: list[Term]
