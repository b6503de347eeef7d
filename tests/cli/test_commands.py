"""The commands without a database: their help, their settings, their words when something is wrong."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from api.cli import main
from api.database.queries import load_queries
from tests.cli.support import lms, refusal, up

pytestmark = pytest.mark.once

NOWHERE = "postgresql://lms_api:canary@127.0.0.1:1/lms"


def _commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = sorted(_commands(main))


def test_these_are_the_commands() -> None:
    assert {" ".join(command) for command in COMMANDS} >= {
        "config",
        "import courses",
        "mail list",
        "mail retry",
        "migrate",
        "performance rebuild",
        "performance verify",
        "roles",
        "seed demo",
        "serve",
        "sql check",
        "sql list",
        "up",
        "worker",
    }


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_how(command: tuple[str, ...]) -> None:
    done = lms(*command, "--help")
    assert done.returncode == 0
    assert re.search(rf"^ +Examples?:\n +.*lms {' '.join(command)}", done.stdout, re.MULTILINE)


def test_help_needs_no_heavy_import() -> None:
    command = "import sys, api.cli; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True, text=True)
    assert "api.cli" in done.stdout.split()
    assert {"litestar", "asyncpg", "psycopg", "pydantic", "rich", "uvicorn"}.isdisjoint(done.stdout.split())


def test_config_masks_passwords() -> None:
    done = lms(
        "config",
        LMS_DATABASE_URL="postgresql://lms_api:canary@db:5432/lms?sslmode=require",
        LMS_MIGRATION_URL="postgresql://db/lms?user=admin&password=canary",
        LMS_WORKER_URL="postgresql://lms_worker:canary@db:5432/lms",
        LMS_SMTP_PASSWORD="canary",
        LMS_DATABASE_POOL_SIZE="7",
    )
    assert done.returncode == 0
    assert "canary" not in done.stdout + done.stderr
    assert (
        "LMS_DATABASE_URL = postgresql://lms_api:***@db:5432/lms?sslmode=require  (environment)"
        in done.stdout
    )
    assert "LMS_MIGRATION_URL = postgresql://db/lms?user=admin&password=***  (environment)" in done.stdout
    assert "LMS_WORKER_URL = postgresql://lms_worker:***@db:5432/lms  (environment)" in done.stdout
    assert "LMS_SMTP_PASSWORD = ***  (environment)" in done.stdout
    assert "LMS_SMTP_USER = not set  (default)" in done.stdout
    assert "LMS_DATABASE_POOL_SIZE = 7  (environment)\n    Connections" in done.stdout
    assert "LMS_SESSION_HOURS = 168  (default)" in done.stdout


def test_config_masks_a_password_that_was_not_escaped() -> None:
    done = lms("config", LMS_DATABASE_URL="postgresql://lms_api:can/ary@ca?nary@db:5432/lms")
    assert "nary" not in done.stdout + done.stderr


def test_config_knows_what_is_no_setting() -> None:
    done = lms("config", LMS_DATABSE_URL=NOWHERE)
    assert "LMS_DATABSE_URL is no setting: do you mean LMS_DATABASE_URL?" in done.stderr


@pytest.mark.parametrize("command", [("config",), ("up",)], ids=" ".join)
def test_a_bad_value_names_its_variable_and_not_itself(command: tuple[str, ...]) -> None:
    said = refusal(*command, LMS_DATABASE_POOL_SIZE="abc", LMS_DATABASE_URL="mysql://user:canary@host/db")
    assert "LMS_DATABASE_POOL_SIZE: " in said
    assert "LMS_DATABASE_URL: " in said
    assert "canary" not in said


@pytest.mark.parametrize(
    "command",
    [("migrate",), ("roles",), ("up", "--port", "0")],
    ids=" ".join,
)
def test_a_server_that_is_not_there(command: tuple[str, ...], tmp_path: Path) -> None:
    said = refusal(*command, LMS_DATABASE_URL=NOWHERE, LMS_DATA_DIR=str(tmp_path))
    assert "Connection refused" in said
    assert "LMS_DATABASE_URL" in said
    assert "canary" not in said


@pytest.mark.parametrize(
    "command", [("migrate",), ("serve",), ("worker",), ("mail", "list"), ("seed", "demo")], ids=" ".join
)
def test_nothing_is_set(command: tuple[str, ...], tmp_path: Path) -> None:
    assert refusal(*command, LMS_DATA_DIR=str(tmp_path)).startswith("Set LMS_")


def test_traceback_is_there_for_those_who_want_it() -> None:
    done = lms("--traceback", "migrate", LMS_DATABASE_URL=NOWHERE)
    assert done.returncode != 0
    assert "Traceback" in done.stderr


def test_without_settings_it_is_the_server_of_lms_up(directory: Path) -> None:
    """The one that runs, or else one that runs for as long as the command."""
    alone = lms("migrate", "--status", LMS_DATA_DIR=str(directory))
    assert "With the embedded PostgreSQL" in alone.stderr
    with up(directory):
        beside = lms("migrate", "--status", LMS_DATA_DIR=str(directory))
    assert (beside.returncode, beside.stdout) == (0, alone.stdout)


def test_sql_list_has_every_query() -> None:
    lines = lms("sql", "list").stdout.splitlines()
    # What a long summary goes on with is indented.
    assert [line.split()[0] for line in lines[1:] if line[0] != " "] == sorted(load_queries())


def test_a_reader_that_leaves_early_is_nobodys_fault() -> None:
    command = [sys.executable, "-m", "api", "sql", "list"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()
        assert listing.stderr.read() == ""
