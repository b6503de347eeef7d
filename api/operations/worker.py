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
from typing import Any, Final, TypeVar

import asyncpg
import uvloop
from tenacity import (
    AsyncRetrying,
    before_sleep_log,
    retry_if_exception_type,
    retry_if_not_exception_type,
    wait_random_exponential,
)

from api.database.pool import UNAVAILABLE, Pool, connect_pool
from api.database.roles import WORKER_ROLE
from api.operations.failures import FailureError
from api.operations.grading import regrade, submit_overdue
from api.operations.mail.sender import LEASE_MARGIN, Sender, letterhead_of, transport_of
from api.operations.sweep_files import sweep
from api.operations.terminal import tell
from api.repositories import deliveries
from api.roles import UnfitRoleError, check_role
from api.settings import Settings
from api.storage.store import StorageError, open_store

logger = logging.getLogger(__name__)

T = TypeVar("T")

SENDERS: Final = 4
"""Mails that can be under way at once: one that hangs leaves the others three."""

POLL_SECONDS: Final = 2.0
"""Between two looks for what nobody told us of: a mail that is due again, or a notice that was lost."""

OLD_BATCH: Final = 1_000
"""Old mails that are deleted by one statement, so that none runs into its time-out, however many there are."""

_CHANNEL: Final = "lms_deliveries"
_REGRADES: Final = "lms_regrades"
_ACQUIRE_SECONDS: Final = 5.0
_STATEMENT_SECONDS: Final = 35.0
"""Longer than the server lets a statement of the worker run: who says nothing until then is not there any more."""
_GOODBYE_SECONDS: Final = 1.0


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
            Sender(settings, pool, transport_of(settings), scores_last=number > 0)
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


async def _watch(pool: Pool, news: asyncio.Event, senders: Iterable[Sender]) -> None:
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
