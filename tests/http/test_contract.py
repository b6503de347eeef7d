"""What PostgreSQL builds is what the models, and through them the OpenAPI document, say."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, get_args, get_type_hints
from uuid import UUID

import httpx
import psycopg
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from pydantic import BaseModel

from api.app import create_app
from api.database.parameters import Actor, Page, patch_of
from api.database.pool import Pool, open_pool
from api.database.queries import load_queries
from api.database.query import BOUND
from api.gift.questions import read_quiz
from api.http.downloads import Download
from api.http.problems import ProblemDetails
from api.http.quiz_files import imported, left_out
from api.models.answer_keys import NewAnswerKey
from api.models.attempts import AttemptPatch, Submission
from api.models.courses import CoursePatch, NewCourse
from api.models.enrollments import EnrollmentPatch, NewEnrollment
from api.models.files import Stored
from api.models.grades import NewGrade
from api.models.materials import CrawledMaterial, MaterialPatch, NewMaterial
from api.models.quizzes import NewQuiz, NewQuizVersion, QuizPatch
from api.models.syllabus_weeks import NewSyllabus, NewSyllabusWeek, NumberedSyllabusWeek
from api.models.terms import NewTerm, TermPatch
from api.models.users import NewUser, SettingsPatch, UserPatch
from tests.conftest import TestDatabase
from tests.http.defects import operations
from tests.http.matrix import LET_IN, LOCKED_OUT, Matrix, Row, read_table, token_hash
from tests.http.support import one
from tests.sql.questions import QUESTIONS, quiz
from tests.support.school import School, token_for
from tests.support.service import settings_for

DOCUMENTS = {
    name: query
    for name, query in load_queries().items()
    if query.kind in {"json", "page", "created", "versioned"}
}

ADMIN = Actor(token_hash(token_for("super_admin")))
LECTURER = Actor(token_hash(token_for("lecturer")))
STUDENT = Actor(token_hash(token_for("student")))
TEXT = read_quiz(b"::One::[html] One? {T}\n\nTwo? {}\n\nA text.\n")
WEEK = {"topic": "Week", "objectives": "Know", "reading": "Chapter"}


def pages(**more: Any) -> list[dict[str, Any]]:
    """A list in each of its forms: with and without a next page, with and without a total, and empty."""
    forms = [
        Page(1, 0, None, with_total=True),
        Page(100, 0, None, with_total=False),
        Page(5, 99, None, with_total=True),
    ]
    return [{"actor": ADMIN, "page": form, **more} for form in forms]


def calls(school: School, empty_term_id: UUID, uploading_file_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Arguments for every query file that gives a document, so that each form of its document appears."""
    own = school.own
    course = {"actor": LECTURER, "course_id": own["course_id"]}
    empty = {"actor": LECTURER, "course_id": own["empty_course_id"], "version": None}
    term = {"actor": ADMIN, "term_id": own["term_id"]}
    student = {"actor": ADMIN, "user_id": own["student_id"]}
    closed = {"actor": ADMIN, "user_id": school.people["closed_student"]}
    enrollment = course | {"student_id": own["student_id"]}
    material = {"actor": LECTURER, "material_id": own["material_id"]}
    uploaded = {"actor": LECTURER, "material_id": own["file_material_id"]}
    asked = {"actor": LECTURER, "quiz_id": own["quiz_id"]}
    unasked = {"actor": LECTURER, "quiz_id": own["draft_quiz_id"]}
    digest = {"language": "de", "notifications": {"digest": "never"}}
    attempt = {"actor": STUDENT, "attempt_id": own["attempt_id"]}
    roles = (None, "student")
    week = NewSyllabusWeek.model_validate(WEEK)
    return {
        "auth/create_session": [
            {
                "token_hash": bytes(32),
                "user_id": own["lecturer_id"],
                "session_hours": 1,
                "session_idle_hours": 1,
            }
        ],
        "auth/read_me": [{"actor": ADMIN}, {"actor": LECTURER}],
        "auth/change_password": [{"actor": LECTURER, "password_hash": "$argon2id$"}],
        "account_tokens/redeem_account_token": [
            {"account_token_hash": bytes(32), "password_hash": "$argon2id$"}
        ],
        "users/list_users": pages(),
        "users/list_users_by_role": pages(role="student"),
        "users/list_users_by_name": [
            call for role in roles for call in pages(name_prefix="other", role=role)
        ],
        "users/list_users_by_email": [
            call for role in roles for call in pages(email_prefix="other", role=role)
        ],
        "users/read_user": [student, closed, {"actor": LECTURER, "user_id": own["lecturer_id"]}],
        "users/create_user": [
            {"actor": ADMIN, "user": NewUser(email="new@school.example", full_name="New", role="student")}
        ],
        "users/update_user": [
            who | {"version": None, "patch": patch_of(UserPatch.model_validate(patch))}
            for who in (student, closed)
            for patch in ({"full_name": "New"}, {"active": False}, {"active": True}, {})
        ],
        "users/set_password": [student | {"password_hash": "$argon2id$"}],
        "users/read_settings": [student],
        "users/update_settings": [
            student | {"version": None, "patch": patch_of(SettingsPatch.model_validate(patch))}
            for patch in (digest, {}, {"theme": "dark"}, {"notifications": None})
        ],
        "enrollments/list_enrollments": [
            call for state in (None, "dropped") for call in pages(course_id=own["course_id"], state=state)
        ],
        "enrollments/list_enrollments_by_student": pages(student_id=own["student_id"]),
        "enrollments/read_enrollment": [enrollment],
        "enrollments/enroll_student": [
            course
            | {
                "enrollment": NewEnrollment(student_id=school.people["newcomer"], email=None, state="invited")
            },
            course | {"enrollment": NewEnrollment(student_id=None, email=school.foreign["email"])},
        ],
        "enrollments/update_enrollment": [
            enrollment | {"version": None, "patch": patch_of(EnrollmentPatch.model_validate(patch))}
            for patch in ({"state": "dropped"}, {}, {"state": "active"})
        ],
        "deliveries/read_delivery": [
            {"actor": actor, "delivery_id": own[name]}
            for actor, name in ((LECTURER, "delivery_id"), (ADMIN, "password_delivery_id"))
        ],
        "audit_events/list_audit_events": pages(),
        "audit_events/list_audit_events_by_user": pages(user_id=own["user_id"]),
        "audit_events/list_audit_events_by_course": pages(course_id=own["course_id"]),
        "audit_events/list_audit_events_by_actor": pages(actor_id=own["actor_id"]),
        "materials/list_materials": pages(course_id=own["course_id"]),
        "materials/list_materials_by_week": pages(course_id=own["course_id"], week_number=1),
        "materials/read_material": [material, uploaded],
        "files/create_file": [course | {"upload_seconds": 60}],
        "files/read_file": [uploaded],
        "materials/create_uploaded_material": [
            {
                "actor": LECTURER,
                "file_id": uploading_file_id,
                "stored": Stored(3, "pdf", "New", "new.pdf", "application/pdf", 1, bytes(32)),
            }
        ],
        "materials/create_material": [
            course
            | {
                "material": NewMaterial(
                    kind="link", title="New", url="https://new.example/", week_number=week, metadata=metadata
                )
            }
            for week, metadata in ((None, {}), (3, {"pages": [1, None, {"a": True}]}))
        ],
        "materials/put_crawled_material": [
            course
            | {
                "material": CrawledMaterial.model_validate_json(
                    '{"kind": "pdf", "title": "New", "url": "https://new.example/", '
                    f'"crawled_at": "2026-01-0{day}T00:00:00+01:00"}}'
                )
            }
            for day in (2, 3, 1)
        ],
        "materials/update_material": [
            material | {"version": None, "patch": patch_of(MaterialPatch.model_validate(patch))}
            for patch in ({"week_number": None}, {"metadata": {"pages": 9}}, {})
        ]
        + [uploaded | {"version": None, "patch": patch_of(MaterialPatch(title="New"))}],
        "materials/delete_material": [each | {"version": None} for each in (material, uploaded)],
        "quizzes/list_quizzes": pages(course_id=own["course_id"]),
        "quizzes/read_quiz": [asked, unasked],
        "quizzes/create_quiz": [
            course | {"quiz": NewQuiz.model_validate_json(document)}
            for document in (
                '{"title": "New"}',
                '{"title": "New", "week_number": 3, "closes_at": "2026-10-01T08:00:00Z", "attempts_allowed": null}',
            )
        ],
        "quizzes/update_quiz": [
            asked | {"version": None, "patch": patch_of(QuizPatch.model_validate(patch))}
            for patch in ({"state": "closed"}, {"week_number": None, "attempts_allowed": None}, {})
        ],
        "quizzes/delete_quiz": [asked | {"version": None}],
        "quizzes/put_questions": [
            each | {"version": None, "asked": NewQuizVersion.model_validate(quiz(*QUESTIONS)._asdict())}
            for each in (asked, unasked)
        ],
        "quizzes/read_questions": [asked, unasked],
        "attempts/list_attempts": [
            call for state in (None, "graded") for call in pages(quiz_id=own["taken_quiz_id"], state=state)
        ],
        "attempts/read_attempt": [
            {"actor": actor, "attempt_id": own[name]}
            for actor, name in (
                (STUDENT, "attempt_id"),
                (LECTURER, "attempt_id"),
                (ADMIN, "graded_attempt_id"),
            )
        ],
        "attempts/update_attempt": [
            attempt | {"version": None, "patch": patch_of(AttemptPatch.model_validate(patch))}
            for patch in ({"answers": {"q1": True}}, {"answers": {"q1": None}}, {})
        ],
        "attempts/submit_attempt": [
            attempt | {"submission": Submission(answers=answers)} for answers in ({"q1": True}, None)
        ],
        "quizzes/import_questions": [
            unasked
            | {
                "asked": NewQuizVersion.model_validate(quiz(*QUESTIONS)._asdict()),
                "imported": imported(TEXT),
                "left_out": left_out(TEXT),
                "dry_run": dry_run,
            }
            for dry_run in (True, False)
        ],
        "performance/list_performance": [
            call
            for course_id in (None, own["course_id"])
            for call in pages(student_id=own["student_id"], course_id=course_id)
        ],
        "dashboards/read_student_dashboard": [
            {"actor": ADMIN, "student_id": own["student_id"]},
            {"actor": ADMIN, "student_id": school.people["alumnus"]},
        ],
        "dashboards/read_course_dashboard": [course],
        "dashboards/list_at_risk": pages(course_id=own["course_id"]),
        "dashboards/list_gradebook": pages(course_id=own["course_id"]),
        "grades/read_grade": [
            {"actor": LECTURER, "attempt_id": own[name]} for name in ("attempt_id", "graded_attempt_id")
        ],
        "grades/put_grade": [
            {
                "actor": LECTURER,
                "attempt_id": own["graded_attempt_id"],
                "version": None,
                "grade": NewGrade.model_validate({"reviews": reviews}),
            }
            for reviews in (
                {"q1": {"points": 0.5, "comment": "Why?"}},
                {"q1": {"points": 2}},
                {"q1": None},
            )
        ],
        "answer_keys/read_answer_key": [asked | {"version_number": 1}],
        "answer_keys/put_answer_key": [
            asked
            | {
                "version_number": 1,
                "version": None,
                "corrected": NewAnswerKey.model_validate(
                    {"key": {"q1": {"type": "true_false", "correct": right}}}
                ),
            }
            for right in (True, False)
        ],
        "regrades/create_regrade": [asked],
        "regrades/read_regrade": [{"actor": LECTURER, "regrade_id": own["regrade_id"]}],
        "courses/list_courses": pages(),
        "courses/list_courses_by_term": pages(term_id=own["term_id"]),
        "courses/list_courses_by_lecturer": pages(lecturer_id=own["lecturer_id"], term_id=None),
        "courses/read_course": [course],
        "courses/read_taught_course": [course],
        "courses/lock_taught_course": [course],
        "courses/create_course": [
            {
                "actor": LECTURER,
                "course": NewCourse(
                    code=f"NEW-{number}",
                    title="New",
                    description=description,
                    term_id=own["term_id"],
                    capacity=1,
                ),
            }
            for number, description in enumerate([None, "About"])
        ],
        "courses/update_course": [
            course | {"version": None, "patch": patch_of(CoursePatch.model_validate(patch))}
            for patch in ({"description": "About"}, {"description": None}, {})
        ],
        "courses/delete_course": [empty],
        "terms/list_terms": pages(),
        "terms/read_term": [term],
        "terms/create_term": [
            {
                "actor": ADMIN,
                "term": NewTerm.model_validate_json(
                    '{"code": "NEW", "title": "New", "starts_on": "2027-01-01", "ends_on": "2027-02-01"}'
                ),
            }
        ],
        "terms/update_term": [term | {"version": None, "patch": patch_of(TermPatch(title="New"))}],
        "terms/delete_term": [{"actor": ADMIN, "term_id": empty_term_id, "version": None}],
        "syllabus_weeks/read_syllabus": [course],
        "syllabus_weeks/put_syllabus": [
            course | {"version": None, "syllabus": NewSyllabus(weeks=weeks)}
            for weeks in ([], [NumberedSyllabusWeek(week_number=9, **WEEK)])
        ],
        "syllabus_weeks/put_syllabus_week": [course | {"version": None, "week_number": 9, "week": week}],
        "syllabus_weeks/delete_syllabus_week": [course | {"version": None, "week_number": 1}],
    }


@pytest.fixture
def arguments(admin: psycopg.Connection[Any], school: School) -> dict[str, list[dict[str, Any]]]:
    """The calls, on a school that has a term without courses, a link to an account and an upload under way, too."""
    admin.execute(
        "insert into lms.account_tokens (token_hash, user_id, expires_at) values (%s, %s, now() + interval '1 hour')",
        (bytes(32), school.people["invited_student"]),
    )
    empty_term_id = one(
        admin,
        "insert into lms.terms (code, title, starts_on, ends_on) "
        "values ('EMPTY', 'Empty', '2027-01-01', '2027-01-02') returning term_id",
    )
    uploading_file_id = one(
        admin,
        "insert into lms.files (course_id, due_at) values (%s, now()) returning file_id",
        (school.own["course_id"],),
    )
    return calls(school, empty_term_id, uploading_file_id)


def send(
    database: TestDatabase, function: Callable[..., Coroutine[Any, Any, Any]], arguments: list[dict[str, Any]]
) -> list[bytes]:
    """The documents that a repository function gives."""

    async def all_of_them() -> list[bytes]:
        pool: Pool = await open_pool(settings_for(database.server, database.name))
        try:
            return [(await function(pool, **call)).document for call in arguments]
        finally:
            await pool.close()

    return asyncio.run(all_of_them())


def test_every_document_has_a_call_here(school: School) -> None:
    assert set(calls(school, school.own["term_id"], school.own["term_id"])) == set(DOCUMENTS)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_what_its_model_says(
    module_database: TestDatabase, arguments: dict[str, list[dict[str, Any]]], name: str
) -> None:
    function = BOUND[name]
    (model,) = get_args(get_type_hints(function)["return"])
    assert model.__name__ == DOCUMENTS[name].model
    documents = send(module_database, function, arguments[name])
    for document in documents:
        validate(model, document)


def validate(model: type[BaseModel], document: bytes) -> None:
    """Strictly: no other type, no field too many, and none left out that always is there."""
    assert model.model_config.get("extra") == "forbid"
    model.model_validate_json(document, strict=True)


# The same through HTTP, and that the status is one the OpenAPI document declares.


@pytest.fixture(scope="module")
def app(module_database: TestDatabase) -> Litestar:
    return create_app(settings_for(module_database.server, module_database.name))


@pytest.fixture(scope="module")
def declared(service: httpx.Client) -> dict[str, frozenset[str]]:
    """The statuses of every operation of the document that clients are given."""
    document = service.get("/schema/openapi.json").json()
    return {operation.route: operation.responses for operation in operations(document)}


def models(app: Litestar) -> Iterator[tuple[str, Any]]:
    """The response model of every route that asks for a token; None for no body, bytes for a file."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS" and not handler.opt.get("public"):
                    answer = handler.parsed_fn_signature.return_type.annotation
                    yield (
                        f"{method} {route.path_format}",
                        bytes if answer is Download else get_args(answer)[0],
                    )


@pytest.mark.parametrize("row", read_table(), ids=str)
def test_every_answer_is_what_the_openapi_document_says(
    matrix: Matrix, app: Litestar, declared: dict[str, frozenset[str]], row: Row
) -> None:
    model = dict(models(app))[row.route]
    # Of those who are answered alike, one.
    different = {row.cells[principal]: principal for principal in LET_IN}
    for principal in (LOCKED_OUT[0], *different.values()):
        for whose in row.whose:
            answer = matrix.ask(row, principal, whose)
            assert str(answer.status_code) in declared[row.route]
            if answer.status_code == 204:
                assert answer.content == b""
            elif answer.is_success and model is bytes:
                assert answer.headers["content-type"].startswith("text/plain")
            elif answer.is_success:
                assert answer.headers["content-type"] == "application/json"
                validate(model, answer.content)
            else:
                assert answer.headers["content-type"] == "application/problem+json"
                ProblemDetails.model_validate_json(answer.content, strict=True)
        matrix.tables.restore()
