"""Made-up folders of courses and materials."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def folder(directory: Path, *courses: Any) -> Path:
    """A folder with these courses in its courses.json."""
    return raw_folder(directory, json.dumps(courses, indent=1).encode())


def raw_folder(directory: Path, content: bytes) -> Path:
    """A folder with a courses.json of these bytes."""
    directory.mkdir(exist_ok=True)
    (directory / "courses.json").write_bytes(content)
    return directory


def add_materials(directory: Path, *lines: Any) -> Path:
    """The same folder with these lines in its materials.jsonl."""
    return add_raw_materials(directory, "".join(f"{json.dumps(line)}\n" for line in lines).encode())


def add_raw_materials(directory: Path, content: bytes) -> Path:
    """The same folder with a materials.jsonl of these bytes."""
    directory.mkdir(exist_ok=True)
    (directory / "materials.jsonl").write_bytes(content)
    return directory


def material(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A film for all weeks of the course of `course()`."""
    usual = {
        "course": "BOTANY",
        "url": f"https://films.example/{number}",
        "kind": "video",
        "title": f"Film {number}",
    }
    return without_none(usual | changes)


def course(code: str = "BOTANY", *weeks: Any, **changes: Any) -> dict[str, Any]:
    """A course of two weeks, unless others are given."""
    usual = [week(1, "Roots"), week(2, "Leaves")]
    return without_none({"code": code, "title": f"All about {code}", "weeks": list(weeks) or usual} | changes)


def week(number: Any, topic: Any, **changes: Any) -> dict[str, Any]:
    return without_none({"week": number, "topic": topic} | changes)


def without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given as None is left out."""
    return {key: value for key, value in given.items() if value is not None}


def add_questions(directory: Path, *lines: Any) -> Path:
    """The same folder with these lines in its questions.jsonl."""
    directory.mkdir(exist_ok=True)
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    (directory / "questions.jsonl").write_text(text)
    return directory


def question(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A question of the quiz Plants in the first week of the course of `course()`."""
    usual = {
        "course": "BOTANY",
        "quiz": "Plants",
        "week": 1,
        "id": f"plants:{number}",
        "type": "mc_single",
        "prompt": f"Question {number}?",
        "choices": ["a leaf", "a root"],
        "answer": ["a root"],
    }
    return without_none(usual | changes)
