"""What stands in a block of a GIFT text: a category, a description, or a question with its answers.

Nothing is guessed at: what is wrong is told by its place, all of it that can be told apart. Comments, titles, formats,
weights, feedback and general feedback are read. A backslash takes away the meaning of `~ = # { } :` and of itself, and
before an n it is a line break. A text keeps its line breaks in HTML and Markdown; otherwise they are spaces.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast

from api.gift.lines import Block, Defect, Place, block_of, read_blocks

Format = Literal["html", "markdown", "moodle", "plain"]

BLANK: Final = "_____"
"""Stands for the answers of a question that goes on behind them."""

_ESCAPED: Final = re.compile(r"\\([\\~=#{}:n])")
_FORMAT: Final = re.compile(r"\s*\[(html|markdown|moodle|plain)\]")
_CATEGORY: Final = re.compile(r"\s*\$CATEGORY:(.*)")
_WEIGHT: Final = re.compile(r"\s*%(-?[0-9]{1,9}(?:\.[0-9]{0,9})?)%")
_NUMBER: Final = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_NUMBERS: Final = re.compile(rf"({_NUMBER})(?:\s*(:|\.\.)\s*({_NUMBER}))?")
_NUMBER_LENGTH: Final = 200
"""Characters of a number with its tolerance. One that is longer is none."""
_MASK: Final = "\x01"
"""Stands for what has no meaning to the grammar. No text has it: it is a control character."""
_MOST_ANSWERS: Final = 100
_TOO_MANY: Final = f"A question has at most {_MOST_ANSWERS} answers."
_TRUTHS: Final = {"T": True, "TRUE": True, "F": False, "FALSE": False}
_MOST_FEEDBACKS: Final = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is shown, and the format that it is written in."""

    text: str
    format: Format


@dataclass(frozen=True, slots=True)
class Answer:
    """One of several answers."""

    place: Place
    right: bool
    """Whether it stands behind = and not behind ~."""
    weight: float | None
    """Percent of the points; null where nothing is said."""
    text: Text
    feedback: Text | None


@dataclass(frozen=True, slots=True)
class Interval:
    """A number, give or take a tolerance; or a range, where `low` and `high` were written."""

    low: int | float
    high: int | float
    value: int | float | None = None
    tolerance: int | float | None = None


@dataclass(frozen=True, slots=True)
class NumericAnswer:
    """One of several numbers; null is any other."""

    place: Place
    right: bool
    weight: float | None
    number: Interval | None
    feedback: Text | None


@dataclass(frozen=True, slots=True)
class Pair:
    """What belongs together. An empty stem has a partner that belongs to none."""

    place: Place
    stem: Text
    partner: str


@dataclass(frozen=True, slots=True)
class Description:
    """A text between questions."""


@dataclass(frozen=True, slots=True)
class Essay:
    """Answered freely."""


@dataclass(frozen=True, slots=True)
class TrueFalse:
    """True or false, with the first and the second feedback."""

    is_true: bool
    feedback: tuple[Text | None, Text | None]


@dataclass(frozen=True, slots=True)
class Choices:
    """Answers to choose from, at least one of them behind ~."""

    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Spellings:
    """What a short answer may be."""

    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a number may be."""

    answers: tuple[NumericAnswer, ...]
    is_list: bool
    """Whether they stand behind = and ~."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Pairs to be found."""

    pairs: tuple[Pair, ...]


Body: TypeAlias = Description | Essay | TrueFalse | Choices | Spellings | Numbers | Matching


@dataclass(frozen=True, slots=True)
class Category:
    """Where the questions that follow belong."""

    place: Place
    path: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the text has it."""

    place: Place
    title: str | None
    stem: Text
    embedded: bool
    """Whether it goes on behind its answers."""
    body: Body
    general_feedback: Text | None


def read_items(content: bytes, defects: list[Defect]) -> Iterator[Category | Asked]:
    """What a text holds, in its order. What is wrong with it is added to the defects, and left out."""
    for block in read_blocks(content, defects):
        lines = list(zip(block.numbers, block.text.split("\n"), strict=True))
        while lines and (found := _CATEGORY.fullmatch(lines[0][1])):
            yield Category(Place(lines.pop(0)[0], 1), found[1].strip())
        if any(text.strip() for _, text in lines):
            reader = _Reader(block_of(lines), defects)
            if (asked := reader.read()) is not None:
                yield asked


class _Reader:
    """Reads one block, by its offsets."""

    def __init__(self, block: Block, defects: list[Defect]) -> None:
        self._block = block
        self._text = block.text
        # As long as the text, without what was escaped: so whatever the grammar means is found with its place.
        self._mask = _ESCAPED.sub(_MASK * 2, block.text)
        self._defects = defects
        self._format: Format = "moodle"

    def read(self) -> Asked | None:
        """The question, or none where something is wrong with it."""
        before = len(self._defects)
        begin = self._skip(0, len(self._text))
        title, stem_begin = self._title(begin)
        opening = self._mask.find("{", stem_begin)
        if opening < 0:
            return self._description(begin, title, stem_begin, before)
        self._complain_of(
            "}", stem_begin, opening, "There is no { before this }. Write \\} for the character."
        )
        stem = self._rich(stem_begin, opening)
        self._format = stem.format
        closing = self._mask.find("}", opening + 1)
        if closing < 0:
            self._complain(
                opening,
                "The answers that begin here have no } at their end. No empty line may stand between.",
            )
            return None
        if self._complain_of(
            "{", opening + 1, closing, "The answers began before. Write \\{ for the character."
        ):
            return None
        for brace in re.finditer("[{}]", self._mask[closing + 1 :]):
            self._complain(
                closing + 1 + brace.start(),
                f"The answers ended before. Write \\{brace[0]} for the character.",
            )
            return None
        body, general_feedback = self._answers(opening + 1, closing)
        rest = self._rich(closing + 1, len(self._text), self._format)
        if rest.text:
            stem = Text(" ".join(filter(None, (stem.text, BLANK, rest.text))), stem.format)
        elif not stem.text:
            self._complain(begin, "The question has no text.")
        if body is None or len(self._defects) > before:
            return None
        return Asked(self._block.place(begin), title, stem, bool(rest.text), body, general_feedback)

    def _description(self, begin: int, title: str | None, stem_begin: int, before: int) -> Asked | None:
        self._complain_of(
            "}", stem_begin, len(self._text), "There is no { before this }. Write \\} for the character."
        )
        if len(self._defects) > before:
            return None
        stem = self._rich(stem_begin, len(self._text))
        return Asked(self._block.place(begin), title, stem, False, Description(), None)

    def _title(self, begin: int) -> tuple[str | None, int]:
        """The title, and where what follows it begins."""
        if not self._mask.startswith("::", begin):
            return None, begin
        end = self._mask.find("::", begin + 2)
        if end < 0:
            self._complain(begin, "The title that begins here has no :: at its end.")
            return None, begin + 2
        return self._plain(begin + 2, end) or None, end + 2

    def _answers(self, begin: int, end: int) -> tuple[Body | None, Text | None]:
        """What stands between the braces."""
        general_feedback = None
        if (hashes := self._mask.find("####", begin, end)) >= 0:
            general_feedback = self._feedback(hashes + 4, end)
            end = hashes
        begin = self._skip(begin, end)
        if begin == end:
            return Essay(), general_feedback
        if self._mask[begin] == "#":
            return self._numbers(begin + 1, end), general_feedback
        marks = self._marks(begin, end)
        body = self._marked(begin, marks, end) if marks else self._unmarked(begin, end)
        return body, general_feedback

    def _marked(self, begin: int, marks: list[int], end: int) -> Body | None:
        """Answers behind marks."""
        if len(marks) > _MOST_ANSWERS:
            self._complain(marks[_MOST_ANSWERS], _TOO_MANY)
            return None
        if marks[0] > begin:
            self._complain(begin, "Before this answer a = or a ~ is missing.")
        pieces = list(zip(marks, [*marks[1:], end], strict=True))
        if any(self._mask[mark] == "~" for mark in marks):
            return Choices(tuple(self._answer(*piece) for piece in pieces))
        if self._mask.find("->", begin, end) >= 0:
            return Matching(tuple(filter(None, (self._pair(*piece) for piece in pieces))))
        return Spellings(tuple(self._answer(*piece) for piece in pieces))

    def _marks(self, begin: int, end: int) -> list[int]:
        """Where answers begin."""
        return [found.start() + begin for found in re.finditer("[=~]", self._mask[begin:end])]

    def _unmarked(self, begin: int, end: int) -> Body | None:
        """True, false, or the only short answer."""
        hashes = [found.start() + begin for found in re.finditer("#", self._mask[begin:end])]
        word = self._text[begin : hashes[0] if hashes else end].strip()
        if word in _TRUTHS:
            if len(hashes) > _MOST_FEEDBACKS:
                self._complain(hashes[_MOST_FEEDBACKS], "True or false has two feedbacks at most.")
                return None
            bounds = zip(hashes, [*hashes[1:], end], strict=False)
            found = [self._feedback(first + 1, last) for first, last in bounds] + [None, None]
            return TrueFalse(_TRUTHS[word], (found[0], found[1]))
        if word.upper() in _TRUTHS:
            self._complain(begin, f"Write {word.upper()}, or ={word} for a short answer.")
            return None
        return Spellings((self._answer(begin - 1, end, right=True),))

    def _answer(self, mark: int, end: int, *, right: bool | None = None) -> Answer:
        """The answer behind a mark."""
        begin, weight = self._weight(mark + 1, end)
        text_end, feedback = self._split_feedback(begin, end)
        text = self._rich(begin, text_end, self._format)
        if not text.text:
            self._complain(mark, "This answer has no text.")
        if right is None:
            right = self._mask[mark] == "="
        return Answer(self._block.place(self._skip(mark, end)), right, weight, text, feedback)

    def _weight(self, begin: int, end: int) -> tuple[int, float | None]:
        found = _WEIGHT.match(self._mask, begin, end)
        if found is None:
            return begin, None
        weight = float(found[1])
        if abs(weight) > 100:  # noqa: PLR2004
            self._complain(found.start(1) - 1, "A weight is -100 to 100 percent.")
        return found.end(), weight

    def _split_feedback(self, begin: int, end: int) -> tuple[int, Text | None]:
        """Where what stands before the feedback ends, and the feedback."""
        mark = self._mask.find("#", begin, end)
        return (end, None) if mark < 0 else (mark, self._feedback(mark + 1, end))

    def _feedback(self, begin: int, end: int) -> Text | None:
        feedback = self._rich(begin, end, self._format)
        return feedback if feedback.text else None

    def _numbers(self, begin: int, end: int) -> Body | None:
        begin = self._skip(begin, end)
        marks = self._marks(begin, end)
        if not marks:
            if begin == end:
                self._complain(begin - 1, "The number is missing.")
                return None
            return Numbers((self._number(begin - 1, end, right=True),), is_list=False)
        if len(marks) > _MOST_ANSWERS:
            self._complain(marks[_MOST_ANSWERS], _TOO_MANY)
            return None
        if marks[0] > begin:
            self._complain(begin, "Before this answer a = or a ~ is missing.")
        pieces = zip(marks, [*marks[1:], end], strict=True)
        return Numbers(
            tuple(self._number(mark, last, right=self._mask[mark] == "=") for mark, last in pieces),
            is_list=True,
        )

    def _number(self, mark: int, end: int, *, right: bool) -> NumericAnswer:
        begin, weight = self._weight(mark + 1, end)
        text_end, feedback = self._split_feedback(begin, end)
        begin = self._skip(begin, text_end)
        text = self._text[begin:text_end].strip()
        number = None
        if text not in ("", "*"):
            number = _interval(text)
            if number is None:
                self._complain(
                    begin, "This is no number. Write 3, or 3:0.5 for 2.5 to 3.5, or 1..5 for 1 to 5."
                )
            elif number.low > number.high:
                self._complain(begin, "The tolerance is negative, or the range begins above its end.")
        elif right:
            self._complain(max(mark, 0), "The number is missing.")
        return NumericAnswer(self._block.place(self._skip(mark, end)), right, weight, number, feedback)

    def _pair(self, mark: int, end: int) -> Pair | None:
        arrow = self._mask.find("->", mark + 1, end)
        if arrow < 0:
            self._complain(mark, "This pair has no ->.")
            return None
        partner = self._plain(arrow + 2, end)
        if not partner:
            self._complain(arrow, "Behind this -> the partner is missing.")
        return Pair(self._block.place(mark), self._rich(mark + 1, arrow, self._format), partner)

    def _rich(self, begin: int, end: int, format_: Format = "moodle") -> Text:
        """A text, which may begin with its format."""
        if found := _FORMAT.match(self._mask, begin, end):
            begin, format_ = found.end(), cast(Format, found[1])
        return Text(self._shown(begin, end, keeps_lines=format_ in ("html", "markdown")), format_)

    def _plain(self, begin: int, end: int) -> str:
        return self._shown(begin, end, keeps_lines=False)

    def _shown(self, begin: int, end: int, *, keeps_lines: bool) -> str:
        raw = self._text[begin:end].strip()
        if not keeps_lines:
            raw = re.sub(r"\s{2,}", " ", raw.replace("\n", " "))
        return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], raw).strip()

    def _skip(self, begin: int, end: int) -> int:
        """The first place from here on that is no space."""
        while begin < end and self._text[begin].isspace():
            begin += 1
        return begin

    def _complain(self, offset: int, detail: str) -> None:
        self._defects.append(Defect(self._block.place(offset), detail))

    def _complain_of(self, character: str, begin: int, end: int, detail: str) -> bool:
        """Complain of the first such character, if there is one."""
        offset = self._mask.find(character, begin, end)
        if offset >= 0:
            self._complain(offset, detail)
        return offset >= 0


def _number(digits: str) -> int | float:
    """A whole number as it is: a float has 53 bits of it."""
    return int(digits) if _WHOLE.fullmatch(digits) else float(digits)


def _interval(text: str) -> Interval | None:
    found = _NUMBERS.fullmatch(text) if len(text) <= _NUMBER_LENGTH else None
    if found is None:
        return None
    first, second = _number(found[1]), _number(found[3] or "0")
    if not (math.isfinite(first) and math.isfinite(second)):
        return None
    if found[2] == "..":
        return Interval(first, second)
    return Interval(first - second, first + second, first, second if found[2] else None)
