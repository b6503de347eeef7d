"""sql/answer_keys: what is right, by version of a quiz."""

from uuid import UUID

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.database.results import Versioned
from api.models.answer_keys import AnswerKey, NewAnswerKey


@query("answer_keys/read_answer_key")
async def read_answer_key(
    db: Database, *, actor: Actor, quiz_id: UUID, version_number: int
) -> Versioned[AnswerKey]: ...


@query("answer_keys/put_answer_key")
async def put_answer_key(
    db: Database,
    *,
    actor: Actor,
    quiz_id: UUID,
    version_number: int,
    version: int | None,
    corrected: NewAnswerKey,
) -> Versioned[AnswerKey]: ...
