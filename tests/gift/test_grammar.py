"""What a GIFT text says, against a reference parser's reading of 15 real files, and line by line."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.gift import grammar
from api.gift.grammar import Asked, Category, read_items
from api.gift.lines import Defect

pytestmark = pytest.mark.once

FILES = 15
ITEMS = 47
"""Questions, descriptions and categories in those files, as `jq length` counts the references."""


def read(text: str | bytes) -> tuple[list[Asked | Category], list[Defect]]:
    defects: list[Defect] = []
    items = list(read_items(text.encode() if isinstance(text, str) else text, defects))
    return items, defects


def only(text: str) -> Asked:
    ((item,), defects) = read(text)
    assert defects == []
    assert isinstance(item, Asked)
    return item


# As the reference has it


def as_reference(item: Asked | Category) -> dict[str, Any]:
    """An item in the form of GIFT-grammar-PEG.js."""
    if isinstance(item, Category):
        return {"type": "Category", "title": item.path}
    bodies: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
        grammar.Description: lambda _: {"type": "Description"},
        grammar.Essay: lambda _: {"type": "Essay"},
        grammar.TrueFalse: lambda body: {
            "type": "TF",
            "isTrue": body.is_true,
            "trueFeedback": _text(body.feedback[0]),
            "falseFeedback": _text(body.feedback[1]),
        },
        grammar.Choices: lambda body: {"type": "MC", "choices": [_choice(each) for each in body.answers]},
        grammar.Spellings: lambda body: {
            "type": "Short",
            "choices": [_choice(each) for each in body.answers],
        },
        grammar.Numbers: lambda body: {"type": "Numerical", "choices": _numbers(body)},
        grammar.Matching: lambda body: {
            "type": "Matching",
            "matchPairs": [
                {"subquestion": _text(pair.stem), "subanswer": pair.partner} for pair in body.pairs
            ],
        },
    }
    body = bodies[type(item.body)](item.body)
    general = {} if body["type"] == "Description" else {"globalFeedback": _text(item.general_feedback)}
    return {
        "id": None,
        "tags": None,
        "title": item.title,
        "stem": _text(item.stem),
        "hasEmbeddedAnswers": item.embedded,
        **general,
        **body,
    }


def _text(text: grammar.Text | None) -> dict[str, str] | None:
    return None if text is None else {"format": text.format, "text": text.text}


def _choice(answer: grammar.Answer) -> dict[str, Any]:
    return {
        "isCorrect": answer.right,
        "weight": answer.weight,
        "text": _text(answer.text),
        "feedback": _text(answer.feedback),
    }


def _numbers(body: grammar.Numbers) -> Any:
    if not body.is_list:
        return _number(body.answers[0].number)
    return [
        {
            "isCorrect": each.right,
            "weight": each.weight,
            "text": _number(each.number),
            "feedback": _text(each.feedback),
        }
        for each in body.answers
    ]


def _number(number: grammar.Interval | None) -> dict[str, Any] | None:
    if number is None:
        return None
    if number.value is None:
        return {"type": "high-low", "numberHigh": number.high, "numberLow": number.low}
    if number.tolerance is None:
        return {"type": "simple", "number": number.value}
    return {"type": "range", "number": number.value, "range": number.tolerance}


def test_real_files_read_as_their_references_say(real_data: Path) -> None:
    files = sorted((real_data / "quizzes" / "gift").glob("*.gift"))
    assert len(files) == FILES
    number = 0
    for file in files:
        items, defects = read(file.read_bytes())
        assert defects == []
        reference = json.loads(file.with_suffix(".json").read_text())
        assert [as_reference(item) for item in items] == reference, file.name
        number += len(items)
    assert number == ITEMS


# Line by line


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_place_is_told_whatever_ends_a_line(line_end: str) -> None:
    text = "\ufeff// one\n$CATEGORY: top\n\n  ::T:: Green? {\n  // aside\n\t=leaf\n  ~sky\n}\n\nA text\n"
    items, defects = read(text.replace("\n", line_end))
    assert defects == []
    category, asked, description = items
    assert isinstance(asked, Asked)
    assert isinstance(asked.body, grammar.Choices)
    places = [category, asked, *asked.body.answers, description]
    assert [(each.place.line, each.place.character) for each in places] == [
        (2, 1),
        (4, 3),
        (6, 2),
        (7, 3),
        (10, 1),
    ]


def test_a_question_may_stand_right_below_its_category() -> None:
    items, defects = read("$CATEGORY: a\n$CATEGORY: b\nGreen? {T}\n")
    assert [type(item) for item in items] == [Category, Category, Asked]
    assert defects == []


@pytest.mark.parametrize("line", ["\u00a0", " \u00a0\t", "\u3000", "\u2028"])
def test_a_line_of_other_space_than_blanks_and_tabs_ends_no_question(line: str) -> None:
    """It looks empty, and is not: neither to Moodle."""
    items, defects = read(
        f"{line}\n\n$CATEGORY: a\n{line}\n\n$CATEGORY: b\n{line}\nOne? {{\n=a\n{line}\n~b\n}}\n{line}\n \t\n"
        f"{line}\nTwo? {{T}}\n{line}"
    )
    assert defects == []
    assert [type(item) for item in items] == [Category, Category, Asked, Asked]
    assert [item.place.line for item in items] == [3, 6, 8, 16]


@pytest.mark.parametrize(
    ("text", "stem", "format_"),
    [
        (r"a \{ \} \~ \= \# \: \\ \x {}", r"a { } ~ = # : \ \x", "moodle"),
        (r"one\ntwo {}", "one\ntwo", "moodle"),
        ("one\ntwo   three {}", "one two three", "moodle"),
        ("[plain]one\ntwo {}", "one two", "plain"),
        ("[html]one\ntwo   three {}", "one\ntwo   three", "html"),
        ("[markdown]- one\n    - two\n{}", "- one\n    - two", "markdown"),
        ("[other]one {}", "[other]one", "moodle"),
        (r"\[x\] $a \\neq b$ {}", r"\[x\] $a \neq b$", "moodle"),
        ("What? Say: a = b ~ c # d {}", "What? Say: a = b ~ c # d", "moodle"),
        ("{} is it", "_____ is it", "moodle"),
        ("It {} is", "It _____ is", "moodle"),
    ],
)
def test_what_a_text_is_shown_as(text: str, stem: str, format_: str) -> None:
    assert only(text).stem == grammar.Text(stem, format_)  # type: ignore[arg-type]


def test_an_answer_has_a_format_of_its_own_or_that_of_its_question() -> None:
    body = only("[html]<b>?</b> {=[plain]<b> ~<i>#[markdown]*no*\n####<u>}").body
    assert isinstance(body, grammar.Choices)
    assert [each.text.format for each in body.answers] == ["plain", "html"]
    assert body.answers[1].feedback == grammar.Text("*no*", "markdown")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("{#3}", [(3, 3)]),
        ("{# -1.5 : .5 }", [(-2, -1)]),
        ("{#1..5}", [(1, 5)]),
        ("{#1 .. +5.5}", [(1, 5.5)]),
        ("{#1e3:1}", [(999, 1001)]),
        ("{#=1 =%50%2:1 ~#no}", [(1, 1), (1, 3), None]),
    ],
)
def test_a_number_is_read_with_what_it_may_be(text: str, numbers: list[Any]) -> None:
    body = only(f"What? {text}").body
    assert isinstance(body, grammar.Numbers)
    assert [each.number and (each.number.low, each.number.high) for each in body.answers] == numbers


MALFORMED = {
    "What? {=a ~b": (1, 7, "have no }"),
    "What? =a ~b}": (1, 12, "There is no { before"),
    "What?} {T}": (1, 6, "There is no { before"),
    "What? {=a {b} ~c}": (1, 11, "The answers began before."),
    "What? {T} or {F}": (1, 14, "The answers ended before."),
    "What? {T} or }": (1, 14, "The answers ended before."),
    "What? {\n=a\n~\n=b}": (3, 1, "no text"),
    "What? {=a ~#no}": (1, 11, "no text"),
    "What? {a ~b}": (1, 8, "a = or a ~ is missing"),
    "What? {=%101%a ~b}": (1, 9, "-100 to 100"),
    "What? {true}": (1, 8, "Write TRUE"),
    "What? {f}": (1, 8, "Write F"),
    "What? {T#a#b#c}": (1, 13, "two feedbacks"),
    "What? {=a -> b =c}": (1, 16, "no ->"),
    "What? {=a -> =b -> c}": (1, 11, "partner is missing"),
    "What? {#}": (1, 8, "number is missing"),
    "What? {#=}": (1, 9, "number is missing"),
    "What? {#three}": (1, 9, "no number"),
    "What? {#1,5}": (1, 9, "no number"),
    "What? {#1:x}": (1, 9, "no number"),
    "What? {#1e999}": (1, 9, "no number"),
    "What? {#5..1}": (1, 9, "begins above its end"),
    "What? {#5:-1}": (1, 9, "negative"),
    "What? {#a =1}": (1, 9, "a = or a ~ is missing"),
    "::Title What? {T}": (1, 1, "no :: at its end"),
    "::Title:: {T}": (1, 1, "The question has no text."),
    "{T}": (1, 1, "The question has no text."),
    "What\0? {T}": (1, 5, "control characters"),
    "\n\nWhat\ud800? {T}": (3, 5, "not UTF-8"),
}


@pytest.mark.parametrize(("text", "expected"), MALFORMED.items())
def test_what_is_malformed_is_told_by_its_place_and_left_out(
    text: str, expected: tuple[int, int, str]
) -> None:
    line, character, words = expected
    _, defects = read(text.encode(errors="surrogatepass"))
    assert [(found.place.line, found.place.character) for found in defects] == [(line, character)]
    assert words in defects[0].detail


def test_all_that_is_wrong_is_told_at_once() -> None:
    items, defects = read(b"One {T}\n\nTwo {=a ~ =%200%b}\n\nTwo\xff {#x}\n\n} \n\nThree {}\n")
    assert [(found.place.line, found.place.character) for found in defects] == [
        (3, 9),
        (3, 12),
        (5, 4),
        (5, 8),
        (7, 1),
    ]
    assert [item.place.line for item in items] == [1, 9]


def test_no_text_takes_long_or_stops_the_reader() -> None:
    """Random bytes, and random characters of the grammar; and a quarter of a megabyte of each of these."""
    random_ = random.Random(5)  # noqa: S311 - the same each time
    characters = [
        "{",
        "}",
        "=",
        "~",
        "#",
        "%",
        ":",
        "->",
        "\\",
        "\n",
        "\n\n",
        "T",
        "1",
        ".",
        "[html]",
        "$CATEGORY:",
        " ",
    ]
    for _ in range(3_000):
        read(random_.randbytes(random_.randrange(200)))
        read("".join(random_.choices(characters, k=random_.randrange(60))))
    for character in characters:
        began = time.process_time()
        read(character * (262_144 // len(character)))
        read("x{" + character * (200_000 // len(character)) + "}")
        assert time.process_time() - began < 10, character
