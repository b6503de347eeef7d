"""Taking a quiz: starting, saving, handing in; in time and too late; and what a student gets to see of it."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from tests.conftest import TestDatabase
from tests.http.support import Client, at_once, blamed, one, refusal, waiting
from tests.sql.questions import QUESTIONS, Quiz, quiz
from tests.sql.test_grading import CASES, NOTHING, Case
from tests.support.school import School

HOUR_OFF = ["Wed, 01 Jan 2020 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"]


@pytest.fixture(scope="module")
def student(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "student")


@pytest.fixture(scope="module")
def classmate(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "classmate")


def publish(lecturer: Client, course: str, asked: Quiz, **settings: Any) -> str:
    """Where a new quiz is that can be taken."""
    made = str(lecturer.post(f"{course}/quizzes", {"title": "New"} | settings).headers["location"])
    assert lecturer.put(f"{made}/questions", asked._asdict()).status_code == 200
    assert lecturer.patch(made, {"state": "published"}).status_code == 200
    return made


def start(client: Client, taken: str) -> str:
    """Where the attempt is."""
    answer = client.post(f"{taken}/attempts")
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def row(admin: psycopg.Connection[Any], attempt: str) -> str:
    """All of an attempt as it is stored; a write that changes nothing shows as well."""
    found: str = one(
        admin,
        "select xmin::text || to_jsonb(attempts)::text from lms.quiz_attempts as attempts where attempt_id = %s",
        (attempt.rpartition("/")[2],),
    )
    return found


def put_off(admin: psycopg.Connection[Any], attempt: str, seconds: float) -> None:
    """Let an attempt be due in so many seconds, or have been due so long ago."""
    admin.execute(
        "update lms.quiz_attempts set started_at = now() - interval '1 day', due_at = now() + %s * interval '1 second' "
        "where attempt_id = %s",
        (seconds, attempt.rpartition("/")[2]),
    )


# Every answer that grading knows, over HTTP

FORMS: dict[str, Any] = {
    "single_choice": lambda answer: isinstance(answer, str),
    "multiple_choice": lambda answer: (
        isinstance(answer, list) and all(isinstance(each, str) for each in answer)
    ),
    "true_false": lambda answer: isinstance(answer, bool),
    "short_answer": lambda answer: isinstance(answer, str) and len(answer) <= 1_000,
    "numeric": lambda answer: isinstance(answer, int | float) and not isinstance(answer, bool),
    "matching": lambda answer: (
        isinstance(answer, dict) and all(isinstance(each, str) for each in answer.values())
    ),
    "essay": lambda answer: isinstance(answer, str),
}
"""What an answer to each type is, as JSON."""


def has_form(case: Case) -> bool:
    question = case.asked.questions[0]
    if case.answer is NOTHING or case.answer is None:
        return True
    knows_stems = question["type"] != "matching" or {*case.answer} <= {
        stem["id"] for stem in question["stems"]
    }
    return FORMS[question["type"]](case.answer) and knows_stems


TAKEN = {name: case for name, case in CASES.items() if has_form(case)}
REFUSED = {name: case for name, case in CASES.items() if not has_form(case)}
PLACES = {name: f"q{number}" for number, name in enumerate(CASES)}


@pytest.fixture(scope="module")
def exam(lecturer: Client, course: str) -> str:
    """A quiz with a question for each case."""
    questions = [case.asked.questions[0] | {"id": PLACES[name]} for name, case in CASES.items()]
    key = {PLACES[name]: case.asked.key["q1"] for name, case in CASES.items()}
    return publish(lecturer, course, Quiz(questions, key), attempts_allowed=None)


@pytest.fixture(scope="module")
def graded(exam: str, student: Client) -> dict[str, Any]:
    """An attempt that gives the answers of all cases that have their form."""
    answers = {PLACES[name]: case.answer for name, case in TAKEN.items() if case.answer is not NOTHING}
    answer = student.post(f"{start(student, exam)}/submit", {"answers": answers})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_there_are_enough_cases() -> None:
    assert len(TAKEN) >= 80


@pytest.mark.parametrize("name", TAKEN)
def test_an_answer_is_worth_what_the_function_says(graded: dict[str, Any], name: str) -> None:
    assert graded["feedback"][PLACES[name]] == {"points": TAKEN[name].points}


def test_what_waits_for_a_person_leaves_the_score_open(graded: dict[str, Any]) -> None:
    assert (graded["state"], graded["score"], graded["graded_at"]) == ("submitted", None, None)


@pytest.fixture(scope="module")
def open_exam(exam: str, graded: dict[str, Any], student: Client) -> str:  # noqa: ARG001 - it comes after
    return start(student, exam)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_answer_of_its_type_is_refused_by_its_place(
    open_exam: str, student: Client, name: str
) -> None:
    document = {"answers": {PLACES[name]: REFUSED[name].answer}}
    rule = "quiz_answers_unknown_stem" if name == "an unknown stem" else "quiz_answers_form"
    for answer in (student.patch(open_exam, document), student.post(f"{open_exam}/submit", document)):
        assert refusal(answer) == (422, rule, [f"/answers/{PLACES[name]}"])


def test_what_was_refused_has_left_nothing(open_exam: str, student: Client) -> None:
    found = student.get(open_exam).json()
    assert (found["answers"], found["state"], found["version"]) == ({}, "in_progress", 1)


# Starting


@pytest.fixture
def mine(lecturer: Client, course: str, restored: Any) -> str:  # noqa: ARG001 - put back in the end
    """A quiz with a question of each type, taken three times at most."""
    return publish(lecturer, course, quiz(*QUESTIONS), attempts_allowed=3, feedback_policy="after_submit")


def test_who_starts_again_gets_the_attempt_under_way(mine: str, student: Client, school: School) -> None:
    first = student.post(f"{mine}/attempts")
    again = student.post(f"{mine}/attempts")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["content-location"] == first.headers["location"]
    found = first.json()
    assert found["questions"] == quiz(*QUESTIONS).questions
    assert found["student"] == {"id": str(school.people["student"]), "full_name": "Student"}
    assert [found[name] for name in ("attempt_number", "state", "answers", "max_score", "version")] == [
        1,
        "in_progress",
        {},
        len(QUESTIONS),
        1,
    ]
    for name in ("score", "feedback", "key", "reviews", "due_at", "submitted_at", "graded_at"):
        assert found[name] is None


def test_a_quiz_is_taken_as_often_as_it_allows(mine: str, student: Client) -> None:
    for number in (1, 2, 3):
        attempt = start(student, mine)
        assert student.get(attempt).json()["attempt_number"] == number
        assert student.post(f"{attempt}/submit", {}).status_code == 200
    assert refusal(student.post(f"{mine}/attempts")) == (409, "quiz_attempts_allowed", [])


def test_it_keeps_the_questions_that_it_was_started_on(
    mine: str, student: Client, classmate: Client, lecturer: Client
) -> None:
    attempt = start(student, mine)
    lecturer.put(f"{mine}/questions", quiz("essay")._asdict())
    assert student.get(attempt).json()["questions"] == quiz(*QUESTIONS).questions
    assert student.post(f"{mine}/attempts").json()["quiz_version"] == 1
    assert classmate.post(f"{mine}/attempts").json()["quiz_version"] == 2


def test_who_starts_while_other_questions_are_saved_gets_those_that_there_were(
    mine: str,
    student: Client,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
    school: School,
) -> None:
    asked = quiz("essay")
    with psycopg.connect(module_database.admin_url) as saving:
        saving.execute(
            "select from lms.save_quiz_version("
            "(select token_hash from lms.sessions where user_id = %s order by created_at limit 1), %s, null, %s, %s)",
            (
                school.people["lecturer"],
                mine.rpartition("/")[2],
                json.dumps(asked.questions),
                json.dumps(asked.key),
            ),
        )
        with waiting(admin, partial(student.post, f"{mine}/attempts"), saving.commit) as starting:
            answer = starting.result()
    assert (answer.status_code, answer.json()["quiz_version"]) == (201, 1)
    assert answer.json()["questions"] == quiz(*QUESTIONS).questions


def test_who_starts_again_while_the_quiz_is_closed_sees_when_they_are_due_then(
    mine: str, student: Client, admin: psycopg.Connection[Any], module_database: TestDatabase
) -> None:
    attempt = start(student, mine)
    with psycopg.connect(module_database.admin_url) as closing:
        closing.execute(
            "update lms.quizzes set state = 'closed' where quiz_id = %s", (mine.rpartition("/")[2],)
        )
        with waiting(admin, partial(student.post, f"{mine}/attempts"), closing.commit) as starting:
            answer = starting.result()
    assert (answer.status_code, answer.content) == (200, student.get(attempt).content)
    assert answer.json()["due_at"] is not None


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "once"}])
@pytest.mark.parametrize(("allowed", "status"), [(2, 201), (1, 409)])
def test_who_starts_again_while_it_is_handed_in_starts_another_if_they_may(
    mine: str,
    student: Client,
    lecturer: Client,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
    key: dict[str, str],
    allowed: int,
    status: int,
) -> None:
    lecturer.patch(mine, {"attempts_allowed": allowed})
    attempt = start(student, mine)
    with psycopg.connect(module_database.admin_url) as changing:
        changing.execute(
            "select from lms.quizzes where quiz_id = %s for no key update", (mine.rpartition("/")[2],)
        )

        def meanwhile() -> None:
            assert student.post(f"{attempt}/submit", {}).status_code == 200
            changing.commit()

        with waiting(admin, partial(student.post, f"{mine}/attempts", None, **key), meanwhile) as starting:
            answer = starting.result()
    assert answer.status_code == status
    if status == 201:
        assert (answer.json()["state"], answer.json()["attempt_number"]) == ("in_progress", 2)
    else:
        assert refusal(answer) == (409, "quiz_attempts_allowed", [])


@pytest.mark.parametrize(
    ("limit", "closes_in", "expected"),
    [(None, None, None), (600, None, 600), (None, 300, 300), (600, 300, 300), (60, 300, 60)],
)
def test_it_is_due_by_the_time_limit_or_the_end_whichever_is_first(
    mine: str,
    student: Client,
    admin: psycopg.Connection[Any],
    limit: int | None,
    closes_in: int | None,
    expected: int | None,
) -> None:
    admin.execute(
        "update lms.quizzes set time_limit_seconds = %s, closes_at = now() + %s * interval '1 second' "
        "where quiz_id = %s",
        (limit, closes_in, mine.rpartition("/")[2]),
    )
    attempt = start(student, mine)
    seconds = one(
        admin,
        "select extract(epoch from due_at - started_at)::float from lms.quiz_attempts where attempt_id = %s",
        (attempt.rpartition("/")[2],),
    )
    assert seconds == pytest.approx(expected, abs=5)
    if limit == expected:
        assert seconds == expected


@pytest.mark.parametrize("date", [None, *HOUR_OFF])
@pytest.mark.parametrize(
    ("opens_in", "closes_in", "rule"),
    [
        (None, None, None),
        (-1, 60, None),
        (60, 120, "quiz_attempts_quiz_open"),
        (-60, -1, "quiz_attempts_quiz_closed"),
    ],
)
def test_it_is_open_by_the_clock_of_the_database(
    mine: str,
    student: Client,
    admin: psycopg.Connection[Any],
    opens_in: int | None,
    closes_in: int | None,
    rule: str | None,
    date: str | None,
) -> None:
    admin.execute(
        "update lms.quizzes set opens_at = now() + %s * interval '1 second', "
        "closes_at = now() + %s * interval '1 second' where quiz_id = %s",
        (opens_in, closes_in, mine.rpartition("/")[2]),
    )
    answer = student.post(f"{mine}/attempts", None, **({"Date": date} if date else {}))
    if rule is None:
        assert answer.status_code == 201
    else:
        assert refusal(answer) == (409, rule, [])


def test_whoever_has_completed_the_course_takes_no_more_but_sees_what_they_took(
    mine: str, course: str, lecturer: Client, student: Client, school: School
) -> None:
    attempt = start(student, mine)
    student.post(f"{attempt}/submit", {})
    lecturer.patch(f"{course}/enrollments/{school.people['student']}", {"state": "completed"})
    assert refusal(student.post(f"{mine}/attempts")) == (409, "quiz_attempts_enrollment_active", [])
    assert student.get(attempt).status_code == 200


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "once"}])
def test_many_who_start_at_once_get_one_attempt(
    mine: str, student: Client, admin: psycopg.Connection[Any], key: dict[str, str]
) -> None:
    answers = at_once([partial(student.post, f"{mine}/attempts", None, **key)] * 20)
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.content for answer in answers}) == 1
    quiz_id = mine.rpartition("/")[2]
    assert one(admin, "select count(*) from lms.quiz_attempts where quiz_id = %s", (quiz_id,)) == 1
    assert one(admin, "select count(*) from lms.audit_events where action = 'attempts.create'") == 1


# Saving


def test_answers_are_saved_one_by_one(mine: str, student: Client) -> None:
    attempt = start(student, mine)
    for patch, saved in (
        ({"q1": "a", "q4": "fo"}, {"q1": "a", "q4": "fo"}),
        ({"q4": "four"}, {"q1": "a", "q4": "four"}),
        ({"q1": None}, {"q4": "four"}),
        ({"q6": {"s1": "a"}}, {"q4": "four", "q6": {"s1": "a"}}),
        ({"q6": {"s2": "b"}, "q4": None}, {"q6": {"s1": "a", "s2": "b"}}),
        ({"q6": {"s1": None}}, {"q6": {"s2": "b"}}),
        ({}, {"q6": {"s2": "b"}}),
    ):
        changed = student.patch(attempt, {"answers": patch}, student.get(attempt).headers["etag"])
        assert changed.json()["answers"] == saved
        read = student.get(attempt)
        assert (changed.content, changed.headers["etag"]) == (read.content, read.headers["etag"])
    assert student.patch(attempt, {}).json()["answers"] == {"q6": {"s2": "b"}}


def test_of_two_windows_the_later_one_is_told(mine: str, student: Client) -> None:
    attempt = start(student, mine)
    seen = student.get(attempt).headers["etag"]
    assert student.patch(attempt, {"answers": {"q1": "a"}}, seen).status_code == 200
    late = student.patch(attempt, {"answers": {"q1": "b"}}, seen)
    assert (late.status_code, late.json()["version"]) == (412, 2)
    assert student.get(attempt).json()["answers"] == {"q1": "a"}
    answer = student.service.patch(attempt, json={"answers": {}}, headers=student.headers)
    assert (answer.status_code, blamed(answer)) == (428, ["If-Match"])


@pytest.mark.parametrize("way", ["PATCH", "submit"])
@pytest.mark.parametrize("unknown", ["q8", "Q1", "", "a/b~c", "__proto__"])
def test_what_is_not_asked_is_not_answered(
    mine: str, student: Client, admin: psycopg.Connection[Any], way: str, unknown: str
) -> None:
    attempt = start(student, mine)
    before = row(admin, attempt)
    document: dict[str, Any] = {"answers": {"q1": "a", unknown: "a"}}
    answer = (
        student.patch(attempt, document) if way == "PATCH" else student.post(f"{attempt}/submit", document)
    )
    place = unknown.replace("~", "~0").replace("/", "~1")
    assert refusal(answer) == (422, "quiz_answers_unknown_question", [f"/answers/{place}"])
    assert row(admin, attempt) == before


def test_answers_have_a_size(lecturer: Client, course: str, student: Client, restored: Any) -> None:  # noqa: ARG001
    attempt = start(
        student, publish(lecturer, course, quiz("essay", "essay", "multiple_choice", "short_answer"))
    )
    assert student.patch(attempt, {"answers": {"q1": "x" * 150_000}}).status_code == 200
    answer = student.patch(attempt, {"answers": {"q2": "x" * 150_000}})
    assert refusal(answer) == (422, "quiz_attempts_answers_ck", ["/answers"])
    for place, given in (("q3", ["a"] * 101), ("q4", "x" * 1_001)):
        for answer in (
            student.patch(attempt, {"answers": {place: given}}),
            student.post(f"{attempt}/submit", {"answers": {place: given}}),
        ):
            assert refusal(answer) == (422, "quiz_answers_form", [f"/answers/{place}"])
    assert student.get(attempt).json()["answers"] == {"q1": "x" * 150_000}


# Handing in

RIGHT: dict[str, Any] = {
    "q1": "b",
    "q2": ["a", "c"],
    "q3": True,
    "q4": "four",
    "q5": 100,
    "q6": {"s1": "a", "s2": "c"},
}


@pytest.mark.parametrize(
    ("sent", "score"),
    [
        ({}, 1),
        ({"answers": None}, 1),
        ({"answers": RIGHT}, 6),
        ({"answers": {}}, 0),
        ({"answers": {"q1": "b", "q2": None, "q6": {"s1": "a", "s2": None}}}, 1.5),
    ],
)
def test_what_is_sent_takes_the_place_of_what_was_saved(
    mine: str, student: Client, sent: dict[str, Any], score: float
) -> None:
    attempt = start(student, mine)
    student.patch(attempt, {"answers": {"q3": True}})
    answer = student.post(f"{attempt}/submit", sent)
    assert (answer.status_code, answer.json()["state"], answer.json()["score"]) == (200, "graded", score)
    read = student.get(attempt)
    assert (answer.content, answer.headers["etag"]) == (read.content, read.headers["etag"])
    assert answer.json()["version"] == 3


def test_the_audit_names_the_attempt_that_was_started_and_handed_in(
    mine: str, student: Client, admin: psycopg.Connection[Any]
) -> None:
    attempts = [start(student, mine)]
    student.post(f"{attempts[0]}/submit", {"answers": RIGHT | {"q7": "It is."}})
    attempts.append(start(student, mine))
    ids = [attempt.rpartition("/")[2] for attempt in attempts]
    changes = admin.execute(
        "select action, changes from lms.audit_events where action like 'attempts.%%' order by audit_event_id"
    ).fetchall()
    assert changes == [
        (f"attempts.{verb}", {"attempt_id": {"from": id_, "to": id_}, "state": {"from": before, "to": after}})
        for verb, id_, before, after in (
            ("create", ids[0], None, "in_progress"),
            ("submit", ids[0], "in_progress", "submitted"),
            ("create", ids[1], None, "in_progress"),
        )
    ]


def test_handing_in_again_changes_nothing_whatever_is_sent(
    mine: str, student: Client, admin: psycopg.Connection[Any]
) -> None:
    attempt = start(student, mine)
    first = student.post(f"{attempt}/submit", {"answers": RIGHT})
    before = row(admin, attempt)
    documents: list[dict[str, Any]] = [{}, {"answers": {}}, {"answers": {"q1": "a"}}, {"answers": {"q99": 1}}]
    for document in documents:
        again = student.post(f"{attempt}/submit", document)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["etag"] == first.headers["etag"]
    for if_match in ("*", first.headers["etag"], '"1"', '"99"'):
        late = student.patch(attempt, {"answers": {"q1": "a"}}, if_match)
        assert refusal(late) == (409, "quiz_attempts_in_progress", [])
    assert row(admin, attempt) == before
    assert one(admin, "select count(*) from lms.audit_events where action = 'attempts.submit'") == 1


def test_with_a_key_the_first_answer_comes_again(mine: str, student: Client) -> None:
    key = {"Idempotency-Key": "a"}
    first, again = (student.post(f"{mine}/attempts", None, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"


def test_a_start_under_its_key_is_shown_as_it_is_by_then_and_starts_no_other(
    mine: str, student: Client, lecturer: Client, school: School
) -> None:
    key = {"Idempotency-Key": "a"}
    first = student.post(f"{mine}/attempts", None, **key)
    attempt = first.headers["location"]
    for change in (
        partial(student.patch, attempt, {"answers": {"q1": "b"}}),
        partial(student.post, f"{attempt}/submit", {"answers": RIGHT}),
        partial(hide, school, lecturer, mine),
    ):
        change()
        again = student.post(f"{mine}/attempts", None, **key)
        read = student.get(attempt)
        assert (again.status_code, again.content) == (201, read.content)
        assert (again.headers["etag"], again.headers["location"]) == (read.headers["etag"], attempt)
        assert again.headers.get_list("idempotency-replayed") == ["true"]
    drop(school, lecturer, mine)
    assert student.post(f"{mine}/attempts", None, **key).status_code == 404


def drop(school: School, lecturer: Client, mine: str) -> None:  # noqa: ARG001
    enrollment = f"/courses/{school.own['course_id']}/enrollments/{school.people['student']}"
    assert lecturer.patch(enrollment, {"state": "dropped"}).status_code == 200


def hide(school: School, lecturer: Client, mine: str) -> None:  # noqa: ARG001
    assert lecturer.patch(mine, {"feedback_policy": "never"}).status_code == 200


@pytest.mark.parametrize(("lose", "status"), [(drop, 404), (hide, 200)])
def test_a_key_keeps_nothing_of_what_handing_in_showed(
    mine: str,
    student: Client,
    lecturer: Client,
    school: School,
    admin: psycopg.Connection[Any],
    lose: Callable[[School, Client, str], None],
    status: int,
) -> None:
    """The answer has what is right: it is not stored, and not shown again to whoever may no longer see it."""
    key = {"Idempotency-Key": "a"}
    attempt = start(student, mine)
    first, again = (student.post(f"{attempt}/submit", {"answers": RIGHT}, **key) for _ in range(2))
    assert first.json()["key"] == quiz(*QUESTIONS).key
    assert (again.status_code, again.content) == (200, first.content)
    # Another body is no other request: handing in again changes nothing whatever is sent.
    assert student.post(f"{attempt}/submit", {}, **key).content == first.content
    assert one(admin, "select count(*) from lms.idempotency_keys where route like '%%submit'") == 0
    lose(school, lecturer, mine)
    late = student.post(f"{attempt}/submit", {"answers": RIGHT}, **key)
    assert (late.status_code, late.json().get("key")) == (status, None)


def test_a_key_that_is_none_is_refused_also_where_nothing_is_kept(mine: str, student: Client) -> None:
    attempt = start(student, mine)
    answer = student.post(f"{attempt}/submit", {"answers": RIGHT}, **{"Idempotency-Key": "a b"})
    assert (answer.status_code, blamed(answer)) == (422, ["Idempotency-Key"])
    assert student.get(attempt).json()["state"] == "in_progress"


@pytest.mark.parametrize("date", [None, *HOUR_OFF])
@pytest.mark.parametrize(
    ("due_in", "in_time"), [(60, True), (1.5, True), (-1, True), (-4, True), (-5.01, False), (-6, False)]
)
def test_what_comes_five_seconds_late_counts_and_what_comes_later_does_not(
    mine: str,
    student: Client,
    admin: psycopg.Connection[Any],
    due_in: float,
    in_time: bool,
    date: str | None,
) -> None:
    headers = {"Date": date} if date else {}
    attempt = start(student, mine)
    student.patch(attempt, {"answers": {"q3": True}})
    put_off(admin, attempt, due_in)
    before = row(admin, attempt)
    saved = student.send("PATCH", attempt, {"answers": {"q1": "b"}}, {"If-Match": "*", **headers})
    if in_time:
        assert saved.status_code == 200
    else:
        assert refusal(saved) == (409, "quiz_attempts_due_at_past", [])
        assert row(admin, attempt) == before
    # What is late is not read, and so cannot be wrong.
    answers = RIGHT if in_time else {"unasked": 1}
    handed_in = student.post(f"{attempt}/submit", {"answers": answers}, **headers).json()
    assert (handed_in["state"], handed_in["score"]) == ("graded", 6 if in_time else 1)
    assert handed_in["answers"] == (RIGHT if in_time else {"q3": True})
    # What is late counts as handed in when it was due.
    assert (handed_in["submitted_at"] == handed_in["due_at"]) == (due_in < 0)


def test_what_is_handed_in_while_the_end_is_put_off_is_in_time(
    mine: str, student: Client, admin: psycopg.Connection[Any], module_database: TestDatabase
) -> None:
    attempt = start(student, mine)
    student.patch(attempt, {"answers": {"q3": True}})
    put_off(admin, attempt, -6)
    with psycopg.connect(module_database.admin_url) as prolonging:
        # As lms.follow_quiz_times() does it; that was a moment ago, when it could still be put off.
        prolonging.execute(
            "select from lms.quizzes where quiz_id = %s for update", (mine.rpartition("/")[2],)
        )
        put_off(prolonging, attempt, 60)
        with waiting(
            admin, partial(student.post, f"{attempt}/submit", {"answers": RIGHT}), prolonging.commit
        ) as handing_in:
            handed_in = handing_in.result().json()
    assert (handed_in["answers"], handed_in["score"]) == (RIGHT, 6)


# Seeing


def shown(attempt: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Whether a score, points by question and what is right are there."""
    return attempt["score"] is not None, attempt["feedback"] is not None, attempt["key"] is not None


@pytest.mark.parametrize(
    ("policy", "submitted", "closed"),
    [("never", False, False), ("after_submit", True, True), ("after_close", False, True)],
)
@pytest.mark.parametrize("way", ["state", "clock"])
def test_a_student_sees_the_score_at_once_and_the_rest_when_the_quiz_says_so(
    mine: str,
    lecturer: Client,
    student: Client,
    admin: psycopg.Connection[Any],
    policy: str,
    submitted: bool,
    closed: bool,
    way: str,
) -> None:
    lecturer.patch(mine, {"feedback_policy": policy})
    attempt = start(student, mine)
    assert shown(student.get(attempt).json()) == (False, False, False)
    answer = student.post(f"{attempt}/submit", {"answers": RIGHT})
    assert shown(answer.json()) == (True, submitted, submitted)
    assert student.get(attempt).content == answer.content
    assert lecturer.get(attempt).json()["key"] == quiz(*QUESTIONS).key
    if way == "state":
        lecturer.patch(mine, {"state": "closed"})
    else:
        admin.execute(
            "update lms.quizzes set closes_at = now() - interval '6 seconds' where quiz_id = %s",
            (mine.rpartition("/")[2],),
        )
    read = student.get(attempt)
    assert shown(read.json()) == (True, closed, closed)
    assert student.post(f"{attempt}/submit", {}).content == read.content
    # The same version, and no stale 304.
    assert (read.headers["etag"] != answer.headers["etag"]) == (closed != submitted)


def test_whoever_teaches_sees_all_of_it_from_the_start_and_reviews(
    mine: str, lecturer: Client, student: Client, admin: psycopg.Connection[Any], school: School
) -> None:
    lecturer.patch(mine, {"feedback_policy": "never"})
    attempt = start(student, mine)
    student.patch(attempt, {"answers": {"q7": "It is."}})
    seen = lecturer.get(attempt).json()
    assert (seen["answers"], seen["key"], seen["reviews"]) == ({"q7": "It is."}, quiz(*QUESTIONS).key, {})
    student.post(f"{attempt}/submit", {})
    review = {"q7": {"points": 0.5, "comment": "Why?"}}
    one(
        admin,
        "select version from lms.review_attempt("
        "(select token_hash from lms.sessions where user_id = %s order by created_at limit 1), %s, null, %s)",
        (school.people["lecturer"], attempt.rpartition("/")[2], json.dumps(review)),
    )
    seen = lecturer.get(attempt).json()
    assert (seen["state"], seen["score"], seen["reviews"]) == ("graded", 0.5, review)
    assert seen["feedback"]["q7"] == {"points": 0.5, "comment": "Why?"}
    own = student.get(attempt).json()
    assert (own["score"], own["feedback"], own["key"], own["reviews"]) == (0.5, None, None, None)


def test_a_list_shows_whose_attempts_they_are_and_nothing_of_what_is_in_them(
    mine: str, lecturer: Client, student: Client, classmate: Client
) -> None:
    addresses = {client: start(client, mine) for client in (student, classmate)}
    found = lecturer.get(f"{mine}/attempts").json()["items"]
    assert [item["student"]["full_name"] for item in found] == ["Student", "Classmate"]
    for client, address in addresses.items():
        whole = client.get(address).json()
        (item,) = client.get(f"{mine}/attempts").json()["items"]
        assert item == {name: whole[name] for name in item}
        assert whole.keys() - item.keys() == {"questions", "answers", "feedback", "key", "reviews"}


@pytest.fixture(autouse=True, scope="module")
def put_back(tables: Any) -> Iterator[None]:
    """What the fixtures of the file have made is gone in the end."""
    yield
    tables.restore()
