"""A race for the seats of a course: who contends and how, what each was told, and whether that can be true."""

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from statistics import quantiles
from typing import Any, Final, Protocol, Self
from uuid import UUID

import asyncpg
import httpx
import psycopg
from psycopg.types.json import Jsonb

from api.database.errors import RuleError
from api.database.parameters import Actor, patch_of
from api.database.pool import Pool
from api.models.enrollments import EnrollmentPatch, NewEnrollment
from api.repositories import enrollments

SEATS: Final = 30
CONTENDERS: Final = 200
FEW: Final = 25
"""Contenders where there are seats for all."""

KEEP_ALIVE: Final = httpx.Limits(keepalive_expiry=1)
"""The service closes a connection that was idle for 5 s. A client that sends at that moment does not know if it did."""

FULL: Final = "courses_seats_ck"
THERE_ALREADY: Final = "student_enrollments_pk"


@dataclass(frozen=True)
class Contender:
    """A student who wants a seat."""

    student_id: UUID
    email: str
    token: str


@dataclass(frozen=True)
class Plan:
    """What a contender will do, decided before the race."""

    pause: float
    """Seconds before it begins."""
    by_email: bool
    state: str
    twin: bool
    """Enrolled twice at once, by id and by e-mail address."""
    leaves: bool
    by_student: bool
    """Leaves by itself; else the lecturer takes it off the course."""
    returns: bool


@dataclass(frozen=True)
class Told:
    """One answer, as the client has it."""

    student_id: UUID
    verb: str
    """create or update."""
    state: str
    """The state that was asked for."""
    before: str | None
    """The state that the client knew."""
    status: int
    rule: str | None
    seconds: float


@dataclass
class Race:
    """A course, and all that was told about it, in the order of each student."""

    course_id: UUID
    log: list[Told] = field(default_factory=list)

    def state_of(self, student_id: UUID) -> str | None:
        """The last state of a student that was acknowledged."""
        states = [told.state for told in self.log if told.student_id == student_id and told.status < 300]
        return states[-1] if states else None


class Registrar(Protocol):
    """A way to the service. Gives the status, and the broken rule where there is one."""

    async def enroll(
        self, course_id: UUID, contender: Contender, *, by_email: bool, state: str
    ) -> tuple[int, str | None]: ...

    async def change(
        self, course_id: UUID, contender: Contender, *, state: str, by_student: bool
    ) -> tuple[int, str | None]: ...


class OverHttp:
    """The service as its clients reach it. Each contender has a client: a shared one is slower than the service."""

    def __init__(self, address: str, lecturer_token: str) -> None:
        self._address = address
        self._lecturer = _bearer(lecturer_token)
        self._certificates = ssl.create_default_context()  # costs more than a race, if made for each
        self._clients: dict[UUID, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients.values():
            await client.aclose()

    async def connect(self, contenders: Iterable[Contender]) -> None:
        """Let everybody connect, so that the first race begins like the others."""
        await asyncio.gather(*(self._client(each).get("/health/ready") for each in contenders))

    def _client(self, contender: Contender) -> httpx.AsyncClient:
        if contender.student_id not in self._clients:
            self._clients[contender.student_id] = httpx.AsyncClient(
                base_url=self._address, timeout=60, verify=self._certificates, limits=KEEP_ALIVE
            )
        return self._clients[contender.student_id]

    async def enroll(
        self, course_id: UUID, contender: Contender, *, by_email: bool, state: str
    ) -> tuple[int, str | None]:
        who = {"email": contender.email} if by_email else {"student_id": str(contender.student_id)}
        return _read(
            await self._client(contender).post(
                f"/courses/{course_id}/enrollments", json=who | {"state": state}, headers=self._lecturer
            )
        )

    async def change(
        self, course_id: UUID, contender: Contender, *, state: str, by_student: bool
    ) -> tuple[int, str | None]:
        headers = _bearer(contender.token) if by_student else self._lecturer
        return _read(
            await self._client(contender).patch(
                f"/courses/{course_id}/enrollments/{contender.student_id}",
                json={"state": state},
                headers=headers | {"If-Match": "*"},
            )
        )


class ByFunction:
    """The repository functions on a pool: the same statements, many more of them in a second."""

    def __init__(self, pool: Pool, lecturer_token: str) -> None:
        self._pool = pool
        self._lecturer = actor(lecturer_token)

    async def enroll(
        self, course_id: UUID, contender: Contender, *, by_email: bool, state: str
    ) -> tuple[int, str | None]:
        who: dict[str, Any] = {"email": contender.email} if by_email else {"student_id": contender.student_id}
        try:
            await enrollments.enroll_student(
                self._pool,
                actor=self._lecturer,
                course_id=course_id,
                enrollment=NewEnrollment(**who, state=state),  # type: ignore[arg-type]
            )
        except (RuleError, asyncpg.IntegrityConstraintViolationError) as error:
            return 409, _rule(error)
        return 201, None

    async def change(
        self, course_id: UUID, contender: Contender, *, state: str, by_student: bool
    ) -> tuple[int, str | None]:
        try:
            await enrollments.update_enrollment(
                self._pool,
                actor=actor(contender.token) if by_student else self._lecturer,
                course_id=course_id,
                student_id=contender.student_id,
                version=None,
                patch=patch_of(EnrollmentPatch(state=state)),  # type: ignore[arg-type]
            )
        except (RuleError, asyncpg.IntegrityConstraintViolationError) as error:
            return 409, _rule(error)
        return 200, None


def actor(token: str) -> Actor:
    return Actor(sha256(token.encode()).digest())


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _read(answer: httpx.Response) -> tuple[int, str | None]:
    if answer.is_success:
        return answer.status_code, None
    return answer.status_code, answer.json()["type"].removeprefix("urn:lms:problem:")


def _rule(error: RuleError | asyncpg.IntegrityConstraintViolationError) -> str:
    return error.rule if isinstance(error, RuleError) else str(error.constraint_name)


def plans(randomly: random.Random, number: int) -> list[Plan]:
    """What so many contenders will do."""
    return [
        Plan(
            pause=randomly.uniform(0, 0.02),
            by_email=randomly.random() < 0.3,
            state="invited" if randomly.random() < 0.2 else "active",
            twin=randomly.random() < 0.2,
            leaves=randomly.random() < 0.4,
            by_student=randomly.random() < 0.5,
            returns=randomly.random() < 0.6,
        )
        for _ in range(number)
    ]


async def run(
    registrar: Registrar, race: Race, contenders: Sequence[Contender], what: Sequence[Plan]
) -> None:
    """The race: all at once; then, also at once, all those who were turned away try again."""
    await asyncio.gather(
        *(_contend(registrar, race, each, plan) for each, plan in zip(contenders, what, strict=True))
    )
    turned_away = [each for each in contenders if race.state_of(each.student_id) is None]
    await asyncio.gather(
        *(_enroll(registrar, race, each, by_email=False, state="active") for each in turned_away)
    )


async def _contend(registrar: Registrar, race: Race, contender: Contender, plan: Plan) -> None:
    await asyncio.sleep(plan.pause)
    await asyncio.gather(
        *(
            _enroll(registrar, race, contender, by_email=by_email, state=plan.state)
            for by_email in ((False, True) if plan.twin else (plan.by_email,))
        )
    )
    if plan.leaves and race.state_of(contender.student_id) is not None:
        await _change(registrar, race, contender, state="dropped", by_student=plan.by_student)
        if plan.returns:
            # Only those who teach the course take somebody back.
            await _change(registrar, race, contender, state="active", by_student=False)


async def _enroll(
    registrar: Registrar, race: Race, contender: Contender, *, by_email: bool, state: str
) -> None:
    since = time.perf_counter()
    status, rule = await registrar.enroll(race.course_id, contender, by_email=by_email, state=state)
    seconds = time.perf_counter() - since
    race.log.append(Told(contender.student_id, "create", state, None, status, rule, seconds))


async def _change(
    registrar: Registrar, race: Race, contender: Contender, *, state: str, by_student: bool
) -> None:
    before = race.state_of(contender.student_id)
    since = time.perf_counter()
    status, rule = await registrar.change(race.course_id, contender, state=state, by_student=by_student)
    seconds = time.perf_counter() - since
    race.log.append(Told(contender.student_id, "update", state, before, status, rule, seconds))


# The oracle: client log and tables, as sets.


def check(connection: psycopg.Connection[Any], race: Race, contenders: Sequence[Contender]) -> None:
    """Whether what everybody was told is what is stored, and never too much."""
    _check_answers(race)
    stored = dict[UUID, tuple[str, int]](
        (student_id, (state, version))
        for student_id, state, version in connection.execute(
            "select student_id, state, version from lms.student_enrollments where course_id = %s",
            (race.course_id,),
        )
    )
    assert stored == _acknowledged(race, contenders)
    ((capacity, seats_taken),) = connection.execute(
        "select capacity, seats_taken from lms.courses where course_id = %s", (race.course_id,)
    ).fetchall()
    held = sum(state != "dropped" for state, _ in stored.values())
    assert held == seats_taken <= capacity
    _check_audit(connection, race, capacity, held)
    if len(contenders) >= capacity:
        assert held == capacity, "there were enough who wanted a seat"
    else:
        assert not any(told.rule == FULL for told in race.log), "there was a seat for everybody"


def _check_answers(race: Race) -> None:
    done = Counter(told.student_id for told in race.log if told.verb == "create" and told.status == 201)
    assert set(done.values()) <= {1}, "nobody is enrolled twice"
    for told in race.log:
        if told.status == (201 if told.verb == "create" else 200):
            continue
        assert told.status == 409, told
        assert told.rule == FULL or (told.rule == THERE_ALREADY and told.verb == "create"), told
        if told.rule == THERE_ALREADY:
            assert told.student_id in done, "refused as there already, and nobody put them there"


def _acknowledged(race: Race, contenders: Iterable[Contender]) -> dict[UUID, tuple[str, int]]:
    """State and version of everybody who is or was on the course, from the answers alone."""
    found = {}
    for contender in contenders:
        state = race.state_of(contender.student_id)
        if state is not None:
            done = [t for t in race.log if t.student_id == contender.student_id and t.status < 300]
            found[contender.student_id] = (state, len(done))
    return found


def _check_audit(connection: psycopg.Connection[Any], race: Race, capacity: int, held: int) -> None:
    """One event for each write that succeeded; and in their order never more seats than there are."""
    events = connection.execute(
        "select user_id, action, changes -> 'state' ->> 'from', changes -> 'state' ->> 'to' "
        "from lms.audit_events where course_id = %s order by audit_event_id",
        (race.course_id,),
    ).fetchall()
    written = [
        (told.student_id, f"enrollments.{told.verb}", told.before, told.state)
        for told in race.log
        if told.status < 300
    ]
    assert Counter(events) == Counter(written)
    # The key of an event is made while the course is locked, so their order is that of the writes.
    taken = most = 0
    for _, _, before, after in events:
        taken += (after != "dropped") - (before is not None and before != "dropped")
        most = max(most, taken)
    assert taken == held
    assert most <= capacity


# The school


@dataclass(frozen=True)
class Hall:
    """Where the races are held."""

    lecturer_id: UUID
    lecturer_token: str
    admin_token: str
    term_id: UUID
    contenders: list[Contender]


def found_hall(admin_url: str, students: int = CONTENDERS) -> Hall:
    """A lecturer, a term and so many students, all logged in."""
    with psycopg.connect(admin_url) as connection:
        people = [("lecturer", "lecturer"), ("admin", "super_admin")]
        people += [(f"contender{number}", "student") for number in range(students)]
        ids: dict[str, UUID] = dict(
            connection.execute(
                "insert into lms.users (email, full_name, role, password_hash) "
                "select name || '@school.example', initcap(name), role, '!' "
                "from jsonb_to_recordset(%s) as people (name text, role text) "
                "returning split_part(email, '@', 1), user_id",
                (Jsonb([{"name": name, "role": role} for name, role in people]),),
            ).fetchall()
        )
        for name, user_id in ids.items():
            connection.execute(
                "insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at) "
                "values (%s, %s, interval '1 hour', now() + interval '1 day')",
                (actor(token_of(name)).token_hash, user_id),
            )
        ((term_id,),) = connection.execute(
            "insert into lms.terms (code, title, starts_on, ends_on) "
            "values ('RACES', 'Races', '2026-09-01', '2026-12-18') returning term_id"
        ).fetchall()
    return Hall(
        ids["lecturer"],
        token_of("lecturer"),
        token_of("admin"),
        term_id,
        [
            Contender(user_id, f"{name}@school.example", token_of(name))
            for name, user_id in ids.items()
            if name.startswith("contender")
        ],
    )


def token_of(name: str) -> str:
    return f"lms_{sha256(name.encode()).hexdigest()[:43]}"


def open_race(connection: psycopg.Connection[Any], hall: Hall, number: int) -> Race:
    """A new course with seats."""
    ((course_id,),) = connection.execute(
        "insert into lms.courses (code, title, term_id, lecturer_id, capacity, state) "
        "values (%s, 'A race', %s, %s, %s, 'published') returning course_id",
        (f"RACE-{number}", hall.term_id, hall.lecturer_id, SEATS),
    ).fetchall()
    return Race(course_id)


def report(what: str, races: Sequence[Race], seed: int) -> str:
    """The figures of a campaign, in a line."""
    log = [told for race in races for told in race.log]
    refused = Counter(told.rule for told in log if told.status == 409)
    kinds = Counter((told.verb, told.status) for told in log)
    enrolled = sorted(told.seconds * 1000 for told in log if told.verb == "create")
    percentiles = quantiles(enrolled, n=100)
    return (
        f"{what}: {len(races)} races of {CONTENDERS} for {SEATS} seats, seed {seed}: "
        f"{kinds['create', 201]} enrolled, {kinds['update', 200]} left or came back; refused: "
        + ", ".join(f"{count} {rule}" for rule, count in sorted(refused.items()))
        + f"; an enrolment took {percentiles[49]:.1f} ms, the 99th of 100 {percentiles[98]:.1f} ms"
    )
