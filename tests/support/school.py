"""A small school with one principal of every kind, for tests of who may do what.

Sessions are written straight into the table, so that no test waits for a password hash.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg

PASSWORD_HASH = "!"  # nobody logs in by password here


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
    own: dict[str, Any] = field(default_factory=dict)
    """Rows of the course that the principal `lecturer` teaches."""
    foreign: dict[str, Any] = field(default_factory=dict)
    """Rows of the course that `other_lecturer` teaches."""

    def headers(self, name: str) -> dict[str, str]:
        return self.principals[name].headers


def token_for(name: str) -> str:
    """A well-formed token that is the same in every run."""
    return f"lms_{sha256(name.encode()).hexdigest()[:43]}"


def found_school(admin_url: str) -> School:
    """Fill a migrated database and say who and what is in it."""
    with psycopg.connect(admin_url) as connection:
        school = School({"nobody": Principal("nobody")})
        roles = {
            "super_admin": "super_admin",
            "lecturer": "lecturer",
            "other_lecturer": "lecturer",
            "student": "student",
            "disabled": "lecturer",
            "expired": "lecturer",
            "idle": "lecturer",
            "revoked": "lecturer",
        }
        for name, role in roles.items():
            user_id = _add_user(connection, name, role)
            token = token_for(name)
            _add_session(connection, user_id, token)
            school.principals[name] = Principal(name, user_id, token)
        school.principals["unknown_token"] = Principal("unknown_token", None, token_for("unknown_token"))
        _end(connection, school)
        term_id = _one(
            connection,
            "insert into lms.terms (code, title, starts_on, ends_on) "
            "values ('2026-AUTUMN', 'Autumn 2026', '2026-09-01', '2026-12-18') returning term_id",
        )
        for name, rows in (("lecturer", school.own), ("other_lecturer", school.foreign)):
            rows["term_id"] = term_id
            rows["lecturer_id"] = school.principals[name].user_id
            rows["course_id"] = _one(
                connection,
                "insert into lms.courses (code, title, term_id, lecturer_id, capacity, state) "
                "values (%s, %s, %s, %s, 30, 'published') returning course_id",
                (f"COURSE-{name.upper()}"[:32], f"Taught by {name}", term_id, rows["lecturer_id"]),
            )
            rows["week_number"] = 1
            for week in (1, 2):
                connection.execute(
                    "insert into lms.syllabus_weeks (course_id, week_number, topic) values (%s, %s, %s)",
                    (rows["course_id"], week, f"Week {week} of {name}"),
                )
    return school


def _add_user(connection: psycopg.Connection[Any], name: str, role: str) -> UUID:
    user_id: UUID = _one(
        connection,
        "insert into lms.users (email, full_name, role, password_hash) values (%s, %s, %s, %s) returning user_id",
        (f"{name}@school.test", name.replace("_", " ").title(), role, PASSWORD_HASH),
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
            (school.principals[name].user_id,),
        )

    past = "created_at = now() - interval '2 days', expires_at = now() - interval '1 second'"
    session(psycopg.sql.SQL(past), "expired")
    session(psycopg.sql.SQL("last_seen_at = now() - interval '61 minutes'"), "idle")
    session(psycopg.sql.SQL("revoked_at = now()"), "revoked")
    connection.execute(
        "update lms.users set deactivated_at = now() where user_id = %s",
        (school.principals["disabled"].user_id,),
    )


def _one(connection: psycopg.Connection[Any], statement: Any, arguments: tuple[Any, ...] = ()) -> Any:
    row = connection.execute(statement, arguments).fetchone()
    assert row is not None
    return row[0]
