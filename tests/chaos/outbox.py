"""Enrolments and their mails while everything is killed: who is, what clients were told, and whether it can be true."""

import asyncio
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, Final
from uuid import UUID

import httpx
import psutil
import psycopg

from tests.chaos.seats import KEEP_ALIVE
from tests.cli.support import starting
from tests.support.mail import MailServer
from tests.support.postgres import Server, free_port

CLIENTS: Final = 8
GIVES_UP: Final = 0.3
"""How often a client that got no answer does not ask again, so that nobody knows whether it was enrolled."""

TO_A_FULL_COURSE: Final = 0.1
BACKLOG_SECONDS: Final = 30.0
"""After the last kill no mail may be left: the bar."""

PATIENCE: Final = 120.0


# Who is killed


class Kept:
    """A command that is started again whenever it is gone, as a supervisor does."""

    def __init__(
        self, output: Path, is_ready: Callable[[str], bool], *arguments: object, **environment: str
    ) -> None:
        self.kills: list[float] = []
        """When it was killed, by time.monotonic()."""
        self.ended_by_itself = 0
        self._output = output
        self._is_ready = is_ready
        self._arguments = arguments
        self._environment = environment
        self._runs = 0
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._words = output

    def start(self) -> None:
        self._runs += 1
        self._words = self._output.with_name(f"{self._output.name}-{self._runs}")
        self._process = self._stack.enter_context(
            starting(self._words, *self._arguments, **self._environment)
        )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready(self._words.read_text()):
            assert time.monotonic() < deadline, self._words.read_text()
            assert self._process is not None
            if self._process.poll() is not None:
                self.ended_by_itself += 1
                time.sleep(0.2)
                self.start()
            time.sleep(0.02)

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self.kills.append(time.monotonic())
        self._process.wait()

    def stop(self) -> None:
        self._stack.close()

    def words(self) -> str:
        """All that it ever said."""
        return "".join(
            self._output.with_name(f"{self._output.name}-{run}").read_text()
            for run in range(1, self._runs + 1)
        )


class Postgres:
    """The server, which is made to crash."""

    def __init__(self, server: Server) -> None:
        self.kills: list[float] = []
        self._server = server
        with psycopg.connect(server.admin_url()) as connection:
            row = connection.execute("show data_directory").fetchone()
        assert row is not None
        self._data = Path(row[0])

    def kill_a_backend(self, randomly: random.Random) -> None:
        """SIGKILL of one process of the server: it ends all others and recovers from its log."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        victim = randomly.choice(psutil.Process(pid).children())
        self.kills.append(time.monotonic())
        with suppress(psutil.NoSuchProcess):
            victim.kill()
        self._wait()

    def restart_at_once(self) -> None:
        """An immediate restart: nobody is waited for, nothing is written before."""
        self.kills.append(time.monotonic())
        subprocess.run(
            [
                self._server.programs / "pg_ctl",
                *("-D", self._data),
                *("-l", self._data / "log-of-restarts"),
                *("-m", "immediate"),
                "-w",
                "restart",
            ],
            check=True,
            user=self._server.user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self._server.admin_url()).close()
                return
            assert time.monotonic() < deadline, "PostgreSQL does not come back"
            time.sleep(0.05)


# What clients want, and what they are told


@dataclass(frozen=True)
class Wanted:
    """An enrolment that somebody asks for."""

    course_id: UUID
    student_id: UUID
    state: str
    possible: bool
    """False where the course is full: what was begun for it has to be taken back."""


@dataclass(frozen=True)
class Told:
    """How it ended, as the client knows it."""

    wanted: Wanted
    outcome: str
    """enrolled; there (after a lost answer); refused; unknown."""
    delivery_id: UUID | None
    since: float
    """When it was asked for the last time."""


@dataclass
class Traffic:
    """Clients that enrol, as far as they are let."""

    url: str
    token: str
    wanted: list[Wanted]
    randomly: random.Random
    told: list[Told] = field(default_factory=list)
    lost_answers: int = 0
    may_go_on: Callable[[int], bool] = lambda _: True

    @property
    def is_over(self) -> bool:
        return len(self.told) == len(self.wanted)

    async def run(self) -> None:
        rest = iter(enumerate(self.wanted))
        async with httpx.AsyncClient(base_url=self.url, timeout=30, limits=KEEP_ALIVE) as client:
            await asyncio.gather(*(self._enroll_all(client, rest) for _ in range(CLIENTS)))

    async def _enroll_all(self, client: httpx.AsyncClient, rest: Iterator[tuple[int, Wanted]]) -> None:
        for place, wanted in rest:
            while not self.may_go_on(place):  # noqa: ASYNC110  it depends on other threads
                await asyncio.sleep(0.01)
            self.told.append(await self._enroll(client, wanted))

    async def _enroll(self, client: httpx.AsyncClient, wanted: Wanted) -> Told:
        lost = False
        while True:
            since = time.monotonic()
            try:
                answer = await client.post(
                    f"/courses/{wanted.course_id}/enrollments",
                    json={"student_id": str(wanted.student_id), "state": wanted.state},
                    headers={"Authorization": f"Bearer {self.token}"},
                )
            except (httpx.ConnectError, httpx.ConnectTimeout):
                # Nobody was there to ask.
                await asyncio.sleep(0.05)
                continue
            except httpx.TransportError:
                status, rule, delivery_id = 0, "", None
            else:
                body = answer.json()
                status = answer.status_code
                rule = body.get("type", "").removeprefix("urn:lms:problem:")
                delivery_id = UUID(body["delivery_id"]) if status == 201 else None
            match status, rule:
                case 201, _:
                    return Told(wanted, "enrolled", delivery_id, since)
                case 409, "student_enrollments_pk":
                    assert lost, "refused as there already, and nobody put them there"
                    return Told(wanted, "there", None, since)
                case 409, "courses_seats_ck":
                    assert not wanted.possible
                    return Told(wanted, "refused", None, since)
                case ((0 | 503 | 504), _):
                    lost = True
                    self.lost_answers += 1
                case _:
                    raise AssertionError((status, rule))
            if self.randomly.random() < GIVES_UP:
                return Told(wanted, "unknown", None, since)
            await asyncio.sleep(0.05)


# The campaign


@dataclass(frozen=True)
class Size:
    """How much of it."""

    enrolments: int
    kills: int
    """Of service and worker, together."""
    crashes: int
    """Of PostgreSQL."""


@dataclass
class Campaign:
    """What was done and found."""

    size: Size
    seed: int
    traffic: Traffic
    mail: MailServer
    service: Kept
    worker: Kept
    postgres: Postgres
    backlog_seconds: float = 0.0

    @property
    def kills(self) -> int:
        return len(self.service.kills) + len(self.worker.kills)


def hold(campaign: Campaign, server: Server, database: str) -> None:
    """Enrol, kill, and see to it that nothing is left."""
    randomly = random.Random(campaign.seed)  # noqa: S311 - nothing secret
    size, traffic = campaign.size, campaign.traffic
    of_service = size.kills // 2
    points = _Points(
        # The service is killed after so many answers, the worker after so many mails: some enrolments fail.
        service=sorted(randomly.uniform(0, 0.98) * size.enrolments for _ in range(of_service)),
        worker=sorted(randomly.uniform(0, 0.84) * size.enrolments for _ in range(size.kills - of_service)),
    )
    traffic.may_go_on = points.allow

    def keep_killing(kept: Kept, pending: list[float], progress: Callable[[], int], seed: int) -> None:
        pause = random.Random(seed)  # noqa: S311
        while pending:
            kept.wait_until_ready()
            _wait_until(lambda: progress() >= pending[0] or traffic.is_over)
            time.sleep(pause.uniform(0, 0.1))
            kept.kill()
            kept.start()
            pending.pop(0)
        kept.wait_until_ready()

    def keep_crashing(seed: int) -> None:
        pause = random.Random(seed)  # noqa: S311
        at = sorted(pause.uniform(0.05, 0.95) * size.kills for _ in range(size.crashes))
        for number, point in enumerate(at):
            _wait_until(lambda point=point: campaign.kills >= point)  # type: ignore[misc]
            time.sleep(pause.uniform(0, 0.5))
            if number % 3 == 2:
                campaign.postgres.restart_at_once()
            else:
                campaign.postgres.kill_a_backend(pause)

    threads = [
        _Thread(
            keep_killing,
            campaign.service,
            points.service,
            lambda: len(traffic.told),
            randomly.getrandbits(32),
        ),
        _Thread(
            keep_killing,
            campaign.worker,
            points.worker,
            lambda: len(campaign.mail.received),
            randomly.getrandbits(32),
        ),
        _Thread(keep_crashing, randomly.getrandbits(32)),
    ]
    for thread in threads:
        thread.start()
    asyncio.run(_with_killers(traffic, threads))
    last = max([*campaign.service.kills, *campaign.worker.kills, *campaign.postgres.kills])
    _wait_until(lambda: _backlog(server.admin_url(database)) == 0)
    campaign.backlog_seconds = time.monotonic() - last


@dataclass(frozen=True)
class _Points:
    """When the next kills are due, by what has been done until then."""

    service: list[float]
    worker: list[float]

    def allow(self, place: int) -> bool:
        """Whether a client may go on: not far past a kill that is due, so that they lie as far apart as planned."""
        in_time_for_the_service = not self.service or place < self.service[0] + 2 * CLIENTS
        # Of ten wishes eight and more lead to a mail.
        in_time_for_the_worker = not self.worker or place < self.worker[0] * 1.25 + 100
        return in_time_for_the_service and in_time_for_the_worker


async def _with_killers(traffic: Traffic, threads: "list[_Thread]") -> None:
    clients = asyncio.create_task(traffic.run())
    while any(thread.is_alive() for thread in threads):
        failures = [thread.failure for thread in threads if thread.failure is not None]
        if failures:
            clients.cancel()
            raise failures[0]
        if clients.done():
            clients.result()
        await asyncio.sleep(0.05)
    await clients


class _Thread(threading.Thread):
    """A thread whose failure is not lost."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        super().__init__(daemon=True)
        self.failure: BaseException | None = None
        self._work = work
        self._arguments = arguments

    def run(self) -> None:
        try:
            self._work(*self._arguments)
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits for it
            self.failure = error


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE * 10
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


def _backlog(admin_url: str) -> int:
    with psycopg.connect(admin_url) as connection:
        row = connection.execute("select count(*) from lms.email_outbox where state = 'queued'").fetchone()
    assert row is not None
    waiting: int = row[0]
    return waiting


@contextmanager
def running_parts(
    server: Server, database: str, mail: MailServer, folder: Path
) -> Iterator[tuple[Kept, Kept, str]]:
    """Service and worker, and the service's address. Time-outs are those of production."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def serves(_words: str) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{url}/health/ready", timeout=10).status_code == 200
        return False

    service = Kept(
        folder / "service",
        serves,
        "serve",
        *("--port", port),
        LMS_DATABASE_URL=server.service_url(database),
        LMS_DATABASE_POOLER=server.pooler,
        LMS_DATABASE_ACQUIRE_TIMEOUT="10",
    )
    worker = Kept(
        folder / "worker",
        lambda words: "Mail goes to" in words,
        "worker",
        LMS_WORKER_URL=server.url(database, "lms_worker"),
        LMS_SMTP_HOST="127.0.0.1",
        LMS_SMTP_PORT=str(mail.port),
        LMS_SMTP_TLS="none",
        LMS_MAIL_FROM="The School <lms@school.example>",
        LMS_PUBLIC_URL="https://lms.school.example",
    )
    try:
        service.start()
        worker.start()
        service.wait_until_ready()
        worker.wait_until_ready()
        yield service, worker, url
    finally:
        service.stop()
        worker.stop()


# The oracle: client log, tables and mailbox, as sets.


def check(campaign: Campaign, admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        stored = dict[tuple[UUID, UUID], UUID](
            ((course_id, student_id), delivery_id)
            for course_id, student_id, delivery_id in connection.execute(
                "select course_id, student_id, delivery_id from lms.student_enrollments"
            )
        )
        outbox = dict[UUID, tuple[UUID, UUID]](
            (delivery_id, (course_id, user_id))
            for delivery_id, course_id, user_id in connection.execute(
                "select delivery_id, course_id, user_id from lms.email_outbox"
            )
        )
        states = Counter(
            state for (state,) in connection.execute("select state from lms.email_outbox").fetchall()
        )
        audited = Counter(connection.execute("select course_id, user_id from lms.audit_events").fetchall())
        addresses = dict[UUID, str](connection.execute("select user_id, email from lms.users").fetchall())
        miscounted = connection.execute(
            "select from lms.courses where state = 'published' and code <> 'FULL' and seats_taken <> "
            "(select count(*) from lms.student_enrollments where course_id = courses.course_id)"
        ).fetchall()

    by_outcome = {
        outcome: set[tuple[UUID, UUID]]() for outcome in ("enrolled", "there", "refused", "unknown")
    }
    for told in campaign.traffic.told:
        by_outcome[told.outcome].add((told.wanted.course_id, told.wanted.student_id))
    acknowledged = by_outcome["enrolled"] | by_outcome["there"]
    assert acknowledged <= stored.keys(), "what was acknowledged is stored"
    assert stored.keys() <= acknowledged | by_outcome["unknown"], "nothing else is"
    assert not by_outcome["refused"] & stored.keys(), "what was refused is taken back"
    for told in campaign.traffic.told:
        if told.delivery_id is not None:
            assert stored[told.wanted.course_id, told.wanted.student_id] == told.delivery_id
    enrolled = Counter(told.wanted for told in campaign.traffic.told if told.outcome == "enrolled")
    assert set(enrolled.values()) <= {1}, "nobody is enrolled twice"

    assert Counter(outbox.values()) == dict.fromkeys(stored, 1), "exactly one mail for each enrolment"
    assert audited == dict.fromkeys(stored, 1), "and one audit event"
    assert miscounted == []
    assert states == {"sent": len(stored)}

    received = {each.delivery_id for each in campaign.mail.received}
    assert received <= outbox.keys(), "no mail about what was rolled back"
    assert received == outbox.keys(), "every mail at least once"
    keys = {(each.message_id, each.recipient) for each in campaign.mail.received}
    assert len(keys) == len(received), "the key of a mail stays the same"
    for each in campaign.mail.received:
        assert each.recipient == addresses[outbox[each.delivery_id][1]]


def report(campaign: Campaign) -> str:
    """The figures, in a line."""
    outcomes = Counter(told.outcome for told in campaign.traffic.told)
    first = dict[UUID, float]()
    for each in campaign.mail.received:
        first.setdefault(each.delivery_id, each.at)
    waits = [
        first[told.delivery_id] - told.since for told in campaign.traffic.told if told.delivery_id is not None
    ]
    percentiles = quantiles(waits, n=100)
    return (
        f"outbox, seed {campaign.seed}: {len(campaign.traffic.told)} enrolments asked for, "
        f"{', '.join(f'{count} {outcome}' for outcome, count in sorted(outcomes.items()))}; "
        f"{campaign.traffic.lost_answers} answers lost; {len(campaign.service.kills)} kills of the service, "
        f"{len(campaign.worker.kills)} of the worker, {len(campaign.postgres.kills)} of PostgreSQL; "
        f"{len(campaign.mail.received)} mails received, {len(campaign.mail.received) - len(first)} of them twice; "
        f"no backlog {campaign.backlog_seconds:.1f} s after the last kill; from enrolment to mail "
        f"{percentiles[49]:.2f} s, the 99th of 100 {percentiles[98]:.2f} s; "
        f"{campaign.service.ended_by_itself + campaign.worker.ended_by_itself} exits of their own; "
        f"load {os.getloadavg()[0]:.1f}"
    )
