"""sql/courses: the central entity, taught by one lecturer in one term."""

from uuid import UUID

from api.database.parameters import Actor, Page, Patch
from api.database.pool import Database
from api.database.query import query
from api.database.results import Created, Json, Paged, Versioned
from api.models.common import Deleted
from api.models.courses import Course, CourseKey, CoursePage, CoursePatch, NewCourse


@query("courses/list_courses")
async def list_courses(db: Database, *, actor: Actor, page: Page) -> Paged[CoursePage]: ...


@query("courses/list_courses_by_term")
async def list_courses_by_term(
    db: Database, *, actor: Actor, term_id: UUID, page: Page
) -> Paged[CoursePage]: ...


@query("courses/list_courses_by_lecturer")
async def list_courses_by_lecturer(
    db: Database, *, actor: Actor, lecturer_id: UUID, term_id: UUID | None, page: Page
) -> Paged[CoursePage]: ...


@query("courses/read_course")
async def read_course(db: Database, *, actor: Actor, course_id: UUID) -> Versioned[Course]: ...


@query("courses/read_taught_course")
async def read_taught_course(db: Database, *, actor: Actor, course_id: UUID) -> Json[CourseKey]: ...


@query("courses/lock_taught_course")
async def lock_taught_course(db: Database, *, actor: Actor, course_id: UUID) -> Json[CourseKey]: ...


@query("courses/create_course")
async def create_course(db: Database, *, actor: Actor, course: NewCourse) -> Created[Course]: ...


@query("courses/update_course")
async def update_course(
    db: Database, *, actor: Actor, course_id: UUID, version: int | None, patch: Patch[CoursePatch]
) -> Versioned[Course]: ...


@query("courses/delete_course")
async def delete_course(
    db: Database, *, actor: Actor, course_id: UUID, version: int | None
) -> Versioned[Deleted]: ...
