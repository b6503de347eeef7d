"""A small school with one principal of every kind, for tests of who may do what.

Sessions are written straight into the table, so that no test waits for a password hash; those that log in
all the same have a password whose hash is as cheap as Argon2id gets.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
from argon2 import PasswordHasher
from psycopg.types.json import Jsonb

from tests.support.service import DATA

PASSWORD = "learn-by-doing-well"
"""Of everybody but `invited_student`, who has never set one."""

_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

_ROLES = {
    "super_admin": "super_admin",
    "lecturer": "lecturer",
    "other_lecturer": "lecturer",
    "student": "student",
    "classmate": "student",
    "other_student": "student",
    "dropped_student": "student",
    "invited_student": "student",
    "disabled": "lecturer",
    "expired": "lecturer",
    "idle": "lecturer",
    "revoked": "lecturer",
}
"""Who has a token."""

_OTHERS = ("alumnus", "newcomer", "closed_student")
"""Students who do not ask for anything here: one who completed the course, one on no course, a closed account."""

_STATES = {
    "student": "active",
    "classmate": "active",
    "dropped_student": "dropped",
    "invited_student": "invited",
    "alumnus": "completed",
}
"""Who is on lecturer's course."""


@dataclass
class Principal:
    """Somebody who asks, or nobody; the token may be alive, expired or revoked."""

    name: str
    user_id: UUID | None = None
    token: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}


@dataclass
class School:
    """What `found_school` made: principals by name, and one row of every kind by the parameter that names it."""

    principals: dict[str, Principal]
    people: dict[str, UUID] = field(default_factory=dict)
    """The id of everybody with an account, those without a token too."""
    own: dict[str, Any] = field(default_factory=dict)
    """Rows around the course that `lecturer` teaches and `student` is on; user_id is that student's."""
    foreign: dict[str, Any] = field(default_factory=dict)
    """Rows around the course that `other_lecturer` teaches and `other_student` is on."""

    def headers(self, name: str) -> dict[str, str]:
        return self.principals[name].headers


def token_for(name: str) -> str:
    """A well-formed token that is the same in every run."""
    return f"lms_{sha256(name.encode()).hexdigest()[:43]}"


def sha256_of(name: str) -> bytes:
    """What the database knows somebody's token by."""
    return sha256(token_for(name).encode()).digest()


def address_of(name: str) -> str:
    """Somebody's e-mail address."""
    return f"{name}@school.example"


def name_of(name: str) -> str:
    """What somebody is called."""
    return name.replace("_", " ").title()


def found_school(admin_url: str) -> School:
    """Fill a migrated database and say who and what is in it."""
    with psycopg.connect(admin_url) as connection:
        school = School({"nobody": Principal("nobody")})
        for name, role in _ROLES.items():
            user_id = school.people[name] = _add_user(connection, name, role)
            token = token_for(name)
            _add_session(connection, user_id, token)
            school.principals[name] = Principal(name, user_id, token)
        school.principals["unknown_token"] = Principal("unknown_token", None, token_for("unknown_token"))
        for name in _OTHERS:
            school.people[name] = _add_user(connection, name, "student")
        _end(connection, school)
        term_id = _one(
            connection,
            "insert into lms.terms (code, title, starts_on, ends_on) "
            "values ('2026-AUTUMN', 'Autumn 2026', '2026-09-01', '2026-12-18') returning term_id",
        )
        for teacher, student, rows in (
            ("lecturer", "student", school.own),
            ("other_lecturer", "other_student", school.foreign),
        ):
            rows["term_id"] = term_id
            rows["lecturer_id"] = rows["actor_id"] = school.people[teacher]
            rows["student_id"] = rows["user_id"] = school.people[student]
            rows["email"] = address_of(student)
            _add_course(connection, teacher, rows)
        for name, state in _STATES.items():
            _enroll(connection, school.people[name], school.own["course_id"], state)
        _enroll(connection, school.people["other_student"], school.foreign["course_id"], "active")
        _take_quizzes(connection, school)
        # The student is on a course that is not to be seen yet.
        school.own["draft_course_id"] = _insert_course(connection, "draft", "lecturer", school.own, "draft")
        school.own["draft_material_id"] = _add_material(connection, school.own["draft_course_id"], "draft")
        school.own["hidden_quiz_id"] = _add_quiz(
            connection, school.own["draft_course_id"], "draft", versions=1
        )
        _enroll(connection, school.people["student"], school.own["draft_course_id"], "active")
        for rows in (school.own, school.foreign):
            _add_audit_event(connection, rows)
            rows["delivery_id"] = _add_delivery(connection, "welcome", rows["user_id"], rows["course_id"])
            rows["password_delivery_id"] = _add_delivery(connection, "password_set", rows["user_id"], None)
            rows["version_number"] = 1
            rows["regrade_id"] = _one(
                connection,
                "insert into lms.regrades (quiz_id, requested_by, state, started_at, finished_at) "
                "values (%(taken_quiz_id)s, %(lecturer_id)s, 'done', now(), now()) returning regrade_id",
                rows,
            )
    return school


def _add_course(connection: psycopg.Connection[Any], teacher: str, rows: dict[str, Any]) -> None:
    """A course with a syllabus and a material, and another on which nobody ever was."""
    rows["course_id"] = _insert_course(connection, "course", teacher, rows)
    rows["empty_course_id"] = _insert_course(connection, "empty", teacher, rows)
    rows["week_number"] = 1
    for week in (1, 2):
        connection.execute(
            "insert into lms.syllabus_weeks (course_id, week_number, topic) values (%s, %s, %s)",
            (rows["course_id"], week, f"Week {week} of {teacher}"),
        )
    rows["material_id"] = _add_material(connection, rows["course_id"], teacher)
    rows["file_material_id"] = _add_file(connection, rows["course_id"], teacher)
    rows["quiz_id"] = _add_quiz(connection, rows["course_id"], teacher, versions=2)
    rows["draft_quiz_id"] = _add_quiz(connection, rows["course_id"], f"Drafted by {teacher}")
    rows["taken_quiz_id"] = _add_quiz(connection, rows["course_id"], f"Taken from {teacher}", versions=1)
    connection.execute(
        "update lms.quizzes set feedback_policy = 'never', week_number = null where quiz_id = %(taken_quiz_id)s",
        rows,
    )


def _insert_course(
    connection: psycopg.Connection[Any],
    kind: str,
    teacher: str,
    rows: dict[str, Any],
    state: str = "published",
) -> UUID:
    title = f"Taught by {teacher}" if kind == "course" else f"{kind.title()} of {teacher}"
    course_id: UUID = _one(
        connection,
        "insert into lms.courses (code, title, term_id, lecturer_id, capacity, state) "
        "values (%s, %s, %s, %s, 30, %s) returning course_id",
        (f"{kind}-{teacher}".upper(), title, rows["term_id"], rows["lecturer_id"], state),
    )
    return course_id


def _add_material(connection: psycopg.Connection[Any], course_id: UUID, name: str) -> UUID:
    material_id: UUID = _one(
        connection,
        "insert into lms.materials (course_id, week_number, kind, origin, title, url) "
        "values (%s, 1, 'pdf', 'linked', %s, %s) returning material_id",
        (course_id, f"Material of {name}", f"https://materials.example/{name}.pdf"),
    )
    return material_id


def explanation_of(name: str) -> str:
    """What only the key to a quiz says."""
    return f"Explained by {name}"


def _add_quiz(connection: psycopg.Connection[Any], course_id: UUID, name: str, versions: int = 0) -> UUID:
    """A quiz whose questions were saved so often; a draft if never."""
    quiz_id: UUID = _one(
        connection,
        "insert into lms.quizzes (course_id, week_number, title) values (%s, 1, %s) returning quiz_id",
        (course_id, f"Quiz of {name}"),
    )
    question = {"id": "q1", "type": "true_false", "prompt": f"Asked by {name}", "points": 2}
    entry = {"type": "true_false", "correct": True, "explanation": explanation_of(name)}
    for number in range(1, versions + 1):
        connection.execute(
            "insert into lms.quiz_versions (quiz_id, version_number, questions) values (%s, %s, %s)",
            (quiz_id, number, Jsonb([question])),
        )
        connection.execute(
            "insert into lms.quiz_answer_keys (quiz_id, version_number, key) values (%s, %s, %s)",
            (quiz_id, number, Jsonb({"q1": entry})),
        )
        connection.execute(
            "update lms.quizzes set current_version = %s, state = 'published' where quiz_id = %s",
            (number, quiz_id),
        )
    return quiz_id


def answer_of(name: str) -> str:
    """What only somebody's attempts say."""
    return f"Answered by {name}"


def comment_of(teacher: str) -> str:
    """What only a teacher's reviews say."""
    return f"Commented by {teacher}"


def _take_quizzes(connection: psycopg.Connection[Any], school: School) -> None:
    """On each side an attempt in progress and a graded one; and one of a student who has left."""
    for number, (teacher, rows, key, name, is_graded) in enumerate(
        (
            ("lecturer", school.own, "attempt_id", "student", False),
            ("lecturer", school.own, "graded_attempt_id", "classmate", True),
            ("lecturer", school.own, "dropped_attempt_id", "dropped_student", False),
            ("other_lecturer", school.foreign, "graded_attempt_id", "other_student", True),
            ("other_lecturer", school.foreign, "attempt_id", "other_student", False),
        )
    ):
        rows[key] = _one(
            connection,
            "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, answers, max_score) "
            "values (%s, 1, %s, %s, %s, 2) returning attempt_id",
            (
                rows["taken_quiz_id"],
                school.people[name],
                2 if number == 4 else 1,
                Jsonb({"q1": answer_of(name)}),
            ),
        )
        if is_graded:
            review = Jsonb({"q1": {"points": 1, "comment": comment_of(teacher)}})
            connection.execute(
                "update lms.quiz_attempts set state = 'graded', submitted_at = now(), graded_at = now(), score = 1, "
                "graded_by_key = 1, feedback = %s, reviews = %s where attempt_id = %s",
                (review, review, rows[key]),
            )


def content_of(teacher: str) -> bytes:
    """What is in the file on somebody's course."""
    return f'About the "File of {teacher}"'.encode()


def _add_file(connection: psycopg.Connection[Any], course_id: UUID, teacher: str) -> UUID:
    """A material that was uploaded, with its object in the folder of the service."""
    content = content_of(teacher)
    file_id = _one(
        connection,
        "insert into lms.files (course_id, state, name, media_type, byte_size, sha256, due_at) "
        "values (%s, 'stored', %s, 'text/plain', %s, sha256(%s), now()) returning file_id",
        (course_id, f"File of {teacher}.txt", len(content), content),
    )
    path = DATA / "files" / "materials" / str(file_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    material_id: UUID = _one(
        connection,
        "insert into lms.materials (course_id, kind, origin, title, file_id) "
        "values (%s, 'text', 'uploaded', %s, %s) returning material_id",
        (course_id, f"File of {teacher}", file_id),
    )
    return material_id


def _enroll(connection: psycopg.Connection[Any], student_id: UUID, course_id: UUID, state: str) -> None:
    connection.execute(
        "insert into lms.student_enrollments (student_id, course_id, state) values (%s, %s, %s)",
        (student_id, course_id, state),
    )
    connection.execute(
        "update lms.courses set seats_taken = seats_taken + lms.holds_seat(%s)::integer where course_id = %s",
        (state, course_id),
    )


def _add_audit_event(connection: psycopg.Connection[Any], rows: dict[str, Any]) -> None:
    connection.execute(
        "insert into lms.audit_events (actor_id, action, user_id, course_id, changes) "
        "values (%s, 'enrollments.create', %s, %s, %s)",
        (
            rows["actor_id"],
            rows["user_id"],
            rows["course_id"],
            Jsonb({"state": {"from": None, "to": "active"}}),
        ),
    )


def _add_delivery(
    connection: psycopg.Connection[Any], kind: str, user_id: UUID, course_id: UUID | None
) -> UUID:
    """A mail that was sent: no worker will take it."""
    delivery_id: UUID = _one(
        connection,
        "insert into lms.email_outbox (kind, user_id, course_id, state, attempts, settled_at) "
        "values (%s, %s, %s, 'sent', 1, now()) returning delivery_id",
        (kind, user_id, course_id),
    )
    return delivery_id


def _add_user(connection: psycopg.Connection[Any], name: str, role: str) -> UUID:
    user_id: UUID = _one(
        connection,
        "insert into lms.users (email, full_name, role, password_hash) values (%s, %s, %s, %s) returning user_id",
        (address_of(name), name_of(name), role, "!" if name == "invited_student" else _HASH),
    )
    return user_id


def _add_session(connection: psycopg.Connection[Any], user_id: UUID, token: str) -> None:
    connection.execute(
        "insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at) "
        "values (%s, %s, interval '1 hour', now() + interval '1 day')",
        (sha256(token.encode()).digest(), user_id),
    )


def _end(connection: psycopg.Connection[Any], school: School) -> None:
    """Make the principals that are no longer let in."""

    def session(change: psycopg.sql.SQL, name: str) -> None:
        connection.execute(
            psycopg.sql.SQL("update lms.sessions set {} where user_id = %s").format(change),
            (school.people[name],),
        )

    past = "created_at = now() - interval '2 days', expires_at = now() - interval '1 second'"
    session(psycopg.sql.SQL(past), "expired")
    session(psycopg.sql.SQL("last_seen_at = now() - interval '61 minutes'"), "idle")
    session(psycopg.sql.SQL("revoked_at = now()"), "revoked")
    for name in ("disabled", "closed_student"):
        connection.execute(
            "update lms.users set deactivated_at = now() where user_id = %s", (school.people[name],)
        )


def _one(connection: psycopg.Connection[Any], statement: Any, arguments: Any = ()) -> Any:
    row = connection.execute(statement, arguments).fetchone()
    assert row is not None
    return row[0]
