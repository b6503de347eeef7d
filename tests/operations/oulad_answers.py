"""What the service answers about the dataset, in the terms of tests/operations/oulad_expected.py.

Numbers are read as they are written (Decimal), so that none is near enough.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import psycopg

from api.passwords import HASHER
from tests.cli.support import PASSWORD
from tests.operations.oulad_expected import Grade, Performance, Risk


@dataclass(frozen=True)
class Reader:
    """Somebody who is logged in, and only reads."""

    service: httpx.Client
    headers: dict[str, str]

    def get(self, address: str) -> Any:
        answer = self.service.get(address, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text, parse_float=Decimal)

    def pages(self, address: str, limit: int = 100) -> list[Any]:
        """All pages of a list, by its cursors: as many items as it says there are."""
        found: list[Any] = []
        cursor = ""
        while True:
            page = self.get(f"{address}?limit={limit}&count=true{cursor}")
            assert len(page["items"]) == limit or page["next"] is None
            found.append(page)
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        number = sum(len(page["items"]) for page in found)
        assert {(page["total"], page["total_is_lower_bound"]) for page in found} == {(number, False)}
        return found

    def items(self, address: str, limit: int = 100) -> list[Any]:
        """Those of all pages."""
        return [item for page in self.pages(address, limit) for item in page["items"]]


@contextmanager
def logged_in(admin: psycopg.Connection[Any], service: httpx.Client, email: str) -> Iterator[Reader]:
    """Somebody who has a password for as long as the context lasts."""
    admin.execute("update lms.users set password_hash = %s where email = %s", (HASHER.hash(PASSWORD), email))
    try:
        login = service.post("/auth/login", json={"email": email, "password": PASSWORD})
        assert login.status_code == 200, login.text
        yield Reader(service, {"Authorization": f"Bearer {login.json()['access_token']}"})
    finally:
        admin.execute("update lms.users set password_hash = '!' where email = %s", (email,))


def weeks_of(course: dict[str, Any]) -> dict[int, Performance]:
    """By the week, in order, what a student has reached on a course that has no syllabus."""
    assert {week["topic"] for week in course["weeks"]} <= {None}
    return {
        week["week_number"]: Performance(
            attempts=week["attempts"],
            best_score=week["best_score"],
            last_score=week["last_score"],
            average_score=week["average_score"],
            mastery=week["mastery"],
        )
        for week in course["weeks"]
    }


def grades_of(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Grade]:
    """By the title of a quiz, in order."""
    return {
        titles[grade["quiz_id"]]: Grade(
            share=grade["share"],
            attempts=grade["attempts"],
            awaiting_review=grade["awaiting_review"],
            state=grade["state"],
        )
        for grade in row["grades"]
    }


def risk_of(item: dict[str, Any]) -> Risk:
    """The numbers of a student at risk, and which of them are reasons."""
    numbers = {name: value for name, value in item.items() if name not in {"student", "reasons"}}
    return Risk(**numbers, reasons=tuple(item["reasons"]))
