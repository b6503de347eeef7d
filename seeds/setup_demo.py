"""Set up the demo school: accounts, terms, courses with syllabi, materials and quizzes, enrolments, to try it all on.

What is in it stands in demo_school.toml and demo_quizzes.toml, the SQL in sql/demo_school/. An account is found by its
e-mail address, a term and a course by their code, an enrolment by both; what is found is left alone, edits and all,
with its id. So doing it again changes nothing, doing it twice at once does it once, and what was deleted comes back.
The weeks and the materials of a course come with it, and only then; its quizzes come where it has none, and attempts
where nobody has taken a quiz that is as it came.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

if not __package__:
    # Run as a file, from wherever: the rest of the project lies one folder up.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from psycopg.types.json import Jsonb

from api.operations.failures import FailureError, sentence_for
from api.operations.statements import count
from api.operations.targets import connect, owner_address
from api.operations.terminal import Step
from api.passwords import HASHER
from api.settings import Settings
from seeds.production import is_production

_FOLDER: Final = Path(__file__).resolve().parent
_SQL: Final = _FOLDER / "sql"


class Account(NamedTuple):
    """Somebody who can log in to the demo school with DEMO_PASSWORD."""

    email: str
    full_name: str
    role: str


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return tomllib.load(file)


_SCHOOL: Final = _read(_FOLDER / "demo_school.toml")
_QUIZZES: Final = _read(_FOLDER / "demo_quizzes.toml")["quizzes"]

DEMO_PASSWORD: Final = "learn-by-doing-1"  # noqa: S105 - known to everybody, hence the refusal below
DEMO_ACCOUNTS: Final = tuple(Account(**account) for account in _SCHOOL["accounts"])


def seed(url: str, *, force: bool = False, on_progress: Step | None = None) -> None:
    """Set up the demo school in the migrated database of this address, all of it or nothing.

    The address names a superuser, the database's owner or lms_migrate.

    Raises:
        FailureError: the database is for production and `force` is not given, or the account of a demo
            lecturer is no lecturer's.
        psycopg.Error: no connection, no privilege, no schema.
    """
    with connect(url) as connection, connection.transaction():
        if not force and is_production(connection):
            raise FailureError(
                f"The database {connection.info.dbname} is for production, and everybody knows the password "
                "of the demo accounts: none were added. With --force they would be."
            )
        fill(connection, on_progress=on_progress)


def fill(connection: psycopg.Connection[Any], *, on_progress: Step | None = None) -> None:
    """The same on an open connection, for production too, and without a commit."""
    # One hash for all: twenty-four would take half a second, and nobody is protected by the difference.
    password_hash = HASHER.hash(DEMO_PASSWORD)
    steps: Sequence[tuple[str, str, Sequence[object]]] = (
        ("accounts", "add_accounts", [_jsonb(_SCHOOL["accounts"]), password_hash]),
        ("terms", "add_terms", [_jsonb(_SCHOOL["terms"])]),
        ("courses", "add_courses", [_jsonb(_SCHOOL["courses"])]),
        ("enrollments", "add_enrollments", [_jsonb(list(_enrollments()))]),
        ("quizzes", "add_quizzes", [_jsonb(list(_quizzes()))]),
        ("attempts", "add_attempts", [_jsonb(list(_attempts()))]),
        ("grades", "grade_attempts", [sorted({quiz["course"] for quiz in _QUIZZES})]),
    )
    for number, (what, statement, parameters) in enumerate(steps, start=1):
        if on_progress is not None:
            on_progress(what, number, len(steps))
        try:
            count(connection, _SQL, f"demo_school/{statement}", *parameters)
        except psycopg.errors.ForeignKeyViolation:
            raise FailureError(
                "One of lecturer1, lecturer2 and lecturer3@example.edu has an account here that is no "
                "lecturer's, so the demo courses have nobody to teach them."
            ) from None


def main(arguments: Sequence[str] | None = None) -> None:
    """`python seeds/setup_demo.py`, which is `lms seed demo` without an installation."""
    given = _parser().parse_args(arguments)
    try:
        with nullcontext(given.url) if given.url else owner_address(Settings()) as url:
            seed(url, force=given.force)
    except Exception as error:
        sentence = sentence_for(error)
        if sentence is None:
            raise
        raise SystemExit(sentence) from error
    print(f"The demo school is set up. Everybody's password is {DEMO_PASSWORD}.")  # noqa: T201


def _enrollments() -> Iterator[dict[str, Any]]:
    """Who is on which course, one by one."""
    for course in _SCHOOL["courses"]:
        for state, students in course.get("students", {}).items():
            for student in students:
                yield {
                    "course": course["code"],
                    "student": student,
                    "state": state,
                    "days_ago": course["enrolled_days_ago"],
                }


def _quizzes() -> Iterator[dict[str, Any]]:
    """The quizzes, with questions and key apart."""
    for quiz in _QUIZZES:
        key = {each["id"]: {"type": each["type"], **each["key"]} for each in quiz["questions"]}
        settings = {name: value for name, value in quiz.items() if name != "attempts"}
        yield {**settings, "questions": _questions(quiz), "key": key}


def _attempts() -> Iterator[dict[str, Any]]:
    """Who has taken which quiz, one by one."""
    for quiz in _QUIZZES:
        of_quiz = {"course": quiz["course"], "quiz": quiz["title"], "questions": _questions(quiz)}
        for attempt in quiz.get("attempts", []):
            yield of_quiz | attempt


def _questions(quiz: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in each.items() if name != "key"} for each in quiz["questions"]]


def _jsonb(document: object) -> Jsonb:
    # TOML has dates, which JSON spells as text.
    return Jsonb(document, dumps=partial(json.dumps, default=str))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Set up a small demo school to try the service on: an administrator, three lecturers\n"
        "and twenty students, two terms, and six courses with syllabi of 14 weeks, with\n"
        "materials, with students on five of them and quizzes in three.\n\n"
        "What is there already stays as it is, so it can be done again at any time.",
        epilog=f"""\
Examples:
  python seeds/setup_demo.py
  python seeds/setup_demo.py --url postgresql://postgres@localhost:5432/lms

The database has to be migrated (`lms migrate`). Afterwards log in as admin@example.edu,
lecturer1@example.edu to lecturer3@example.edu, or student1@example.edu to student20@example.edu;
everybody's password is {DEMO_PASSWORD}.""",
    )
    parser.add_argument(
        "--url",
        help="address of the database as its owner, an administrator or lms_migrate; by default that of\n"
        "LMS_MIGRATION_URL or LMS_DATABASE_URL, or else the database that `lms up` keeps",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="even where the database is for production; everybody knows the password of the demo accounts",
    )
    return parser


if __name__ == "__main__":
    main()
