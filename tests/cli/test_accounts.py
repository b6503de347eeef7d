"""`lms users`: the first administrator of a school, and a way back in."""

from pathlib import Path

import httpx
import psycopg
import pytest

from tests.cli.support import Running, lms, refusal, serve
from tests.conftest import TestDatabase

FIRST = "the first sentence that came to mind"
SECOND = "another sentence for another day"


def log_in(running: Running, password: str, email: str = "adler@school.example") -> httpx.Response:
    return running.client().post("/auth/login", json={"email": email, "password": password})


def test_a_school_gets_its_first_administrator_and_she_gets_back_in(
    database: TestDatabase, tmp_path: Path
) -> None:
    owner = database.admin_url
    add = ("users", "add", "Adler@School.EXAMPLE", "--name", "Miriam Adler", "--role", "super_admin")
    assert (
        lms(*add, typed=f"{FIRST}\n", LMS_MIGRATION_URL=owner).stdout == "adler@school.example can log in.\n"
    )
    with serve(tmp_path / "output", **database.service_environment) as running:
        token = log_in(running, FIRST).json()["access_token"]
        client = running.client()
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get("/users").json()["items"][0]["role"] == "super_admin"
        changed = lms(
            "users", "password", "adler@school.example", typed=f"{SECOND}\n", LMS_MIGRATION_URL=owner
        )
        assert changed.stdout == "adler@school.example has a new password.\n"
        assert client.get("/users").status_code == 401
        assert log_in(running, FIRST).status_code == 401
        assert log_in(running, SECOND).status_code == 200


def test_an_account_without_a_password_lets_nobody_in(database: TestDatabase) -> None:
    done = lms("users", "add", "vogel@school.example", "--name", "Lena", LMS_MIGRATION_URL=database.admin_url)
    assert done.stdout == "vogel@school.example has an account without a password.\n"
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute(
            "select role, password_hash from lms.users where email = 'vogel@school.example'"
        ).fetchall() == [("student", "!")]


def test_every_account_has_its_audit_row(database: TestDatabase) -> None:
    for _ in range(2):
        lms("users", "add", "vogel@school.example", "--name", "Lena", LMS_MIGRATION_URL=database.admin_url)
    lms("users", "password", "vogel@school.example", typed=FIRST, LMS_MIGRATION_URL=database.admin_url)
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute(
            "select action, actor_id, email from lms.audit_events join lms.users using (user_id) "
            "where email = 'vogel@school.example' order by audit_event_id"
        ).fetchall() == [
            ("users.create", None, "vogel@school.example"),
            ("users.set_password", None, "vogel@school.example"),
        ]


@pytest.mark.parametrize(
    ("email", "name", "password", "said"),
    [
        ("vogel", "Lena", "", "email: "),
        ("vogel@school.example", " ", "", "full_name: "),
        ("vogel@school.example", "Lena", "short", "The password: String should have at least 15 characters."),
    ],
)
def test_what_is_wrong_is_named(
    database: TestDatabase, email: str, name: str, password: str, said: str
) -> None:
    add = ("users", "add", email, "--name", name)
    assert refusal(*add, typed=password, LMS_MIGRATION_URL=database.admin_url).startswith(said)
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute("select from lms.audit_events").fetchall() == []


def test_an_address_that_is_taken_and_one_that_nobody_has(database: TestDatabase) -> None:
    owner = {"LMS_MIGRATION_URL": database.admin_url}
    lms("users", "add", "vogel@school.example", "--name", "Lena", **owner)
    again = refusal("users", "add", "VOGEL@school.example", "--name", "Lena", **owner)
    assert again == "vogel@school.example has an account already."
    nobody = refusal("users", "password", "nobody@school.example", typed=FIRST, **owner)
    assert nobody == "Nobody has the e-mail address nobody@school.example."
    assert "Give a password" in refusal("users", "password", "vogel@school.example", **owner)
