"""What is written to people: one message for each kind of delivery, from its two templates.

A name or a title is what somebody typed. None of it gets into a header but as one line of it, and none into HTML but
escaped.
"""

import re
import unicodedata
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.models.deliveries import ClaimedDelivery

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).resolve().parent / "templates"),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
_LINE_LIMIT: Final = 200
"""Characters of a name or title; the database allows as many."""

_SPECIALS: Final = re.compile(r'[()<>\[\]:;@\\,"]')
_DIRECTIONS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")

# 7bit, so that every mail server can take it; as UTF-8 only where an address has to be.
_PLAIN: Final = SMTP.clone(cte_type="7bit")
_INTERNATIONAL: Final = SMTPUTF8.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What all messages have in common."""

    sender: Address
    public_url: str
    """Where links lead; without a slash at its end."""
    invitation_days: int


def sender_of(mail_from: str) -> Address:
    """LMS_MAIL_FROM, read. Raises ValueError where it is not one address, with a name or without."""
    header = SMTP.header_factory("From", mail_from)
    addresses: tuple[Address, ...] = getattr(header, "addresses", ())
    if len(addresses) != 1 or header.defects or not addresses[0].username or not addresses[0].domain:
        raise ValueError("give one address, such as LMS <lms@school.example>")
    return addresses[0]


def invitation_link(letterhead: Letterhead, token: str) -> str:
    """Where somebody who was invited chooses a password. What stands behind # is sent to no server and no log."""
    return f"{letterhead.public_url}/invitation#{token}"


def compose(delivery: ClaimedDelivery, letterhead: Letterhead, *, link: str | None) -> EmailMessage:
    """The message of a delivery, in plain text and HTML.

    Sent twice it has the same Message-ID, so whoever collects mail knows it for the same.
    """
    words = {
        "name": one_line(delivery.full_name),
        "course_code": one_line(delivery.course_code or ""),
        "course_title": one_line(delivery.course_title or ""),
        "lecturer": one_line(delivery.lecturer_name or ""),
        "quiz_title": one_line(delivery.quiz_title or ""),
        "score_before": delivery.score_before,
        "score": delivery.score,
        "max_score": delivery.max_score,
        "url": letterhead.public_url,
        "link": link,
        "days": letterhead.invitation_days,
    }
    heading, _, text = _TEMPLATES.get_template(f"{delivery.kind}.txt").render(words).partition("\n\n")
    subject = heading.removeprefix("Subject: ")
    html = _TEMPLATES.get_template(f"{delivery.kind}.html").render(words, subject=subject)

    local, _, domain = delivery.email.rpartition("@")
    message = EmailMessage(_PLAIN if delivery.email.isascii() else _INTERNATIONAL)
    message["Message-ID"] = f"<{delivery.delivery_id}@{letterhead.sender.domain}>"
    message["Date"] = delivery.queued_at
    message["From"] = letterhead.sender
    message["To"] = Address(_phrase(delivery.full_name), local, domain)
    message["Subject"] = subject
    # RFC 3834: nobody's holiday notice answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def one_line(text: str, limit: int = _LINE_LIMIT) -> str:
    """What somebody typed, as part of a line: no line breaks, no control characters, no change of direction.

    Letters that run from right to left stay; what would turn round the words that follow them does not.
    """
    visible = "".join(" " if unicodedata.category(each) in {"Cc", "Zl", "Zp"} else each for each in text)
    # The library would decode an encoded word (RFC 2047) that was typed, and write the line breaks in it.
    line = " ".join(_DIRECTIONS.sub("", visible).replace("=?", "= ?").split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _phrase(name: str) -> str:
    """A name before an address. Without what would have to be quoted there, since folding can lose the quotes."""
    return " ".join(_SPECIALS.sub(" ", one_line(name)).split())
