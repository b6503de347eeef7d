"""The real dataset, imported by the command and served over HTTP. Needs the folder of real data.

What should be there is computed by tests/operations/oulad_expected.py from the files, by other means than those of the
import.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from api.models.email import canonical
from tests.cli.support import lms, patiently
from tests.conftest import TestDatabase
from tests.http.support import one
from tests.operations.oulad import text_of, write
from tests.operations.oulad_answers import Reader, grades_of, logged_in, risk_of, weeks_of
from tests.operations.oulad_expected import (
    Dataset,
    Performance,
    first_day,
    midnight,
    module_of,
    read,
    title_of,
)
from tests.support.contents import checksums
from tests.support.school import School

pytestmark = pytest.mark.once

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
        with logged_in(admin, service, email) as student:
            seen = sorted(course["code"] for course in student.items("/courses"))
        assert seen == sorted(code for code, state in by_student[email].items() if state == "completed")


# What the service says of it


@pytest.fixture(scope="module")
def special(expected: Dataset) -> dict[str, str]:
    """Students by what is special about them, each with a course that they completed."""
    peculiar = expected.peculiar_results_by_student()
    completed = {
        student for student, courses in expected.states.items() if "completed" in courses.values()
    } & peculiar.keys()
    irregular = {"without_score", "late", "after_unregistration"}

    def repeats(student: str) -> int:
        """On how many courses somebody is who did a module again, and another one besides."""
        courses = expected.states[student]
        modules = Counter(map(module_of, courses))
        return len(courses) if len(modules) > 1 and max(modules.values()) > 1 else 0

    found = {
        "banked": max(completed, key=lambda student: (peculiar[student]["banked"], student)),
        "repeating": max(
            completed, key=lambda student: (repeats(student), len(expected.results[student]), student)
        ),
        "irregular": max(
            (student for student in completed if irregular <= peculiar[student].keys()),
            key=lambda student: (len(expected.results[student]), student),
        ),
    }
    assert peculiar[found["banked"]]["banked"] == 12
    assert sorted(expected.states[found["repeating"]].values()) == [
        "completed",
        "completed",
        "dropped",
        "dropped",
    ]
    assert len(set(found.values())) == 3
    return found


CROWDED = "OULAD-FFF-2013J"
"""The course with the most results, with seven quizzes in one week."""

LATE = "OULAD-DDD-2013J"
"""A course whose last result came in before its exam was due."""

GROUPED = "OULAD-GGG-2013J"
"""A course with six quizzes in one week."""


@pytest.fixture(scope="module")
def administrator(service: httpx.Client, school: School) -> Reader:
    return Reader(service, school.headers("super_admin"))


def student_address(admin: psycopg.Connection[Any], email: str) -> str:
    user_id = one(admin, "select user_id from lms.users where email = %s", (email,))
    return f"/students/{user_id}"


def course_address(admin: psycopg.Connection[Any], code: str) -> str:
    course_id = one(admin, "select course_id from lms.courses where code = %s", (code,))
    return f"/courses/{course_id}"


def lecturer_of(code: str) -> str:
    return f"{code.removeprefix('OULAD-').lower()}@oulad.example"


@pytest.mark.parametrize("kind", ["banked", "repeating", "irregular"])
def test_the_performance_of_a_student_is_what_the_files_give(
    kind: str,
    special: dict[str, str],
    expected: Dataset,
    admin: psycopg.Connection[Any],
    service: httpx.Client,
    administrator: Reader,
) -> None:
    student = special[kind]
    address = f"{student_address(admin, student)}/performance"
    states = expected.states[student]
    completed = {code for code, state in states.items() if state == "completed"}
    dropped = max(states.keys() - completed)
    with (
        logged_in(admin, service, student) as themself,
        logged_in(admin, service, lecturer_of(dropped)) as lecturer,
    ):
        shown = [
            # A student sees nothing of what they dropped.
            (completed, themself.items(address, limit=1)),
            ({dropped}, lecturer.items(address)),
            (set(states), administrator.items(address, limit=1)),
        ]
    computed_at = one(admin, "select distinct updated_at from lms.topic_performance")
    for courses, items in shown:
        assert [item["course"]["id"] for item in items] == sorted(item["course"]["id"] for item in items)
        assert {item["course"]["code"]: weeks_of(item) for item in items} == {
            code: expected.weeks(student, code) for code in courses
        }
        for item in items:
            assert [*weeks_of(item)] == [*expected.weeks(student, item["course"]["code"])]
            assert item["course"]["title"] == title_of(item["course"]["code"])
            assert item["course"]["state"] == "closed"
            # In one transaction.
            assert {datetime.fromisoformat(week["updated_at"]) for week in item["weeks"]} <= {computed_at}
    # Of both kinds there is something to compare.
    assert any(expected.weeks(student, code) for code in completed)
    assert any(expected.weeks(student, code) for code in states.keys() - completed)


@pytest.mark.parametrize("kind", ["banked", "repeating", "irregular"])
def test_the_dashboard_of_a_student_is_what_the_files_give(
    kind: str,
    special: dict[str, str],
    expected: Dataset,
    admin: psycopg.Connection[Any],
    service: httpx.Client,
    administrator: Reader,
) -> None:
    student = special[kind]
    address = f"{student_address(admin, student)}/dashboard"
    with logged_in(admin, service, student) as themself:
        found = themself.get(address)
    assert found == administrator.get(address)
    assert found["student"]["full_name"] == f"Student {student.removeprefix('student-').partition('@')[0]}"
    # All presentations are over.
    assert (found["courses"], found["open_quizzes"], found["remedial"]) == ([], [], [])
    assert_past(found["past"], student, expected)
    assert any(course["weeks"] for course in found["past"])


def assert_past(
    past: list[dict[str, Any]], student: str, expected: Dataset, but: frozenset[str] = frozenset()
) -> None:
    """That it is all that the student completed, but what goes on, latest first."""
    courses = {code for code, state in expected.states[student].items() if state == "completed"} - but
    # In the order that they were imported in.
    assert [course["code"] for course in past] == sorted(courses, reverse=True)
    for course in past:
        assert_course(course, expected.weeks(student, course["code"]))
        assert course["ended"] == "completed"


def assert_course(course: dict[str, Any], weeks: dict[int, Performance]) -> None:
    """That it has these weeks, as many of each mastery as there are, and its title."""
    assert [*weeks_of(course).items()] == [*weeks.items()]
    mastery = Counter(week.mastery for week in weeks.values())
    assert {name: course[name] for name in ("mastered", "developing", "remedial")} == {
        name: mastery[name] for name in ("mastered", "developing", "remedial")
    }
    assert course["title"] == title_of(course["code"])


@pytest.mark.parametrize("course", [CROWDED, LATE])
def test_the_dashboard_of_a_course_is_what_the_files_give(
    course: str,
    expected: Dataset,
    admin: psycopg.Connection[Any],
    service: httpx.Client,
    administrator: Reader,
) -> None:
    address = f"{course_address(admin, course)}/dashboard"
    with logged_in(admin, service, lecturer_of(course)) as lecturer:
        found = lecturer.get(address)
    assert found == administrator.get(address)
    assert (found["course"]["code"], found["course"]["title"]) == (course, title_of(course))
    assert found["students"] == len(expected.students(course)) > 1_000
    assert [*found["weeks"]] == [
        {
            "week_number": week,
            "topic": None,
            **{name: mastery[name] for name in ("mastered", "developing", "remedial")},
        }
        for week, mastery in expected.mastery_by_week(course).items()
    ]
    assert all(week["mastered"] and week["developing"] for week in found["weeks"])
    assert found["attempt_scores"] == expected.score_distribution(course)
    assert all(found["attempt_scores"])
    days = sorted(expected.attempts_by_day(course).items())
    assert len(days) > 100
    assert found["attempt_days"] == [
        {"day": day.isoformat(), "attempts": number} for day, number in days[-100:]
    ]


@pytest.mark.parametrize("course", [CROWDED, LATE])
def test_the_gradebook_is_what_the_files_give(
    course: str,
    expected: Dataset,
    admin: psycopg.Connection[Any],
    service: httpx.Client,
) -> None:
    address = f"{course_address(admin, course)}/gradebook"
    with logged_in(admin, service, lecturer_of(course)) as lecturer:
        pages = lecturer.pages(address)
    quizzes = expected.quizzes_of(course)
    for page in pages:
        assert [
            (quiz["title"], quiz["week_number"], quiz["state"], quiz["score_policy"])
            for quiz in page["quizzes"]
        ] == [(quiz.title, quiz.week, "closed", "highest") for quiz in quizzes]
    titles = {quiz["id"]: quiz["title"] for quiz in pages[0]["quizzes"]}
    rows = [row for page in pages for row in page["items"]]
    found = {row["student"]["email"]: grades_of(row, titles) for row in rows}
    assert len(found) == len(rows) > 1_000
    assert found == expected.gradebook(course)
    places = [quiz.title for quiz in quizzes]
    assert all([*grades] == sorted(grades, key=places.index) for grades in found.values())
    # Oldest account first, and every state among them.
    assert [row["student"]["id"] for row in rows] == sorted(row["student"]["id"] for row in rows)
    states = Counter(grade.state for grades in found.values() for grade in grades.values())
    assert states["graded"] > 5_000
    assert states["submitted"] > 0
    assert {} in found.values()


@pytest.mark.parametrize("course", [CROWDED, LATE])
def test_nobody_is_at_risk_where_all_is_over(
    course: str, admin: psycopg.Connection[Any], administrator: Reader
) -> None:
    assert administrator.items(f"{course_address(admin, course)}/at-risk") == []


@contextmanager
def under_way(admin: psycopg.Connection[Any], code: str, today: date) -> Iterator[None]:
    """A course as it would be at noon of a day: published with its quizzes, and who completed it still active."""
    course_id = one(admin, "select course_id from lms.courses where code = %s", (code,))
    shift = datetime.now(UTC) - (midnight(today) + timedelta(hours=12))

    def move(course_state: str, state: str, other_state: str, shift: timedelta) -> None:
        with admin.transaction():
            # Nothing but this: no seats, no versions, no times of change.
            admin.execute("set local session_replication_role = replica")
            admin.execute("update lms.courses set state = %s where course_id = %s", (course_state, course_id))
            admin.execute(
                "update lms.student_enrollments set state = %s, enrolled_at = enrolled_at + %s "
                "where course_id = %s and state = %s",
                (state, shift, course_id, other_state),
            )
            admin.execute(
                "update lms.quizzes set state = %s, closes_at = closes_at + %s where course_id = %s",
                (course_state, shift, course_id),
            )
            admin.execute(
                "update lms.quiz_attempts as attempts set started_at = started_at + %(shift)s, "
                "submitted_at = submitted_at + %(shift)s, graded_at = graded_at + %(shift)s "
                "from lms.quizzes where quizzes.quiz_id = attempts.quiz_id and course_id = %(course)s",
                {"shift": shift, "course": course_id},
            )

    move("published", "active", "completed", shift)
    try:
        yield
    finally:
        move("closed", "completed", "active", -shift)


@pytest.mark.parametrize("course", [LATE, GROUPED])
def test_who_is_at_risk_is_what_the_files_give(
    course: str, expected: Dataset, admin: psycopg.Connection[Any], service: httpx.Client
) -> None:
    today = max(expected.attempts_by_day(course))
    risks = expected.risks(course, today)
    with under_way(admin, course, today), logged_in(admin, service, lecturer_of(course)) as lecturer:
        rows = lecturer.items(f"{course_address(admin, course)}/at-risk")
    found = {row["student"]["email"]: risk_of(row) for row in rows}
    assert found == {email: risk for email, risk in risks.items() if risk.reasons}
    assert [row["student"]["id"] for row in rows] == sorted(row["student"]["id"] for row in rows)
    # Each of the reasons but the average alone is enough for somebody, and many have none.
    assert len(risks) - len(found) > 100
    assert {risk.reasons for risk in found.values()} >= {
        ("remedial_topics",),
        ("missed_quizzes",),
        ("days_since_last_attempt",),
    }
    assert any("average_share" in risk.reasons for risk in found.values())
    assert sum(risk.days_since_last_attempt is None for risk in found.values()) > 10


def test_what_a_student_has_before_them_is_what_the_files_give(
    expected: Dataset, admin: psycopg.Connection[Any], service: httpx.Client
) -> None:
    today = max(expected.attempts_by_day(LATE))
    risks = expected.risks(LATE, today)
    # An exam before them, most to go over again, and of these the one with the most to look back on.
    student = max(
        (email for email in risks if expected.open_quizzes(email, LATE, today)),
        key=lambda email: (
            risks[email].remedial_topics,
            sum(state == "completed" for state in expected.states[email].values()),
            email,
        ),
    )
    with under_way(admin, LATE, today), logged_in(admin, service, student) as themself:
        dashboard = themself.get(f"{student_address(admin, student)}/dashboard")
    weeks = expected.weeks(student, LATE)
    (present,) = dashboard["courses"]
    assert present["code"] == LATE
    assert_course(present, weeks)
    assert [
        {name: topic[name] for name in topic if name != "course_id"} for topic in dashboard["remedial"]
    ] == [
        {
            "week_number": number,
            "topic": None,
            "best_score": week.best_score,
            "last_score": week.last_score,
            "average_score": week.average_score,
            "materials": [],
        }
        for number, week in weeks.items()
        if week.mastery == "remedial"
    ]
    assert len(dashboard["remedial"]) >= 3
    assert [
        (quiz["title"], quiz["week_number"], quiz["attempts_allowed"], quiz["attempts"], quiz["attempt"])
        for quiz in dashboard["open_quizzes"]
    ] == [(quiz.title, quiz.week, 1, 0, None) for quiz in expected.open_quizzes(student, LATE, today)]
    assert_past(dashboard["past"], student, expected, but=frozenset({LATE}))


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
