"""Uploads that are cut off, and large ones: what is acknowledged is there, nothing else is, and memory stays flat.

The service is killed (SIGKILL) at random times while files go up; some clients leave in the middle besides. Then it is
started again, and swept once the leases are over. And a large file goes up and down while the memory of the service is
watched. In a folder, and in S3.
"""

import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from tests.cli.support import Running, lms, serve, wait_until
from tests.conftest import TestDatabase
from tests.support.school import School
from tests.support.storage import Bucket, Folder, Place

pytestmark = pytest.mark.once

MIB = 1024 * 1024
UPLOADERS = 6

Start = Callable[[], AbstractContextManager[Running]]


@pytest.fixture(params=["folder", "S3"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "folder":
        return Folder(request.getfixturevalue("tmp_path") / "data")
    return Bucket(request.getfixturevalue("s3"), f"bucket-{uuid4()}")


@pytest.fixture
def start(module_database: TestDatabase, place: Place, tmp_path: Path) -> Start:
    """Starts `lms serve` with one worker, on the file's database and the store."""
    return lambda: serve(
        tmp_path / "output",
        **module_database.service_environment,
        **place.environment,
    )


def content_of(size: int, number: int) -> Iterator[bytes]:
    """A PDF of so many bytes, and no other like it."""
    yield b"%PDF-1.7\n"
    piece = random.Random(number).randbytes(MIB)  # noqa: S311 - nothing secret
    for start in range(0, size, MIB):
        yield piece[: size - start]


def form(content: Iterator[bytes]) -> Iterator[bytes]:
    """A form with a file, as it is sent."""
    for name, value in (("title", "Chaos"), ("kind", "pdf")):
        yield f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="chaos.pdf"\r\n\r\n'
    yield from content
    yield b"\r\n--x--\r\n"


def upload(client: httpx.Client, school: School, content: Iterator[bytes]) -> httpx.Response:
    return client.post(
        f"/courses/{school.own['course_id']}/materials/files",
        headers={**school.headers("lecturer"), "Content-Type": "multipart/form-data; boundary=x"},
        content=form(content),
    )


def hash_of(content: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in content:
        digest.update(piece)
    return digest.hexdigest()


@dataclass
class Storm:
    """Uploads without end, some of which their client leaves; and what was acknowledged."""

    school: School
    url: str
    chance: random.Random
    acknowledged: set[str] = field(default_factory=set)
    begun: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        numbers = random.Random(self.chance.random())  # noqa: S311 - nothing secret
        while not self.over.is_set():
            number, size = numbers.randrange(2**60), numbers.randrange(1, 12) * MIB
            leaves = numbers.random() < 0.3
            self.begun += 1
            with (
                suppress(httpx.TransportError, InterruptedError),
                httpx.Client(base_url=self.url, timeout=30) as client,
            ):
                answer = upload(client, self.school, self._content(size, number, leaves=leaves))
                if answer.status_code == 201:
                    self.acknowledged.add(answer.json()["file"]["sha256"])

    def _content(self, size: int, number: int, *, leaves: bool) -> Iterator[bytes]:
        for place, piece in enumerate(content_of(size, number)):
            if leaves and place > size // MIB // 2:
                raise InterruptedError
            yield piece
            time.sleep(0.005)


def test_killed_anywhere_nothing_is_lost_and_nothing_stays(
    start: Start,
    place: Place,
    school: School,
    module_database: TestDatabase,
    full: bool,
    seed: int,
    say: Callable[[str], None],
) -> None:
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    kills = 100 if full else 2
    acknowledged: set[str] = set()
    begun = 0
    with psycopg.connect(module_database.admin_url, autocommit=True) as admin:
        admin.execute("delete from lms.materials where origin = 'uploaded'")
        admin.execute("delete from lms.files")
        for _ in range(kills):
            with start() as running:
                wait_until(lambda: _is_ready(running.url))
                storm = Storm(school, running.url, chance)
                threads = [threading.Thread(target=storm.run) for _ in range(UPLOADERS)]
                for thread in threads:
                    thread.start()
                time.sleep(chance.uniform(0.5, 2.5))
                os.kill(running.process.pid, signal.SIGKILL)
                running.process.wait()
                storm.over.set()
                for thread in threads:
                    thread.join(60)
            acknowledged |= storm.acknowledged
            begun += storm.begun

        cut_off = len(admin.execute("select from lms.files where state <> 'stored'").fetchall())
        assert cut_off > 0, "nobody was in the middle of anything: it proves nothing"
        swept = lms("files", "sweep", LMS_DATABASE_URL=module_database.admin_url, **place.environment)
        assert swept.returncode == 0, swept.stderr
        admin.execute("update lms.files set due_at = now() - interval '1 second' where state = 'uploading'")
        swept = lms("files", "sweep", LMS_DATABASE_URL=module_database.admin_url, **place.environment)
        assert swept.returncode == 0, swept.stderr

        rows: dict[str, str] = dict(
            admin.execute("select 'materials/' || file_id, encode(sha256, 'hex') from lms.files").fetchall()
        )
        states = {state for (state,) in admin.execute("select state from lms.files")}
        shown = admin.execute("select count(*) from lms.materials where origin = 'uploaded'").fetchone()
    objects = {name: hashlib.sha256(content).hexdigest() for name, content in place.objects().items()}
    assert objects == rows
    assert place.unfinished() == []
    assert states <= {"stored"}
    assert shown == (len(rows),)
    assert acknowledged <= set(rows.values())
    say(
        f"seed {seed}: {kills} kills, {begun} uploads begun, {len(acknowledged)} acknowledged, {len(rows)} stored, "
        f"{cut_off} cut off and swept"
    )


def _is_ready(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/health/ready").status_code == 200
    return False


class Watch:
    """The memory of a process, at its highest."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.highest = self.now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def now(self) -> int:
        return int(self._process.memory_info().rss)

    def _run(self) -> None:
        while not self._over.wait(0.01):
            self.highest = max(self.highest, self.now())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def test_a_large_file_passes_through_and_memory_stays_flat(
    start: Start, school: School, full: bool, say: Callable[[str], None]
) -> None:
    """1 GB with at most 50 MB more, up and down; in CI a tenth with at most 20."""
    size, bound = (1_000_000_000, 50_000_000) if full else (100 * MIB, 20_000_000)
    with start() as running, httpx.Client(base_url=running.url, timeout=600) as client:
        wait_until(lambda: _is_ready(running.url))
        for _ in range(3):
            # What is loaded once is no part of what a file takes.
            assert upload(client, school, content_of(100, 1)).status_code == 201
        before = Watch(running.process.pid).now()
        with Watch(running.process.pid) as up:
            since = time.monotonic()
            answer = upload(client, school, content_of(size, 2))
            took = time.monotonic() - since
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert made["file"]["sha256"] == hash_of(content_of(size, 2))
        with Watch(running.process.pid) as down:
            digest = hashlib.sha256()
            address = f"/materials/{made['id']}/file"
            with client.stream("GET", address, headers=school.headers("lecturer")) as file:
                for piece in file.iter_bytes():
                    digest.update(piece)
        assert digest.hexdigest() == made["file"]["sha256"]
        assert client.delete(
            f"/materials/{made['id']}", headers={**school.headers("lecturer"), "If-Match": "*"}
        ).is_success
    say(
        f"{size / 1e6:,.0f} MB at {size / took / 1e6:,.0f} MB/s: {before / 1e6:.0f} MB before, "
        f"+{(up.highest - before) / 1e6:.0f} MB up, +{(down.highest - before) / 1e6:.0f} MB down"
    )
    assert up.highest - before <= bound
    assert down.highest - before <= bound
