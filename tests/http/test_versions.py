"""ETag, If-None-Match and If-Match; merge patches; and what becomes of two who write at once."""

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from api.database.queries import load_query
from tests.conftest import TestDatabase
from tests.http.matrix import token_hash
from tests.http.support import Client, at_once, blamed
from tests.support.school import School, token_for

pytestmark = pytest.mark.usefixtures("restored")


THINGS = {
    "/courses/{course_id}": "title",
    "/courses/{course_id}/syllabus": "weeks",
    "/courses/{course_id}/enrollments/{student_id}": "state",
    "/materials/{material_id}": "title",
    "/quizzes/{quiz_id}": "title",
    "/terms/{term_id}": "title",
    "/users/{user_id}": "full_name",
    "/users/{user_id}/settings": "theme",
}
"""Each thing that has a version, and what is changed about it here."""


@pytest.fixture(params=THINGS)
def address(request: pytest.FixtureRequest, school: School) -> str:
    """Where each of them is."""
    found: str = request.param.format(**school.own)
    return found


def change(client: Client, address: str, text: str, if_match: str = "*") -> httpx.Response:
    """Change a thing with a version, whichever it is. Writing what is there already counts as well."""
    if address.endswith("/syllabus"):
        return client.put(address, {"weeks": [{"week_number": 1, "topic": text}]}, if_match)
    if address.endswith("/settings"):
        return client.patch(address, {"theme": "dark"}, if_match)
    if "/enrollments/" in address:
        return client.patch(address, {"state": "active"}, if_match)
    return client.patch(address, {"full_name" if address.startswith("/users") else "title": text}, if_match)


def version(answer: httpx.Response) -> int:
    """The first part of the ETag; a body that shows a version too shows this one."""
    found = int(answer.headers["etag"].strip('"').partition(".")[0])
    assert answer.json().get("version", found) == found
    return found


def test_the_answer_to_a_change_is_what_a_read_gives(super_admin: Client, address: str) -> None:
    changed = change(super_admin, address, "New")
    read = super_admin.get(address)
    assert changed.json() == read.json()
    assert changed.headers["etag"] == read.headers["etag"]
    assert version(read) == 2


def test_what_the_client_has_is_not_sent_again(super_admin: Client, address: str) -> None:
    first = super_admin.get(address)
    tag = first.headers["etag"]
    for condition in (tag, f"W/{tag}", f'"0.00000000", {tag}', "*", f'{tag}, "9.ffffffff"'):
        answer = super_admin.get(address, **{"If-None-Match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    change(super_admin, address, "New")
    for condition in (tag, '"1"', "nonsense"):
        assert super_admin.get(address, **{"If-None-Match": condition}).status_code == 200


def test_a_changed_name_of_the_lecturer_is_no_stale_304_and_no_conflict(
    lecturer: Client, course: str, admin: psycopg.Connection[Any], school: School
) -> None:
    tag = lecturer.get(course).headers["etag"]
    admin.execute(
        "update lms.users set full_name = 'Another Name' where user_id = %s", (school.own["lecturer_id"],)
    )
    fresh = lecturer.get(course, **{"If-None-Match": tag})
    assert fresh.status_code == 200
    assert fresh.json()["lecturer"]["full_name"] == "Another Name"
    assert lecturer.patch(course, {"title": "New"}, tag).status_code == 200


def test_a_list_has_an_etag_too(lecturer: Client) -> None:
    tag = lecturer.get("/courses").headers["etag"]
    assert lecturer.get("/courses", **{"If-None-Match": tag}).status_code == 304


def test_answers_are_kept_by_nobody_but_the_client(lecturer: Client, course: str) -> None:
    headers = lecturer.get(course).headers
    assert headers["cache-control"] == "private, no-cache"
    assert headers["vary"] == "Authorization"


def test_a_change_without_if_match_is_refused(
    super_admin: Client, service: httpx.Client, address: str
) -> None:
    method = "PUT" if address.endswith("/syllabus") else "PATCH"
    answer = service.request(
        method, address, json={"weeks": []} if method == "PUT" else {}, headers=super_admin.headers
    )
    assert (answer.status_code, blamed(answer)) == (428, ["If-Match"])


def test_whoever_was_late_is_told_the_present_version(super_admin: Client, address: str) -> None:
    seen = super_admin.get(address)
    for number in range(3):
        change(super_admin, address, f"Title {number}")
    late = change(super_admin, address, "Late", seen.headers["etag"])
    assert (late.status_code, late.json()["version"]) == (412, version(seen) + 3)
    again = change(super_admin, address, "Late", f'"{late.json()["version"]}"')
    assert (again.status_code, version(again)) == (200, version(seen) + 4)


def test_a_version_that_never_was_is_stale(super_admin: Client, address: str) -> None:
    answer = change(super_admin, address, "New", '"4242"')
    assert (answer.status_code, answer.json()["version"]) == (412, 1)


@pytest.mark.parametrize(
    "thing", ["/courses/{empty_course_id}", "/materials/{material_id}", "/quizzes/{quiz_id}"]
)
def test_a_delete_is_guarded_by_the_version_too(lecturer: Client, school: School, thing: str) -> None:
    address = thing.format(**school.own)
    late = lecturer.delete(address, '"7"')
    assert (late.status_code, late.json()["version"]) == (412, 1)
    assert lecturer.delete(address, '"1"').status_code == 204
    assert lecturer.get(address).status_code == 404
    assert lecturer.delete(address).status_code == 404


def test_a_seat_that_is_taken_is_no_stale_304_and_no_conflict(
    lecturer: Client, course: str, school: School
) -> None:
    tag = lecturer.get(course).headers["etag"]
    lecturer.post(f"{course}/enrollments", {"student_id": str(school.people["newcomer"])})
    fresh = lecturer.get(course, **{"If-None-Match": tag})
    assert (fresh.status_code, fresh.json()["seats_taken"]) == (200, 5)
    assert lecturer.patch(course, {"title": "New"}, tag).status_code == 200


# Merge patches: what is left out stays, null clears where something can be absent.

PATCHES: list[tuple[str, Any]] = [
    ("code", "NEW-CODE"),
    ("title", "New title"),
    ("description", "New description"),
    ("capacity", 77),
    ("state", "closed"),
]


@pytest.mark.parametrize(("name", "value"), PATCHES)
def test_a_patch_changes_what_it_names_and_nothing_else(
    lecturer: Client, course: str, name: str, value: Any
) -> None:
    lecturer.patch(course, {"description": "Something"})
    before = lecturer.get(course).json()
    after = lecturer.patch(course, {name: value}).json()
    assert after == before | {
        name: value,
        "version": before["version"] + 1,
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]


def test_null_clears_a_description_and_absence_keeps_it(lecturer: Client, course: str) -> None:
    assert lecturer.patch(course, {"description": "Something"}).json()["description"] == "Something"
    assert lecturer.patch(course, {"title": "New"}).json()["description"] == "Something"
    assert lecturer.patch(course, {"description": None}).json()["description"] is None
    assert lecturer.patch(course, {"description": ""}).json()["description"] == ""


@pytest.mark.parametrize("name", ["code", "title", "term_id", "lecturer_id", "capacity", "state"])
def test_null_does_not_clear_what_a_course_must_have(lecturer: Client, course: str, name: str) -> None:
    answer = lecturer.patch(course, {name: None})
    assert (answer.status_code, blamed(answer)) == (422, [f"/{name}"])


@pytest.mark.parametrize(
    ("name", "value"),
    [("code", "T-1"), ("title", "New"), ("starts_on", "2026-08-31"), ("ends_on", "2027-01-31")],
)
def test_a_patch_of_a_term_too(super_admin: Client, school: School, name: str, value: str) -> None:
    address = f"/terms/{school.own['term_id']}"
    before = super_admin.get(address).json()
    after = super_admin.patch(address, {name: value}).json()
    assert after == before | {name: value, "version": 2, "updated_at": after["updated_at"]}
    refused = super_admin.patch(address, {name: None})
    assert (refused.status_code, blamed(refused)) == (422, [f"/{name}"])


def test_an_empty_patch_is_an_edit_like_any_other(lecturer: Client, course: str) -> None:
    before = lecturer.get(course).json()
    after = lecturer.patch(course, {}).json()
    assert after == before | {"version": 2, "updated_at": after["updated_at"]}


def test_a_patch_may_come_as_either_media_type(lecturer: Client, course: str, service: httpx.Client) -> None:
    for media_type in ("application/merge-patch+json", "application/json", "application/json; charset=UTF-8"):
        answer = service.patch(
            course,
            content=b'{"title": "New"}',
            headers={**lecturer.headers, "If-Match": "*", "Content-Type": media_type},
        )
        assert answer.status_code == 200


# Races


def test_of_eight_twins_one_writes_and_seven_learn_the_new_version(super_admin: Client, address: str) -> None:
    tag = super_admin.get(address).headers["etag"]
    answers = at_once([partial(change, super_admin, address, f"Twin {number}", tag) for number in range(8)])
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 7}
    assert {answer.json()["version"] for answer in answers if answer.status_code == 412} == {2}
    assert version(super_admin.get(address)) == 2


def test_no_update_is_lost(super_admin: Client, course: str) -> None:
    """Ten people, each ten times: read, add one to what was read, write if nobody was faster."""

    def add_one() -> int:
        read = super_admin.get(course)
        patch = {"capacity": read.json()["capacity"] + 1}
        return super_admin.patch(course, patch, read.headers["etag"]).status_code

    before = super_admin.get(course).json()
    codes = Counter(
        code for codes in at_once([lambda: [add_one() for _ in range(10)]] * 10) for code in codes
    )
    after = super_admin.get(course).json()
    assert set(codes) <= {200, 412}
    assert codes.total() == 100
    assert after["version"] - before["version"] == codes[200]
    assert after["capacity"] - before["capacity"] == codes[200]


@dataclass(frozen=True)
class Update:
    """A statement that changes a thing with a version, and the locks by which it finds out that it was late."""

    name: str
    keys: tuple[str, ...]
    patch: Any
    locks: tuple[str, ...]
    who: str = "super_admin"

    def __str__(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        return load_query(self.name).text

    def arguments(self, school: School) -> tuple[Any, ...]:
        token = token_hash(token_for(self.who))
        return (token, *(school.own[key] for key in self.keys), 1, json.dumps(self.patch))


UPDATES = [
    Update("courses/update_course", ("course_id",), {"title": "New"}, ("courses",)),
    Update("materials/update_material", ("material_id",), {"title": "New"}, ("materials",)),
    Update("quizzes/update_quiz", ("quiz_id",), {"title": "New"}, ("quizzes",)),
    Update("terms/update_term", ("term_id",), {"title": "New"}, ("terms",)),
    Update("users/update_user", ("user_id",), {"full_name": "New"}, ("users",)),
    Update("users/update_settings", ("user_id",), {"theme": "dark"}, ("users",)),
    Update(
        "enrollments/update_enrollment",
        ("course_id", "student_id"),
        {"state": "completed"},
        ("courses", "enrollments"),
    ),
    Update(
        "attempts/update_attempt", ("attempt_id",), {"answers": {"q1": True}}, ("attempts",), who="student"
    ),
]


def _second_of_two(database: TestDatabase, statement: str, arguments: tuple[Any, ...]) -> Any:
    """Two patches of one version, the second sent before the first is committed: what the second gets."""
    got: list[Any] = []

    def patch(connection: psycopg.Connection[Any]) -> None:
        with psycopg.RawCursor(connection) as cursor:
            cursor.execute(statement.encode(), arguments)
            got.append(cursor.fetchone())

    with psycopg.connect(database.admin_url) as first, psycopg.connect(database.admin_url) as second:
        patch(first)
        waiting = threading.Thread(target=patch, args=(second,))
        waiting.start()
        _wait_for_lock(database, second.info.backend_pid)
        first.commit()
        waiting.join()
    return got[1]


def _wait_for_lock(database: TestDatabase, pid: int) -> None:
    with psycopg.connect(database.admin_url, autocommit=True) as watcher:
        waits = "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and pid = %s)"
        while watcher.execute(waits, (pid,)).fetchone() != (True,):
            pass


@pytest.mark.parametrize("update", UPDATES, ids=str)
def test_the_loser_of_a_race_is_told_the_version_that_won(
    module_database: TestDatabase, school: School, update: Update
) -> None:
    document, found = _second_of_two(module_database, update.text, update.arguments(school))
    assert (document, found) == (None, 2)


@pytest.mark.parametrize("update", UPDATES, ids=str)
def test_without_the_lock_the_loser_is_told_the_version_that_it_sent_or_writes_over_the_winner(
    module_database: TestDatabase, school: School, update: Update
) -> None:
    text = update.text
    for table in update.locks:
        text, found_locks = re.subn(f"    for (no key )?update of {table}\n", "", text)
        assert found_locks == 1
    document, found = _second_of_two(module_database, text, update.arguments(school))
    assert document is not None or found == 1
