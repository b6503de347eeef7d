"""Small files of every type that may be uploaded, and of some that may not."""

import struct
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from api.storage import contents

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
MP4 = struct.pack(">I4s4sI8s", 24, b"ftyp", b"isom", 512, b"isommp42") + b"\0" * 100
WEBM = bytes.fromhex("1a45dfa39f4286810142f7810142f2810442f381084282847765626d") + b"\0" * 100
TEXT = "Grüße, 你好\r\n\tund ein Absatz.\n".encode()
MARKDOWN = b'# Title\n\n<!-- a remark -->\n<p align="center">*text*</p>\n'


def archive(*names: str, mimetype: str | None = None) -> bytes:
    """A ZIP archive with entries of these names."""
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as zipped:
        if mimetype is not None:
            zipped.writestr("mimetype", mimetype, ZIP_STORED)
        for name in names:
            zipped.writestr(name, f"<{name}>" * 50)
    return made.getvalue()


_OFFICE = ("[Content_Types].xml", "_rels/.rels", "docProps/thumbnail.jpeg", "ppt/presentation.xml")
PPTX = archive(*_OFFICE)
ODP = archive("content.xml", "styles.xml", mimetype=contents.ODP)

GOOD: dict[str, tuple[str, str, bytes, str]] = {
    "a PDF": ("pdf", "script.pdf", PDF, contents.PDF),
    "an MP4": ("video", "lecture.mp4", MP4, contents.MP4),
    "a WebM": ("video", "lecture.webm", WEBM, contents.WEBM),
    "PPTX": ("slides", "slides.pptx", PPTX, contents.PPTX),
    "ODP": ("slides", "slides.odp", ODP, contents.ODP),
    "slides as a PDF": ("slides", "slides.pdf", PDF, contents.PDF),
    "plain text": ("text", "notes.txt", TEXT, contents.PLAIN),
    "Markdown": ("text", "notes.md", MARKDOWN, contents.MARKDOWN),
    "text with a BOM": ("text", "notes.txt", b"\xef\xbb\xbf" + TEXT, contents.PLAIN),
    "text that begins like a bitmap": ("text", "cars.txt", b"BMW and others", contents.PLAIN),
}
"""By what it is: kind, name, bytes and type."""

UNFIT: dict[str, tuple[str, str, bytes]] = {
    "HTML": ("text", "page.txt", b"<!DOCTYPE html><script>alert(1)</script>"),
    "HTML after space and a BOM": ("text", "page.txt", b"\xef\xbb\xbf \n <HTML><body>"),
    "HTML called a PDF": ("pdf", "page.pdf", b"<html></html>"),
    "HTML after 10,000 spaces": ("text", "page.txt", b" " * 10_000 + b"<script>alert(1)</script>"),
    "SVG": ("text", "image.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    "XML": ("text", "image.txt", b'<?xml version="1.0"?><svg/>'),
    "a shell script": ("text", "run.txt", b"#!/bin/sh\nrm -rf ~\n"),
    "ELF": ("text", "program", b"\x7fELF\x02\x01\x01" + b"\0" * 60),
    "a Windows program": ("pdf", "setup.pdf", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff" + b"\0" * 60),
    "a PNG": ("pdf", "image.pdf", b"\x89PNG\r\n\x1a\n" + b"\0" * 60),
    "QuickTime": ("video", "film.mp4", struct.pack(">I4s4sI4s", 20, b"ftyp", b"qt  ", 512, b"qt  ")),
    "Matroska": ("video", "film.webm", bytes.fromhex("1a45dfa3a34282886d6174726f736b61") + b"\0" * 60),
    "a ZIP archive": ("slides", "slides.pptx", archive("a.txt", "b.exe")),
    "a Word document": ("slides", "slides.pptx", archive(*_OFFICE[:2], "word/document.xml")),
    "slides with macros": ("slides", "slides.pptx", archive(*_OFFICE, "ppt/vbaProject.bin")),
    "slides cut off": ("slides", "slides.pptx", PPTX[:-30]),
    "an ODF text": (
        "slides",
        "a.odp",
        archive("content.xml", mimetype="application/vnd.oasis.opendocument.text"),
    ),
    "a PDF as a video": ("video", "script.pdf", PDF),
    "a video as a PDF": ("pdf", "script.pdf", MP4),
    "slides as text": ("text", "slides.pptx", PPTX),
    "text as a PDF": ("pdf", "script.pdf", TEXT),
    "text in Latin-1": ("text", "notes.txt", "Grüße".encode("latin-1")),
    "text that ends within a letter": ("text", "notes.txt", b"a" * 9_000 + "é".encode()[:1]),
    "text with NUL": ("text", "notes.txt", b"a\0b"),
    "text with an escape sequence far in": ("text", "notes.txt", b"a" * 300_000 + b"\x1b[2J"),
    "nothing": ("text", "notes.txt", b""),
}
"""What is refused, by what it is: kind, name and bytes."""
