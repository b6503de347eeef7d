"""However an address is spelt, it is one account: also for those who come at the same time."""

from collections import Counter
from functools import partial
from itertools import cycle, islice
from typing import Any

import httpx
import psycopg
import pytest

from tests.http.support import Client, at_once, one, refusal
from tests.models.test_email import SPELLINGS
from tests.support.school import School

pytestmark = pytest.mark.usefixtures("restored")

TAKEN = (409, "users_email_uq", ["/email"])


def person(email: str) -> dict[str, str]:
    return {"email": email, "full_name": "Lena Vogel", "role": "student"}


@pytest.mark.parametrize("address", SPELLINGS, ids=ascii)
def test_spellings_of_one_address_are_one_account(
    super_admin: Client, admin: psycopg.Connection[Any], school: School, address: str
) -> None:
    first, *others = (*SPELLINGS[address], address)
    made = super_admin.post("/users", person(first))
    assert (made.status_code, made.json()["email"]) == (201, address)
    for spelt in others:
        assert refusal(super_admin.post("/users", person(spelt))) == TAKEN, ascii(spelt)
        moved = super_admin.patch(f"/users/{school.people['newcomer']}", {"email": spelt})
        assert refusal(moved) == TAKEN, ascii(spelt)
        # To say one's own address in another way is no conflict.
        same = super_admin.patch(made.headers["location"], {"email": spelt})
        assert (same.status_code, same.json()["email"]) == (200, address)
    assert one(admin, "select count(*) from lms.users where email = %s", (address,)) == 1


@pytest.mark.parametrize("address", SPELLINGS, ids=ascii)
def test_a_login_and_an_enrolment_find_an_account_by_any_spelling(
    service: httpx.Client, super_admin: Client, course: str, address: str
) -> None:
    made = super_admin.post("/users", person(address)).headers["location"]
    super_admin.put(f"{made}/password", {"new_password": "a sentence is fine"})
    spellings = (address, *SPELLINGS[address])
    for spelt in spellings:
        credentials = {"email": spelt, "password": "a sentence is fine"}
        assert service.post("/auth/login", json=credentials).status_code == 200, ascii(spelt)
    found = super_admin.post(f"{course}/enrollments", {"email": spellings[-1]})
    assert (found.status_code, found.json()["student"]["email"]) == (201, address)


@pytest.mark.parametrize("address", ["lena.vogel@school.example", "lena@xn--bcher-kva.example"])
def test_of_fifty_who_make_one_account_at_once_one_does(
    super_admin: Client, admin: psycopg.Connection[Any], address: str
) -> None:
    spellings = list(islice(cycle((address, *SPELLINGS[address])), 50))
    answers = at_once([partial(super_admin.post, "/users", person(spelt)) for spelt in spellings])
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 49}
    assert all(refusal(answer) == TAKEN for answer in answers if answer.status_code == 409)
    assert one(admin, "select count(*) from lms.users where email = %s", (address,)) == 1
    made = one(admin, "select user_id from lms.users where email = %s", (address,))
    assert one(admin, "select count(*) from lms.audit_events where user_id = %s", (made,)) == 1


def test_looked_for_first_and_then_made_an_account_is_made_twice(admin: psycopg.Connection[Any]) -> None:
    """The control: a table like that of the users, where no constraint decides, and two who look first."""
    admin.execute("create table public.people (like lms.users including defaults)")
    look = "select count(*) from public.people where email = 'lena@school.example'"
    make = (
        "insert into public.people (email, full_name, role, password_hash) "
        "values ('lena@school.example', 'Lena Vogel', 'student', '!')"
    )
    dsn = admin.info.dsn
    try:
        with psycopg.connect(dsn) as first, psycopg.connect(dsn) as second:
            assert [one(connection, look) for connection in (first, second)] == [0, 0]
            for connection in (first, second):
                connection.execute(make)
        assert one(admin, look) == 2
    finally:
        admin.execute("drop table public.people")
