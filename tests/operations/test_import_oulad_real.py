"""The real dataset, imported by the command and served over HTTP. Needs the folder of real data.

What should be there is computed by tests/operations/oulad_expected.py from the files, by other means than those of the
import.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from api.http.passwords import HASHER
from api.models.email import canonical
from tests.cli.support import PASSWORD, lms, patiently
from tests.conftest import TestDatabase
from tests.operations.oulad import text_of, write
from tests.operations.oulad_expected import Dataset, Performance, first_day, midnight, read
from tests.support.contents import checksums

WRITTEN = {
    "terms": 4,
    "users": 28_807,
    "courses": 22,
    "student_enrollments": 32_593,
    "quizzes": 206,
    "quiz_attempts": 173_912,
}
"""Rows of each table, as the output counts them."""

PATIENCE = 600
"""Seconds for the whole dataset, on a machine that has more to do."""


@pytest.fixture(scope="module")
def oulad(real_data: Path) -> Path:
    return real_data / "oulad"


@pytest.fixture(scope="module")
def expected(oulad: Path) -> Dataset:
    return read(oulad)


@pytest.fixture(scope="module")
def output(oulad: Path, module_database: TestDatabase) -> str:
    """What the command said, once the dataset is in the database."""
    done = patiently(PATIENCE, "import", "oulad", oulad, LMS_MIGRATION_URL=module_database.admin_url)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def admin(module_database: TestDatabase, output: str) -> Iterator[psycopg.Connection[Any]]:
    assert output
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


def counted(rows: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in rows.items())


def test_the_output_says_what_was_done_and_what_was_left_out(oulad: Path, output: str) -> None:
    assert f"Imported: {counted(WRITTEN)}." in output
    assert "Unchanged: nothing." in output
    assert "Refused: 0." in output
    assert f"Left out: vle.csv ({(oulad / 'vle.csv').stat().st_size:,} bytes)." in output
    assert "Left out: studentInfo.csv: gender, region, " in output
    assert "Left out: assessments.csv: weight (206 lines)." in output


def test_the_output_counts_the_results_that_are_out_of_the_ordinary(expected: Dataset, output: str) -> None:
    peculiar = expected.peculiar_results()
    assert peculiar == {
        "without_score": 173,
        "without_week": 4_959,
        "banked": 1_909,
        "late": 49_318,
        "after_unregistration": 588,
    }
    names = ("without_score", "without_week", "banked", "late", "before_registration", "after_unregistration")
    assert f"Of the results: {counted({name: peculiar[name] for name in names if peculiar[name]})}." in output


def test_it_has_the_size_that_was_published(expected: Dataset) -> None:
    assert len(expected.length) == 22
    assert len({email for email, _ in expected.enrollments}) == 28_785
    assert len(expected.enrollments) == 32_593
    assert len(expected.quizzes) == 206
    assert len(expected.attempts) == 173_912


def test_every_registration_is_an_enrolment_with_its_state_and_days(
    admin: psycopg.Connection[Any], expected: Dataset
) -> None:
    found = admin.execute(
        "select email, code, enrollments.state, enrolled_at, enrollments.updated_at "
        "from lms.student_enrollments as enrollments join lms.users on user_id = student_id "
        "join lms.courses using (course_id)"
    ).fetchall()
    assert {(email, code): tuple(rest) for email, code, *rest in found} == expected.enrollments
    assert len(found) == len(expected.enrollments)


def test_every_assessment_is_a_quiz_in_its_week(admin: psycopg.Connection[Any], expected: Dataset) -> None:
    found = admin.execute(
        "select code, quizzes.title, week_number, quizzes.state, closes_at, max_score::integer "
        "from lms.quizzes join lms.courses using (course_id) join lms.quiz_versions using (quiz_id) "
        "join lms.quiz_answer_keys using (quiz_id, version_number) "
        "where (lms.key_defect(questions, key)).rule is null"
    ).fetchall()
    assert Counter(found) == Counter(
        (
            *(quiz.course, quiz.title, quiz.week, "closed"),
            *(None if quiz.last_day is None else midnight(quiz.last_day + timedelta(days=1)), 100),
        )
        for quiz in expected.quizzes
    )


def test_every_result_is_an_attempt_with_its_score_and_day(
    admin: psycopg.Connection[Any], expected: Dataset
) -> None:
    found = admin.execute(
        "select email, code, quizzes.title, attempts.state, submitted_at, score::integer, max_score::integer, "
        "(reviews #> '{q1,points}')::integer, (feedback #> '{q1,points}')::text, graded_by_key "
        "from lms.quiz_attempts as attempts join lms.users on user_id = student_id "
        "join lms.quizzes using (quiz_id) join lms.courses using (course_id)"
    ).fetchall()
    assert Counter(found) == Counter(
        (
            *(attempt.student, attempt.quiz.course, attempt.quiz.title),
            *("submitted" if attempt.points is None else "graded", midnight(attempt.day)),
            *(attempt.points, 100, attempt.points),
            *("null" if attempt.points is None else str(attempt.points), None),
        )
        for attempt in expected.attempts
    )


def test_every_performance_is_what_the_files_give(admin: psycopg.Connection[Any], expected: Dataset) -> None:
    found = admin.execute(
        "select email, code, week_number, attempts, best_score, last_score, average_score, mastery "
        "from lms.topic_performance join lms.users on user_id = student_id join lms.courses using (course_id)"
    ).fetchall()
    assert len(found) == 121_274
    assert {(email, code, week): Performance(*rest) for email, code, week, *rest in found} == {
        (email, *topic): performance
        for email, topics in expected.all_performance.items()
        for topic, performance in topics.items()
    }


def test_every_performance_is_what_the_attempts_give(admin: psycopg.Connection[Any]) -> None:
    columns = "student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery"
    known, computed = (
        sorted(admin.execute(sql.SQL("select {} from {}").format(sql.SQL(columns), sql.SQL(source))))
        for source in ("lms.topic_performance", "lms.computed_performance()")
    )
    assert known == computed


def test_seats_are_those_that_are_held(admin: psycopg.Connection[Any], expected: Dataset) -> None:
    held = Counter(code for (_, code), (state, *_) in expected.enrollments.items() if state != "dropped")
    found = admin.execute("select code, seats_taken, capacity, state from lms.courses").fetchall()
    assert {code: taken for code, taken, _, _ in found if code.startswith("OULAD-")} == held
    assert [code for code, taken, capacity, _ in found if taken > capacity] == []
    assert {state for code, *_, state in found if code.startswith("OULAD-")} == {"closed"}


def test_terms_last_as_long_as_their_longest_presentation(
    admin: psycopg.Connection[Any], expected: Dataset
) -> None:
    longest: dict[str, int] = defaultdict(int)
    for code, days in expected.length.items():
        term = f"OULAD-{code[-5:]}"
        longest[term] = max(longest[term], days)
    found = admin.execute(
        "select code, starts_on, ends_on from lms.terms where code like 'OULAD-%'"
    ).fetchall()
    assert {code: (starts_on, ends_on) for code, starts_on, ends_on in found} == {
        term: (first_day(term), first_day(term) + timedelta(days=days - 1)) for term, days in longest.items()
    }


def test_every_student_and_every_lecturer_has_an_account_that_nobody_can_use_yet(
    admin: psycopg.Connection[Any], expected: Dataset
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
    admin: psycopg.Connection[Any], expected: Dataset
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
    admin: psycopg.Connection[Any], service: httpx.Client, expected: Dataset
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
    done = patiently(PATIENCE, "import", "oulad", oulad, LMS_MIGRATION_URL=module_database.admin_url)
    assert done.returncode == 0, done
    assert "Imported: nothing." in done.stdout
    assert f"Unchanged: {counted(WRITTEN)}." in done.stdout
    assert checksums(module_database.admin_url) == before


def test_without_one_line_of_registration_everything_else_is_there(
    oulad: Path, database: TestDatabase, tmp_path: Path
) -> None:
    for name in ("courses.csv", "studentInfo.csv"):
        (tmp_path / name).write_bytes((oulad / name).read_bytes())
    for name in ("assessments.csv", "studentAssessment.csv"):
        write(tmp_path, name, text_of(name, []))
    lines = (oulad / "studentRegistration.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "studentRegistration.csv").write_bytes(b"".join([*lines[:9_000], *lines[9_001:]]))
    done = lms("import", "oulad", tmp_path, LMS_MIGRATION_URL=database.admin_url)
    assert done.returncode == 0, done
    assert "student_enrollments 32592." in done.stdout
    assert "Refused: 1." in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert any(row[:3] == ["studentInfo.csv", "9001", "id_student"] for row in rows), done.stdout
