"""Folders, and a data directory that `lms up` has filled, made once and copied for whoever needs one."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.cli.support import up

MakeFolder = Callable[[], Path]


@pytest.fixture(scope="session")
def make_folder() -> Iterator[MakeFolder]:
    """Folders that stay passable for root's PostgreSQL, which is not root.

    pytest's own do not: each run that begins closes the common parent of all runs again.
    """
    parent = Path(mkdtemp(prefix="lms-cli-"))
    numbers = count(1)

    def make() -> Path:
        folder = parent / str(next(numbers))
        folder.mkdir()
        return folder

    yield make
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def tmp_path(make_folder: MakeFolder) -> Path:
    return make_folder()


@pytest.fixture(scope="session")
def filled_directory(make_folder: MakeFolder) -> Path:
    directory = make_folder() / "data"
    with up(directory) as running:
        assert running.stop() == 0, running.output.read_text()
    return directory


@pytest.fixture
def directory(filled_directory: Path, tmp_path: Path) -> Path:
    """A copy with the demo school in it."""
    return Path(shutil.copytree(filled_directory, tmp_path / "data"))
