"""No byte tells a student what is right before the quiz says so, or what others have answered.

Every entry of every key, every explanation, every answer of another student and every comment of a review holds a text
that is nowhere else. Then four people send every request of the OpenAPI document, for quizzes in every state and
attempts in every state, and all that comes back is searched: bodies, headers, refusals, mails and the service's log.
What an answer may hold is worked out here, from the settings of the quiz, and not by the function that decides it.
"""

import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import TestDatabase
from tests.http.defects import Operation, operations
from tests.http.matrix import Matrix, body_of, in_its_form, read_table
from tests.http.support import one
from tests.http.tables import Tables
from tests.operations.relay import relay_settings, relaying
from tests.sql.questions import QUESTIONS, quiz
from tests.support.mail import Received, mail_server, wait_until
from tests.support.school import School

pytestmark = pytest.mark.once

CANARY = re.compile(rb"canary-\d+-[a-z]+-[a-z0-9]+|77700\d{4}\.125")
"""A text of a key, an answer or a comment: whose quiz, what, and of which question. Or a number: the value of a key."""

NOBODY_MAY = ("nobody", "other_student", "dropped_student")
"""Who is shown none of them, whatever they ask for."""

STATES = {
    "draft": ("draft", None, None),
    "not open yet": ("published", "1 day", "2 days"),
    "open": ("published", "-1 day", "1 day"),
    "past its end": ("published", "-2 days", "-1 day"),
    "closed": ("closed", None, None),
}
"""State of a quiz, and when it opens and closes from now on."""

POLICIES = ("never", "after_submit", "after_close")
OWN = (None, "in_progress", "submitted", "graded")
"""State of the student's own attempt."""


def number_of(place: int) -> float:
    return 777000000 + place + 0.125


@dataclass
class Case:
    """A quiz, an attempt of the student at it, and one of a classmate."""

    place: int
    state: str
    policy: str
    own: str | None
    quiz_id: UUID
    own_id: UUID | None = None
    foreign_id: UUID | None = None

    def __str__(self) -> str:
        return f"{self.state}, {self.policy}, own attempt {self.own}"

    def key(self) -> dict[str, Any]:
        """A key that has a canary wherever a text or a number can be."""
        key: dict[str, Any] = quiz(*QUESTIONS).key
        for name, entry in key.items():
            entry["explanation"] = f"canary-{self.place}-explanation-{name}"
            match entry["type"]:
                case "short_answer":
                    entry["accepted"] = [f"canary-{self.place}-accepted-{name}"]
                case "numeric":
                    key[name] = {
                        "type": "numeric",
                        "value": number_of(self.place),
                        "explanation": entry["explanation"],
                    }
        return key

    def of_key(self) -> set[str]:
        return found_in(json.dumps(self.key()).encode())

    def of_review(self) -> str:
        """A comment on the student's own attempt, shown with the points."""
        return f"canary-{self.place}-comment-own"

    def of_classmate(self) -> set[str]:
        return {f"canary-{self.place}-answer-classmate", f"canary-{self.place}-comment-classmate"}


def found_in(content: bytes) -> set[str]:
    return {found.decode() for found in CANARY.findall(content)}


def may_be_shown(state: str, closes_at: Any, now: Any, policy: str, attempt: str) -> bool:
    """Whether a student sees what is right, by what the quiz says: told anew, and not by lms.shows_feedback()."""
    if attempt == "in_progress" or policy == "never":
        return False
    is_over = state == "closed" or (closes_at is not None and closes_at <= now)
    return policy == "after_submit" or is_over


def _make_case(
    connection: psycopg.Connection[Any], school: School, place: int, state: str, policy: str, own: str | None
) -> Case:
    quiz_id = one(
        connection,
        "insert into lms.quizzes (course_id, title, opens_at, closes_at, attempts_allowed, feedback_policy) "
        "values (%s, %s, now() + %s::interval, now() + %s::interval, 2, %s) returning quiz_id",
        (school.own["course_id"], f"Quiz {place}", *STATES[state][1:], policy),
    )
    case = Case(place, state, policy, own, quiz_id)
    questions = quiz(*QUESTIONS).questions
    connection.execute(
        "insert into lms.quiz_versions (quiz_id, version_number, questions) values (%s, 1, %s)",
        (quiz_id, Jsonb(questions)),
    )
    connection.execute(
        "insert into lms.quiz_answer_keys (quiz_id, version_number, key) values (%s, 1, %s)",
        (quiz_id, Jsonb(case.key())),
    )
    connection.execute(
        "update lms.quizzes set current_version = 1, state = %s where quiz_id = %s",
        (STATES[state][0], quiz_id),
    )
    if own is not None:
        comment = case.of_review() if own == "graded" else None
        case.own_id = _attempt(connection, case, school.people["student"], own, {"q7": "It is."}, comment)
    case.foreign_id = _attempt(
        connection,
        case,
        school.people["classmate"],
        "graded",
        {"q7": f"canary-{place}-answer-classmate"},
        f"canary-{place}-comment-classmate",
    )
    return case


def _attempt(
    connection: psycopg.Connection[Any],
    case: Case,
    student_id: UUID,
    state: str,
    answers: dict[str, Any],
    comment: str | None,
) -> UUID:
    """An attempt in this state, graded by the functions that the doors go through."""
    attempt_id: UUID = one(
        connection,
        "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, answers, max_score) "
        "values (%s, 1, %s, 1, %s, %s) returning attempt_id",
        (case.quiz_id, student_id, Jsonb(answers), len(QUESTIONS)),
    )
    if state != "in_progress":
        reviews = {} if comment is None else {"q7": {"points": 1, "comment": comment}}
        connection.execute(
            "update lms.quiz_attempts set state = 'submitted', submitted_at = now(), reviews = %s "
            "where attempt_id = %s",
            (Jsonb(reviews), attempt_id),
        )
        connection.execute("select lms.record_grades(array[%s])", (attempt_id,))
    assert (
        one(connection, "select state from lms.quiz_attempts where attempt_id = %s", (attempt_id,)) == state
    )
    return attempt_id


class Log(logging.Handler):
    """All that is logged in this process, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # The client of these tests logs here as well, but what it was answered it does not.
        self.lines.append(self.format(record))


@dataclass
class Watch:
    """Sends requests and looks at all that comes back."""

    service: httpx.Client
    school: School
    tables: Tables
    cases: list[Case]
    matrix: Matrix
    operations: list[Operation]
    asked: int = 0
    statuses: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def places(self, operation: Operation) -> Iterator[dict[str, Any]]:
        """Every way to fill the path: each quiz and each attempt; of anything else what the school has."""
        names = re.findall(r"\{(\w+)\}", operation.path)
        unknown = {name for name in names if name not in {*self.school.own, "asset", "path"}}
        assert not unknown, f"{operation.route}: tests/support/school.py has no {unknown}"
        values: dict[str, list[Any]] = {
            "quiz_id": [case.quiz_id for case in self.cases],
            "attempt_id": [
                attempt_id
                for case in self.cases
                for attempt_id in (case.own_id, case.foreign_id)
                if attempt_id
            ],
            "student_id": [self.school.people[name] for name in ("student", "classmate")],
            "asset": ["page.js"],
            "path": ["openapi.json"],
        }
        for chosen in product(*(values.get(name, [self.school.own.get(name)]) for name in names)):
            yield dict(zip(names, chosen, strict=True))

    def requests(self, principal: str, *, reads: bool) -> Iterator[tuple[str, httpx.Response]]:
        """Every operation with each of its paths, as somebody; what a success changed is put back."""
        for operation in self.operations:
            if (operation.method == "GET") is not reads:
                continue
            for places in self.places(operation):
                address = operation.path.format(**places)
                yield f"{operation.method} {address}", self.send(principal, operation, address)

    def send(self, principal: str, operation: Operation, address: str) -> httpx.Response:
        headers = dict(self.school.headers(principal))
        if operation.is_versioned:
            headers["If-Match"] = "*"
        if operation.text_type:
            headers["Content-Type"] = operation.text_type
        body = body_of(operation.route, self.school)
        return self.service.request(
            operation.method, address, headers=headers, **in_its_form(operation.route, body)
        )

    def allowed(self, principal: str) -> set[str]:
        """What may be shown to somebody as things are now."""
        if principal != "student":
            return set()
        rows = self.tables.connection.execute(
            "select quizzes.quiz_id, quizzes.state, closes_at, now(), feedback_policy, attempts.state "
            "from lms.quiz_attempts as attempts join lms.quizzes using (quiz_id) where student_id = %s",
            (self.school.people["student"],),
        ).fetchall()
        shown = {row[0] for row in rows if may_be_shown(*row[1:])}
        return {
            canary
            for case in self.cases
            if case.quiz_id in shown
            for canary in (*case.of_key(), case.of_review())
        }

    def leaks(self, principal: str, *, reads: bool) -> Iterator[str]:
        """What somebody was shown that they must not be."""
        as_it_is = self.allowed(principal)
        for request, answer in self.requests(principal, reads=reads):
            self.asked += 1
            self.statuses[principal].add(answer.status_code)
            everything = repr(answer.headers.raw).encode() + answer.content
            allowed = as_it_is
            if answer.is_success and not reads:
                # What was handed in may be shown with its end.
                allowed = as_it_is | self.allowed(principal)
                self.tables.restore()
            for canary in sorted(found_in(everything) - allowed):
                yield f"{request} by {principal}, {answer.status_code}: {canary}"


@pytest.fixture(scope="module")
def log() -> Iterator[Log]:
    handler = Log()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="module")
def cases(module_database: TestDatabase, school: School) -> list[Case]:
    with psycopg.connect(module_database.admin_url) as connection:
        return [
            _make_case(connection, school, place, *kinds)
            for place, kinds in enumerate(product(STATES, POLICIES, OWN))
        ]


@pytest.fixture(scope="module")
def watch(
    log: Log,  # noqa: ARG001 - it listens from the beginning
    cases: list[Case],
    service: httpx.Client,
    school: School,
    matrix: Matrix,
) -> Watch:
    found = operations(service.get("/schema/openapi.json").json())
    return Watch(service, school, matrix.tables, cases, matrix, found)


@pytest.fixture(scope="module")
def tables(cases: list[Case], admin: psycopg.Connection[Any]) -> Tables:  # noqa: ARG001 - they are saved as well
    found = Tables(admin)
    found.save()
    return found


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "writes"])
@pytest.mark.parametrize("principal", ["student", *NOBODY_MAY])
def test_no_answer_to_any_request_shows_what_is_not_to_be_seen(
    watch: Watch, principal: str, reads: bool
) -> None:
    assert [*watch.leaks(principal, reads=reads)] == []


@pytest.mark.parametrize("principal", ["student", *NOBODY_MAY])
def test_no_filter_of_a_list_does(watch: Watch, principal: str) -> None:
    allowed = watch.allowed(principal)
    for row in read_table():
        if "?" in row.address:
            answer = watch.matrix.ask(row, principal, row.whose[0])
            assert found_in(answer.content) <= allowed, row


def test_so_many_were_asked_that_it_means_something(watch: Watch) -> None:
    """Of the student's requests some were taken, and some refused for each reason that there is."""
    if 201 not in watch.statuses["student"]:
        assert [*watch.leaks("student", reads=False)] == []
    assert watch.statuses["student"] >= {200, 201, 204, 404, 409}
    assert watch.asked > len(watch.cases) * 5


def test_what_the_quiz_lets_be_seen_is_seen(watch: Watch) -> None:
    """The control: in the student's own attempt all of a key is found where it may be, and nothing where not."""
    seen = 0
    for case in watch.cases:
        if case.own_id is None:
            continue
        state, opens_in, closes_in = STATES[case.state]
        del opens_in
        is_shown = may_be_shown(
            state, -1 if (closes_in or "").startswith("-") else None, 0, case.policy, case.own or ""
        )
        answer = watch.service.get(f"/attempts/{case.own_id}", headers=watch.school.headers("student"))
        assert answer.status_code == 200
        comment = {case.of_review()} if case.own == "graded" else set()
        assert found_in(answer.content) == (case.of_key() | comment if is_shown else set()), str(case)
        seen += is_shown
    # After submit in each state of the quiz, after close in two; of an attempt handed in, and of one that is graded.
    assert seen == 2 * (len(STATES) + 2)


def test_whoever_teaches_sees_them_all(watch: Watch) -> None:
    """The control of the detector: each canary is there to be found."""
    everything: set[str] = set()
    for case in watch.cases:
        for address in (
            f"/quizzes/{case.quiz_id}/questions",
            f"/attempts/{case.own_id}",
            f"/attempts/{case.foreign_id}",
        ):
            if not address.endswith("None"):
                answer = watch.service.get(address, headers=watch.school.headers("lecturer"))
                everything |= found_in(answer.content)
    expected = {canary for case in watch.cases for canary in (*case.of_key(), *case.of_classmate())}
    expected |= {case.of_review() for case in watch.cases if case.own == "graded"}
    assert everything == expected
    # An explanation for each type, a spelling and a number.
    assert len(watch.cases[0].of_key()) == len(QUESTIONS) + 2


def test_a_classmate_sees_their_own_answers_and_nobody_elses(watch: Watch) -> None:
    for case in watch.cases:
        answer = watch.service.get(f"/attempts/{case.foreign_id}", headers=watch.school.headers("classmate"))
        assert f"canary-{case.place}-answer-classmate" in found_in(answer.content)


def _decoded(received: Received) -> bytes:
    """A mail as it came, and each of its parts as it is read."""
    parts = [part.get_payload(decode=True) for part in received.message.walk() if not part.is_multipart()]
    return received.raw + b"".join(part for part in parts if isinstance(part, bytes))


def test_no_mail_shows_any(watch: Watch, module_database: TestDatabase) -> None:
    """Every kind of mail that there is, to the student."""
    connection = watch.tables.connection
    kinds = re.findall(
        r"'(\w+)'::text",
        one(
            connection,
            "select pg_get_constraintdef(oid) from pg_constraint where conname = 'email_outbox_kind_ck'",
        ),
    )
    with mail_server() as mail:
        for kind in kinds:
            change = None
            if kind == "score_changed":
                change = one(
                    connection,
                    "insert into lms.score_changes (attempt_id, score_before, score) "
                    "select attempt_id, 0, 1 from lms.quiz_attempts where student_id = %s limit 1 "
                    "returning score_change_id",
                    (watch.school.people["student"],),
                )
            connection.execute(
                "insert into lms.email_outbox (kind, user_id, course_id, score_change_id) "
                "values (%s, %s, %s, %s)",
                (
                    kind,
                    watch.school.people["student"],
                    None if kind == "password_set" else watch.school.own["course_id"],
                    change,
                ),
            )
        with relaying(relay_settings(module_database, mail)):
            wait_until(
                lambda: one(connection, "select count(*) from lms.email_outbox where state = 'queued'") == 0
            )
        contents = [_decoded(received) for received in mail.received]
    watch.tables.restore()
    assert len(contents) == len(kinds)
    assert [found_in(content) for content in contents] == [set()] * len(kinds)


def test_the_log_shows_none(watch: Watch, log: Log) -> None:
    logging.getLogger("api").warning("The log is heard.")
    assert any("The log is heard." in line for line in log.lines)
    assert watch.asked
    assert found_in("\n".join(log.lines).encode()) == set()
