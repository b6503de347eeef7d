"""Materials: what there is to read and to watch for a course, as references and as files."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from api.models.common import ABSENT, PageOf, Request, Response, WeekOrNone, read_time

MAX_URL_LENGTH: Final = 2_000
"""Characters of an address, so that its index entry fits."""

_ADDRESS: Final = TypeAdapter(AnyHttpUrl)
_BEGINNING: Final = re.compile(r"https?://[^/\\]", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def canonical_url(url: str) -> str:
    """A web address in the one form in which it is stored and compared (WHATWG URL).

    That is ASCII: the host in lower case and Punycode, the rest percent-encoded, without a default port, and
    with a path, be it `/`. Whether anything is there is not asked.

    Raises:
        ValueError: it is no address that begins with http:// or https://, it holds a user name or a password,
            or it has more than 2,000 characters. The message says which.
    """
    given = url.strip()
    # The standard would repair both: `http:example.org`, and a line break within.
    if not _BEGINNING.match(given):
        raise ValueError("Give an address that begins with http:// or https:// and a host.")
    if _CONTROL.search(given):
        raise ValueError("An address cannot hold control characters.")
    try:
        found = _ADDRESS.validate_python(given)
    except ValidationError as error:
        raise ValueError(f"{error.errors()[0]['msg']}.") from None
    if found.username or found.password:
        raise ValueError("An address for everybody cannot hold a user name or a password.")
    canonical = str(found)
    if len(canonical) > MAX_URL_LENGTH:
        raise ValueError(f"The address has more than {MAX_URL_LENGTH:,} characters in ASCII.")
    return canonical


def _canonical_field(url: str) -> str:
    try:
        return canonical_url(url)
    except ValueError as error:
        raise PydanticCustomError("url", "{reason}", {"reason": str(error)}) from None


Url = Annotated[
    str,
    StringConstraints(max_length=MAX_URL_LENGTH),
    AfterValidator(_canonical_field),
    Field(
        description="An address that begins with http:// or https://, without a user name or a password. It is kept "
        "in ASCII, and followed by nobody but whoever reads it.",
        json_schema_extra={"format": "uri"},
    ),
]
Kind = Annotated[
    Literal["pdf", "video", "link", "slides", "text"], Field(description="What is to be found there.")
]
Origin = Literal["linked", "crawled", "uploaded"]
MaterialTitle = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300),
    Field(description="1 to 300 characters; space at its ends is cut off."),
]
Metadata = Annotated[
    dict[str, Any],
    Field(
        description="What else is known, such as pages, duration or licence: a JSON object of at most 16 KiB, as "
        "PostgreSQL keeps it."
    ),
]
CrawledAt = Annotated[
    datetime,
    BeforeValidator(read_time),
    Field(description="When the crawler found it, with the offset from UTC; not in the future."),
]


class NewMaterial(Request):
    """Something to read or to watch, to be put on a course."""

    kind: Kind
    title: MaterialTitle
    url: Url
    week_number: WeekOrNone = Field(default=None, description="The week it is for; null for all.")
    metadata: Metadata = Field(default_factory=dict)


class CrawledMaterial(NewMaterial):
    """What a crawler found at an address."""

    crawled_at: CrawledAt


class MaterialPatch(Request):
    """What to change about a material; what is left out stays."""

    kind: Kind = ABSENT
    title: MaterialTitle = ABSENT
    url: Url = ABSENT
    week_number: WeekOrNone = Field(default=None, description="Null puts it to all weeks.")
    metadata: Metadata = Field(default=ABSENT, description="Replaced as a whole, not merged.")


class MaterialFile(Response):
    """The file of an uploaded material: GET /materials/{material_id}/file."""

    name: str = Field(description="What a download is called.")
    media_type: str = Field(description="What its bytes are, whatever was said of them.")
    size: int = Field(description="Bytes.")
    sha256: str = Field(description="In hexadecimal; the ETag of the file.")


class Material(Response):
    """Something to read or to watch for a course."""

    id: UUID
    course_id: UUID
    week_number: int | None = Field(description="The week of the syllabus it is for; null for all.")
    kind: Literal["pdf", "video", "link", "slides", "text"]
    origin: Origin = Field(
        description="linked (somebody put it there), crawled (found by a program) or uploaded (a file of our own)."
    )
    title: str
    url: str | None = Field(description="Where it is; null for what was uploaded.")
    file: MaterialFile | None = Field(description="The file; null for what was not uploaded.")
    crawled_at: datetime | None = Field(description="When a crawler last found it; null for what was linked.")
    metadata: dict[str, Any]
    version: int = Field(description="Counts the edits; the first part of the ETag.")
    created_at: datetime
    updated_at: datetime


class MaterialPage(PageOf):
    """A page of materials, oldest entry first."""

    items: list[Material]


class DeletedMaterial(Response):
    """What was deleted, and the file that is to be removed. No client sees it: the answer is 204."""

    id: UUID
    file_id: UUID | None
