"""Logging in, logging out, and how long a login lasts."""

import asyncio
import logging
import unicodedata
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from api.app import create_app
from api.database.pool import open_pool
from api.http.service import Service
from tests.conftest import TestDatabase
from tests.http.matrix import token_hash
from tests.http.support import Client, at_once, blamed, one
from tests.http.tables import Tables
from tests.support.school import PASSWORD, School, address_of, token_for
from tests.support.service import settings_for

pytestmark = pytest.mark.usefixtures("restored")

NEW = "a new sentence of one\u2019s own, stapl\u00e9"


def login(service: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return service.post("/auth/login", json={"email": email, "password": password})


def test_a_login_gives_a_token_that_works(service: httpx.Client, school: School) -> None:
    answer = login(service, "lecturer@school.example")
    assert answer.status_code == 200
    given = answer.json()
    assert given["token_type"] == "bearer"
    assert given["user"] == {
        "id": str(school.principals["lecturer"].user_id),
        "email": "lecturer@school.example",
        "full_name": "Lecturer",
        "role": "lecturer",
    }
    me = service.get("/auth/me", headers={"Authorization": f"Bearer {given['access_token']}"})
    assert me.json() == given["user"]


def test_a_token_is_kept_as_its_hash_alone(service: httpx.Client, tables: Tables) -> None:
    token = login(service, "lecturer@school.example").json()["access_token"]
    rows = "\n".join(tables.rows())
    assert token_hash(token).hex() in rows
    assert token not in rows


def test_a_login_lasts_as_long_as_the_settings_say(
    service: httpx.Client, admin: psycopg.Connection[Any]
) -> None:
    given = login(service, "lecturer@school.example").json()
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
    admin.execute(
        "update lms.users set email = 'j\u00f6rg@school.example' where email = 'lecturer@school.example'"
    )
    for spelt in (
        "J\u00d6RG@School.EXAMPLE",
        " j\u00f6rg@school.example ",
        unicodedata.normalize("NFD", "j\u00f6rg@school.example"),
    ):
        assert login(service, spelt).status_code == 200


def test_whoever_may_not_come_in_is_told_one_thing(service: httpx.Client, tables: Tables) -> None:
    before = tables.rows()
    refused = [
        login(service, "lecturer@school.example", "wrong"),
        login(service, "lecturer@school.example", PASSWORD + " "),
        login(service, "nobody@school.example"),
        login(service, "no address"),
        login(service, "disabled@school.example"),
        # Who never set a password, whose hash is an exclamation mark, has none.
        login(service, "invited_student@school.example"),
        login(service, "invited_student@school.example", "!"),
        login(service, "invited_student@school.example", "nobody has this password"),
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
        for answer in at_once([lambda: login(service, "lecturer@school.example")] * 6)
    ]
    assert len(set(tokens)) == 6


def test_a_logout_ends_this_session_and_no_other(service: httpx.Client) -> None:
    here, there = (
        {"Authorization": f"Bearer {login(service, 'lecturer@school.example').json()['access_token']}"}
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


# Closing an account, and passwords.


def bearer(service: httpx.Client, name: str, password: str = PASSWORD) -> dict[str, str]:
    """One more login of somebody."""
    token = login(service, address_of(name), password).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def is_in(service: httpx.Client, session: dict[str, str]) -> bool:
    status = service.get("/auth/me", headers=session).status_code
    assert status in (200, 401)
    return status == 200


def test_a_closed_account_is_out_at_once_and_stays_out_when_it_is_opened_again(
    service: httpx.Client, super_admin: Client, school: School
) -> None:
    account = f"/users/{school.own['user_id']}"
    sessions = [school.headers("student"), *(bearer(service, "student") for _ in range(2))]
    others = [school.headers("classmate"), super_admin.headers]
    assert all(is_in(service, session) for session in sessions)
    super_admin.patch(account, {"active": False})
    assert not any(is_in(service, session) for session in sessions)
    assert login(service, address_of("student")).status_code == 401
    super_admin.patch(account, {"active": True})
    assert not any(is_in(service, session) for session in sessions)
    assert is_in(service, bearer(service, "student"))
    assert all(is_in(service, session) for session in others)


@pytest.mark.parametrize(
    "patch", [{"full_name": "New"}, {"active": True}, {"email": "new@school.example"}, {}]
)
def test_any_other_change_of_an_account_ends_no_session(
    service: httpx.Client, super_admin: Client, school: School, patch: dict[str, Any]
) -> None:
    assert super_admin.patch(f"/users/{school.own['user_id']}", patch).status_code == 200
    assert is_in(service, school.headers("student"))


def test_a_password_that_an_administrator_sets_ends_every_session_and_is_the_one_that_counts(
    service: httpx.Client, super_admin: Client, school: School
) -> None:
    sessions = [school.headers("student"), bearer(service, "student")]
    answer = super_admin.put(f"/users/{school.own['user_id']}/password", {"new_password": NEW})
    assert (answer.status_code, answer.content) == (204, b"")
    assert not any(is_in(service, session) for session in sessions)
    assert login(service, address_of("student")).status_code == 401
    assert login(service, address_of("student"), NEW).status_code == 200
    assert is_in(service, super_admin.headers)


def test_a_new_account_is_logged_in_to_once_it_has_a_password(
    service: httpx.Client, super_admin: Client
) -> None:
    person = {"email": "new@school.example", "full_name": "New", "role": "student"}
    made = super_admin.post("/users", person).headers["location"]
    for password in ("!", "", NEW, PASSWORD):
        assert login(service, person["email"], password).status_code in (401, 422)
    super_admin.put(f"{made}/password", {"new_password": NEW})
    assert login(service, person["email"], NEW).status_code == 200


def test_whoever_changes_their_password_stays_in_here_and_is_out_elsewhere(
    service: httpx.Client, school: School
) -> None:
    here, elsewhere = bearer(service, "student"), school.headers("student")
    document = {"current_password": PASSWORD, "new_password": NEW}
    answer = service.post("/auth/password", json=document, headers=here)
    assert (answer.status_code, answer.content) == (204, b"")
    assert is_in(service, here)
    assert not is_in(service, elsewhere)
    assert is_in(service, school.headers("classmate"))
    assert login(service, address_of("student")).status_code == 401
    assert is_in(service, bearer(service, "student", NEW))


@pytest.mark.parametrize("present", ["wrong", PASSWORD + " ", PASSWORD.upper(), "!", NEW])
def test_with_a_wrong_present_password_nothing_is_changed(
    service: httpx.Client, school: School, tables: Tables, present: str
) -> None:
    before = tables.rows()
    for name in ("student", "invited_student"):
        document = {"current_password": present, "new_password": NEW}
        answer = service.post("/auth/password", json=document, headers=school.headers(name))
        assert (answer.status_code, blamed(answer)) == (422, ["/current_password"])
        assert answer.json()["type"] == "urn:lms:problem:wrong-password"
    assert tables.rows() == before


@pytest.mark.parametrize(("typed", "later"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_an_accent_is_the_same_on_every_keyboard(
    service: httpx.Client, super_admin: Client, school: School, *, typed: Any, later: Any
) -> None:
    first, second = unicodedata.normalize(typed, NEW), unicodedata.normalize(later, NEW)
    assert first != second
    super_admin.put(f"/users/{school.own['user_id']}/password", {"new_password": first})
    assert login(service, address_of("student"), second).status_code == 200
    changed = service.post(
        "/auth/password",
        json={"current_password": second, "new_password": PASSWORD},
        headers=bearer(service, "student", first),
    )
    assert changed.status_code == 204


@pytest.mark.parametrize(
    ("password", "status"),
    [
        ("14 characters.", 422),
        ("15 characters..", 204),
        (" " * 15, 204),
        ("\u00e9\U0001f600" * 512, 204),
        ("x" * 1_025, 422),
        ("aaaaaaaaaaaaaaa", 204),
    ],
    ids=["14", "15", "spaces", "1,024", "1,025", "of one letter"],
)
def test_a_password_is_long_and_otherwise_as_one_likes(
    service: httpx.Client, super_admin: Client, school: School, password: str, status: int
) -> None:
    answer = super_admin.put(f"/users/{school.own['user_id']}/password", {"new_password": password})
    assert answer.status_code == status
    if status == 204:
        assert login(service, address_of("student"), password).status_code == 200
    else:
        assert blamed(answer) == ["/new_password"]


def test_of_passwords_set_at_once_one_counts_and_nobody_is_left_in(
    service: httpx.Client, super_admin: Client, school: School
) -> None:
    address = f"/users/{school.own['user_id']}/password"
    passwords = [f"the password number {number}" for number in range(8)]
    answers = at_once([partial(super_admin.put, address, {"new_password": each}) for each in passwords])
    assert {answer.status_code for answer in answers} == {204}
    codes = Counter(login(service, address_of("student"), each).status_code for each in passwords)
    assert codes == {200: 1, 401: 7}
    assert not is_in(service, school.headers("student"))


def test_no_password_and_no_hash_is_in_an_answer_or_a_log(
    service: httpx.Client,
    super_admin: Client,
    school: School,
    admin: psycopg.Connection[Any],
    module_database: TestDatabase,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    log = Path(module_database.server.socket_folder) / "log"
    written = log.stat().st_size
    canary = "the canary sings at dawn"
    student, account = school.headers("student"), f"/users/{school.own['user_id']}"
    new = {"email": "new@school.example", "full_name": "New", "role": "student"}
    patch = {**super_admin.headers, "If-Match": "*", "Content-Type": "application/merge-patch+json"}
    answers = [
        super_admin.put(f"{account}/password", {"new_password": canary}),
        super_admin.put(f"/users/{school.people['super_admin']}/password", {"new_password": canary}),
        super_admin.put(f"{account}/password", {"new_password": canary[:14]}),
        super_admin.put(f"{account}/password", {"password": canary}),
        service.put(
            f"{account}/password",
            content=canary.encode(),
            headers={**super_admin.headers, "Content-Type": "application/json"},
        ),
        service.put(f"{account}/password", json={"new_password": canary}, headers=student),
        super_admin.post("/users", new | {"password": canary}),
        super_admin.post("/users", new | {"password_hash": canary}),
        service.patch(account, json={"password_hash": canary}, headers=patch),
        login(service, address_of("student"), canary),
        login(service, canary, canary),
        login(service, address_of("nobody"), canary),
        service.post(f"/auth/login?password={quote(canary)}", json={}),
        service.post(
            "/auth/password", json={"current_password": canary, "new_password": NEW}, headers=student
        ),
        super_admin.post("/auth/password", {"current_password": canary, "new_password": canary}),
        super_admin.post("/auth/password", {"current_password": PASSWORD, "new_password": canary}),
        super_admin.get(account),
        super_admin.get("/users?limit=100"),
        super_admin.get("/audit"),
    ]
    assert {answer.status_code for answer in answers} >= {200, 204, 400, 401, 422}
    hashes = [one(admin, "select password_hash from lms.users where user_id = %s", (school.own["user_id"],))]
    texts = [answer.text + str(answer.headers) for answer in answers]
    logged = log.read_bytes()[written:].decode(errors="replace")
    assert "users_password_own" in logged, "the log of the server is read"
    texts += [caplog.text, logged]
    texts += [row for row in Tables(admin).rows() if not row.startswith("users ")]
    for text in texts:
        assert canary not in text
        assert canary[:14] not in text
        assert "argon2" not in text
        assert not any(found in text for found in hashes)


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


def test_a_session_that_somebody_else_has_keeps_nobody_from_noting_the_others(
    admin: psycopg.Connection[Any], module_database: TestDatabase
) -> None:
    """Two who note the same sessions, each in its own order, would wait for each other."""
    for name in ("lecturer", "other_lecturer"):
        age(admin, name, 50)
    with psycopg.connect(module_database.admin_url) as holder:
        holder.execute(
            "select from lms.sessions where token_hash = %s for update", (token_hash(token_for("lecturer")),)
        )
        asyncio.run(note(module_database, "lecturer", "other_lecturer"))
    noted = admin.execute(
        "select email from lms.sessions join lms.users using (user_id) "
        "where last_seen_at > now() - interval '1 minute' and token_hash in (%s, %s)",
        (token_hash(token_for("lecturer")), token_hash(token_for("other_lecturer"))),
    ).fetchall()
    assert noted == [(address_of("other_lecturer"),)]


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
