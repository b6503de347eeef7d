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

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, StringConstraints

from api.models.common import WeekOrNone
from api.models.materials import Kind, MaterialTitle, Url
from api.operations.source_files import Line, SourceFile, checked, kind_of

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
class MaterialSource(SourceFile):
    """The materials of a file."""

    name: ClassVar = FILE

    materials: list[SourceMaterial] = field(default_factory=list)
    files: int = 0
    """Lines that name a file in place of an address."""


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
