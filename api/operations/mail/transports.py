"""Where messages go: to a mail server, or into a folder where there is none."""

import asyncio
import os
import time
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Protocol

import aiosmtplib

from api.operations.mail.messages import one_line
from api.settings import Settings

_REPLY_LIMIT: Final = 500
_FRESH_SECONDS: Final = 1.0
"""A connection that was used so recently is taken for alive."""
_MAILS_EACH: Final = 100
"""Mails over one connection: many servers take no more."""
_GOODBYE_SECONDS: Final = 1.0


class UnreachableError(Exception):
    """No mail can be sent at the moment, whichever it is; the reason, as a sentence without a full stop."""


class RefusedError(Exception):
    """This mail will never be taken. What the mail server said."""


class NotNowError(Exception):
    """This mail was not taken, and may be later. What the mail server said, or why it said nothing."""


class Transport(Protocol):
    """One way to send one mail after the other."""

    async def open(self) -> None:
        """Be ready for the next mail. Raises UnreachableError."""

    async def send(self, message: EmailMessage, recipient: str) -> str:
        """Send a mail, and return what was said to it. Raises RefusedError or NotNowError."""

    async def close(self) -> None:
        """End what is open. It can be opened again."""


class SmtpTransport:
    """One connection to the mail server, made again when it was lost."""

    def __init__(self, settings: Settings, *, host: str, sender: str) -> None:
        self._sender = sender
        self._timeout = settings.smtp_timeout
        password = settings.smtp_password
        self._client = aiosmtplib.SMTP(
            hostname=host,
            port=settings.smtp_port,
            username=settings.smtp_user,
            password=None if password is None else password.get_secret_value(),
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            timeout=self._timeout,
        )
        self._used_at = 0.0
        self._mails = 0

    async def open(self) -> None:
        if self._client.is_connected and await self._is_alive():
            return
        await self.close()
        try:
            async with asyncio.timeout(self._timeout):
                await self._client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            # ValueError: a login without TLS, or a host name that is none.
            self._client.close()
            raise UnreachableError(_words(error)) from error
        except BaseException:
            self._client.close()
            raise
        self._used_at = time.monotonic()
        self._mails = 0

    async def _is_alive(self) -> bool:
        if self._mails >= _MAILS_EACH:
            return False
        if time.monotonic() - self._used_at < _FRESH_SECONDS:
            return True
        try:
            async with asyncio.timeout(self._timeout):
                await self._client.noop()
        except (aiosmtplib.SMTPException, OSError):
            return False
        self._used_at = time.monotonic()
        return True

    async def send(self, message: EmailMessage, recipient: str) -> str:
        try:
            _, reply = await self._client.sendmail(
                self._sender,
                [recipient],
                message.as_bytes(),
                mail_options=[] if recipient.isascii() else ["SMTPUTF8", "BODY=8BITMIME"],
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            (refusal,) = error.recipients
            raise _refusal(refusal) from error
        except aiosmtplib.SMTPDataError as error:
            raise _refusal(error) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise RefusedError("The mail server takes no addresses beyond ASCII") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            # Whom it does not take mail from, or that it says nothing, is no matter of this mail: begin anew.
            self._client.close()
            raise NotNowError(_words(error)) from error
        except BaseException:
            # Cut off in the middle, it would take the rest of this mail for the beginning of the next.
            self._client.close()
            raise
        self._used_at = time.monotonic()
        self._mails += 1
        return _line(reply)

    async def close(self) -> None:
        if self._client.is_connected:
            with suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._client.quit()
        self._client.close()


class FolderTransport:
    """A folder with a file for each mail, named after its delivery: sent again, it takes the place of the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def open(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UnreachableError(f"{self._folder}: {error.strerror}") from error

    async def send(self, message: EmailMessage, recipient: str) -> str:
        del recipient
        try:
            name = await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise NotNowError(f"{self._folder}: {error.strerror}") from error
        return f"Written to {name}"

    def _write(self, message: EmailMessage) -> str:
        delivery_id = message["Message-ID"].strip("<>").partition("@")[0]
        path = self._folder / f"{delivery_id}.eml"
        unfinished = path.with_suffix(".tmp")
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(message.as_bytes())
        unfinished.replace(path)
        return path.name

    async def close(self) -> None:
        return


def _refusal(error: aiosmtplib.SMTPResponseException) -> RefusedError | NotNowError:
    """5xx is for good, 4xx for now."""
    kind = RefusedError if 500 <= error.code <= 599 else NotNowError  # noqa: PLR2004
    return kind(_words(error))


def _words(error: Exception) -> str:
    """What a server said, or what went wrong, in a line."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _line(f"{error.code} {error.message}")
    return _line(str(error) or type(error).__name__)


def _line(words: str) -> str:
    # aiosmtplib has lone surrogates for what is no UTF-8, which PostgreSQL takes no more than a terminal does.
    legible = words.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    # It is shown on terminals.
    return one_line(legible, _REPLY_LIMIT)
