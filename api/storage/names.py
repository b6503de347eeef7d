"""File names: what becomes of a client's, and how one is put into a header."""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from api.storage import contents

MAX_LENGTH: Final = 150
"""Characters of a name. Every file system takes as many, whatever they are."""

EXTENSIONS: Final[dict[str, tuple[str, ...]]] = {
    contents.PDF: (".pdf",),
    contents.MP4: (".mp4", ".m4v"),
    contents.WEBM: (".webm",),
    contents.ODP: (".odp",),
    contents.PPTX: (".pptx",),
    contents.MARKDOWN: (".md", ".markdown"),
    contents.PLAIN: (".txt", ".text", ".csv", ".log", ".tex"),
}
"""How the name of a file of a type ends; if it has another end, the first of these is added."""

_INVISIBLE: Final = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_RESERVED: Final = re.compile(r'[<>:"|?*]')
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[^A-Za-z0-9 ._()-]")
_ATTRIBUTE: Final = "!#$&+-.^_`|~"
"""What RFC 8187 leaves as it is, besides letters and digits."""


def clean_name(given: str, media_type: str) -> str:
    """A name that is safe to show, to save under on any system, and to open: its end says what the file is.

    Folders, control and direction characters and what Windows does not take are left out; one that is empty then is
    called `file`.
    """
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if unicodedata.category(letter) not in _INVISIBLE)
    name = " ".join(_RESERVED.sub("_", shown).split()).strip(". ")
    if _DEVICE.match(name):
        name = f"_{name}"
    ends = EXTENSIONS[media_type]
    end = PurePosixPath(name).suffix if name.lower().endswith(ends) else ends[0]
    stem = name.removesuffix(end)[: MAX_LENGTH - len(end)].rstrip(". ")
    return f"{stem or 'file'}{end}"


def content_disposition(name: str) -> str:
    """`attachment` with a name (RFC 6266): in ASCII for old clients, and as it is in the form of RFC 8187."""
    letters = (each for each in unicodedata.normalize("NFKD", name) if not unicodedata.combining(each))
    plain = _PLAIN.sub("_", "".join(letters))
    if plain.startswith("."):
        plain = f"_{plain}"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE)}"
