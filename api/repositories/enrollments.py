"""sql/enrollments: students on courses."""

from uuid import UUID

from api.database.parameters import Actor, Page, Patch
from api.database.pool import Database
from api.database.query import query
from api.database.results import Created, Paged, Versioned
from api.models.enrollments import (
    Enrollment,
    EnrollmentImportResult,
    EnrollmentLine,
    EnrollmentPage,
    EnrollmentPatch,
    NewEnrollment,
)


@query("enrollments/list_enrollments")
async def list_enrollments(
    db: Database, *, actor: Actor, course_id: UUID, state: str | None, page: Page
) -> Paged[EnrollmentPage]: ...


@query("enrollments/list_enrollments_by_student")
async def list_enrollments_by_student(
    db: Database, *, actor: Actor, student_id: UUID, page: Page
) -> Paged[EnrollmentPage]: ...


@query("enrollments/read_enrollment")
async def read_enrollment(
    db: Database, *, actor: Actor, course_id: UUID, student_id: UUID
) -> Versioned[Enrollment]: ...


@query("enrollments/enroll_student")
async def enroll_student(
    db: Database, *, actor: Actor, course_id: UUID, enrollment: NewEnrollment
) -> Created[Enrollment]: ...


@query("enrollments/update_enrollment")
async def update_enrollment(
    db: Database,
    *,
    actor: Actor,
    course_id: UUID,
    student_id: UUID,
    version: int | None,
    patch: Patch[EnrollmentPatch],
) -> Versioned[Enrollment]: ...


@query("enrollments/import_enrollments")
async def import_enrollments(
    db: Database, *, actor: Actor, course_id: UUID, lines: list[EnrollmentLine], dry_run: bool
) -> EnrollmentImportResult | None: ...
