"""Who may fail a course, and why: each reason by itself, and what is none."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.http.support import Client
from tests.support.graded_course import QUESTION, grade
from tests.support.school import School, address_of

pytestmark = pytest.mark.usefixtures("restored")

ENROLLED = 60
"""How many days ago everybody was."""


@pytest.fixture
def empty_course(admin: psycopg.Connection[Any], school: School) -> UUID:
    """The course of `lecturer`, as if nobody had ever made a quiz there; everybody has been on it for long."""
    admin.execute("delete from lms.quiz_attempts")
    admin.execute("delete from lms.quizzes where course_id = %(course_id)s", school.own)
    admin.execute(
        "update lms.student_enrollments set enrolled_at = now() - make_interval(days => %s)", [ENROLLED]
    )
    course_id: UUID = school.own["course_id"]
    return course_id


def student_at_risk(lecturer: Client, course: str) -> dict[str, Any] | None:
    """What the list says of `student`, if they are on it."""
    items = lecturer.get(f"{course}/at-risk").json()["items"]
    return next((item for item in items if item["student"]["email"] == address_of("student")), None)


def reasons(lecturer: Client, course: str) -> list[str]:
    """Those of `student`; none if they are not on the list."""
    found = student_at_risk(lecturer, course)
    return found["reasons"] if found else []


def make_quiz(
    admin: psycopg.Connection[Any],
    course_id: UUID,
    state: str = "published",
    *,
    opens: int | None = None,
    closes: int | None = None,
    edited: int = 0,
    policy: str = "highest",
    week: int | None = 1,
) -> UUID:
    """A quiz whose times are days from now."""
    row = admin.execute(
        "insert into lms.quizzes (course_id, title, state, week_number, score_policy, opens_at, closes_at, updated_at, "
        "current_version) values (%s, 'Quiz', %s, %s, %s, now() + make_interval(days => %s), "
        "now() + make_interval(days => %s), now() + make_interval(days => %s), 1) returning quiz_id",
        (course_id, state, week, policy, opens, closes, edited),
    ).fetchone()
    assert row is not None
    quiz_id: UUID = row[0]
    admin.execute(
        "insert into lms.quiz_versions (quiz_id, version_number, questions) values (%s, 1, %s)",
        (quiz_id, Jsonb([QUESTION])),
    )
    return quiz_id


def take(
    admin: psycopg.Connection[Any],
    school: School,
    quiz_id: UUID,
    *,
    days_ago: int = 0,
    shares: Iterable[float | None] = (None,),
) -> None:
    """Attempts of `student`, a minute apart and handed in at once: of one that waits for a person there is no share."""
    for number, share in enumerate(shares, start=1):
        admin.execute(
            "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, state, score, "
            "max_score, started_at, submitted_at, graded_at) "
            "select %(quiz)s, 1, %(student)s, %(number)s, %(state)s, %(score)s, 2, at, at, "
            "case when %(score)s::numeric is not null then at end "
            "from (select now() - make_interval(days => %(days)s, mins => 10 - %(number)s) as at) as times",
            {
                "quiz": quiz_id,
                "student": school.own["student_id"],
                "number": number,
                "state": "submitted" if share is None else "graded",
                "score": None if share is None else share * 2,
                "days": days_ago,
            },
        )


def test_who_is_at_risk_and_why(
    admin: psycopg.Connection[Any], lecturer: Client, course: str, school: School
) -> None:
    grade(admin, school)
    found = {each["student"]["email"]: each for each in lecturer.get(f"{course}/at-risk").json()["items"]}
    # The alumnus is not active any more, and who dropped the course neither.
    assert {name: {k: v for k, v in each.items() if k != "student"} for name, each in found.items()} == {
        address_of("student"): {
            "remedial_topics": 1,
            "missed_quizzes": 0,
            "average_share": 0.4583,
            "days_since_last_attempt": 0,
            "reasons": ["average_share"],
        },
        address_of("classmate"): {
            "remedial_topics": 1,
            "missed_quizzes": 2,
            "average_share": 0.2,
            "days_since_last_attempt": found[address_of("classmate")]["days_since_last_attempt"],
            "reasons": ["missed_quizzes", "average_share", "days_since_last_attempt"],
        },
    }
    assert found[address_of("classmate")]["days_since_last_attempt"] in (19, 20)


@pytest.mark.parametrize(
    ("remedial", "missed", "share", "days", "expected"),
    [
        (1, 1, 0.5, 13, []),
        (2, 1, 0.5, 13, ["remedial_topics"]),
        (1, 2, 0.5, 13, ["missed_quizzes"]),
        (1, 1, 0.495, 13, ["average_share"]),
        (1, 1, 0.5, 14, ["days_since_last_attempt"]),
        (2, 2, 0.495, 14, ["remedial_topics", "missed_quizzes", "average_share", "days_since_last_attempt"]),
    ],
)
def test_each_threshold_by_itself(
    admin: psycopg.Connection[Any],
    lecturer: Client,
    course: str,
    school: School,
    empty_course: UUID,
    remedial: int,
    missed: int,
    share: float,
    days: int,
    expected: list[str],
) -> None:
    for week in range(1, 3):
        admin.execute(
            "insert into lms.topic_performance (student_id, course_id, week_number, attempts, best_score, last_score, "
            "average_score, mastery) values (%s, %s, %s, 1, 0.5, 0.5, 0.5, %s)",
            (school.own["student_id"], empty_course, week, "remedial" if week <= remedial else "developing"),
        )
    for _ in range(missed):
        make_quiz(admin, empty_course, "closed")
    take(admin, school, make_quiz(admin, empty_course), days_ago=days, shares=[share])
    # There is something to do.
    make_quiz(admin, empty_course)
    assert reasons(lecturer, course) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [(13, []), (14, ["days_since_last_attempt"])],
)
def test_who_never_began_is_judged_by_how_long_they_have_been_enrolled(
    admin: psycopg.Connection[Any],
    lecturer: Client,
    course: str,
    empty_course: UUID,
    days: int,
    expected: list[str],
) -> None:
    admin.execute(
        "update lms.student_enrollments set enrolled_at = now() - make_interval(days => %s)", [days]
    )
    make_quiz(admin, empty_course)
    found = student_at_risk(lecturer, course)
    assert (found["reasons"] if found else []) == expected
    assert found is None or found["days_since_last_attempt"] is None


@pytest.mark.parametrize(
    ("state", "opens", "closes", "expected"),
    [
        ("published", None, None, ["days_since_last_attempt"]),
        ("published", -14, 1, ["days_since_last_attempt"]),
        # The first there is after a break.
        ("published", -13, 1, []),
        ("published", -20, -13, ["days_since_last_attempt"]),
        ("published", None, -13, ["days_since_last_attempt"]),
        ("published", None, -14, []),
        ("published", 1, None, []),
        ("closed", None, None, []),
        ("draft", None, None, []),
    ],
)
def test_days_count_only_while_there_is_something_to_do(
    admin: psycopg.Connection[Any],
    lecturer: Client,
    course: str,
    empty_course: UUID,
    state: str,
    opens: int | None,
    closes: int | None,
    expected: list[str],
) -> None:
    make_quiz(admin, empty_course, state, opens=opens, closes=closes)
    assert reasons(lecturer, course) == expected


def test_who_has_begun_all_there_is_has_nothing_left_to_do(
    admin: psycopg.Connection[Any], lecturer: Client, course: str, school: School, empty_course: UUID
) -> None:
    take(admin, school, make_quiz(admin, empty_course), days_ago=30)
    assert reasons(lecturer, course) == []
    make_quiz(admin, empty_course)
    assert reasons(lecturer, course) == ["days_since_last_attempt"]


@pytest.mark.parametrize("state", ["draft", "closed"])
def test_nobody_is_idle_on_a_course_that_is_over_or_has_not_begun(
    admin: psycopg.Connection[Any], lecturer: Client, course: str, empty_course: UUID, state: str
) -> None:
    make_quiz(admin, empty_course)
    admin.execute("update lms.courses set state = %s where course_id = %s", (state, empty_course))
    assert reasons(lecturer, course) == []


@pytest.mark.parametrize(
    ("state", "opens", "closes", "edited", "enrolled", "missed"),
    [
        ("published", None, -7, 0, 8, 2),
        ("published", None, -7, 0, 6, 0),
        # Closed by somebody, at its last edit at the latest.
        ("closed", None, None, -7, 8, 2),
        ("closed", None, None, -7, 6, 0),
        ("closed", None, 7, -7, 6, 0),
        # Its time was over before.
        ("closed", None, -7, 0, 6, 0),
        # Closed before it opened, then or now.
        ("closed", 1, 7, 0, 30, 0),
        ("closed", -5, None, -6, 30, 0),
        ("closed", -6, None, -5, 30, 2),
    ],
)
def test_only_what_was_open_after_the_student_was_enrolled_can_be_missed(
    admin: psycopg.Connection[Any],
    lecturer: Client,
    course: str,
    empty_course: UUID,
    state: str,
    opens: int | None,
    closes: int | None,
    edited: int,
    enrolled: int,
    missed: int,
) -> None:
    admin.execute(
        "update lms.student_enrollments set enrolled_at = now() - make_interval(days => %s)", [enrolled]
    )
    for _ in range(2):
        make_quiz(admin, empty_course, state, opens=opens, closes=closes, edited=edited)
    found = student_at_risk(lecturer, course)
    assert (found["missed_quizzes"] if found else 0) == missed


def test_whoever_practises_is_judged_by_the_score_that_counts(
    admin: psycopg.Connection[Any], lecturer: Client, course: str, school: School, empty_course: UUID
) -> None:
    quiz_id = make_quiz(admin, empty_course)
    take(admin, school, quiz_id, shares=[0.2, 0.3, 0.4, 1])
    assert reasons(lecturer, course) == []
    admin.execute("update lms.quizzes set score_policy = 'average' where quiz_id = %s", (quiz_id,))
    assert reasons(lecturer, course) == ["average_share"]


def test_the_average_is_that_of_the_gradebook(
    admin: psycopg.Connection[Any], lecturer: Client, course: str, school: School, empty_course: UUID
) -> None:
    taken: list[tuple[str, int | None, list[float | None]]] = [
        ("highest", 1, [0.1, 0.5, 0.3]),
        ("latest", 2, [1, 0.1]),
        # An exam, of which one attempt waits for a person.
        ("average", None, [0.3, 0.2, 0.2, None]),
        ("highest", 3, [None]),
    ]
    for policy, week, shares in taken:
        take(admin, school, make_quiz(admin, empty_course, policy=policy, week=week), shares=shares)
    found = student_at_risk(lecturer, course)
    assert found is not None
    (row,) = [
        row
        for row in lecturer.get(f"{course}/gradebook").json()["items"]
        if row["student"] == found["student"]
    ]
    counted = [Decimal(str(each["share"])) for each in row["grades"] if each["share"] is not None]
    assert counted == [Decimal("0.5"), Decimal("0.1"), Decimal("0.2333")]
    mean = sum(counted, Decimal()) / len(counted)
    assert Decimal(str(found["average_share"])) == mean.quantize(Decimal("0.0001"), ROUND_HALF_UP)
