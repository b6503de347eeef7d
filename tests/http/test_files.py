"""Files: what may be uploaded, how it comes back, and that nothing stays of what was refused: in a folder and in S3."""

import asyncio
import hashlib
import json
import re
import socket
from collections.abc import Callable, Iterator
from email.message import Message
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from api.http.forms import read_form
from api.http.service import Service
from api.storage.contents import KINDS
from api.storage.names import EXTENSIONS, MAX_LENGTH, clean_name, content_disposition
from api.storage.store import open_store
from tests.cli.support import wait_until
from tests.conftest import TestDatabase
from tests.http.support import Client, at_once, blamed, one, refusal
from tests.http.tables import Tables
from tests.support.samples import GOOD, PDF, PPTX, TEXT, UNFIT
from tests.support.school import School
from tests.support.service import running_service, settings_for
from tests.support.storage import Bucket, Folder, Place

LIMIT = 12_000_000
"""Bytes of a file here: more than two parts of an object in S3."""

Send = Callable[..., httpx.Response]


STORES = ["folder", pytest.param("S3", marks=pytest.mark.once)]
"""Where files lie. What a bucket says to us depends on no PostgreSQL."""


@pytest.fixture(scope="module", params=STORES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    if request.param == "folder":
        return Folder(tmp_path_factory.mktemp("data"))
    return Bucket(request.getfixturevalue("s3"), "school")


@pytest.fixture(scope="module")
def storage(place: Place) -> dict[str, Any]:
    """The settings of the store."""
    return {
        name.removeprefix("LMS_").lower(): value
        for name, value in place.environment.items()
        if name.startswith("LMS_")
    }


@pytest.fixture(scope="module")
def service(
    module_database: TestDatabase,
    school: School,  # noqa: ARG001 - it is in the database
    storage: dict[str, Any],
) -> Iterator[httpx.Client]:
    settings = settings_for(module_database.server, module_database.name, upload_limit=LIMIT, **storage)
    with running_service(settings) as client:
        yield client


@pytest.fixture
def unchanged(restored: Tables, place: Place) -> Iterator[None]:
    """When the test is over, every row and every object is what it was."""
    rows, objects = restored.rows(), place.objects()
    yield
    assert (restored.rows() - rows, rows - restored.rows()) == ({}, {})
    assert place.objects() == objects
    assert place.unfinished() == []


@pytest.fixture
def clean(restored: Tables, place: Place) -> Iterator[None]:  # noqa: ARG001 - it puts the rows back
    """When the test is over, what it uploaded is deleted."""
    yield
    for name in place.objects():
        if isinstance(place, Folder):
            (place.data_dir / "files" / name).unlink()
        elif isinstance(place, Bucket):
            place.client.delete_object(Bucket=place.name, Key=f"of/tests/{name}")


@pytest.fixture
def send(lecturer: Client, course: str) -> Send:
    return partial(upload, lecturer, course)


def upload(
    client: Client,
    course: str,
    content: bytes = PDF,
    name: str = "script.pdf",
    /,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx.Response:
    """Upload a file as a browser does."""
    return client.service.post(
        f"{course}/materials/files",
        headers={**client.headers, **(headers or {})},
        data={"title": "A file", "kind": "pdf", **fields},
        files={"file": (name, content, "text/html")},
    )


class TestUploading:
    @pytest.mark.usefixtures("clean")
    @pytest.mark.parametrize("what", GOOD)
    def test_what_goes_up_comes_back(
        self, send: Send, lecturer: Client, place: Place, school: School, what: str
    ) -> None:
        kind, name, content, media_type = GOOD[what]
        digest = hashlib.sha256(content).hexdigest()
        answer = send(content, name, kind=kind, week_number="3", sha256=digest)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert answer.headers["location"] == f"/materials/{made['id']}"
        assert made == {
            "id": made["id"],
            "course_id": str(school.own["course_id"]),
            "week_number": 3,
            "kind": kind,
            "origin": "uploaded",
            "title": "A file",
            "url": None,
            "file": {"name": name, "media_type": media_type, "size": len(content), "sha256": digest},
            "crawled_at": None,
            "metadata": {},
            "version": 1,
            "created_at": made["created_at"],
            "updated_at": made["created_at"],
        }
        read = lecturer.get(answer.headers["location"])
        assert (read.json(), read.headers["etag"]) == (made, answer.headers["etag"])
        for query in ("", "?week_number=3"):
            assert (
                made in lecturer.get(f"/courses/{school.own['course_id']}/materials{query}").json()["items"]
            )
        (key,) = place.objects()
        assert re.fullmatch(r"materials/[0-9a-f-]{36}", key), "nothing of the client is in it"
        file = lecturer.get(f"/materials/{made['id']}/file")
        assert (file.status_code, file.content) == (200, content)
        assert file.headers["content-type"].partition(";")[0] == media_type
        assert file.headers["content-disposition"].startswith(f'attachment; filename="{name}"')
        assert file.headers["x-content-type-options"] == "nosniff"
        assert file.headers["cache-control"] == "private, no-cache"
        assert file.headers["etag"] == f'"{digest}"'

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("what", UNFIT)
    def test_what_is_no_such_file_leaves_nothing(self, send: Send, what: str) -> None:
        kind, name, content = UNFIT[what]
        assert refusal(send(content, name, kind=kind)) == (422, "unfit-file", ["/file"])

    @pytest.mark.usefixtures("clean")
    def test_a_file_of_several_parts_is_whole(self, send: Send, lecturer: Client) -> None:
        content = PDF + bytes(range(256)) * 45_000
        made = send(content).json()
        assert made["file"]["sha256"] == hashlib.sha256(content).hexdigest()
        assert lecturer.get(f"/materials/{made['id']}/file").content == content

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("size", [10, LIMIT - 100])
    def test_another_hash_leaves_nothing(self, send: Send, size: int) -> None:
        answer = send(PDF + b"x" * size, sha256=hashlib.sha256(PDF).hexdigest())
        assert refusal(answer) == (422, "wrong-hash", ["/sha256"])

    @pytest.mark.usefixtures("clean")
    def test_the_limit_is_the_largest_file(self, send: Send) -> None:
        assert send(PDF + b"x" * (LIMIT - len(PDF))).status_code == 201

    @pytest.mark.usefixtures("unchanged")
    def test_a_byte_more_leaves_nothing(self, send: Send) -> None:
        assert refusal(send(PDF + b"x" * (LIMIT - len(PDF) + 1))) == (413, "content-too-large", ["/file"])

    @pytest.mark.usefixtures("unchanged")
    def test_what_does_not_say_how_long_it_is_is_cut_off_too(self, lecturer: Client, course: str) -> None:
        def body() -> Iterator[bytes]:
            yield form(part("title", b"A"), part("kind", b"pdf"), part("file", PDF, "a.pdf")).rpartition(
                b"\r\n--"
            )[0]
            for _ in range(14):
                yield b"x" * 1_000_000

        answer = lecturer.service.post(
            f"{course}/materials/files", headers={**lecturer.headers, "Content-Type": FORM}, content=body()
        )
        assert refusal(answer) == (413, "content-too-large", ["/file"])

    @pytest.mark.usefixtures("clean")
    def test_a_body_of_json_is_as_short_as_ever(self, send: Send, lecturer: Client, course: str) -> None:
        assert send(PDF + b"x" * 1_000_000).status_code == 201
        assert lecturer.post(f"{course}/materials", {"title": "x" * 1_000_000}).status_code == 413

    @pytest.mark.usefixtures("unchanged")
    def test_one_too_many_at_once_is_told_to_come_back(
        self, send: Send, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("api.http.service.MAX_UPLOADS", 0)
        answer = send()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


# Bodies as no client would write them.

FORM = "multipart/form-data; boundary=x"


def part(name: str, content: bytes, file_name: str | None = None, headers: bytes = b"") -> bytes:
    named = f'; filename="{file_name}"' if file_name is not None else ""
    disposition = f'Content-Disposition: form-data; name="{name}"{named}\r\n'.encode()
    return disposition + headers + b"\r\n" + content


def form(*parts: bytes) -> bytes:
    return b"".join(b"--x\r\n" + each + b"\r\n" for each in parts) + b"--x--\r\n"


TITLE, KIND, FILE = part("title", b"A"), part("kind", b"pdf"), part("file", PDF, "a.pdf")
WITHOUT = b"Content-Type: text/plain\r\n\r\nA"

BAD: dict[str, tuple[bytes, int, str]] = {
    "nothing": (b"", 400, ""),
    "no boundary in it": (b"title=A&kind=pdf", 400, ""),
    "JSON": (b'{"title": "A"}', 400, ""),
    "no part": (b"--x--\r\n", 422, "/file"),
    "cut off in the file": (form(TITLE, KIND, FILE)[:-20], 400, ""),
    "cut off in a field": (form(TITLE, KIND, FILE)[:60], 400, ""),
    "no end": (form(TITLE, KIND, FILE).removesuffix(b"--x--\r\n"), 400, ""),
    "line feeds alone": (form(TITLE, KIND, FILE).replace(b"\r\n", b"\n"), 400, ""),
    "a part without a name": (form(WITHOUT, KIND, FILE), 400, ""),
    "a file without a name": (form(TITLE, KIND, part("file", PDF)), 422, "/file"),
    "a file with an empty name": (form(TITLE, KIND, part("file", PDF, "")), 422, "/file"),
    "no file": (form(TITLE, KIND), 422, "/file"),
    "no title": (form(KIND, FILE), 422, "/title"),
    "no kind": (form(TITLE, FILE), 422, "/kind"),
    "an empty title": (form(part("title", b" "), KIND, FILE), 422, "/title"),
    "a long title": (form(part("title", b"x" * 301), KIND, FILE), 422, "/title"),
    "a title of a megabyte": (form(part("title", b"x" * 60_000), KIND, FILE), 422, "/title"),
    "a title with NUL": (form(part("title", b"a\0b"), KIND, FILE), 422, "/title"),
    "a title that is no UTF-8": (form(part("title", b"\xff"), KIND, FILE), 422, "/title"),
    "a title as a file": (form(part("title", b"A", "a.txt"), KIND, FILE), 422, "/title"),
    "two titles": (form(TITLE, TITLE, KIND, FILE), 422, "/title"),
    "a kind that has no files": (form(TITLE, part("kind", b"link"), FILE), 422, "/kind"),
    "a kind in capitals": (form(TITLE, part("kind", b"PDF"), FILE), 422, "/kind"),
    "week 0": (form(TITLE, KIND, part("week_number", b"0"), FILE), 422, "/week_number"),
    "week 54": (form(TITLE, KIND, part("week_number", b"54"), FILE), 422, "/week_number"),
    "week 1.0": (form(TITLE, KIND, part("week_number", b"1.0"), FILE), 422, "/week_number"),
    "an empty week": (form(TITLE, KIND, part("week_number", b""), FILE), 422, "/week_number"),
    "a hash in capitals": (form(TITLE, KIND, part("sha256", b"A" * 64), FILE), 422, "/sha256"),
    "a short hash": (form(TITLE, KIND, part("sha256", b"a" * 63), FILE), 422, "/sha256"),
    "a field after the file": (form(TITLE, KIND, FILE, part("week_number", b"1")), 422, "/week_number"),
    "two files": (form(TITLE, KIND, FILE, FILE), 422, "/file"),
    "20 parts": (form(*[part("title", b"A")] * 20, FILE), 422, "/title"),
    "9 headers": (form(TITLE, KIND, part("file", PDF, "a.pdf", b"X-A: b\r\n" * 9)), 400, ""),
    "a header of 60,000 bytes": (
        form(TITLE, KIND, part("file", PDF, "a.pdf", b"X-A: " + b"b" * 60_000 + b"\r\n")),
        400,
        "",
    ),
    "a length that is too short": (
        form(TITLE, KIND, part("file", PDF, "a.pdf", b"Content-Length: 3\r\n")),
        400,
        "",
    ),
    **{
        f"the column {column}": (form(TITLE, KIND, part(column, b"1"), FILE), 422, f"/{column}")
        for column in (
            *("course_id", "origin", "url", "file_id", "metadata", "version", "material_id", "crawled_at"),
            *("state", "name", "media_type", "byte_size", "due_at", "created_at", "updated_at", "_charset_"),
        )
    },
}
"""A body, the status that it is answered with, and the field to blame."""


class TestBodies:
    def post(self, client: Client, course: str, content: bytes, content_type: str = FORM) -> httpx.Response:
        return client.service.post(
            f"{course}/materials/files",
            headers={**client.headers, "Content-Type": content_type},
            content=content,
        )

    @pytest.mark.usefixtures("clean")
    def test_a_plain_one_is_taken(self, lecturer: Client, course: str) -> None:
        assert self.post(lecturer, course, form(TITLE, KIND, FILE)).status_code == 201

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("what", BAD)
    def test_a_bad_one_is_refused_and_leaves_nothing(self, lecturer: Client, course: str, what: str) -> None:
        content, status, pointer = BAD[what]
        answer = self.post(lecturer, course, content)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert pointer in blamed(answer), answer.text

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize(
        "content_type",
        [
            "application/json",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/mixed; boundary=x",
            f"multipart/form-data; boundary={'x' * 71}",
            'multipart/form-data; boundary="a\\\nb"'.replace("\n", "\u00e4"),
            "text/plain",
            "",
        ],
    )
    def test_another_type_is_415(self, lecturer: Client, course: str, content_type: str) -> None:
        headers = {**lecturer.headers, "Content-Type": content_type.encode("latin-1")}
        answer = lecturer.service.post(
            f"{course}/materials/files",
            headers=headers,  # type: ignore[arg-type]  # bytes are fine
            content=form(TITLE, KIND, FILE),
        )
        assert (answer.status_code, blamed(answer)) == (415, ["Content-Type"])

    @pytest.mark.usefixtures("clean")
    @pytest.mark.parametrize("size", [1, 7, 100])
    def test_however_it_is_cut_into_pieces_it_is_the_same(
        self, lecturer: Client, course: str, size: int
    ) -> None:
        file = PDF + b"\r\n--y\r\n-\r\r\n"
        content = form(TITLE, KIND, part("file", file, "a.pdf"))

        def body() -> Iterator[bytes]:
            for start in range(0, len(content), size):
                yield content[start : start + size]

        answer = lecturer.service.post(
            f"{course}/materials/files", headers={**lecturer.headers, "Content-Type": FORM}, content=body()
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["file"]["size"] == len(file)

    def test_wherever_it_is_cut_it_is_the_same(self) -> None:
        file = PDF[-50:] + b"\r\n--y\r\n-\r\r\n"
        content = form(TITLE, KIND, part("file", file, "a.pdf"))

        async def read(*pieces: bytes) -> bytes:
            coming = iter(pieces)

            async def receive() -> bytes | None:
                return next(coming, None)

            read = await read_form(receive, "x", LIMIT, frozenset({"title", "kind"}))
            return b"".join([piece async for piece in read.content])

        assert asyncio.run(read(*[bytes([byte]) for byte in content])) == file
        for cut in range(1, len(content)):
            assert asyncio.run(read(content[:cut], content[cut:])) == file, content[:cut][-20:]


# Requests whose body comes late, or not at all.


class Slow:
    """A connection on which a request is sent bit by bit."""

    def __init__(self, client: Client, course: str, announced: int, headers: str = "") -> None:
        url = client.service.base_url
        self.socket = socket.create_connection((url.host, url.port or 80), timeout=30)
        token = client.headers.get("Authorization", "")
        head = (
            f"POST {course}/materials/files HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: {token}\r\n"
            f"Content-Type: {FORM}\r\nContent-Length: {announced}\r\n{headers}\r\n"
        )
        self.send(head.encode())

    def send(self, content: bytes) -> None:
        self.socket.sendall(content)

    def status(self) -> int:
        """The status of the answer."""
        received = b""
        while b"\r\n" not in received and (some := self.socket.recv(65536)):
            received += some
        return int(received.split(b" ")[1])

    def close(self) -> None:
        self.socket.close()


HALF = form(TITLE, KIND, FILE).rpartition(b"\r\n--")[0] + b"x" * 6_000_000
REST = b"\r\n--x--\r\n"


def under_way(admin: psycopg.Connection[Any]) -> int:
    return int(one(admin, "select count(*) from lms.files where state <> 'stored'"))


class TestWhoMay:
    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize(
        ("who", "announced", "status"),
        [
            ("student", 100, 404),
            ("other_lecturer", 100, 404),
            ("revoked", 100, 401),
            ("lecturer", LIMIT + 100_000, 413),
        ],
    )
    def test_is_decided_before_the_body_is_read(
        self, service: httpx.Client, school: School, course: str, who: str, announced: int, status: int
    ) -> None:
        slow = Slow(Client(service, school, who), course, announced)
        assert slow.status() == status  # and not a byte of the body was sent
        slow.close()

    @pytest.mark.parametrize(
        ("meanwhile", "status"),
        [
            ("update lms.courses set lecturer_id = %(other)s where course_id = %(course)s", 404),
            ("update lms.sessions set revoked_at = now() where user_id = %(lecturer)s", 401),
            (
                (
                    "delete from lms.quiz_attempts; delete from lms.student_enrollments; "
                    "delete from lms.courses where course_id = %(course)s"
                ),
                404,
            ),
            ("update lms.files set state = 'deleting' where state = 'uploading'", 408),
            ("delete from lms.files where state = 'uploading'", 404),
        ],
        ids=["another lecturer", "a logout", "no course", "a sweep under way", "a sweep"],
    )
    def test_is_decided_once_more_when_it_is_there(
        self,
        lecturer: Client,
        school: School,
        admin: psycopg.Connection[Any],
        place: Place,
        restored: Tables,  # noqa: ARG002 - it puts the rows back
        course: str,
        meanwhile: str,
        status: int,
    ) -> None:
        objects = place.objects()
        slow = Slow(lecturer, course, len(HALF + REST))
        slow.send(HALF)
        wait_until(lambda: under_way(admin) == 1)
        for statement in meanwhile.split("; "):
            values = {
                "course": school.own["course_id"],
                "lecturer": school.people["lecturer"],
                "other": school.people["other_lecturer"],
            }
            psycopg.ClientCursor(admin).execute(statement.encode(), values)
        slow.send(REST)
        assert slow.status() == status
        slow.close()
        wait_until(lambda: under_way(admin) == 0)
        assert one(admin, "select count(*) from lms.materials where title = 'A'") == 0
        assert (place.objects(), place.unfinished()) == (objects, [])

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("sent", [b"--x\r\n", form(TITLE, KIND, FILE)[:-30], HALF])
    def test_of_a_client_that_leaves_nothing_stays(
        self, lecturer: Client, admin: psycopg.Connection[Any], course: str, sent: bytes
    ) -> None:
        slow = Slow(lecturer, course, len(HALF + REST))
        slow.send(sent)
        wait_until(lambda: under_way(admin) == 1)
        slow.close()
        wait_until(lambda: under_way(admin) == 0)

    def test_an_upload_has_its_time(
        self,
        module_database: TestDatabase,
        school: School,
        storage: dict[str, Any],
        admin: psycopg.Connection[Any],
        place: Place,
        course: str,
        unchanged: None,  # noqa: ARG002
    ) -> None:
        settings = settings_for(module_database.server, module_database.name, upload_seconds=1, **storage)
        with running_service(settings) as client:
            slow = Slow(Client(client, school, "lecturer"), course, len(HALF + REST))
            slow.send(HALF)
            assert slow.status() == 408
            slow.close()
        assert under_way(admin) == 0
        assert place.unfinished() == []


class TestRetrying:
    KEY = {"Idempotency-Key": "a"}  # noqa: RUF012 - nobody changes it

    @pytest.mark.usefixtures("clean")
    def test_the_same_again_is_the_same_material(self, send: Send, place: Place) -> None:
        first, again = (send(headers=self.KEY) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.content == first.content
        assert again.headers["location"] == first.headers["location"]
        assert (again.headers["idempotency-replayed"], "idempotency-replayed" in first.headers) == (
            "true",
            False,
        )
        assert len(place.objects()) == 1

    @pytest.mark.usefixtures("clean")
    @pytest.mark.parametrize(
        "other",
        [
            {"title": "Another"},
            {"kind": "slides"},
            {"week_number": "2"},
            {"name": "b.pdf"},
            {"content": PDF * 2},
        ],
    )
    def test_another_file_is_another_request(
        self, send: Send, place: Place, admin: psycopg.Connection[Any], other: dict[str, Any]
    ) -> None:
        assert send(headers=self.KEY).status_code == 201
        fields = dict(other)
        content, name = fields.pop("content", PDF), fields.pop("name", "script.pdf")
        answer = send(content, name, headers=self.KEY, **fields)
        assert (answer.status_code, blamed(answer)) == (422, ["Idempotency-Key"])
        assert (len(place.objects()), under_way(admin)) == (1, 0)

    @pytest.mark.usefixtures("clean")
    def test_ten_at_once_are_one(self, send: Send, place: Place, admin: psycopg.Connection[Any]) -> None:
        answers = at_once([partial(send, headers=self.KEY)] * 10)
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert (len(place.objects()), under_way(admin)) == (1, 0)

    @pytest.mark.usefixtures("clean")
    def test_without_a_key_ten_at_once_are_ten(self, send: Send, place: Place) -> None:
        """The control."""
        assert {answer.status_code for answer in at_once([send] * 10)} == {201}
        assert len(place.objects()) == 10

    @pytest.mark.usefixtures("clean")
    def test_a_refusal_leaves_the_key_free(self, send: Send) -> None:
        assert send(b"no PDF", headers=self.KEY).status_code == 422
        assert send(headers=self.KEY).status_code == 201


class TestDeleting:
    def test_the_object_goes_with_its_material(
        self, send: Send, lecturer: Client, place: Place, admin: psycopg.Connection[Any], restored: Tables
    ) -> None:
        rows = restored.rows()
        made = send().json()
        assert len(place.objects()) == 1
        assert lecturer.delete(f"/materials/{made['id']}", '"7"').status_code == 412
        assert len(place.objects()) == 1
        assert lecturer.delete(f"/materials/{made['id']}").status_code == 204
        assert (place.objects(), under_way(admin)) == ({}, 0)
        assert restored.rows() == rows
        assert lecturer.get(f"/materials/{made['id']}/file").status_code == 404


class TestDownloading:
    CONTENT = PDF + bytes(range(200)) * 5

    @pytest.fixture
    def file(self, send: Send, clean: None) -> str:  # noqa: ARG002 - it cleans up
        return f"{send(self.CONTENT).headers['location']}/file"

    @pytest.mark.parametrize(
        ("wanted", "status", "start", "end"),
        [
            ("bytes=0-0", 206, 0, 1),
            ("bytes=5-9", 206, 5, 10),
            ("bytes=100-", 206, 100, None),
            ("bytes=100-999999", 206, 100, None),
            ("bytes=-1", 206, -1, None),
            ("bytes=-999999", 206, 0, None),
            ("BYTES=1-2", 206, 1, 3),
            ("bytes=999999-", 416, 0, 0),
            ("bytes=-0", 416, 0, 0),
            # What cannot be understood is not there.
            ("bytes=9-5", 200, 0, None),
            ("bytes=0-1,4-5", 200, 0, None),
            ("bytes=a-b", 200, 0, None),
            ("bytes=-", 200, 0, None),
            ("lines=1-2", 200, 0, None),
            ("", 200, 0, None),
            ("bytes=" + "9" * 500 + "-", 200, 0, None),
        ],
    )
    def test_a_range_is_what_was_asked_for(
        self, lecturer: Client, file: str, wanted: str, status: int, start: int, end: int | None
    ) -> None:
        answer = lecturer.get(file, Range=wanted)
        size = len(self.CONTENT)
        assert answer.status_code == status
        if status == 416:
            assert answer.headers["content-range"] == f"bytes */{size}"
            assert blamed(answer) == ["Range"]
            return
        assert answer.content == self.CONTENT[start:end]
        assert answer.headers["accept-ranges"] == "bytes"
        first, last = range(size)[slice(start, end)][0], range(size)[slice(start, end)][-1]
        assert answer.headers.get("content-range") == (
            f"bytes {first}-{last}/{size}" if status == 206 else None
        )

    def test_what_the_client_has_is_not_sent_again(self, lecturer: Client, file: str) -> None:
        etag = lecturer.get(file).headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = lecturer.get(file, **{"If-None-Match": known, "Range": "bytes=0-0"})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert lecturer.get(file, **{"If-None-Match": '"other"'}).status_code == 200

    def test_a_range_of_another_file_is_the_whole_of_this_one(self, lecturer: Client, file: str) -> None:
        etag = lecturer.get(file).headers["etag"]
        for condition, status in (
            (etag, 206),
            ('"other"', 200),
            (f"W/{etag}", 200),
            ("Sat, 01 Jan 2026", 200),
        ):
            answer = lecturer.get(file, **{"If-Range": condition, "Range": "bytes=0-4"})
            assert answer.status_code == status, condition

    def test_a_material_without_a_file_has_none(self, lecturer: Client, school: School) -> None:
        assert lecturer.get(f"/materials/{school.own['material_id']}/file").status_code == 404

    def test_an_object_that_is_gone_is_404(self, lecturer: Client, school: School) -> None:
        # The school's own file is in another folder.
        assert lecturer.get(f"/materials/{school.own['file_material_id']}/file").status_code == 404

    def test_a_reader_that_leaves_is_no_error(self, lecturer: Client, send: Send, clean: None) -> None:  # noqa: ARG002
        address = send(PDF + b"x" * 11_000_000).headers["location"]
        with lecturer.service.stream("GET", f"{address}/file", headers=lecturer.headers) as answer:
            next(answer.iter_raw(1000))
        assert lecturer.get("/auth/me").status_code == 200


class TestLinks:
    @pytest.mark.usefixtures("clean")
    def test_a_link_to_the_bucket_is_as_safe_as_the_answer(
        self,
        module_database: TestDatabase,
        school: School,
        storage: dict[str, Any],
        place: Place,
        course: str,
    ) -> None:
        settings = settings_for(
            module_database.server, module_database.name, storage_link_seconds=60, **storage
        )
        with running_service(settings) as client:
            lecturer = Client(client, school, "lecturer")
            made = upload(lecturer, course, TEXT, 'a".txt', kind="text").json()
            answer = lecturer.get(f"/materials/{made['id']}/file")
            if isinstance(place, Folder):
                assert (answer.status_code, answer.content) == (200, TEXT)
                return
            assert (answer.status_code, answer.content) == (307, b"")
            student = Client(client, school, "other_student").get(f"/materials/{made['id']}/file")
            assert student.status_code == 404
            file = httpx.get(answer.headers["location"])
            assert (file.status_code, file.content) == (200, TEXT)
            assert file.headers["content-type"] == "text/plain"
            assert file.headers["content-disposition"].startswith('attachment; filename="a_.txt"')
            known = lecturer.get(
                f"/materials/{made['id']}/file", **{"If-None-Match": f'"{made["file"]["sha256"]}"'}
            )
            assert known.status_code == 304


class TestStorage:
    @pytest.mark.usefixtures("unchanged")
    def test_that_fails_is_503_and_leaves_nothing(
        self, send: Send, monkeypatch: pytest.MonkeyPatch, admin: psycopg.Connection[Any]
    ) -> None:
        async def failing(*_: object, **__: object) -> None:
            raise OSError("no space left on the device")

        monkeypatch.setattr("obstore.put_async", failing)
        answer = send()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "space" not in answer.text
        # Whether it failed for good nobody knows, so the sweep looks once more.
        assert admin.execute("delete from lms.files where state = 'deleting'").rowcount == 1

    @pytest.mark.once
    def test_a_bucket_needs_what_can_clean_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from api.settings import Settings  # noqa: PLC0415
        from api.storage import store  # noqa: PLC0415

        monkeypatch.setattr(store, "find_spec", lambda _: None)
        with pytest.raises(store.StorageError, match=r"install lms-data-service\[s3\]"):
            Service(Settings(storage_url="s3://bucket/prefix"))
        assert open_store(Settings()).bucket is None


def test_the_database_and_the_service_agree_which_kind_is_which_type(
    admin: psycopg.Connection[Any], school: School
) -> None:
    types = set().union(*KINDS.values())
    assert types == set(EXTENSIONS)
    for kind in (*KINDS, "link"):
        held = {each for each in types if one(admin, "select lms.can_hold(%s, %s)", (kind, each))}
        assert held == KINDS.get(kind, frozenset())
    for each in types:
        admin.execute(
            "update lms.files set media_type = %s where file_id = "
            "(select file_id from lms.materials where material_id = %s)",
            (each, school.own["file_material_id"]),
        )


HOSTILE: dict[str, str] = {
    "../../etc/passwd": "passwd.pdf",
    "..\\..\\windows\\system.ini": "system.ini.pdf",
    "/absolute.pdf": "absolute.pdf",
    "C:\\folder\\plan.pdf": "plan.pdf",
    'a".pdf': "a_.pdf",
    "a\r\nSet-Cookie: b=c.pdf": "aSet-Cookie_ b=c.pdf",
    "a\0b.pdf": "ab.pdf",
    "a%0d%0ab.pdf": "a%0d%0ab.pdf",
    "plan\u202efdp.exe": "planfdp.exe.pdf",
    "\u0130\u00df\u4f60\u597d \U0001f600.pdf": "\u0130\u00df\u4f60\u597d \U0001f600.pdf",
    "e\u0301.pdf": "\u00e9.pdf",
    "x" * 300 + ".pdf": "x" * (MAX_LENGTH - 4) + ".pdf",
    "\u4f60" * 300: "\u4f60" * (MAX_LENGTH - 4) + ".pdf",
    "setup.exe": "setup.exe.pdf",
    "page.html": "page.html.pdf",
    "script.PDF": "script.PDF",
    ".htaccess": "htaccess.pdf",
    "...": "file.pdf",
    " ": "file.pdf",
    ".pdf": "pdf.pdf",
    "con.pdf": "_con.pdf",
    "a; filename=b.pdf": "a; filename=b.pdf",
    "plan.pdf ": "plan.pdf",
    "a<b>|?*.pdf": "a_b____.pdf",
}
"""Names that a client may give, and what becomes of them."""


@pytest.mark.once
@pytest.mark.parametrize("given", HOSTILE)
def test_a_hostile_name_becomes_a_clean_one(given: str) -> None:
    name = clean_name(given, "application/pdf")
    assert name == HOSTILE[given]
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    read = Message()
    read["Content-Disposition"] = header
    assert read.get_content_disposition() == "attachment"
    assert {key for key, _ in read.get_params(header="content-disposition") or ()} <= {
        "attachment",
        "filename",
        "filename*",
    }
    extended = Message()
    extended["Content-Disposition"] = re.sub(r'filename="[^"]*"; ', "", header)
    assert extended.get_filename() == name


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("given", [name for name in HOSTILE if "\0" not in name])
def test_a_hostile_name_goes_up_and_comes_back_clean(
    send: Send, lecturer: Client, place: Place, given: str
) -> None:
    answer = send(PDF, given)
    if answer.status_code != 201:
        # httpx sends some of them as a field, or the parser takes none of it.
        assert answer.status_code in (400, 422), answer.text
        assert place.objects() == {}
        return
    name = answer.json()["file"]["name"]
    assert not re.search(r'[\x00-\x1f"/\\]', name)
    file = lecturer.get(f"{answer.headers['location']}/file")
    assert file.content == PDF
    assert "set-cookie" not in file.headers
    assert file.headers["content-disposition"] == content_disposition(name)
    (key,) = place.objects()
    assert UUID(key.removeprefix("materials/"))


@pytest.mark.usefixtures("clean")
def test_an_uploaded_material_keeps_its_file(send: Send, lecturer: Client) -> None:
    made = send(PPTX, "slides.pptx", kind="slides")
    address = made.headers["location"]
    assert lecturer.patch(address, {"title": "Other", "kind": "slides", "week_number": 2}).status_code == 200
    for change, field in (
        ({"url": "https://other.example/"}, "/url"),
        ({"kind": "pdf"}, "/kind"),
        ({"kind": "link"}, "/kind"),
    ):
        answer = lecturer.patch(address, change)
        assert (answer.status_code, blamed(answer)) == (422, [field])
    shown = lecturer.get(address).json()
    assert (shown["title"], shown["version"], shown["file"]) == ("Other", 2, made.json()["file"])


@pytest.mark.usefixtures("clean")
def test_a_link_has_no_file(lecturer: Client, school: School) -> None:
    shown = lecturer.get(f"/materials/{school.own['material_id']}").json()
    assert (shown["file"], json.loads(json.dumps(shown))["url"]) == (
        None,
        "https://materials.example/lecturer.pdf",
    )
