"""The service as it runs: uvicorn with uvloop and httptools, on a port of its own, in a thread."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
import uvicorn
from pydantic import SecretStr

from api.app import create_app
from api.settings import Settings
from tests.support.postgres import Server, free_port

_FOLDER = TemporaryDirectory(prefix="lms-test-data-")
DATA = Path(_FOLDER.name)
"""The data directory of the services of this process: where what is uploaded goes."""

KEPT: Final = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=1)
"""How connections are kept. The service closes one that was idle for 5 s. And the pool closes one too many that it has
just given to another thread (httpcore 1.0.9), so there is none too many."""


def settings_for(server: Server, database: str, **changes: object) -> Settings:
    """The settings that the service would read from the environment."""
    changes = {"data_dir": DATA, **changes}
    return Settings(
        database_url=SecretStr(server.service_url(database)),
        migration_url=SecretStr(server.admin_url(database)),
        database_pooler=server.pooler,
        database_pool_size=4,
        **changes,  # type: ignore[arg-type]
    )


@contextmanager
def running_service(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a running service."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host="127.0.0.1",
            port=port,
            loop="uvloop",
            http="httptools",
            access_log=False,
            log_level="warning",
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        if not thread.is_alive():
            raise RuntimeError("the service did not start")
        time.sleep(0.05)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=KEPT) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
