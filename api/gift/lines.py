"""A text as blocks of lines, between which lines are empty; every character keeps its place."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_BOM: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_COMMENT: Final = "//"
_BLANKS: Final = " \t"
"""What an empty line may have. A no-break space ends no question, as in Moodle; and it begins none."""
_UNREADABLE: Final = re.compile(r"(?P<bytes>[\udc80-\udcff])|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: line and character in it, both from 1."""

    line: int
    character: int


@dataclass(frozen=True, slots=True, order=True)
class Defect:
    """What is wrong, and where."""

    place: Place
    detail: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, without comments, joined by line feeds."""

    text: str
    starts: tuple[int, ...]
    """Where in the text each line begins."""
    numbers: tuple[int, ...]
    """The number of each line."""

    def place(self, offset: int) -> Place:
        """Where a character of the text stands."""
        line = bisect_right(self.starts, offset) - 1
        return Place(self.numbers[line], offset - self.starts[line] + 1)


def read_blocks(content: bytes, defects: list[Defect]) -> Iterator[Block]:
    """The blocks of a text in UTF-8, with or without a byte order mark.

    What is no text is added to the defects, the first of each line, and read as U+FFFD.
    """
    # What is no UTF-8 is kept as half of a surrogate pair, and found in its line.
    lines = _LINE_END.split(content.removeprefix(_BOM).decode(errors="surrogateescape"))
    block: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        text = line
        if found := _UNREADABLE.search(line):
            defects.append(Defect(Place(number, found.start() + 1), _sentence(found)))
            text = _UNREADABLE.sub("\ufffd", line)
        if text.lstrip(_BLANKS).startswith(_COMMENT):
            continue
        if text.strip() or (block and text.strip(_BLANKS)):
            block.append((number, text))
        elif block:
            yield block_of(block)
            block = []
    if block:
        yield block_of(block)


def block_of(lines: list[tuple[int, str]]) -> Block:
    """A block of lines, each with its number."""
    starts = []
    offset = 0
    for _, line in lines:
        starts.append(offset)
        offset += len(line) + 1
    return Block("\n".join(line for _, line in lines), tuple(starts), tuple(number for number, _ in lines))


def _sentence(found: re.Match[str]) -> str:
    if found["bytes"]:
        return "This is not UTF-8: save the file in that encoding."
    return "A text cannot hold control characters, such as NUL."
