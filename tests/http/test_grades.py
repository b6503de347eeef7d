"""Grades, corrected keys and regrades over HTTP: what a lecturer decides, and what becomes of it."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from tests.conftest import TestDatabase
from tests.http.support import Client, at_once, blamed, one, refusal
from tests.sql.questions import quiz
from tests.support.mail import wait_until
from tests.support.school import School

pytestmark = pytest.mark.usefixtures("restored")


@pytest.fixture
def graded(school: School) -> str:
    """Where the grade is of a classmate, who was given 1 of 2 points by a person."""
    return f"/attempts/{school.own['graded_attempt_id']}/grade"


@pytest.fixture
def key(school: School) -> str:
    return f"/quizzes/{school.own['taken_quiz_id']}/versions/1/key"


def told(admin: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Who gets a mail about which change of a score."""
    return admin.execute(
        "select users.email, changes.score_before, changes.score from lms.email_outbox "
        "join lms.score_changes as changes using (score_change_id) join lms.users using (user_id) "
        "where kind = 'score_changed' order by score_change_id"
    ).fetchall()


def test_a_review_changes_the_score_and_is_read_as_it_was_answered(
    lecturer: Client, graded: str, school: School, admin: psycopg.Connection[Any]
) -> None:
    before = lecturer.get(graded).json()
    assert (before["state"], before["score"], before["max_score"]) == ("graded", 1, 2)
    review = {"points": 1.5, "comment": "Nearly."}
    given = lecturer.put(graded, {"reviews": {"q1": review}}, f'"{before["version"]}"')
    assert given.status_code == 200
    assert lecturer.get(graded).json() == given.json()
    assert given.json() | {"graded_at": ""} == {
        **before,
        "score": 1.5,
        "reviews": {"q1": review},
        "feedback": {"q1": review},
        "version": before["version"] + 1,
        "graded_at": "",
    }
    assert one(
        admin,
        "select changes -> 'score' from lms.audit_events where action = 'grades.update' and actor_id = %(lecturer_id)s",
        school.own,
    ) == {"from": 1.0, "to": 1.5}
    assert told(admin) == [("classmate@school.example", 1, 1.5)]
    late = lecturer.put(graded, {"reviews": {"q1": None}}, f'"{before["version"]}"')
    assert (late.status_code, late.json()["version"]) == (412, before["version"] + 1)
    # Taken back, the key has its say: the answer is no answer to true or false.
    taken_back = lecturer.put(graded, {"reviews": {"q1": None}}).json()
    assert (taken_back["score"], taken_back["reviews"], taken_back["feedback"]) == (
        0,
        {},
        {"q1": {"points": 0}},
    )
    assert told(admin)[1:] == [("classmate@school.example", 1.5, 0)]
    # The same points in other words are the same score.
    assert lecturer.put(graded, {"reviews": {"q1": {"points": 0, "comment": "No."}}}).status_code == 200
    assert len(told(admin)) == 2


def hand_in_essay(
    lecturer: Client, course: str, school: School, admin: psycopg.Connection[Any], reviews: str = "{}"
) -> str:
    """Where the grade is of an essay that was handed in, with a question that the key knows."""
    made = str(lecturer.post(f"{course}/quizzes", {"title": "Essay"}).headers["location"])
    lecturer.put(f"{made}/questions", quiz("essay", "true_false", points=3)._asdict())
    attempt_id = one(
        admin,
        "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, answers, max_score, "
        "reviews, state, submitted_at) values (%(quiz)s, 1, %(student_id)s, 1, "
        '\'{"q1": "It is so.", "q2": true}\', 6, %(reviews)s, \'submitted\', now()) returning attempt_id',
        {**school.own, "quiz": made.rpartition("/")[2], "reviews": reviews},
    )
    admin.execute("select from lms.record_grades(array[%s]::uuid[])", (attempt_id,))
    return f"/attempts/{attempt_id}/grade"


def test_an_essay_waits_for_a_person(
    lecturer: Client, course: str, school: School, admin: psycopg.Connection[Any]
) -> None:
    grade = hand_in_essay(lecturer, course, school, admin)
    waiting = lecturer.get(grade).json()
    assert (waiting["state"], waiting["score"]) == ("submitted", None)
    assert waiting["feedback"] == {"q1": {"points": None}, "q2": {"points": 3}}
    done = lecturer.put(grade, {"reviews": {"q1": {"points": 2.5}}}).json()
    assert (done["state"], done["score"]) == ("graded", 5.5)
    assert told(admin) == []
    # Taken back, and given anew: whoever has seen the first is told of the second.
    lecturer.put(grade, {"reviews": {"q1": None}})
    lecturer.put(grade, {"reviews": {"q1": {"points": 1}}})
    assert told(admin) == [("student@school.example", 5.5, 4)]


def test_the_score_of_an_imported_attempt_was_seen_too(
    lecturer: Client, course: str, school: School, admin: psycopg.Connection[Any]
) -> None:
    grade = hand_in_essay(lecturer, course, school, admin, reviews='{"q1": {"points": 2.5}}')
    assert lecturer.put(grade, {"reviews": {"q1": None}}).json()["state"] == "submitted"
    lecturer.put(grade, {"reviews": {"q1": {"points": 1}}})
    assert told(admin) == [("student@school.example", 5.5, 4)]


def test_a_regrade_is_due_for_what_was_graded_while_the_correction_waited(
    lecturer: Client,
    course: str,
    admin: psycopg.Connection[Any],
    school: School,
    module_database: TestDatabase,
) -> None:
    made = str(lecturer.post(f"{course}/quizzes", {"title": "Raced"}).headers["location"])
    lecturer.put(f"{made}/questions", quiz("true_false")._asdict())
    attempt_id = one(
        admin,
        "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, answers, max_score, "
        "state, submitted_at) values (%(quiz)s, 1, %(student_id)s, 1, "
        "'{\"q1\": true}', 6, 'submitted', now()) returning attempt_id",
        {**school.own, "quiz": made.rpartition("/")[2]},
    )
    key = f"{made}/versions/1/key"
    with psycopg.connect(module_database.admin_url) as grading, ThreadPoolExecutor() as threads:
        grading.execute("select from lms.record_grades(array[%s]::uuid[])", (attempt_id,))
        correcting = threads.submit(
            lecturer.put, key, {"key": {"q1": {"type": "true_false", "correct": False}}}
        )
        wait_until(
            lambda: one(
                admin,
                "select exists (select from pg_stat_activity where %s = any(pg_blocking_pids(pid)))",
                (grading.info.backend_pid,),
            )
        )
        grading.commit()
        assert correcting.result().json()["regrade_due"] is True


@pytest.mark.parametrize(
    ("reviews", "blames"),
    [
        ({"q1": {"points": -1}}, "/reviews/q1/points"),
        ({"q1": {"points": 0.125}}, "/reviews/q1/points"),
        ({"q1": {"points": True}}, "/reviews/q1/points"),
        ({"q1": {"points": 1, "comment": " "}}, "/reviews/q1/comment"),
        ({"q1": {"points": 1, "score": 1}}, "/reviews/q1/score"),
        ({"q1": {"points": 2.5}}, "/reviews/q1"),
        ({"q9": {"points": 1}}, "/reviews/q9"),
    ],
)
def test_what_is_wrong_with_a_review_is_told_by_its_place(
    lecturer: Client, graded: str, reviews: Any, blames: str
) -> None:
    before = lecturer.get(graded).json()
    answer = lecturer.put(graded, {"reviews": reviews})
    assert (answer.status_code, blamed(answer)) == (422, [blames])
    assert lecturer.get(graded).json() == before


def test_a_corrected_key_wants_a_regrade(lecturer: Client, key: str, admin: psycopg.Connection[Any]) -> None:
    read = lecturer.get(key)
    assert (read.json()["key_version"], read.json()["regrade_due"]) == (1, False)
    other = {"q1": {"type": "true_false", "correct": False}}
    corrected = lecturer.put(key, {"key": other}, read.headers["etag"])
    assert corrected.json() == {**read.json(), "key": other, "key_version": 2, "regrade_due": True}
    assert lecturer.get(key).json() == corrected.json()
    late = lecturer.put(key, {"key": read.json()["key"]}, read.headers["etag"])
    assert (late.status_code, late.json()["version"]) == (412, 2)
    # The same again is no correction.
    assert lecturer.put(key, {"key": other}).json()["key_version"] == 2
    audited = "select count(*) from lms.audit_events where action = 'answer_keys.update'"
    assert one(admin, audited) == 1


@pytest.mark.parametrize(
    ("corrected", "rule", "blames"),
    [
        ({"q1": {"type": "numeric", "value": 1, "absolute_tolerance": -1}}, None, "/key/q1"),
        ({"q1": {"type": "multiple_choice", "correct": ["a", "a"]}}, None, "/key/q1/correct"),
        ({"q1": {"type": "single_choice", "correct": "x"}}, "quiz_key_unknown_option", "/key/q1/correct"),
    ],
)
def test_a_key_that_does_not_fit_its_questions_is_refused(
    lecturer: Client, course: str, corrected: dict[str, Any], rule: str | None, blames: str
) -> None:
    kind = corrected["q1"]["type"]
    made = str(lecturer.post(f"{course}/quizzes", {"title": "Key"}).headers["location"])
    lecturer.put(f"{made}/questions", quiz(kind)._asdict())
    answer = lecturer.put(f"{made}/versions/1/key", {"key": corrected})
    assert answer.status_code == 422
    if rule is None:
        assert all(found.startswith(blames) for found in blamed(answer))
    else:
        assert refusal(answer) == (422, rule, [blames])
    assert lecturer.get(f"{made}/versions/1/key").json()["key_version"] == 1


def test_asking_while_one_is_queued_gives_that_one(
    lecturer: Client, school: School, admin: psycopg.Connection[Any]
) -> None:
    address = f"/quizzes/{school.own['quiz_id']}/regrade"
    answers = at_once([partial(lecturer.post, address)] * 20)
    assert Counter(answer.status_code for answer in answers) == {202: 20}
    (location,) = {answer.headers["location"] for answer in answers}
    assert lecturer.get(location).json() == answers[0].json()
    assert answers[0].json()["state"] == "queued"
    audited = "select count(*) from lms.audit_events where action = 'regrades.create'"
    assert one(admin, audited) == 1
    # What has begun may be past what was corrected since.
    admin.execute("update lms.regrades set state = 'running', started_at = now() where state = 'queued'")
    assert lecturer.post(address).headers["location"] != location


def test_a_regrade_that_is_asked_for_twice_with_one_key_is_answered_alike(
    lecturer: Client, school: School, admin: psycopg.Connection[Any]
) -> None:
    address = f"/quizzes/{school.own['quiz_id']}/regrade"
    once: list[httpx.Response] = []
    for _ in range(2):
        once.append(lecturer.post(address, **{"Idempotency-Key": "a"}))
        admin.execute("update lms.regrades set state = 'running', started_at = now() where state = 'queued'")
    assert [answer.status_code for answer in once] == [202, 202]
    assert once[0].content == once[1].content
    assert once[0].headers["location"] == once[1].headers["location"]
    assert once[1].headers["idempotency-replayed"] == "true"
