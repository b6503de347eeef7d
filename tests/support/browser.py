"""A browser that is told what to do, by the DevTools protocol over a pipe: as somebody would, with a keyboard."""

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 60.0
"""Seconds after which a browser that does not answer is taken for stuck."""

OFFLINE: Final = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
"""There is no internet: every name but this machine's is unknown."""

ARGUMENTS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--disable-extensions"),
    OFFLINE,
)


class Tab:
    """An open tab, and what happened in it."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._received = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command, and give what it results in."""
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._received:
            ready, _, _ = select.select([self._answers], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            received = os.read(self._answers, 65_536)
            assert received, "the browser has ended"
            self._received += received
        message, _, self._received = self._received.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def open(self, address: str) -> None:
        """Go to an address, anew also where only what is behind the # differs."""
        for each in ("about:blank", address):
            self.call("Page.navigate", url=each)
            self.wait(f"location.href === {json.dumps(each)} && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until this is true in the page."""
        deadline = time.monotonic() + PATIENCE
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.02)

    def type(self, field: str, text: str) -> None:
        """Type into an empty field, found by its id."""
        self.evaluate(
            f"{{ const field = document.getElementById({field!r}); field.value = ''; field.focus(); }}"
        )
        self.call("Input.insertText", text=text)

    def click(self, what: str) -> None:
        self.evaluate(f"document.getElementById({what!r}).click()")

    def happened(self, method: str) -> list[dict[str, Any]]:
        """The events of one kind so far."""
        return [event["params"] for event in self.events if event.get("method") == method]


@contextmanager
def browsing(program: str, profile: Path) -> Iterator[Tab]:
    """A browser with one tab, ended with the block."""
    theirs, commands = os.pipe()
    answers, their_answers = os.pipe()
    # It takes commands from the descriptor 3 and answers on 4.
    script = f'exec "$0" "$@" 3<&{theirs} 4>&{their_answers}'
    with subprocess.Popen(
        ["bash", "-c", script, program, *ARGUMENTS, f"--user-data-dir={profile}", "--remote-debugging-pipe"],
        pass_fds=(theirs, their_answers),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(theirs)
        os.close(their_answers)
        try:
            yield Tab(commands, answers)
        finally:
            process.kill()
            os.close(commands)
            os.close(answers)
