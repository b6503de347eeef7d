"""Dashboards: the numbers of a course that can be counted by hand, and who is shown them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.http.support import Client
from tests.support.graded_course import QUESTION, grade
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
    assert found.keys() == {"student", "courses", "has_more_courses", "past", "open_quizzes", "remedial"}
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
def test_a_course_that_is_over_is_past_and_nothing_of_it_can_be_begun(
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
    assert (found["courses"], found["remedial"]) == ([], [])
    # What the student is at can still be handed in; nothing can be begun.
    (under_way,) = found["open_quizzes"]
    assert under_way["title"] == "best of many"
    started = student.post(f"/quizzes/{under_way['id']}/attempts")
    assert (started.status_code, started.json()["id"]) == (200, under_way["attempt"]["id"])
    # As GET …/performance has it.
    (known,) = student.get(f"{own}/performance").json()["items"]
    assert known["course"]["id"] == past["id"]


@pytest.mark.parametrize(
    "change",
    [
        "update lms.quizzes set opens_at = now() + interval '1 day' where title = 'best of many'",
        "update lms.quiz_attempts set due_at = null where state = 'in_progress'",
        "update lms.quiz_attempts set due_at = now() - interval '1 second' where state = 'in_progress'",
    ],
    ids=["the quiz is ahead again", "there is no end", "what comes a little later counts"],
)
@pytest.mark.usefixtures("quizzes")
def test_what_a_student_can_still_work_on_is_open(
    student: Client, admin: psycopg.Connection[Any], own: str, change: str
) -> None:
    admin.execute(
        "update lms.quiz_attempts set started_at = now() - interval '1 hour' where state = 'in_progress'"
    )
    admin.execute(change.encode())
    (under_way,) = [
        quiz for quiz in student.get(f"{own}/dashboard").json()["open_quizzes"] if quiz["attempt"]
    ]
    assert under_way["title"] == "best of many"
    attempt = f"/attempts/{under_way['attempt']['id']}"
    assert student.patch(attempt, {"answers": {"q1": True}}).status_code == 200


def test_what_is_over_is_not_open_until_the_worker_has_handed_it_in(
    quizzes: dict[str, UUID], student: Client, admin: psycopg.Connection[Any], own: str
) -> None:
    quiz_id = quizzes["best of many"]
    admin.execute(
        "update lms.quiz_attempts set started_at = now() - interval '1 hour', due_at = now() - interval '6 seconds' "
        "where state = 'in_progress'"
    )
    admin.execute("update lms.quizzes set attempts_allowed = 4 where quiz_id = %s", (quiz_id,))

    def shown() -> list[int]:
        """How often it was begun, if it is open."""
        found = student.get(f"{own}/dashboard").json()["open_quizzes"]
        return [quiz["attempts"] for quiz in found if quiz["id"] == str(quiz_id)]

    assert shown() == []
    admin.execute("select lms.submit_overdue_attempts(10, 0)")
    assert shown() == [3]


@pytest.mark.usefixtures("quizzes")
def test_more_courses_than_there_are_places_leave_a_sign(
    student: Client, admin: psycopg.Connection[Any], school: School, own: str
) -> None:
    def join(courses: int) -> dict[str, Any]:
        """What is shown with so many more courses, all later."""
        admin.execute(
            "with made as (insert into lms.courses (code, title, term_id, lecturer_id, capacity, state) "
            "select 'LATER-' || %(courses)s || '-' || n, 'Later', %(term_id)s, %(lecturer_id)s, 1, 'published' "
            "from generate_series(1, %(courses)s) as n returning course_id) "
            "insert into lms.student_enrollments (student_id, course_id, state) "
            "select %(student_id)s, course_id, 'active' from made",
            {**school.own, "courses": courses},
        )
        found: dict[str, Any] = student.get(f"{own}/dashboard").json()
        assert len(found["courses"]) == 20
        return found

    found = join(19)
    assert (found["courses"][-1]["code"], found["has_more_courses"]) == ("COURSE-LECTURER", False)
    assert [topic["week_number"] for topic in found["remedial"]] == [2]
    found = join(1)
    assert (found["courses"][-1]["title"], found["has_more_courses"]) == ("Later", True)
    assert found["remedial"] == []
    # The clock of what was begun runs all the same.
    assert [quiz["title"] for quiz in found["open_quizzes"]] == ["best of many"]


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
    # Two active and one who completed it; who dropped it is none of them, whose attempts are among the scores.
    assert found["students"] == 3
    assert [
        (week["week_number"], week["mastered"], week["developing"], week["remedial"])
        for week in found["weeks"]
    ] == [(1, 2, 0, 1), (2, 0, 1, 1)]
    # 0, 0.2, 0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 0.9, 1, 1
    assert found["attempt_scores"] == [1, 0, 3, 0, 0, 3, 0, 1, 0, 3]
    begun = datetime.now(UTC).date() - timedelta(days=20)
    assert [
        (date.fromisoformat(each["day"]) - begun, each["attempts"]) for each in found["attempt_days"]
    ] == [
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
            titles[each["quiz_id"]]: (
                each["share"],
                each["attempts"],
                each["awaiting_review"],
                each["state"],
            )
            for each in row["grades"]
        }
        for row in found["items"]
    }
    assert grades == {
        address_of("student"): {
            "best of many": (1.0, 3, 0, "in_progress"),
            "last of many": (0.0, 2, 0, "graded"),
            "exam": (0.375, 3, 1, "submitted"),
            "used up": (None, 1, 1, "submitted"),
        },
        address_of("classmate"): {"best of many": (0.2, 1, 0, "graded")},
        address_of("alumnus"): {
            "best of many": (0.9, 1, 0, "graded"),
            "last of many": (0.5, 1, 0, "graded"),
            "exam": (0.75, 1, 0, "graded"),
        },
    }
    assert {row["student"]["email"]: row["enrollment_state"] for row in found["items"]} == {
        address_of("student"): "active",
        address_of("classmate"): "active",
        address_of("alumnus"): "completed",
    }


def test_a_gradebook_says_what_its_columns_are(
    quizzes: dict[str, UUID], lecturer: Client, admin: psycopg.Connection[Any], course: str
) -> None:
    exam = quizzes["exam"]
    admin.execute("update lms.quizzes set opens_at = '2026-01-02T08:00:00Z' where quiz_id = %s", (exam,))
    admin.execute("update lms.quizzes set closes_at = '2026-01-03T08:00:00Z' where quiz_id = %s", (exam,))
    # What was asked of those who took it was worth 2.
    worth = [QUESTION | {"points": 5}]
    admin.execute(
        "insert into lms.quiz_versions (quiz_id, version_number, questions) values (%s, 2, %s)",
        (exam, Jsonb(worth)),
    )
    admin.execute("update lms.quizzes set current_version = 2 where quiz_id = %s", (exam,))
    found = lecturer.get(f"{course}/gradebook").json()
    assert found["has_more_quizzes"] is False
    (column,) = [quiz for quiz in found["quizzes"] if quiz["id"] == str(exam)]
    assert column == {
        "id": str(exam),
        "week_number": None,
        "title": "exam",
        "state": "closed",
        "opens_at": "2026-01-02T08:00:00+00:00",
        "closes_at": "2026-01-03T08:00:00+00:00",
        "max_score": 5,
        "score_policy": "average",
    }


@pytest.mark.usefixtures("quizzes")
def test_a_cell_tells_what_waits_for_grading_while_another_attempt_is_in_progress(
    lecturer: Client, admin: psycopg.Connection[Any], course: str
) -> None:
    admin.execute(
        "update lms.quiz_attempts set state = 'submitted', score = null, graded_at = null "
        "from lms.quizzes where quizzes.quiz_id = quiz_attempts.quiz_id and title = 'best of many' "
        "and attempt_number = 2"
    )
    found = lecturer.get(f"{course}/gradebook").json()
    assert [
        (grade["state"], grade["attempts"], grade["awaiting_review"])
        for row in found["items"]
        for grade in row["grades"]
        if grade["state"] == "in_progress"
    ] == [("in_progress", 3, 1)]


@pytest.mark.usefixtures("quizzes")
def test_more_quizzes_than_there_are_columns_leave_a_sign(
    lecturer: Client, admin: psycopg.Connection[Any], school: School, course: str
) -> None:
    def with_more(quizzes: int) -> dict[str, Any]:
        admin.execute(
            "insert into lms.quizzes (course_id, week_number, title, state, current_version) "
            "select %s, 1, 'Another', 'closed', 1 from generate_series(1, %s)",
            (school.own["course_id"], quizzes),
        )
        found: dict[str, Any] = lecturer.get(f"{course}/gradebook").json()
        assert len(found["quizzes"]) == 200
        return found

    admin.execute("set session_replication_role = replica")
    try:
        full, beyond = with_more(194), with_more(1)
    finally:
        admin.execute("set session_replication_role = origin")
    assert (full["has_more_quizzes"], full["quizzes"][-1]["title"]) == (False, "used up")
    # The last quiz is no column any more, and no row has anything of it.
    assert (beyond["has_more_quizzes"], beyond["quizzes"][-1]["title"]) == (True, "exam")
    columns = {quiz["id"] for quiz in beyond["quizzes"]}
    assert {grade["quiz_id"] for row in beyond["items"] for grade in row["grades"]} <= columns


def test_what_waits_for_grading_is_found_from_the_course(
    quizzes: dict[str, UUID], lecturer: Client, student: Client, course: str
) -> None:
    waiting = lecturer.get(f"{course}/dashboard").json()["awaiting_review"]
    assert waiting == [
        {"quiz_id": str(quizzes[title]), "title": title, "attempts": 1} for title in ("exam", "used up")
    ]
    (attempt,) = lecturer.get(f"/quizzes/{quizzes['exam']}/attempts?state=submitted").json()["items"]
    assert (attempt["state"], attempt["score"]) == ("submitted", None)
    review = {"reviews": {"q1": {"points": 1}}}
    assert lecturer.put(f"/attempts/{attempt['id']}/grade", review).status_code == 200
    waiting = lecturer.get(f"{course}/dashboard").json()["awaiting_review"]
    assert [each["title"] for each in waiting] == ["used up"]
    # To the student themself it is a list of their own.
    for state, number in (("submitted", 0), ("graded", 3), ("in_progress", 0)):
        items = student.get(f"/quizzes/{quizzes['exam']}/attempts?state={state}").json()["items"]
        assert [each["state"] for each in items] == [state] * number


@pytest.mark.usefixtures("quizzes")
def test_performance_says_how_the_student_stands_on_the_course(
    lecturer: Client, student: Client, school: School, own: str
) -> None:
    states = {
        name: [
            item["enrollment_state"]
            for item in lecturer.get(f"/students/{school.people[name]}/performance").json()["items"]
        ]
        for name in ("classmate", "alumnus", "dropped_student", "invited_student")
    }
    assert states == {
        "classmate": ["active"],
        "alumnus": ["completed"],
        "dropped_student": ["dropped"],
        "invited_student": ["invited"],
    }
    assert [item["enrollment_state"] for item in student.get(f"{own}/performance").json()["items"]] == [
        "active"
    ]


@pytest.mark.usefixtures("quizzes")
def test_performance_on_one_course(lecturer: Client, student: Client, school: School, own: str) -> None:
    for client in (student, lecturer):
        everything = client.get(f"{own}/performance").json()["items"]
        found = client.get(f"{own}/performance?course_id={school.own['course_id']}&count=true").json()
        assert found["items"] == [
            item for item in everything if item["course"]["id"] == str(school.own["course_id"])
        ]
        assert (len(found["items"]), found["total"], found["next"]) == (1, 1, None)
        # Nothing is said of a course that is none of theirs.
        foreign = client.get(f"{own}/performance?course_id={school.foreign['course_id']}&count=true").json()
        assert (foreign["items"], foreign["total"]) == ([], 0)


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
