"""Files: what is uploaded, on its way and when it is there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from api.models.common import Request, Response
from api.models.materials import MaterialTitle

FileKind = Annotated[
    Literal["pdf", "video", "slides", "text"],
    Field(description="What it is; the file has to be of a type that fits."),
]
Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(description="The SHA-256 of the file in hexadecimal, if the service is to check it."),
]


class NewFile(Request):
    """The fields of a form that stand before the file."""

    title: MaterialTitle
    kind: FileKind
    week_number: int | None = Field(
        default=None, ge=1, le=53, description="The week it is for; left out for all."
    )
    sha256: Sha256 | None = Field(default=None)


class Upload(Response):
    """An upload that was announced. No client sees it."""

    id: UUID
    due_at: datetime


class StoredFile(Response):
    """The file of a material, for a download. No client sees it."""

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a material once the bytes of its file are there."""

    week_number: int | None
    kind: str
    title: str
    name: str
    media_type: str
    byte_size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class FileKey:
    """A file that is to be removed."""

    file_id: UUID


@dataclass(frozen=True, slots=True)
class FileState:
    """How far a file is."""

    state: str
