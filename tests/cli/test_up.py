"""`lms up`, as somebody at a terminal sees it."""

import os
import shlex
import signal
import socket
import stat
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import MakeFolder
from tests.cli.support import PASSWORD, Running, refusal, servers_of, starting, up, users_of, wait_until

pytestmark = pytest.mark.once

EVERYWHERE = "0.0.0.0"  # noqa: S104  what these tests are about
TERM = {"code": "2031-S", "title": "Spring 2031", "starts_on": "2031-03-01", "ends_on": "2031-07-31"}


@pytest.fixture(scope="module")
def running(make_folder: MakeFolder) -> Iterator[Running]:
    with up(make_folder() / "below" / "data") as running:
        yield running


class TestFromNothing:
    """One run on a directory that does not exist, looked at from all sides."""

    def test_is_ready(self, running: Running) -> None:
        assert running.client().get("/health/ready").status_code == 200

    def test_shows_where_the_documentation_is(self, running: Running) -> None:
        assert f"{running.url}/docs" in running.output.read_text()
        assert running.client().get("/docs").status_code == 200

    def test_has_courses(self, running: Running) -> None:
        assert running.client("lecturer1@example.edu").get("/courses").json()["items"]

    def test_the_request_it_prints_logs_in(self, running: Running) -> None:
        [line] = [line for line in running.output.read_text().splitlines() if "curl -s" in line]
        _, _, url, _, header, _, body = shlex.split(line)
        name, _, value = header.partition(": ")
        answer = httpx.post(url, headers={name: value}, content=body)
        assert (answer.status_code, "access_token" in answer.json()) == (200, True)

    def test_serves_and_sends_as_roles_that_own_nothing(self, running: Running) -> None:
        address = running.output.read_text().partition("  database       ")[2].split()[0]
        wait_until(lambda: sorted(users_of(address)) == ["lms_api", "lms_worker"])

    def test_an_invitation_is_a_file_that_it_names_and_opens_an_account(self, running: Running) -> None:
        folder = Path(
            running.output.read_text().partition("  mail           the folder ")[2].partition(",")[0]
        )
        email = "vogel@example.edu"
        lecturer, admin = running.client("lecturer1@example.edu"), running.client("admin@example.edu")
        course = next(each for each in lecturer.get("/courses").json()["items"] if each["state"] != "closed")
        account = {"email": email, "full_name": "Lena Vogel", "role": "student"}
        assert admin.post("/users", json=account).status_code == 201
        enrolled = lecturer.post(
            f"/courses/{course['id']}/enrollments", json={"email": email, "state": "invited"}
        ).json()
        delivery = f"/deliveries/{enrolled['delivery_id']}"
        wait_until(lambda: lecturer.get(delivery).json()["state"] == "sent")
        mail = message_from_bytes((folder / f"{enrolled['delivery_id']}.eml").read_bytes(), policy=default)
        text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        token = text.partition(f"{running.url}/invitation#")[2].split()[0]
        redemption = {"token": token, "new_password": PASSWORD}
        assert running.client().post("/account-tokens/redeem", json=redemption).status_code == 204
        assert running.client(email).get("/auth/me").json()["email"] == email

    def test_keeps_uploaded_files_with_its_data(self, running: Running) -> None:
        lecturer = running.client("lecturer1@example.edu")
        course = lecturer.get("/courses").json()["items"][0]["id"]
        made = lecturer.post(
            f"/courses/{course}/materials/files",
            data={"title": "Notes", "kind": "text"},
            files={"file": ("notes.txt", b"Notes.")},
        )
        assert made.status_code == 201, made.text
        data = Path(running.output.with_suffix(""))
        [kept] = [path for path in (data / "files").rglob("*") if path.is_file()]
        assert kept.read_bytes() == b"Notes."

    def test_names_no_software_to_strangers(self, running: Running) -> None:
        assert "server" not in running.client().get("/health/live").headers


def test_what_was_made_is_there_again(directory: Path) -> None:
    with up(directory) as running:
        made = running.client("admin@example.edu").post("/terms", json=TERM)
        assert made.status_code == 201, made.text
        running.stop()
    with up(directory) as running:
        terms = running.client("admin@example.edu").get("/terms", params={"limit": 100}).json()["items"]
    assert TERM["code"] in [term["code"] for term in terms]


@pytest.mark.parametrize("signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
def test_a_signal_stops_all_of_it(directory: Path, signals: tuple[signal.Signals, ...]) -> None:
    with up(directory) as running:
        assert servers_of(directory), "there is no server to be seen, so this shows nothing"
        assert running.stop(*signals) == 0, running.output.read_text()
        assert servers_of(directory) == []


@pytest.mark.parametrize("sign_of_life", ["postgresql.new-*", "postgresql/postmaster.pid"])
def test_stops_in_order_while_it_starts(tmp_path: Path, sign_of_life: str) -> None:
    directory = tmp_path / "data"
    with starting(tmp_path / "output", "up", "--port", 0, "--data-dir", directory) as process:
        wait_until(lambda: any(directory.glob(sign_of_life)) or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "output").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
    assert servers_of(directory) == []
    assert "Traceback" not in (tmp_path / "output").read_text()


@pytest.mark.parametrize("sign_of_life", ["postgresql.new-*", "postgresql/postmaster.pid"])
def test_a_start_that_was_killed_is_made_good(tmp_path: Path, sign_of_life: str) -> None:
    directory = tmp_path / "data"
    with starting(tmp_path / "output", "up", "--port", 0, "--data-dir", directory) as process:
        wait_until(lambda: any(directory.glob(sign_of_life)) or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "output").read_text()
        process.kill()
    with up(directory) as running:
        assert running.client("student1@example.edu").get("/courses").status_code == 200
        assert running.stop() == 0
    assert servers_of(directory) == []


def test_a_server_that_was_left_behind_is_taken_care_of(directory: Path) -> None:
    with up(directory) as first:
        first.process.kill()
        first.process.wait()
        left_behind = servers_of(directory)
        assert left_behind, "nothing was left behind, so this shows nothing"
        with up(directory) as second:
            assert second.client("student1@example.edu").get("/courses").status_code == 200
            assert not any(process.is_running() for process in left_behind)
            assert second.stop() == 0
        assert servers_of(directory) == []


def test_one_directory_is_for_one(directory: Path) -> None:
    with up(directory) as running:
        said = refusal("up", "--port", 0, "--data-dir", directory)
        assert "Another `lms up` runs" in said
        assert str(directory) in said
        assert running.client().get("/health/ready").status_code == 200


def test_a_taken_port_is_said_before_anything_begins(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal("up", "--port", port, "--data-dir", tmp_path / "data")
    assert f"Port {port} on 127.0.0.1 is taken" in said
    assert not (tmp_path / "data").exists()


def test_a_host_that_is_not_here(tmp_path: Path) -> None:
    # 192.0.2.0/24 is for documentation: no machine has it.
    said = refusal("up", "--host", "192.0.2.1", "--port", 0, "--data-dir", tmp_path / "data")
    assert "192.0.2.1 is no address of this machine" in said


def test_a_directory_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = refusal("up", "--port", 0, "--data-dir", tmp_path / "file" / "data")
    assert f"Cannot keep data in {tmp_path / 'file' / 'data'}" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert "Cannot keep data in" in refusal("up", "--port", 0, "--data-dir", tmp_path)


def test_data_of_another_version(directory: Path) -> None:
    (directory / "postgresql" / "PG_VERSION").write_text("9\n")
    assert "was made by PostgreSQL 9" in refusal("up", "--port", 0, "--data-dir", directory)


def test_demo_accounts_are_not_made_for_the_world(tmp_path: Path) -> None:
    said = refusal("up", "--host", EVERYWHERE, "--port", 0, "--data-dir", tmp_path / "data")
    assert "--no-demo" in said
    assert not (tmp_path / "data").exists()


def test_demo_accounts_of_an_earlier_run_are_not_shown_to_the_world(directory: Path) -> None:
    said = refusal("up", "--no-demo", "--host", EVERYWHERE, "--port", 0, "--data-dir", directory)
    assert "Demo accounts of an earlier run" in said
    assert servers_of(directory) == []


def test_a_school_without_demo_accounts_is_served_to_the_world(tmp_path: Path) -> None:
    with up(tmp_path / "data", "--no-demo", "--host", EVERYWHERE) as running:
        assert running.client().get("/health/ready").status_code == 200
        assert "admin@example.edu" not in running.output.read_text()
        assert running.stop() == 0
