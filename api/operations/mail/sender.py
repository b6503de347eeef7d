"""What sends the mails of the outbox, one after the other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import sha256
from math import ceil
from secrets import token_urlsafe
from traceback import extract_tb
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from api.database.pool import UNAVAILABLE, Pool
from api.models.deliveries import ClaimedDelivery
from api.operations.failures import FailureError
from api.operations.mail.messages import Letterhead, compose, invitation_link, sender_of
from api.operations.mail.transports import (
    FolderTransport,
    NotNowError,
    RefusedError,
    SmtpTransport,
    Transport,
    UnreachableError,
)
from api.repositories import account_tokens, deliveries
from api.settings import Settings

logger = logging.getLogger(__name__)

LEASE_MARGIN: Final = 5
"""Seconds that a mail stays taken beyond those it may take to send: to say how it went."""

IDLE_SECONDS: Final = 10.0
"""After which a connection to the mail server that has nothing to do is ended."""

SMTP_WAIT_SECONDS: Final = 15.0
"""The longest wait between two attempts to reach a mail server that is down."""

_NOWHERE: Final = Letterhead(sender_of("LMS <no-reply@lms.example>"), "http://127.0.0.1:8000", 14)
"""What messages say that only ever lie in a folder, where the settings say nothing."""


def letterhead_of(settings: Settings) -> Letterhead:
    """What all messages have in common. Raises FailureError where LMS_MAIL_FROM is no address."""
    try:
        sender = _NOWHERE.sender if settings.mail_from is None else sender_of(settings.mail_from)
    except ValueError as error:
        raise FailureError(f"LMS_MAIL_FROM: {error}.") from None
    return Letterhead(sender, settings.public_url or _NOWHERE.public_url, settings.invitation_days)


def transport_of(settings: Settings) -> Transport:
    """The way that mails go."""
    if settings.smtp_host is None:
        return FolderTransport(settings.data_dir / "mail")
    return SmtpTransport(settings, host=settings.smtp_host, sender=letterhead_of(settings).sender.addr_spec)


class _DatabaseAwayError(Exception):
    """The database went away while a mail was written."""


class Sender:
    """Takes one mail after the other and sends it, if need be those about changed scores after all others."""

    def __init__(self, settings: Settings, pool: Pool, transport: Transport, *, scores_last: bool) -> None:
        self.news = asyncio.Event()
        """Set by whoever knows of mails to send."""
        self.stopping = False
        self.has_mail = False
        """Whether it must not be cut off: it has a mail, or is about to get one."""
        self._settings = settings
        self._letterhead = letterhead_of(settings)
        self._pool = pool
        self._transport = transport
        self._scores_last = scores_last

    async def run(self) -> None:
        try:
            while not self.stopping:
                await self._hear_of_mail()
                await self._send_what_is_due()
        finally:
            await self._transport.close()

    async def _hear_of_mail(self) -> None:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self.news.wait()
        except TimeoutError:
            await self._transport.close()
            await self.news.wait()

    async def _send_what_is_due(self) -> None:
        while not self.stopping:
            # Before the look, so that what is heard during it leads to another one.
            self.news.clear()
            await self._be_ready()
            self.has_mail = True
            try:
                if not await self._send_one():
                    return
            finally:
                self.has_mail = False

    async def _be_ready(self) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(UnreachableError),
            wait=wait_random_exponential(multiplier=0.5, max=SMTP_WAIT_SECONDS),
            before_sleep=_say_why,
        ):
            with attempt:
                await self._transport.open()

    async def _send_one(self) -> bool:
        """Whether there may be another one."""
        try:
            delivery = await deliveries.claim_delivery(
                self._pool,
                lease_seconds=ceil(self._settings.smtp_timeout) + LEASE_MARGIN,
                scores_last=self._scores_last,
            )
        except UNAVAILABLE as error:
            logger.warning("no mail can be taken for now: %s", type(error).__name__)
            return False
        if delivery is None:
            return False
        outcome = await self._try(delivery)
        if outcome is not None and not await self._note(delivery, outcome):
            logger.warning("the mail %s was taken by somebody else, who was faster", delivery.delivery_id)
        return True

    async def _try(self, delivery: ClaimedDelivery) -> Callable[[], Awaitable[int]] | None:
        """Send a mail, and return the statement that notes how it went; None where its lease had better just end."""
        settle = partial(
            deliveries.settle_delivery,
            self._pool,
            delivery_id=delivery.delivery_id,
            attempts=delivery.attempts,
        )
        postpone = partial(
            deliveries.postpone_delivery,
            self._pool,
            delivery_id=delivery.delivery_id,
            attempts=delivery.attempts,
            wait_seconds=self._settings.mail_retry_seconds,
        )
        try:
            async with asyncio.timeout(self._settings.smtp_timeout):
                link = await self._link(delivery)
                reply = await self._transport.send(
                    compose(delivery, self._letterhead, link=link), delivery.email
                )
        except _DatabaseAwayError as error:
            # So nothing could be noted either; and it was no fault of the mail.
            logger.warning("the mail %s waits for its lease to end: %s", delivery.delivery_id, error)
            return None
        except RefusedError as refusal:
            logger.warning("the mail %s was refused for good", delivery.delivery_id)
            return partial(settle, state="bounced", reply=str(refusal))
        except NotNowError as refusal:
            reply = str(refusal)
        except TimeoutError:
            reply = f"Not sent within {self._settings.smtp_timeout:g} s"
        except Exception as error:  # noqa: BLE001  one mail that cannot be written delays no other
            # A defect of ours. It is not told in its own words, which may repeat an address.
            where = extract_tb(error.__traceback__)[-1]
            reply = f"It cannot be sent: {type(error).__name__}"
            logger.error(  # noqa: TRY400
                "the mail %s cannot be sent: %s at %s:%s",
                delivery.delivery_id,
                type(error).__name__,
                where.filename,
                where.lineno,
            )
        else:
            return partial(settle, state="sent", reply=reply)
        logger.warning("the mail %s was not sent, attempt %s", delivery.delivery_id, delivery.attempts)
        return partial(postpone, reply=reply)

    async def _link(self, delivery: ClaimedDelivery) -> str | None:
        """The link that opens the account of somebody who was invited; none where it has a password."""
        if delivery.kind != "invitation":
            return None
        token = token_urlsafe(32)
        try:
            issued = await account_tokens.issue_account_token(
                self._pool,
                account_token_hash=sha256(token.encode("ascii")).digest(),
                user_id=delivery.user_id,
                valid_hours=self._letterhead.invitation_days * 24,
            )
        except UNAVAILABLE as error:
            raise _DatabaseAwayError(type(error).__name__) from error
        return None if issued is None else invitation_link(self._letterhead, token)

    async def _note(self, delivery: ClaimedDelivery, statement: Callable[[], Awaitable[int]]) -> bool:
        """Say how it went, for as long as the mail is ours; whether it still was."""
        try:
            async with asyncio.timeout(LEASE_MARGIN):
                async for attempt in AsyncRetrying(
                    retry=retry_if_exception_type(UNAVAILABLE),
                    wait=wait_random_exponential(multiplier=0.1, max=1),
                    reraise=True,
                ):
                    with attempt:
                        return await statement() > 0
        except UNAVAILABLE as error:
            logger.warning(
                "how it went with the mail %s could not be noted, so it is tried again: %s",
                delivery.delivery_id,
                type(error).__name__,
            )
        return True


def _say_why(state: RetryCallState) -> None:
    reason = None if state.outcome is None else state.outcome.exception()
    logger.warning("no mail can be sent for now: %s", reason)
