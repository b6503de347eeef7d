"""Accounts: administrators, lecturers and students, in the order in which they came.

Names are from names.toml and not from a library, whose next version would make other people. Nobody can log in: the
hash is that of no password. Addresses are in volume.example, which is reserved and receives no mail.
"""

import re
import unicodedata
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from seeds.volume.calendar import terms, timestamp
from seeds.volume.draws import Choice, Draw, Keys, by_rank, draws
from seeds.volume.figures import Figures
from seeds.volume.resources import toml

DOMAIN: Final = "volume.example"
TENTHS_FROM_THE_FIRST_TERM: Final = 4
"""Of all students; the others come in equal parts with the later terms."""
SECOND_NAME: Final = 0.06
"""How many have two given names."""

_NOT_DECOMPOSED: Final = str.maketrans(
    {
        "ß": "ss",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "ł": "l",
        "Ł": "l",
        "đ": "d",
        "Đ": "d",
        "ø": "o",
        "æ": "ae",
    }
)


Account = Callable[[int], tuple[str, int]]
"""Gives the key of an account, and when it was made."""


class Name(NamedTuple):
    """A given or a family name, and what stands for it in an address."""

    written: str
    in_ascii: str


class Language(NamedTuple):
    """Where somebody's names are from."""

    form: str
    given: Choice[Name]
    family: Choice[Name]


def user_rows(figures: Figures) -> Iterator[tuple[object, ...]]:
    """Keys ascend: first administrators, then lecturers, then students by the term that they came with."""
    draw = draws(figures.seed, "names")
    people = (
        ("super_admin", figures.administrators, administrators(figures)),
        ("lecturer", figures.lecturers, lecturers(figures)),
        ("student", figures.students, students(figures)),
    )
    place = 0
    for role, count, account in people:
        for number in range(count):
            key, made = account(number)
            full_name, address = _person(draw)
            place += 1
            at = timestamp(made)
            yield key, f"{address}.s{figures.seed}.{place}@{DOMAIN}", full_name, role, "!", at, at


def administrators(figures: Figures) -> Account:
    """The accounts of administrators, by their number from 0."""
    keys = Keys(figures.seed, "administrators")
    span = terms(figures)[0].administrators_come

    def account(number: int) -> tuple[str, int]:
        made = span.at(number, figures.administrators)
        return keys.key(number, made), made

    return account


def lecturers(figures: Figures) -> Account:
    """The accounts of lecturers, by their number from 0."""
    keys = Keys(figures.seed, "lecturers")
    span = terms(figures)[0].lecturers_come

    def account(number: int) -> tuple[str, int]:
        made = span.at(number, figures.lecturers)
        return keys.key(number, made), made

    return account


def students(figures: Figures) -> Account:
    """The accounts of students, by their number from 0."""
    keys = Keys(figures.seed, "students")
    bounds = _arrivals(figures)
    spans = [term.students_come for term in terms(figures)]

    # Whoever goes through enrolments asks for the same student some times in a row.
    @lru_cache(maxsize=1)
    def account(number: int) -> tuple[str, int]:
        term = bisect(bounds, number) - 1
        made = spans[term].at(number - bounds[term], bounds[term + 1] - bounds[term])
        return keys.key(number, made), made

    return account


def students_until(figures: Figures, term: int) -> int:
    """How many have come by this term: the students from number 0 on."""
    return _arrivals(figures)[term + 1]


def _arrivals(figures: Figures) -> tuple[int, ...]:
    """The number of the first student of each term, and how many there are in all."""
    later = figures.terms - 1
    begun = (
        figures.students
        * (TENTHS_FROM_THE_FIRST_TERM * later + (10 - TENTHS_FROM_THE_FIRST_TERM) * passed)
        // (10 * later)
        for passed in range(later)
    )
    return (0, *begun, figures.students)


def _person(draw: Draw) -> tuple[str, str]:
    """A full name, and what it begins an address with."""
    language = _languages()(draw())
    given, family = language.given(draw()), language.family(draw())
    written = given.written
    if draw() < SECOND_NAME:
        second = language.given(draw())
        if second != given:
            written = f"{written} {second.written}"
    return language.form.format(given=written, family=family.written), f"{given.in_ascii}.{family.in_ascii}"


@cache
def _languages() -> Choice[Language]:
    found: Sequence[dict[str, Any]] = toml("names.toml")["languages"]
    return Choice(
        [
            Language(
                language["form"], by_rank(_names(language, "given")), by_rank(_names(language, "family"))
            )
            for language in found
        ],
        [language["weight"] for language in found],
    )


def _names(language: dict[str, Any], part: str) -> list[Name]:
    written: list[str] = language[part]
    in_ascii: list[str] = language.get(f"{part}_in_ascii") or [ascii_of(name) for name in written]
    return [Name(*pair) for pair in zip(written, in_ascii, strict=True)]


def ascii_of(name: str) -> str:
    """A name of Latin letters as it stands in an address: the letters alone, without accents."""
    decomposed = unicodedata.normalize("NFKD", name.translate(_NOT_DECOMPOSED))
    return re.sub(r"[^a-z]", "", decomposed.lower())
