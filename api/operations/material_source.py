"""The file materials.jsonl of an import: what there is to read and to watch, as the service would take it too.

    {"course": "PY4E", "week": 1, "title": "Introduction", "url": "https://…", "kind": "video", "source": "…"}
    {"course": "PY4E", "week": 1, "title": "Chapter 1", "path": "chapter-1.md", "kind": "text"}

One object a line. `course`, `url` and `kind` are needed; a line with a `path` in place of an address names a file,
and is left out. `kind` is one of the service's, or reference or assignment, which are links. `source` says who
listed it.

A title is taken as it stands, with the marks for code and emphasis that it may have, except that what is left of a
Markdown image or link is cut off: `![A film` and `[A film](https://…)` are A film. Without a title the address
gives one: its last segment, or else its host.
"""

import json
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, StringConstraints

from api.models.materials import Kind, MaterialTitle, Url, WeekOrNone
from api.operations.course_source import Refusal, checked
from api.operations.failures import FailureError
from api.operations.source_files import kind_of, read_text

FILE: Final = "materials.jsonl"

_KINDS: Final = {"reference": "link", "assignment": "link"}
"""Kinds that only such files have, and what the service calls them."""
_TITLE_LENGTH: Final = 300
_IMAGE_OR_LINK: Final = re.compile(r"!?\[(?P<text>[^\]]*)(?:\](?:\([^)]*\)?)?)?")


class SourceLine(BaseModel):
    """What a line says, under its own keys."""

    model_config = ConfigDict(strict=True, frozen=True)

    course: str
    url: Url
    kind: Kind
    title: MaterialTitle | None = None
    week: WeekOrNone = None
    source: Annotated[str, StringConstraints(max_length=1_000)] | None = None


@dataclass(frozen=True, slots=True)
class SourceMaterial:
    """A material, and what it was found by."""

    course_code: str
    url: str
    kind: str
    title: str | None
    """Null where the file has none: what people call it stays, and `fallback_title` is for what is new."""
    fallback_title: str
    week_number: int | None
    """Null where the file says nothing."""
    metadata: dict[str, str]
    """`source`, and as `source_kind` the kind that the service does not know."""


@dataclass(slots=True)
class MaterialSource:
    """What a file says that can be imported, and what it says that cannot."""

    materials: list[SourceMaterial] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    unknown_keys: Counter[str] = field(default_factory=Counter)
    """Keys that mean nothing here, and how often each is there."""
    files: int = 0
    """Lines that name a file in place of an address."""

    def refuse(self, place: str, reason: str) -> None:
        self.refused.append(Refusal(FILE, place, reason))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, from 1, and the JSON value that it holds, or why it holds none."""

    number: int
    value: Any = None
    defect: str | None = None


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


def read_materials(lines: list[Line], course_codes: Collection[str]) -> MaterialSource:
    """The materials of these courses. The first of two with one address in a course wins."""
    source = MaterialSource()
    seen: dict[tuple[str, str], int] = {}
    for line in lines:
        found = _read_line(source, line)
        if found is None:
            continue
        place, key = f"line {line.number}", (found.course_code, found.url)
        if found.course_code not in course_codes:
            source.refuse(
                f"{place}/course", f"There is no course {found.course_code} among those that are imported."
            )
        elif key in seen:
            source.refuse(f"{place}/url", f"The address is there already: see line {seen[key]}.")
        else:
            seen[key] = line.number
            source.materials.append(found)
    return source


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


def _read_line(source: MaterialSource, line: Line) -> SourceMaterial | None:
    place, given = f"line {line.number}", line.value
    if line.defect is not None:
        source.refuse(place, line.defect)
        return None
    if not isinstance(given, dict):
        source.refuse(place, f"Expected an object, found {kind_of(given)}.")
        return None
    if "path" in given and "url" not in given:
        source.files += 1
        return None
    source.unknown_keys.update(given.keys() - SourceLine.model_fields.keys())
    values = {key: given[key] for key in SourceLine.model_fields if key in given}
    kind, title = given.get("kind"), given.get("title")
    if isinstance(kind, str):
        values["kind"] = _KINDS.get(kind, kind)
    if isinstance(title, str):
        values["title"] = _cleaned(title) or None
    said = checked(source.refuse, place, SourceLine, values)
    if said is None:
        return None
    metadata = {"source": said.source, "source_kind": None if kind == said.kind else kind}
    return SourceMaterial(
        course_code=said.course,
        url=said.url,
        kind=said.kind,
        title=said.title,
        fallback_title=_title_of(said.url),
        week_number=said.week,
        metadata={key: value for key, value in metadata.items() if value},
    )


def _cleaned(title: str) -> str:
    remains = _IMAGE_OR_LINK.fullmatch(title.strip())
    return (remains["text"] if remains else title).strip()


def _title_of(url: str) -> str:
    """What an address in canonical form says of itself."""
    parts = urlsplit(url)
    segment = " ".join(unquote(parts.path.rstrip("/").rpartition("/")[2]).split())
    title = segment if segment.isprintable() and segment else parts.netloc
    return title[:_TITLE_LENGTH].strip()
