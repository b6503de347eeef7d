"""What a database holds, in a form that two moments can be compared by, and who waits for whom in it."""

import time
from typing import Any

import psycopg
from psycopg import sql


def checksums(admin_url: str) -> dict[str, str]:
    """Every table of the schema with a checksum of its rows: the same ones, the same rows in every column."""
    with psycopg.connect(admin_url) as connection:
        names = connection.execute(
            "select tablename from pg_catalog.pg_tables where schemaname = 'lms'"
        ).fetchall()
        assert names
        return {name: _checksum(connection, name) for (name,) in names}


def _checksum(connection: psycopg.Connection[Any], table: str) -> str:
    row = connection.execute(
        sql.SQL(
            "select count(*) || ' rows, ' || md5(coalesce(string_agg(r::text, '|' order by r::text), '')) "
            "from lms.{} as r"
        ).format(sql.Identifier(table))
    ).fetchone()
    assert row is not None
    return str(row[0])


def wait_until_blocked_by(admin_url: str, holder: psycopg.Connection[Any]) -> None:
    """Return as soon as somebody waits for a lock of this connection's transaction."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for _ in range(1_000):
            row = connection.execute(
                "select count(*) from pg_catalog.pg_stat_activity where %s = any(pg_blocking_pids(pid))",
                [holder.info.backend_pid],
            ).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits")
