"""Preferences: a merge patch (RFC 7396) of an object whose fields are known."""

import json
from collections import Counter
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from tests.http.support import Client, at_once, blamed, one
from tests.support.school import School

pytestmark = pytest.mark.usefixtures("restored")


@pytest.fixture
def student(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "student")


@pytest.fixture
def address(school: School) -> str:
    """The address of student's preferences."""
    return f"/users/{school.own['user_id']}/settings"


def test_whoever_chose_nothing_has_nothing_but_defaults(student: Client, address: str) -> None:
    answer = student.get(address)
    assert (answer.json(), answer.headers["etag"][:3]) == ({}, '"1.')


MERGES: list[tuple[list[Any], Any]] = [
    ([{"language": "de"}], {"language": "de"}),
    ([{"language": "de"}, {"theme": "dark"}], {"language": "de", "theme": "dark"}),
    ([{"language": "de"}, {"language": "pt-BR"}], {"language": "pt-BR"}),
    ([{"language": "de", "theme": "dark"}, {"language": None}], {"theme": "dark"}),
    ([{"language": None}], {}),
    ([{}], {}),
    ([{"notifications": {}}], {"notifications": {}}),
    ([{"notifications": {"digest": "never"}}], {"notifications": {"digest": "never"}}),
    (
        [{"notifications": {"digest": "never"}}, {"notifications": {"quizzes": False}}],
        {"notifications": {"digest": "never", "quizzes": False}},
    ),
    (
        [{"notifications": {"digest": "never", "quizzes": False}}, {"notifications": {"digest": None}}],
        {"notifications": {"quizzes": False}},
    ),
    ([{"notifications": {"digest": "never", "enrollments": None}}], {"notifications": {"digest": "never"}}),
    ([{"notifications": {"digest": "never"}, "theme": "light"}, {"notifications": None}], {"theme": "light"}),
    (
        [{"language": "zh-Hant-TW", "timezone": "America/Argentina/Buenos_Aires", "theme": "system"}],
        {"language": "zh-Hant-TW", "timezone": "America/Argentina/Buenos_Aires", "theme": "system"},
    ),
    ([{"timezone": "Etc/GMT+5", "language": "es-419"}], {"timezone": "Etc/GMT+5", "language": "es-419"}),
]


@pytest.mark.parametrize(("patches", "kept"), MERGES, ids=lambda value: json.dumps(value)[:70])
def test_patches_go_in_field_by_field_and_null_takes_one_out(
    student: Client, address: str, patches: list[Any], kept: Any
) -> None:
    for number, patch in enumerate(patches, start=1):
        answer = student.patch(address, patch, f'"{number}"')
        assert answer.status_code == 200, answer.text
    assert answer.json() == kept
    read = student.get(address)
    assert (read.content, read.headers["etag"]) == (answer.content, answer.headers["etag"])


@pytest.mark.parametrize(
    ("patch", "pointers"),
    [
        ({"language": "english"}, ["/language"]),
        ({"timezone": "Middle-earth/Shire"}, ["/timezone"]),
        ({"theme": "pink"}, ["/theme"]),
        ({"notifications": {"digest": "hourly"}}, ["/notifications/digest"]),
        ({"notifications": {"quizzes": "no"}}, ["/notifications/quizzes"]),
        ({"notifications": False}, ["/notifications"]),
        ({"colour": "red"}, ["/colour"]),
        ({"colour": None}, ["/colour"]),
        ({"notifications": {"sms": True, "a/b~c": True}}, ["/notifications/sms", "/notifications/a~1b~0c"]),
        ({"theme": "dark", "language": "x", "timezone": "y"}, ["/language", "/timezone"]),
    ],
    ids=json.dumps,
)
def test_what_is_no_preference_is_refused_by_name_and_nothing_is_kept(
    student: Client, address: str, patch: Any, pointers: list[str]
) -> None:
    answer = student.patch(address, patch)
    assert (answer.status_code, blamed(answer)) == (422, pointers)
    assert student.get(address).json() == {}


def test_preferences_and_profile_have_versions_of_their_own(
    student: Client, address: str, school: School
) -> None:
    profile = f"/users/{school.own['user_id']}"
    tag = student.get(profile).headers["etag"]
    assert student.patch(address, {"theme": "dark"}, '"1"').headers["etag"].startswith('"2.')
    assert student.get(profile).headers["etag"] == tag
    assert student.patch(profile, {"full_name": "New"}, tag).status_code == 200
    assert student.get(address).headers["etag"].startswith('"2.')


def test_what_is_chosen_at_once_is_all_kept(
    student: Client, super_admin: Client, address: str, admin: psycopg.Connection[Any], school: School
) -> None:
    """A merge patch with `*` overwrites nothing that it does not name, however many come at the same time."""
    patches = [
        {"theme": "dark"},
        {"language": "de"},
        {"timezone": "UTC"},
        {"notifications": {"quizzes": False}},
        {"notifications": {"digest": "daily"}},
        {"notifications": {"enrollments": False}},
    ]
    works = [partial(client.patch, address, patch) for patch in patches for client in (student, super_admin)]
    assert Counter(answer.status_code for answer in at_once(works)) == {200: 12}
    assert student.get(address).json() == {
        "theme": "dark",
        "language": "de",
        "timezone": "UTC",
        "notifications": {"quizzes": False, "digest": "daily", "enrollments": False},
    }
    version = "select settings_version from lms.users where user_id = %s"
    assert one(admin, version, (school.own["user_id"],)) == 13
