"""The worker, `lms worker`: sends the mails that lie in the outbox, and does what else is asked for or is due.

A few senders work side by side, each with its own connection to the mail server, which it makes before it takes a
mail: a server that is down costs no mail an attempt. All but one leave the mails that a regrade queues for last. A mail
is taken with a lease in one statement, sent with no transaction open, and settled in another statement. Whoever dies in
between leaves a mail that is due again when the lease ends, so each is sent at least once, and always under the same
Message-ID.

PostgreSQL tells of new mails (`listen lms_deliveries`) and regrades (`listen lms_regrades`); whatever it could not tell
of is found by looking.
"""

import asyncio
import logging
import random
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from math import ceil
from secrets import token_urlsafe
from traceback import extract_tb
from typing import Any, Final, TypeVar

import asyncpg
import uvloop
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    before_sleep_log,
    retry_if_exception_type,
    retry_if_not_exception_type,
    wait_random_exponential,
)

from api.database.pool import UNAVAILABLE, Pool, connect_pool
from api.database.roles import WORKER_ROLE
from api.models.deliveries import ClaimedDelivery
from api.operations.failures import FailureError
from api.operations.grading import regrade, submit_overdue
from api.operations.mail.messages import Letterhead, compose, invitation_link, sender_of
from api.operations.mail.transports import (
    FolderTransport,
    NotNowError,
    RefusedError,
    SmtpTransport,
    Transport,
    UnreachableError,
)
from api.operations.sweep_files import sweep
from api.operations.terminal import tell
from api.repositories import account_tokens, deliveries
from api.roles import UnfitRoleError, check_role
from api.settings import Settings
from api.storage.store import StorageError, open_store

logger = logging.getLogger(__name__)

T = TypeVar("T")

SENDERS: Final = 4
"""Mails that can be under way at once: one that hangs leaves the others three."""

LEASE_MARGIN: Final = 5
"""Seconds that a mail stays taken beyond those it may take to send: to say how it went."""

POLL_SECONDS: Final = 2.0
"""Between two looks for what nobody told us of: a mail that is due again, or a notice that was lost."""

IDLE_SECONDS: Final = 10.0
"""After which a connection to the mail server that has nothing to do is ended."""

SMTP_WAIT_SECONDS: Final = 15.0
"""The longest wait between two attempts to reach a mail server that is down."""

OLD_BATCH: Final = 1_000
"""Old mails that are deleted by one statement, so that none runs into its time-out, however many there are."""

_CHANNEL: Final = "lms_deliveries"
_REGRADES: Final = "lms_regrades"
_ACQUIRE_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 35.0
"""Longer than the server lets a statement of the worker run: who says nothing until then is not there any more."""
_GOODBYE_SECONDS: Final = 1.0
_NOWHERE: Final = Letterhead(sender_of("LMS <no-reply@lms.example>"), "http://127.0.0.1:8000", 14)
"""What messages say that only ever lie in a folder, where the settings say nothing."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done at the start and from time to time, whatever else goes on."""

    name: str
    seconds: float
    """Between the end of one run and the beginning of the next."""
    run: Callable[[Pool], Awaitable[object]]
    channel: str | None = None
    """What PostgreSQL notifies when there is something to do before that."""


def jobs(settings: Settings) -> Sequence[Job]:
    """All of them. Raises StorageError where the settings name a store of files that cannot be used."""
    return (
        Job("deleting old deliveries", 3_600, _delete_old_deliveries),
        Job("sweeping files", 60, partial(sweep, store=open_store(settings))),
        Job("handing in overdue attempts", 2, submit_overdue),
        Job("regrading", POLL_SECONDS, regrade, _REGRADES),
    )


def work(settings: Settings) -> None:
    """Run the worker until SIGTERM or SIGINT; mails under way are finished.

    Raises:
        FailureError, StorageError, asyncpg.PostgresError: the worker cannot run with these settings, or as this role.
    """
    check_settings(settings)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    ours = logging.getLogger("api")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)

    async def until_told() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(settings, stop, on_ready=lambda: tell(f"Mail goes to {destination(settings)}."))

    try:
        uvloop.run(until_told())
    except UnfitRoleError as error:
        raise FailureError(str(error)) from error
    tell("Stopped.")


def check_settings(settings: Settings) -> None:
    """Raises FailureError where a mail server is named and something it takes to write mails is not."""
    letterhead_of(settings)
    needed = {"LMS_MAIL_FROM": settings.mail_from, "LMS_PUBLIC_URL": settings.public_url}
    missing = [variable for variable, value in needed.items() if value is None]
    if settings.smtp_host is not None and missing:
        raise FailureError(
            f"With LMS_SMTP_HOST, set {' and '.join(missing)} too: `lms config` says what for."
        )


def destination(settings: Settings) -> str:
    """Where mail goes, fit for a sentence."""
    if settings.smtp_host is not None:
        return f"{settings.smtp_host}, port {settings.smtp_port}"
    return f"the folder {settings.data_dir / 'mail'}, since LMS_SMTP_HOST is not set"


def letterhead_of(settings: Settings) -> Letterhead:
    """What all messages have in common. Raises FailureError where LMS_MAIL_FROM is no address."""
    try:
        sender = _NOWHERE.sender if settings.mail_from is None else sender_of(settings.mail_from)
    except ValueError as error:
        raise FailureError(f"LMS_MAIL_FROM: {error}.") from None
    return Letterhead(sender, settings.public_url or _NOWHERE.public_url, settings.invitation_days)


async def run(settings: Settings, stop: asyncio.Event, *, on_ready: Callable[[], object]) -> None:
    """Work until `stop` is set. Outlives every restart of the database and of the mail server.

    Raises:
        FailureError, StorageError, UnfitRoleError, asyncpg.PostgresError: something that waiting does not mend.
    """
    try:
        await _run(settings, stop, on_ready)
    except Exception as failure:  # noqa: BLE001  raised again, out of its group
        error = failure
        while isinstance(error, ExceptionGroup):
            # What one task meets with ends them all, and comes in a group.
            error = error.exceptions[0]
        if (refusal := _refusal(error)) is not None:
            raise refusal from error
        raise error from None


def _refusal(error: Exception) -> FailureError | None:
    """What is to be said of LMS_WORKER_URL, if the error is about that."""
    match error:
        case (
            asyncpg.ClientConfigurationError()
            | asyncpg.InvalidAuthorizationSpecificationError()
            | asyncpg.InvalidCatalogNameError()
        ):
            return FailureError(f"No connection to PostgreSQL ({error}): check LMS_WORKER_URL.")
        case asyncpg.InsufficientPrivilegeError():
            return FailureError(
                f"PostgreSQL refused ({error}): let LMS_WORKER_URL name {WORKER_ROLE} "
                "(`lms roles` gives it a login)."
            )
    return None


async def _run(settings: Settings, stop: asyncio.Event, on_ready: Callable[[], object]) -> None:
    recurring = jobs(settings)
    async with AsyncExitStack() as stack:
        pool = await _unless(stop, _connect(settings))
        if pool is None:
            return
        stack.push_async_callback(pool.close, _GOODBYE_SECONDS)
        on_ready()
        senders = [
            # One takes all mails as they come, so that changed scores do not wait for ever.
            Sender(settings, pool, _transport(settings), scores_last=number > 0)
            for number in range(SENDERS)
        ]
        news = asyncio.Event()
        channels = {_CHANNEL: news, **{job.channel: asyncio.Event() for job in recurring if job.channel}}
        async with asyncio.TaskGroup() as group:
            sending = {group.create_task(sender.run()): sender for sender in senders}
            others = [
                group.create_task(_listen(settings.require_worker_url(), channels)),
                group.create_task(_watch(pool, news, senders)),
                *(group.create_task(_do(job, pool, channels.get(job.channel or ""))) for job in recurring),
            ]
            await stop.wait()
            for sender in senders:
                sender.stopping = True
            # By then the lease of every mail has ended, and nothing is left to wait for.
            too_late = time.monotonic() + settings.smtp_timeout + LEASE_MARGIN
            pending: set[asyncio.Task[None]] = {*others, *sending}
            while pending:
                for task in pending:
                    if task not in sending or not sending[task].has_mail or time.monotonic() > too_late:
                        task.cancel()
                # And once more: asyncio.wait_for of Python 3.11 can lose it, where a connection fails at that moment.
                _, pending = await asyncio.wait(pending, timeout=1)


def _transport(settings: Settings) -> Transport:
    if settings.smtp_host is None:
        return FolderTransport(settings.data_dir / "mail")
    return SmtpTransport(settings, host=settings.smtp_host, sender=letterhead_of(settings).sender.addr_spec)


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """The result of some work; None where it was told to stop before."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    return None


async def _connect(settings: Settings) -> Pool:
    """Connect, however long the database is away, and see to it that we are nobody but the worker."""
    url = settings.require_worker_url()
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(UNAVAILABLE)
        & retry_if_not_exception_type(asyncpg.ClientConfigurationError),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        before_sleep=before_sleep_log(logger, logging.WARNING),
        reraise=True,
    ):
        with attempt:
            # One connection for each sender, and for looking, for upkeep, for what is overdue, and for regrading.
            pool = await connect_pool(
                url,
                size=SENDERS + 4,
                acquire_timeout=_ACQUIRE_SECONDS,
                statement_timeout=_STATEMENT_SECONDS,
            )
            try:
                await check_role(pool, part="The worker", variable="LMS_WORKER_URL", role=WORKER_ROLE)
                # Upkeep, which nobody but the worker may do; none of it, so that it takes no time.
                await deliveries.delete_old_deliveries(pool, most=0)
            except BaseException:
                await pool.close(_GOODBYE_SECONDS)
                raise
            return pool
    raise AssertionError("it is tried until it succeeds")


async def _listen(url: str, channels: Mapping[str, asyncio.Event]) -> None:
    """Hear of what there is to do, on a connection of its own, since only that one is told."""
    while True:
        lost = asyncio.Event()
        try:
            connection = await asyncpg.connect(
                url, timeout=_ACQUIRE_SECONDS, command_timeout=_STATEMENT_SECONDS
            )
            try:
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                for channel, news in channels.items():
                    await connection.add_listener(channel, lambda *_, news=news: news.set())
                    # What was queued while nobody listened.
                    news.set()
                await lost.wait()
            finally:
                connection.terminate()
        except UNAVAILABLE as error:
            logger.warning("not told of news, which is looked for instead: %s", type(error).__name__)
        await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311  so that not all come back at once


async def _watch(pool: Pool, news: asyncio.Event, senders: Iterable["Sender"]) -> None:
    """Wake the senders when there is something to send."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await news.wait()
        news.clear()
        try:
            due = await deliveries.read_due_delivery(pool)
        except UNAVAILABLE as error:
            logger.warning("no mail can be taken for now: %s", type(error).__name__)
            await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311
            continue
        if due is not None:
            for sender in senders:
                sender.news.set()


async def _delete_old_deliveries(pool: Pool) -> None:
    while await deliveries.delete_old_deliveries(pool, most=OLD_BATCH) == OLD_BATCH:
        pass


async def _do(job: Job, pool: Pool, news: asyncio.Event | None) -> None:
    while True:
        if news is not None:
            news.clear()
        try:
            await job.run(pool)
        except (*UNAVAILABLE, StorageError) as error:
            logger.warning("%s has to wait: %s", job.name, type(error).__name__)
        except Exception:
            # A defect of one job is no reason to send no mail.
            logger.exception("%s failed", job.name)
        if news is None:
            await asyncio.sleep(job.seconds)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(job.seconds):
                    await news.wait()


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
