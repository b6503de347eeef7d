"""Lists: every item on exactly one page, whatever the limit, by cursor and by offset."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from tests.http.support import Client, blamed, one
from tests.support.school import School

ITEMS = 137
"""More than a page of any limit, and no multiple of one: so many are on each of these lists."""

MAKE_COURSES = """
insert into lms.courses (code, title, term_id, lecturer_id, capacity)
select 'PAGE-' || number, 'Page ' || number, %s, %s, 10
from generate_series(1, %s) as number
"""

MAKE_OTHERS = """
-- Of one name and of another, in no order of their addresses.
insert into lms.users (email, full_name, role, password_hash)
select
    'page' || md5(number::text) || '@pages.example',
    case when number %% 5 = 0 then 'Page' else 'PAGE ' || number %% 7 end,
    'student',
    '!'
from generate_series(1, %(items)s) as number;

update lms.courses set capacity = 1000, seats_taken = %(items)s where course_id = %(course_id)s;
delete from lms.student_enrollments where course_id = %(course_id)s;
insert into lms.student_enrollments (student_id, course_id, enrolled_at, state)
select
    user_id,
    %(course_id)s,
    now() - interval '1 day',
    (array['invited', 'active', 'completed', 'dropped'])[1 + (hashtext(email) & 3)]
from lms.users
where email like '%%@pages.example';

delete from lms.student_enrollments where student_id = %(student_id)s;
insert into lms.student_enrollments (student_id, course_id, state)
select %(student_id)s, course_id, 'active'
from lms.courses
where course_id <> %(course_id)s
limit %(items)s;

delete from lms.materials where course_id = %(course_id)s;
insert into lms.materials (course_id, week_number, kind, origin, title, url)
select %(course_id)s, 1, 'link', 'linked', 'Page ' || number, 'https://pages.example/' || number
from generate_series(1, %(items)s) as number;
insert into lms.materials (course_id, week_number, kind, origin, title, url)
values (%(course_id)s, 2, 'link', 'linked', 'Another week', 'https://pages.example/');

insert into lms.quizzes (course_id, title)
select %(course_id)s, 'Quiz ' || number
from generate_series(1, %(items)s - 5) as number;

-- Whoever is on the course has missed two of its quizzes, and so is at risk.
insert into lms.quizzes (course_id, title, state, current_version)
select %(course_id)s, 'Past', 'closed', 1 from generate_series(1, 2);

-- Whose they are is no matter here: each of another student.
delete from lms.quiz_attempts where quiz_id = %(quiz_id)s;
insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score, state, submitted_at)
select
    %(quiz_id)s,
    1,
    user_id,
    1,
    2,
    case when hashtext(email) & 3 = 0 then 'submitted' else 'in_progress' end,
    case when hashtext(email) & 3 = 0 then now() end
from lms.users
where email like '%%@pages.example';

insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
select %(actor_id)s, 'users.update', %(user_id)s, %(course_id)s, '{}'
from generate_series(1, %(items)s - 1) as number;
"""

STUDENTS = "select user_id from lms.users where role = 'student' order by user_id"
ENROLLED = (
    "select student_id from lms.student_enrollments where course_id = %(course_id)s order by student_id"
)
PARTS = ("dropped", "submitted", "at-risk", "gradebook")
"""What shows only a part of those on the course, or of their attempts."""

WANTED = {
    "/courses": "select course_id from lms.courses where lecturer_id = %(lecturer_id)s order by course_id",
    "/courses?term_id={term_id}": (
        "select course_id from lms.courses where lecturer_id = %(lecturer_id)s order by course_id"
    ),
    "/courses?lecturer_id={lecturer_id}": (
        "select course_id from lms.courses where lecturer_id = %(lecturer_id)s order by course_id"
    ),
    "/courses/{course_id}/enrollments": ENROLLED,
    "/courses/{course_id}/enrollments?state=dropped": (
        "select student_id from lms.student_enrollments "
        "where course_id = %(course_id)s and state = 'dropped' order by student_id"
    ),
    "/courses/{course_id}/materials": (
        "select material_id from lms.materials where course_id = %(course_id)s order by material_id"
    ),
    "/courses/{course_id}/materials?week_number=1": (
        "select material_id from lms.materials where course_id = %(course_id)s and week_number = 1 "
        "order by material_id"
    ),
    "/courses/{course_id}/quizzes": (
        "select quiz_id from lms.quizzes where course_id = %(course_id)s order by quiz_id"
    ),
    "/quizzes/{quiz_id}/attempts": (
        "select attempt_id from lms.quiz_attempts where quiz_id = %(quiz_id)s order by attempt_id"
    ),
    "/quizzes/{quiz_id}/attempts?state=submitted": (
        "select attempt_id from lms.quiz_attempts where quiz_id = %(quiz_id)s and state = 'submitted' "
        "order by attempt_id"
    ),
    "/students/{student_id}/performance": (
        "select course_id from lms.student_enrollments where student_id = %(student_id)s order by course_id"
    ),
    "/courses/{course_id}/gradebook": (
        "select student_id from lms.student_enrollments where course_id = %(course_id)s "
        "and state in ('active', 'completed') order by student_id"
    ),
    "/courses/{course_id}/at-risk": (
        "select student_id from lms.student_enrollments where course_id = %(course_id)s and state = 'active' "
        "order by student_id"
    ),
    "/students/{student_id}/enrollments": (
        "select course_id from lms.student_enrollments where student_id = %(student_id)s order by course_id"
    ),
    "/users": "select user_id from lms.users order by user_id",
    "/users?role=student": "select user_id from lms.users where role = 'student' order by user_id",
    "/users?name=page": (
        "select user_id from lms.users where email like '%%@pages.example' "
        'order by lower(full_name) collate "C", user_id'
    ),
    "/users?name=page&role=student": (
        "select user_id from lms.users where email like '%%@pages.example' "
        'order by lower(full_name) collate "C", user_id'
    ),
    "/users?email=page": (
        "select user_id from lms.users where email like '%%@pages.example' order by email collate \"C\""
    ),
    "/audit": "select audit_event_id from lms.audit_events order by audit_event_id desc",
    "/audit?user_id={user_id}": (
        "select audit_event_id from lms.audit_events where user_id = %(user_id)s order by audit_event_id desc"
    ),
    "/audit?course_id={course_id}": (
        "select audit_event_id from lms.audit_events where course_id = %(course_id)s "
        "order by audit_event_id desc"
    ),
    "/audit?actor_id={actor_id}": (
        "select audit_event_id from lms.audit_events where actor_id = %(actor_id)s "
        "order by audit_event_id desc"
    ),
}
"""Every list, and the ids of what is on it in order."""


@pytest.fixture(scope="module", autouse=True)
def filled(admin: psycopg.Connection[Any], school: School) -> None:
    """Enough of everything to page through."""
    own = school.own
    there = one(admin, "select count(*) from lms.courses where lecturer_id = %s", (own["lecturer_id"],))
    admin.execute(MAKE_COURSES, (own["term_id"], own["lecturer_id"], ITEMS - there))
    psycopg.ClientCursor(admin).execute(MAKE_OTHERS, {**own, "items": ITEMS})


@pytest.fixture(params=WANTED)
def listed(request: pytest.FixtureRequest) -> str:
    """Each of the lists, as its routes spell it."""
    found: str = request.param
    return found


@pytest.fixture
def address(listed: str, school: School) -> str:
    return listed.format(**school.own)


@pytest.fixture
def wanted(admin: psycopg.Connection[Any], school: School, listed: str) -> list[str]:
    """The ids of all that is on it."""
    found = [str(item) for (item,) in admin.execute(WANTED[listed].encode(), school.own)]
    assert len(found) >= (25 if any(part in listed for part in PARTS) else ITEMS)
    return found


@pytest.fixture
def reader(listed: str, lecturer: Client, super_admin: Client) -> Client:
    """Somebody who may read it."""
    return lecturer if listed.startswith("/courses") else super_admin


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    of_a_student = answer.url.path.startswith("/students/")
    return [
        item["id"] if "id" in item else item["course" if of_a_student else "student"]["id"]
        for item in answer.json()["items"]
    ]


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


@pytest.mark.parametrize("limit", [7, 68, 99, 100])
def test_the_pages_together_are_the_whole_list_in_order(
    reader: Client, address: str, wanted: list[str], limit: int
) -> None:
    pages = list(follow_cursors(reader, with_query(address, f"limit={limit}")))
    assert [item for page in pages for item in page] == wanted
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert len(pages) == -(-len(wanted) // limit)


def test_there_is_no_empty_page_after_the_last(reader: Client, address: str, wanted: list[str]) -> None:
    for limit in (1, len(wanted) // 2):
        last = reader.get(with_query(address, f"limit={limit}&offset={len(wanted) - limit}"))
        assert ids(last) == wanted[-limit:]
        assert last.json()["next"] is None
        assert "next" not in linked(last)


def test_links_lead_through_the_list_too(reader: Client, address: str, wanted: list[str]) -> None:
    pages = list(follow_links(reader, with_query(address, "limit=50&count=false")))
    assert [item for page in pages for item in page] == wanted


def test_a_link_keeps_the_query_and_names_no_host(lecturer: Client, school: School) -> None:
    answer = lecturer.get(f"/courses?term_id={school.own['term_id']}&limit=5&offset=10", Host="evil.example")
    links = linked(answer)
    assert parse_qs(urlsplit(links["first"]).query) == {
        "term_id": [str(school.own["term_id"])],
        "limit": ["5"],
    }
    assert parse_qs(urlsplit(links["next"]).query).keys() == {"term_id", "limit", "cursor"}
    assert "evil" not in answer.headers["link"]


def test_a_cursor_tells_nothing_but_where_to_go_on(super_admin: Client) -> None:
    """A cursor ends up in logs: an id, never a name or an address."""
    for address in ("/users?name=page", "/users?email=page"):
        assert re.fullmatch(r"[\w-]{22}", super_admin.get(address).json()["next"])


def test_offsets_cut_the_same_list(reader: Client, address: str, wanted: list[str]) -> None:
    for offset in (0, 1, 19, 100, len(wanted) - 1, len(wanted), 10_000):
        page = reader.get(with_query(address, f"limit=20&offset={offset}"))
        assert ids(page) == wanted[offset : offset + 20]


def test_an_offset_counts_from_where_a_cursor_goes_on(
    reader: Client, address: str, wanted: list[str]
) -> None:
    cursor = reader.get(with_query(address, "limit=5")).json()["next"]
    page = reader.get(with_query(address, f"limit=5&offset=3&cursor={cursor}"))
    assert ids(page) == wanted[8:13]


def test_the_default_is_twenty_from_the_start(reader: Client, address: str, wanted: list[str]) -> None:
    assert ids(reader.get(address)) == wanted[:20]


def test_the_total_is_all_that_is_on_the_list(reader: Client, address: str, wanted: list[str]) -> None:
    for more in ("", "&offset=10000", "&limit=100"):
        found = reader.get(with_query(address, f"count=true{more}")).json()
        assert (found["total"], found["total_is_lower_bound"]) == (len(wanted), False)
    assert "total" not in reader.get(address).json()


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "offset=-1", "offset=10001", "cursor=AAAA"])
def test_a_page_that_there_cannot_be_is_refused(reader: Client, address: str, query: str) -> None:
    answer = reader.get(with_query(address, query))
    assert (answer.status_code, blamed(answer)) == (422, [query.partition("=")[0]])


def test_what_is_made_meanwhile_neither_repeats_nor_hides_an_item(
    lecturer: Client, admin: psycopg.Connection[Any], school: School
) -> None:
    wanted = [item for page in follow_cursors(lecturer, "/courses?limit=100") for item in page]
    first = lecturer.get("/courses?limit=100")
    (gone,) = lecturer.get("/courses?limit=1&offset=5").json()["items"]
    admin.execute("delete from lms.student_enrollments where course_id = %s", (gone["id"],))
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
    assert (counted["total"], counted["total_is_lower_bound"]) == (ITEMS, False)
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
