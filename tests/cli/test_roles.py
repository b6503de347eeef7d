"""`lms roles`, on a server that asks everybody but the superuser for a password."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from api.database import embedded
from api.database.addresses import with_login
from api.operations import migrate
from api.operations.roles import can_log_in
from tests.cli.conftest import MakeFolder
from tests.cli.support import lms, refusal

pytestmark = pytest.mark.once

SECRET = "canary'; drop role lms_api; -- ü"


@pytest.fixture(scope="module")
def bare(make_folder: MakeFolder) -> Iterator[str]:
    """The superuser's address, before any migration. The server logs every statement."""
    directory = make_folder() / "data"
    with embedded.running(directory) as url:
        rules = directory / "postgresql" / "pg_hba.conf"
        rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("alter system set log_statement = 'all'")
            connection.execute("select pg_reload_conf()")
        assert "There is no role lms_api: run `lms migrate` first." in refusal("roles", "--admin", url)
        yield url
        assert "canary" not in (directory / "postgresql.log").read_text()


@pytest.fixture(scope="module")
def admin(bare: str) -> str:
    """The same, migrated."""
    migrate.apply(bare)
    return bare


def test_passwords_come_from_the_addresses(admin: str) -> None:
    service, worker, migration = (
        with_login(admin, role, SECRET) for role in ("lms_api", "lms_worker", "lms_migrate")
    )
    assert not can_log_in(service)
    for _ in range(2):
        done = lms(
            "roles",
            *("--admin", admin),
            LMS_DATABASE_URL=service,
            LMS_WORKER_URL=worker,
            LMS_MIGRATION_URL=migration,
        )
        assert done.returncode == 0, done
        assert "canary" not in done.stdout + done.stderr
        assert can_log_in(service)
        assert can_log_in(worker)
        assert can_log_in(migration)
    assert not can_log_in(with_login(admin, "lms_api", "another"))


def test_a_password_that_is_not_said_stays(admin: str) -> None:
    service = with_login(admin, "lms_api", "first")
    assert lms("roles", "--api-password", "first", LMS_MIGRATION_URL=admin).returncode == 0
    assert lms("roles", LMS_MIGRATION_URL=admin).returncode == 0
    assert can_log_in(service)


def test_the_workers_password_can_be_said(admin: str) -> None:
    assert lms("roles", "--worker-password", "second", LMS_MIGRATION_URL=admin).returncode == 0
    assert can_log_in(with_login(admin, "lms_worker", "second"))


def test_an_address_of_somebody_else_says_no_password(admin: str) -> None:
    assert lms("roles", "--api-password", "first", LMS_MIGRATION_URL=admin).returncode == 0
    done = lms("roles", "--admin", admin, LMS_DATABASE_URL=with_login(admin, "somebody", "second"))
    assert done.returncode == 0, done
    assert can_log_in(with_login(admin, "lms_api", "first"))


def test_who_may_not_is_told_who_may(admin: str) -> None:
    migration = with_login(admin, "lms_migrate", SECRET)
    assert lms("roles", "--admin", admin, LMS_MIGRATION_URL=migration).returncode == 0
    said = refusal("roles", LMS_MIGRATION_URL=migration)
    assert said.startswith("lms_migrate may not change the role lms_api: ")


def test_records_what_the_database_is_for(admin: str) -> None:
    for environment in ("staging", "production"):
        assert lms("roles", "--environment", environment, LMS_MIGRATION_URL=admin).returncode == 0
        with psycopg.connect(with_login(admin, "postgres", None)) as connection:
            row = connection.execute("select environment from lms.deployments").fetchone()
        assert row == (environment,)


def test_demo_data_are_refused_in_production(admin: str) -> None:
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("update lms.deployments set environment = 'production'")
        said = refusal("seed", "demo", LMS_MIGRATION_URL=admin)
        assert "production" in said
        assert connection.execute("select count(*) from lms.users").fetchone() == (0,)
        done = lms("seed", "demo", "--force", LMS_MIGRATION_URL=admin)
        assert done.returncode == 0, done
        assert connection.execute("select count(*) from lms.users").fetchone() != (0,)


@pytest.mark.parametrize("role", ["lms_api", "unheard_of"])
def test_a_wrong_password_is_one_sentence(admin: str, role: str) -> None:
    said = refusal("migrate", "--status", LMS_MIGRATION_URL=with_login(admin, role, "wrong"))
    assert said.startswith("No connection to PostgreSQL")
    assert role in said
    assert "wrong" not in said


def test_an_administrator_need_not_be_a_superuser(admin: str) -> None:
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("create role manager createrole createdb login password 'manager'")
        connection.execute(sql.SQL("create database managed owner manager"))
        connection.execute("grant lms_owner, lms_api, lms_worker, lms_migrate to manager with admin option")
    manager = with_login(admin, "manager", "manager").replace("/lms?", "/managed?")
    for arguments in (["migrate"], ["roles", "--api-password", "new", "--environment", "staging"]):
        done = lms(*arguments, LMS_MIGRATION_URL=manager)
        assert done.returncode == 0, done
    assert can_log_in(with_login(manager, "lms_api", "new"))
    with psycopg.connect(manager) as connection:
        assert connection.execute("select environment from lms.deployments").fetchone() == ("staging",)
