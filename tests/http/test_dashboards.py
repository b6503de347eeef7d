"""Dashboards: the numbers of a course that can be counted by hand, and who is shown them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.http.support import Client
from tests.support.graded_course import grade
from tests.support.school import School, address_of

pytestmark = pytest.mark.usefixtures("restored")


@pytest.fixture
def quizzes(admin: psycopg.Connection[Any], school: School) -> dict[str, UUID]:
    return grade(admin, school)


@pytest.fixture
def student(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "student")


@pytest.fixture
def own(school: School) -> str:
    """Where what the student sees of themself is."""
    return f"/students/{school.people['student']}"


WEEKS = [
    {
        "week_number": 1,
        "topic": "Week 1 of lecturer",
        "attempts": 2,
        "best_score": 1.0,
        "last_score": 1.0,
        "average_score": 0.75,
        "mastery": "mastered",
    },
    {
        "week_number": 2,
        "topic": "Week 2 of lecturer",
        "attempts": 2,
        "best_score": 0.25,
        "last_score": 0.0,
        "average_score": 0.125,
        "mastery": "remedial",
    },
]


@pytest.mark.usefixtures("quizzes")
def test_performance_is_what_graded_attempts_at_quizzes_of_a_week_come_to(
    student: Client, lecturer: Client, school: School, own: str
) -> None:
    (item,) = student.get(f"{own}/performance").json()["items"]
    assert item["course"]["id"] == str(school.own["course_id"])
    assert [{k: v for k, v in week.items() if k != "updated_at"} for week in item["weeks"]] == WEEKS
    # The lecturer sees the course that is no course for the student yet, too.
    taught = lecturer.get(f"{own}/performance").json()["items"]
    assert [found["weeks"] for found in taught] == [item["weeks"], []]


@pytest.mark.usefixtures("quizzes")
def test_another_policy_is_another_mastery(student: Client, lecturer: Client, course: str, own: str) -> None:
    lecturer.patch(course, {"mastery_policy": {"score": "highest", "mastered": 1, "developing": 0.25}})
    found = student.get(f"{own}/dashboard").json()
    assert [week["mastery"] for week in found["courses"][0]["weeks"]] == ["mastered", "developing"]
    assert found["remedial"] == []


def test_a_student_sees_courses_week_by_week_what_is_open_and_what_to_go_over_again(
    quizzes: dict[str, UUID], student: Client, admin: psycopg.Connection[Any], school: School, own: str
) -> None:
    admin.execute("update lms.materials set week_number = 2 where course_id = %(course_id)s", school.own)
    found = student.get(f"{own}/dashboard").json()
    assert found["student"] == {"id": str(school.people["student"]), "full_name": "Student"}
    assert found["courses"] == [
        {
            "id": str(school.own["course_id"]),
            "code": "COURSE-LECTURER",
            "title": "Taught by lecturer",
            "mastered": 1,
            "developing": 0,
            "remedial": 1,
            "weeks": WEEKS,
        }
    ]
    assert found["past"] == []
    # Neither what is ahead, nor past, nor closed, nor a draft, nor used up. What is due comes first.
    assert [quiz["id"] for quiz in found["open_quizzes"]] == [
        str(quizzes["best of many"]),
        str(school.own["quiz_id"]),
    ]
    taken, untaken = found["open_quizzes"]
    assert (taken["attempts"], taken["due_at"]) == (3, taken["attempt"]["due_at"])
    assert (untaken["attempts"], untaken["attempt"], untaken["due_at"]) == (0, None, None)
    (topic,) = found["remedial"]
    assert (topic["week_number"], topic["topic"], topic["best_score"]) == (2, "Week 2 of lecturer", 0.25)
    assert [material["id"] for material in topic["materials"]] == [
        str(school.own["material_id"]),
        str(school.own["file_material_id"]),
    ]
    assert [material["url"] is None for material in topic["materials"]] == [False, True]
    assert topic["materials"][1]["file"]["name"] == "File of lecturer.txt"


@pytest.mark.parametrize(
    "change",
    [
        "update lms.courses set state = 'draft' where course_id = %(course_id)s",
        "update lms.student_enrollments set state = 'invited' where student_id = %(student_id)s",
        "update lms.student_enrollments set state = 'dropped' where student_id = %(student_id)s",
    ],
)
@pytest.mark.usefixtures("quizzes")
def test_a_course_that_is_none_of_theirs_is_on_no_dashboard(
    student: Client,
    admin: psycopg.Connection[Any],
    school: School,
    own: str,
    change: str,
) -> None:
    admin.execute(change.encode(), school.own)
    found = student.get(f"{own}/dashboard").json()
    assert found.keys() == {"student", "courses", "past", "open_quizzes", "remedial"}
    assert [found[kind] for kind in ("courses", "past", "open_quizzes", "remedial")] == [[], [], [], []]
    assert student.get(f"{own}/performance").json()["items"] == []


@pytest.mark.parametrize(
    ("course_state", "state", "ended"),
    [
        ("closed", "active", "closed"),
        ("published", "completed", "completed"),
        ("closed", "completed", "completed"),
    ],
)
@pytest.mark.usefixtures("quizzes")
def test_a_course_that_is_over_is_past_and_nothing_of_it_is_left_to_do(
    student: Client,
    admin: psycopg.Connection[Any],
    school: School,
    own: str,
    course_state: str,
    state: str,
    ended: str,
) -> None:
    admin.execute(
        "update lms.courses set state = %s where course_id = %s", (course_state, school.own["course_id"])
    )
    admin.execute(
        "update lms.student_enrollments set state = %s where student_id = %s and course_id = %s",
        (state, school.own["student_id"], school.own["course_id"]),
    )
    found = student.get(f"{own}/dashboard").json()
    (past,) = found["past"]
    assert (past["code"], past["ended"]) == ("COURSE-LECTURER", ended)
    assert (past["mastered"], past["developing"], past["remedial"], past["weeks"]) == (1, 0, 1, WEEKS)
    assert (found["courses"], found["open_quizzes"], found["remedial"]) == ([], [], [])
    # As GET …/performance has it.
    (known,) = student.get(f"{own}/performance").json()["items"]
    assert known["course"]["id"] == past["id"]


@pytest.mark.usefixtures("quizzes")
def test_past_courses_take_no_place_of_present_ones(
    student: Client, admin: psycopg.Connection[Any], school: School, own: str
) -> None:
    admin.execute(
        "with past as (insert into lms.courses (code, title, term_id, lecturer_id, capacity, seats_taken, state) "
        "select 'PAST-' || n, 'Past', %(term_id)s, %(lecturer_id)s, 1, 1, 'closed' "
        "from generate_series(1, 21) as n returning course_id) "
        "insert into lms.student_enrollments (student_id, course_id, state) "
        "select %(student_id)s, course_id, 'completed' from past",
        school.own,
    )
    found = student.get(f"{own}/dashboard").json()
    assert [course["code"] for course in found["courses"]] == ["COURSE-LECTURER"]
    # The oldest is left out.
    assert len(found["past"]) == 20
    assert found["past"] == sorted(found["past"], key=lambda course: course["id"], reverse=True)
    assert "PAST-1" not in {course["code"] for course in found["past"]}


@pytest.mark.usefixtures("quizzes")
def test_without_a_syllabus_there_are_the_weeks_of_which_something_is_graded(
    student: Client, lecturer: Client, course: str, own: str
) -> None:
    lecturer.put(f"{course}/syllabus", {"weeks": [{"week_number": 3, "topic": "Third"}]})
    weeks = student.get(f"{own}/dashboard").json()["courses"][0]["weeks"]
    assert [(week["week_number"], week["topic"], week["mastery"]) for week in weeks] == [
        (1, None, "mastered"),
        (2, None, "remedial"),
        (3, "Third", None),
    ]
    taught = lecturer.get(f"{course}/dashboard").json()["weeks"]
    assert [(week["week_number"], week["topic"]) for week in taught] == [(1, None), (2, None), (3, "Third")]


@pytest.mark.usefixtures("quizzes")
def test_a_course_in_numbers(lecturer: Client, course: str) -> None:
    found = lecturer.get(f"{course}/dashboard").json()
    # Two active and one who completed it; who dropped it is in the scores, not among the students.
    assert found["students"] == 3
    assert [
        (week["week_number"], week["mastered"], week["developing"], week["remedial"])
        for week in found["weeks"]
    ] == [(1, 2, 0, 1), (2, 0, 1, 1)]
    # 0, 0.2, 0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 0.9, 1, 1
    assert found["scores"] == [1, 0, 3, 0, 0, 3, 0, 1, 0, 3]
    begun = datetime.now(UTC).date() - timedelta(days=20)
    assert [(date.fromisoformat(each["day"]) - begun, each["attempts"]) for each in found["days"]] == [
        (timedelta(days=1), 9),
        (timedelta(days=2), 3),
        (timedelta(days=3), 1),
    ]


@pytest.mark.usefixtures("quizzes")
def test_a_gradebook_counts_by_the_policy_of_each_quiz(lecturer: Client, course: str) -> None:
    found = lecturer.get(f"{course}/gradebook").json()
    titles = {quiz["id"]: quiz["title"] for quiz in found["quizzes"]}
    # By week, drafts not among them, the whole course last.
    assert list(titles.values()) == [
        "Quiz of lecturer",
        "best of many",
        "ahead",
        "last of many",
        "exam",
        "used up",
    ]
    grades = {
        row["student"]["email"]: {
            titles[each["quiz_id"]]: (each["share"], each["attempts"], each["state"])
            for each in row["grades"]
        }
        for row in found["items"]
    }
    assert grades == {
        address_of("student"): {
            "best of many": (1.0, 3, "in_progress"),
            "last of many": (0.0, 2, "graded"),
            "exam": (0.375, 3, "submitted"),
            "used up": (None, 1, "submitted"),
        },
        address_of("classmate"): {"best of many": (0.2, 1, "graded")},
        address_of("alumnus"): {
            "best of many": (0.9, 1, "graded"),
            "last of many": (0.5, 1, "graded"),
            "exam": (0.75, 1, "graded"),
        },
    }


@pytest.mark.usefixtures("quizzes")
def test_no_dashboard_shows_a_key_an_answer_or_feedback(
    service: httpx.Client, school: School, course: str, own: str
) -> None:
    for name in ("student", "lecturer", "super_admin"):
        client = Client(service, school, name)
        for address in (
            f"{own}/performance",
            f"{own}/dashboard",
            f"{course}/dashboard",
            f"{course}/at-risk",
            f"{course}/gradebook",
        ):
            text = client.get(address).text
            assert "no student's business" not in text
            assert "No feedback here" not in text


@pytest.mark.usefixtures("quizzes")
def test_a_student_sees_no_other_student(student: Client, school: School, own: str) -> None:
    for address in ("performance", "dashboard"):
        text = student.get(f"{own}/{address}").text
        for name in ("classmate", "alumnus", "dropped_student"):
            assert str(school.people[name]) not in text
