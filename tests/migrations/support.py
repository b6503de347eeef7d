"""What the tests of migrations share: yoyo as a real process, folders of small migrations, catalogues."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from yoyo.scripts import main as yoyo_main
from yoyo.scripts import migrate as yoyo_migrate

from api.database.migration_backend import LmsBackend
from api.settings import ROOT
from tests.support.postgres import Server, drop_database

YOYO = [str(Path(sys.executable).with_name("yoyo"))]
"""The command as a developer types it."""

_DIES_AT_THE_MARK = """
import os, signal, sys
from yoyo.backends.base import DatabaseBackend
DatabaseBackend.mark_one = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
from yoyo.scripts.main import main
main(sys.argv[1:])
"""

YOYO_DIES_AT_THE_MARK = [sys.executable, "-c", _DIES_AT_THE_MARK]
"""yoyo, killed as it comes to write the mark of the first migration."""

YOYO_DIES_AT_THE_UNMARK = [sys.executable, "-c", _DIES_AT_THE_MARK.replace("mark_one", "unmark_one")]
"""The same at a rollback."""

LIMIT = 120
"""Seconds after which a process hangs; no test expects to come near it."""


def start_yoyo(
    url: str | None, *args: str | Path, command: Sequence[str] = YOYO, **env: str
) -> "subprocess.Popen[str]":
    """A yoyo process in the project's folder, with `url` where yoyo.ini makes it look."""
    return subprocess.Popen(
        [*command, *map(str, args)],
        cwd=ROOT,
        env=_environment(env if url is None else {"LMS_MIGRATION_URL": url, **env}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_yoyo(
    url: str | None, *args: str | Path, command: Sequence[str] = YOYO, **env: str
) -> "subprocess.CompletedProcess[str]":
    """A yoyo process from start to end. Where nothing is killed or raced, yoyo() and refusal() are faster."""
    return finish(start_yoyo(url, *args, command=command, **env))


def finish(process: "subprocess.Popen[str]") -> "subprocess.CompletedProcess[str]":
    try:
        stdout, stderr = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def yoyo(url: str | None, *args: str | Path, **env: str) -> str:
    """Run a command of yoyo's in this process. Returns what it prints; raises what it raises."""
    backends = []

    def get_backend(*args: object) -> Any:
        backends.append(yoyo_main.get_backend(*args))
        return backends[-1]

    given = env if url is None else {"LMS_MIGRATION_URL": url, **env}
    printed = StringIO()
    with (
        patch.dict(os.environ, _environment(given), clear=True),
        patch.object(yoyo_migrate, "get_backend", get_backend),
        redirect_stdout(printed),
    ):
        try:
            yoyo_main.main(["--config", str(ROOT / "yoyo.ini"), "--batch", *map(str, args)])
        finally:
            # yoyo leaves that to the end of its process.
            for backend in backends:
                backend.connection.close()
    return printed.getvalue()


def refusal(url: str | None, *args: str | Path, **env: str) -> str:
    """What a command says that has to refuse."""
    with pytest.raises(SystemExit) as refused:
        yoyo(url, *args, **env)
    assert isinstance(refused.value.code, str), "a message, which Python prints before it exits 1"
    return refused.value.code


def _environment(given: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("LMS_", "PG"))} | given


def extended(url: str, parameter: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{parameter}"


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """What is in each table of the schema, in the order of its primary key."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "select relname::text, array(select attname::text from pg_index, "
            "unnest(indkey::int2[]) with ordinality as parts (number, place) join pg_attribute on attnum = number "
            "where indrelid = pg_class.oid and attrelid = pg_class.oid and indisprimary and place <= indnkeyatts "
            "order by place) from pg_class where relnamespace = to_regnamespace('lms') and relkind = 'r'"
        ).fetchall()
        statement = sql.SQL("select to_jsonb(found) from lms.{} as found order by {}")
        return {
            table: [
                row
                for (row,) in connection.execute(
                    statement.format(
                        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, key or ["found"]))
                    )
                )
            ]
            for table, key in tables
        }


def marked(url: str) -> list[str]:
    """What is marked as applied; nothing on a database without records."""
    if query(url, "select to_regclass('lms_migrations._lms_content')") == [(None,)]:
        return []
    return _column(url, "select migration_id from lms_migrations._yoyo_migration order by 1")


def applications(url: str) -> list[str]:
    """What the log says was applied, once for each time."""
    return _column(
        url, "select migration_id from lms_migrations._yoyo_log where operation = 'apply' order by 1"
    )


def _column(url: str, sql: str) -> list[str]:
    return [value for (value,) in query(url, sql)]


def exists(url: str, relation: str) -> bool:
    return query(url, f"select to_regclass('{relation}') is not null") == [(True,)]


def catalogue(server: Server, url: str) -> str:
    """Schema and rights as pg_dump writes them, without the migrations' records and what varies.

    With `--create` the rights on the database itself are among them.
    """
    dump = subprocess.run(
        [server.programs / "pg_dump", "--schema-only", "--create", "--exclude-schema=lms_migrations", url],
        check=True,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    ).stdout
    dump = re.sub(r"^(\\(un)?restrict|-- Dumped) .*\n", "", dump, flags=re.MULTILINE)
    return re.sub(r"\blms_(empty|fresh)_\w+", "lms", dump)


@contextmanager
def fresh_database(server: Server) -> Iterator[str]:
    """An empty database, for tests that need many."""
    name = f"lms_fresh_{uuid4().hex}"
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    try:
        yield server.admin_url(name)
    finally:
        drop_database(server, name)


@contextmanager
def backend(url: str) -> Iterator[LmsBackend]:
    """The backend with its records in place, as yoyo's commands get it."""
    with LmsBackend.from_url(url) as connected:
        connected.init_database()
        yield connected


def wait_for_line(process: "subprocess.Popen[str]", words: str) -> None:
    """Read what a process says until it says this."""
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"the process ended without saying {words!r}")


def wait_until(url: str, condition: str) -> None:
    """Return as soon as this is true on the server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"set statement_timeout = '{LIMIT}s'".encode())
        connection.execute(
            f"""do $$ begin
                while not ({condition}) loop
                    perform pg_sleep(0.01);
                    perform pg_stat_clear_snapshot();
                end loop;
            end $$""".encode()
        )


def write(folder: Path, name: str, up: str, down: str | None = "") -> Path:
    """Add a migration to a folder; without a rollback file if `down` is None. Returns the file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.sql"
    path.write_text(up)
    if down is not None:
        path.with_name(f"{name}.rollback.sql").write_text(down)
    return path


def write_table(folder: Path, name: str, *, depends: str = "") -> Path:
    """Add a migration that creates `public.<name without its number>`."""
    table = f"public.{name[5:]}"
    return write(
        folder,
        name,
        f"-- A table.\n--\n-- depends: {depends}\n\ncreate table {table} (id int primary key);\n",
        f"drop table {table};\n",
    )
