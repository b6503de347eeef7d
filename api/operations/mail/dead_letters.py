"""Mails from the command line: how they fare, and another try for those that came to nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from psycopg.types.json import Jsonb

from api.operations.statements import rows
from api.operations.targets import connect

_SQL: Final = Path(__file__).resolve().parent.parent / "sql"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, and how it fares."""

    delivery_id: UUID
    kind: str
    email: str
    """Where it would go now."""
    state: str
    attempts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    """When it is due, or its lease ends; None once it is settled."""
    reply: str | None


@dataclass(frozen=True, slots=True)
class RetriedMail:
    """A mail that is queued again."""

    delivery_id: UUID


def list_mails(url: str, *, state: str | None, limit: int) -> list[Mail]:
    """The latest mails, all or those in a state.

    Raises:
        psycopg.Error: no connection, no privilege, no schema.
    """
    with connect(url) as connection:
        return rows(connection, _SQL, "mail/list_mails", Mail, state, limit)


def retry_mails(url: str, ids: Iterable[UUID] | None) -> set[UUID]:
    """Queue dead mails again, those of these ids or all of them; returns which were.

    Raises:
        psycopg.Error: no connection, no privilege, no schema.
    """
    wanted = None if ids is None else Jsonb([str(each) for each in ids])
    with connect(url) as connection:
        return {each.delivery_id for each in rows(connection, _SQL, "mail/retry_mails", RetriedMail, wanted)}
