"""What the service adds to a request: its CPU time against that of a bare ASGI function on the same pool.

Authentication, validation, paging and ETags are on our side of the ratio, the same statement on both. Both are
real servers in the same run, measured in turn, so that a busy machine is busy for both.
"""

from collections.abc import Iterator
from statistics import median, quantiles

import psycopg
import pytest

from tests.bench.support import Target, cost, running_server
from tests.conftest import TestDatabase
from tests.support.school import School

COURSES = 5_000
"""Of one lecturer: a page is a small part of what there is."""

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def servers(module_database: TestDatabase, school: School) -> Iterator[dict[str, tuple[int, int]]]:
    """Pid and port of the service and of the bare function."""
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        connection.execute(
            "insert into lms.courses (code, title, term_id, lecturer_id, capacity, state) "
            "select 'BENCH-' || number, 'Course ' || number, %s, %s, 30, 'published' "
            "from generate_series(1, %s) as number",
            (school.own["term_id"], school.own["lecturer_id"], COURSES),
        )
        connection.execute("vacuum analyze")
    environment = {
        **module_database.service_environment,
        "BENCH_TOKEN": school.principals["lecturer"].token or "",
        "BENCH_COURSE_ID": str(school.own["course_id"]),
    }
    with (
        running_server("api.app:create_app", environment) as ours,
        running_server("tests.bench.bare:create_bare_app", environment) as bare,
    ):
        yield {"ours": ours, "bare": bare}


@pytest.mark.parametrize(
    ("what", "bar"), [pytest.param("one course", 1.7, id="one"), pytest.param("page of 20", 1.4, id="page")]
)
def test_a_request_costs_little_more_than_its_statement(
    what: str,
    bar: float,
    servers: dict[str, tuple[int, int]],
    school: School,
    full: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = f"/courses/{school.own['course_id']}" if what == "one course" else "/courses?limit=20"
    ours = Target(*servers["ours"], _get(path, school.headers("lecturer")))
    bare = Target(*servers["bare"], _get("/course" if what == "one course" else "/page", {}))
    pairs, requests = (100, 1_000) if full else (60, 200)
    # A machine short of memory slows Python down more than it does the kernel, which the two share: the page of a
    # quiet machine's 1.37 was 1.61 on one. What is to be caught there is Litestar used as documented: 1.8 and 2.5.
    most = bar if full else 1.7

    for target in (ours, bare):
        cost(target, requests)  # caches fill, the pool opens its connections
    measured = [_pair(ours, bare, requests, swapped=bool(number % 2)) for number in range(pairs)]

    ratios = [a / b for a, b in measured]
    low, middle, high = quantiles(ratios, n=4)
    with capsys.disabled():
        ours_microseconds, bare_microseconds = (1e6 * median(side) for side in zip(*measured, strict=True))
        print(
            f"\n{what}: {middle:.2f} times a bare function (bar {most}; half of {pairs} pairs {low:.2f} to "
            f"{high:.2f}; {ours_microseconds:.0f} and {bare_microseconds:.0f} µs of CPU here)"
        )
    assert median(ratios) <= most


def _pair(ours: Target, bare: Target, requests: int, *, swapped: bool) -> tuple[float, float]:
    """One after the other, now this first and now that."""
    if swapped:
        second = cost(bare, requests)
        return cost(ours, requests), second
    return cost(ours, requests), cost(bare, requests)


def _get(path: str, headers: dict[str, str]) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
