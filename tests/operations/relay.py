"""Workers for tests: in a thread, or as `lms worker` in a process of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import uvloop
from pydantic import SecretStr

from api.operations.worker import run
from api.settings import Settings
from tests.cli.support import starting, wait_until
from tests.conftest import TestDatabase
from tests.support.mail import MailServer
from tests.support.service import settings_for

SENDER = "The School <lms@school.example>"
PUBLIC_URL = "https://lms.school.example"


def relay_settings(database: TestDatabase, mail: MailServer, **changes: Any) -> Settings:
    """The settings of a worker that sends to a mail server, and tries again soon."""
    given: dict[str, Any] = {
        "worker_url": SecretStr(database.server.url(database.name, "lms_worker")),
        "smtp_host": "127.0.0.1",
        "smtp_port": mail.port,
        "smtp_tls": "none",
        "smtp_timeout": 5.0,
        "mail_from": SENDER,
        "public_url": PUBLIC_URL,
        "mail_retry_seconds": 1,
    }
    return settings_for(database.server, database.name, **given | changes)


@contextmanager
def relaying(settings: Settings) -> Iterator[None]:
    """A worker in a thread, from when it is ready until it has stopped."""
    ready, stop, ended = threading.Event(), asyncio.Event(), list[BaseException | None]()
    loops = list[asyncio.AbstractEventLoop]()

    async def work() -> None:
        loops.append(asyncio.get_running_loop())
        await run(settings, stop, on_ready=ready.set)

    def live() -> None:
        try:
            uvloop.run(work())
        except BaseException as error:  # noqa: BLE001  shown by the test's own thread
            ended.append(error)
        else:
            ended.append(None)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        wait_until(lambda: ready.is_set() or bool(ended))
        yield
    finally:
        if not ended:
            loops[0].call_soon_threadsafe(stop.set)
        thread.join(60)
    if ended[0] is not None:
        raise ended[0]


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give `lms worker` these settings."""
    assert settings.worker_url is not None
    return {
        "LMS_WORKER_URL": settings.worker_url.get_secret_value(),
        "LMS_SMTP_HOST": settings.smtp_host or "",
        "LMS_SMTP_PORT": str(settings.smtp_port),
        "LMS_SMTP_TLS": settings.smtp_tls,
        "LMS_SMTP_TIMEOUT": str(settings.smtp_timeout),
        "LMS_MAIL_FROM": settings.mail_from or "",
        "LMS_PUBLIC_URL": settings.public_url or "",
        "LMS_MAIL_RETRY_SECONDS": str(settings.mail_retry_seconds),
    }


@contextmanager
def worker(output: Path, settings: Settings, **environment: str) -> Iterator[Popen[bytes]]:
    """`lms worker`, from when it is ready."""
    with starting(output, "worker", **environment_of(settings) | environment) as process:
        wait_until(lambda: "Mail goes to" in output.read_text() or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield process
