"""What is written to people, whatever they are called."""

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import Any
from uuid import UUID

import pytest

from api.models.deliveries import ClaimedDelivery
from api.operations.mail.messages import Letterhead, compose, one_line, sender_of

pytestmark = pytest.mark.once

DELIVERY_ID = UUID("01a203f3-e831-74ed-949d-a81d58a5d5d3")
LETTERHEAD = Letterhead(sender_of("The School <lms@school.example>"), "https://lms.school.example", 14)
LINK = "https://lms.school.example/invitation#token"
KINDS = ["welcome", "invitation", "dropped", "password_set", "score_changed"]
HEADERS = sorted(
    ["Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"]
)

HOSTILE = {
    "a header": "Vogel\r\nBcc: everybody@evil.example",
    "a header after a lone line feed": "Vogel\nBcc: everybody@evil.example",
    "a header after a lone carriage return": "Vogel\rBcc: everybody@evil.example",
    "a body": "Vogel\r\n\r\n<script>alert(1)</script>",
    "line separators": "Vogel\u2028Bcc: x@evil.example\u2029\x85\x0b\x0c\x1c",
    "an encoded word": "=?utf-8?q?Vogel=0D=0ABcc:_x=40evil.example?=",
    "other recipients": "a@evil.example, b@evil.example; <c@evil.example>",
    "quotes": 'Lena "the bird\\" <x@evil.example> (Vogel)',
    "many quotes": '"Vogel, Lena" <x@evil.example>, ' * 20,
    "a very long word": "x" * 10_000,
    "a very long word beyond ASCII": "é" * 10_000,
    "very many words": "Lena " * 2_000,
    "from right to left": "שלום עולם مرحبا بالعالم " * 8,
    "turned round": "Vogel\u202egro.elpmaxe\u2066",
    "emoji": "👩🏽‍🚀" * 50,
    "one dot": ".",
    "only what is left out": "<>@,;",
}


def delivery(**changes: Any) -> ClaimedDelivery:
    given: dict[str, Any] = {
        "delivery_id": DELIVERY_ID,
        "attempts": 1,
        "kind": "welcome",
        "user_id": UUID(int=7),
        "queued_at": datetime(2026, 11, 25, 2, 26, 13, tzinfo=UTC),
        "email": "lena@school.example",
        "full_name": "Lena Vogel",
        "course_code": "CS101",
        "course_title": "Analytical Engines",
        "lecturer_name": "Ada Lovelace",
        "quiz_title": "Loops",
        "score_before": "3",
        "score": "4.5",
        "max_score": "6",
    }
    return ClaimedDelivery(**given | changes)


def written(link: str | None = None, **changes: Any) -> EmailMessage:
    """The message as whoever receives it reads it."""
    raw = compose(delivery(**changes), LETTERHEAD, link=link).as_bytes()
    assert not re.search(rb"[^\r]\n|\r[^\n]", raw), "every line ends as mail wants it"
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    return message_from_bytes(raw, policy=default)


def texts(message: EmailMessage) -> tuple[str, str]:
    """The plain text and the HTML."""
    plain, html = message.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return plain.get_content(), html.get_content()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_letter_in_text_and_html(kind: str) -> None:
    message = written(kind=kind, course_title=None if kind == "password_set" else "Analytical Engines")
    assert message["Message-ID"] == f"<{DELIVERY_ID}@school.example>"
    assert message["Date"].datetime == datetime(2026, 11, 25, 2, 26, 13, tzinfo=UTC)
    assert message["From"] == "The School <lms@school.example>"
    assert message["To"] == "Lena Vogel <lena@school.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert sorted(message.keys()) == HEADERS
    for text in texts(message):
        assert "Lena Vogel" in text
        assert ("Analytical Engines" in text) == (kind != "password_set")
    assert "<p>" in texts(message)[1]


def test_an_invitation_has_the_link_where_there_is_one() -> None:
    for text in texts(written(kind="invitation", link=LINK)):
        assert LINK in text
        assert "14 days" in text
    for text in texts(written(kind="invitation")):
        assert "/invitation" not in text
        assert "https://lms.school.example" in text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("email", ["lena@school.example", "jürgen@xn--mnchen-3ya.example"])
def test_no_name_or_title_becomes_a_header(kind: str, text: str, email: str) -> None:
    message = written(
        kind=kind, email=email, full_name=text, course_title=text, course_code=text, lecturer_name=text
    )
    assert sorted(message.keys()) == HEADERS
    assert len(message.get_all("To", [])) == 1
    assert [address.addr_spec.encode("ascii", "ignore") for address in message["To"].addresses] == [
        email.encode("ascii", "ignore")
    ]
    assert not re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029\u202a-\u202e]", message["Subject"])
    assert len(list(message.iter_parts())) == 2
    assert "<script" not in texts(message)[1]


def test_without_the_care_an_encoded_word_would_be_a_header() -> None:
    """The control: the library alone refuses line breaks, but writes those that an encoded word holds; or, where it is
    newer, cannot write the message at all."""
    message = EmailMessage(policy=SMTP)
    with pytest.raises(ValueError, match="linefeed"):
        message["Subject"] = HOSTILE["a header"]
    message["Subject"] = HOSTILE["an encoded word"]
    try:
        written = message.as_bytes()
    except MessageError:
        return
    assert written.startswith(b"Subject: Vogel\r\nBcc: x@evil.example\r\n")


def test_html_shows_what_was_typed_and_does_nothing() -> None:
    _, html = texts(written(course_title="<b onclick=x()>Bold & brave</b>"))
    assert "&lt;b onclick=x()&gt;Bold &amp; brave&lt;/b&gt;" in html
    assert "<b onclick" not in html


def test_every_letter_is_kept() -> None:
    name = "Zoë Grünwald-Østergård 王小明"
    message = written(full_name=name, course_title="Élan vital")
    assert message["To"].addresses[0].display_name == name
    assert "Élan vital" in message["Subject"]
    assert name in texts(message)[0]


def test_an_address_beyond_ascii_is_written_as_it_is() -> None:
    raw = compose(delivery(email="jürgen@school.example"), LETTERHEAD, link=None).as_bytes()
    assert "To: Lena Vogel <jürgen@school.example>\r\n".encode() in raw
    raw = compose(delivery(full_name="Jürgen"), LETTERHEAD, link=None).as_bytes()
    raw.decode("ascii")


def test_sent_twice_it_has_the_same_headers() -> None:
    first, second = (written(attempts=attempts, link=LINK) for attempts in (1, 2))
    assert [pair for pair in first.items() if pair[0] != "Content-Type"] == [
        pair for pair in second.items() if pair[0] != "Content-Type"
    ]


def test_one_line_is_short_and_one_line() -> None:
    assert one_line(" a\t b\r\n\x00c ") == "a b c"
    assert len(one_line("x" * 10_000)) == 200
    assert one_line("שלום") == "שלום"


@pytest.mark.parametrize("bad", ["", "nobody", "a@b.example, c@d.example", "LMS <>", "LMS <a@b.example"])
def test_a_sender_is_one_address(bad: str) -> None:
    with pytest.raises(ValueError, match="give one address"):
        sender_of(bad)
