"""The audit: each change to an account or an enrolment leaves one row, with it or not at all; nothing else does."""

import random
import secrets
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg.rows import class_row, dict_row

from api.database.queries import load_queries
from api.models.audit_events import AuditEventPage
from tests.conftest import TestDatabase
from tests.http.matrix import ABSENT
from tests.http.support import Client, at_once, one
from tests.http.tables import Tables
from tests.support.school import PASSWORD, School, address_of

pytestmark = pytest.mark.usefixtures("restored")

CANARY = "canary"
"""Stands in every name, address and password that is sent here."""

PEOPLE = ("super_admin", "lecturer", "other_lecturer", "student", "classmate", "invited_student")
"""Who acts. Nobody closes their accounts or sets their passwords here, so that they can go on."""


class Event(NamedTuple):
    """A row of audit, as it is to be expected."""

    actor_id: UUID
    action: str
    user_id: UUID
    course_id: UUID | None
    changes: dict[str, Any]


@dataclass
class Campaign:
    """Random requests of random people, each compared with what it left in the audit."""

    service: httpx.Client
    school: School
    admin: psycopg.Connection[Any]
    chance: random.Random
    made: list[UUID] = field(default_factory=list)
    """Accounts that were made on the way."""
    codes: Counter[int] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    numbers: int = 0

    def step(self) -> None:
        """One request. If it was a success there is one row more, the right one; otherwise there is none."""
        last = one(self.admin, "select max(audit_event_id::text) from lms.audit_events")
        operations: list[Callable[[str], Event | None]] = [
            *[self.create_user] * 3,
            *[self.update_user] * 5,
            *[self.update_settings] * 3,
            *[self.set_password] * 2,
            *[self.change_password] * 2,
            *[self.enroll] * 5,
            *[self.update_enrollment] * 8,
        ]
        # Half of them by an administrator, so that in some hundred steps there is a success of every kind.
        who = "super_admin" if self.chance.random() < 0.5 else self.chance.choice(PEOPLE)
        expected = self.chance.choice(operations)(who)
        with self.admin.cursor(row_factory=class_row(Event)) as cursor:
            found = cursor.execute(
                "select actor_id, action, user_id, course_id, changes from lms.audit_events "
                "where audit_event_id::text > %s",
                (last,),
            ).fetchall()
        assert found == ([expected] if expected else []), self.codes
        self.rows.update(event.action for event in found)

    # Each of these says what row it should leave, or None where it was refused.

    def create_user(self, who: str) -> Event | None:
        role = self.chance.choice(["student", "student", "lecturer", "super_admin", "nonsense"])
        document = {"email": self.new_address(), "full_name": self.new_name(), "role": role}
        answer = self.send(who, "POST", "/users", document, **self.key())
        if answer is None:
            return None
        user_id = UUID(answer.json()["id"])
        self.made.append(user_id)
        return self.event(who, "users.create", user_id, role={"from": None, "to": role})

    def update_user(self, who: str) -> Event | None:
        user_id = self.somebody(who)
        patch: dict[str, Any] = {}
        if self.chance.random() < 0.5:
            patch["full_name"] = self.chance.choice([self.new_name(), self.kept(user_id, "full_name")])
        if self.chance.random() < 0.3:
            patch["email"] = self.chance.choice([self.new_address(), self.kept(user_id, "email")])
        if user_id in self.made and self.chance.random() < 0.4:
            patch["role"] = self.chance.choice(["student", "lecturer", "super_admin"])
        if user_id in self.made and self.chance.random() < 0.4:
            patch["active"] = self.chance.choice([True, False])
        before = self.account(user_id)
        if self.send(who, "PATCH", f"/users/{user_id}", patch, **self.condition()) is None:
            return None
        after = self.account(user_id)
        changes: dict[str, Any] = {
            name: {"from": before[name], "to": after[name]} if name in ("role", "active") else True
            for name in after
            if after[name] != before[name]
        }
        return self.event(who, "users.update", user_id, None, **changes)

    def update_settings(self, who: str) -> Event | None:
        user_id = self.somebody(who)
        patch = self.chance.choice(
            [
                {"theme": "dark"},
                {"language": None},
                {"language": CANARY},
                {"notifications": {"quizzes": True}},
            ]
        )
        answer = self.send(who, "PATCH", f"/users/{user_id}/settings", patch, **self.condition())
        return self.event(who, "users.update_settings", user_id, settings=True) if answer else None

    def set_password(self, who: str) -> Event | None:
        user_id = self.chance.choice([*self.made, ABSENT["user_id"], self.school.people["super_admin"]])
        document = {"new_password": f"{CANARY} {self.chance.random()}"}
        answer = self.send(who, "PUT", f"/users/{user_id}/password", document)
        return self.event(who, "users.set_password", user_id, password=True) if answer else None

    def change_password(self, who: str) -> Event | None:
        # To what it is: the next time it has to be right again.
        document = {
            "current_password": self.chance.choice([PASSWORD, f"{CANARY} of another"]),
            "new_password": PASSWORD,
        }
        answer = self.send(who, "POST", "/auth/password", document)
        actor_id = self.school.people[who]
        return self.event(who, "auth.change_password", actor_id, password=True) if answer else None

    def enroll(self, who: str) -> Event | None:
        course_id, student_id = self.a_course(), self.chance.choice([*self.made, *self.students()])
        state = self.chance.choice(["active", "invited"])
        answer = self.send(
            who,
            "POST",
            f"/courses/{course_id}/enrollments",
            {"student_id": str(student_id), "state": state},
            **self.key(),
        )
        if answer is None:
            return None
        return self.event(who, "enrollments.create", student_id, course_id, state={"from": None, "to": state})

    def update_enrollment(self, who: str) -> Event | None:
        rows = self.admin.execute(
            "select student_id, course_id, state from lms.student_enrollments order by student_id, course_id"
        ).fetchall()
        student_id, course_id, state = self.chance.choice(rows)
        following = self.chance.choice(["invited", "active", "completed", "dropped"])
        address = f"/courses/{course_id}/enrollments/{student_id}"
        if self.send(who, "PATCH", address, {"state": following}, **self.condition()) is None:
            return None
        return self.event(
            who, "enrollments.update", student_id, course_id, state={"from": state, "to": following}
        )

    def send(
        self, who: str, method: str, address: str, document: Any, **headers: str
    ) -> httpx.Response | None:
        """The answer to a request that took effect. Sent again under its key, it does not take effect again."""
        client = Client(self.service, self.school, who)
        answer = client.send(method, address, document, headers)
        self.codes[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        if answer.is_success and "Idempotency-Key" in headers:
            again = client.send(method, address, document, headers)
            assert (again.content, again.headers["idempotency-replayed"]) == (answer.content, "true")
        return answer if answer.is_success else None

    def event(
        self, who: str, action: str, user_id: UUID, course_id: UUID | None = None, **changes: Any
    ) -> Event:
        return Event(self.school.people[who], action, user_id, course_id, changes)

    def key(self) -> dict[str, str]:
        self.numbers += 1
        return {"Idempotency-Key": f"key-{self.numbers}"} if self.chance.random() < 0.3 else {}

    def condition(self) -> dict[str, str]:
        return {"If-Match": self.chance.choice(["*", "*", "*", '"1"', '"2"'])}

    def new_address(self) -> str:
        self.numbers += 1
        # Now and then one that is taken.
        return f"{CANARY}{self.numbers - self.chance.randrange(3)}@school.example"

    def new_name(self) -> str:
        return f"{CANARY.title()} {self.chance.randrange(1_000)}"

    def students(self) -> list[UUID]:
        return [self.school.people[name] for name in ("newcomer", "alumnus", "student", "closed_student")]

    def somebody(self, who: str) -> UUID:
        """An account, half the time one's own."""
        others = [*self.made, *self.students(), ABSENT["user_id"]]
        return self.school.people[who] if self.chance.random() < 0.5 else self.chance.choice(others)

    def a_course(self) -> UUID:
        own, foreign = self.school.own, self.school.foreign
        found: UUID = self.chance.choice([own["course_id"], own["empty_course_id"], foreign["course_id"]])
        return found

    def kept(self, user_id: UUID, name: str) -> Any:
        return self.account(user_id).get(name, address_of("absent"))

    def account(self, user_id: UUID) -> dict[str, Any]:
        with self.admin.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(
                "select email, full_name, role, deactivated_at is null as active from lms.users where user_id = %s",
                (user_id,),
            ).fetchone()
        return found or {}


@pytest.fixture
def campaign(
    service: httpx.Client, school: School, admin: psycopg.Connection[Any], restored: Tables
) -> Campaign:
    assert restored
    admin.execute(
        "update lms.users set email = %s || email, full_name = %s || full_name where email like '%%student%%'",
        (CANARY, CANARY.title()),
    )
    admin.execute("update lms.courses set capacity = 100000")
    return Campaign(service, school, admin, random.Random())  # noqa: S311 - seeded by the test


def test_each_write_leaves_its_row_and_no_refusal_leaves_any(
    campaign: Campaign, full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = 10_000 if full else 400
    seed = secrets.randbits(32)
    campaign.chance.seed(seed)
    before = one(campaign.admin, "select count(*) from lms.audit_events")
    for number in range(steps):
        try:
            campaign.step()
        except AssertionError as error:
            raise AssertionError(f"step {number} of seed {seed}") from error
    after = one(campaign.admin, "select count(*) from lms.audit_events")
    effects = sum(number for code, number in campaign.codes.items() if code < 300)
    assert after - before == campaign.rows.total() == effects
    assert len(campaign.rows) == 7, campaign.rows
    assert {code for code in campaign.codes if code >= 300} >= {404, 409, 412, 422}
    events = "\n".join(
        text for (text,) in campaign.admin.execute("select e::text from lms.audit_events as e")
    )
    assert CANARY not in events.lower()
    assert "example" not in events
    with capsys.disabled():
        sys.stdout.write(f"\n{steps} requests, seed {seed}: {effects} effects, {after - before} audit rows\n")


def test_every_action_is_shown_as_the_document_says(campaign: Campaign, super_admin: Client) -> None:
    campaign.chance.seed(1)
    while len(campaign.rows) < 7:
        campaign.step()
    page = super_admin.get("/audit?limit=100")
    events = AuditEventPage.model_validate_json(page.content, strict=True).items
    assert {event.action for event in events} >= set(campaign.rows)
    newest, *_ = events
    row = one(campaign.admin, "select max(audit_event_id::text) from lms.audit_events")
    assert str(newest.id) == row


def test_every_statement_that_changes_people_or_enrolments_writes_the_audit() -> None:
    changing = {
        name
        for name, query in load_queries().items()
        if any(
            f"{verb} lms.{table}" in query.statement
            for verb in ("insert into", "update", "delete from")
            for table in ("users", "student_enrollments")
        )
    }
    auditing = {
        name for name, query in load_queries().items() if "insert into lms.audit_events" in query.statement
    }
    assert len(changing) == 9
    # The rest are about quizzes, attempts and scores; handing in and reviewing are audited behind a door.
    assert auditing - changing == {
        "answer_keys/put_answer_key",
        "attempts/start_attempt",
        "quizzes/update_quiz",
        "regrades/continue_regrade",
        "regrades/create_regrade",
    }
    assert changing <= auditing


def test_the_row_is_written_in_the_transaction_of_the_change(
    super_admin: Client, admin: psycopg.Connection[Any], school: School, course: str
) -> None:
    super_admin.post("/users", {"email": "new@school.example", "full_name": "New", "role": "student"})
    super_admin.patch(f"/users/{school.people['newcomer']}", {"full_name": "New"})
    super_admin.post(f"{course}/enrollments", {"student_id": str(school.people["newcomer"])})
    super_admin.patch(f"{course}/enrollments/{school.people['classmate']}", {"state": "dropped"})
    together = admin.execute(
        "select e.action, e.xmin = coalesce(s.xmin, u.xmin) "
        "from lms.audit_events as e "
        "left join lms.student_enrollments as s on s.student_id = e.user_id and s.course_id = e.course_id "
        "left join lms.users as u on u.user_id = e.user_id "
        "where e.actor_id = %s order by e.audit_event_id",
        (school.people["super_admin"],),
    ).fetchall()
    assert together == [
        ("users.create", True),
        ("users.update", True),
        ("enrollments.create", True),
        ("enrollments.update", True),
    ]


def test_where_the_row_cannot_be_written_nothing_is(
    super_admin: Client, admin: psycopg.Connection[Any], school: School, course: str, tables: Tables
) -> None:
    newcomer = school.people["newcomer"]
    before = tables.rows()
    admin.execute("alter table lms.audit_events add constraint audit_events_none_ck check (false) not valid")
    try:
        for answer in (
            super_admin.post(
                "/users", {"email": "new@school.example", "full_name": "New", "role": "student"}
            ),
            super_admin.patch(f"/users/{newcomer}", {"active": False}),
            super_admin.patch(f"/users/{newcomer}/settings", {"theme": "dark"}),
            super_admin.put(f"/users/{newcomer}/password", {"new_password": "a sentence is fine"}),
            super_admin.post(
                "/auth/password", {"current_password": PASSWORD, "new_password": "a sentence is fine"}
            ),
            super_admin.post(f"{course}/enrollments", {"student_id": str(newcomer)}),
            super_admin.patch(f"{course}/enrollments/{school.own['student_id']}", {"state": "dropped"}),
        ):
            assert answer.status_code == 500
            assert "audit" not in answer.text
    finally:
        admin.execute("alter table lms.audit_events drop constraint audit_events_none_ck")
    assert tables.rows() == before


def test_at_once_as_one_by_one(super_admin: Client, admin: psycopg.Connection[Any], school: School) -> None:
    address = f"/users/{school.people['newcomer']}"
    works = [partial(super_admin.patch, address, {"full_name": f"Name {number}"}) for number in range(30)]
    versions = sorted(answer.json()["version"] for answer in at_once(works))
    assert versions == list(range(2, 32))
    rows = "select count(*) from lms.audit_events where user_id = %s and action = 'users.update'"
    assert one(admin, rows, (school.people["newcomer"],)) == 30


@pytest.mark.parametrize(
    "statement",
    [
        "update lms.audit_events set action = 'users.nothing'",
        "update lms.audit_events set actor_id = null",
        "delete from lms.audit_events",
        "truncate lms.audit_events",
        "insert into lms.audit_events (audit_event_id, action) values (lms.uuidv7(), 'users.update')",
        "insert into lms.audit_events (occurred_at, action) values ('2000-01-01', 'users.update')",
        "alter table lms.audit_events disable row level security",
        "drop table lms.audit_events",
    ],
)
@pytest.mark.usefixtures("school")
def test_the_service_alters_nothing_of_it_and_sets_no_time(
    module_database: TestDatabase, statement: str
) -> None:
    url = module_database.server.url(module_database.name, "lms_api")
    with psycopg.connect(url) as service, pytest.raises(psycopg.errors.InsufficientPrivilege):
        service.execute(statement.encode())


def test_no_route_changes_it(service: httpx.Client, super_admin: Client) -> None:
    routes = service.get("/schema/openapi.json").json()["paths"]
    assert {path: set(item) for path, item in routes.items() if "audit" in path} == {"/audit": {"get"}}
    assert super_admin.delete("/audit").status_code == 405
