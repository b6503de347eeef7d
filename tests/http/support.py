"""Short words for what many HTTP tests do."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar

import httpx
import psycopg
import pytest

from tests.support.school import School

T = TypeVar("T")


class Client:
    """A person's client: requests carry their token, and writes `If-Match: *` unless told otherwise."""

    def __init__(self, service: httpx.Client, school: School, name: str) -> None:
        self.service = service
        self.headers = school.headers(name)

    def get(self, address: str, **headers: str) -> httpx.Response:
        return self.service.get(address, headers={**self.headers, **headers})

    def post(self, address: str, document: Any = None, **headers: str) -> httpx.Response:
        return self.send("POST", address, document, headers)

    def put(self, address: str, document: Any, if_match: str = "*") -> httpx.Response:
        return self.send("PUT", address, document, {"If-Match": if_match})

    def patch(self, address: str, document: Any, if_match: str = "*") -> httpx.Response:
        return self.send("PATCH", address, document, {"If-Match": if_match})

    def delete(self, address: str, if_match: str = "*") -> httpx.Response:
        return self.send("DELETE", address, None, {"If-Match": if_match})

    def send(self, method: str, address: str, document: Any, headers: dict[str, str]) -> httpx.Response:
        # With json=None httpx sends no body at all.
        return self.service.request(method, address, json=document, headers={**self.headers, **headers})


def at_once(works: Sequence[Callable[[], T]]) -> list[T]:
    """Do all of these at the same time, in threads; their results in the order given."""
    with ThreadPoolExecutor(len(works)) as threads:
        return [found.result() for found in [threads.submit(work) for work in works]]


def one(
    connection: psycopg.Connection[Any],
    statement: LiteralString,
    arguments: tuple[Any, ...] | dict[str, Any] = (),
) -> Any:
    """The only value of the only row that a statement gives."""
    ((value,),) = connection.execute(statement, arguments).fetchall()
    return value


def blamed(answer: httpx.Response) -> list[str]:
    """The fields that a problem names: pointers, parameters and headers."""
    return [
        found[kind]
        for found in answer.json().get("errors", [])
        for kind in ("pointer", "parameter", "header")
        if kind in found
    ]


def refusal(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, the rule by its name, and the fields to blame."""
    return answer.status_code, answer.json()["type"].removeprefix("urn:lms:problem:"), blamed(answer)


@contextmanager
def waiting(
    admin: psycopg.Connection[Any], work: Callable[[], T], until: Callable[[], object]
) -> Iterator[Future[T]]:
    """Begin something that has to wait for a lock, then let it have the lock; gives what became of it."""
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(work)
        for _ in range(500):
            if one(
                admin,
                "select count(*) from pg_stat_activity "
                "where datname = current_database() and wait_event_type = 'Lock'",
            ):
                break
            time.sleep(0.01)
        else:
            pytest.fail("it waited for nobody")
        until()
        yield future
