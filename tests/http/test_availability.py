"""What is answered while the database is away, and whom the service refuses to run as."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress

import httpx
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from api.app import create_app
from api.database.known_version import known_version
from api.roles import UnfitRoleError
from tests.conftest import TestDatabase
from tests.support.postgres import Server
from tests.support.school import School
from tests.support.service import running_service, settings_for

Start = Callable[[], AbstractContextManager[httpx.Client]]

PATIENCE = 60
"""Seconds after which a test gives up waiting. No test says how long anything takes."""


class Door:
    """A port that leads to the database while it is open. Shut, it refuses, and throws out who is inside."""

    def __init__(self, server: Server) -> None:
        self._server = server
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._listener: socket.socket | None = None
        self._inside: set[socket.socket] = set()

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for connection in list(self._inside):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            upstream = self._reach_server()
            for one, other in ((client, upstream), (upstream, client)):
                self._inside.add(one)
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _reach_server(self) -> socket.socket:
        if self._server.pooler_port is not None:
            return socket.create_connection(("127.0.0.1", self._server.pooler_port))
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(f"{self._server.socket_folder}/.s.PGSQL.{self._server.port}")
        return upstream

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while received := one.recv(65_536):
                other.sendall(received)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._inside.discard(one)
        one.close()


@pytest.fixture
def door(module_database: TestDatabase) -> Iterator[Door]:
    made = Door(module_database.server)
    yield made
    made.shut()


@pytest.fixture
def behind_door(module_database: TestDatabase, door: Door) -> Start:
    """Start a service that reaches the database through the door alone."""
    url = f"postgresql://lms_api@127.0.0.1:{door.port}/{module_database.name}?sslmode=disable"
    settings = settings_for(module_database.server, module_database.name)
    return lambda: running_service(settings.model_copy(update={"database_url": SecretStr(url)}))


def ask_all(client: httpx.Client, school: School) -> list[httpx.Response]:
    """A read, a list, a write, a retried write, a login and the readiness, by people with good tokens."""
    headers = school.headers("lecturer")
    course = {"code": "NEW", "title": "New", "term_id": str(school.own["term_id"]), "capacity": 5}
    return [
        client.get("/auth/me", headers=headers),
        client.get("/courses", headers=headers),
        client.patch(f"/courses/{school.own['course_id']}", json={}, headers={**headers, "If-Match": "*"}),
        client.post("/courses", json=course, headers={**headers, "Idempotency-Key": "key"}),
        client.post("/auth/login", json={"email": "lecturer@school.example", "password": "a"}),
        client.get("/health/ready"),
    ]


def assert_unavailable(answers: list[httpx.Response]) -> None:
    assert {answer.status_code for answer in answers} == {503}
    for answer in answers:
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:lms:problem:unavailable"


def wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + PATIENCE
    while (status := client.get("/health/ready").status_code) != 200:
        assert status == 503
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_service_that_starts_before_the_database_serves_when_it_comes(
    behind_door: Start, door: Door, school: School
) -> None:
    with behind_door() as client:
        assert_unavailable(ask_all(client, school))
        assert client.get("/health/live").json() == {"status": "alive"}
        assert client.get("/docs").status_code == 200
        assert client.get("/auth/me").status_code == 401
        door.open()
        wait_until_ready(client)
        assert client.get("/auth/me", headers=school.headers("lecturer")).status_code == 200


def test_while_the_database_is_away_everything_is_503_and_the_process_alive(
    behind_door: Start, door: Door, school: School
) -> None:
    door.open()
    with behind_door() as client:
        for _ in range(3):
            wait_until_ready(client)
            assert client.get("/auth/me", headers=school.headers("lecturer")).status_code == 200
            door.shut()
            for _ in range(3):
                assert_unavailable(ask_all(client, school))
            assert client.get("/health/live").status_code == 200
            door.open()
        wait_until_ready(client)


def test_a_schema_older_than_the_release_is_not_ready(
    database: TestDatabase,
) -> None:
    with running_service(settings_for(database.server, database.name)) as client:
        assert client.get("/health/ready").json() == {"status": "ready"}
        with psycopg.connect(database.admin_url) as connection:
            connection.execute(
                "delete from lms_migrations._yoyo_migration where migration_id = %s", (known_version(),)
            )
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200


def start_as(database: TestDatabase, role: str) -> None:
    """Start the service, and stop it at once."""
    settings = settings_for(database.server, database.name)
    url = SecretStr(database.server.url(database.name, role))

    async def start() -> None:
        async with create_app(
            settings.model_copy(update={"database_url": url, "database_pooler": "none"})
        ).lifespan():
            pass

    try:
        asyncio.run(start())
    except BaseExceptionGroup as group:  # Litestar's task group wraps what start-up raises
        raise group.exceptions[0] from None


@pytest.fixture
def bypassing(module_database: TestDatabase) -> Iterator[str]:
    """A role like the service's own that row-level security does not hold."""
    name = "lms_test_bypassing"
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create role {} login bypassrls in role lms_api").format(sql.Identifier(name))
        )
        yield name
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_the_service_does_not_run_as_a_superuser(module_database: TestDatabase) -> None:
    with pytest.raises(UnfitRoleError, match="postgres, which is a superuser"):
        start_as(module_database, "postgres")


def test_the_service_does_not_run_as_who_owns_the_schema(module_database: TestDatabase) -> None:
    with pytest.raises(UnfitRoleError, match="lms_migrate, which owns the schema"):
        start_as(module_database, "lms_migrate")


def test_the_service_does_not_run_as_who_bypasses_row_level_security(
    module_database: TestDatabase, bypassing: str
) -> None:
    with pytest.raises(UnfitRoleError, match=f"{bypassing}, which bypasses row-level security"):
        start_as(module_database, bypassing)


def test_the_service_runs_as_the_role_that_is_made_for_it(module_database: TestDatabase) -> None:
    start_as(module_database, "lms_api")
