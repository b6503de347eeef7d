"""What the campaigns share: a hall with many students, the service as it runs, and a way to print figures."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.chaos.seats import Hall, found_hall
from tests.cli.support import Running, serve
from tests.conftest import TestDatabase

Serving = Callable[[TestDatabase], AbstractContextManager[Running]]


@pytest.fixture(scope="module")
def hall(module_database: TestDatabase) -> Hall:
    return found_hall(module_database.admin_url)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print the figures of a campaign, whatever pytest captures."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """Run `lms serve` with two workers on a database."""

    def start(database: TestDatabase) -> AbstractContextManager[Running]:
        return serve(
            tmp_path_factory.mktemp("serve") / "output",
            "--workers",
            2,
            **database.service_environment,
            # How long a request may queue is another matter, and the machine may be busy.
            LMS_DATABASE_ACQUIRE_TIMEOUT="30",
        )

    return start


@pytest.fixture(scope="module")
def running(module_database: TestDatabase, hall: Hall, serving: Serving) -> Iterator[Running]:  # noqa: ARG001
    """The service on the file's database, with the hall in it."""
    with serving(module_database) as service:
        yield service
