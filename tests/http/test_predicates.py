"""Deleting any one predicate that decides who may do what makes a test fail.

The predicates are found in the text of every query file and of the functions that query files rest on. Each
is made true, alone, in the running service or in its database; the matrix of principals and the checks below
must then find a difference. Those that make none are in `EQUIVALENT`, each with the reason why they cannot.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from api.database.pool import Pool, Transaction
from api.database.queries import load_queries
from api.settings import ROOT
from tests.http.matrix import LET_IN, LOCKED_OUT, NO_ID, Matrix, Row, read_table, token_hash
from tests.http.support import one
from tests.http.tables import touched
from tests.support.school import PASSWORD, address_of

# What the text of a statement lets in is the same on every server: a `where` without one of its predicates.
pytestmark = pytest.mark.once

_PREDICATES = re.compile(
    # At each place, so that a predicate within another is found too. The parts below see names from their beginning.
    r"""
    (?<![\w.$]) (?=(
        exists\ \(select\ from\ lms\.can_\w+\([^()]*\)\)
        # a policy function, two levels of brackets in it
        | lms\.can_(?!attend|hold)\w+\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)
        | actor\.role\ (?:=\ '\w+'|in\ \([^)]*\))
        | (?:\w+\.)?role\ =\ '\w+'
        | target\.by_\w+
        | [\w.]+\ =\ (?:actor\.user_id|can_attend\.\w+)
        | user_id\ =\ (?:lecturer_id|seen_id)
        | (?:\w+\.)?(?!migration|term)\w+_id\ =\ \$\d
        | users\.user_id\ =\ coalesce\((?:[^()]|\([^()]*\))*\)
        | users\.user_id\ =\ sessions\.user_id
        | session\.user_id\ =\ people\.user_id
        | (?<=where\ )people\.active
        | sessions\.user_id\ =\ updated\.user_id
        | sessions\.token_hash\ (?:=|<>)\ (?:\$1|any\(\$1\)|actor\.token_hash)
        | sessions\.revoked_at\ is\ null
        | sessions\.expires_at\ >\ now\(\)
        | sessions\.last_seen_at\ \+\ sessions\.idle_timeout\ >\ now\(\)
        | account_tokens\.token_hash\ =\ \$1
        | account_tokens\.used_at\ is\ null
        | account_tokens\.expires_at\ >\ now\(\)
        | account_tokens\.user_id\ =\ updated\.user_id
        | (?<!'active',\ )users\.deactivated_at\ is\ null(?!\ as)     # not where it is shown
        | updated\.deactivated_at\ is\ not\ null
        | \w+\.email\ =\ (?:\$\d|credentials\.email)
        | (?:\w+\.)?state\ in\ \([^)]*\)
        | [\w.]*state\ <>\ 'draft'
    ))
    """,
    re.VERBOSE,
)

_FUNCTION = re.compile(
    r"^create (?:or replace )?(function lms\.(\w+)\(.*?^end;(?:\n\$\$;)?)", re.MULTILINE | re.DOTALL
)
_BODY = re.compile(r"^begin atomic|^as \$\$", re.MULTILINE)

_LECTURERS_ARE = (
    "courses_lecturer_id_fk: whoever a course names as its lecturer has that role, or it is refused"
)
_STUDENTS_ARE = (
    "student_enrollments_student_id_fk: whoever is on a course has the role of a student, or it is refused"
)

EQUIVALENT = {
    "courses/list_courses: actor.role = 'student'": _STUDENTS_ARE,
    "courses/list_courses_by_lecturer: actor.role = 'student'": _STUDENTS_ARE,
    "courses/list_courses_by_term: actor.role = 'student'": _STUDENTS_ARE,
    "lms.can_attend: can_attend.role = 'student'": _STUDENTS_ARE,
    "attempts/list_attempts: actor.role = 'student'": (
        "quiz_attempts_student_id_fk: whoever takes a quiz has the role of a student, or it is refused"
    ),
    "users/update_user: people.active": (
        "lms.actor() has seen to it, unless the account is closed at the same moment: see tests/sql/test_update_user.py"
    ),
    "auth/revoke_session: sessions.user_id = actor.user_id": (
        "the session that the token names is the one that lms.actor found this user by"
    ),
    "performance/list_performance: actor.role = 'lecturer'": _LECTURERS_ARE,
    "courses/list_courses: actor.role = 'lecturer'": _LECTURERS_ARE,
    "courses/list_courses_by_lecturer: actor.role = 'lecturer'": _LECTURERS_ARE,
    "courses/list_courses_by_term: actor.role = 'lecturer'": _LECTURERS_ARE,
    "lms.can_teach: role = 'lecturer'": _LECTURERS_ARE,
}
"""Predicates that change no answer when they are deleted, and why they cannot."""


@dataclass(frozen=True)
class Mutant:
    """A query file or function with one predicate made true."""

    place: str
    predicate: str
    original: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.predicate}"


def mutants_of(place: str, text: str) -> Iterator[Mutant]:
    """One mutant for each predicate outside the comments."""
    plain = re.sub(r"--[^\n]*", lambda comment: " " * len(comment[0]), text)
    for found in _PREDICATES.finditer(plain):
        # `true or`, so that every parameter keeps its type.
        mutated = f"{text[: found.start()]}(true or {found[1]}){text[found.end(1) :]}"
        yield Mutant(place, found[1], text, mutated)


def functions() -> dict[str, str]:
    """The functions as the latest migration defines them, without `create`."""
    scripts = [path.read_text() for path in sorted((ROOT / "migrations").glob("[0-9]*.sql"))]
    return {name: text for script in scripts for text, name in _FUNCTION.findall(script)}


def _body(function: str) -> int:
    """Where the body of a function begins."""
    found = _BODY.search(function)
    assert found is not None
    return found.start()


STATEMENTS = {query.name: query.text for query in load_queries().values()}
MUTANTS = [mutant for name, text in STATEMENTS.items() for mutant in mutants_of(name, text)]
FUNCTION_MUTANTS = [
    mutant
    for name, text in functions().items()
    for mutant in mutants_of(f"lms.{name}", text)
    # Not the name and the types of a function of one's own.
    if _body(mutant.text) == _body(text)
]

ROWS = {str(row): row for row in read_table()}


class Sent:
    """What the service sends instead of its own statements, and which of them it sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.instead: dict[str, str] = {}
        self.names: set[str] = set()
        self._names = {text: name for name, text in STATEMENTS.items()}
        for kind in (Pool, Transaction):
            for method in ("fetch", "execute"):
                monkeypatch.setattr(kind, method, self._sending(getattr(kind, method)))

    def _sending(self, send: Any) -> Any:
        async def instead(sender: Any, statement: str, arguments: tuple[Any, ...]) -> Any:
            self.names.add(self._names[statement])
            return await send(sender, self.instead.get(statement, statement), arguments)

        return instead

    def statement(self, name: str) -> str:
        return self.instead.get(STATEMENTS[name], STATEMENTS[name])

    @contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[None]:
        self.instead = {mutant.original: mutant.text}
        try:
            yield
        finally:
            self.instead = {}


@pytest.fixture(scope="module")
def sent() -> Iterator[Sent]:
    """The running service, whose statements can be exchanged."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Sent(monkeypatch)


@dataclass
class Checks:
    """The matrix, and what a matrix of requests with ids cannot ask."""

    matrix: Matrix
    sent: Sent
    _rows_of: dict[str, set[str]] | None = None

    def rows_of(self, name: str) -> set[str]:
        """The rows of the matrix that send a query file."""
        if self._rows_of is None:
            self._rows_of = {}
            for row in ROWS.values():
                self.sent.names.clear()
                assert [*self.row(row, ("lecturer", "super_admin"))] == []
                for found in self.sent.names:
                    self._rows_of.setdefault(found, set()).add(str(row))
        return self._rows_of.get(name, set())

    def row(self, row: Row, principals: tuple[str, ...]) -> Iterator[str]:
        for principal in principals:
            yield from self.matrix.differences(row, principal)

    def first_difference(self, rows: list[str], principals: tuple[str, ...]) -> str | None:
        """The first thing that is not as it should be, and everything put back."""
        asked = (difference for name in rows for difference in self.row(ROWS[name], principals))
        try:
            return next(asked, None) or next(self.all(), None)
        finally:
            self.matrix.tables.restore()

    def all(self) -> Iterator[str]:
        yield from self.logins()
        yield from self.closed_meanwhile()
        yield from self.demoted_meanwhile()
        yield from self.keys()
        yield from self.touches()
        yield from self.steps()
        yield from self.deliveries()
        yield from self.imports()
        yield from self.links()
        yield from self.issued()
        yield from self.uploads()
        yield from self.doors()
        yield from self.attempts()
        yield from self.regrades()
        yield from self.dashboards()

    def logins(self) -> Iterator[str]:
        """One session for whoever knows the password of an open account; all others are told the same."""
        refusals = set()
        for name in ("lecturer", "disabled", "nobody"):
            before = self.matrix.tables.rows()
            answer = self.matrix.client.post(
                "/auth/login", json={"email": address_of(name), "password": PASSWORD}
            )
            changes = touched(before, self.matrix.tables.rows())
            if name != "lecturer":
                refusals.add(answer.text)
                if answer.status_code != 401 or changes:
                    yield f"login of {name}: {answer.status_code}, {changes}"
            elif answer.status_code != 200 or len(changes) != 1:
                yield f"login of {name}: {answer.status_code}, {changes}"
            elif answer.json()["user"]["email"] != address_of(name):
                yield f"login of {name}: {answer.json()}"
        if len(refusals) > 1:
            yield f"told apart: {refusals}"
        self.matrix.tables.restore()

    def closed_meanwhile(self) -> Iterator[str]:
        """No session for an account that is closed while its password is verified."""
        user_id = self.matrix.school.principals["disabled"].user_id
        if self._run("auth/create_session", (b"\1" * 32, user_id, 1, 1)):
            yield "a session for a closed account"

    def demoted_meanwhile(self) -> Iterator[str]:
        """No password for others from an administrator who ceases to be one while it is hashed."""
        someone = self.matrix.school.people["newcomer"]
        found = self._run("users/set_password", (token_hash(self.token("lecturer")), someone, "$argon2id$"))
        if found != [(None,)]:
            yield f"a password from a lecturer: {found}"

    def touches(self) -> Iterator[str]:
        """Noting which sessions were used wakes none that idled out, and touches no other."""
        self.matrix.tables.connection.execute(
            "update lms.sessions set last_seen_at = last_seen_at - interval '1 minute'"
        )
        for name, expected in (("idle", 0), ("lecturer", 1)):
            if (
                self._run(
                    "sessions/touch_sessions", (json.dumps([token_hash(self.token(name)).hex()]),), count=True
                )
                != expected
            ):
                yield f"noting the session of {name}: not {expected} touched"
        self.matrix.tables.restore()

    def keys(self) -> Iterator[str]:
        """An Idempotency-Key of another person is another key."""
        answers: dict[str, list[httpx.Response]] = {"lecturer": [], "other_lecturer": []}
        for _ in range(2):
            for name, got in answers.items():
                got.append(
                    self.matrix.client.post(
                        "/courses",
                        headers={**self.matrix.school.headers(name), "Idempotency-Key": "the-same"},
                        json={
                            "code": name.upper(),
                            "title": name,
                            "term_id": str(self.matrix.school.own["term_id"]),
                            "capacity": 1,
                        },
                    )
                )
        for name, (first, again) in answers.items():
            if first.status_code != 201 or again.content != first.content:
                yield f"the key of {name}: {first.text}, then {again.text}"
        self.matrix.tables.restore()

    def steps(self) -> Iterator[str]:
        """A step that only a teacher takes is told from one that nobody does."""
        school = self.matrix.school
        for name, state, rule in (
            ("dropped_student", "active", "student_enrollments_state_own"),
            ("dropped_student", "completed", "student_enrollments_state_step"),
        ):
            answer = self.matrix.client.patch(
                f"/courses/{school.own['course_id']}/enrollments/{school.people[name]}",
                headers={**school.headers(name), "If-Match": "*"},
                json={"state": state},
            )
            if answer.json().get("type") != f"urn:lms:problem:{rule}":
                yield f"{name} to {state}: {answer.text}"
        self.matrix.tables.restore()

    def deliveries(self) -> Iterator[str]:
        """A worker says of one mail how it went, and of no other."""
        connection = self.matrix.tables.connection
        connection.execute("update lms.email_outbox set state = 'queued', settled_at = null, attempts = 1")
        delivery_id = self.matrix.school.own["delivery_id"]
        for name, arguments in (
            ("deliveries/settle_delivery", (delivery_id, 1, "sent", "250 OK")),
            ("deliveries/postpone_delivery", (delivery_id, 1, "451 Later", 30)),
        ):
            if self._run(name, arguments, count=True) != 1:
                yield f"{name}: not one mail"
        self.matrix.tables.restore()

    def regrades(self) -> Iterator[str]:
        """A worker goes on with one regrade and no other; and what is out of date elsewhere is not so here."""
        connection, school = self.matrix.tables.connection, self.matrix.school
        connection.execute("update lms.regrades set state = 'running', finished_at = null, claims = 1")
        if self._run("regrades/continue_regrade", (school.own["regrade_id"], 1, 1, 5), count=True) != 1:
            yield "regrades/continue_regrade: not one regrade"
        if self._run("regrades/leave_attempt", (school.own["regrade_id"], 1, 5), count=True) != 1:
            yield "regrades/leave_attempt: not one regrade"
        connection.execute("update lms.quiz_attempts set graded_by_key = 0 where state = 'graded'")
        key = f"/quizzes/{school.own['quiz_id']}/versions/1/key"
        headers = school.headers("lecturer")
        shown = self.matrix.client.get(key, headers=headers)
        if shown.json().get("regrade_due") is not False:
            yield f"a key of attempts elsewhere: {shown.text}"
        corrected = self.matrix.client.put(
            key, headers=headers | {"If-Match": "*"}, json={"key": shown.json()["key"]}
        )
        if corrected.json().get("regrade_due") is not False:
            yield f"a key of attempts elsewhere, corrected: {corrected.text}"
        self.matrix.tables.restore()

    def imports(self) -> Iterator[str]:
        """Each statement of an import decides for itself, and the first one before the file is looked at."""
        course_id = self.matrix.school.own["course_id"]
        for name, where in (("other_lecturer", course_id), ("lecturer", NO_ID)):
            token = token_hash(self.token(name))
            for statement, rest, expected in (
                ("courses/lock_taught_course", (), [(None,)]),
                ("enrollments/import_enrollments", ("[]", False), [(None, None)]),
            ):
                if (found := self._run(statement, (token, where, *rest))) != expected:
                    yield f"{statement} by {name} on {where}: {found}"
            answer = self.matrix.client.post(
                f"/courses/{where}/enrollments/import",
                headers={**self.matrix.school.headers(name), "Content-Type": "text/plain"},
                content=b"not even looked at",
            )
            if answer.status_code != 404:
                yield f"a file of {name} on {where}: {answer.text}"

    def links(self) -> Iterator[str]:
        """A link opens its account once, in time and while it is open; then all links to it end, and no other."""
        connection, people = self.matrix.tables.connection, self.matrix.school.people
        made = {
            "fresh": ("invited_student", "1 hour", None),
            "second": ("invited_student", "1 hour", None),
            "used": ("invited_student", "1 hour", "2026-01-01T00:00:00Z"),
            "late": ("invited_student", "-1 second", None),
            "closed": ("closed_student", "1 hour", None),
            "another": ("newcomer", "1 hour", None),
        }
        for name, (whose, valid, used_at) in made.items():
            connection.execute(
                "insert into lms.account_tokens (token_hash, user_id, created_at, expires_at, used_at) "
                "values (%s, %s, now() - interval '1 day', now() + %s::interval, %s)",
                (token_hash(name), people[whose], valid, used_at),
            )
        for name in ("used", "late", "closed", "absent"):
            for statement, rest in (("read_account_token", ()), ("redeem_account_token", ("$argon2id$",))):
                if found := self._run(f"account_tokens/{statement}", (token_hash(name), *rest)):
                    yield f"{statement} of the link {name}: {found}"
        if self._run("account_tokens/read_account_token", (token_hash("fresh"),)) != [
            (people["invited_student"],)
        ]:
            yield "the link is read as somebody else's"
        administrator = token_hash(self.token("super_admin"))
        for statement, arguments in (
            ("account_tokens/redeem_account_token", (token_hash("fresh"), "$argon2id$")),
            ("users/set_password", (administrator, people["invited_student"], "$argon2id$")),
        ):
            before = self.matrix.tables.rows()
            with connection.transaction(force_rollback=True), psycopg.RawCursor(connection) as cursor:
                cursor.execute(self.sent.statement(statement).encode(), arguments)
                changes = touched(before, self.matrix.tables.rows())
            ended = {
                json.loads(row.partition(" ")[2])["token_hash"]
                for row in changes
                if "account_tokens" in row[:15]
            }
            expected = {"\\x" + token_hash(name).hex() for name in ("fresh", "second", "late")}
            if ended != expected:
                yield f"{statement} ended {ended}"
            opened = {
                json.loads(row.partition(" ")[2])["user_id"] for row in changes if row.startswith("users ")
            }
            if opened != {str(people["invited_student"])}:
                yield f"{statement} opened {opened}"
        self.matrix.tables.restore()

    def issued(self) -> Iterator[str]:
        """A link is made to an account that is open and has no password, and to no other."""
        people = self.matrix.school.people
        self.matrix.tables.connection.execute(
            "update lms.users set password_hash = '!' where user_id = %s", (people["closed_student"],)
        )
        for name, number in (("invited_student", 1), ("closed_student", 0), ("newcomer", 0)):
            if len(self._run("account_tokens/issue_account_token", (bytes(32), people[name], 1))) != number:
                yield f"links to the account of {name}: not {number}"

    def uploads(self) -> Iterator[str]:
        """An upload begins and ends for whoever teaches the course, and each statement is about one file."""
        connection, school = self.matrix.tables.connection, self.matrix.school
        announce = "insert into lms.files (course_id, state, due_at) values (%s, %s, now()) returning file_id"
        under_way, *_ = (
            one(connection, announce, (school.own["course_id"], state))
            for state in ("uploading", "uploading", "deleting", "deleting")
        )
        stored = (1, "text", "New", "new.txt", "text/plain", 1, bytes(32))
        hashes = {name: token_hash(self.token(name)) for name in ("student", "lecturer", "other_lecturer")}
        for name in ("student", "other_lecturer"):
            begun = self._run("files/create_file", (hashes[name], school.own["course_id"], 1))
            ended = self._run("materials/create_uploaded_material", (hashes[name], under_way, *stored))
            if (begun, ended) != ([(None, None)], [(None, None)]):
                yield f"an upload of {name}: {begun}, {ended}"
        number = "select count(*) from lms.files where state = 'uploading'"
        with connection.transaction(force_rollback=True), psycopg.RawCursor(connection) as cursor:
            cursor.execute(
                self.sent.statement("materials/create_uploaded_material").encode(),
                (hashes["lecturer"], under_way, *stored),
            )
            ended, left = cursor.fetchall(), one(connection, number)
        if (len(ended), left) != (1, 1):
            yield f"an upload that stores others: {ended}"
        for name, state in (("abandon_file", "uploading"), ("delete_file", "deleting")):
            file_id = one(
                connection, "select min(file_id::text)::uuid from lms.files where state = %s", (state,)
            )
            if (number := self._run(f"files/{name}", (file_id,), count=True)) != 1:
                yield f"{name}: {number}"
        self.matrix.tables.restore()

    def doors(self) -> Iterator[str]:
        """A door to the keys, or to attempts, decides for itself, whatever the statement around it says."""
        connection, school = self.matrix.tables.connection, self.matrix.school
        known = {"quiz": school.own["quiz_id"]}
        for name in ("student", "dropped_student"):
            known[name] = one(
                connection,
                "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score) "
                "values (%s, 2, %s, 1, 2) returning attempt_id",
                (known["quiz"], school.people[name]),
            )
        calls = {
            "read_answer_key(%(token)s, %(quiz)s, 1)": ("student", "other_lecturer"),
            "correct_answer_key(%(token)s, %(quiz)s, 1, 99, '{}')": ("student", "other_lecturer"),
            "save_quiz_version(%(token)s, %(quiz)s, 99, '[]', '{}')": ("student", "other_lecturer"),
            "review_attempt(%(token)s, %(student)s, 99, '{}')": ("student", "other_lecturer"),
            "submit_attempt(%(token)s, %(student)s, null)": ("classmate", "lecturer"),
            "submit_attempt(%(token)s, %(dropped_student)s, null)": ("dropped_student",),
            "reveal_answer_key(%(token)s, %(student)s)": ("classmate", "lecturer"),
            "reveal_answer_key(%(token)s, %(dropped_student)s)": ("dropped_student",),
        }
        connection.execute(
            "update lms.quiz_attempts set state = 'submitted', submitted_at = now(), feedback = '{}', "
            "score = null, graded_at = null"
        )
        for call, names in calls.items():
            for name in names:
                arguments = known | {"token": token_hash(self.token(name))}
                door = f"select * from lms.{call}".encode()  # noqa: S608 - one of those above
                if found := connection.execute(door, arguments).fetchall():
                    yield f"{call} for {name}: {found}"
        self.matrix.tables.restore()

    def attempts(self) -> Iterator[str]:
        """Nobody takes a draft, or is told what is wrong with answers that are not theirs to give; one of two ends."""
        school = self.matrix.school
        wrong = {"answers": {"nonsense": 1}}
        for name, key in (
            ("classmate", "attempt_id"),
            ("lecturer", "attempt_id"),
            ("dropped_student", "dropped_attempt_id"),
        ):
            answer = self.matrix.client.post(
                f"/attempts/{school.own[key]}/submit", headers=school.headers(name), json=wrong
            )
            if answer.status_code != 404:
                yield f"wrong answers of {name}: {answer.text}"
        # With an attempt at another quiz under way as well.
        for path, body in (
            (f"/quizzes/{school.own['quiz_id']}/attempts", None),
            (f"/attempts/{school.own['attempt_id']}/submit", {}),
        ):
            answer = self.matrix.client.post(path, headers=school.headers("student"), json=body)
            if not answer.is_success:
                yield f"one of two attempts: {answer.text}"
        self.matrix.tables.restore()
        self.matrix.tables.connection.execute(
            "update lms.quizzes set state = 'draft' where quiz_id = %(quiz_id)s", school.own
        )
        answer = self.matrix.client.post(
            f"/quizzes/{school.own['quiz_id']}/attempts", headers=school.headers("student")
        )
        if answer.status_code != 404:
            yield f"a draft is taken: {answer.text}"
        self.matrix.tables.restore()
        # The school has one in progress, and one that is graded, of a classmate.
        self.matrix.tables.connection.execute(
            "update lms.quiz_attempts set state = 'submitted', score = null, graded_at = null "
            "where attempt_id = %(graded_attempt_id)s",
            school.own,
        )
        answer = self.matrix.client.get(
            f"/quizzes/{school.own['taken_quiz_id']}/attempts", headers=school.headers("student")
        )
        self.matrix.tables.restore()
        if str(school.own["graded_attempt_id"]) in answer.text:
            yield "the essay of a classmate"

    def dashboards(self) -> Iterator[str]:
        """Who dropped a course is none of its students, and a draft no column."""
        headers = self.matrix.school.headers("lecturer")
        course = f"/courses/{self.matrix.school.own['course_id']}"
        students = self.matrix.client.get(f"{course}/dashboard", headers=headers).json().get("students")
        self.matrix.tables.connection.execute(
            "insert into lms.topic_performance (student_id, course_id, week_number, attempts, best_score, "
            "last_score, average_score, mastery) values (%s, %s, 1, 1, 1, 1, 1, 'mastered')",
            (self.matrix.school.people["dropped_student"], self.matrix.school.own["course_id"]),
        )
        weeks = self.matrix.client.get(f"{course}/dashboard", headers=headers).json().get("weeks", [])
        self.matrix.tables.restore()
        if any(week["mastered"] for week in weeks):
            yield "what was mastered by who dropped the course"
        if students != (expected := 3):
            yield f"{students} students of the course, not {expected}"
        quizzes = self.matrix.client.get(f"{course}/gradebook", headers=headers).json().get("quizzes", [])
        if any(quiz["state"] == "draft" for quiz in quizzes):
            yield "a draft in the gradebook"
        self.matrix.tables.connection.execute(
            "insert into lms.student_enrollments (student_id, course_id, state) values (%s, %s, 'active')",
            (self.matrix.school.own["student_id"], self.matrix.school.foreign["course_id"]),
        )
        shown = self.matrix.client.get(
            f"/students/{self.matrix.school.own['student_id']}/performance", headers=headers
        )
        self.matrix.tables.restore()
        if str(self.matrix.school.foreign["course_id"]) in shown.text:
            yield "a lecturer is shown how a student fares elsewhere"
        self.matrix.tables.connection.execute("update lms.student_enrollments set state = 'completed'")
        shown = self.matrix.client.get(
            f"/students/{self.matrix.school.own['student_id']}/dashboard",
            headers=self.matrix.school.headers("student"),
        )
        self.matrix.tables.restore()
        if str(self.matrix.school.own["draft_course_id"]) in shown.text:
            yield "a draft on the dashboard of who completed it"
        dropped = self.matrix.client.get(
            f"/students/{self.matrix.school.people['dropped_student']}/dashboard",
            headers=self.matrix.school.headers("dropped_student"),
        )
        if dropped.json().get("open_quizzes"):
            yield "who dropped a course goes on with a quiz of it"

    def token(self, name: str) -> str:
        token = self.matrix.school.principals[name].token
        assert token is not None
        return token

    def _run(self, name: str, arguments: tuple[Any, ...], *, count: bool = False) -> Any:
        """Rows of a query file, or how many it affected, sent straight to the server and taken back."""
        connection = self.matrix.tables.connection
        with connection.transaction(force_rollback=True), psycopg.RawCursor(connection) as cursor:
            cursor.execute(self.sent.statement(name).encode(), arguments)
            return cursor.rowcount if count else cursor.fetchall()


@pytest.fixture(scope="module")
def checks(matrix: Matrix, sent: Sent) -> Checks:
    return Checks(matrix, sent)


def test_as_they_are_the_statements_pass_every_check(checks: Checks) -> None:
    assert [*checks.all()] == []


def test_every_file_that_asks_who_acts_decides_by_it_or_shows_what_everybody_may_see() -> None:
    """A file without a predicate has none to delete. These say in their header who may see it: everybody."""
    decided = {mutant.place for mutant in MUTANTS if not re.fullmatch(r"\S+_id = \$\d", mutant.predicate)}
    asking = {name for name, text in STATEMENTS.items() if "lms.actor($1)" in text}
    assert asking - decided == {
        "auth/read_actor",
        "idempotency_keys/claim_idempotency_key",
        "terms/list_terms",
        "terms/read_term",
        # Decided behind the door that it goes through.
        "answer_keys/put_answer_key",
        "answer_keys/read_answer_key",
        "attempts/submit_attempt",
        "grades/put_grade",
        "quizzes/import_questions",
        "quizzes/put_questions",
    }


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_without_a_predicate_of_a_query_file_something_fails(checks: Checks, mutant: Mutant) -> None:
    rows = sorted(checks.rows_of(mutant.place))
    _must_be_valid(checks, mutant)
    with checks.sent.mutated(mutant):
        found = checks.first_difference(rows, LET_IN)
    _judge(mutant, found)


@pytest.mark.parametrize("mutant", FUNCTION_MUTANTS, ids=str)
def test_without_a_predicate_of_a_function_something_fails(
    checks: Checks, admin: psycopg.Connection[Any], mutant: Mutant
) -> None:
    rows = sorted({row for name in STATEMENTS if _calls(name, mutant.place) for row in checks.rows_of(name)})
    # Who is let in at all is lms.actor() to say.
    principals = (*LOCKED_OUT, *LET_IN) if mutant.place == "lms.actor" else LET_IN
    admin.execute(f"create or replace {mutant.text}".encode())
    try:
        found = checks.first_difference(rows, principals)
    finally:
        admin.execute(f"create or replace {mutant.original}".encode())
    _judge(mutant, found)


def test_the_list_of_equivalents_holds_nothing_that_is_gone() -> None:
    assert set(EQUIVALENT) <= {str(mutant) for mutant in (*MUTANTS, *FUNCTION_MUTANTS)}


def _calls(name: str, function: str) -> bool:
    return f"{function}(" in STATEMENTS[name]


def _judge(mutant: Mutant, found: str | None) -> None:
    if str(mutant) in EQUIVALENT:
        assert found is None, "it can be told after all: take it off the list"
    else:
        assert found is not None, "nothing fails without it"


def _must_be_valid(checks: Checks, mutant: Mutant) -> None:
    """A statement that PostgreSQL does not take would fail every test, and prove nothing."""
    result = checks.matrix.tables.connection.pgconn.prepare(b"", mutant.text.encode())
    assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, result.error_message
