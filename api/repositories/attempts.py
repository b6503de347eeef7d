"""sql/attempts: students taking quizzes."""

from uuid import UUID

from api.database.parameters import Actor, Page, Patch
from api.database.pool import Database
from api.database.query import query
from api.database.results import Paged, Versioned
from api.models.attempts import Attempt, AttemptPage, AttemptPatch, StartedAttempt, Submission


@query("attempts/list_attempts")
async def list_attempts(
    db: Database, *, actor: Actor, quiz_id: UUID, state: str | None, page: Page
) -> Paged[AttemptPage]: ...


@query("attempts/start_attempt")
async def start_attempt(db: Database, *, actor: Actor, quiz_id: UUID) -> StartedAttempt | None: ...


@query("attempts/read_attempt")
async def read_attempt(db: Database, *, actor: Actor, attempt_id: UUID) -> Versioned[Attempt]: ...


@query("attempts/update_attempt")
async def update_attempt(
    db: Database, *, actor: Actor, attempt_id: UUID, version: int | None, patch: Patch[AttemptPatch]
) -> Versioned[Attempt]: ...


@query("attempts/submit_attempt")
async def submit_attempt(
    db: Database, *, actor: Actor, attempt_id: UUID, submission: Submission
) -> Versioned[Attempt]: ...
