"""yoyo's own commands on the backend, and the addresses it takes."""

import hashlib
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from yoyo.connections import parse_uri

from api.database import migration_address
from api.database.migration_files import MigrationError
from tests.migrations.support import (
    applications,
    exists,
    extended,
    marked,
    query,
    refusal,
    run_yoyo,
    write,
    write_table,
    yoyo,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_table(tmp_path, "0001_first")
    write_table(tmp_path, "0002_second", depends="0001_first")
    write_table(tmp_path, "0003_third", depends="0002_second")
    return tmp_path


def test_apply_list_rollback_and_reapply(empty_database: str, folder: Path) -> None:
    yoyo(empty_database, "apply", folder)
    assert marked(empty_database) == ["0001_first", "0002_second", "0003_third"]

    yoyo(empty_database, "rollback", folder)
    assert marked(empty_database) == ["0001_first", "0002_second"]
    assert not exists(empty_database, "public.third")
    states = [line.split()[:2] for line in yoyo(empty_database, "list", folder).splitlines()[2:]]
    assert states == [["A", "0001_first"], ["A", "0002_second"], ["U", "0003_third"]]

    yoyo(empty_database, "reapply", "--all", folder)
    assert marked(empty_database) == ["0001_first", "0002_second"]
    assert applications(empty_database) == ["0001_first"] * 2 + ["0002_second"] * 2 + ["0003_third"]

    yoyo(empty_database, "rollback", "--revision", "0002_second", folder)
    assert marked(empty_database) == ["0001_first"]
    yoyo(empty_database, "rollback", "--all", folder)
    assert marked(empty_database) == []
    assert not exists(empty_database, "public.first")


def test_reapply_follows_the_numbers_where_dependencies_leave_it_open(
    empty_database: str, tmp_path: Path
) -> None:
    for name in ("0001_first", "0002_second", "0003_third"):
        write_table(tmp_path, name)
    yoyo(empty_database, "apply", tmp_path)
    yoyo(empty_database, "reapply", "--all", tmp_path)

    log = "select left(migration_id, 4) || operation from lms_migrations._yoyo_log order by created_at_utc"
    assert [entry for (entry,) in query(empty_database, log)] == [
        *("0001apply", "0002apply", "0003apply"),
        *("0003rollback", "0002rollback", "0001rollback"),
        *("0001apply", "0002apply", "0003apply"),
    ]


def test_mark_and_unmark_run_nothing(empty_database: str, folder: Path) -> None:
    yoyo(empty_database, "mark", "--revision", "0002_second", folder)
    assert marked(empty_database) == ["0001_first", "0002_second"]
    assert not exists(empty_database, "public.first")

    yoyo(empty_database, "unmark", "--revision", "0001_first", folder)
    assert marked(empty_database) == []
    yoyo(empty_database, "apply", folder)
    assert exists(empty_database, "public.third")


def test_the_records_are_outside_public_and_hold_the_hash_of_each_file(
    empty_database: str, folder: Path
) -> None:
    yoyo(empty_database, "apply", folder)

    assert query(
        empty_database,
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
    ) == [("first",), ("second",), ("third",)]
    assert query(
        empty_database,
        "select relname::text from pg_class"
        " where relkind = 'r' and relnamespace = 'lms_migrations'::regnamespace order by 1",
    ) == [("_lms_content",), ("_yoyo_log",), ("_yoyo_migration",), ("_yoyo_version",)]
    assert query(
        empty_database, "select migration_id, sha256 from lms_migrations._lms_content order by 1"
    ) == [
        (path.stem, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.glob("*[!k].sql"))
    ]


def test_break_lock_has_nothing_to_break_and_says_who_holds_it(empty_database: str) -> None:
    assert "nobody holds it" in yoyo(empty_database, "break-lock")

    with psycopg.connect(empty_database) as holder:
        holder.execute("select pg_advisory_lock(x'6c6d735f6d696772'::bigint)")
        assert f"server process {holder.info.backend_pid}" in yoyo(empty_database, "break-lock")


def test_a_role_taken_in_a_file_does_not_reach_the_mark(empty_database: str, tmp_path: Path) -> None:
    # pg_monitor may neither write to lms_migrations nor even see it.
    write(tmp_path, "0001_first", "set local role pg_monitor;\nselect 1;\n", "set role pg_monitor;\n")
    write(
        tmp_path,
        "0002_second",
        "-- transactional: false\n-- depends: 0001_first\n\nset role pg_monitor;\nanalyze;\n",
        "set role pg_monitor;\nanalyze;\n",
    )

    yoyo(empty_database, "apply", tmp_path)
    assert marked(empty_database) == ["0001_first", "0002_second"]
    yoyo(empty_database, "rollback", "--all", tmp_path)
    assert marked(empty_database) == []


def test_timeouts_of_the_role_do_not_end_a_migration(empty_database: str, tmp_path: Path) -> None:
    name = query(empty_database, "select current_database()")[0][0]
    query(empty_database, f"alter database {name} set statement_timeout = '10ms'")
    write(tmp_path, "0001_first", "select pg_sleep(0.2);\n")

    yoyo(empty_database, "apply", tmp_path)
    assert marked(empty_database) == ["0001_first"]


def test_the_address_may_stand_on_the_command_line(empty_database: str, folder: Path) -> None:
    address = empty_database.replace("postgresql://", "postgresql+lms://")
    yoyo(None, "apply", "--database", address, folder)

    assert marked(empty_database) == ["0001_first", "0002_second", "0003_third"]


def test_without_any_address_it_says_what_to_set(folder: Path) -> None:
    assert "LMS_MIGRATION_URL" in refusal(None, "list", folder)


def test_a_server_that_is_not_there_is_one_message(folder: Path, tmp_path: Path) -> None:
    assert "cannot be reached" in refusal(f"postgresql://postgres@/x?host={tmp_path}", "list", folder)


@pytest.mark.parametrize("port", ["6432", "6543"])
def test_a_poolers_port_is_refused(empty_database: str, folder: Path, tmp_path: Path, port: str) -> None:
    said = refusal(extended(empty_database, f"port={port}"), "apply", folder)
    assert f"Port {port}" in said
    assert "address of the server itself" in said
    assert f"Port {port}" in refusal(
        None, "apply", "--database", f"postgresql+lms://u:p@localhost:{port}/lms", folder
    )

    # A server that really listens there, found by the environment.
    settings = "current_setting('unix_socket_directories'), current_setting('port'), current_database()"
    [(directories, real_port, database)] = query(empty_database, f"select {settings}")
    socket = Path(directories.partition(",")[0], f".s.PGSQL.{real_port}")
    (tmp_path / f".s.PGSQL.{port}").symlink_to(socket)
    with psycopg.connect(empty_database) as connection:
        url = f"postgresql://{connection.info.user}@/{database}"
    with psycopg.connect(url, host=str(tmp_path), port=port) as connection:
        assert connection.info.port == int(port)
    assert f"Port {port}" in refusal(url, "apply", folder, PGPORT=port, PGHOST=str(tmp_path))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "postgresql+lms://ann:p%40ss%2Fw%25rd@db.example.edu:5433/lms",
            {
                "user": "ann",
                "password": "p@ss/w%rd",
                "host": "db.example.edu",
                "port": "5433",
                "dbname": "lms",
            },
        ),
        ("postgresql+lms:///lms?host=/Run/Sockets", {"dbname": "lms", "host": "/Run/Sockets"}),
        (
            "postgresql+lms://ann@localhost/lms?host=/run/postgresql&sslmode=require",
            {"user": "ann", "host": "/run/postgresql", "dbname": "lms", "sslmode": "require"},
        ),
        ("postgresql+lms://[::1]/lms", {"host": "::1", "dbname": "lms"}),
    ],
)
def test_an_address_reaches_libpq_whole(address: str, expected: dict[str, str]) -> None:
    assert conninfo_to_dict(migration_address._conninfo(parse_uri(address))) == expected


def test_an_empty_address_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMS_MIGRATION_URL", raising=False)
    monkeypatch.setenv("LMS_DATABASE_URL", "postgresql://service@h/lms")
    assert migration_address._conninfo(parse_uri("postgresql+lms:///")) == "postgresql://service@h/lms"
    monkeypatch.setenv("LMS_MIGRATION_URL", "postgresql://owner@h/lms")
    assert migration_address._conninfo(parse_uri("postgresql+lms:///")) == "postgresql://owner@h/lms"


def test_a_bad_address_in_the_environment_is_named_without_its_password(folder: Path) -> None:
    said = refusal("mysql://ann:swordfish@h/lms", "list", folder)
    assert "LMS_MIGRATION_URL" in said
    assert "swordfish" not in said


def test_a_socket_directory_that_yoyo_would_fold_to_lower_case_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"\?host="):
        migration_address._conninfo(parse_uri("postgresql+lms://%2FRun%2FSockets/lms"))


def test_an_unknown_parameter_and_another_table_are_refused(empty_database: str, folder: Path) -> None:
    address = extended(empty_database, "schema=public").replace("postgresql://", "postgresql+lms://")
    assert "schema" in refusal(None, "list", "--database", address, folder)
    assert "_yoyo_migration" in refusal(empty_database, "list", "--migration-table", "other", folder)


def test_the_commands_run_in_a_shell(empty_database: str, folder: Path) -> None:
    done = run_yoyo(empty_database, "-vv", "apply", folder)
    assert (done.returncode, done.stdout) == (0, "")
    assert "apply 0003_third" in done.stderr

    done = run_yoyo(empty_database, "rollback", "--all", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert marked(empty_database) == []
