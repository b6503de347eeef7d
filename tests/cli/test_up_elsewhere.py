"""`lms up` with LMS_DATABASE_URL set: nothing embedded is started."""

import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.cli.support import lms, refusal, up, users_of, wait_until
from tests.support.postgres import Server, drop_database


@pytest.fixture
def address(server: Server) -> Iterator[str]:
    """The administrator's address of a database that does not exist yet."""
    name = f"lms_up_{uuid4().hex}"
    yield server.admin_url(name)
    drop_database(server, name)


def test_makes_the_database_and_serves_as_lms_api(address: str, tmp_path: Path) -> None:
    password = tmp_path / "data" / "lms_api.password"
    with up(tmp_path / "data", LMS_DATABASE_URL=address) as running:
        assert "There was no database" in running.output.read_text()
        assert running.client("lecturer1@example.edu").get("/courses").json()["items"]
        wait_until(lambda: sorted(users_of(address)) == ["lms_api", "lms_worker"])
        assert "mail           the folder" in running.output.read_text()
        assert stat.S_IMODE(password.stat().st_mode) == 0o600
        first = password.read_text()
        assert running.stop() == 0
    with up(tmp_path / "data", LMS_DATABASE_URL=address) as running:
        assert "There was no database" not in running.output.read_text()
        assert password.read_text() == first
        assert running.stop() == 0
    assert not (tmp_path / "data" / "postgresql").exists()


def test_real_accounts_get_no_demo_accounts_beside_them(address: str, tmp_path: Path) -> None:
    with up(tmp_path / "data", "--no-demo", LMS_DATABASE_URL=address):
        with psycopg.connect(address) as connection:
            connection.execute(
                "insert into lms.users (email, full_name, role, password_hash) "
                "values ('someone@example.edu', 'Someone', 'lecturer', '!')"
            )
        with up(tmp_path / "data", LMS_DATABASE_URL=address) as running:
            assert "has accounts of its own" in running.output.read_text()
    with psycopg.connect(address) as connection:
        assert connection.execute("select email from lms.users").fetchall() == [("someone@example.edu",)]


def test_the_services_own_address_is_enough_once_somebody_migrated(
    address: str, server: Server, tmp_path: Path
) -> None:
    database = str(conninfo_to_dict(address)["dbname"])
    service = server.url(database, "lms_api")
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
    assert lms("migrate", "--to", "0001", LMS_MIGRATION_URL=address).returncode == 0
    assert lms("roles", LMS_MIGRATION_URL=address).returncode == 0
    said = refusal("up", "--port", 0, "--data-dir", tmp_path / "data", LMS_DATABASE_URL=service)
    assert "set LMS_MIGRATION_URL too" in said
    assert lms("migrate", LMS_MIGRATION_URL=address).returncode == 0
    with up(tmp_path / "data", LMS_DATABASE_URL=service) as running:
        assert running.client().get("/health/ready").status_code == 200
        # Who sends mail was not said, and cannot be made up without an owner.
        assert "mail           not sent from here: set LMS_WORKER_URL" in running.output.read_text()
