"""Forged, mangled and stale tokens: 401 each, whatever they look like."""

import base64
import json
from typing import Any

import httpx
import psycopg
import pytest

from tests.http.defects import encoded
from tests.http.matrix import token_hash
from tests.support.school import School, token_for

GOOD = token_for("lecturer")
SECRET = GOOD.removeprefix("lms_")


def _jwt(algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, {"sub": "super_admin", "exp": 9_999_999_999}]
    return ".".join(base64.urlsafe_b64encode(encoded(part)).decode().rstrip("=") for part in parts) + "."


_WRITTEN: list[str | bytes] = [
    # no token at all
    *("", "Bearer", "Bearer null", "Bearer undefined", "Bearer lms_", "lms_", "Bearer 0", "Bearer true"),
    # a good token under another scheme, or none
    *(GOOD, f"Basic {GOOD}", f"Token {GOOD}", f"Digest {GOOD}", f"Bearer:{GOOD}", f"Bearer={GOOD}"),
    *(f"Bearer{GOOD}", f"Bearer\t{GOOD}", f"Bearer, {GOOD}", f"Bearer Bearer {GOOD}", f'Bearer "{GOOD}"'),
    *(f"Basic {base64.b64encode(f'lecturer:{GOOD}'.encode()).decode()}", f"Bearer token={GOOD}"),
    # another length
    *(
        f"Bearer {GOOD}A",
        f"Bearer {GOOD[:-1]}",
        f"Bearer {GOOD}=",
        f"Bearer {GOOD}{GOOD}",
        f"Bearer {GOOD}.",
    ),
    *(f"Bearer lms_{'A' * 42}", f"Bearer lms_{'A' * 44}", f"Bearer lms_{'A' * 10_000}"),
    # another alphabet
    *(f"Bearer lms_{SECRET[:-1]}{sign}" for sign in "+/=.!%*,;'\"\\"),
    b"Bearer lms_" + b"\xc3\xa9" * 21 + b"A",
    b"Bearer lms_" + b"\xff" * 43,
    # another case, prefix or person
    *(
        f"Bearer {GOOD.upper()}",
        f"Bearer lms_{SECRET.upper()}",
        f"Bearer LMS_{SECRET}",
        f"Bearer sk_{SECRET}",
    ),
    *(f"Bearer {SECRET}", f"Bearer lms-{SECRET}", f"Bearer lms_{SECRET[::-1]}", f"Bearer lms_{'0' * 43}"),
    # what is stored instead of what was handed out
    *(f"Bearer {token_hash(GOOD).hex()}", f"Bearer lms_{token_hash(GOOD).hex()}"),
    f"Bearer lms_{base64.urlsafe_b64encode(token_hash(GOOD)).decode().rstrip('=')}",
    # what others would take
    *(
        f"Bearer {_jwt('none')}",
        f"Bearer {_jwt('HS256')}",
        "Bearer ' or true --",
        "Bearer lms_' or '1'='1",
    ),
    # two at once: which of them counts is nobody's guess
    *(f"Bearer {GOOD}, Bearer {GOOD}", f"Bearer {GOOD} {GOOD}", f"Bearer {GOOD};"),
    # no longer alive
    *(f"Bearer {token_for(name)}" for name in ("expired", "idle", "revoked", "disabled", "unknown_token")),
]
HOSTILE = [value if isinstance(value, bytes) else value.encode() for value in _WRITTEN]


def test_there_are_sixty_of_them() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:60])
def test_a_hostile_token_is_no_token(service: httpx.Client, school: School, value: bytes) -> None:
    headers = {b"Authorization": value}
    answers = [
        service.get("/auth/me", headers=headers),
        service.get("/courses?count=true", headers=headers),
        service.delete(f"/courses/{school.own['course_id']}", headers={**headers, b"If-Match": b"*"}),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert not any(SECRET in answer.text for answer in answers)


@pytest.mark.usefixtures("school")
def test_the_good_one_is_taken(service: httpx.Client) -> None:
    for value in (f"Bearer {GOOD}", f"bearer {GOOD}", f"BEARER  {GOOD}"):
        assert service.get("/auth/me", headers={"Authorization": value}).status_code == 200


def test_a_token_twice_is_no_token(service: httpx.Client) -> None:
    value = f"Bearer {GOOD}"
    twice = [("Authorization", value), ("Authorization", value)]
    assert service.get("/auth/me", headers=twice).status_code == 401


def test_a_token_of_a_megabyte_does_not_trouble_the_service(service: httpx.Client, school: School) -> None:
    try:
        answer = service.get("/auth/me", headers={"Authorization": f"Bearer lms_{'A' * 1_000_000}"})
    except httpx.TransportError:
        pass  # the server may cut it off
    else:
        assert 400 <= answer.status_code < 500
    assert service.get("/auth/me", headers=school.headers("lecturer")).status_code == 200


@pytest.mark.usefixtures("school")
def test_a_token_is_read_from_the_header_alone(service: httpx.Client) -> None:
    elsewhere = {"Cookie": f"Authorization=Bearer {GOOD}; token={GOOD}", "X-Authorization": f"Bearer {GOOD}"}
    assert service.get("/auth/me", headers=elsewhere).status_code == 401
    assert service.get(f"/auth/me?access_token={GOOD}").status_code == 401


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ("update lms.sessions set revoked_at = now()", "update lms.sessions set revoked_at = null"),
        (
            "update lms.sessions set created_at = '2020-01-01', expires_at = now()",
            "update lms.sessions set expires_at = now() + interval '1 day'",
        ),
        (
            "update lms.sessions set last_seen_at = now() - idle_timeout",
            "update lms.sessions set last_seen_at = now()",
        ),
        (
            "update lms.users set deactivated_at = now()",
            "update lms.users set deactivated_at = null",
        ),
    ],
    ids=["revoked", "expired", "idle", "deactivated"],
)
def test_the_end_of_a_session_holds_from_the_next_request_on(
    service: httpx.Client, school: School, admin: psycopg.Connection[Any], change: str, back: str
) -> None:
    mine = (school.principals["student"].user_id,)
    for statement, status in ((change, 401), (back, 200)):
        admin.execute(f"{statement} where user_id = %s".encode(), mine)
        assert service.get("/auth/me", headers=school.headers("student")).status_code == status


def test_a_change_of_role_holds_from_the_next_request_on(
    service: httpx.Client, school: School, admin: psycopg.Connection[Any]
) -> None:
    course = f"/courses/{school.own['course_id']}"
    mine = (school.principals["super_admin"].user_id,)
    for role, status in (("student", 404), ("super_admin", 200)):
        admin.execute("update lms.users set role = %s where user_id = %s", (role, *mine))
        assert service.get(course, headers=school.headers("super_admin")).status_code == status
        me = service.get("/auth/me", headers=school.headers("super_admin"))
        assert json.loads(me.content)["role"] == role
