"""The files of an import: read strictly, and where one is damaged, said with its line."""

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ValidationError

from api.operations.failures import FailureError
from api.wording import plural

Model = TypeVar("Model", bound=BaseModel)

LINE_LENGTH: Final = 10_000
"""Characters of a line of CSV. One that is longer is no data."""

_LFS_POINTER: Final = b"version https://git-lfs.github.com/"
_TOKEN: Final = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*+")(?P<is_key>\s*:)?|(?P<constant>NaN|-?Infinity)|(?P<brace>[{}])'
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not imported: where it stands, and why.

    The place is a JSON pointer into the file, behind the number of the line where each line is a document.
    """

    file: str
    place: str
    reason: str


@dataclass(slots=True)
class SourceFile:
    """What a file says that cannot be imported. Each kind of file adds what can be."""

    name: ClassVar[str]
    refused: list[Refusal] = field(default_factory=list)
    unknown_keys: Counter[str] = field(default_factory=Counter)
    """Keys that mean nothing here, and how often each is there."""

    def refuse(self, place: str, reason: str) -> None:
        self.refused.append(Refusal(self.name, place, reason))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, from 1, and the JSON value that it holds, or why it holds none."""

    number: int
    value: Any = None
    defect: str | None = None


def read_json(path: Path) -> Any:
    """A JSON document in UTF-8, with or without a byte order mark.

    Raises:
        FailureError: there is no such file, or it is damaged. It names the file, and the line if it can.
    """
    return _parse(path, read_text(path))


def read_text(path: Path) -> str:
    """A text in UTF-8, without the byte order mark that it may begin with.

    Raises:
        FailureError: there is no such file, Git LFS has not brought it, or it is something else.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FailureError(f"There is no file {path}.") from None
    except OSError as error:
        raise FailureError(f"{path} cannot be read: {error.strerror}.") from None
    if content.startswith(_LFS_POINTER):
        raise FailureError(
            f"{path}, line 1: this is what Git LFS left in the file's place. Get the file itself with "
            "`git lfs pull`."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FailureError(f"{path}, line {line}: this is not UTF-8.") from None


def read_lines(path: Path) -> list[Line]:
    """The lines of a file in UTF-8, without empty ones; none where there is no such file.

    Raises:
        FailureError: the file is damaged: it is not UTF-8, Git LFS has not brought it, or it ends in the middle
            of a line. It names the file, and the line if it can.
    """
    if not path.exists():
        return []
    # Not splitlines(): JSON may hold other characters that end a line of text.
    texts = read_text(path).split("\n")
    lines = [_line(number, text) for number, text in enumerate(texts, start=1) if text.strip()]
    if lines and lines[-1].number == len(texts) and lines[-1].defect is not None:
        raise FailureError(f"{path}, line {len(texts)}: the file ends in the middle of a line.")
    return lines


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The lines of a CSV file below its header: the number of each, and as many fields as there are columns.

    UTF-8, with or without a byte order mark; commas; the header has exactly these columns. No field has a line
    break in it, so that a quotation mark that nobody closes is seen where it stands.

    Raises:
        FailureError: there is no such file, or it is damaged, or cut off. It names the file, and the line if it
            can. Lines before that one may have been given by then.
    """
    lines = read_text(path).split("\n")
    if lines == [""]:
        raise FailureError(f"{path}: this file is empty.")
    if _fields(path, 1, lines[0]) != list(columns):
        raise FailureError(f"{path}, line 1: expected the columns {', '.join(columns)}.")
    if lines.pop():
        raise FailureError(f"{path}, line {len(lines) + 1}: the file ends in the middle of this line.")
    for number, line in enumerate(lines[1:], start=2):
        fields = _fields(path, number, line)
        if len(fields) != len(columns):
            raise FailureError(
                f"{path}, line {number}: expected {plural(len(columns), 'field')}, found {len(fields)}."
            )
        yield number, fields


def checked(
    refuse: Callable[[str, str], None],
    place: str,
    model: type[Model],
    values: Mapping[str, Any],
    keys: Mapping[str, str] = MappingProxyType({}),
) -> Model | None:
    """The values in a model of the service. What it refuses is told by place, with the key of the file, and reason."""
    key_of = {name: key for key, name in keys.items()}
    try:
        made = model.model_validate(values)
    except ValidationError as error:
        for found in error.errors(include_url=False, include_context=False, include_input=False):
            name = str(found["loc"][0])
            refuse(f"{place}/{key_of.get(name, name)}", f"{found['msg'].removesuffix('.')}.")
        return None
    # The models leave this to the check of a request's body: PostgreSQL can store every other character.
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            refuse(f"{place}/{key_of.get(name, name)}", "A text cannot hold the character NUL.")
            return None
    return made


def other_files(folder: Path, read: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What lies in a folder beside the files that were read: name, and how much there is of it."""
    for path in sorted(folder.iterdir()):
        if path.name in read:
            continue
        if path.is_dir():
            number = sum(len(names) for _, _, names in os.walk(path))
            yield f"{path.name}/", plural(number, "file")
        elif path.suffix == ".jsonl":
            with path.open("rb") as file:
                yield path.name, plural(sum(1 for line in file if line.strip()), "line")
        else:
            yield path.name, plural(path.stat().st_size, "byte")


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text"
        case bool() | None:
            return str(json.dumps(value))
        case _:
            return "a number"


def _fields(path: Path, number: int, line: str) -> list[str]:
    """The fields of one line of CSV."""
    if len(line) > LINE_LENGTH:
        raise FailureError(f"{path}, line {number}: this has more than {LINE_LENGTH:,} characters.")
    if (place := line.find("\0")) >= 0:
        raise FailureError(f"{path}, line {number}, column {place + 1}: this is the character NUL.")
    try:
        # A reader for each line: a quotation mark that nobody closes ends with it.
        return next(csv.reader((line,), strict=True))
    except csv.Error as error:
        reason = str(error).partition(" - ")[0]
        raise FailureError(f"{path}, line {number}: this is not CSV ({reason}).") from None


def _line(number: int, text: str) -> Line:
    try:
        return Line(number, json.loads(text, object_pairs_hook=_object, parse_constant=_no_number))
    except json.JSONDecodeError as error:
        return Line(number, defect=f"This is not JSON: see column {error.colno} ({error.msg}).")
    except _DefectError as error:
        return Line(number, defect=str(error))
    except (RecursionError, ValueError):
        return Line(
            number,
            defect="This is nested thousands of levels deep, or has a number of thousands of digits.",
        )


class _DefectError(Exception):
    """What Python's parser would let pass."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise _DefectError(f"The key {json.dumps(twice)} is there twice in one object.")
    return found


def _no_number(name: str) -> Any:
    raise _DefectError(f"{name} is not a JSON number.")


def _parse(path: Path, text: str) -> Any:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise FailureError(
            f"{path}, line {error.lineno}, column {error.colno}: this is not JSON ({error.msg})."
        ) from None
    except (RecursionError, ValueError):
        raise FailureError(
            f"{path}: this is nested thousands of levels deep, or has a number of thousands of digits."
        ) from None
    for position, defect in _defects(text):
        line = text.count("\n", 0, position) + 1
        raise FailureError(f"{path}, line {line}: {defect}.")
    return document


def _defects(text: str) -> Iterator[tuple[int, str]]:
    """What Python's parser lets pass in a text that is otherwise JSON: each with its position."""
    objects: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        if token["constant"]:
            yield token.start(), f"{token['constant']} is not a JSON number"
        elif token["brace"] == "{":
            objects.append(set())
        elif token["brace"] == "}":
            objects.pop()
        elif token["is_key"]:
            key = json.loads(token["text"])
            if key in objects[-1]:
                yield token.start(), f"the key {token['text']} is there twice in one object"
            objects[-1].add(key)
