"""Where chance comes from, the same on every machine and for every version of Python.

Python promises the sequence of `Random(integer).random()` and nothing of the methods above it, and the C library
promises nothing of the last bit of a logarithm. So here are `random()`, integers, and BLAKE2b (RFC 7693).
"""

from bisect import bisect
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Final, Generic, TypeVar

Thing = TypeVar("Thing")
Draw = Callable[[], float]
"""The next number of a sequence, from 0 to below 1."""

_VARIANT: Final = 0x8 << 60
_RANDOM_BITS: Final = (1 << 62) - 1


def draws(seed: int, *purpose: object) -> Draw:
    """A sequence of its own for every purpose: more of one thing does not change the others."""
    return Random(_digest(seed, purpose)).random  # noqa: S311 - it is to be foreseen


class Keys:
    """The keys of one table: UUIDs of version 7, laid out as lms.uuidv7() does it."""

    def __init__(self, seed: int, *purpose: object) -> None:
        self._start = blake2b(_digest(seed, purpose).to_bytes(16), digest_size=8)

    def key(self, number: int, at: int) -> str:
        """The key of the row of this number, made at this time, in microseconds since 1970.

        32 hexadecimal digits, sorted by time, and by nothing within one microsecond.
        """
        state = self._start.copy()
        state.update(number.to_bytes(8))
        chance = int.from_bytes(state.digest()) & _RANDOM_BITS | _VARIANT
        return f"{at // 1000:012x}7{at % 1000 * 4096 // 1000:03x}{chance:016x}"


class Choice(Generic[Thing]):
    """Things to choose from, the likelier the larger their weight, a whole number."""

    __slots__ = ("_bounds", "_things", "_total")

    def __init__(self, things: Sequence[Thing], weights: Sequence[int]) -> None:
        self._things = things
        self._bounds = list(accumulate(weights))
        self._total = self._bounds[-1]

    def __call__(self, drawn: float) -> Thing:
        return self._things[bisect(self._bounds, int(drawn * self._total))]


def by_rank(things: Sequence[Thing], offset: int = 2) -> Choice[Thing]:
    """The first thing most often, the others by their rank, as names and sizes are: Zipf's law."""
    return Choice(things, zipf(len(things), offset))


def zipf(count: int, offset: int) -> list[int]:
    """Weights that fall with the rank: one over the rank from 0 and an offset, which tames the first ones."""
    return [1_000_000_000 // (rank + offset) for rank in range(count)]


def shuffled(count: int, draw: Draw) -> list[int]:
    """The numbers from 0 in some order."""
    drawn = [draw() for _ in range(count)]
    return sorted(range(count), key=drawn.__getitem__)


def _digest(seed: int, purpose: tuple[object, ...]) -> int:
    name = " ".join(map(str, (seed, *purpose)))
    return int.from_bytes(blake2b(name.encode(), digest_size=16).digest())
