"""What a file is, by its bytes: nothing that a client says of it is believed."""

import codecs
import re
from io import BytesIO
from typing import Final, Protocol
from zipfile import BadZipFile, ZipFile

import filetype

HEAD: Final = 8_192
"""Bytes at the beginning of a file that tell what it claims to be."""

PDF: Final = "application/pdf"
MP4: Final = "video/mp4"
WEBM: Final = "video/webm"
ODP: Final = "application/vnd.oasis.opendocument.presentation"
PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
MARKDOWN: Final = "text/markdown"
PLAIN: Final = "text/plain"

KINDS: Final[dict[str, frozenset[str]]] = {
    "pdf": frozenset((PDF,)),
    "video": frozenset((MP4, WEBM)),
    "slides": frozenset((PDF, ODP, PPTX)),
    "text": frozenset((MARKDOWN, PLAIN)),
}
"""The types that a material of a kind may be: `lms.can_hold`, known before the bytes are there."""

_ZIP: Final = b"PK\x03\x04"
_OFFICE: Final = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"ppt/")
"""How the name of the first entry of an Office document begins."""

_TAIL: Final = 1024 * 1024
"""Bytes at the end of a ZIP archive that hold its directory; more than that many entries has no set of slides."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_MARKUP: Final = re.compile(
    r"\ufeff?\s*(?:#!|<(?:!doctype|\?xml|\?php|html|head|body|script|svg|iframe)\b)", re.IGNORECASE
)
"""What a browser, or a shell, would run if it ever took the text for its own."""

_NO_TYPE: Final = (
    "Upload a PDF, an MP4 or WebM video, PPTX or ODP slides, or plain text or Markdown in UTF-8."
)


class UnfitError(Exception):
    """A file is not what may be uploaded, in a sentence for the client."""


class Check(Protocol):
    """Looks at a file piece by piece. Both raise UnfitError."""

    def feed(self, piece: bytes) -> None: ...

    def finish(self) -> None: ...


def media_type_of(head: bytes, name: str) -> str:
    """The type that a file has, if the rest is like its first HEAD bytes, which `check_of` sees to.

    Args:
        head: the beginning, all of it where it is shorter.
        name: only tells Markdown from plain text.

    Raises:
        UnfitError: it is none of the types that may be uploaded.
    """
    if not head:
        raise UnfitError("The file is empty.")
    found = filetype.guess_mime(head)
    if found in {PDF, MP4, WEBM, ODP}:
        return str(found)
    if head.startswith(_ZIP):
        if head.startswith(_OFFICE, 30):
            return PPTX
        raise UnfitError(_NO_TYPE)
    check = _Text(partial=True)
    check.feed(head)
    return MARKDOWN if name.lower().endswith((".md", ".markdown")) else PLAIN


def check_of(media_type: str) -> Check:
    """What has to hold for all the bytes of a file of this type."""
    if media_type in {MARKDOWN, PLAIN}:
        return _Text()
    if media_type in {ODP, PPTX}:
        return _Slides("ppt/presentation.xml" if media_type == PPTX else "content.xml")
    return _Nothing()


class _Nothing:
    def feed(self, piece: bytes) -> None: ...

    def finish(self) -> None: ...


class _Text:
    """UTF-8 without control characters, and no program for a browser or a shell."""

    def __init__(self, *, partial: bool = False) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._sentence = _NO_TYPE if partial else "The text is not UTF-8 without control characters."
        self._begun = False

    def feed(self, piece: bytes) -> None:
        self._check(piece, final=False)

    def finish(self) -> None:
        self._check(b"", final=True)

    def _check(self, piece: bytes, *, final: bool) -> None:
        try:
            text = self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            raise UnfitError(self._sentence) from None
        if _CONTROL.search(text):
            raise UnfitError(self._sentence)
        if not self._begun and text.strip():
            self._begun = True
            if _MARKUP.match(text):
                raise UnfitError("HTML, XML, SVG and scripts are not taken, by whatever name.")


class _Slides:
    """A ZIP archive whose directory, at its end, has the entry that makes it slides, and no macros."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._tail = bytearray()

    def feed(self, piece: bytes) -> None:
        self._tail += piece
        if len(self._tail) > 2 * _TAIL:
            del self._tail[:-_TAIL]

    def finish(self) -> None:
        try:
            with ZipFile(BytesIO(self._tail)) as archive:
                names = set(archive.namelist())
        except (BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
            raise UnfitError("The slides are damaged, or no slides at all.") from None
        if self._entry not in names:
            raise UnfitError(_NO_TYPE)
        if any(name.endswith("vbaProject.bin") for name in names):
            raise UnfitError("Slides with macros are not taken.")
