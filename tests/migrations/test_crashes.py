"""Processes killed at the points that matter, each made to be met; and stock yoyo, which must fail there."""

import signal
from pathlib import Path

import psycopg
import pytest

from tests.migrations.support import (
    LIMIT,
    YOYO_DIES_AT_THE_MARK,
    YOYO_DIES_AT_THE_UNMARK,
    applications,
    exists,
    finish,
    marked,
    query,
    run_yoyo,
    start_yoyo,
    wait_until,
    write,
    write_table,
    yoyo,
)

INDEX = """-- An index.
--
-- transactional: false
-- depends: 0001_first

drop index concurrently if exists public.first_code_ix;
create unique index concurrently first_code_ix on public.first (code);
"""


@pytest.fixture
def indexed(tmp_path: Path) -> Path:
    write(tmp_path, "0001_first", "create table public.first (code int);\n", "drop table public.first;\n")
    write(tmp_path, "0002_index", INDEX, "drop index concurrently if exists public.first_code_ix;\n")
    return tmp_path


def index_is_valid(url: str) -> bool:
    return query(
        url, "select indisvalid from pg_index where indexrelid = 'public.first_code_ix'::regclass"
    ) == [(True,)]


def test_killed_between_the_statements_and_the_mark_nothing_stays(
    empty_database: str, tmp_path: Path
) -> None:
    write_table(tmp_path, "0001_first")

    killed = run_yoyo(empty_database, "apply", tmp_path, command=YOYO_DIES_AT_THE_MARK)
    assert killed.returncode == -signal.SIGKILL
    assert marked(empty_database) == []
    assert not exists(empty_database, "public.first")

    yoyo(empty_database, "apply", tmp_path)
    assert applications(empty_database) == ["0001_first"]
    assert exists(empty_database, "public.first")


def test_control_stock_yoyo_killed_there_is_not_mended_by_running_it_again(
    empty_database: str, tmp_path: Path
) -> None:
    write_table(tmp_path, "0001_first")
    address = empty_database.replace("postgresql://", "postgresql+psycopg://")
    stock = ["--database", address, str(tmp_path)]

    killed = run_yoyo(None, "apply", *stock, command=YOYO_DIES_AT_THE_MARK)
    assert killed.returncode == -signal.SIGKILL
    assert exists(empty_database, "public.first")
    assert query(empty_database, "select count(*) from public._yoyo_migration") == [(0,)]
    assert query(empty_database, "select count(*) from public.yoyo_lock") == [(1,)]

    yoyo(None, "break-lock", *stock)
    again = run_yoyo(None, "apply", *stock)
    assert again.returncode != 0
    assert 'relation "first" already exists' in again.stderr


def test_killed_between_a_standalone_statement_and_its_mark_a_second_run_completes(
    empty_database: str, indexed: Path
) -> None:
    yoyo(empty_database, "apply", "--revision", "0001_first", indexed)

    killed = run_yoyo(empty_database, "apply", indexed, command=YOYO_DIES_AT_THE_MARK)
    assert killed.returncode == -signal.SIGKILL
    assert marked(empty_database) == ["0001_first"]
    assert index_is_valid(empty_database)

    yoyo(empty_database, "apply", indexed)
    assert applications(empty_database) == ["0001_first", "0002_index"]
    assert index_is_valid(empty_database)

    killed = run_yoyo(empty_database, "rollback", indexed, command=YOYO_DIES_AT_THE_UNMARK)
    assert killed.returncode == -signal.SIGKILL
    assert marked(empty_database) == ["0001_first", "0002_index"]
    assert not exists(empty_database, "public.first_code_ix")

    yoyo(empty_database, "rollback", indexed)
    assert marked(empty_database) == ["0001_first"]


def test_killed_while_an_index_is_built_a_second_run_completes(empty_database: str, indexed: Path) -> None:
    yoyo(empty_database, "apply", "--revision", "0001_first", indexed)
    with psycopg.connect(empty_database) as reader:
        # create index concurrently waits for this transaction, its index in place but not valid.
        reader.execute("insert into public.first values (1)")
        builder = start_yoyo(empty_database, "apply", indexed)
        wait_until(
            empty_database, "exists (select from pg_locks where locktype = 'virtualxid' and not granted)"
        )
        builder.kill()
        assert finish(builder).returncode == -signal.SIGKILL
        # The server ends the statement by itself, though what it waits for is still there.
        wait_until(empty_database, "not exists (select from pg_locks where locktype = 'advisory')")
    assert not index_is_valid(empty_database)

    yoyo(empty_database, "apply", indexed)
    assert index_is_valid(empty_database)
    assert applications(empty_database) == ["0001_first", "0002_index"]


def test_a_standalone_statement_that_failed_is_dropped_and_built_again(
    empty_database: str, indexed: Path
) -> None:
    yoyo(empty_database, "apply", "--revision", "0001_first", indexed)
    query(empty_database, "insert into public.first values (1), (1)")

    failed = run_yoyo(empty_database, "apply", indexed)
    assert failed.returncode == 1
    assert failed.stderr.startswith('0002_index.sql: could not create unique index "first_code_ix"')
    assert not index_is_valid(empty_database)

    query(empty_database, "truncate public.first")
    yoyo(empty_database, "apply", indexed)
    assert index_is_valid(empty_database)


def test_the_statement_of_a_killed_process_does_not_go_on(empty_database: str, tmp_path: Path) -> None:
    # The sequence remembers, though the transaction is undone: only the first try sleeps.
    query(empty_database, "create sequence public.tries")
    write(tmp_path, "0001_first", f"select pg_sleep({10 * LIMIT}) where nextval('public.tries') = 1;\n")

    sleeper = start_yoyo(empty_database, "apply", tmp_path)
    wait_until(
        empty_database,
        "exists (select from pg_stat_activity where wait_event = 'PgSleep' and query ~ 'tries')",
    )
    sleeper.kill()
    assert finish(sleeper).returncode == -signal.SIGKILL

    assert run_yoyo(empty_database, "apply", tmp_path).returncode == 0
    assert marked(empty_database) == ["0001_first"]


def test_a_lost_connection_is_one_message_and_running_again_completes(
    empty_database: str, tmp_path: Path
) -> None:
    query(empty_database, "create sequence public.tries")
    write(
        tmp_path,
        "0001_first",
        "create table public.first ();\n"
        "select pg_terminate_backend(pg_backend_pid()) where nextval('public.tries') = 1;\n",
    )

    lost = run_yoyo(empty_database, "apply", tmp_path)
    assert lost.returncode == 1
    assert "Traceback" not in lost.stderr
    assert lost.stderr.startswith("0001_first.sql: ")

    yoyo(empty_database, "apply", tmp_path)
    assert marked(empty_database) == ["0001_first"]
