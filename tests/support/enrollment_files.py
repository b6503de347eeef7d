"""CSV files of people with defects that are known: what is wrong is decided first, and then written.

The oracle of the import: it knows of each line what must be said about it, since it made it so.
"""

import csv
import io
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from tests.support.school import School

FREE_SEATS_TOO_FEW: Final = 14
"""Lines of a defective file for which no seat is left."""

KINDS: Final[dict[str, tuple[str | None, str]]] = {
    "too few cells": (None, "The line has 2 cells, and the header 3."),
    "too many cells": (None, "The line has 4 cells, and the header 3."),
    "no address": ("email", "The address is missing."),
    "no such address": ("email", "{anything}"),
    "a long address": ("email", "An address has at most 254 characters."),
    "nameless": ("full_name", "There is no account with this address yet: give the name of the person."),
    "a long name": ("full_name", "A name has at most 200 characters."),
    "a control character": (
        "full_name",
        "A cell cannot hold control characters, such as a line break or NUL.",
    ),
    "several lines": ("full_name", "A cell cannot hold control characters, such as a line break or NUL."),
    "no UTF-8": ("full_name", "This is not UTF-8: save the file in that encoding."),
    "no such state": ("state", "Use active or invited."),
    "twice": ("email", "This address is in line {first} already."),
    "unknown": ("email", "There is no account with this address: invite it."),
    "a lecturer": ("email", "This address belongs to somebody who is no student."),
    "closed": ("email", "The account with this address is closed."),
    "dropped": (
        "email",
        "This student has dropped the course: change the state of their enrolment to bring them back.",
    ),
    "no CSV": (None, "Behind a closing quotation mark a comma or the end of the line is missing."),
    "full": (None, "There is no seat left for this line: the course has {seats} free."),
}
"""What can be wrong with a line: the column, and what is said. `{anything}` is the reason that a library gives."""

_LONG: Final = f"{'x' * 60}@{'y' * 60}.{'z' * 60}.{'y' * 60}.{'z' * 60}.example"
_CELLS: Final[dict[str, tuple[str, list[str]]]] = {
    "no address": ("email", ["", " "]),
    "no such address": (
        "email",
        ["nobody", "@school.example", "some body@x.example", "a@b@c.example", "a..b@x.example", "a@x"],
    ),
    "a long address": ("email", [_LONG]),
    "nameless": ("full_name", ["", "  "]),
    "a long name": ("full_name", ["n" * 201, "n" * 400]),
    "a control character": ("full_name", [f"Bad{chr(code)}Name" for code in (0, 1, 7, 9, 27, 127, 133)]),
    "several lines": ("full_name", [f"Bad{end * n}Name" for end in ("\n", "\r\n", "\r") for n in (1, 2, 3)]),
    "no UTF-8": ("full_name", ["B\udcfcrger"]),
    "no such state": ("state", ["", "dropped", "Active", "completed", "aktiv", "1"]),
    "unknown": ("state", ["active"]),
}
"""What stands in one cell of such a line."""
_PEOPLE: Final = {
    "a lecturer": "teacher-{}@pupils.example",
    "closed": "Closed-{}@pupils.example",
    "dropped": "dropped-{}@Pupils.Example",
}
"""Whose line it is."""
_NAMES: Final = (
    "Lena Vogel",
    'Jo "J" Ng',
    "Vogel, Lena",
    "Zoë Ångström",
    "=cmd|' /C calc'!A0",
    "O'Neil",
    "李雷",
)

KNOWN: Final = 3_000
EACH: Final = 30
"""Lecturers, closed accounts, and students who dropped the course."""
THERE: Final = 600
"""Of the known students, those who are on the course: two thirds active, one third invited."""

FILL: Final = """
insert into lms.users (email, full_name, role, password_hash)
select
    kind || '-' || n || '@pupils.example',
    'Known ' || n,
    case when kind = 'teacher' then 'lecturer' else 'student' end,
    '!'
from (values ('known', 3000), ('teacher', 30), ('closed', 30), ('dropped', 30)) as kinds (kind, number)
cross join lateral generate_series(0, number - 1) as n;
update lms.users set deactivated_at = now() where email like 'closed-%@pupils.example';
"""
ENROLL: Final = """
with course as (
    update lms.courses
    set capacity = 100000, seats_taken = 600
    where course_id = %s
    returning course_id
)
insert into lms.student_enrollments (student_id, course_id, state)
select
    user_id,
    course_id,
    case
        when email like 'dropped-%%' then 'dropped'
        when split_part(split_part(email, '@', 1), '-', 2)::integer %% 3 = 2 then 'invited'
        else 'active'
    end
from lms.users
cross join course
where
    email like 'dropped-%%@pupils.example'
    or (email like 'known-%%@pupils.example' and split_part(split_part(email, '@', 1), '-', 2)::integer < 600)
"""


@dataclass
class Row:
    """A line that is to be written."""

    email: str
    full_name: str
    state: str
    kind: str | None = None
    """The defect, by its name in KINDS."""
    twin: "Row | None" = None
    """The line that has the same address."""
    line: int = 0


@dataclass
class EnrollmentFile:
    """A file, and what has to be said about it."""

    content: bytes
    defects: dict[tuple[int, str | None], str] = field(default_factory=dict)
    """The sentence by line and column."""
    outcomes: Counter[str] = field(default_factory=Counter)
    accounts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    capacity: int = 100_000
    """With which the lines without a seat are without one."""
    lines: int = 0


def people_for_files(connection: psycopg.Connection[Any], school: School) -> None:
    """Add those whom the files are about: students, some of them on lecturer's empty course, and others."""
    connection.execute(FILL)
    connection.execute(ENROLL, (school.own["empty_course_id"],))


def make_files(seed: int, lines: int, defects: int) -> tuple[EnrollmentFile, EnrollmentFile]:
    """A file with so many lines and defects, and the same with the defective lines mended or left out."""
    randomly = random.Random(seed)  # noqa: S311 - nothing secret
    rows = _good_rows(randomly, lines - defects + FREE_SEATS_TOO_FEW)
    good = list(rows)
    others = [kind for kind in KINDS if kind != "full"]
    for number in range(defects - FREE_SEATS_TOO_FEW):
        kind = others[number % len(others)]
        # Not before the line whose address it repeats.
        at = randomly.randint(len(rows) // 2, len(rows))
        rows.insert(at, _bad_row(randomly, kind, number, good[: len(good) // 4]))
    needing = [row for row in rows if row.kind is None and _needs_seat(row)]
    for row in needing[-FREE_SEATS_TOO_FEW:]:
        row.kind = "full"
    seats = len(needing) - FREE_SEATS_TOO_FEW
    broken = _write(randomly, rows, seats)
    mended = _write(randomly, [row for row in rows if row.kind is None], seats)
    return broken, mended


def _good_rows(randomly: random.Random, number: int) -> list[Row]:
    known = randomly.sample(range(KNOWN), min(KNOWN, number // 2))
    rows = [
        Row(
            f"known-{n}@pupils.example",
            randomly.choice([*_NAMES, ""]),
            randomly.choice(["active", "invited"]),
        )
        for n in known
    ]
    rows += [
        Row(f"new-{n}@pupils.example", randomly.choice(_NAMES), "invited") for n in range(number - len(rows))
    ]
    randomly.shuffle(rows)
    return rows


def _bad_row(randomly: random.Random, kind: str, number: int, earlier: list[Row]) -> Row:
    row = Row(f"bad-{number}@pupils.example", "Bad", "invited", kind)
    if kind == "twice":
        row.twin = randomly.choice(earlier)
        row.email = f" {row.twin.email.upper()} "
    elif kind in _PEOPLE:
        row.email = _PEOPLE[kind].format(number % EACH)
    elif kind in _CELLS:
        column, choices = _CELLS[kind]
        setattr(row, column, randomly.choice(choices))
    return row


def _place(row: Row) -> int:
    """The number of a known student; of others one that is on no course."""
    kind, _, number = row.email.partition("@")[0].partition("-")
    return int(number) if kind == "known" else KNOWN


def _needs_seat(row: Row) -> bool:
    return _place(row) >= THERE


def _outcome(row: Row) -> str:
    if not _needs_seat(row) and (row.state == "invited" or _place(row) % 3 != 2):
        return "unchanged"
    return "enrolled" if row.state == "active" else "invited"


def _write(randomly: random.Random, rows: list[Row], seats: int) -> EnrollmentFile:
    columns = ["email", "full_name", "state"]
    randomly.shuffle(columns)
    end = randomly.choice(["\r\n", "\n"])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    quoting = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    line = 2
    file = EnrollmentFile(b"", lines=len(rows), capacity=seats + THERE)
    for row in rows:
        if randomly.random() < 0.01:
            text.write(end)
            line += 1
        row.line = line
        cells = [getattr(row, column) for column in columns]
        match row.kind:
            case "too few cells":
                cells.pop()
            case "too many cells":
                cells.append("more")
        before = text.tell()
        if row.kind == "no CSV":
            text.write(f'"{row.email}"x,y,z{end}')
        else:
            # A carriage return alone is a line end to whoever reads, and not to Python's writer.
            (quoting if row.kind == "several lines" else writer).writerow(cells)
        written = text.getvalue()[before:] if row.kind == "several lines" else ""
        line += len(re.findall("\r\n|\r|\n", written)) if written else 1
        if row.kind is None:
            file.outcomes[_outcome(row)] += 1
            file.accounts += row.email.startswith("new-")
            continue
        column, sentence = KINDS[row.kind]
        file.kinds[row.kind] += 1
        file.defects[row.line, column] = sentence.format(
            anything="{anything}", seats=seats, first=row.twin.line if row.twin else ""
        )
    bom = randomly.choice([b"", b"\xef\xbb\xbf"])
    file.content = bom + text.getvalue().encode(errors="surrogateescape")
    return file
