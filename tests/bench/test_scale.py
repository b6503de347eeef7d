"""Every list costs the same, however much there is: its first page, and the thousandth by cursor.

Two databases, of 1,000 and of 1,000,000 rows in each table (in CI 100,000), asked in turn in the same run, as the
service asks: prepared, over its pool, as lms_api. Only ratios are compared. In 1,000 rows there is no thousandth page;
the last full one of the same list stands for it, as it does wherever a list is shorter.

With --full it takes 3 GB of disk and some minutes.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from statistics import median
from time import perf_counter_ns
from typing import Any
from uuid import UUID

import psycopg
import pytest
import uvloop
from psycopg import sql

from api.database.pool import open_pool
from api.database.queries import Query, load_queries
from api.http.paging import page_of
from api.review.server import Server
from tests.bench.long_lists import (
    ADMINISTRATOR,
    ATTENDING,
    BUSY,
    COURSES,
    CROWDED,
    EVERYWHERE,
    MOST,
    OFTEN,
    QUIZZES,
    SOME,
    TABLES,
    TAKEN,
    TERMS,
    TRIED,
    USERS,
    fill,
    key,
)
from tests.bench.test_dashboard_scale import QUERIES as SUMMING
from tests.conftest import TestDatabase
from tests.sql.test_plans import Plan
from tests.support.postgres import drop_database
from tests.support.service import settings_for

QUERIES = {
    name: query for name, query in load_queries().items() if query.kind == "page" and name not in SUMMING
}
"""Every list but those whose items sum up attempts, which are measured there."""

PAGE = 20
DEEP = 1_000
"""The page that lies deep, counted from 1."""
MOST_GROWTH = 1.3
MOST_READ = 10
"""Rows that a statement reads for each that it returns."""

SMALL = 1_000
LARGE, FULL = 100_000, 1_000_000
BATCHES, FULL_BATCHES = 5, 15
"""Each on new connections: a server process that has a busy processor to itself keeps it for long."""
ROUNDS = 50
"""Of a batch. Each asks for every page once."""
WARM_UP = 10
"""Rounds before those that count: the server decides on a plan for good at the sixth."""
ATTEMPTS = 3
"""How often it is measured where it is too much: others may have needed the machine."""


@dataclass(frozen=True)
class Case:
    """A list, as somebody asks for it."""

    query: str
    actor: int
    """The number of a person."""
    given: dict[str, Any] = field(default_factory=dict)
    variant: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.query.partition("/")[2], self.variant)))

    def arguments(self, after: UUID | None, **changes: Any) -> dict[str, Any]:
        known: dict[str, Any] = {
            "token_hash": sha256(str(key(USERS, self.actor)).encode()).digest(),
            "after_id": after,
            "page_limit": PAGE,
            "page_offset": 0,
            "with_total": False,
        }
        known |= self.given | changes
        return {parameter.name: known[parameter.name] for parameter in QUERIES[self.query].parameters}


def _of(name: str, *rows: tuple[str, int, dict[str, Any]]) -> list[Case]:
    return [Case(name, actor, given, variant) for variant, actor, given in rows]


def _courses(number: int) -> dict[str, Any]:
    return {"course_id": key(COURSES, number)}


def _taught(number: int, term: int | None = None) -> dict[str, Any]:
    return {"lecturer_id": key(USERS, number), "term_id": None if term is None else key(TERMS, term)}


def _in_term(number: int) -> dict[str, Any]:
    return {"term_id": key(TERMS, number)}


def _named(what: str, prefix: str, role: str | None = None) -> dict[str, Any]:
    return {what: prefix, "role": role}


def _taken(number: int) -> dict[str, Any]:
    return {"quiz_id": key(QUIZZES, number), "state": None}


def _person(what: str, number: int) -> dict[str, Any]:
    return {what: key(USERS, number)}


CASES = [
    *_of(
        "attempts/list_attempts",
        ("of a half", ADMINISTRATOR, _taken(TAKEN)),
        ("of a twentieth", ADMINISTRATOR, _taken(TRIED)),
        ("of a half, by the lecturer", MOST, _taken(TAKEN)),
    ),
    *_of(
        "audit_events/list_audit_events",
        ("of all", ADMINISTRATOR, {}),
    ),
    *_of(
        "audit_events/list_audit_events_by_actor",
        ("of a half", ADMINISTRATOR, _person("actor_id", MOST)),
        ("of a twentieth", ADMINISTRATOR, _person("actor_id", SOME)),
    ),
    *_of(
        "audit_events/list_audit_events_by_course",
        ("of a half", ADMINISTRATOR, _courses(CROWDED)),
        ("of a twentieth", ADMINISTRATOR, _courses(BUSY)),
    ),
    *_of(
        "audit_events/list_audit_events_by_user",
        ("of a half", ADMINISTRATOR, _person("user_id", EVERYWHERE)),
        ("of a twentieth", ADMINISTRATOR, _person("user_id", OFTEN)),
    ),
    *_of(
        "courses/list_courses",
        ("of all", ADMINISTRATOR, {}),
        ("of a half, by who teaches them", MOST, {}),
        ("of a twentieth, by who teaches them", SOME, {}),
        ("of a quarter, by who is on them", EVERYWHERE, {}),
        ("of a twentieth, by who is on them", OFTEN, {}),
    ),
    *_of(
        "courses/list_courses_by_lecturer",
        ("of a half", ADMINISTRATOR, _taught(MOST)),
        ("of a twentieth", ADMINISTRATOR, _taught(SOME)),
        ("of a half, by the lecturer", MOST, _taught(MOST)),
        ("of a half, in one term", ADMINISTRATOR, _taught(MOST, MOST)),
        ("of a quarter, by who is on them", EVERYWHERE, _taught(MOST)),
    ),
    *_of(
        "courses/list_courses_by_term",
        ("of a half", ADMINISTRATOR, _in_term(MOST)),
        ("of a twentieth", ADMINISTRATOR, _in_term(SOME)),
        ("of a half, by who teaches them", MOST, _in_term(MOST)),
        ("of a quarter, by who is on them", EVERYWHERE, _in_term(MOST)),
    ),
    *_of(
        "enrollments/list_enrollments",
        ("of a quarter", ADMINISTRATOR, _courses(CROWDED) | {"state": None}),
        ("of a twentieth", ADMINISTRATOR, _courses(BUSY) | {"state": None}),
        ("of a quarter, by the lecturer", MOST, _courses(CROWDED) | {"state": None}),
        ("of those who dropped", MOST, _courses(CROWDED) | {"state": "dropped"}),
        ("of the active", SOME, _courses(BUSY) | {"state": "active"}),
    ),
    *_of(
        "enrollments/list_enrollments_by_student",
        ("of a quarter", ADMINISTRATOR, _person("student_id", EVERYWHERE)),
        ("of a twentieth", ADMINISTRATOR, _person("student_id", OFTEN)),
        ("of a quarter, by the student", EVERYWHERE, _person("student_id", EVERYWHERE)),
    ),
    *_of(
        "materials/list_materials",
        ("of a half", ADMINISTRATOR, _courses(CROWDED)),
        ("of a twentieth", ADMINISTRATOR, _courses(BUSY)),
        ("of a half, by the lecturer", MOST, _courses(CROWDED)),
        ("of a half, by a student", ATTENDING, _courses(CROWDED)),
    ),
    *_of(
        "materials/list_materials_by_week",
        ("of a quarter", ADMINISTRATOR, _courses(CROWDED) | {"week_number": 1}),
        ("of a fortieth", ADMINISTRATOR, _courses(CROWDED) | {"week_number": 2}),
        ("of a quarter, by the lecturer", MOST, _courses(CROWDED) | {"week_number": 1}),
        ("of a quarter, by a student", ATTENDING, _courses(CROWDED) | {"week_number": 1}),
    ),
    *_of(
        "quizzes/list_quizzes",
        ("of a half", ADMINISTRATOR, _courses(CROWDED)),
        ("of a twentieth", ADMINISTRATOR, _courses(BUSY)),
        ("of a half, by the lecturer", MOST, _courses(CROWDED)),
        ("of a third, by a student", ATTENDING, _courses(CROWDED)),
    ),
    *_of(
        "terms/list_terms",
        ("of all", ADMINISTRATOR, {}),
        ("of all, by a student", EVERYWHERE, {}),
    ),
    *_of(
        "users/list_users",
        ("of all", ADMINISTRATOR, {}),
    ),
    *_of(
        "users/list_users_by_email",
        ("of a half", ADMINISTRATOR, _named("email_prefix", "anna.")),
        ("of a twentieth", ADMINISTRATOR, _named("email_prefix", "bjork.")),
        ("of a half, students", ADMINISTRATOR, _named("email_prefix", "anna.", "student")),
        ("of a fortieth, lecturers", ADMINISTRATOR, _named("email_prefix", "ANNA.", "lecturer")),
    ),
    *_of(
        "users/list_users_by_name",
        ("of a half", ADMINISTRATOR, _named("name_prefix", "anna")),
        ("of a twentieth", ADMINISTRATOR, _named("name_prefix", "björk")),
        ("of a half, students", ADMINISTRATOR, _named("name_prefix", "Ann", "student")),
        ("of a fortieth, lecturers", ADMINISTRATOR, _named("name_prefix", "ANNA", "lecturer")),
    ),
    *_of(
        "users/list_users_by_role",
        ("of most", ADMINISTRATOR, {"role": "student"}),
        ("of a twentieth", ADMINISTRATOR, {"role": "lecturer"}),
    ),
]
"""Every list, for whom and for what it is longest, and once where it is a small part of its table."""


@dataclass(frozen=True)
class Place:
    """A page in a list: what it comes after, and its number from 1."""

    after: UUID | None
    number: int


@pytest.fixture(scope="module")
def databases(clone: Callable[[], TestDatabase], full: bool) -> Iterator[dict[str, TestDatabase]]:
    """A small and a large database."""
    made = {"small": clone(), "large": clone()}
    fill(made["small"].admin_url, SMALL)
    fill(made["large"].admin_url, FULL if full else LARGE)
    yield made
    for each in made.values():
        drop_database(each.server, each.name)


def test_every_list_has_a_case() -> None:
    assert {case.query for case in CASES} == set(QUERIES)


def test_the_tables_are_as_long_as_they_are_said_to_be(
    databases: dict[str, TestDatabase], full: bool
) -> None:
    large = FULL if full else LARGE
    for name, most in (("small", SMALL), ("large", large)):
        with psycopg.connect(databases[name].admin_url) as connection:
            for table in TABLES:
                count = sql.SQL("select count(*) from lms.{}").format(sql.Identifier(table))
                row = connection.execute(count).fetchone()
                assert row is not None
                assert most <= row[0] < 1.2 * most, table


@pytest.mark.once
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_page_takes_as_long_among_many_as_among_few(
    case: Case,
    databases: dict[str, TestDatabase],
    full: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    batches = FULL_BATCHES if full else BATCHES
    for _ in range(ATTEMPTS):
        first, deep = uvloop.run(_growth(case, databases, batches))
        if max(first.ratio, deep.ratio) <= MOST_GROWTH:
            break
    with capsys.disabled():
        print(f"\n{case!s:66} {first}, {deep} ", end="")
    assert first.ratio <= MOST_GROWTH
    assert deep.ratio <= MOST_GROWTH


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_page_reads_little_more_than_it_returns(case: Case, databases: dict[str, TestDatabase]) -> None:
    query = QUERIES[case.query]

    async def deep_page() -> Place:
        async with _asking(databases["large"], query) as ask:
            return await _deep_page(ask, case)

    pages = (Place(None, 1), uvloop.run(deep_page()))
    with _explaining(databases["large"], query) as explain:
        read = {
            (mode, page.number): explain(mode, case.arguments(page.after)).read()
            for mode in ("force_generic_plan", "force_custom_plan")
            for page in pages
        }
    assert max(read.values()) <= MOST_READ * PAGE, read


def test_by_offset_a_page_would_read_and_take_more(databases: dict[str, TestDatabase]) -> None:
    """The control: a deep page without the cursor, as both measures see it."""
    skipped = LARGE - SMALL
    (case,) = (case for case in CASES if case.query == "users/list_users")
    query = QUERIES[case.query]
    with _explaining(databases["large"], query) as explain:
        assert explain("force_generic_plan", case.arguments(None, page_offset=skipped)).read() > skipped

    async def growth() -> float:
        async with _asking(databases["large"], query) as ask:
            times: dict[int, list[float]] = {0: [], skipped: []}
            for _ in range(WARM_UP):
                for offset, each in times.items():
                    each.append(await _timed(ask, case.arguments(None, page_offset=offset)))
        return median(times[skipped]) / median(times[0])

    assert uvloop.run(growth()) > MOST_GROWTH


Ask = Callable[[dict[str, Any]], Awaitable[tuple[bytes, str | None]]]
"""Sends a list's statement, and gives the document and the cursor of the next page."""


@asynccontextmanager
async def _asking(database: TestDatabase, query: Query) -> AsyncIterator[Ask]:
    """As the service asks."""
    pool = await open_pool(settings_for(database.server, database.name))

    async def ask(values: dict[str, Any]) -> tuple[bytes, str | None]:
        ((document, following),) = await pool.fetch(query.text, tuple(values.values()))
        return document, following

    try:
        yield ask
    finally:
        await pool.close()


async def _deep_page(ask: Ask, case: Case) -> Place:
    """The thousandth page, by the cursor of the one before it; where there are fewer, the last full one."""
    there_are, _ = await _followed(ask, case, DEEP * PAGE)
    assert there_are >= PAGE, "there is no full page"
    number = there_are // PAGE
    _, after = await _followed(ask, case, (number - 1) * PAGE)
    return Place(after, number)


async def _followed(ask: Ask, case: Case, most: int) -> tuple[int, UUID | None]:
    """Follow the cursor over so many items; how many there were, and what comes next comes after."""
    items, after = 0, None
    while items < most:
        document, following = await ask(case.arguments(after, page_limit=min(100, most - items)))
        items += _length(document)
        if following is None:
            break
        after = page_of(PAGE, 0, following, count=False).after_id
    return items, after


async def _timed(ask: Ask, values: dict[str, Any]) -> float:
    """How long it takes, in microseconds."""
    begun = perf_counter_ns()
    await ask(values)
    return (perf_counter_ns() - begun) / 1_000


@dataclass(frozen=True)
class Growth:
    """How much longer a page takes in the large database."""

    pages: tuple[int, int]
    times: list[tuple[float, float]]
    """Of each batch the p50 in the small and in the large database, in microseconds."""

    @property
    def ratio(self) -> float:
        return median(large / small for small, large in self.times)

    def __str__(self) -> str:
        of_small, of_large = (median(times) for times in zip(*self.times, strict=True))
        where = "first page" if self.pages == (1, 1) else f"page {self.pages[1]:4} to {self.pages[0]:2}"
        return f"{where} {self.ratio:4.2f} ({of_small:4.0f} and {of_large:4.0f} µs here)"


async def _growth(case: Case, databases: dict[str, TestDatabase], batches: int) -> tuple[Growth, Growth]:
    """Of the first page and of the deep one."""
    query = QUERIES[case.query]
    small, large = databases.values()
    async with _asking(small, query) as ask_small, _asking(large, query) as ask_large:
        places = await _deep_page(ask_small, case), await _deep_page(ask_large, case)
    first, deep = Growth((1, 1), []), Growth((places[0].number, places[1].number), [])
    for _ in range(batches):
        async with _asking(small, query) as ask_small, _asking(large, query) as ask_large:
            asked = [
                (ask, case.arguments(after), list[float]())
                for ask, place in ((ask_small, places[0]), (ask_large, places[1]))
                for after in (None, place.after)
            ]
            for number in range(WARM_UP + ROUNDS):
                # Each comes first as often as last.
                for ask, values, times in asked[number % 4 :] + asked[: number % 4]:
                    took = await _timed(ask, values)
                    if number >= WARM_UP:
                        times.append(took)
        medians = [median(times) for _, _, times in asked]
        first.times.append((medians[0], medians[2]))
        deep.times.append((medians[1], medians[3]))
    return first, deep


@contextmanager
def _explaining(database: TestDatabase, query: Query) -> Iterator[Callable[[str, dict[str, Any]], Plan]]:
    """The plan of a list's statement with what it really read, as lms_api."""
    url = database.server.url(database.name, "lms_api")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        with connection.transaction():
            prepared = Server(connection).prepare(query.text)

        def explain(mode: str, values: dict[str, Any]) -> Plan:
            with connection.transaction():
                connection.execute(sql.SQL("set local plan_cache_mode = {}").format(sql.Literal(mode)))
                row = connection.execute(
                    sql.SQL("explain (analyze, format json) execute {}({})").format(
                        sql.Identifier(prepared.name), sql.SQL(", ").join(map(sql.Literal, values.values()))
                    )
                ).fetchone()
            assert row is not None
            return Plan(row[0][0]["Plan"], set())

        yield explain


def _length(document: bytes) -> int:
    return len(json.loads(document)["items"])
