"""Accounts: made, changed, closed and reopened."""

from typing import Any

import httpx
import pytest

from tests.http.support import Client, blamed, refusal
from tests.support.school import PASSWORD, School, address_of, name_of

pytestmark = pytest.mark.usefixtures("restored")

NEW = {"email": "New.Person@School.example", "full_name": " \t New Person\u00a0\n", "role": "student"}


@pytest.fixture
def student(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "student")


@pytest.fixture
def account(school: School) -> str:
    """The address of student's account."""
    return f"/users/{school.own['user_id']}"


def login(service: httpx.Client, email: str, password: str = PASSWORD) -> int:
    return service.post("/auth/login", json={"email": email, "password": password}).status_code


def test_an_account_is_shown_as_it_is_kept(super_admin: Client) -> None:
    answer = super_admin.post("/users", NEW)
    assert answer.status_code == 201
    user = answer.json()
    assert answer.headers["location"] == f"/users/{user['id']}"
    assert user == {
        "id": user["id"],
        "email": "new.person@school.example",
        "full_name": "New Person",
        "role": "student",
        "active": True,
        "deactivated_at": None,
        "version": 1,
        "created_at": user["created_at"],
        "updated_at": user["created_at"],
    }
    read = super_admin.get(answer.headers["location"])
    assert (read.content, read.headers["etag"]) == (answer.content, answer.headers["etag"])


@pytest.mark.parametrize("role", ["student", "lecturer", "super_admin"])
def test_there_are_accounts_of_three_roles(super_admin: Client, role: str) -> None:
    assert super_admin.post("/users", NEW | {"role": role}).json()["role"] == role


def test_its_owner_changes_the_name_and_everybody_sees_it(
    student: Client, lecturer: Client, account: str, course: str
) -> None:
    changed = student.patch(account, {"full_name": "Another Name"}, '"1"')
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert student.get("/auth/me").json()["full_name"] == "Another Name"
    shown = lecturer.get(f"{course}/enrollments/{account.rpartition('/')[2]}")
    assert shown.json()["student"]["full_name"] == "Another Name"


@pytest.mark.parametrize("name", ["email", "full_name", "role", "active"])
def test_null_clears_nothing_of_an_account(super_admin: Client, account: str, name: str) -> None:
    answer = super_admin.patch(account, {name: None})
    assert (answer.status_code, blamed(answer)) == (422, [f"/{name}"])


PATCHES: list[tuple[str, Any, str, Any]] = [
    ("email", " NEW@School.example ", "email", "new@school.example"),
    ("full_name", " Another Name ", "full_name", "Another Name"),
    ("role", "student", "role", "student"),
    ("active", True, "active", True),
]


@pytest.mark.parametrize(("name", "value", "shown", "kept"), PATCHES)
def test_a_patch_changes_what_it_names_and_nothing_else(
    super_admin: Client, account: str, name: str, value: Any, shown: str, kept: Any
) -> None:
    before = super_admin.get(account).json()
    after = super_admin.patch(account, {name: value}).json()
    assert after == before | {shown: kept, "version": 2, "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]


def test_an_address_that_is_changed_is_the_one_to_log_in_with(
    super_admin: Client, service: httpx.Client, account: str
) -> None:
    assert super_admin.patch(account, {"email": "moved@school.example"}).status_code == 200
    assert login(service, "moved@school.example") == 200
    assert login(service, address_of("student")) == 401


def test_a_new_role_holds_from_the_next_request_on(
    super_admin: Client, service: httpx.Client, school: School, lecturer: Client
) -> None:
    course = {"code": "NEW", "title": "New", "term_id": str(school.own["term_id"]), "capacity": 5}
    newcomer = f"/users/{school.people['newcomer']}"
    token = service.post("/auth/login", json={"email": address_of("newcomer"), "password": PASSWORD}).json()[
        "access_token"
    ]
    bearer = {"Authorization": f"Bearer {token}"}
    assert service.post("/courses", json=course, headers=bearer).status_code == 404
    assert super_admin.patch(newcomer, {"role": "lecturer"}).json()["role"] == "lecturer"
    made = service.post("/courses", json=course, headers=bearer)
    assert (made.status_code, made.json()["lecturer"]["full_name"]) == (201, name_of("newcomer"))
    assert refusal(super_admin.patch(newcomer, {"role": "student"})) == (
        409,
        "courses_lecturer_id_fk",
        ["/role"],
    )
    assert lecturer.get(made.headers["location"]).status_code == 404


def test_an_administrator_may_say_again_what_is_so_about_themself(
    super_admin: Client, school: School
) -> None:
    account = f"/users/{school.people['super_admin']}"
    answer = super_admin.patch(account, {"role": "super_admin", "active": True, "full_name": "Boss"})
    assert (answer.status_code, answer.json()["full_name"]) == (200, "Boss")


def test_a_closed_account_says_since_when_and_closing_it_again_changes_nothing_of_that(
    super_admin: Client, account: str
) -> None:
    closed = super_admin.patch(account, {"active": False}).json()
    assert (closed["active"], closed["deactivated_at"]) == (False, closed["updated_at"])
    again = super_admin.patch(account, {"active": False}).json()
    assert again["deactivated_at"] == closed["deactivated_at"]
    reopened = super_admin.patch(account, {"active": True}).json()
    assert (reopened["active"], reopened["deactivated_at"]) == (True, None)


def test_who_is_closed_is_still_found(super_admin: Client) -> None:
    (found,) = super_admin.get("/users?email=closed_student").json()["items"]
    assert (found["email"], found["active"]) == (address_of("closed_student"), False)
    everybody = super_admin.get("/users?limit=100").json()["items"]
    assert {user["email"] for user in everybody if not user["active"]} == {
        address_of("closed_student"),
        address_of("disabled"),
    }
