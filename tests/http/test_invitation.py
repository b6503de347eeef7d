"""The link in an invitation: whoever has it sets a password, once; and the page that it leads to."""

import asyncio
import logging
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from api.database.pool import Pool, open_pool
from api.http.authentication import hash_token
from api.repositories import account_tokens
from api.routes import account_tokens as routes
from tests.conftest import TestDatabase
from tests.http.support import Client, at_once, one, refusal, waiting
from tests.http.tables import Tables, touched
from tests.http.test_documentation import BROWSERS
from tests.support.browser import Tab, browsing
from tests.support.school import School, address_of
from tests.support.service import settings_for

pytestmark = pytest.mark.usefixtures("restored")

PASSWORD = "a sentence of my own"
USELESS = (422, "useless-token", ["/token"])


class Mailer:
    """Makes links as the worker does when it sends an invitation."""

    def __init__(self, database: TestDatabase) -> None:
        url = database.server.url(database.name, "lms_worker")
        self._settings = settings_for(database.server, database.name).model_copy(
            update={"database_url": SecretStr(url), "database_pooler": "none"}
        )

    def link(self, user_id: UUID | str, hours: int = 1) -> str:
        """The token of a link to an account that has no password."""
        token = token_urlsafe(32)
        assert re.fullmatch("[A-Za-z0-9_-]{43}", token)
        assert self.issue(token, user_id, hours)
        return token

    def issue(self, token: str, user_id: UUID | str, hours: int = 1) -> bool:
        async def issuing() -> bool:
            pool: Pool = await open_pool(self._settings)
            try:
                issue = await account_tokens.issue_account_token(
                    pool,
                    account_token_hash=hash_token(token.encode()),
                    user_id=UUID(str(user_id)),
                    valid_hours=hours,
                )
            finally:
                await pool.close()
            return issue is not None

        return asyncio.run(issuing())


@pytest.fixture(scope="module")
def mailer(module_database: TestDatabase) -> Mailer:
    return Mailer(module_database)


@pytest.fixture
def invited(school: School) -> UUID:
    """Somebody who has never set a password."""
    return school.people["invited_student"]


def redeem(service: httpx.Client, token: str, password: str = PASSWORD) -> httpx.Response:
    return service.post("/account-tokens/redeem", json={"token": token, "new_password": password})


def log_in(service: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return service.post("/auth/login", json={"email": email, "password": password})


def test_from_the_file_of_a_lecturer_to_the_course(
    service: httpx.Client, lecturer: Client, course: str, mailer: Mailer
) -> None:
    file = "email,full_name,state\r\nlena@pupils.example,Lena Vogel,invited\r\n"
    (item,) = service.post(
        f"{course}/enrollments/import", content=file, headers=lecturer.headers | {"Content-Type": "text/csv"}
    ).json()["items"]
    assert log_in(service, "lena@pupils.example").status_code == 401
    token = mailer.link(item["student_id"])
    assert redeem(service, token).status_code == 204
    login = log_in(service, "lena@pupils.example")
    assert login.status_code == 200
    headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
    assert service.get(course, headers=headers).status_code == 404
    mine = f"{course}/enrollments/{item['student_id']}"
    seen = service.get(mine, headers=headers)
    assert seen.json()["state"] == "invited"
    accepted = service.patch(
        mine,
        json={"state": "active"},
        headers=headers | {"If-Match": seen.headers["etag"], "Content-Type": "application/merge-patch+json"},
    )
    assert accepted.json()["state"] == "active"
    assert service.get(course, headers=headers).status_code == 200


def test_a_link_works_once_and_ends_every_other_to_the_account(
    service: httpx.Client, mailer: Mailer, invited: UUID, tables: Tables, admin: psycopg.Connection[Any]
) -> None:
    first, second = mailer.link(invited), mailer.link(invited)
    assert redeem(service, second).status_code == 204
    before = tables.rows()
    for token in (second, first):
        assert refusal(redeem(service, token, "another password of mine")) == USELESS
    assert tables.rows() == before
    assert log_in(service, address_of("invited_student")).status_code == 200
    # The owner is told, and who did it is known.
    assert (
        one(
            admin,
            "select count(*) from lms.email_outbox where kind = 'password_set' and user_id = %s",
            (invited,),
        )
        == 1
    )
    audited = "select count(*) from lms.audit_events where action = 'account_tokens.redeem' and actor_id = %s"
    assert one(admin, audited, (invited,)) == 1
    assert not mailer.issue(token_urlsafe(32), invited), "an account with a password is opened by no link"


def test_a_link_that_does_not_work_is_answered_alike_whatever_the_reason(
    service: httpx.Client,
    super_admin: Client,
    mailer: Mailer,
    invited: UUID,
    tables: Tables,
    admin: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late, used, closed = (mailer.link(invited) for _ in range(3))
    admin.execute(
        "update lms.account_tokens set created_at = now() - interval '2 days', expires_at = now() "
        "where token_hash = %s",
        (hash_token(late.encode()),),
    )
    admin.execute(
        "update lms.account_tokens set used_at = now() where token_hash = %s", (hash_token(used.encode()),)
    )
    super_admin.patch(f"/users/{invited}", {"active": False})
    hashed: list[str] = []

    async def hash_password(password: str) -> str:
        hashed.append(password)
        return "$argon2id$"

    monkeypatch.setattr(routes, "hash_password", hash_password)
    before = tables.rows()
    tokens = [late, used, closed, token_urlsafe(32), "x", " ", "é" * 43, "\N{PILE OF POO}", "lms_" + "0" * 43]
    answers = [redeem(service, token) for token in tokens]
    assert {refusal(answer)[:2] for answer in answers} == {USELESS[:2]}
    assert len({answer.content for answer in answers}) == 1
    assert tables.rows() == before
    assert hashed == [], "and no password was hashed for it"


def test_what_an_account_is_opened_with_is_kept_and_noted_nowhere(
    service: httpx.Client, mailer: Mailer, invited: UUID, tables: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    token = mailer.link(invited)
    with caplog.at_level(logging.DEBUG):
        assert redeem(service, token).status_code == 204
        assert redeem(service, token).status_code == 422
    rows = "\n".join(tables.rows())
    for secret in (token, PASSWORD):
        assert secret not in caplog.text
        assert secret not in rows


def test_a_password_that_an_administrator_sets_ends_the_links(
    service: httpx.Client, super_admin: Client, mailer: Mailer, invited: UUID
) -> None:
    token = mailer.link(invited)
    assert super_admin.put(f"/users/{invited}/password", {"new_password": PASSWORD}).status_code == 204
    assert refusal(redeem(service, token)) == USELESS


@pytest.mark.parametrize("links", [1, 2, 20])
def test_of_twenty_at_once_one_sets_the_password(
    service: httpx.Client,
    mailer: Mailer,
    invited: UUID,
    tables: Tables,
    admin: psycopg.Connection[Any],
    links: int,
) -> None:
    """With one link, or with several to the same account."""
    tokens = [mailer.link(invited) for _ in range(links)]
    before = tables.rows()
    passwords = [f"password number {number}" for number in range(20)]
    works = [partial(redeem, service, tokens[n % links], password) for n, password in enumerate(passwords)]
    answers = at_once(works)
    assert Counter(answer.status_code for answer in answers) == {204: 1, 422: 19}
    (winner,) = (password for password, answer in zip(passwords, answers, strict=True) if answer.is_success)
    assert log_in(service, address_of("invited_student"), winner).status_code == 200
    tables.connection.execute("delete from lms.sessions where user_id = %s", (invited,))
    made = Counter(row.partition(" ")[0] for row in touched(before, tables.rows()))
    assert (made["audit_events"], made["email_outbox"]) == (1, 1)
    unused = "select count(*) from lms.account_tokens where user_id = %s and used_at is null"
    assert one(admin, unused, (invited,)) == 0


def test_read_first_and_then_used_a_link_works_twice(
    admin: psycopg.Connection[Any], mailer: Mailer, invited: UUID
) -> None:
    """The control: two who both find the link unused."""
    token_hash = hash_token(mailer.link(invited).encode())
    read = "select user_id from lms.account_tokens where token_hash = %s and used_at is null"
    write = "update lms.account_tokens set used_at = now() where token_hash = %s"
    with psycopg.connect(admin.info.dsn) as first, psycopg.connect(admin.info.dsn) as second:
        found = [one(connection, read, (token_hash,)) for connection in (first, second)]
        for connection in (first, second):
            assert connection.execute(write, (token_hash,)).rowcount == 1
            connection.commit()
    assert found == [invited, invited]


def test_an_account_is_locked_before_its_links(
    service: httpx.Client, admin: psycopg.Connection[Any], mailer: Mailer, invited: UUID
) -> None:
    """Somebody else has locked it, and gets at its links although one of them is being used."""
    token = mailer.link(invited)
    with psycopg.connect(admin.info.dsn) as other:
        other.execute("set lock_timeout = '1s'")
        other.execute("select from lms.users where user_id = %s for no key update", (invited,))

        def use_all() -> None:
            other.execute("update lms.account_tokens set used_at = now() where user_id = %s", (invited,))
            other.commit()

        with waiting(admin, partial(redeem, service, token), use_all) as answer:
            assert refusal(answer.result()) == USELESS


def test_locked_before_the_account_two_links_to_it_deadlock(
    admin: psycopg.Connection[Any], mailer: Mailer, invited: UUID
) -> None:
    """The control: each has its own link, then one the account as well, and wants the link of the other."""
    hashes = [hash_token(mailer.link(invited).encode()) for _ in range(2)]
    lock = "select from lms.account_tokens where token_hash = %s for no key update"

    def use(connection: psycopg.Connection[Any]) -> bool:
        try:
            connection.execute("update lms.users set password_hash = '!' where user_id = %s", (invited,))
            connection.execute("update lms.account_tokens set used_at = now() where user_id = %s", (invited,))
        except psycopg.errors.DeadlockDetected:
            connection.rollback()
            return False
        connection.commit()
        return True

    with psycopg.connect(admin.info.dsn) as first, psycopg.connect(admin.info.dsn) as second:
        for connection, token_hash in ((first, hashes[0]), (second, hashes[1])):
            connection.execute(lock, (token_hash,))
        assert sorted(at_once([partial(use, first), partial(use, second)])) == [False, True]


# The page


def test_the_page_is_whole_and_loads_from_this_service_alone(service: httpx.Client) -> None:
    answer = service.get("/invitation")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "unsafe" not in policy
    assert not re.findall(r"""(?:src|href|action)=["']?(?:https?:)?//""", answer.text)
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', answer.text)
    assert len(assets) == 2
    for asset in assets:
        found = service.get(asset)
        assert (found.status_code, found.headers["x-content-type-options"]) == (200, "nosniff")
        assert "://" not in found.text
    assert service.get("/invitation/page.html").status_code == 404


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed: {', '.join(BROWSERS)}")
    profile: Path = tmp_path_factory.mktemp("browser")
    with browsing(program, profile) as opened:
        yield opened


def said(tab: Tab) -> tuple[str, str]:
    """What the page says in the end, in a word and in its own."""
    tab.wait(
        "!document.getElementById('send').disabled && document.getElementById('message').textContent !== ''"
    )
    outcome: str = tab.evaluate("document.getElementById('message').dataset.outcome")
    text: str = tab.evaluate("document.getElementById('message').innerText")
    tab.evaluate("document.getElementById('message').textContent = ''")
    return outcome, text


def choose(tab: Tab, password: str, again: str | None = None) -> tuple[str, str]:
    tab.type("password", password)
    tab.type("again", password if again is None else again)
    tab.click("send")
    return said(tab)


IS_HIDDEN = "document.getElementById('form').hidden"


@pytest.mark.once
def test_with_the_link_in_a_browser_somebody_sets_their_password(
    service: httpx.Client, tab: Tab, mailer: Mailer, invited: UUID, tables: Tables
) -> None:
    token = mailer.link(invited)
    before = tables.rows()
    tab.open(f"{service.base_url}/invitation")
    assert said(tab)[0] == "incomplete"
    assert tab.evaluate(IS_HIDDEN)
    tab.open(f"{service.base_url}/invitation#{token[:-1]}")
    assert choose(tab, PASSWORD)[0] == "useless"
    assert tab.evaluate(IS_HIDDEN)
    tab.open(f"{service.base_url}/invitation#{token}")
    assert not tab.evaluate(IS_HIDDEN)
    assert tab.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "448px"
    assert choose(tab, PASSWORD, f"{PASSWORD}.")[0] == "different"
    assert choose(tab, "too short")[0] == "short"
    tab.call(
        "Network.emulateNetworkConditions",
        offline=True,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=-1,
    )
    assert choose(tab, PASSWORD)[0] == "unavailable"
    tab.call(
        "Network.emulateNetworkConditions",
        offline=False,
        latency=0,
        downloadThroughput=-1,
        uploadThroughput=-1,
    )
    assert tables.rows() == before
    assert choose(tab, PASSWORD) == (
        "done",
        "Your password is set. You can log in with your e-mail address now.",
    )
    assert tab.evaluate(IS_HIDDEN)
    assert tab.evaluate("location.href") == f"{service.base_url}/invitation"
    assert log_in(service, address_of("invited_student")).status_code == 200
    tab.open(f"{service.base_url}/invitation#{token}")
    outcome, text = choose(tab, f"{PASSWORD} again")
    assert outcome == "useless"
    assert "does not work any more" in text
    # The token was in no address that was asked for, and nobody else was asked for anything.
    asked = [event["request"]["url"] for event in tab.happened("Network.requestWillBeSent")]
    hosts = {urlsplit(url).netloc for url in asked if url.startswith("http")}
    assert hosts == {urlsplit(str(service.base_url)).netloc}
    assert not [url for url in asked if token[:-1] in url]
    assert not [entry for entry in tab.happened("Log.entryAdded") if entry["entry"]["source"] == "security"]
    assert not tab.happened("Runtime.exceptionThrown")
