"""sql/syllabus_weeks: the syllabus of a course, week by week."""

from uuid import UUID

from api.database.parameters import Actor
from api.database.pool import Database
from api.database.query import query
from api.database.results import Versioned
from api.models.syllabus_weeks import NewSyllabus, NewSyllabusWeek, Syllabus


@query("syllabus_weeks/read_syllabus")
async def read_syllabus(db: Database, *, actor: Actor, course_id: UUID) -> Versioned[Syllabus]: ...


@query("syllabus_weeks/put_syllabus")
async def put_syllabus(
    db: Database, *, actor: Actor, course_id: UUID, version: int | None, syllabus: NewSyllabus
) -> Versioned[Syllabus]: ...


@query("syllabus_weeks/put_syllabus_week")
async def put_syllabus_week(
    db: Database,
    *,
    actor: Actor,
    course_id: UUID,
    version: int | None,
    week_number: int,
    week: NewSyllabusWeek,
) -> Versioned[Syllabus]: ...


@query("syllabus_weeks/delete_syllabus_week")
async def delete_syllabus_week(
    db: Database, *, actor: Actor, course_id: UUID, version: int | None, week_number: int
) -> Versioned[Syllabus]: ...
