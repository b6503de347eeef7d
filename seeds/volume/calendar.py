"""Terms, and when things happen in them. Times are microseconds since 1970, UTC; none is that of the run.

The newest term is autumn 2026, which is under way: the school stands still on 15 October 2026. The others go back from
there by half-years. All keys hold the times that follow from these dates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

from seeds.volume.draws import Keys
from seeds.volume.figures import Figures

NEWEST_YEAR: Final = 2026
DAY: Final = 86_400_000_000

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SEASONS: Final = (("AUTUMN", (9, 1), (12, 18)), ("SPRING", (2, 1), (5, 31)))


@dataclass(frozen=True, slots=True)
class Span:
    """From a time until before another."""

    begin: int
    end: int

    def at(self, number: int, count: int) -> int:
        """The time of one of so many things that are spread evenly, numbered from 0."""
        return self.begin + number * (self.end - self.begin) // count


@dataclass(frozen=True, slots=True)
class Term:
    """A term, and the spans of what is done for it, in the order in which it is done."""

    number: int
    """From 0, the oldest."""
    key: str
    code: str
    title: str
    starts_on: date
    ends_on: date
    is_over: bool

    @property
    def made(self) -> int:
        return self._day(-200)

    @property
    def courses_made(self) -> Span:
        return self._span(-90, -70)

    @property
    def students_come(self) -> Span:
        """New students are given accounts."""
        return self._span(-60, -25)

    @property
    def enrolling(self) -> Span:
        return self._span(-21, 0)

    @property
    def dropping(self) -> Span:
        return self._span(7, 42)

    @property
    def completing(self) -> Span:
        after = (self.ends_on - self.starts_on).days
        return self._span(after + 3, after + 17)

    @property
    def administrators_come(self) -> Span:
        """For the oldest term alone, as for lecturers."""
        return self._span(-150, -140)

    @property
    def lecturers_come(self) -> Span:
        return self._span(-130, -100)

    def uploading(self, week: int) -> Span:
        """The day for the materials of this week, all before the term; 0 is for those of the whole course."""
        return self._span(week - 56, week - 55)

    def _day(self, number: int) -> int:
        return ((self.starts_on - _EPOCH.date()).days + number) * DAY

    def _span(self, begin: int, end: int) -> Span:
        return Span(self._day(begin), self._day(end))


def newest_code(seed: int) -> str:
    """The code of the term that every school of this seed has."""
    return f"V{seed}-{NEWEST_YEAR}-AUTUMN"


@cache
def terms(figures: Figures) -> tuple[Term, ...]:
    """The oldest first."""
    return tuple(_terms(figures))


def _terms(figures: Figures) -> Iterator[Term]:
    keys = Keys(figures.seed, "terms")
    for number in range(figures.terms):
        half_years = figures.terms - 1 - number
        year = NEWEST_YEAR - half_years // 2
        season, begin, end = _SEASONS[half_years % 2]
        starts_on = date(year, *begin)
        made = ((starts_on - _EPOCH.date()).days - 200) * DAY
        yield Term(
            number=number,
            key=keys.key(number, made),
            code=f"V{figures.seed}-{year}-{season}",
            title=f"{season.title()} {year}",
            starts_on=starts_on,
            ends_on=date(year, *end),
            is_over=half_years > 0,
        )


def timestamp(at: int) -> str:
    """A time as PostgreSQL reads it."""
    return f"{_EPOCH + timedelta(microseconds=at)}"


def term_rows(figures: Figures) -> Iterator[tuple[object, ...]]:
    for term in terms(figures):
        made = timestamp(term.made)
        yield term.key, term.code, term.title, term.starts_on, term.ends_on, made, made
