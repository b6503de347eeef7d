"""sql/quizzes: how and when quizzes are taken, their questions and keys."""

from uuid import UUID

from api.database.parameters import Actor, Page, Patch
from api.database.pool import Database
from api.database.query import query
from api.database.results import Created, Paged, Versioned
from api.models.common import Deleted
from api.models.quizzes import (
    ImportedQuestion,
    LeftOutQuestion,
    NewQuiz,
    NewQuizVersion,
    Quiz,
    QuizImport,
    QuizPage,
    QuizPatch,
    QuizQuestions,
    SavedQuestions,
)


@query("quizzes/list_quizzes")
async def list_quizzes(db: Database, *, actor: Actor, course_id: UUID, page: Page) -> Paged[QuizPage]: ...


@query("quizzes/create_quiz")
async def create_quiz(db: Database, *, actor: Actor, course_id: UUID, quiz: NewQuiz) -> Created[Quiz]: ...


@query("quizzes/read_quiz")
async def read_quiz(db: Database, *, actor: Actor, quiz_id: UUID) -> Versioned[Quiz]: ...


@query("quizzes/update_quiz")
async def update_quiz(
    db: Database, *, actor: Actor, quiz_id: UUID, version: int | None, patch: Patch[QuizPatch]
) -> Versioned[Quiz]: ...


@query("quizzes/delete_quiz")
async def delete_quiz(
    db: Database, *, actor: Actor, quiz_id: UUID, version: int | None
) -> Versioned[Deleted]: ...


@query("quizzes/read_questions")
async def read_questions(db: Database, *, actor: Actor, quiz_id: UUID) -> Versioned[QuizQuestions]: ...


@query("quizzes/put_questions")
async def put_questions(
    db: Database, *, actor: Actor, quiz_id: UUID, version: int | None, asked: NewQuizVersion
) -> Versioned[SavedQuestions]: ...


@query("quizzes/import_questions")
async def import_questions(
    db: Database,
    *,
    actor: Actor,
    quiz_id: UUID,
    asked: NewQuizVersion,
    imported: list[ImportedQuestion],
    left_out: list[LeftOutQuestion],
    dry_run: bool,
) -> Versioned[QuizImport]: ...
