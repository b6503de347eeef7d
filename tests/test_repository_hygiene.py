"""What is in the repository holds on every machine: nothing in it points to one machine, or out of the checkout."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.settings import ROOT

pytestmark = pytest.mark.once

# Written so that no pattern matches itself.
PATTERNS = {
    "a folder of one machine": r"""(?:^|[\s'"`(=:,])(?:file://)?/(?:home|root|Users|opt|work|mnt)/[\w.-]""",
    "a file as an address": r"file:/{2,3}[\w.-]",
    "an index of packages": r"(?:index|links)[-_]?ur[l]|find[-_]link[s]",
    "a folder beside the checkout": r"(?:^|[\s'\"`(=])\.\./[a-z]",
    "a ticket": r"(?i)\b(?:issue|ticket)s? +#?\d|(?:^|\s)#\d+\b",
}
EXAMPLES = {
    "a folder of one machine": "data = " + "/" + "home/me/lms",
    "a file as an address": "file:" + "//" + "server/wheels",
    "an index of packages": "--index-" + "url=https://packages.example",
    "a folder beside the checkout": "cat " + ".." + "/data/courses.json",
    "a ticket": "see issue " + "12",
}
EXCEPTIONS = {
    # CI has real data beside its checkout; nobody else needs it.
    ("a folder beside the checkout", ".ci/run"),
}
HOSTS = {"pypi.org", "files.pythonhosted.org"}


def files() -> list[str]:
    """What is in the repository or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is a copy without its git repository")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def lines(name: str) -> Iterator[tuple[str, str]]:
    """Each line of a text file with its place."""
    try:
        text = (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        yield f"{name}:{number}", line


@pytest.mark.parametrize("what", PATTERNS)
def test_no_file_names(what: str) -> None:
    pattern = re.compile(PATTERNS[what])
    found = [
        f"{place}: {line.strip()[:100]}"
        for name in files()
        if (what, name) not in EXCEPTIONS
        for place, line in lines(name)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("what", PATTERNS)
def test_a_file_that_did_would_be_found(what: str) -> None:
    assert re.search(PATTERNS[what], EXAMPLES[what])


def test_an_exception_is_still_needed() -> None:
    for what, name in EXCEPTIONS:
        assert any(re.search(PATTERNS[what], line) for _, line in lines(name)), (
            f"{name} no longer names {what}"
        )


def test_what_is_locked_comes_from_the_python_package_index() -> None:
    locks = [name for name in files() if Path(name).name in {"uv.lock", "requirements.lock"}]
    assert locks, "the dependencies are not locked"
    hosts = {
        host
        for name in locks
        for _, line in lines(name)
        for host in re.findall(r"https?://([^/\s\"]+)", line)
    }
    assert hosts <= HOSTS


def test_every_migration_can_be_undone() -> None:
    names = {path.name for path in (ROOT / "migrations").glob("[0-9]*.sql")}
    undone = {name.replace(".rollback.sql", ".sql") for name in names if name.endswith(".rollback.sql")}
    assert {name for name in names if not name.endswith(".rollback.sql")} == undone


def test_migrations_are_numbered_without_a_gap() -> None:
    names = {path.name for path in (ROOT / "migrations").glob("[0-9]*.sql") if ".rollback." not in path.name}
    assert sorted(int(name[:4]) for name in names) == list(range(1, len(names) + 1))
