"""/docs shows every operation in a browser that reaches nothing but this service."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

pytestmark = pytest.mark.once

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def browser() -> str:
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser is installed: {', '.join(BROWSERS)}")


@pytest.fixture
def shown(browser: str, tmp_path: Path) -> Callable[[str], tuple[str, set[str]]]:
    """What a browser makes of an address, and the hosts that it asked for anything."""

    def show(address: str) -> tuple[str, set[str]]:
        log = tmp_path / "network.json"
        result = subprocess.run(
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *("--disable-dev-shm-usage", "--disable-extensions"),
                f"--user-data-dir={tmp_path / 'profile'}",
                f"--log-net-log={log}",
                # There is no internet: every name but this machine's is unknown.
                "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
                "--virtual-time-budget=10000",
                "--dump-dom",
                address,
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        events = [event.get("params") or {} for event in json.loads(log.read_text())["events"]]
        # What the browser asks on its own account, such as for an update of itself, has no origin.
        asked = [
            found["url"] for found in events if found.get("initiator", "not an origin") != "not an origin"
        ]
        return result.stdout, {urlsplit(url).netloc for url in asked}

    return show


def test_the_page_shows_every_operation_and_asks_no_other_host(
    service: httpx.Client, shown: Callable[[str], tuple[str, set[str]]]
) -> None:
    page, hosts = shown(f"{service.base_url}/docs")
    document = service.get("/schema/openapi.json").json()
    text = re.sub(r"<[^>]+>|\u200b", "", page)
    assert document["info"]["title"] in text
    for path, item in document["paths"].items():
        assert path in text
        for operation in item.values():
            assert operation["summary"] in text
    assert "Failed to load" not in text
    assert hosts == {urlsplit(str(service.base_url)).netloc}


def test_the_page_may_load_from_this_service_alone(service: httpx.Client) -> None:
    answer = service.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", answer.text)
    for asset in re.findall(r'(?:src|href)="(/[^"]+)"', answer.text):
        assert service.get(asset).status_code == 200


class Elsewhere(BaseHTTPRequestHandler):
    """A page whose script comes from another host."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b'<script src="http://elsewhere.invalid/script.js"></script>')

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_the_browser_test_would_notice_another_host(shown: Callable[[str], tuple[str, set[str]]]) -> None:
    """The control."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _, hosts = shown(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    assert "elsewhere.invalid" in hosts
