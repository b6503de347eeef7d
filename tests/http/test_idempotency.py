"""`Idempotency-Key`: sent twice, done once, answered alike."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from tests.http.defects import operations
from tests.http.matrix import body_of
from tests.http.support import Client, at_once, blamed
from tests.http.tables import Tables
from tests.support.school import School

pytestmark = pytest.mark.usefixtures("restored")

TERM = {"code": "2027-SPRING", "title": "Spring", "starts_on": "2027-02-01", "ends_on": "2027-05-28"}


def new_course(school: School, code: str = "ONCE") -> dict[str, Any]:
    return {"code": code, "title": "Once", "term_id": str(school.own["term_id"]), "capacity": 5}


def post(client: Client, document: Any, key: str, address: str = "/courses") -> httpx.Response:
    return client.post(address, document, **{"Idempotency-Key": key})


def made(tables: Tables, table: str = "courses") -> int:
    """How many rows of a table there are beside the school's."""
    there = tables.rows()
    tables.restore()
    before = tables.rows()
    return sum(row.startswith(f"{table} ") for row in (there - before).elements())


@dataclass(frozen=True)
class Repeatable:
    """A route whose requests may be sent again, and the table that it adds to."""

    who: str
    route: str
    table: str
    other: dict[str, Any]
    """What makes it another request."""

    def __str__(self) -> str:
        return self.route

    def document(self, school: School) -> dict[str, Any]:
        return body_of(self.route, school) or {}

    def address(self, school: School) -> str:
        return self.route.partition(" ")[2].format(**school.own)


REPEATABLE = [
    Repeatable("super_admin", "POST /terms", "terms", {"code": "OTHER"}),
    Repeatable("lecturer", "POST /courses", "courses", {"code": "OTHER"}),
    Repeatable("super_admin", "POST /users", "users", {"email": "other@school.example"}),
    Repeatable(
        "lecturer", "POST /courses/{course_id}/enrollments", "student_enrollments", {"state": "invited"}
    ),
    Repeatable("lecturer", "POST /courses/{course_id}/materials", "materials", {"title": "Other"}),
    Repeatable("lecturer", "POST /courses/{course_id}/quizzes", "quizzes", {"title": "Other"}),
]


FILES = {
    "POST /courses/{course_id}/enrollments/import",
    "POST /courses/{course_id}/materials/files",
    "POST /courses/{course_id}/quizzes/import",
    "POST /quizzes/{quiz_id}/regrade",
}
"""What takes no JSON body: tests/http/test_imports.py, test_files.py, test_quiz_imports.py and test_grades.py
send it again."""

ONCE_ANYWAY = {"POST /quizzes/{quiz_id}/attempts", "POST /attempts/{attempt_id}/submit"}
"""What has one effect without a key as well: tests/http/test_attempts.py sends it again, both ways."""


def test_these_are_all_that_may_be_sent_again(service: httpx.Client) -> None:
    found = operations(service.get("/schema/openapi.json").json())
    assert {operation.route for operation in found if operation.is_repeatable} == {
        *map(str, REPEATABLE),
        *FILES,
        *ONCE_ANYWAY,
    }


@pytest.mark.parametrize("repeatable", REPEATABLE, ids=str)
def test_a_retry_gets_the_first_answer_byte_for_byte(
    service: httpx.Client, school: School, restored: Tables, repeatable: Repeatable
) -> None:
    client = Client(service, school, repeatable.who)
    address, document = repeatable.address(school), repeatable.document(school)
    first, again = (post(client, document, "a", address) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    other = post(client, document | repeatable.other, "a", address)
    assert (other.status_code, blamed(other)) == (422, ["Idempotency-Key"])
    assert made(restored, repeatable.table) == 1


@pytest.mark.parametrize("repeatable", REPEATABLE, ids=str)
def test_fifty_at_once_take_effect_once(
    service: httpx.Client, school: School, restored: Tables, repeatable: Repeatable
) -> None:
    client = Client(service, school, repeatable.who)
    address, document = repeatable.address(school), repeatable.document(school)
    answers = at_once([partial(post, client, document, "a", address)] * 50)
    assert Counter(answer.status_code for answer in answers) == {201: 50}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("idempotency-replayed") for answer in answers) == {None: 1, "true": 49}
    assert made(restored, repeatable.table) == 1


def test_without_the_key_fifty_links_are_fifty_materials(
    lecturer: Client, course: str, restored: Tables
) -> None:
    """The control: nothing but the key makes one of what may be there more than once."""
    material = {"kind": "link", "title": "New", "url": "https://new.example/"}
    answers = at_once([partial(lecturer.post, f"{course}/materials", material)] * 50)
    assert Counter(answer.status_code for answer in answers) == {201: 50}
    assert made(restored, "materials") == 50


def test_without_the_header_the_second_request_is_a_second_request(lecturer: Client, school: School) -> None:
    assert [lecturer.post("/courses", new_course(school)).status_code for _ in range(2)] == [201, 409]


def test_the_first_answer_stays_what_it_was_when_the_thing_changes(lecturer: Client, school: School) -> None:
    first = post(lecturer, new_course(school), "a")
    lecturer.patch(first.headers["location"], {"title": "Changed"})
    assert post(lecturer, new_course(school), "a").content == first.content
    lecturer.delete(first.headers["location"])
    assert post(lecturer, new_course(school), "a").content == first.content


def test_the_key_with_another_body_is_refused(lecturer: Client, school: School, restored: Tables) -> None:
    post(lecturer, new_course(school), "a")
    answer = post(lecturer, new_course(school, "OTHER"), "a")
    assert (answer.status_code, blamed(answer)) == (422, ["Idempotency-Key"])
    assert made(restored) == 1


def test_the_key_on_another_route_is_another_key(super_admin: Client, school: School) -> None:
    course = new_course(school) | {"lecturer_id": str(school.own["lecturer_id"])}
    assert post(super_admin, course, "a").status_code == 201
    assert post(super_admin, TERM, "a", "/terms").status_code == 201


def test_the_key_of_another_person_is_another_key(
    lecturer: Client, other_lecturer: Client, school: School, restored: Tables
) -> None:
    mine = post(lecturer, new_course(school, "MINE"), "a")
    theirs = post(other_lecturer, new_course(school, "THEIRS"), "a")
    assert (mine.json()["code"], theirs.json()["code"]) == ("MINE", "THEIRS")
    assert post(lecturer, new_course(school, "MINE"), "a").content == mine.content
    assert post(other_lecturer, new_course(school, "THEIRS"), "a").content == theirs.content
    assert made(restored) == 2


def test_without_the_key_the_same_fifty_are_told_apart(lecturer: Client, school: School) -> None:
    """The control: what keeps the effect single above is the key, not the unique code."""
    answers = at_once([partial(lecturer.post, "/courses", new_course(school))] * 50)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}


@pytest.mark.parametrize(
    ("change", "status"), [({"capacity": 0}, 422), ({"code": "COURSE-LECTURER"}, 409), ({"code": 1}, 422)]
)
def test_a_refusal_leaves_the_key_free(
    lecturer: Client, school: School, tables: Tables, change: dict[str, Any], status: int
) -> None:
    before = tables.rows()
    assert post(lecturer, new_course(school) | change, "a").status_code == status
    assert tables.rows() == before
    assert post(lecturer, new_course(school), "a").status_code == 201


def test_a_404_leaves_the_key_free(
    lecturer: Client, tables: Tables, admin: psycopg.Connection[Any], school: School
) -> None:
    before = tables.rows()
    assert post(lecturer, TERM, "a", "/terms").status_code == 404
    assert tables.rows() == before
    admin.execute("delete from lms.quiz_attempts")
    admin.execute("delete from lms.student_enrollments")
    admin.execute("delete from lms.courses where lecturer_id = %s", (school.own["lecturer_id"],))
    admin.execute(
        "update lms.users set role = 'super_admin' where user_id = %s", (school.own["lecturer_id"],)
    )
    assert post(lecturer, TERM, "a", "/terms").status_code == 201


@pytest.mark.parametrize(
    "end",
    [
        "update lms.users set deactivated_at = now() where user_id = %s",
        "update lms.sessions set revoked_at = now() where user_id = %s",
    ],
    ids=["deactivated", "logged out"],
)
def test_an_answer_is_not_given_to_whoever_is_no_longer_let_in(
    lecturer: Client, school: School, admin: psycopg.Connection[Any], end: str
) -> None:
    post(lecturer, new_course(school), "a")
    admin.execute(end.encode(), (school.own["lecturer_id"],))
    assert post(lecturer, new_course(school), "a").status_code == 401


def test_after_a_day_the_key_is_free(
    lecturer: Client, school: School, admin: psycopg.Connection[Any], restored: Tables
) -> None:
    post(lecturer, new_course(school), "a")
    age = "update lms.idempotency_keys set created_at = now() - %s::interval"
    admin.execute(age, ("23 hours 59 minutes",))
    assert post(lecturer, new_course(school), "a").headers["idempotency-replayed"] == "true"
    admin.execute(age, ("24 hours 1 second",))
    again = post(lecturer, new_course(school, "TODAY"), "a")
    assert (again.status_code, again.json()["code"]) == (201, "TODAY")
    assert "idempotency-replayed" not in again.headers
    assert post(lecturer, new_course(school, "TODAY"), "a").content == again.content
    assert made(restored) == 2
