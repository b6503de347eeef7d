"""The files of an import: read strictly, and where one is damaged, said with its line."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from api.operations.failures import FailureError

_LFS_POINTER: Final = b"version https://git-lfs.github.com/"
_TOKEN: Final = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*+")(?P<is_key>\s*:)?|(?P<constant>NaN|-?Infinity)|(?P<brace>[{}])'
)


def read_json(path: Path) -> Any:
    """A JSON document in UTF-8, with or without a byte order mark.

    Raises:
        FailureError: there is no such file, or it is damaged. It names the file, and the line if it can.
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
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FailureError(f"{path}, line {line}: this is not UTF-8.") from None
    return _parse(path, text)


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


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
