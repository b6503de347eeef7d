"""Searching for people by how a name or an address begins: whom it finds, in which order, page by page."""

import re
import unicodedata
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.http.support import Client
from tests.support.school import School, address_of

NAMES = [
    "\u00c5ngstr\u00f6m, Anders",
    "angstrom, anna",
    "A\u030angstro\u0308m, Asta",
    "Zo\u00eb",
    "zoe",
    "ZOE",
    "zoo",
    "\u0179ukowska",
    "100% Sure",
    "100 Percent",
    "under_score",
    "underXscore",
    "back\\slash",
    "O'Neil",
    "\u00dc\u00f1\u00edc\u00f3d\u00e9",
    "\uffffEnd",
    "\U0001f600 Smile",
    "\U0001f601 Grin",
    "\U00010348othic",
    "\u8c48 K\u00e9",
    "\u738b\u5c0f\u660e",
    "\u041b\u0435\u043d\u0430",
    "\ud55c\uc9c0\ubbfc",
    "\U0001d518nity",
    "\u2116 One",
    "\u0130nci",
    "null",
]
"""Accents composed and apart, signs that mean something to a pattern, letters that stand for others, and characters
beyond the BMP."""


def folded(name: str) -> str:
    """As one types it who looks for it."""
    decomposed = unicodedata.normalize("NFKD", name).lower()
    return "".join(sign for sign in decomposed if not "\u0300" <= sign <= "\u036f")


@pytest.fixture(scope="module")
def named(admin: psycopg.Connection[Any], school: School) -> list[str]:  # noqa: ARG001 - the others are there too
    """People with these names, each twice and of two roles, in the order in which a search shows them."""
    for number, name in enumerate(NAMES * 2):
        admin.execute(
            "insert into lms.users (email, full_name, role, password_hash) values (%s, %s, %s, '!')",
            (
                f"n{number}_{number % 7}@names.example",
                name,
                "student" if number % 3 else "lecturer",
            ),
        )
    admin.execute(
        "insert into lms.users (email, full_name, role, password_hash) "
        "values ('j\u00f6rg@names.example', 'Q', 'student', '!')"
    )
    people: list[tuple[str, str]] = admin.execute(
        "select full_name, user_id::text from lms.users where email like '%@names.example'"
    ).fetchall()
    return [
        f"{name} {user_id}"
        for name, user_id in sorted(people, key=lambda one: (folded(one[0]).encode(), one[1]))
    ]


def search(client: Client, name: str, limit: int, more: str = "") -> list[str]:
    """All that a search finds, page by page."""
    found, cursor = [], ""
    while True:
        page = client.get(f"/users?name={quote(name)}&limit={limit}{more}{cursor}").json()
        found += [f"{item['full_name']} {item['id']}" for item in page["items"]]
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


PREFIXES = [
    *sorted({name[:length] for name in NAMES for length in (1, 2, 3, len(name))}),
    "%",
    "_",
    "100%",
    "ZO",
]


@pytest.mark.parametrize("prefix", PREFIXES, ids=ascii)
def test_a_search_finds_who_is_called_so_in_the_order_of_bytes(
    super_admin: Client, named: list[str], prefix: str
) -> None:
    wanted = [person for person in named if folded(person).startswith(folded(prefix))]
    others = [person for person in search(super_admin, prefix, 100) if person not in named]
    assert [person for person in search(super_admin, prefix, 100) if person in named] == wanted
    assert all(folded(person).startswith(folded(prefix)) for person in others)
    for limit in (1, 3):
        if len(wanted) + len(others) < 12:
            assert search(super_admin, prefix, limit) == search(super_admin, prefix, 100)


def test_equal_names_page_by_the_age_of_the_account(super_admin: Client, named: list[str]) -> None:
    zoes = [person for person in named if folded(person).startswith("zoe")]
    assert len(zoes) == 6
    for limit in range(1, 7):
        assert search(super_admin, "ZOE", limit) == zoes


def test_a_search_of_one_role_is_that_part_of_the_whole(super_admin: Client, named: list[str]) -> None:
    whole = search(super_admin, "z", 100)
    parts = {
        role: search(super_admin, "z", 2, f"&role={role}") for role in ("student", "lecturer", "super_admin")
    }
    assert len(whole) == 10 <= len(named)
    assert sorted(person for part in parts.values() for person in part) == sorted(whole)
    for part in parts.values():
        assert part == [person for person in whole if person in part]


@pytest.mark.parametrize(
    ("prefix", "pattern"),
    [
        ("n1", r"n1"),
        ("N1", r"n1"),
        ("n1_", r"n1_"),
        ("n1_1@NAMES.example", r"n1_1@names\.example"),
        ("n%", r"n%"),
        ("jo\u0308", "j\u00f6"),
        ("J\u00d6RG@", "j\u00f6rg@"),
        ("n_", r"n_"),
        ("n1_1@names.example\U0010ffff", r"-"),
    ],
    ids=ascii,
)
def test_an_address_is_searched_for_by_how_it_begins(
    super_admin: Client, admin: psycopg.Connection[Any], named: list[str], prefix: str, pattern: str
) -> None:
    assert named
    found = super_admin.get(f"/users?email={quote(prefix)}&limit=100").json()["items"]
    everybody = [email for (email,) in admin.execute("select email from lms.users")]
    assert [user["email"] for user in found] == sorted(
        (email for email in everybody if re.match(pattern, email)), key=str.encode
    )


def test_the_name_null_is_a_name(super_admin: Client, named: list[str]) -> None:
    assert search(super_admin, "null", 5) == [person for person in named if person.startswith("null ")]


def test_a_page_goes_on_where_the_last_person_of_it_is_now(
    super_admin: Client, admin: psycopg.Connection[Any], school: School
) -> None:
    """The cursor is an id; who has another name meanwhile is where that name is."""
    first = super_admin.get("/users?email=classmate&limit=1").json()
    assert first["next"] is None
    page = super_admin.get("/users?role=student&email=c&limit=1").json()
    assert [user["email"] for user in page["items"]] == [address_of("classmate")]
    admin.execute(
        "update lms.users set email = 'czz@school.example' where user_id = %s", (school.people["classmate"],)
    )
    rest = super_admin.get(f"/users?role=student&email=c&limit=1&cursor={page['next']}").json()
    admin.execute(
        "update lms.users set email = %s where user_id = %s",
        (address_of("classmate"), school.people["classmate"]),
    )
    assert rest["items"] == []
