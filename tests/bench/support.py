"""Real servers under load, and the CPU time that they spend on it."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psutil

from api.settings import ROOT
from tests.support.postgres import free_port

CONNECTIONS: Final = 4
"""Clients that ask at once, each the next thing as soon as it has its answer."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """A running server, and one request to it."""

    pid: int
    port: int
    request: bytes


@contextmanager
def running_server(app: str, environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """Pid and port of uvicorn with one worker, configured as `lms serve` configures it."""
    port = free_port()
    options = (
        "--factory --loop uvloop --http httptools --ws none --lifespan on --no-access-log --no-proxy-headers"
    )
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", app, *options.split(), "--no-server-header"),
            *("--log-level", "warning", "--port", str(port)),
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("LMS_")}
        | dict(environment),
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"{app} did not start") from None
                time.sleep(0.05)
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def cost(target: Target, requests: int) -> float:
    """CPU seconds, user and system, that the server spends on each of so many requests."""
    before = _cpu_time(target.pid)
    asyncio.run(_load(target, requests))
    return (_cpu_time(target.pid) - before) / requests


def _cpu_time(pid: int) -> float:
    if sys.platform == "linux":
        # clock_getcpuclockid(3): the CPU-time clock of another process, exact where psutil has steps of 10 ms.
        return time.clock_gettime(~pid << 3 | 2)
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


async def _load(target: Target, requests: int) -> None:
    share, rest = divmod(requests, CONNECTIONS)
    assert not rest
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(_ask(target, share))


async def _ask(target: Target, times: int) -> None:
    """One connection, kept alive. Whatever is not a 200 with a body ends the measurement."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    for _ in range(times):
        writer.write(target.request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert length is not None, head
        assert await reader.readexactly(int(length[1])), head
    writer.close()
    await writer.wait_closed()
