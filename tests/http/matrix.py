"""Who may do what: for every route, what each kind of principal is answered.

The table is the specification. A cell holds the status of the principal's request with an id of the course
that `lecturer` teaches, of the course that `other_lecturer` teaches, and one that nothing has; for a list also
how many items it shows. `<lecturer_id>` puts that id into the body, `own.` keeps an id to lecturer's. Whoever is
not let in at all (`LOCKED_OUT`) is answered 401 everywhere.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from string import Formatter
from typing import Any
from uuid import UUID

import httpx

from tests.http.tables import Tables, touched
from tests.support.school import School

LOCKED_OUT = ("nobody", "unknown_token", "expired", "idle", "revoked", "disabled")
LET_IN = ("student", "lecturer", "other_lecturer", "super_admin")
WHOSE = ("own", "foreign", "absent")

TABLE = """
                                                    student      lecturer     other_lecturer  super_admin
POST   /auth/logout                                 204          204          204             204
GET    /auth/me                                     200          200          200             200

GET    /terms                                       200/1        200/1        200/1           200/1
GET    /terms?count=true                            200/1        200/1        200/1           200/1
POST   /terms                                       404          404          404             201
GET    /terms/{term_id}                             200,200,404  200,200,404  200,200,404     200,200,404
PATCH  /terms/{term_id}                             404,404,404  404,404,404  404,404,404     200,200,404
DELETE /terms/{term_id}                             404,404,404  404,404,404  404,404,404     409,409,404

GET    /courses                                     200/0        200/1        200/1           200/2
GET    /courses?count=true                          200/0        200/1        200/1           200/2
GET    /courses?term_id={term_id}                   200/0,200/0,200/0  200/1,200/1,200/0  200/1,200/1,200/0  200/2,200/2,200/0
GET    /courses?term_id={term_id}&count=true        200/0,200/0,200/0  200/1,200/1,200/0  200/1,200/1,200/0  200/2,200/2,200/0
GET    /courses?lecturer_id={lecturer_id}           200/0,200/0,200/0  200/1,200/0,200/0  200/0,200/1,200/0  200/1,200/1,200/0
GET    /courses?lecturer_id={lecturer_id}&term_id={own.term_id}  200/0,200/0,200/0  200/1,200/0,200/0  200/0,200/1,200/0  200/1,200/1,200/0
POST   /courses                                     404          201          201             422
POST   /courses <lecturer_id>                       404,404,404  201,422,422  422,201,422     201,201,422
GET    /courses/{course_id}                         404,404,404  200,404,404  404,200,404     200,200,404
PATCH  /courses/{course_id}                         404,404,404  200,404,404  404,200,404     200,200,404
PATCH  /courses/{own.course_id} <lecturer_id>       404,404,404  200,422,422  404,404,404     200,200,422
DELETE /courses/{course_id}                         404,404,404  204,404,404  404,204,404     204,204,404

GET    /courses/{course_id}/syllabus                404,404,404  200,404,404  404,200,404     200,200,404
PUT    /courses/{course_id}/syllabus                404,404,404  200,404,404  404,200,404     200,200,404
PUT    /courses/{course_id}/syllabus/{week_number}  404,404,404  200,404,404  404,200,404     200,200,404
DELETE /courses/{course_id}/syllabus/{week_number}  404,404,404  200,404,404  404,200,404     200,200,404
"""  # noqa: E501 - a table

PUBLIC = {
    "POST /auth/login": 401,
    "GET /health/live": 200,
    "GET /health/ready": 200,
    "GET /docs": 200,
    "GET /docs/{asset}": 404,
    "GET /schema": 200,
    "GET /schema/{path}": 404,
    "GET /schema/openapi.json": 200,
}
"""Routes that ask for no token, and what everybody is answered by them."""

BODIES: dict[str, dict[str, Any]] = {
    "POST /terms": {
        "code": "2027-SPRING",
        "title": "New",
        "starts_on": "2027-02-01",
        "ends_on": "2027-05-28",
    },
    "PATCH /terms/{term_id}": {"title": "Changed"},
    "POST /courses": {"code": "NEW", "title": "New", "capacity": 5},
    "PATCH /courses/{course_id}": {"title": "Changed"},
    "PUT /courses/{course_id}/syllabus": {"weeks": [{"week_number": 3, "topic": "Changed"}]},
    "PUT /courses/{course_id}/syllabus/{week_number}": {"topic": "Changed"},
    "POST /auth/login": {"email": "lecturer@school.test", "password": "a wrong one"},
}
"""What is sent, for every route that takes a body."""

ABSENT = {
    "course_id": UUID("0190a000-0000-7000-8000-000000000000"),
    "term_id": UUID("0190a000-0000-7000-8000-000000000000"),
    "lecturer_id": UUID("0190a000-0000-7000-8000-000000000000"),
    "week_number": 1,
}


@dataclass(frozen=True)
class Cell:
    status: int
    items: int | None = None


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    method: str
    address: str
    in_body: str | None
    cells: dict[str, tuple[Cell, ...]]

    def __str__(self) -> str:
        return f"{self.method} {self.address}" + (f" <{self.in_body}>" if self.in_body else "")

    @property
    def route(self) -> str:
        """The route, as the application spells it."""
        return f"{self.method} {self.address.partition('?')[0].replace('own.', '')}"

    @property
    def is_write(self) -> bool:
        return self.method != "GET"

    @property
    def whose(self) -> tuple[str, ...]:
        """Whose ids the row is asked with; one, where it holds none."""
        return WHOSE[: max(len(cells) for cells in self.cells.values())]

    def cell(self, principal: str, whose: str) -> Cell:
        return Cell(401) if principal in LOCKED_OUT else self.cells[principal][WHOSE.index(whose)]


def read_table(text: str = TABLE) -> list[Row]:
    header, *lines = [line for line in text.splitlines() if line.strip()]
    principals = header.split()
    rows = []
    for line in lines:
        method, address, *cells = line.split()
        in_body = cells.pop(0).strip("<>") if cells[0].startswith("<") else None
        outcomes = [tuple(map(_cell, cell.split(","))) for cell in cells]
        rows.append(Row(method, address, in_body, dict(zip(principals, outcomes, strict=True))))
    return rows


def _cell(text: str) -> Cell:
    status, _, items = text.partition("/")
    return Cell(int(status), int(items) if items else None)


@dataclass(frozen=True)
class Matrix:
    """The table, asked of a running service."""

    client: httpx.Client
    school: School
    tables: Tables

    def differences(self, row: Row, principal: str) -> list[str]:
        """Where the answers are not what the table says, or show or change what they must not."""
        return list(self._differences(row, principal))

    def _differences(self, row: Row, principal: str) -> Iterator[str]:
        answers: dict[str, httpx.Response] = {}
        for whose in row.whose:
            before = self.tables.rows()
            answer = answers[whose] = self.ask(row, principal, whose)
            changes = touched(before, self.tables.rows())
            if changes:
                self.tables.restore()
            cell = row.cell(principal, whose)
            label = f"{row} by {principal}, {whose}:"
            if answer.status_code != cell.status:
                yield f"{label} {answer.status_code}, not {cell.status}: {answer.text[:200]}"
            if cell.items is not None and answer.status_code == 200:
                yield from self._miscounted(label, cell.items, answer.json())
            for secret in self._hidden_from(principal, answer):
                yield f"{label} shows {secret}"
            if changes and not (row.is_write and answer.is_success):
                yield f"{label} changed {changes}"
            if answer.is_success:
                yield from self._overreaching(label, principal, changes)
        if row.cell(principal, row.whose[-1]).status >= 400 and len(row.whose) > 1:
            yield from self._distinguishable(row, principal, answers)

    def ask(self, row: Row, principal: str, whose: str, **headers: str) -> httpx.Response:
        """Send the request of a row, with ids of the school, of one that no such thing has."""
        ids = self._ids(whose)
        body = BODIES.get(row.route)
        if row.route == "POST /courses":
            body = {**BODIES[row.route], "term_id": str(self.school.own["term_id"])}
        if row.in_body is not None:
            body = {**(body or {}), row.in_body: str(ids[row.in_body])}
        address = row.address.replace("{own.", "{own_").format(**ids, **self._ids("own", "own_"))
        conditions = {"If-Match": "*"} if row.method in ("PATCH", "PUT", "DELETE") else {}
        return self.client.request(
            row.method,
            address,
            json=body,
            headers={**self.school.headers(principal), **conditions, **headers},
        )

    def _ids(self, whose: str, prefix: str = "") -> dict[str, Any]:
        ids = ABSENT if whose == "absent" else getattr(self.school, whose)
        return {prefix + name: value for name, value in ids.items()}

    def _miscounted(self, label: str, expected: int, document: dict[str, Any]) -> Iterator[str]:
        if len(document["items"]) != expected:
            yield f"{label} {len(document['items'])} items, not {expected}"
        if document.get("total", expected) != expected:
            yield f"{label} a total of {document['total']}, not {expected}"

    def _hidden_from(self, principal: str, answer: httpx.Response) -> list[str]:
        """What the answer holds and the principal may not see. `instance` is what they sent themselves."""
        try:
            document = answer.json()
        except ValueError:
            return []
        text = json.dumps({key: value for key, value in document.items() if key != "instance"})
        return [secret for secret in self._secrets(principal) if secret in text]

    def _secrets(self, principal: str) -> list[str]:
        sees = {"lecturer": "own", "other_lecturer": "foreign"}.get(principal)
        hidden = (
            [] if principal == "super_admin" else [whose for whose in ("own", "foreign") if whose != sees]
        )
        return [secret for whose in hidden for secret in self._marks(whose)]

    def _marks(self, whose: str) -> list[str]:
        """What is only found in the rows of one side."""
        teacher = {"own": "lecturer", "foreign": "other_lecturer"}[whose]
        rows = getattr(self.school, whose)
        return [
            str(rows["course_id"]),
            str(rows["lecturer_id"]),
            f'"COURSE-{teacher.upper()}"',
            f'"Taught by {teacher}"',
            f'of {teacher}"',
            f'"{teacher}@school.test"',
        ]

    def _overreaching(self, label: str, principal: str, changes: list[str]) -> Iterator[str]:
        """A write changes what it names: nothing of somebody else's, and one session at most."""
        for secret in self._secrets(principal):
            if any(secret in change for change in changes):
                yield f"{label} changed rows with {secret}"
        changed_tables = Counter(change.partition(" ")[0] for change in changes)
        if changed_tables["sessions"] > 2:
            yield f"{label} changed sessions: {changes}"

    def _distinguishable(self, row: Row, principal: str, answers: dict[str, httpx.Response]) -> Iterator[str]:
        """Whatever is refused like the absent must be told like the absent."""
        absent = _telling(answers["absent"])
        for whose in row.whose:
            if row.cell(principal, whose).status != row.cell(principal, "absent").status:
                continue
            if _telling(answers[whose]) != absent:
                yield f"{row} by {principal}, {whose}: told apart from the absent: {_telling(answers[whose])}"


def _telling(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], Any]:
    """All of an answer but what the request itself brought: the path, and through it the length."""
    headers = sorted((k, v) for k, v in answer.headers.items() if k not in {"date", "content-length"})
    document = answer.json() if answer.content else None
    if isinstance(document, dict):
        document.pop("instance", None)
    return answer.status_code, headers, document


def parameters_of(route: str) -> list[str]:
    """The path parameters of a route."""
    return [name for _, name, _, _ in Formatter().parse(route) if name]


def token_hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
