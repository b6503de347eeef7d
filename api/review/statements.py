"""What can be read off the text of a statement: its words, its clauses, and where an order stands."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_HIDDEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"[^\"]*\"", re.DOTALL)
_TOKEN = re.compile(r"[a-z_][a-z0-9_]*|\S", re.IGNORECASE)

# What ends the expressions of an `order by`, besides the closing parenthesis it stands in.
_AFTER_ORDER = frozenset(
    ("limit", "offset", "fetch", "for", "union", "intersect", "except", "rows", "range", "groups", ";")
)
_LEAVES_STATE = re.compile(
    r"\b(set_config|setseed|currval|lastval|pg_(?:try_)?advisory_(?:un)?lock\w*)\s*\(", re.IGNORECASE
)
_INTO_TEMPORARY = re.compile(r"\binto\s+(?:local\s+)?temp(?:orary)?\b", re.IGNORECASE)
_STATE_COMMANDS = frozenset(
    (
        "set",
        "reset",
        "listen",
        "unlisten",
        "prepare",
        "execute",
        "deallocate",
        "declare",
        "create",
        "discard",
        "lock",
    )
)
_UNORDERED_LISTS = frozenset(("json_agg", "jsonb_agg", "string_agg"))


class Token(NamedTuple):
    """A word or a sign, and where it stands in the text."""

    word: str
    start: int
    depth: int
    """How many parentheses are open around it."""


class Order(NamedTuple):
    """An `order by`: where it stands, and where another expression could be added to it."""

    start: int
    end: int


def without_comments(text: str) -> str:
    """The text with its comments blanked, every character where it was."""
    return _HIDDEN.sub(lambda found: _blank(found[0]) if found[0][0] in "-/" else found[0], text)


def line_of(text: str, position: int) -> int:
    """The line, from 1, of a position in the text."""
    return text.count("\n", 0, position) + 1


def tokens(text: str) -> list[Token]:
    """Words and signs in lower case, without comments and literals."""
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(_HIDDEN.sub(lambda hidden: _blank(hidden[0]), text)):
        word = match[0].lower()
        if word == ")":
            depth -= 1
        found.append(Token(word, match.start(), depth))
        if word == "(":
            depth += 1
    return found


def session_state(text: str) -> Iterator[tuple[int, str]]:
    """Position and name of everything that outlasts the transaction and that a pooler passes on."""
    words = tokens(text)
    if words and words[0].word in _STATE_COMMANDS:
        yield words[0].start, words[0].word
    shown = _HIDDEN.sub(lambda hidden: _blank(hidden[0]), text)
    for match in _LEAVES_STATE.finditer(shown):
        yield match.start(), match[1].lower()
    for match in _INTO_TEMPORARY.finditer(shown):
        yield match.start(), "a temporary table"


def orders(text: str) -> list[Order]:
    """Every `order by` on which an answer can hang.

    Left out are those of an ordered-set aggregate, and of an aggregate of distinct values: a tie there is one
    of equals.
    """
    words = tokens(text)
    found: list[Order] = []
    for at, token in enumerate(words[:-1]):
        if token.word == "order" and words[at + 1].word == "by" and not _is_harmless(words, at):
            found.append(Order(token.start, _end_of_order(words, at, len(text))))
    return found


def unordered_lists(text: str) -> Iterator[tuple[int, str]]:
    """Position and name of every aggregate that makes a list of rows in whatever order they come."""
    words = tokens(text)
    for at, token in enumerate(words[:-1]):
        if token.word in _UNORDERED_LISTS and words[at + 1].word == "(":
            inside = _inside(words, at + 1)
            if not any(word.word == "order" and word.depth == token.depth + 1 for word in inside):
                yield token.start, token.word


def _inside(words: list[Token], opening: int) -> Iterator[Token]:
    for token in words[opening + 1 :]:
        if token.word == ")" and token.depth == words[opening].depth:
            return
        yield token


def _is_harmless(words: list[Token], at: int) -> bool:
    opening = next((i for i in range(at, -1, -1) if words[i].depth < words[at].depth), None)
    if opening is None:
        return False
    return words[opening + 1].word == "distinct" or (
        opening + 1 == at
        and [word.word for word in words[max(opening - 2, 0) : opening]] == ["within", "group"]
    )


def _end_of_order(words: list[Token], at: int, length: int) -> int:
    depth = words[at].depth
    for token in words[at + 2 :]:
        if token.depth < depth or (token.depth == depth and token.word in _AFTER_ORDER):
            return token.start
    return length


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
