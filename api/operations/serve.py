"""The HTTP server: uvicorn, configured once for `lms serve` and `lms up`."""

import asyncio
import copy
import errno
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from multiprocessing import parent_process
from typing import Any, Final

import uvicorn
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.operations.failures import FailureError, sentence_for
from api.roles import UnfitRoleError
from api.settings import Settings

logger = logging.getLogger(__name__)

_Event = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Event]]
_Send = Callable[[_Event], Awaitable[None]]
_App = Callable[[_Event, _Receive, _Send], Awaitable[None]]

GRACE_SECONDS: Final = 30
"""How long requests under way may take to finish once the server is told to stop."""

_WAITING_CONNECTIONS: Final = 2048


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take the port. A connection that comes before the service is up waits in line instead of failing.

    Raises:
        FailureError: the port is taken or needs privileges, or the host is no address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise FailureError(f"{host} is no address of this machine: give another --host.") from None
    # A name may stand for several addresses; the IPv4 one is what people type.
    family, _, _, _, address = min(found, key=lambda choice: choice[0] != socket.AF_INET)
    with socket.socket(family) as listener:
        # Else the port stays taken for a minute after a run with open connections.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_WAITING_CONNECTIONS)
        except OSError as error:
            raise FailureError(_why_not_bound(error, host, port)) from error
        yield listener


def is_public(listener: socket.socket) -> bool:
    """Whether other machines can reach it."""
    host: str = listener.getsockname()[0]
    return not ip_address(host).is_loopback


def url_of(listener: socket.socket) -> str:
    """Where this machine reaches it: `http://127.0.0.1:8000`."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve_workers(settings: Settings, listener: socket.socket, *, workers: int) -> None:
    """Serve what the environment configures until a signal says stop; requests under way are finished.

    Raises:
        SystemExit: the service refused to start. It said why.
    """
    config = _config("api.operations.serve:create_supervised_app", workers=workers, log_level="info")
    if workers == 1:
        _run(uvicorn.Server(config), listener)
        return
    # Tried here first: uvicorn would start a worker that cannot even be built again and again.
    create_app(settings)
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def serve_here(
    settings: Settings,
    listener: socket.socket,
    *,
    on_started: Callable[[], None],
    beside: Callable[[asyncio.Event], Awaitable[None]] | None,
) -> None:
    """Serve in this process until a signal says stop; requests under way are finished.

    `beside` is what else to do meanwhile, until the event is set that it is given.

    Raises:
        SystemExit: the service refused to start. It said why.
    """
    config = _config(lambda: create_explaining_app(settings), workers=1, log_level="warning")
    _run(_AccompaniedServer(config, on_started, beside), listener)


def create_supervised_app() -> _App:
    """The application of one worker, which stops in order once nobody is left to supervise it.

    uvicorn's own worker would go on, keep the port, and nobody could tell it to stop.
    """
    supervisor = parent_process()
    if supervisor is not None:

        def stop_after() -> None:
            supervisor.join()
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=stop_after, daemon=True).start()
    return create_explaining_app()


def create_explaining_app(settings: Settings | None = None) -> _App:
    """The application, which says in a sentence why it does not start where that can be expected."""
    app: Any = create_app(settings)

    async def explaining(scope: _Event, receive: _Receive, send: _Send) -> None:
        async def explain(event: _Event) -> None:
            # Litestar sends this while it handles the exception.
            if event["type"] == "lifespan.startup.failed":
                event["message"] = _refusal(sys.exception()) or event["message"]
            await send(event)

        await app(scope, receive, explain if scope["type"] == "lifespan" else send)

    return explaining


class _AccompaniedServer(uvicorn.Server):
    """A server that says when it answers, and something else that runs for as long."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None],
        beside: Callable[[asyncio.Event], Awaitable[None]] | None,
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._beside = beside
        self._stop = asyncio.Event()
        self._companion: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._beside is not None:
            self._companion = asyncio.create_task(self._accompany(self._beside))
        self._on_started()

    async def _accompany(self, beside: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        try:
            await beside(self._stop)
        except Exception:
            # It is no reason to stop serving.
            logger.exception("what runs beside the service has ended")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop.set()
        await super().shutdown(sockets)
        if self._companion is not None:
            await self._companion


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # When it has stopped, uvicorn raises the signal that stopped it once more, for whoever handles it: us.
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def _config(app: str | Callable[[], _App], *, workers: int, log_level: str) -> uvicorn.Config:
    log_config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    log_config["loggers"]["api"] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return uvicorn.Config(
        app,
        factory=True,
        workers=workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=log_config,
        log_level=log_level,
        access_log=False,
        server_header=False,
        # No header of a request says who sent it.
        proxy_headers=False,
        # Idle connections would count: a hundred of them could turn every request away. The pool sheds load.
        limit_concurrency=None,
        backlog=_WAITING_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _refusal(error: BaseException | None) -> str | None:
    """Why the service did not start, if that is for whoever started it to mend."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        # Litestar starts in a task group, which wraps.
        error = error.exceptions[0]
    match error:
        case None:
            return None
        case UnfitRoleError():
            return str(error)
    return sentence_for(error)


def _why_not_bound(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is taken: stop what listens there, or give another --port."
        case errno.EACCES:
            return f"Port {port} needs privileges: give a --port of 1024 or above."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine: give another --host."
    return f"Cannot listen on {host}, port {port}: {error.strerror}."
