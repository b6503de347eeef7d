"""A file of 10,000 people: every defect is named, nothing is half done, and whoever else asks does not notice."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psycopg
import pytest

from api.http.enrollment_files import read_now
from tests.chaos.conftest import Serving
from tests.cli.support import serve
from tests.conftest import TestDatabase
from tests.http.support import one
from tests.http.tables import Tables
from tests.support.enrollment_files import KINDS, EnrollmentFile, make_files, people_for_files
from tests.support.school import School

LINES = 10_000
DEFECTS = 200

TOLD_ONCE = """
select count(*)
from lms.student_enrollments as e
where
    e.course_id = %s
    and 1 = (
        select count(*)
        from lms.email_outbox as m
        where
            m.user_id = e.student_id
            and m.course_id = e.course_id
            and m.kind = case e.state when 'invited' then 'invitation' else 'welcome' end
    )
    and 1 = (
        select count(*) from lms.audit_events as a where a.user_id = e.student_id and a.course_id = e.course_id
    )
"""

Say = Callable[[str], None]


@pytest.fixture(scope="module")
def admin(module_database: TestDatabase, school: School) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        people_for_files(connection, school)
        connection.execute("analyze")
        yield connection


@pytest.fixture(scope="module")
def url(module_database: TestDatabase, admin: psycopg.Connection[Any], serving: Serving) -> Iterator[str]:  # noqa: ARG001
    with serving(module_database) as running:
        yield running.url


class Office:
    """Where files are sent, on lecturer's empty course."""

    def __init__(self, url: str, school: School) -> None:
        self.url = url
        self.address = f"/courses/{school.own['empty_course_id']}/enrollments/import"
        self.headers = school.headers("lecturer") | {"Content-Type": "text/csv"}

    async def send(self, content: bytes, *, dry_run: bool = False, key: str | None = None) -> httpx.Response:
        """Sent again while the service says that it is busy."""
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        async with httpx.AsyncClient(base_url=self.url, timeout=120) as client:
            while True:
                answer = await client.post(
                    self.address,
                    content=content,
                    headers=headers,
                    params={"dry_run": "true"} if dry_run else {},
                )
                if answer.status_code != 503:
                    return answer
                assert answer.headers["retry-after"]
                await asyncio.sleep(1)

    def post(self, content: bytes, *, dry_run: bool = False, key: str | None = None) -> httpx.Response:
        return asyncio.run(self.send(content, dry_run=dry_run, key=key))


@pytest.fixture(scope="module")
def office(url: str, school: School) -> Office:
    return Office(url, school)


@pytest.fixture(scope="module")
def files(
    admin: psycopg.Connection[Any], school: School, new_seed: Callable[[], int]
) -> tuple[EnrollmentFile, EnrollmentFile, int]:
    seed = new_seed()
    broken, mended = make_files(seed, LINES, DEFECTS)
    admin.execute(
        "update lms.courses set capacity = %s where course_id = %s",
        (broken.capacity, school.own["empty_course_id"]),
    )
    return broken, mended, seed


def test_every_defect_of_a_file_is_named_by_its_line_and_nothing_is_imported(
    office: Office,
    admin: psycopg.Connection[Any],
    files: tuple[EnrollmentFile, EnrollmentFile, int],
    say: Say,
) -> None:
    broken, _, seed = files
    tables = Tables(admin)
    before = tables.rows()
    began = time.monotonic()
    answers = [office.post(broken.content, dry_run=dry_run) for dry_run in (True, False)]
    seconds = time.monotonic() - began
    assert tables.rows() == before
    assert {answer.status_code for answer in answers} == {422}, answers[0].text
    assert answers[0].content == answers[1].content
    named = {(found["line"], found.get("column")): found["detail"] for found in answers[0].json()["errors"]}
    expected = dict(broken.defects)
    for place, sentence in expected.items():
        if sentence == "{anything}" and place in named:
            expected[place] = named[place]
    assert named == expected, f"seed {seed}"
    assert set(broken.kinds) == set(KINDS)
    say(
        f"{broken.lines} lines, {len(named)} defects of {len(broken.kinds)} kinds, all named, twice in "
        f"{seconds:.2f} s, seed {seed}"
    )


def test_a_file_without_defects_is_imported_once_however_often_it_is_sent(
    office: Office,
    admin: psycopg.Connection[Any],
    school: School,
    files: tuple[EnrollmentFile, EnrollmentFile, int],
    say: Say,
) -> None:
    _, mended, seed = files
    course_id = school.own["empty_course_id"]
    tables = Tables(admin)
    before = tables.rows()
    rehearsed = office.post(mended.content, dry_run=True)
    assert rehearsed.status_code == 200, rehearsed.text
    assert tables.rows() == before
    began = time.monotonic()

    async def five_at_once() -> list[httpx.Response]:
        return await asyncio.gather(*(office.send(mended.content, key="the-file") for _ in range(5)))

    answers = asyncio.run(five_at_once())
    seconds = time.monotonic() - began
    assert {answer.status_code for answer in answers} == {200}, answers[0].text
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4
    report = answers[0].json()
    assert {name: report[name] for name in ("lines", "accounts", *mended.outcomes)} == {
        "lines": mended.lines,
        "accounts": mended.accounts,
        **mended.outcomes,
    }
    assert report.pop("dry_run") is False
    rehearsal = rehearsed.json()
    assert rehearsal.pop("dry_run") is True
    # A dry run has no mail, and no account of somebody new.
    for item in report["items"]:
        item["delivery_id"] = None
        item["student_id"] = None if item["email"].startswith("new-") else item["student_id"]
    assert rehearsal == report, f"seed {seed}"

    made = Counter(row.partition(" ")[0] for row in (tables.rows() - before).elements())
    new = mended.outcomes["invited"] + mended.outcomes["enrolled"]
    # The course, whose seats are counted, and the key are beside them.
    assert made == {
        "users": mended.accounts,
        "student_enrollments": new,
        "email_outbox": new,
        "audit_events": new + mended.accounts,
        "courses": 1,
        "idempotency_keys": 1,
    }
    assert one(
        admin,
        "select seats_taken = (select count(*) from lms.student_enrollments as e "
        "where e.course_id = courses.course_id and e.state <> 'dropped') and seats_taken = capacity "
        "from lms.courses where course_id = %s",
        (course_id,),
    )
    admin.execute("analyze")
    # Each step has one mail, of the kind that tells of it, and one audit row.
    assert one(admin, TOLD_ONCE, (course_id,)) == new
    after = tables.rows()
    for key in (None, "another-key", "the-file"):
        again = office.post(mended.content, key=key)
        assert again.status_code == 200
        assert again.json()["unchanged"] == (
            mended.outcomes["unchanged"] if key == "the-file" else mended.lines
        )
    changed = tables.rows() - after
    assert {row.partition(" ")[0] for row in changed} == {"idempotency_keys"}
    say(f"{mended.lines} lines, five at once with one key, once imported: {seconds:.2f} s, seed {seed}")


@pytest.mark.once
def test_whoever_else_asks_does_not_wait_for_an_import(
    module_database: TestDatabase,
    tmp_path: Path,
    admin: psycopg.Connection[Any],
    school: School,
    say: Say,
) -> None:
    """One worker, which reads, judges and imports 10,000 lines, and answers others meanwhile.

    Read where requests are answered, a file would keep one of them waiting for as long as it takes to read, which is
    what half of it here stands for. What else goes on here may do so too, once or twice, and not three times.
    """
    course_id = school.own["empty_course_id"]
    admin.execute("update lms.courses set capacity = 100000 where course_id = %s", (course_id,))

    async def measure(client: httpx.AsyncClient, content: bytes) -> tuple[list[float], list[float], float]:
        end = time.monotonic() + 0.5
        quiet = await ask(client, lambda: time.monotonic() > end)
        began = time.monotonic()
        importing = asyncio.create_task(Office(str(client.base_url), school).send(content))
        busy = await ask(client, importing.done)
        assert (await importing).json()["accounts"] == LINES
        return quiet, busy, time.monotonic() - began

    async def held_up(url: str) -> list[bool]:
        found: list[bool] = []
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            while len(found) < 3 and all(found):
                content = strangers(len(found))
                quiet, busy, seconds = await measure(client, content)
                began = time.perf_counter()
                await asyncio.to_thread(read_now, content)
                reading = time.perf_counter() - began
                found.append(max(busy) >= reading / 2)
                say(
                    f"{LINES} new people imported in {seconds:.2f} s, of which reading takes {reading:.2f}; "
                    f"/health/live: p50 {1000 * median(quiet):.1f} ms before, {1000 * median(busy):.1f} ms meanwhile, "
                    f"at most {1000 * max(busy):.1f} ms of {len(busy)} requests"
                )
        return found

    with serve(tmp_path / "output", **module_database.service_environment) as running:
        assert not all(asyncio.run(held_up(running.url)))


def strangers(number: int) -> bytes:
    """A file of as many people as one may have, none of whom has an account."""
    lines = (f"other-{number}-{each}@pupils.example,Somebody Else,invited\r\n" for each in range(LINES))
    return f"email,full_name,state\r\n{''.join(lines)}".encode()


async def ask(client: httpx.AsyncClient, until: Callable[[], bool]) -> list[float]:
    """One request after the other until then, and how long each took."""
    waits = []
    while not until():
        began = time.perf_counter()
        (await client.get("/health/live")).raise_for_status()
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0.002)
    return waits
