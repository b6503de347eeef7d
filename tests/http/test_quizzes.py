"""Quizzes: what a lecturer sets and asks, and what a student sees of it."""

from typing import Any

import httpx
import psycopg
import pytest

from tests.http.support import Client, blamed, one, refusal
from tests.sql.questions import GOOD, QUESTIONS, Quiz, quiz, with_key, with_question
from tests.support.school import School, explanation_of

pytestmark = pytest.mark.usefixtures("restored")


@pytest.fixture
def made(lecturer: Client, course: str) -> str:
    """Where a new quiz is."""
    return str(lecturer.post(f"{course}/quizzes", {"title": "New"}).headers["location"])


@pytest.fixture
def student(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "student")


def test_a_quiz_begins_as_a_draft_that_is_taken_once_at_any_time(lecturer: Client, made: str) -> None:
    document = lecturer.get(made).json()
    assert {name: document[name] for name in document if not name.endswith(("id", "_at"))} == {
        "week_number": None,
        "title": "New",
        "state": "draft",
        "time_limit_seconds": None,
        "attempts_allowed": 1,
        "score_policy": "highest",
        "feedback_policy": "after_submit",
        "current_version": None,
        "version": 1,
    }
    assert document["opens_at"] is document["closes_at"] is None


def test_what_is_null_is_cleared_and_what_is_left_out_stays(lecturer: Client, made: str) -> None:
    times = {"opens_at": "2026-10-01T08:00:00+02:00", "closes_at": "2026-10-02T08:00:00Z"}
    changed = lecturer.patch(made, {**times, "week_number": 3, "time_limit_seconds": 60}).json()
    assert changed["opens_at"].startswith("2026-10-01T06:00:00")
    cleared = lecturer.patch(made, {"opens_at": None, "week_number": None, "attempts_allowed": None}).json()
    names = ("opens_at", "week_number", "attempts_allowed", "closes_at", "time_limit_seconds")
    assert [cleared[name] for name in names] == [None, None, None, changed["closes_at"], 60]
    for name in ("title", "state", "score_policy", "feedback_policy"):
        answer = lecturer.patch(made, {name: None})
        assert (answer.status_code, blamed(answer)) == (422, [f"/{name}"])


def test_questions_and_key_come_back_as_they_were_saved(lecturer: Client, made: str) -> None:
    assert lecturer.get(f"{made}/questions").json() | {"id": ""} == {
        "id": "",
        "version": 1,
        "version_number": None,
        "max_score": None,
        "questions": [],
        "key": {},
    }
    asked = quiz(*QUESTIONS, points=1.5)
    saved = lecturer.put(f"{made}/questions", asked._asdict(), '"1"')
    assert saved.json() | {"id": ""} == {"id": "", "version": 2, "version_number": 1, "max_score": 10.5}
    read = lecturer.get(f"{made}/questions")
    assert read.json() == {**saved.json(), **asked._asdict()}
    assert read.headers["etag"].startswith('"2.')
    assert lecturer.get(made).json()["current_version"] == 1


@pytest.mark.parametrize("asked", GOOD.values(), ids=GOOD)
def test_what_is_read_can_be_saved_again_and_is_the_same(lecturer: Client, made: str, asked: Quiz) -> None:
    """PostgreSQL writes out what a client sent with an exponent: 6.022e23 has 24 digits."""
    assert lecturer.put(f"{made}/questions", asked._asdict()).status_code == 200
    read = lecturer.get(f"{made}/questions").json()
    document = {name: read[name] for name in asked._fields}
    again = lecturer.put(f"{made}/questions", document)
    assert again.status_code == 200, again.text
    assert {**lecturer.get(f"{made}/questions").json(), **again.json()} == {**read, **again.json()}


def test_whoever_saves_late_overwrites_nothing(lecturer: Client, made: str) -> None:
    lecturer.put(f"{made}/questions", quiz("essay")._asdict(), '"1"')
    late = lecturer.put(f"{made}/questions", quiz("true_false")._asdict(), '"1"')
    assert (late.status_code, late.json()["version"]) == (412, 2)
    assert lecturer.get(f"{made}/questions").json()["questions"] == quiz("essay").questions
    again = lecturer.put(f"{made}/questions", quiz("true_false")._asdict(), '"2"')
    assert again.json()["version_number"] == 2


@pytest.mark.parametrize(
    ("asked", "blames"),
    [
        (with_question("true_false", points=0), "/questions/0/points"),
        (with_key("single_choice", correct="d"), "/key/q1/correct"),
        (quiz("essay")._replace(key={}), "/key/q1"),
    ],
)
def test_what_is_wrong_with_a_question_is_told_by_its_place(
    lecturer: Client, made: str, asked: Any, blames: str
) -> None:
    answer = lecturer.put(f"{made}/questions", asked._asdict())
    assert (answer.status_code, blamed(answer)) == (422, [blames])
    assert lecturer.get(made).json()["version"] == 1


def test_a_student_sees_a_quiz_from_its_publication_on_and_never_its_key(
    lecturer: Client, student: Client, course: str, made: str
) -> None:
    def titles() -> list[str]:
        return [found["title"] for found in student.get(f"{course}/quizzes").json()["items"]]

    assert (student.get(made).status_code, "New" in titles()) == (404, False)
    early = lecturer.patch(made, {"state": "published"})
    assert refusal(early) == (409, "quizzes_current_version_ck", ["/state"])
    lecturer.put(f"{made}/questions", quiz("essay")._asdict())
    for state in ("published", "closed"):
        assert lecturer.patch(made, {"state": state}).status_code == 200
        assert (student.get(made).json(), "New" in titles()) == (lecturer.get(made).json(), True)
        assert student.get(f"{made}/questions").status_code == 404
    lecturer.patch(made, {"state": "draft"})
    assert (student.get(made).status_code, "New" in titles()) == (404, False)


def test_who_changed_what_about_taking_it_is_in_the_audit(
    lecturer: Client, super_admin: Client, school: School, made: str
) -> None:
    course_id, quiz_id = str(school.own["course_id"]), made.rpartition("/")[2]

    def changes(patch: dict[str, Any], if_match: str = "*") -> list[dict[str, Any]]:
        """What the rows say that a request has left."""
        address = f"/audit?course_id={course_id}&limit=100"
        before = {event["id"] for event in super_admin.get(address).json()["items"]}
        lecturer.patch(made, patch, if_match)
        events = [event for event in super_admin.get(address).json()["items"] if event["id"] not in before]
        for event in events:
            assert (event["action"], event["user_id"]) == ("quizzes.update", None)
            assert event["actor_id"] == str(school.people["lecturer"])
        return [event["changes"] for event in events]

    named = {"quiz_id": {"from": quiz_id, "to": quiz_id}}
    assert changes(
        {"time_limit_seconds": 3600, "closes_at": "2027-01-01T00:00:00Z", "attempts_allowed": 1}
    ) == [
        named
        | {
            "time_limit_seconds": {"from": None, "to": 3600},
            "closes_at": {"from": None, "to": "2027-01-01T00:00:00+00:00"},
        }
    ]
    lecturer.put(f"{made}/questions", quiz("essay")._asdict())
    for patch, before in (
        ({"time_limit_seconds": 60}, 3600),
        ({"state": "published"}, "draft"),
        ({"attempts_allowed": None}, 1),
        ({"opens_at": "2026-01-01T00:00:00+00:00"}, None),
        ({"week_number": 3}, None),
        ({"score_policy": "latest"}, "highest"),
        ({"feedback_policy": "never"}, "after_submit"),
    ):
        ((name, value),) = patch.items()
        assert changes(patch) == [named | {name: {"from": before, "to": value}}]
    # Neither what changes nothing of these, nor what is refused.
    assert changes({"title": "Another"}) == changes({"time_limit_seconds": 60}) == []
    assert changes({"time_limit_seconds": 90}, '"1"') == changes({"state": "open"}) == []


def test_the_key_is_shown_to_its_teacher_so_that_its_absence_says_something(
    lecturer: Client, school: School
) -> None:
    address = f"/quizzes/{school.own['quiz_id']}/questions"
    assert explanation_of("lecturer") in lecturer.get(address).text


def test_a_quiz_that_was_taken_is_not_deleted(
    lecturer: Client, school: School, admin: psycopg.Connection[Any]
) -> None:
    own = school.own
    admin.execute(
        "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score) "
        "values (%(quiz_id)s, 1, %(student_id)s, 1, 2)",
        own,
    )
    address = f"/quizzes/{own['quiz_id']}"
    assert refusal(lecturer.delete(address)) == (409, "quiz_attempts_quiz_version_fk", [])
    assert lecturer.get(address).status_code == 200
    admin.execute("delete from lms.quiz_attempts")
    assert lecturer.delete(address).status_code == 204
    assert one(admin, "select count(*) from lms.quiz_versions where quiz_id = %(quiz_id)s", own) == 0
    assert one(admin, "select count(*) from lms.quiz_answer_keys where quiz_id = %(quiz_id)s", own) == 0
