"""Every command and request in the README, run as it stands there.

Only what cannot be the same twice on one machine is replaced: the port, and the address of PostgreSQL. A command
that no test here runs fails `test_every_command_is_run`.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from api.settings import ROOT
from tests.conftest import TestDatabase
from tests.http.matrix import TABLE, read_table
from tests.operations.oulad import enrolled, person
from tests.support.postgres import Server, free_port

pytestmark = pytest.mark.once

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CELLS = re.findall(r"^\|[^|\n]*\|\s*([^|\n]*?)\s*\|$", README, re.MULTILINE)
INLINE = [
    command
    for cell in CELLS
    for command in re.findall(r"`([^`]+)`", cell)
    if command.split()[0] in {"lms", "yoyo", "python", "pg_dump"}
]

RUN, RUN_UV, TEST, TEST_UV, LOGIN, COURSES, LOCAL, PRODUCTION, WORKER = BLOCKS


def test_every_command_is_run() -> None:
    """The names above take all blocks there are; those that follow take each inline command."""
    assert RUN.endswith(".venv/bin/lms up\n")
    assert RUN_UV.endswith("lms up\n")
    assert TEST.endswith(".venv/bin/pytest\n")
    assert TEST_UV.endswith("pytest\n")
    assert LOGIN.startswith("curl ")
    assert COURSES.startswith("curl ")
    assert LOCAL.startswith("createdb ")
    assert "lms serve" in PRODUCTION
    assert WORKER.endswith(".venv/bin/lms worker\n")
    assert {command.split()[0] for command in INLINE} == {"lms", "yoyo", "python", "pg_dump"}


def test_readme_links_lead_somewhere() -> None:
    targets = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]

    assert [link for link in targets if not (ROOT / link).exists()] == []


def test_every_route_that_it_names_is_there() -> None:
    named = re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]+)`", README)
    assert {_shape(route) for route in named} <= {_shape(row.route) for row in read_table(TABLE)}
    assert len(named) >= 15


def _shape(route: str) -> str:
    return re.sub(r"{\w+}", "{}", route)


@dataclass(frozen=True)
class Clone:
    """A copy of what is in the repository, and nothing else."""

    folder: Path

    def run(self, command: str, **environment: str) -> str:
        """Run a command line in the clone. Its output; raises where it fails."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=_clean_environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def serving(self, command: str, **environment: str) -> Iterator[int]:
        """Run a command line that ends in `lms up` or `lms serve`, on a free port, until the block ends."""
        port = free_port()
        command = re.sub(r"lms (up|serve)(.*)\n\Z", rf"lms \1\2 --port {port}", command)
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=_clean_environment() | environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, port)
            yield port
        finally:
            # As Ctrl-C on a terminal does: to the whole group.
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def _clean_environment() -> dict[str, str]:
    """Ours, without what belongs to this run: its virtual environment and its settings."""
    dropped = ("LMS_", "VIRTUAL_ENV", "PYTEST_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it was ready"
        ready = subprocess.run(
            ["curl", "-sf", f"http://127.0.0.1:{port}/health/ready"], capture_output=True, check=False
        )
        if ready.returncode == 0:
            return
        time.sleep(0.2)
    pytest.fail("it was not ready in five minutes")


@pytest.fixture(scope="module")
def fresh_clone() -> Iterator[Clone]:
    """What somebody gets who clones the repository, uncommitted changes included."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout, so nobody knows what belongs to it")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    # No folder of pytest's: those are closed to the user that PostgreSQL runs as, if we are root.
    with TemporaryDirectory(prefix="lms-readme-") as folder:
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, Path(folder) / name)
        yield Clone(Path(folder))


def test_run_command_brings_up_the_service_of_the_example(fresh_clone: Clone) -> None:
    with fresh_clone.serving(RUN) as port:
        login = json.loads(fresh_clone.run(LOGIN.replace(":8000", f":{port}")))
        shown = fresh_clone.run(COURSES.replace(":8000", f":{port}"), TOKEN=login["access_token"])

    (promised,) = re.findall(r"^```json\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert _without_what_varies(json.loads(shown)) == _without_what_varies(json.loads(promised))


def _without_what_varies(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: "…" if key in {"id", "created_at", "updated_at", "next"} else _without_what_varies(item)
                for key, item in value.items()
            }
        case list():
            return [_without_what_varies(item) for item in value]
    return value


def test_test_command_runs_the_tests(fresh_clone: Clone) -> None:
    # One file of them: the rest is running right now.
    assert " passed" in fresh_clone.run(TEST.rstrip("\n") + " tests/test_layers.py")


def test_uv_forms_do_the_same(fresh_clone: Clone) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert uv is not None, "the extra `test` installs uv"
    path = f"{Path(uv).parent}:{os.environ['PATH']}"
    shutil.rmtree(fresh_clone.folder / ".venv", ignore_errors=True)

    with fresh_clone.serving(RUN_UV, PATH=path) as port:
        assert fresh_clone.run(f"curl -sf http://127.0.0.1:{port}/health/ready")
    assert " passed" in fresh_clone.run(TEST_UV.rstrip("\n") + " tests/test_layers.py", PATH=path)


@pytest.fixture
def here() -> Iterator[Clone]:
    """This checkout, with its own virtual environment under the name that the README gives it."""
    with TemporaryDirectory(prefix="lms-readme-") as name:
        folder = Path(name)
        for entry in ROOT.iterdir():
            if entry.name not in {".venv", ".git", ".lms"}:
                (folder / entry.name).symlink_to(entry)
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
        yield Clone(folder)


def _on(server: Server, name: str, command: str) -> str:
    """The command with the address of this run's PostgreSQL, and a database of this test's."""
    at = f"?host={server.socket_folder}&port={server.port}"
    replaced = command.replace(
        "--host=localhost --port=5432 lms",
        f"--host={server.socket_folder} --port={server.port} --username=postgres {name}",
    )
    replaced = re.sub(r"postgresql://localhost:5432/lms", f"'postgresql://postgres@/{name}{at}'", replaced)
    return re.sub(r"postgresql://(\S+)@localhost:5432/lms", rf"'postgresql://\1@/{name}{at}'", replaced)


def test_own_postgresql(server: Server, here: Clone) -> None:
    environment = {
        "PATH": f"{server.programs}:{os.environ['PATH']}",
        "LMS_DATA_DIR": str(here.folder / "data"),
    }
    with here.serving(_on(server, "lms_readme_local", LOCAL), **environment) as port:
        assert here.run(LOGIN.replace(":8000", f":{port}"))


def test_production(empty_database: str, server: Server, here: Clone) -> None:
    name = re.search(r"/(lms_empty_\w+)", empty_database)
    assert name is not None
    with here.serving(_on(server, name[1], PRODUCTION)) as port:
        assert here.run(f"curl -sf http://127.0.0.1:{port}/health/ready")
        # On a terminal of its own, which has the addresses, until somebody stops it.
        addresses = "".join(line for line in PRODUCTION.splitlines(keepends=True) if "WORKER_URL" in line)
        worker = WORKER.replace(
            ".venv/bin/lms worker", "timeout --signal=TERM 10 .venv/bin/lms worker || test $? = 124"
        )
        said = here.run(_on(server, name[1], addresses) + worker)
        assert "Mail goes to smtp.school.example, port 587." in said
        assert "Stopped." in said


def test_inline_commands(
    database: TestDatabase, server: Server, here: Clone, real_data: Path, tmp_path: Path
) -> None:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{server.programs}:{os.environ['PATH']}",
        "LMS_MIGRATION_URL": database.admin_url,
    }
    for command in sorted(INLINE, key=_order):
        for placeholder, value in {
            # The whole of it takes half a minute, and is imported elsewhere.
            "oulad DIR": f"oulad {enrolled(tmp_path / 'oulad', person())}",
            " DIR": f" {real_data / 'courses'}",
            " ID": " 0009",
            " EMAIL": " vogel@example.edu",
            " NAME": " 'Lena Vogel'",
        }.items():
            command = command.replace(placeholder, value)  # noqa: PLW2901
        here.run(command, **environment)


def _order(command: str) -> int:
    """Back and forth first, so that the rest finds a whole schema: as written, down comes before up."""
    ways = (
        "yoyo list",
        "yoyo rollback",
        "lms migrate --down",
        "lms migrate",
        "yoyo apply",
        "lms seed",
        "python",
    )
    return next(
        (place for place, way in enumerate(ways) if command == way or command.startswith(f"{way} ")), 99
    )
