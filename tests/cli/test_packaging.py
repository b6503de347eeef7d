"""What the image and its host are told: that it is there, and that the commands are ours."""

import json
import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest

from api.cli import main
from api.settings import ROOT

pytestmark = pytest.mark.once

EVERYWHERE = "0.0.0.0"  # noqa: S104  in a container
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FLY = tomllib.loads((ROOT / "fly.toml").read_text())
IGNORED = [
    line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
]

SOURCES = [
    source
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    for source in line.split()[:-1]
]


def _context_of(command: list[str]) -> click.Context:
    """The command with its arguments, as click understands it. Raises click.UsageError where it does not."""
    assert command[0] == "lms"
    return main.commands[command[1]].make_context(command[1], command[2:])


def _is_ignored(path: str) -> bool:
    """As Docker reads it: the last line that matches decides."""
    verdict = False
    for line in IGNORED:
        if fnmatch(path, line.removeprefix("!")):
            verdict = not line.startswith("!")
    return verdict


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_copied_is_there_and_sent(source: str) -> None:
    assert (ROOT / source).exists()
    assert not _is_ignored(source)


def test_everything_that_serving_reads_is_copied() -> None:
    assert {"api", "sql", "migrations", "yoyo.ini", "pyproject.toml"} <= set(SOURCES)


@pytest.mark.parametrize("private", [".git", ".venv", ".lms", ".env", "tests"])
def test_nothing_private_is_sent(private: str) -> None:
    assert _is_ignored(private)


def test_serves_on_the_port_it_exposes() -> None:
    [words] = re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    context = _context_of(json.loads(words))
    assert context.params["host"] == EVERYWHERE
    [exposed] = re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    assert context.params["port"] == int(exposed) == FLY["http_service"]["internal_port"]
    assert f":{exposed}/health/live" in DOCKERFILE


def test_does_not_run_as_root() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["lms"]


def test_uploaded_files_go_where_it_may_write() -> None:
    [folder] = re.findall(r"LMS_DATA_DIR=(\S+)", DOCKERFILE)
    assert f"install --directory --owner lms {folder}" in DOCKERFILE


def test_fly_with_more_than_one_machine_asks_for_a_bucket() -> None:
    assert FLY["http_service"]["min_machines_running"] > 1
    assert "LMS_STORAGE_URL" in (ROOT / "fly.toml").read_text()


def test_takes_the_extras_of_no_laptop() -> None:
    assert "[embedded]" not in DOCKERFILE
    assert "[test]" not in DOCKERFILE


def test_the_health_check_is_a_program() -> None:
    [words] = re.findall(r"^HEALTHCHECK .*\\\n +CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    program, option, code = json.loads(words)
    assert (program, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")


def test_fly_migrates_before_a_release() -> None:
    assert _context_of(shlex.split(FLY["deploy"]["release_command"])).params == {
        "to": None,
        "down": None,
        "status": False,
    }


def test_fly_waits_until_ready_and_gives_time_to_finish() -> None:
    from api.operations.serve import GRACE_SECONDS  # noqa: PLC0415  heavy

    [check] = FLY["http_service"]["checks"]
    assert check["path"] == "/health/ready"
    assert FLY["kill_signal"] == "SIGTERM"
    assert int(FLY["kill_timeout"].removesuffix("s")) > GRACE_SECONDS
    assert FLY["http_service"]["min_machines_running"] >= 1
    assert FLY["primary_region"] == "sin"


def test_fly_runs_service_and_worker() -> None:
    for words in FLY["processes"].values():
        _context_of(shlex.split(words))
    [words] = re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.MULTILINE)
    assert shlex.split(FLY["processes"]["app"]) == json.loads(words)
    assert FLY["processes"]["worker"] == "lms worker"
    assert FLY["http_service"]["processes"] == ["app"]


def test_python_is_one_that_the_package_supports() -> None:
    [version] = re.findall(r"^ARG PYTHON=3\.(\d+)$", DOCKERFILE, re.MULTILINE)
    assert int(version) >= 11
    assert Path(ROOT / "pyproject.toml").read_text().count('requires-python = ">=3.11"') == 1
