"""What all tests share: one PostgreSQL, one migrated template, a clone of it for whoever needs one."""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from pytest_postgresql.janitor import DatabaseJanitor

from api.operations import migrate
from tests.support.postgres import Server, drop_database, running_server
from tests.support.school import School, found_school
from tests.support.service import running_service, settings_for

if TYPE_CHECKING:
    from tests.support.mail import MailServer

# A shell has SIGINT ignored in what it starts in the background, and whatever we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_numbers = count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the campaigns in full, not their share for CI")
    parser.addoption("--seed", type=int, help="what a campaign printed, to have its random choices again")


@dataclass(frozen=True)
class TestDatabase:
    """A database of a test's own."""

    __test__ = False

    server: Server
    name: str

    @property
    def admin_url(self) -> str:
        return self.server.admin_url(self.name)

    @property
    def service_url(self) -> str:
        return self.server.service_url(self.name)

    @property
    def service_environment(self) -> dict[str, str]:
        """What `lms serve` is told of it."""
        return {"LMS_DATABASE_URL": self.service_url, "LMS_DATABASE_POOLER": self.server.pooler}


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Whether campaigns and benchmarks run in full, and not their share for CI."""
    return bool(pytestconfig.getoption("--full"))


@pytest.fixture(scope="session")
def new_seed(pytestconfig: pytest.Config) -> Callable[[], int]:
    """Where random choices begin: what --seed says, or anywhere."""
    given: int | None = pytestconfig.getoption("--seed")
    return lambda: secrets.randbits(32) if given is None else given


@pytest.fixture
def seed(new_seed: Callable[[], int]) -> int:
    return new_seed()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The PostgreSQL of this run."""
    with running_server() as running:
        yield running


def _janitor(server: Server, name: str, template: str | None = None) -> DatabaseJanitor:
    return DatabaseJanitor(
        user="postgres", host=server.socket_folder, port=server.port, dbname=name, template_dbname=template
    )


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[str]:
    """The name of a migrated database that nobody connects to."""
    name = f"lms_template_{os.getpid()}"
    with _janitor(server, name):
        migrate.apply(server.admin_url(name))
        with_login(server)
        yield name


def with_login(server: Server) -> None:
    """The service's role may log in; the test server trusts whoever does."""
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        connection.execute("alter role lms_api login")
        # As `lms roles` does.
        connection.execute("alter role lms_api set plan_cache_mode = 'force_generic_plan'")
        connection.execute("alter role lms_worker login")
        connection.execute("alter role lms_migrate login")
        connection.execute("alter role lms_worker login")


@pytest.fixture(scope="session")
def clone(server: Server, template: str) -> Callable[[], TestDatabase]:
    """Make one more copy of the migrated database. The run's end drops the server, and it with it."""

    def make() -> TestDatabase:
        name = f"lms_test_{os.getpid()}_{next(_numbers)}"
        _janitor(server, name, template).init()
        return TestDatabase(server, name)

    return make


@pytest.fixture
def empty_database(server: Server) -> Iterator[str]:
    """The superuser's address of an empty database."""
    name = f"lms_empty_{os.getpid()}_{next(_numbers)}"
    _janitor(server, name).init()
    yield server.admin_url(name)
    drop_database(server, name)


@pytest.fixture
def database(clone: Callable[[], TestDatabase]) -> Iterator[TestDatabase]:
    """A migrated database without rows, for one test."""
    made = clone()
    yield made
    drop_database(made.server, made.name)


@pytest.fixture
def owner(database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to the test's database, each statement a transaction of its own."""
    with psycopg.connect(
        database.admin_url, autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        yield connection


@pytest.fixture(scope="module")
def module_database(clone: Callable[[], TestDatabase]) -> Iterator[TestDatabase]:
    """A migrated database for the tests of one file."""
    made = clone()
    yield made
    drop_database(made.server, made.name)


@pytest.fixture(scope="module")
def school(module_database: TestDatabase) -> School:
    """A school in the file's database. Tests that change it put things back, or use what they made."""
    return found_school(module_database.admin_url)


@pytest.fixture(scope="module")
def service(
    module_database: TestDatabase,
    school: School,  # noqa: ARG001 - it is in the database
) -> Iterator[httpx.Client]:
    """A client of the service, running on the file's database with the school in it."""
    with running_service(settings_for(module_database.server, module_database.name)) as client:
        yield client


@pytest.fixture
def mail() -> "Iterator[MailServer]":
    """A mail server that takes what it is sent, unless it is told otherwise."""
    from tests.support.mail import mail_server  # noqa: PLC0415 - heavy

    with mail_server() as server:
        yield server


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 server, which the variables AWS_* name too."""
    from tests.support.storage import s3_server  # noqa: PLC0415 - heavy

    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets that LMS_TEST_DATA names."""
    folder = os.environ.get("LMS_TEST_DATA")
    if not folder:
        pytest.skip("LMS_TEST_DATA names no folder of real data")
    return Path(folder)
