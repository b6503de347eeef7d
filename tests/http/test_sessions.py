"""Logging in, logging out, and how long a login lasts."""

import asyncio
import unicodedata
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from api.app import create_app
from api.database.pool import open_pool
from api.http.passwords import HASHER
from api.http.service import Service
from tests.conftest import TestDatabase
from tests.http.matrix import token_hash
from tests.http.support import Client, at_once, one
from tests.http.tables import Tables
from tests.support.school import School, token_for
from tests.support.service import settings_for

pytestmark = pytest.mark.usefixtures("restored")

PASSWORD = "correct horse battery stapl\u00e9"


@pytest.fixture(scope="module")
def school(school: School, admin: psycopg.Connection[Any]) -> School:
    """A school where everybody has a password, but the student, who never set one."""
    admin.execute("update lms.users set password_hash = %s where role <> 'student'", (HASHER.hash(PASSWORD),))
    return school


def login(service: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return service.post("/auth/login", json={"email": email, "password": password})


def test_a_login_gives_a_token_that_works(service: httpx.Client, school: School) -> None:
    answer = login(service, "lecturer@school.test")
    assert answer.status_code == 200
    given = answer.json()
    assert given["token_type"] == "bearer"
    assert given["user"] == {
        "id": str(school.principals["lecturer"].user_id),
        "email": "lecturer@school.test",
        "full_name": "Lecturer",
        "role": "lecturer",
    }
    me = service.get("/auth/me", headers={"Authorization": f"Bearer {given['access_token']}"})
    assert me.json() == given["user"]


def test_a_token_is_kept_as_its_hash_alone(service: httpx.Client, tables: Tables) -> None:
    token = login(service, "lecturer@school.test").json()["access_token"]
    rows = "\n".join(tables.rows())
    assert token_hash(token).hex() in rows
    assert token not in rows


def test_a_login_lasts_as_long_as_the_settings_say(
    service: httpx.Client, admin: psycopg.Connection[Any]
) -> None:
    given = login(service, "lecturer@school.test").json()
    left = datetime.fromisoformat(given["expires_at"]) - one(admin, "select now()")
    assert timedelta(hours=167) < left <= timedelta(hours=168)
    idle = one(
        admin,
        "select idle_timeout from lms.sessions where token_hash = %s",
        (token_hash(given["access_token"]),),
    )
    assert idle == timedelta(hours=24)


def test_an_address_is_found_however_it_is_spelt(
    service: httpx.Client, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("update lms.users set email = 'j\u00f6rg@school.test' where email = 'lecturer@school.test'")
    for spelt in (
        "J\u00d6RG@School.TEST",
        " j\u00f6rg@school.test ",
        unicodedata.normalize("NFD", "j\u00f6rg@school.test"),
    ):
        assert login(service, spelt).status_code == 200


def test_whoever_may_not_come_in_is_told_one_thing(service: httpx.Client, tables: Tables) -> None:
    before = tables.rows()
    refused = [
        login(service, "lecturer@school.test", "wrong"),
        login(service, "lecturer@school.test", PASSWORD + " "),
        login(service, "nobody@school.test"),
        login(service, "no address"),
        login(service, "disabled@school.test"),
        login(service, "student@school.test"),
        login(service, "student@school.test", "!"),
        login(service, "' or true --", "' or true --"),
    ]
    assert {answer.status_code for answer in refused} == {401}
    assert len({answer.content for answer in refused}) == 1
    assert (
        len({tuple(sorted((k, v) for k, v in answer.headers.items() if k != "date")) for answer in refused})
        == 1
    )
    assert tables.rows() == before


def test_logins_at_once_are_logins_of_their_own(service: httpx.Client) -> None:
    tokens = [
        answer.json()["access_token"]
        for answer in at_once([lambda: login(service, "lecturer@school.test")] * 6)
    ]
    assert len(set(tokens)) == 6


def test_a_logout_ends_this_session_and_no_other(service: httpx.Client) -> None:
    here, there = (
        {"Authorization": f"Bearer {login(service, 'lecturer@school.test').json()['access_token']}"}
        for _ in range(2)
    )
    out = service.post("/auth/logout", headers=here)
    assert (out.status_code, out.content) == (204, b"")
    assert service.get("/auth/me", headers=here).status_code == 401
    assert service.post("/auth/logout", headers=here).status_code == 401
    assert service.get("/auth/me", headers=there).status_code == 200


def test_of_logouts_at_once_one_ends_the_session(lecturer: Client) -> None:
    codes = Counter(answer.status_code for answer in at_once([lambda: lecturer.post("/auth/logout")] * 8))
    assert set(codes) <= {204, 401}
    assert codes[204] >= 1
    assert lecturer.get("/auth/me").status_code == 401


# The noting of which sessions were used: once a minute, here at once.


async def note(database: TestDatabase, *names: str) -> None:
    """What a worker does each minute, when it has seen these."""
    noting = Service(settings_for(database.server, database.name))
    await noting.start(await open_pool(noting.settings))
    noting.seen |= {token_hash(token_for(name)) for name in names}
    await noting.stop()


def age(admin: psycopg.Connection[Any], name: str, minutes: int) -> None:
    """As if the last request noted were this long ago; the school's sessions idle out after an hour."""
    admin.execute(
        "update lms.sessions set last_seen_at = now() - make_interval(mins => %s) where token_hash = %s",
        (minutes, token_hash(token_for(name))),
    )


def test_use_keeps_a_session_from_idling_out(
    lecturer: Client, other_lecturer: Client, admin: psycopg.Connection[Any], module_database: TestDatabase
) -> None:
    for name in ("lecturer", "other_lecturer"):
        age(admin, name, 50)
    assert lecturer.get("/auth/me").status_code == 200
    asyncio.run(note(module_database, "lecturer"))
    admin.execute("update lms.sessions set last_seen_at = last_seen_at - interval '20 minutes'")
    assert lecturer.get("/auth/me").status_code == 200
    assert other_lecturer.get("/auth/me").status_code == 401


def test_a_session_that_idled_out_stays_out_though_its_token_is_tried(
    lecturer: Client, admin: psycopg.Connection[Any], module_database: TestDatabase
) -> None:
    age(admin, "lecturer", 61)
    assert lecturer.get("/auth/me").status_code == 401
    asyncio.run(note(module_database, "lecturer"))
    assert lecturer.get("/auth/me").status_code == 401


def test_a_request_is_seen_and_the_worker_notes_it_when_it_stops(
    admin: psycopg.Connection[Any], module_database: TestDatabase, school: School
) -> None:
    age(admin, "lecturer", 50)
    app = create_app(settings_for(module_database.server, module_database.name))

    async def ask() -> int:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # Litestar has its own types of ASGI
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            answer = await client.get("/auth/me", headers=school.headers("lecturer"))
            return answer.status_code

    assert asyncio.run(ask()) == 200
    recent = one(
        admin,
        "select last_seen_at > now() - interval '1 minute' from lms.sessions where token_hash = %s",
        (token_hash(token_for("lecturer")),),
    )
    assert recent


def test_sessions_and_kept_answers_are_forgotten_after_their_time(
    admin: psycopg.Connection[Any], module_database: TestDatabase, school: School
) -> None:
    admin.execute(
        "update lms.sessions "
        "set created_at = now() - interval '30 days', expires_at = now() - interval '7 days 1 second' "
        "where token_hash = %s",
        (token_hash(token_for("expired")),),
    )
    admin.execute(
        "insert into lms.idempotency_keys "
        "(user_id, route, key, request_hash, status, headers, body, created_at) "
        "select %s, 'POST /terms', age, %s, 201, '{}', '', now() - age::interval "
        "from unnest(array['23 hours', '25 hours']) as age",
        (school.own["lecturer_id"], b"\0" * 32),
    )

    async def forget() -> None:
        forgetting = Service(settings_for(module_database.server, module_database.name))
        await forgetting.start(await open_pool(forgetting.settings))
        await forgetting.forget()
        await forgetting.stop()

    before = one(admin, "select count(*) from lms.sessions")
    asyncio.run(forget())
    after = one(admin, "select count(*) from lms.sessions")
    assert before - after == 1
    assert admin.execute("select key from lms.idempotency_keys").fetchall() == [("23 hours",)]
