"""Real commands: `python -m api` in processes of their own, with no LMS_* of ours."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psutil
import psycopg

PASSWORD: Final = "learn-by-doing-1"

PATIENCE: Final = 60.0
"""Seconds after which a command that neither works nor fails is taken for stuck."""


@dataclass(frozen=True)
class Running:
    """A command that serves."""

    process: subprocess.Popen[bytes]
    url: str
    output: Path

    def client(self, email: str | None = None) -> httpx.Client:
        """A client, logged in if it has an e-mail address."""
        client = httpx.Client(base_url=self.url, timeout=PATIENCE)
        if email is not None:
            answer = client.post("/auth/login", json={"email": email, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    def stop(self, *signals: signal.Signals) -> int:
        """Send signals as a terminal does, to the whole group; SIGINT if none is given. The exit code."""
        for number in signals or (signal.SIGINT,):
            os.killpg(self.process.pid, number)
            time.sleep(0.05)
        return self.process.wait(PATIENCE)


def lms(*arguments: object, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; on its standard input is what was typed."""
    return patiently(PATIENCE, *arguments, typed=typed, **environment)


def patiently(
    seconds: float, *arguments: object, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same for a command that takes longer, so many seconds at most."""
    return subprocess.run(
        _command(arguments),
        capture_output=True,
        check=False,
        env=_environment(environment),
        input=typed,
        text=True,
        timeout=seconds,
    )


def refusal(*arguments: object, typed: str = "", **environment: str) -> str:
    """What a command says that cannot do its work: one sentence, and an exit code other than 0."""
    done = lms(*arguments, typed=typed, **environment)
    assert done.returncode != 0, done
    # Above it may stand a note of what was done before, such as a directory opened to PostgreSQL's account.
    *notes, said = done.stderr.strip().splitlines()
    assert said.startswith("Error: "), done
    assert not any(note.startswith(("Error", "Traceback", " ")) for note in notes), done
    return said.removeprefix("Error: ")


@contextmanager
def starting(output: Path, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command whose words go to a file; killed if it still runs at the end."""
    with output.open("wb") as words:
        process = subprocess.Popen(
            _command(arguments),
            env=_environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextmanager
def up(directory: Path, *arguments: object, **environment: str) -> Iterator[Running]:
    """`lms up` on a free port, from the moment it answers. No PostgreSQL outlives the context."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    command = ("up", "--port", 0, "--data-dir", directory, *arguments)
    try:
        with starting(directory.with_suffix(".output"), *command, **environment) as process:
            yield _once_it_says("answers at ", process, directory.with_suffix(".output"))
    finally:
        for server in servers_of(directory):
            # The postmaster takes its children along.
            with suppress(psutil.NoSuchProcess):
                server.kill()


@contextmanager
def serve(output: Path, *arguments: object, **environment: str) -> Iterator[Running]:
    """`lms serve` on a free port, from the moment it listens."""
    with starting(output, "serve", "--port", 0, *arguments, **environment) as process:
        yield _once_it_says("Listening at ", process, output)


def _once_it_says(what: str, process: subprocess.Popen[bytes], output: Path) -> Running:
    wait_until(lambda: what in output.read_text() or process.poll() is not None)
    words = output.read_text()
    assert what in words, words
    return Running(process, words.partition(what)[2].split()[0].rstrip("."), output)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)


def servers_of(directory: Path) -> list[psutil.Process]:
    """The PostgreSQL servers that work in a data directory, and what they started."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == directory / "postgresql":
                found.append(process)
        except psutil.Error:
            continue
    return found


def users_of(address: str) -> list[str]:
    """Who is connected to a database, besides us."""
    with psycopg.connect(address) as connection:
        rows = connection.execute(
            "select distinct usename from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() and usename is not null"
        ).fetchall()
    return [name for (name,) in rows]


def _command(arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", "api", *map(str, arguments)]


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LMS_", "PG"))}
    return {**kept, **given}
