"""Every rule that a query file says it can break is broken once, and answered as its sentence says."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psycopg
import pytest
from pydantic import BaseModel

from api.database.answers import Answer, parse_answer
from api.database.parameters import Actor, Patch
from api.database.pool import open_pool
from api.database.queries import load_queries
from api.database.query import BOUND
from api.http.problems import problem_of
from api.http.service import read_catalogue
from api.models.enrollments import EnrollmentLine
from api.models.files import Stored
from api.models.grades import NewReview
from tests.conftest import TestDatabase
from tests.http.matrix import NO_ID, TEXT_TYPES, body_of, token_hash
from tests.http.support import Client, blamed, one, refusal
from tests.http.tables import Tables
from tests.http.test_contract import calls
from tests.sql.questions import BAD, quiz
from tests.support.school import School, address_of, token_for
from tests.support.service import settings_for

pytestmark = pytest.mark.usefixtures("restored")

RULES = {
    f"{query.name} {rule}": answer
    for query in load_queries().values()
    for rule, answer in query.fails.items()
}
"""The answer of each `fails` line, where it has one of its own."""

Step = tuple[str, str, dict[str, Any]]
"""Who asks, for which route, and what is changed about the body that it would take."""

LATER = "9998-01-01T00:00:00Z"
LARGE = {"metadata": {"text": "x" * 17_000}}

BY_REQUEST: dict[str, list[Step]] = {
    "courses/lock_taught_course courses_state_open": [
        ("lecturer", "PATCH /courses/{course_id}", {"state": "closed"}),
        ("lecturer", "POST /courses/{course_id}/enrollments/import", {}),
    ],
    "terms/create_term terms_code_uq": [("super_admin", "POST /terms", {"code": "2026-AUTUMN"})],
    "terms/create_term terms_dates_ck": [("super_admin", "POST /terms", {"ends_on": "2027-01-31"})],
    "terms/update_term terms_code_uq": [
        ("super_admin", "POST /terms", {}),
        ("super_admin", "PATCH /terms/{term_id}", {"code": "2027-SPRING"}),
    ],
    "terms/update_term terms_dates_ck": [
        ("super_admin", "PATCH /terms/{term_id}", {"ends_on": "2026-08-31"})
    ],
    "terms/delete_term courses_term_id_fk": [("super_admin", "DELETE /terms/{term_id}", {})],
    "courses/create_course courses_code_uq": [("lecturer", "POST /courses", {"code": "COURSE-LECTURER"})],
    "courses/create_course courses_term_id_fk": [("lecturer", "POST /courses", {"term_id": str(NO_ID)})],
    "courses/create_course courses_lecturer_id_fk": [
        ("super_admin", "POST /courses", {"lecturer_id": "@student"})
    ],
    "courses/create_course courses_lecturer_id_assign": [
        ("lecturer", "POST /courses", {"lecturer_id": "@other_lecturer"})
    ],
    "courses/update_course courses_code_uq": [
        ("lecturer", "PATCH /courses/{course_id}", {"code": "COURSE-OTHER_LECTURER"})
    ],
    "courses/update_course courses_term_id_fk": [
        ("lecturer", "PATCH /courses/{course_id}", {"term_id": str(NO_ID)})
    ],
    "courses/update_course courses_lecturer_id_fk": [
        ("super_admin", "PATCH /courses/{course_id}", {"lecturer_id": "@super_admin"})
    ],
    "courses/update_course courses_lecturer_id_assign": [
        ("lecturer", "PATCH /courses/{course_id}", {"lecturer_id": "@other_lecturer"})
    ],
    "courses/update_course courses_seats_ck": [("lecturer", "PATCH /courses/{course_id}", {"capacity": 3})],
    "courses/delete_course student_enrollments_course_id_fk": [
        ("lecturer", "DELETE /courses/{course_id}", {})
    ],
    "users/create_user users_email_uq": [("super_admin", "POST /users", {"email": "STUDENT@school.example"})],
    "users/update_user users_email_uq": [
        ("super_admin", "PATCH /users/{user_id}", {"email": address_of("lecturer")})
    ],
    "users/update_user users_email_assign": [
        ("student", "PATCH /users/{user_id}", {"email": "new@school.example"})
    ],
    "users/update_user users_role_assign": [("student", "PATCH /users/{user_id}", {"role": "lecturer"})],
    "users/update_user users_role_own": [
        ("super_admin", "PATCH /users/{@super_admin}", {"role": "lecturer"})
    ],
    "users/update_user users_active_assign": [("student", "PATCH /users/{user_id}", {"active": False})],
    "users/update_user users_active_own": [("super_admin", "PATCH /users/{@super_admin}", {"active": False})],
    "users/update_user courses_lecturer_id_fk": [
        ("super_admin", "PATCH /users/{@lecturer}", {"role": "student"})
    ],
    "users/update_user student_enrollments_student_id_fk": [
        ("super_admin", "PATCH /users/{@dropped_student}", {"role": "lecturer"})
    ],
    "users/set_password users_password_own": [("super_admin", "PUT /users/{@super_admin}/password", {})],
    "enrollments/enroll_student student_enrollments_pk": [
        ("lecturer", "POST /courses/{course_id}/enrollments", {"student_id": "@dropped_student"})
    ],
    "enrollments/enroll_student student_enrollments_student_id_known": [
        ("lecturer", "POST /courses/{course_id}/enrollments", {"student_id": "@other_lecturer"})
    ],
    "enrollments/enroll_student student_enrollments_email_known": [
        (
            "lecturer",
            "POST /courses/{course_id}/enrollments",
            {"student_id": None, "email": address_of("closed_student")},
        )
    ],
    "enrollments/enroll_student courses_seats_ck": [
        ("lecturer", "PATCH /courses/{course_id}", {"capacity": 4}),
        ("lecturer", "POST /courses/{course_id}/enrollments", {}),
    ],
    "enrollments/enroll_student courses_state_open": [
        ("lecturer", "PATCH /courses/{course_id}", {"state": "closed"}),
        ("lecturer", "POST /courses/{course_id}/enrollments", {}),
    ],
    "enrollments/update_enrollment student_enrollments_state_step": [
        ("lecturer", "PATCH /courses/{course_id}/enrollments/{student_id}", {"state": "invited"})
    ],
    "enrollments/update_enrollment student_enrollments_state_own": [
        ("student", "PATCH /courses/{course_id}/enrollments/{student_id}", {"state": "completed"})
    ],
    "enrollments/update_enrollment courses_seats_ck": [
        ("lecturer", "PATCH /courses/{course_id}", {"capacity": 4}),
        ("lecturer", "PATCH /courses/{course_id}/enrollments/{@dropped_student}", {"state": "active"}),
    ],
    "materials/create_material materials_metadata_ck": [
        ("lecturer", "POST /courses/{course_id}/materials", LARGE)
    ],
    "materials/put_crawled_material materials_metadata_ck": [
        ("lecturer", "PUT /courses/{course_id}/materials/crawled", LARGE)
    ],
    "materials/put_crawled_material materials_crawled_at_past": [
        ("lecturer", "PUT /courses/{course_id}/materials/crawled", {"crawled_at": LATER})
    ],
    "materials/update_material materials_metadata_ck": [
        ("lecturer", "PATCH /materials/{material_id}", LARGE)
    ],
    "materials/update_material materials_course_id_url_uq": [
        ("lecturer", "PUT /courses/{course_id}/materials/crawled", {}),
        ("lecturer", "PUT /courses/{course_id}/materials/crawled", {"url": "https://other.example/"}),
        ("lecturer", "PATCH {made}", {"url": "https://new.example/"}),
    ],
    "materials/update_material materials_source_ck": [
        ("lecturer", "PATCH /materials/{file_material_id}", {"url": "https://new.example/"})
    ],
    "grades/put_grade quiz_attempts_handed_in": [
        ("lecturer", "PUT /attempts/{attempt_id}/grade", {"reviews": {"q1": None}})
    ],
    "quizzes/create_quiz quizzes_window_ck": [
        ("lecturer", "POST /courses/{course_id}/quizzes", {"closes_at": "2026-10-01T08:00:00Z"})
    ],
    "quizzes/update_quiz quizzes_window_ck": [
        ("lecturer", "PATCH /quizzes/{quiz_id}", {"opens_at": LATER}),
        ("lecturer", "PATCH /quizzes/{quiz_id}", {"closes_at": "2026-10-01T08:00:00Z"}),
    ],
    "quizzes/update_quiz quizzes_current_version_ck": [
        ("lecturer", "PATCH /quizzes/{draft_quiz_id}", {"state": "published"})
    ],
    "quizzes/update_quiz quizzes_state_taken": [
        ("lecturer", "PATCH /quizzes/{taken_quiz_id}", {"state": "draft"})
    ],
    "attempts/start_attempt quiz_attempts_enrollment_active": [
        ("lecturer", "PATCH /courses/{course_id}/enrollments/{student_id}", {"state": "completed"}),
        ("student", "POST /quizzes/{quiz_id}/attempts", {}),
    ],
    "attempts/start_attempt quiz_attempts_course_closed": [
        ("lecturer", "PATCH /courses/{course_id}", {"state": "closed"}),
        ("student", "POST /quizzes/{quiz_id}/attempts", {}),
    ],
    "attempts/start_attempt quiz_attempts_quiz_open": [
        ("lecturer", "PATCH /quizzes/{quiz_id}", {"opens_at": LATER}),
        ("student", "POST /quizzes/{quiz_id}/attempts", {}),
    ],
    "attempts/start_attempt quiz_attempts_quiz_closed": [
        ("lecturer", "PATCH /quizzes/{quiz_id}", {"state": "closed"}),
        ("student", "POST /quizzes/{quiz_id}/attempts", {}),
    ],
    "attempts/start_attempt quiz_attempts_allowed": [
        ("classmate", "POST /quizzes/{taken_quiz_id}/attempts", {})
    ],
    "attempts/update_attempt quiz_attempts_in_progress": [
        ("classmate", "PATCH /attempts/{graded_attempt_id}", {"answers": {"q1": True}})
    ],
    "materials/update_material materials_kind_file": [
        ("lecturer", "PATCH /materials/{file_material_id}", {"kind": "pdf"})
    ],
}
"""Rules that a well-formed request can break: the requests, of which the last is refused."""

_TEXT = "x" * 10_001

LINE = EnrollmentLine(line=2, email="new@school.example", full_name="New", state="invited")

LONG_QUESTIONS = quiz(*["essay"] * 60)
for question in LONG_QUESTIONS.questions:
    question["prompt"] = "x" * 5_000
LONG_KEY = quiz(*["essay"] * 60)
for entry in LONG_KEY.key.values():
    entry["explanation"] = "x" * 5_000

_POLICY = {"score": "highest", "mastered": 0.5, "developing": 0.8}

BY_STATEMENT: dict[str, dict[str, Any]] = {
    "grades/put_grade quiz_reviews_form": {"reviews": []},
    "grades/put_grade quiz_reviews_points": {"reviews": {"q1": NewReview(points=2.01)}},
    "grades/put_grade quiz_reviews_unknown_question": {"reviews": {"q2": None}},
    **{
        f"answer_keys/put_answer_key {rule}": {"key": key}
        for rule, key in {
            "quiz_key_form": {"q1": {"type": "true_false"}},
            "quiz_key_missing": {},
            "quiz_key_unknown_question": {
                "q1": {"type": "true_false", "correct": True},
                "q2": {"type": "essay"},
            },
        }.items()
    },
    "quizzes/create_quiz quizzes_week_number_ck": {"week_number": 54},
    "quizzes/create_quiz quizzes_title_ck": {"title": ""},
    "quizzes/create_quiz quizzes_time_limit_seconds_ck": {"time_limit_seconds": 9},
    "quizzes/create_quiz quizzes_attempts_allowed_ck": {"attempts_allowed": 101},
    "quizzes/create_quiz quizzes_score_policy_ck": {"score_policy": "lowest"},
    "quizzes/create_quiz quizzes_feedback_policy_ck": {"feedback_policy": "always"},
    "quizzes/update_quiz quizzes_week_number_ck": {"week_number": 0},
    "quizzes/update_quiz quizzes_title_ck": {"title": " Quiz"},
    "quizzes/update_quiz quizzes_state_ck": {"state": "open"},
    "quizzes/update_quiz quizzes_time_limit_seconds_ck": {"time_limit_seconds": 604_801},
    "quizzes/update_quiz quizzes_attempts_allowed_ck": {"attempts_allowed": 0},
    "quizzes/update_quiz quizzes_score_policy_ck": {"score_policy": "lowest"},
    "quizzes/update_quiz quizzes_feedback_policy_ck": {"feedback_policy": "always"},
    **{
        f"quizzes/{statement} {rule}": BAD[name]._asdict()
        for statement in ("put_questions", "import_questions")
        for rule, name in {
            "quiz_questions_form": "a blank prompt",
            "quiz_questions_points": "0 points",
            "quiz_questions_twice": "two options with one id",
            "quiz_key_form": "two right answers in a single choice",
            "quiz_key_missing": "a key without the question",
            "quiz_key_range": "a negative tolerance",
            "quiz_key_twice": "one of several twice",
            "quiz_key_unknown_option": "an unknown option",
            "quiz_key_unknown_question": "a key for an unknown question",
        }.items()
    },
    **{
        f"quizzes/{statement} {rule}": long._asdict()
        for statement in ("put_questions", "import_questions")
        for rule, long in {
            "quiz_versions_size_ck": LONG_QUESTIONS,
            "quiz_answer_keys_key_ck": LONG_KEY,
        }.items()
    },
    "attempts/update_attempt quiz_answers_form": {"answers": {"q1": "true"}},
    "attempts/update_attempt quiz_answers_unknown_question": {"answers": {"q2": True}},
    "attempts/submit_attempt quiz_answers_form": {"answers": {"q1": 1}},
    "attempts/submit_attempt quiz_answers_unknown_question": {"answers": {"q2": True}},
    "terms/create_term terms_code_ck": {"code": "lower case"},
    "terms/create_term terms_title_ck": {"title": " Term"},
    "terms/update_term terms_code_ck": {"code": "lower case"},
    "terms/update_term terms_title_ck": {"title": ""},
    "courses/create_course courses_code_ck": {"code": "lower case"},
    "courses/create_course courses_title_ck": {"title": "Course "},
    "courses/create_course courses_description_ck": {"description": _TEXT},
    "courses/create_course courses_capacity_ck": {"capacity": 0},
    "courses/create_course courses_state_ck": {"state": "open"},
    "courses/create_course courses_mastery_policy_ck": {"mastery_policy": _POLICY},
    "courses/update_course courses_code_ck": {"code": "lower case"},
    "courses/update_course courses_title_ck": {"title": ""},
    "courses/update_course courses_description_ck": {"description": _TEXT},
    "courses/update_course courses_capacity_ck": {"capacity": 100_001},
    "courses/update_course courses_state_ck": {"state": "open"},
    "courses/update_course courses_mastery_policy_ck": {"mastery_policy": _POLICY},
    "syllabus_weeks/put_syllabus syllabus_weeks_week_number_ck": {
        "weeks": [{"week_number": 54, "topic": "A"}]
    },
    "syllabus_weeks/put_syllabus syllabus_weeks_topic_ck": {"weeks": [{"week_number": 1, "topic": ""}]},
    "syllabus_weeks/put_syllabus syllabus_weeks_objectives_ck": {
        "weeks": [{"week_number": 1, "topic": "A", "objectives": _TEXT}]
    },
    "syllabus_weeks/put_syllabus syllabus_weeks_reading_ck": {
        "weeks": [{"week_number": 1, "topic": "A", "reading": _TEXT}]
    },
    "syllabus_weeks/put_syllabus_week syllabus_weeks_week_number_ck": {"week_number": 54},
    "syllabus_weeks/put_syllabus_week syllabus_weeks_topic_ck": {"topic": ""},
    "syllabus_weeks/put_syllabus_week syllabus_weeks_objectives_ck": {"objectives": _TEXT},
    "syllabus_weeks/put_syllabus_week syllabus_weeks_reading_ck": {"reading": _TEXT},
    "users/create_user users_email_ck": {"email": "NEW@school.example"},
    "users/create_user users_full_name_ck": {"full_name": "New "},
    "users/create_user users_role_ck": {"role": "teacher"},
    "users/update_user users_email_ck": {"email": "no address"},
    "users/update_user users_full_name_ck": {"full_name": "x" * 201},
    "users/update_user users_role_ck": {"role": "teacher"},
    "users/update_settings users_settings_ck": {"language": "x" * 17_000},
    "users/set_password users_password_hash_ck": {"password_hash": "the password itself"},
    "auth/change_password users_password_hash_ck": {"password_hash": "the password itself"},
    "account_tokens/redeem_account_token users_password_hash_ck": {"password_hash": "the password itself"},
    "enrollments/import_enrollments users_email_ck": {
        "lines": [LINE.model_copy(update={"email": "NEW@a.example"})]
    },
    "enrollments/import_enrollments users_full_name_ck": {
        "lines": [LINE.model_copy(update={"full_name": "New "})]
    },
    "auth/create_session sessions_pk": {"token_hash": token_hash(token_for("lecturer"))},
    "enrollments/enroll_student student_enrollments_state_ck": {"state": "waiting"},
    "materials/create_material materials_week_number_ck": {"week_number": 54},
    "materials/create_material materials_kind_ck": {"kind": "audio"},
    "materials/create_material materials_title_ck": {"title": ""},
    "materials/create_material materials_url_ck": {"url": "ftp://new.example/"},
    "materials/put_crawled_material materials_week_number_ck": {"week_number": 0},
    "materials/put_crawled_material materials_kind_ck": {"kind": "audio"},
    "materials/put_crawled_material materials_title_ck": {"title": " New"},
    "materials/put_crawled_material materials_url_ck": {"url": "https://new.example/\u00e9"},
    "materials/update_material materials_week_number_ck": {"week_number": 54},
    "materials/update_material materials_kind_ck": {"kind": "audio"},
    "materials/update_material materials_title_ck": {"title": "x" * 301},
    "materials/update_material materials_url_ck": {"url": "javascript:alert(1)"},
    "materials/create_uploaded_material materials_week_number_ck": {"week_number": 54},
    "materials/create_uploaded_material materials_title_ck": {"title": ""},
    "materials/create_uploaded_material materials_kind_file": {"kind": "video"},
    "materials/create_uploaded_material files_stored_ck": {"name": None},
    "materials/create_uploaded_material files_name_ck": {"name": "a/new.pdf"},
    "materials/create_uploaded_material files_media_type_ck": {"media_type": "text/html"},
    "materials/create_uploaded_material files_byte_size_ck": {"byte_size": 0},
    "materials/create_uploaded_material files_sha256_ck": {"sha256": bytes(31)},
}
"""Rules that no request comes to break, because the models refuse it first: what the statement is given instead."""

_MEANWHILE = "somebody else does it at that moment: see tests/http/test_imports.py"

_TAKEN = "in tests/http/test_attempts.py, "

NOT_TRIED = {
    "attempts/start_attempt quiz_attempts_in_progress_uq": _TAKEN + "by many who start at once",
    "attempts/start_attempt quiz_attempts_attempt_number_uq": _TAKEN + "likewise",
    "attempts/update_attempt quiz_answers_unknown_stem": _TAKEN + "with a matching question",
    "attempts/submit_attempt quiz_answers_unknown_stem": _TAKEN + "likewise",
    "attempts/update_attempt quiz_attempts_due_at_past": _TAKEN + "when the time is over",
    "attempts/update_attempt quiz_attempts_answers_ck": _TAKEN + "with long essays",
    "attempts/submit_attempt quiz_attempts_answers_ck": "a request is not as long: 413",
    **{
        f"answer_keys/put_answer_key {rule}": "in tests/http/test_grades.py, with a key of its type"
        for rule in ("quiz_key_range", "quiz_key_twice", "quiz_key_unknown_option")
    },
    "answer_keys/put_answer_key quiz_answer_keys_key_ck": "likewise",
    "grades/put_grade quiz_attempts_reviews_ck": "likewise",
    "quizzes/delete_quiz quiz_attempts_quiz_version_fk": "in tests/http/test_quizzes.py, with an attempt",
    "enrollments/import_enrollments users_email_uq": _MEANWHILE,
    "enrollments/import_enrollments student_enrollments_student_id_fk": _MEANWHILE,
    "deliveries/settle_delivery email_outbox_state_ck": "a worker says sent or bounced",
    "deliveries/settle_delivery email_outbox_settled_at_ck": "likewise, and never queued",
    "idempotency_keys/claim_idempotency_key idempotency_keys_user_id_fk": "nobody deletes a user",
    "idempotency_keys/save_idempotency_key idempotency_keys_status_ck": "only successes are saved",
    "materials/create_uploaded_material files_due_at_past": "in tests/operations/test_sweep_files.py, with a sweep",
}
"""Rules that nothing breaks, and why."""


def test_every_rule_is_broken_here() -> None:
    assert {*BY_REQUEST, *BY_STATEMENT, *NOT_TRIED} == set(RULES)
    assert len(BY_REQUEST) + len(BY_STATEMENT) + len(NOT_TRIED) == len(RULES)


def expected(admin: psycopg.Connection[Any], name: str) -> Answer:
    """The sentence of the query file, or else that of the rule itself."""
    answer = RULES[name]
    if answer is not None:
        return answer
    comment = one(
        admin,
        "select coalesce(obj_description(oid, 'pg_constraint'), obj_description(conindid, 'pg_class')) "
        "from pg_catalog.pg_constraint where conname = %(rule)s "
        "union all select obj_description(oid, 'pg_class') from pg_catalog.pg_class "
        "where relname = %(rule)s and not exists (select from pg_catalog.pg_constraint where conname = %(rule)s)",
        {"rule": name.partition(" ")[2]},
    )
    return parse_answer(comment)


@dataclass
class Requests:
    """Sends the requests of a table, one after the other."""

    service: httpx.Client
    school: School
    made: str = ""
    """Where the one before is to be found."""

    def send(self, who: str, route: str, changes: dict[str, Any]) -> httpx.Response:
        client = Client(self.service, self.school, who)
        method, address = route.split()
        people = {f"@{name}": user_id for name, user_id in self.school.people.items()}
        if isinstance(file := body_of(route, self.school), str):
            headers = client.headers | {"Content-Type": TEXT_TYPES[route]}
            return self.service.request(
                method, address.format(**self.school.own), content=file, headers=headers
            )
        body = (
            {}
            if method == "PATCH"
            else (body_of(route.replace("@super_admin", "user_id"), self.school) or {})
        )
        document = {
            name: str(people.get(value, value)) if isinstance(value, str) else value
            for name, value in (body | changes).items()
            if value is not None
        }
        places = {**people, **self.school.own, "made": self.made}
        answer = client.send(
            method,
            address.format(**places),
            None if method == "DELETE" else document,
            {} if method == "POST" else {"If-Match": "*"},
        )
        self.made = answer.headers.get("content-location", answer.headers.get("location", ""))
        return answer


@pytest.mark.parametrize("name", BY_REQUEST)
def test_a_request_that_breaks_a_rule_is_told_so_and_changes_nothing(
    service: httpx.Client, school: School, admin: psycopg.Connection[Any], tables: Tables, name: str
) -> None:
    requests = Requests(service, school)
    *before, last = BY_REQUEST[name]
    for step in before:
        assert requests.send(*step).is_success
    rows = tables.rows()
    answer = requests.send(*last)
    rule = expected(admin, name)
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["detail"]) == (
        rule.status,
        f"urn:lms:problem:{name.partition(' ')[2]}",
        rule.sentence,
    )
    assert blamed(answer) == ([rule.pointer] if rule.pointer else [])
    assert tables.rows() == rows


def spoilt(arguments: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a query with other values in them, unseen by any model."""

    def spoil(name: str, value: Any) -> Any:
        if isinstance(value, Patch):
            return Patch(json.dumps(changes))
        if isinstance(value, BaseModel):
            return value.model_copy(update=changes)
        if isinstance(value, Stored):
            return replace(value, **changes)
        return changes.get(name, value)

    return {name: spoil(name, value) for name, value in arguments.items()}


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("name", BY_STATEMENT)
def test_a_value_that_the_models_keep_out_is_refused_by_the_database_too(
    school: School,
    admin: psycopg.Connection[Any],
    tables: Tables,
    module_database: TestDatabase,
    name: str,
) -> None:
    query, _, rule = name.partition(" ")
    admin.execute(
        "insert into lms.account_tokens (token_hash, user_id, expires_at) values (%s, %s, now() + interval '1 hour')",
        (bytes(32), school.people["invited_student"]),
    )
    file_id = one(
        admin,
        "insert into lms.files (course_id, due_at) values (%s, now()) returning file_id",
        (school.own["course_id"],),
    )
    importing = {
        "actor": Actor(token_hash(token_for("lecturer"))),
        "course_id": school.own["course_id"],
        "lines": [LINE],
        "dry_run": False,
    }
    known = calls(school, school.own["term_id"], file_id) | {"enrollments/import_enrollments": [importing]}
    arguments = spoilt(known[query][0], BY_STATEMENT[name])
    rows = tables.rows()

    async def send() -> Any:
        pool = await open_pool(settings_for(module_database.server, module_database.name))
        try:
            await BOUND[query](pool, **arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is has to have this answer
            return problem_of(error, await read_catalogue(pool), {})
        finally:
            await pool.close()

    problem = asyncio.run(send())
    answer = expected(admin, name)
    assert (problem.status, problem.name, problem.detail) == (answer.status, rule, answer.sentence)
    pointers = [found["pointer"] for found in problem.errors]
    assert len(pointers) == (answer.pointer is not None)
    # What a function found in a document, it names more closely.
    assert all(found == answer.pointer or found.startswith(f"{answer.pointer}/") for found in pointers)
    assert tables.rows() == rows


def test_a_student_is_named_by_id_or_by_address(lecturer: Client, course: str, school: School) -> None:
    both = {"student_id": str(school.people["newcomer"]), "email": address_of("newcomer")}
    for document in ({}, {"state": "invited"}, both, {"student_id": None, "email": None}):
        answer = lecturer.post(f"{course}/enrollments", document)
        assert (answer.status_code, blamed(answer)) == (422, [""])
        assert answer.json()["detail"] == "body: Give either student_id or email."
    by_id = {"student_id": both["student_id"], "email": None}
    assert lecturer.post(f"{course}/enrollments", by_id).json()["student"]["email"] == both["email"]
    by_address = {"student_id": None, "email": both["email"]}
    assert refusal(lecturer.post(f"{course}/enrollments", by_address)) == (
        409,
        "student_enrollments_pk",
        ["/student_id"],
    )


@pytest.mark.parametrize(
    ("address", "blames"),
    [
        ("/users?name=a&email=b", ["email"]),
        ("/users?role=student&name=a&email=b", ["email"]),
        ("/audit?user_id={user_id}&course_id={course_id}", ["course_id"]),
        ("/audit?user_id={user_id}&course_id={course_id}&actor_id={actor_id}", ["course_id", "actor_id"]),
    ],
)
def test_a_list_takes_no_two_filters_that_exclude_each_other(
    super_admin: Client, school: School, address: str, blames: list[str]
) -> None:
    answer = super_admin.get(address.format(**school.own))
    assert (answer.status_code, blamed(answer)) == (422, blames)
