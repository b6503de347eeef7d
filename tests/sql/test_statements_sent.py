"""What the server has seen of the service is what lies in sql/: those statements, all of them, no other."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from api.database.pool import open_pool
from api.database.queries import load_queries
from api.database.roles import SERVICE_ROLE, WORKER_ROLE
from api.http.service import Service
from api.passwords import HASHER
from api.review.server import rolled_back
from tests.conftest import TestDatabase
from tests.operations.relay import relay_settings, relaying
from tests.sql.questions import quiz
from tests.support.mail import Outbox, address_of, mail_server, wait_until
from tests.support.school import School
from tests.support.service import settings_for

PASSWORD = "open-sesame-please"
TOKEN = "t" * 43
OWN = ("begin", "commit", "rollback", "set client_encoding=")
"""What a transaction needs besides, and what PgBouncer says to a server in the name of its client."""


@pytest.fixture(scope="module")
def watched(module_database: TestDatabase, school: School) -> TestDatabase:
    """The file's database, in which the server's record of statements can be read."""
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        connection.execute(
            "update lms.users set password_hash = %s where user_id = %s",
            (HASHER.hash(PASSWORD), school.principals["lecturer"].user_id),
        )
        connection.execute(
            "insert into lms.account_tokens (token_hash, user_id, expires_at) "
            "values (sha256(%s), %s, now() + interval '1 hour')",
            (TOKEN.encode(), school.people["invited_student"]),
        )
        connection.execute("select pg_stat_statements_reset()")
    return module_database


class Sender:
    """Sends requests in somebody's name, and insists on their success."""

    def __init__(self, client: httpx.Client, school: School) -> None:
        self.client = client
        self.school = school

    def __call__(
        self, method: str, path: str, who: str = "super_admin", status: int = 200, **rest: Any
    ) -> httpx.Response:
        headers = self.school.headers(who) | rest.pop("headers", {})
        answer = self.client.request(method, path, headers=headers, **rest)
        assert answer.status_code == status, (method, path, answer.text)
        return answer

    def log_in(self, email: str, password: str) -> dict[str, str]:
        answer = self.client.post("/auth/login", json={"email": email, "password": password})
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


def _use_every_route(send: Sender) -> None:
    redemption = {"token": TOKEN, "new_password": PASSWORD}
    send.client.post("/account-tokens/redeem", json=redemption).raise_for_status()
    bearer = send.log_in("lecturer@school.example", PASSWORD)
    send.client.get("/auth/me", headers=bearer).raise_for_status()
    send.client.post("/auth/logout", headers=bearer).raise_for_status()
    send("GET", "/health/ready")
    _use_courses(send)
    user_id = _use_users(send)
    _use_enrollments(send, user_id)
    _use_attempts(send, str(send.school.own["quiz_id"]))
    for about in ("user_id", "course_id", "actor_id"):
        send("GET", "/audit", params={about: user_id})
    send("GET", "/audit")


def _use_courses(send: Sender) -> None:
    term = {"code": "SENT-1", "title": "Sent", "starts_on": "2026-01-01", "ends_on": "2026-02-01"}
    term_id = send("POST", "/terms", json=term, status=201).json()["id"]
    send("GET", "/terms")
    send("GET", f"/terms/{term_id}")
    send("PATCH", f"/terms/{term_id}", json={"title": "Sent on"}, headers=_MERGE)

    course = {"code": "SENT-1", "title": "Sent", "term_id": term_id, "capacity": 3}
    key = {"Idempotency-Key": "sent-once"}
    course_id = send("POST", "/courses", "lecturer", 201, json=course, headers=key).json()["id"]
    send("POST", "/courses", "lecturer", 201, json=course, headers=key)
    send("GET", "/courses", params={"count": "true"})
    send("GET", "/courses", params={"term_id": term_id})
    send("GET", "/courses", params={"lecturer_id": str(send.school.own["lecturer_id"])})
    send("GET", f"/courses/{course_id}")
    send("PATCH", f"/courses/{course_id}", json={"capacity": 4}, headers=_MERGE)

    syllabus = f"/courses/{course_id}/syllabus"
    send("GET", syllabus)
    send("PUT", syllabus, json={"weeks": [{"week_number": 1, "topic": "One"}]}, headers=_WHICHEVER)
    send("PUT", f"{syllabus}/2", json={"topic": "Two"}, headers=_WHICHEVER)
    send("DELETE", f"{syllabus}/1", headers=_WHICHEVER)

    _use_materials(send, f"/courses/{course_id}/materials")
    _use_quizzes(send, f"/courses/{course_id}/quizzes")
    for name in ("dashboard", "at-risk", "gradebook"):
        send("GET", f"/courses/{course_id}/{name}")
    send("DELETE", f"/courses/{course_id}", status=204, headers=_WHICHEVER)
    send("DELETE", f"/terms/{term_id}", status=204, headers=_WHICHEVER)


def _use_materials(send: Sender, materials: str) -> None:
    page = {"kind": "link", "title": "Sent", "url": "https://pages.example/sent"}
    material = f"/materials/{send('POST', materials, 'lecturer', 201, json=page).json()['id']}"
    send("PUT", f"{materials}/crawled", "lecturer", json=page | {"crawled_at": "2026-01-01T00:00:00Z"})
    send("GET", materials)
    send("GET", materials, params={"week_number": "1"})
    send("GET", material)
    send("PATCH", material, json={"title": "Sent on"}, headers=_MERGE)
    send("DELETE", material, status=204, headers=_WHICHEVER)
    form = {"title": "Sent", "kind": "text"}
    file = {"file": ("sent.txt", b"A text.")}
    uploaded = send("POST", f"{materials}/files", "lecturer", 201, data=form, files=file).json()["id"]
    send("GET", f"/materials/{uploaded}/file")
    send("DELETE", f"/materials/{uploaded}", status=204, headers=_WHICHEVER)
    send("POST", f"{materials}/files", "lecturer", 422, data=form | {"kind": "pdf"}, files=file)


def _use_quizzes(send: Sender, quizzes: str) -> None:
    made = f"/quizzes/{send('POST', quizzes, 'lecturer', 201, json={'title': 'Sent'}).json()['id']}"
    send("PUT", f"{made}/questions", json=quiz("true_false")._asdict(), headers=_WHICHEVER)
    send("GET", f"{made}/questions")
    text = {"params": {"title": "Sent"}, "content": "Green? {T}", "headers": {"Content-Type": "text/plain"}}
    send("POST", f"{quizzes}/import", "lecturer", 201, **text)
    send("GET", quizzes)
    send("GET", made)
    send("PATCH", made, json={"state": "published"}, headers=_MERGE)
    key = f"{made}/versions/1/key"
    send("GET", key)
    send("PUT", key, json={"key": quiz("true_false").key}, headers=_WHICHEVER)
    grade = f"/attempts/{send.school.own['graded_attempt_id']}/grade"
    send("GET", grade)
    send("PUT", grade, json={"reviews": {"q1": None}}, headers=_WHICHEVER)
    send("GET", send("POST", f"{made}/regrade", status=202).headers["location"])
    send("DELETE", made, status=204, headers=_WHICHEVER)


def _use_attempts(send: Sender, quiz_id: str) -> None:
    attempts = f"/quizzes/{quiz_id}/attempts"
    made = f"/attempts/{send('POST', attempts, 'student', 201).json()['id']}"
    send("POST", attempts, "student", 200)
    send("GET", attempts)
    send("GET", made)
    send("PATCH", made, "student", json={"answers": {"q1": True}}, headers=_MERGE)
    send("POST", f"{made}/submit", "student", json={})


def _use_users(send: Sender) -> str:
    """The id of a student, who is new."""
    account = {"email": "sent@school.example", "full_name": "Sent", "role": "student"}
    user_id: str = send("POST", "/users", json=account, status=201).json()["id"]
    user = f"/users/{user_id}"
    for wanted in ({}, {"role": "student"}, {"name": "se"}, {"email": "se"}):
        send("GET", "/users", params=wanted)
    send("GET", user)
    send("PATCH", user, json={"full_name": "Sent On"}, headers=_MERGE)
    send("GET", f"{user}/settings")
    send("PATCH", f"{user}/settings", json={"theme": "dark"}, headers=_MERGE)
    send("PUT", f"{user}/password", json={"new_password": PASSWORD}, status=204)
    change = {"current_password": PASSWORD, "new_password": f"{PASSWORD}, again"}
    bearer = send.log_in("sent@school.example", PASSWORD)
    send.client.post("/auth/password", json=change, headers=bearer).raise_for_status()
    return user_id


def _use_enrollments(send: Sender, student_id: str) -> None:
    enrollments = f"/courses/{send.school.own['course_id']}/enrollments"
    enrolled = send("POST", enrollments, "lecturer", 201, json={"student_id": student_id}).json()
    send("GET", f"/deliveries/{enrolled['delivery_id']}")
    send("GET", enrollments)
    send("GET", f"/students/{student_id}/enrollments")
    send("GET", f"/students/{student_id}/performance")
    send("GET", f"/students/{student_id}/dashboard")
    send("GET", f"{enrollments}/{student_id}")
    send("PATCH", f"{enrollments}/{student_id}", json={"state": "dropped"}, headers=_MERGE)
    file = "email,full_name,state\r\nnew@school.example,New,invited\r\n"
    send("POST", f"{enrollments}/import", "lecturer", content=file, headers={"Content-Type": "text/csv"})


_WHICHEVER = {"If-Match": "*"}
_MERGE = _WHICHEVER | {"Content-Type": "application/merge-patch+json"}


async def _keep_up(database: TestDatabase) -> None:
    """What the service does by itself from time to time."""
    settings = settings_for(database.server, database.name)
    service = Service(settings)
    await service.start(await open_pool(settings))
    service.seen.add(b"\0" * 32)
    await service.forget()
    await service.stop()


def test_the_server_saw_the_query_files_and_nothing_else(
    watched: TestDatabase, service: httpx.Client, school: School
) -> None:
    _use_every_route(Sender(service, school))
    asyncio.run(_keep_up(watched))

    # Sent once for each process, before the record was begun.
    assert_saw_the_files_of(watched, SERVICE_ROLE, not_sent={"catalogue/read_service_role"})


def assert_saw_the_files_of(
    database: TestDatabase, role: str, *, not_sent: Iterable[str] = (), besides: Iterable[str] = ()
) -> None:
    """Of a role the server saw the query files that are sent as it, all of them, and nothing else."""
    with psycopg.connect(database.admin_url) as connection:
        seen: dict[int, str] = dict(
            connection.execute(
                "select queryid, query from pg_stat_statements "
                "where userid = %s::regrole and toplevel "
                "and dbid = (select oid from pg_database where datname = current_database())",
                (role,),
            ).fetchall()
        )
    files = _query_ids(database, role)
    foreign = [
        text
        for query_id, text in seen.items()
        if query_id not in files.values() and not text.lower().startswith((*OWN, *besides))
    ]
    assert foreign == []
    assert {name for name, query_id in files.items() if query_id not in seen} - {*not_sent} == set()


def test_of_the_worker_it_saw_those_that_name_its_role(watched: TestDatabase, school: School) -> None:
    with psycopg.connect(watched.admin_url, autocommit=True) as connection, mail_server() as mail:
        outbox = Outbox(connection, school.own["course_id"])
        mail.to_recipient[address_of("grey")] = ["451 Come back later"]
        mail.to_recipient[address_of("gone")] = ["550 Nobody of that name"]
        queued = [
            outbox.queue("grey"),
            outbox.queue("gone"),
            outbox.queue("new", "invitation"),
            outbox.queue("old", "password_set"),
        ]
        connection.execute(
            "insert into lms.regrades (quiz_id, requested_by) values (%(taken_quiz_id)s, %(lecturer_id)s)",
            school.own,
        )
        # Nothing of it can be graded.
        connection.execute("update lms.quiz_attempts set graded_by_key = 0 where state = 'graded'")
        connection.execute(
            "alter table lms.quiz_attempts add constraint odd_ck check (graded_by_key = 0) not valid"
        )
        with relaying(relay_settings(watched, mail)):
            for delivery_id in queued:
                outbox.settled(delivery_id)
            wait_until(
                lambda: connection.execute("select from lms.regrades where rounds = 2").fetchone() is not None
            )
    # To be told of mails, and to know whom it runs as.
    besides = (
        'listen "lms_deliveries"',
        'listen "lms_regrades"',
        "-- catalogue/read_service_role",
        "select /* catalogue/read_service_role */",
    )
    assert_saw_the_files_of(watched, WORKER_ROLE, besides=besides)


def _query_ids(database: TestDatabase, role: str) -> dict[str, int]:
    """By what the server knows each query file that is sent as a role."""
    found = {}
    with rolled_back(database.admin_url) as server, server.as_role(role):
        for query in load_queries().values():
            if query.role != role:
                continue
            prepared = server.prepare(query.text)
            nulls = sql.SQL(", ").join([sql.NULL] * len(query.parameters))
            row = server.connection.execute(
                sql.SQL("explain (verbose, format json) execute {}{}").format(
                    sql.Identifier(prepared.name),
                    sql.SQL("({})").format(nulls) if query.parameters else sql.SQL(""),
                )
            ).fetchone()
            assert row is not None
            found[query.name] = row[0][0]["Query Identifier"]
    assert len(set(found.values())) == len(found)
    return found


def test_a_statement_is_found_by_its_name(
    watched: TestDatabase, service: httpx.Client, school: School
) -> None:
    service.get("/courses", headers=school.headers("lecturer")).raise_for_status()
    with psycopg.connect(watched.admin_url) as connection:
        found = connection.execute(
            "select calls from pg_stat_statements where query like '%/* courses/list_courses */%'"
        ).fetchall()
    assert found
