"""Addresses and methods that there are not, and what stands in every answer."""

import httpx
import pytest

from tests.http.support import Client


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/nothing",
        "/courses/x/y/z",
        "/docs/nothing",
        "/docs/..%2f..%2fREADME.md",
        "/schema/nothing",
        "/schema/openapi.yaml",
        "/admin",
    ],
)
def test_an_unknown_address_is_a_problem(service: httpx.Client, lecturer: Client, address: str) -> None:
    for headers in ({}, lecturer.headers):
        answer = service.get(address, headers=headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:lms:problem:not-found"
        assert answer.json()["detail"] == "There is nothing at this address."


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("DELETE", "/terms", {"GET", "POST"}),
        ("PATCH", "/courses", {"GET", "POST"}),
        ("POST", "/courses/0190a000-0000-7000-8000-000000000000", {"GET", "PATCH", "DELETE"}),
        ("DELETE", "/users/0190a000-0000-7000-8000-000000000000", {"GET", "PATCH"}),
        ("GET", "/users/0190a000-0000-7000-8000-000000000000/password", {"PUT"}),
        ("PUT", "/audit", {"GET"}),
        ("GET", "/auth/login", {"POST"}),
        ("TRACE", "/auth/me", {"GET"}),
        ("POST", "/health/live", {"GET"}),
    ],
)
def test_a_method_that_is_not_taken_is_told_which_are(
    service: httpx.Client, method: str, address: str, allowed: set[str]
) -> None:
    answer = service.request(method, address)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert {found.strip() for found in answer.headers["allow"].split(",")} - {"OPTIONS"} == allowed


def test_a_problem_is_not_kept_by_caches(service: httpx.Client) -> None:
    for address in ("/nothing", "/auth/me"):
        assert service.get(address).headers["cache-control"] == "no-store"


def test_nothing_of_the_host_comes_back(lecturer: Client, course: str) -> None:
    for answer in (
        lecturer.get("/courses", Host="evil.example"),
        lecturer.get(course, **{"Host": "evil.example", "X-Forwarded-Host": "evil.example"}),
        lecturer.get("/nothing", Host="evil.example"),
    ):
        assert "evil.example" not in answer.text + str(answer.headers)
