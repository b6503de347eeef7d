"""sql/grades: what attempts at quizzes are worth."""

from uuid import UUID

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.database.results import Versioned
from api.models.grades import Grade, HandedIn, NewGrade


@query("grades/read_grade")
async def read_grade(db: Database, *, actor: Actor, attempt_id: UUID) -> Versioned[Grade]: ...


@query("grades/put_grade")
async def put_grade(
    db: Database, *, actor: Actor, attempt_id: UUID, version: int | None, grade: NewGrade
) -> Versioned[Grade]: ...


@query("grades/submit_overdue_attempts")
async def submit_overdue_attempts(db: Database, *, most: int, skip: int) -> HandedIn: ...
