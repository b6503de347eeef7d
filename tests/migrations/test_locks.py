"""Many starters at once, and others who hold what a migration needs."""

from pathlib import Path

import psycopg
import pytest
from yoyo.migrations import read_migrations

from api.database import migration_backend
from api.database.migration_files import MigrationError
from api.database.migration_lock import LOCK_KEY
from api.operations import migrate
from tests.migrations.support import (
    applications,
    backend,
    exists,
    finish,
    fresh_database,
    marked,
    query,
    start_yoyo,
    wait_for_line,
    wait_until,
    write,
    write_table,
)
from tests.support.postgres import Server


@pytest.fixture
def busy(empty_database: str, tmp_path: Path) -> Path:
    """A migration that alters a table which is there already, and may be in use."""
    query(empty_database, "create table public.busy (id int)")
    write(tmp_path, "0001_alter_busy", "alter table public.busy add column name text;\n")
    return tmp_path


def test_starters_wait_for_each_other_while_an_index_is_built(empty_database: str, tmp_path: Path) -> None:
    # Who blocks for the lock has a snapshot open, and the index waits for whoever has one.
    write(tmp_path, "0001_first", "create table public.first (code int);\n")
    write(
        tmp_path,
        "0002_index",
        "-- transactional: false\n-- depends: 0001_first\n\n"
        "drop index concurrently if exists public.first_ix;\n"
        "create index concurrently first_ix on public.first (code);\n",
        "drop index concurrently if exists public.first_ix;\n",
    )
    migrate.apply(empty_database, to="0001", folder=tmp_path)
    with psycopg.connect(empty_database) as reader:
        reader.execute("insert into public.first values (1)")
        starters = [start_yoyo(empty_database, "apply", tmp_path) for _ in range(4)]
        # One builds, held up by the reader, and the others wait for it.
        wait_until(
            empty_database,
            "4 = (select count(*) from pg_stat_activity where application_name = 'lms-migrations')"
            " and exists (select from pg_locks where locktype = 'virtualxid' and not granted)",
        )

    done = [finish(starter) for starter in starters]
    assert [each.returncode for each in done] == [0] * 4, [each.stderr for each in done]
    assert applications(empty_database) == ["0001_first", "0002_index"]


def test_a_table_in_use_is_tried_again_until_it_is_free(empty_database: str, busy: Path) -> None:
    with psycopg.connect(empty_database) as user:
        user.execute("select from public.busy")
        starter = start_yoyo(empty_database, "apply", busy)
        wait_for_line(starter, "0001_alter_busy.sql: canceling statement due to lock timeout; trying again")
        assert marked(empty_database) == []

    assert finish(starter).returncode == 0
    assert applications(empty_database) == ["0001_alter_busy"]


def test_a_table_that_stays_in_use_is_given_up_by_name(
    empty_database: str, busy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_backend, "RETRY_PATIENCE", 0)
    with psycopg.connect(empty_database) as user:
        user.execute("select from public.busy")
        with pytest.raises(MigrationError, match=r"0001_alter_busy\.sql.*\n.*Given up") as given_up:
            migrate.apply(empty_database, folder=busy)
    assert "lock timeout" in str(given_up.value)
    assert marked(empty_database) == []

    assert migrate.apply(empty_database, folder=busy) == ["0001_alter_busy"]


def test_a_deadlock_is_tried_again(empty_database: str, tmp_path: Path) -> None:
    query(empty_database, "create table public.a (); create table public.b ()")
    # The file's own lock_timeout lets the server find the deadlock, and end the migration for it.
    write(
        tmp_path,
        "0001_both",
        "set local lock_timeout = 0;\nset local deadlock_timeout = '100ms';\n"
        "lock table public.a;\nlock table public.b;\ncreate table public.both ();\n",
    )
    with psycopg.connect(empty_database) as other:
        other.execute("set deadlock_timeout = '1h'")
        other.execute("lock table public.b")
        starter = start_yoyo(empty_database, "apply", tmp_path)
        wait_until(empty_database, "exists (select from pg_locks where not granted)")
        other.execute("lock table public.a")
        wait_for_line(starter, "0001_both.sql: deadlock detected; trying again")

    assert finish(starter).returncode == 0
    assert marked(empty_database) == ["0001_both"]


def test_another_database_that_changes_the_same_role_is_waited_out(
    server: Server, empty_database: str, tmp_path: Path
) -> None:
    query(server.admin_url(), "create role lms_test_shared")
    try:
        write(tmp_path, "0001_role", "alter role lms_test_shared set work_mem = '8MB';\n")
        query(server.admin_url(), "alter role lms_test_shared set work_mem = '4MB'")
        with psycopg.connect(server.admin_url()) as other:
            other.execute("alter role lms_test_shared set work_mem = '6MB'")
            starter = start_yoyo(empty_database, "apply", tmp_path)
            wait_until(
                empty_database,
                "exists (select from pg_stat_activity"
                " where application_name = 'lms-migrations' and wait_event_type = 'Lock')",
            )

        # By now its statement has failed with "tuple concurrently updated".
        assert finish(starter).returncode == 0
        assert marked(empty_database) == ["0001_role"]
    finally:
        query(server.admin_url(), "drop role lms_test_shared")


def test_waiting_for_the_lock_has_an_end_and_names_the_holder(empty_database: str) -> None:
    with psycopg.connect(empty_database) as holder, backend(empty_database) as waiting:
        holder.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        with (
            pytest.raises(MigrationError, match=f"server process {holder.info.backend_pid} migrates"),
            waiting.lock(timeout=0),
        ):
            pytest.fail("two held the lock")


def test_even_the_first_records_are_made_under_the_lock(empty_database: str, tmp_path: Path) -> None:
    write_table(tmp_path, "0001_first")
    with psycopg.connect(empty_database, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        starter = start_yoyo(empty_database, "apply", tmp_path)
        wait_for_line(starter, f"Waiting for server process {holder.info.backend_pid}")
        assert query(empty_database, "select to_regnamespace('lms_migrations')") == [(None,)]

    assert finish(starter).returncode == 0
    assert marked(empty_database) == ["0001_first"]


def test_the_lock_is_one_per_database_and_ends_with_its_connection(
    server: Server, empty_database: str
) -> None:
    with fresh_database(server) as other, psycopg.connect(other) as elsewhere:
        elsewhere.execute("select pg_advisory_lock(%s)", [LOCK_KEY])
        with backend(empty_database) as holder, holder.lock():
            holder.connection.close()
        with backend(empty_database) as next_one, next_one.lock(timeout=0):
            assert next_one._lock._holder() == f"server process {next_one.connection.info.backend_pid}"


def test_a_session_that_was_swapped_under_the_lock_is_found_out(empty_database: str, tmp_path: Path) -> None:
    write_table(tmp_path, "0001_first")
    with backend(empty_database) as swapped, swapped.lock():
        # What a transaction pooler does between two transactions.
        swapped.connection.execute("select pg_advisory_unlock_all()")
        with pytest.raises(MigrationError, match="transaction pooler"):
            swapped.apply_migrations(read_migrations(str(tmp_path)))
    assert not exists(empty_database, "public.first")
