"""What the campaigns about regrades share: who works, who asks meanwhile, and what must be true in the end."""

import asyncio
import random
import ssl
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx
import psycopg

from api.database.roles import WORKER_ROLE
from tests.chaos.outbox import Kept
from tests.chaos.seats import KEEP_ALIVE, actor, token_of
from tests.conftest import TestDatabase
from tests.support.mail import MailServer

PATIENCE: Final = 600.0


# The worker


@contextmanager
def working(database: TestDatabase, folder: Path, mail: MailServer | None = None) -> Iterator[Kept]:
    """`lms worker`, from when it is ready. Its mails go to a mail server, or lie in a folder."""
    reached = (
        {
            "LMS_SMTP_HOST": "127.0.0.1",
            "LMS_SMTP_PORT": str(mail.port),
            "LMS_SMTP_TLS": "none",
            "LMS_MAIL_FROM": "The School <lms@school.example>",
            "LMS_PUBLIC_URL": "https://lms.school.example",
        }
        if mail
        else {}
    )
    worker = Kept(
        folder / "worker",
        lambda words: "Mail goes to" in words,
        "worker",
        LMS_WORKER_URL=database.server.url(database.name, WORKER_ROLE),
        LMS_DATA_DIR=str(folder),
        **reached,
    )
    worker.start()
    try:
        worker.wait_until_ready()
        yield worker
    finally:
        worker.stop()


# People


def let_in(connection: psycopg.Connection[Any], name: str, user_id: Any) -> dict[str, str]:
    """Log somebody in; the header of their requests."""
    connection.execute(
        "insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at) "
        "values (%s, %s, interval '1 hour', now() + interval '1 day') on conflict do nothing",
        (actor(token_of(name)).token_hash, user_id),
    )
    return {"Authorization": f"Bearer {token_of(name)}", "If-Match": "*"}


@dataclass(frozen=True)
class Asked:
    """A request that was answered."""

    what: str
    status: int
    seconds: float


Person = Callable[[httpx.AsyncClient], Awaitable[None]]


@dataclass
class Crowd:
    """People who keep asking a running service, each one thing after the other, in a thread of their own."""

    url: str
    chance: random.Random
    pause: float = 0.0
    """Seconds between an answer and the next request, at most."""
    asked: list[Asked] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    async def send(
        self,
        client: httpx.AsyncClient,
        what: str,
        method: str,
        path: str,
        document: Any,
        headers: dict[str, str],
    ) -> httpx.Response:
        since = time.perf_counter()
        answer = await client.request(method, path, json=document, headers=headers)
        self.asked.append(Asked(what, answer.status_code, time.perf_counter() - since))
        return answer

    @contextmanager
    def asking(self, people: Sequence[Person]) -> Iterator[None]:
        """While the block runs, all of these do what they do, again and again; it begins when all are connected."""
        failures: list[BaseException] = []
        connected = threading.Semaphore(0)
        certificates = ssl.create_default_context()  # costs more than many requests, if made for each

        async def ask(person: Person) -> None:
            async with httpx.AsyncClient(
                base_url=self.url, timeout=60, limits=KEEP_ALIVE, verify=certificates
            ) as client:
                await client.get("/health/ready")
                connected.release()
                while not self._over.is_set():
                    await person(client)
                    await asyncio.sleep(self.chance.uniform(0, self.pause))

        async def ask_all() -> None:
            await asyncio.gather(*(ask(person) for person in people))

        def live() -> None:
            try:
                asyncio.run(ask_all())
            except BaseException as error:  # noqa: BLE001  raised again by the test's own thread
                failures.append(error)

        self._over.clear()
        thread = threading.Thread(target=live, daemon=True)
        thread.start()
        try:
            for _ in people:
                assert connected.acquire(timeout=60) or failures, "nobody is let in"
            yield
        finally:
            self._over.set()
            thread.join(120)
        if failures:
            raise failures[0]
        assert not thread.is_alive(), "somebody is not answered"

    def take(self) -> list[Asked]:
        """What was asked since the last time."""
        taken, self.asked = self.asked, []
        return taken


def answers(asked: Sequence[Asked]) -> str:
    """The figures, in a line: of each kind how many, the middle one and the longest, in milliseconds."""
    kinds = defaultdict[str, list[float]](list)
    for each in asked:
        kinds[each.what].append(each.seconds * 1000)
    return ", ".join(
        f"{len(took)} {what} {median(took):.0f}/{max(took):.0f}" for what, took in sorted(kinds.items())
    )


def statuses(asked: Sequence[Asked]) -> dict[int, int]:
    return dict(sorted(Counter(each.status for each in asked).items()))


# What must be true


def one(connection: psycopg.Connection[Any], statement: str, arguments: Any = ()) -> Any:
    row = connection.execute(statement.encode(), arguments).fetchone()
    assert row is not None
    return row[0]


UNFINISHED: Final = "select count(*) from lms.regrades where state <> 'done'"

WRONG: Final = """
    select count(*)
    from lms.quiz_attempts as attempts
    join lms.quiz_versions as versions
        on versions.quiz_id = attempts.quiz_id and versions.version_number = attempts.quiz_version
    join lms.quiz_answer_keys as keys
        on keys.quiz_id = attempts.quiz_id and keys.version_number = attempts.quiz_version
    cross join lateral (
        select case when not bool_or(awaits_review) then sum(points) end as score
        from lms.graded(versions.questions, keys.key, attempts.answers, attempts.reviews)
    ) as scratch
    where
        attempts.state <> 'in_progress'
        and (attempts.score is distinct from scratch.score or attempts.graded_by_key <> keys.key_version)
"""
"""Attempts that are not what grading from scratch gives, or that an older key graded."""

DRIFTED: Final = """
    select count(*)
    from lms.topic_performance as known
    full join lms.computed_performance() as computed using (student_id, course_id, week_number)
    where (known.attempts, known.best_score, known.last_score, known.average_score, known.mastery)
    is distinct from
    (computed.attempts, computed.best_score, computed.last_score, computed.average_score, computed.mastery)
"""


def wait_for_regrades(connection: psycopg.Connection[Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while one(connection, UNFINISHED):
        assert time.monotonic() < deadline, "the regrade does not end"
        time.sleep(0.02)
