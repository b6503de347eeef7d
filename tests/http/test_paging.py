"""Lists: every item on exactly one page, whatever the limit, by cursor and by offset."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from tests.http.support import Client, one
from tests.support.school import School

COURSES = 137
"""More than a page of any limit, and no multiple of one."""

MAKE_COURSES = """
insert into lms.courses (code, title, term_id, lecturer_id, capacity)
select 'PAGE-' || number, 'Page ' || number, %s, %s, 10
from generate_series(1, %s) as number
"""


@pytest.fixture(scope="module", autouse=True)
def courses(admin: psycopg.Connection[Any], school: School) -> None:
    """Enough courses of lecturer's to page through, beside the one of each lecturer."""
    own = school.own
    admin.execute(MAKE_COURSES, (own["term_id"], own["lecturer_id"], COURSES - 1))


@pytest.fixture(params=["/courses", "/courses?term_id={term_id}", "/courses?lecturer_id={lecturer_id}"])
def address(request: pytest.FixtureRequest, school: School) -> str:
    """Each of the lists of courses."""
    found: str = request.param.format(**school.own)
    return found


@pytest.fixture
def wanted(admin: psycopg.Connection[Any], school: School) -> list[str]:
    """The ids of all that lecturer teaches, in order."""
    found = admin.execute(
        "select course_id::text from lms.courses where lecturer_id = %s order by course_id",
        (school.own["lecturer_id"],),
    )
    return [course_id for (course_id,) in found]


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def with_query(address: str, query: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{query}"


def linked(answer: httpx.Response) -> dict[str, str]:
    return {
        relation: address
        for address, relation in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["link"])
    }


def follow_cursors(client: Client, address: str) -> Iterator[list[str]]:
    answer = client.get(address)
    yield ids(answer)
    while (cursor := answer.json()["next"]) is not None:
        answer = client.get(with_query(address, f"cursor={cursor}"))
        yield ids(answer)


def follow_links(client: Client, address: str) -> Iterator[list[str]]:
    answer = client.get(address)
    yield ids(answer)
    while (following := linked(answer).get("next")) is not None:
        answer = client.get(following)
        yield ids(answer)


@pytest.mark.parametrize("limit", [7, 20, 68, 99, 100])
def test_the_pages_together_are_the_whole_list_in_order(
    lecturer: Client, address: str, wanted: list[str], limit: int
) -> None:
    pages = list(follow_cursors(lecturer, with_query(address, f"limit={limit}")))
    assert [course_id for page in pages for course_id in page] == wanted
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert len(pages) == -(-COURSES // limit)


@pytest.mark.parametrize("limit", [1, COURSES // 2])
def test_there_is_no_empty_page_after_the_last(
    lecturer: Client, address: str, wanted: list[str], limit: int
) -> None:
    last = lecturer.get(with_query(address, f"limit={limit}&offset={COURSES - limit}"))
    assert ids(last) == wanted[-limit:]
    assert last.json()["next"] is None
    assert "next" not in linked(last)


def test_links_lead_through_the_list_too(lecturer: Client, address: str, wanted: list[str]) -> None:
    pages = list(follow_links(lecturer, with_query(address, "limit=50&count=false")))
    assert [course_id for page in pages for course_id in page] == wanted


def test_a_link_keeps_the_query_and_names_no_host(lecturer: Client, school: School) -> None:
    answer = lecturer.get(f"/courses?term_id={school.own['term_id']}&limit=5&offset=10", Host="evil.example")
    links = linked(answer)
    assert parse_qs(urlsplit(links["first"]).query) == {
        "term_id": [str(school.own["term_id"])],
        "limit": ["5"],
    }
    assert parse_qs(urlsplit(links["next"]).query).keys() == {"term_id", "limit", "cursor"}
    assert "evil" not in answer.headers["link"]


def test_offsets_cut_the_same_list(lecturer: Client, address: str, wanted: list[str]) -> None:
    for offset in (0, 1, 19, 100, COURSES - 1, COURSES, 10_000):
        page = lecturer.get(with_query(address, f"limit=20&offset={offset}"))
        assert ids(page) == wanted[offset : offset + 20]


def test_the_default_is_twenty_from_the_start(lecturer: Client, address: str, wanted: list[str]) -> None:
    assert ids(lecturer.get(address)) == wanted[:20]


def test_what_is_made_meanwhile_neither_repeats_nor_hides_an_item(
    lecturer: Client, admin: psycopg.Connection[Any], school: School, wanted: list[str]
) -> None:
    first = lecturer.get("/courses?limit=100")
    (gone,) = lecturer.get("/courses?limit=1&offset=5").json()["items"]
    admin.execute("delete from lms.courses where course_id = %s", (gone["id"],))
    rest = lecturer.get(f"/courses?limit=100&cursor={first.json()['next']}")
    assert ids(first) + ids(rest) == wanted
    admin.execute(
        MAKE_COURSES.replace("'PAGE-'", "'AGAIN-'"), (school.own["term_id"], school.own["lecturer_id"], 1)
    )


def test_the_total_is_exact_up_to_ten_thousand_and_a_bound_beyond(
    super_admin: Client, lecturer: Client, admin: psycopg.Connection[Any], school: School
) -> None:
    own = school.own
    counted = lecturer.get("/courses?count=true&limit=1").json()
    assert (counted["total"], counted["total_is_lower_bound"]) == (COURSES, False)
    assert "total" not in lecturer.get("/courses?limit=1").json()
    assert "total" not in lecturer.get("/courses?limit=1&count=false").json()
    for total, bound in ((10_000, False), (10_001, True)):
        there = one(admin, "select count(*) from lms.courses where lecturer_id = %s", (own["lecturer_id"],))
        admin.execute(
            MAKE_COURSES.replace("'PAGE-'", f"'B{total}-'").encode(),
            (own["term_id"], own["lecturer_id"], total - there),
        )
        for client, address in (
            (lecturer, "/courses?"),
            (lecturer, f"/courses?lecturer_id={own['lecturer_id']}&"),
            (lecturer, f"/courses?term_id={own['term_id']}&"),
            (super_admin, f"/courses?lecturer_id={own['lecturer_id']}&"),
        ):
            found = client.get(f"{address}count=true&limit=1").json()
            assert (found["total"], found["total_is_lower_bound"]) == (10_000, bound)
    admin.execute("delete from lms.courses where code like 'B1000%'")


def test_terms_page_alike(super_admin: Client, admin: psycopg.Connection[Any]) -> None:
    admin.execute(
        "insert into lms.terms (code, title, starts_on, ends_on) "
        "select 'T' || number, 'Term', '2027-01-01', '2027-01-02' from generate_series(1, 45) as number"
    )
    wanted = [term_id for (term_id,) in admin.execute("select term_id::text from lms.terms order by term_id")]
    for limit in (1, 9, 45, 46, 100):
        pages = list(follow_cursors(super_admin, f"/terms?limit={limit}"))
        assert [term_id for page in pages for term_id in page] == wanted
    counted = super_admin.get("/terms?count=true").json()
    assert (counted["total"], counted["total_is_lower_bound"]) == (46, False)


def test_a_list_filtered_by_lecturer_and_term_is_both(
    super_admin: Client, admin: psycopg.Connection[Any], school: School
) -> None:
    other_term = one(
        admin,
        "insert into lms.terms (code, title, starts_on, ends_on) "
        "values ('OTHER', 'Other', '2028-01-01', '2028-02-01') returning term_id",
    )
    moved = one(
        admin,
        "update lms.courses set term_id = %s where code = 'PAGE-7' returning course_id::text",
        (other_term,),
    )
    query = f"/courses?lecturer_id={school.own['lecturer_id']}&term_id={other_term}"
    assert ids(super_admin.get(query)) == [moved]
    assert (
        ids(super_admin.get(f"/courses?lecturer_id={school.foreign['lecturer_id']}&term_id={other_term}"))
        == []
    )
