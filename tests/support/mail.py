"""A mail server that does as it is told, and the mails that wait to be sent to it."""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, AnyStr
from uuid import UUID

import psutil
import psycopg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.postgres import free_port

HANG = "hang"
"""In the place of a reply: say nothing until the client leaves."""

PATIENCE = 60.0
"""Seconds after which what has not come yet is taken for lost."""


@dataclass(frozen=True)
class Received:
    """A mail as it arrived."""

    message: EmailMessage
    raw: bytes
    sender: str
    recipient: str
    at: float
    """By time.monotonic()."""

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def delivery_id(self) -> UUID:
        return UUID(self.message_id.strip("<>").partition("@")[0])


class _Smtp(SMTP):
    """Writes a byte that is no UTF-8 where a reply has a lone surrogate in its place."""

    async def push(self, status: AnyStr) -> None:
        await super().push(status.encode("utf-8", "surrogateescape") if isinstance(status, str) else status)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Smtp(self.handler, **self.SMTP_kwargs)


@dataclass
class MailServer:
    """A mail server: what it received, and what it replies where it does not simply take a mail."""

    port: int
    received: list[Received] = field(default_factory=list)
    to_sender: list[str] = field(default_factory=list)
    """Replies to MAIL FROM, one after the other."""
    to_recipient: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Replies to RCPT TO, by address. HANG stays."""
    to_data: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Replies to the message itself, by the address of its recipient. HANG stays."""
    reached: list[str] = field(default_factory=list)
    """The recipients that were named, in order."""
    sessions: int = 0
    """How many clients said hello."""
    goodbyes: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    _controller: Controller | None = None

    def start(self) -> None:
        self._controller = _Controller(self, hostname="127.0.0.1", port=self.port, **self.options)
        self._controller.start()

    def stop(self) -> None:
        """Go away, and throw out who is connected."""
        if self._controller is not None:
            self._controller.stop(no_assert=True)
            self._controller = None

    def let_go(self) -> None:
        """Take everything from now on, and what hangs."""
        for replies in (*self.to_recipient.values(), *self.to_data.values()):
            replies.clear()

    # What aiosmtpd calls.

    async def handle_EHLO(  # noqa: N802
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions += 1
        return responses

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_sender:
            return self.to_sender.pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.reached.append(address)
        reply = await self._reply(self.to_recipient[address])
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        (recipient,) = envelope.rcpt_tos
        raw = envelope.original_content
        assert raw is not None
        reply = await self._reply(self.to_data[recipient])
        if reply.startswith("250"):
            message = message_from_bytes(raw, policy=default)
            self.received.append(Received(message, raw, str(envelope.mail_from), recipient, time.monotonic()))
        return reply

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        self.goodbyes += 1
        return "221 Bye"

    async def _reply(self, replies: list[str]) -> str:
        if replies[:1] == [HANG]:
            while replies:  # noqa: ASYNC110  they are taken back by another thread
                await asyncio.sleep(0.05)
        return replies.pop(0) if replies else "250 OK"

    def connected(self) -> int:
        """How many clients are connected now."""
        return sum(
            each.status == psutil.CONN_ESTABLISHED and each.laddr.port == self.port
            for each in psutil.Process().net_connections("tcp")
        )

    def wait_for(self, number: int, patience: float = PATIENCE) -> list[Received]:
        """So many mails, as soon as they are there."""
        wait_until(lambda: len(self.received) >= number, patience)
        return self.received


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """A mail server that takes everything, until it is told otherwise. The options are aiosmtpd's."""
    server = MailServer(free_port(), options={"enable_SMTPUTF8": True, **options})
    server.start()
    try:
        yield server
    finally:
        server.let_go()
        server.stop()


def guarded(context: ssl.SSLContext, user: str, password: str) -> dict[str, Any]:
    """Options of a server that wants TLS and a login."""

    def check(
        _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        known = (given.login, given.password) == (user.encode(), password.encode())
        return AuthResult(success=known, handled=False)

    return {
        "tls_context": context,
        "require_starttls": True,
        "authenticator": check,
        "auth_required": True,
        "auth_require_tls": True,
    }


def wait_until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)


@dataclass(frozen=True)
class Outbox:
    """The outbox of a database, seen as its administrator, with a course for mails to be about."""

    connection: psycopg.Connection[Any]
    course_id: UUID

    def queue(
        self,
        name: str = "student",
        kind: str = "welcome",
        *,
        email: str | None = None,
        password_hash: str = "!",  # noqa: S107  nobody's
        full_name: str | None = None,
    ) -> UUID:
        """Queue a mail to somebody, who is made if need be."""
        address = email or address_of(name)
        row = self.connection.execute(
            "with added as ("
            "    insert into lms.users (email, full_name, role, password_hash) values (%s, %s, 'student', %s) "
            "    on conflict on constraint users_email_uq do update set full_name = excluded.full_name "
            "    returning user_id"
            ") insert into lms.email_outbox (kind, user_id, course_id) "
            "select %s, user_id, %s from added returning delivery_id",
            (
                address,
                full_name or name.title(),
                password_hash,
                kind,
                None if kind == "password_set" else self.course_id,
            ),
        ).fetchone()
        assert row is not None
        delivery_id: UUID = row[0]
        return delivery_id

    def queue_many(self, number: int, prefix: str = "student") -> None:
        """So many mails to as many people, in one transaction."""
        self.connection.execute(
            "with added as ("
            "    insert into lms.users (email, full_name, role, password_hash) "
            "    select %(prefix)s || n || '@school.example', 'Student ' || n, 'student', '!' "
            "    from generate_series(1, %(number)s) as n returning user_id"
            ") insert into lms.email_outbox (kind, user_id, course_id) "
            "select 'welcome', user_id, %(course)s from added",
            {"prefix": prefix, "number": number, "course": self.course_id},
        )

    def queue_scores(self, number: int) -> None:
        """So many mails to somebody about an attempt whose score went up and up, in one transaction."""
        with self.connection.transaction():
            self.connection.execute(
                "with quiz as ("
                "    insert into lms.quizzes (course_id, week_number, title, state, current_version) "
                "    values (%s, 1, 'Cards', 'closed', 1) returning quiz_id"
                ") insert into lms.quiz_versions (quiz_id, version_number, questions) "
                """select quiz_id, 1, '[{"id": "q1", "type": "essay", "prompt": "Why?", "points": 1000}]' """
                "from quiz",
                (self.course_id,),
            )
            self.connection.execute(
                "with student as ("
                "    insert into lms.users (email, full_name, role, password_hash) "
                "    values ('graded@school.example', 'Graded', 'student', '!') returning user_id"
                "), attempt as ("
                "    insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, state, "
                "    score, max_score, submitted_at, graded_at) "
                "    select quiz_id, 1, user_id, 1, 'graded', 1, 1000, now(), now() "
                "    from lms.quiz_versions cross join student returning attempt_id, student_id"
                "), changes as ("
                "    insert into lms.score_changes (attempt_id, score_before, score) "
                "    select attempt_id, n - 1, n from attempt cross join generate_series(1, %s) as n "
                "    returning score_change_id"
                ") insert into lms.email_outbox (kind, user_id, course_id, score_change_id) "
                "select 'score_changed', student_id, %s, score_change_id from attempt cross join changes",
                (number, self.course_id),
            )

    def state(self, delivery_id: UUID) -> tuple[str, int]:
        """State and number of attempts of a mail."""
        row = self.connection.execute(
            "select state, attempts from lms.email_outbox where delivery_id = %s", (delivery_id,)
        ).fetchone()
        assert row is not None
        state, attempts = row
        return str(state), int(attempts)

    def reply(self, delivery_id: UUID) -> str | None:
        row = self.connection.execute(
            "select reply from lms.email_outbox where delivery_id = %s", (delivery_id,)
        ).fetchone()
        assert row is not None
        reply: str | None = row[0]
        return reply

    def settled(self, delivery_id: UUID, patience: float = PATIENCE) -> tuple[str, int]:
        """The same, once it is no longer queued."""
        wait_until(lambda: self.state(delivery_id)[0] != "queued", patience)
        return self.state(delivery_id)

    def attempted(self, delivery_id: UUID, attempts: int) -> None:
        """Return once a mail was tried so often, and put off."""
        put_off = (
            "select from lms.email_outbox where delivery_id = %s and attempts = %s and reply is not null "
            "and next_attempt_at > now() + interval '1 minute'"
        )
        wait_until(lambda: self.connection.execute(put_off, (delivery_id, attempts)).fetchone() is not None)

    def backlog(self) -> int:
        row = self.connection.execute(
            "select count(*) from lms.email_outbox where state = 'queued'"
        ).fetchone()
        assert row is not None
        waiting: int = row[0]
        return waiting

    def hurry(self) -> None:
        """Make everything due that waits, and tell the workers."""
        self.connection.execute("update lms.email_outbox set next_attempt_at = now() where state = 'queued'")
        self.connection.execute("notify lms_deliveries")


def in_latin_1(reply: str) -> str:
    """A reply that the mail server writes in Latin-1."""
    return reply.encode("latin-1").decode("utf-8", "surrogateescape")


def address_of(name: str) -> str:
    return f"{name}@school.example"


def open_outbox(connection: psycopg.Connection[Any]) -> Outbox:
    """Found a school with one course in an empty database."""
    row = connection.execute(
        "with lecturer as ("
        "    insert into lms.users (email, full_name, role, password_hash) "
        "    values ('lecturer@school.example', 'Ada Lovelace', 'lecturer', '!') returning user_id"
        "), term as ("
        "    insert into lms.terms (code, title, starts_on, ends_on) "
        "    values ('2026-AUTUMN', 'Autumn 2026', '2026-09-01', '2026-12-18') returning term_id"
        ") insert into lms.courses (code, title, term_id, lecturer_id, capacity, state) "
        "select 'CS101', 'Analytical Engines', term_id, user_id, 30, 'published' from lecturer cross join term "
        "returning course_id"
    ).fetchone()
    assert row is not None
    return Outbox(connection, row[0])
