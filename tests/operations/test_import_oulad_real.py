"""The real dataset, imported by the command and served over HTTP. Needs the folder of real data.

What should be there is computed here from the files, by other means than those of the import.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from api.http.passwords import HASHER
from api.models.email import canonical
from tests.cli.support import PASSWORD, lms
from tests.conftest import TestDatabase
from tests.support.contents import checksums

Key = tuple[str, str]
"""An address and the code of a course."""


@dataclass(frozen=True)
class Expected:
    """What the files say."""

    length: dict[str, int]
    """Days of each course, by its code."""
    enrollments: dict[Key, tuple[str, datetime, datetime]]
    """State, beginning and last change of each enrolment."""


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def course_of(row: dict[str, str]) -> str:
    return f"OULAD-{row['code_module']}-{row['code_presentation']}"


def key_of(row: dict[str, str]) -> Key:
    return f"student-{row['id_student']}@oulad.example", course_of(row)


def first_day(code: str) -> datetime:
    return datetime(int(code[-5:-1]), {"B": 2, "J": 10}[code[-1]], 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def oulad(real_data: Path) -> Path:
    return real_data / "oulad"


@pytest.fixture(scope="module")
def expected(oulad: Path) -> Expected:
    length = {course_of(row): int(row["module_presentation_length"]) for row in table(oulad / "courses.csv")}
    results = {key_of(row): row["final_result"] for row in table(oulad / "studentInfo.csv")}
    enrollments = {}
    for row in table(oulad / "studentRegistration.csv"):
        came, left = (
            None if row[name] == "?" else first_day(course_of(row)) + timedelta(days=int(row[name]))
            for name in ("date_registration", "date_unregistration")
        )
        start = first_day(course_of(row))
        end = start + timedelta(days=length[course_of(row)] - 1)
        withdrawn = left is not None or results[key_of(row)] == "Withdrawn"
        enrollments[key_of(row)] = (
            "dropped" if withdrawn else "completed",
            came or min(start, left or start),
            left or end,
        )
    return Expected(length, enrollments)


@pytest.fixture(scope="module")
def output(oulad: Path, module_database: TestDatabase) -> str:
    """What the command said, once the dataset is in the database."""
    done = lms("import", "oulad", oulad, LMS_MIGRATION_URL=module_database.admin_url)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def admin(module_database: TestDatabase, output: str) -> Iterator[psycopg.Connection[Any]]:
    assert output
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def test_the_output_says_what_was_done_and_what_was_left_out(oulad: Path, output: str) -> None:
    assert "Imported: terms 4, users 28807, courses 22, student_enrollments 32593." in output
    assert "Unchanged: nothing." in output
    assert "Refused: 0." in output
    for name in ("assessments.csv", "studentAssessment.csv", "vle.csv"):
        assert f"Left out: {name} ({(oulad / name).stat().st_size:,} bytes)." in output
    assert "Left out: studentInfo.csv: gender, region, " in output


def test_it_has_the_size_that_was_published(expected: Expected) -> None:
    assert len(expected.length) == 22
    assert len({email for email, _ in expected.enrollments}) == 28_785
    assert len(expected.enrollments) == 32_593


def test_every_registration_is_an_enrolment_with_its_state_and_days(
    admin: psycopg.Connection[Any], expected: Expected
) -> None:
    found = admin.execute(
        "select email, code, enrollments.state, enrolled_at, enrollments.updated_at "
        "from lms.student_enrollments as enrollments join lms.users on user_id = student_id "
        "join lms.courses using (course_id)"
    ).fetchall()
    assert {(email, code): tuple(rest) for email, code, *rest in found} == expected.enrollments
    assert len(found) == len(expected.enrollments)


def test_seats_are_those_that_are_held(admin: psycopg.Connection[Any], expected: Expected) -> None:
    held = Counter(code for (_, code), (state, *_) in expected.enrollments.items() if state != "dropped")
    found = admin.execute("select code, seats_taken, capacity, state from lms.courses").fetchall()
    assert {code: taken for code, taken, _, _ in found if code.startswith("OULAD-")} == held
    assert [code for code, taken, capacity, _ in found if taken > capacity] == []
    assert {state for code, *_, state in found if code.startswith("OULAD-")} == {"closed"}


def test_terms_last_as_long_as_their_longest_presentation(
    admin: psycopg.Connection[Any], expected: Expected
) -> None:
    longest: dict[str, int] = defaultdict(int)
    for code, days in expected.length.items():
        term = f"OULAD-{code[-5:]}"
        longest[term] = max(longest[term], days)
    found = admin.execute(
        "select code, starts_on, ends_on from lms.terms where code like 'OULAD-%'"
    ).fetchall()
    assert {code: (starts_on, ends_on) for code, starts_on, ends_on in found} == {
        term: (first_day(term).date(), first_day(term).date() + timedelta(days=days - 1))
        for term, days in longest.items()
    }


def test_every_student_and_every_lecturer_has_an_account_that_nobody_can_use_yet(
    admin: psycopg.Connection[Any], expected: Expected
) -> None:
    found = admin.execute(
        "select role, email, full_name, password_hash from lms.users where email like '%@oulad.example'"
    ).fetchall()
    assert {password_hash for *_, password_hash in found} == {"!"}
    assert {email: name for role, email, name, _ in found if role == "student"} == {
        email: f"Student {email.removeprefix('student-').partition('@')[0]}"
        for email, _ in expected.enrollments
    }
    lecturers = {email: name for role, email, name, _ in found if role == "lecturer"}
    assert lecturers == {
        f"{code.removeprefix('OULAD-').lower()}@oulad.example": (
            f"Lecturer of {code.removeprefix('OULAD-').replace('-', ' ')}"
        )
        for code in expected.length
    }
    for email in [*lecturers, *sorted(email for email, _ in expected.enrollments)[::500]]:
        assert canonical(email) == email


def test_every_account_and_every_enrolment_has_its_event(
    admin: psycopg.Connection[Any], expected: Expected
) -> None:
    found = admin.execute(
        "select action, email, code, changes #>> '{role,to}', changes #>> '{state,to}' "
        "from lms.audit_events as events join lms.users using (user_id) "
        "left join lms.courses on courses.course_id = events.course_id where actor_id is null"
    ).fetchall()
    accounts = {email: "student" for email, _ in expected.enrollments}
    accounts |= {
        f"{code.removeprefix('OULAD-').lower()}@oulad.example": "lecturer" for code in expected.length
    }
    assert Counter(found) == Counter(
        [
            *(("users.create", email, None, role, None) for email, role in accounts.items()),
            *(
                ("enrollments.create", email, code, None, state)
                for (email, code), (state, *_) in expected.enrollments.items()
            ),
        ]
    )


def test_students_who_get_a_password_see_the_courses_that_the_files_say(
    admin: psycopg.Connection[Any], service: httpx.Client, expected: Expected
) -> None:
    by_student: dict[str, dict[str, str]] = defaultdict(dict)
    for (email, code), (state, *_) in expected.enrollments.items():
        by_student[email][code] = state
    most = max(by_student, key=lambda email: len(by_student[email]))
    mixed = next(email for email, courses in by_student.items() if len(set(courses.values())) == 2)
    gone = next(email for email, courses in by_student.items() if set(courses.values()) == {"dropped"})
    stays = next(email for email, courses in by_student.items() if list(courses.values()) == ["completed"])
    for email in {most, mixed, gone, stays}:
        refused = service.post("/auth/login", json={"email": email, "password": "!"})
        assert refused.status_code == 401
        admin.execute(
            "update lms.users set password_hash = %s where email = %s", (HASHER.hash(PASSWORD), email)
        )
        try:
            login = service.post("/auth/login", json={"email": email, "password": PASSWORD})
            assert login.status_code == 200, login.text
            answer = service.get(
                "/courses?limit=100", headers={"Authorization": f"Bearer {login.json()['access_token']}"}
            )
            seen = sorted(course["code"] for course in answer.json()["items"])
            assert seen == sorted(code for code, state in by_student[email].items() if state == "completed")
        finally:
            admin.execute("update lms.users set password_hash = '!' where email = %s", (email,))


def test_a_second_time_changes_nothing(
    oulad: Path, admin: psycopg.Connection[Any], module_database: TestDatabase
) -> None:
    assert admin.execute("select count(*) from lms.courses where code like 'OULAD-%'").fetchone() == (22,)
    before = checksums(module_database.admin_url)
    done = lms("import", "oulad", oulad, LMS_MIGRATION_URL=module_database.admin_url)
    assert done.returncode == 0, done
    assert "Imported: nothing." in done.stdout
    assert "Unchanged: terms 4, users 28807, courses 22, student_enrollments 32593." in done.stdout
    assert checksums(module_database.admin_url) == before


def test_without_one_line_of_registration_everything_else_is_there(
    oulad: Path, database: TestDatabase, tmp_path: Path
) -> None:
    for name in ("courses.csv", "studentInfo.csv"):
        (tmp_path / name).write_bytes((oulad / name).read_bytes())
    lines = (oulad / "studentRegistration.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "studentRegistration.csv").write_bytes(b"".join([*lines[:9_000], *lines[9_001:]]))
    done = lms("import", "oulad", tmp_path, LMS_MIGRATION_URL=database.admin_url)
    assert done.returncode == 0, done
    assert "student_enrollments 32592." in done.stdout
    assert "Refused: 1." in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert any(row[:3] == ["studentInfo.csv", "9001", "id_student"] for row in rows), done.stdout
