"""`lms migrate`, `lms serve` and `lms sql check` on the server of the run."""

import json
import re
import signal
from pathlib import Path

import psutil
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.cli.support import PATIENCE, lms, refusal, serve
from tests.conftest import TestDatabase
from tests.support.postgres import Server


class TestMigrate:
    def test_up_status_down(self, empty_database: str) -> None:
        assert "0001_create_schema" in lms("migrate", LMS_MIGRATION_URL=empty_database).stdout
        assert lms("migrate", LMS_MIGRATION_URL=empty_database).stdout == "Nothing to do.\n"
        applied = lms("migrate", "--status", LMS_MIGRATION_URL=empty_database).stdout
        assert re.search(r"^0009_\w+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", applied, re.MULTILINE)
        down = lms("migrate", "--down", "0009", LMS_MIGRATION_URL=empty_database).stdout
        assert down.startswith("Rolled back: ")
        assert down.endswith("0009_create_idempotency_keys.\n")
        status = lms("migrate", "--status", LMS_MIGRATION_URL=empty_database).stdout
        assert re.search(r"^0009_\w+ +no", status, re.MULTILINE)
        assert re.search(r"^0001_\w+ +\d{4}", status, re.MULTILINE)

    def test_to(self, empty_database: str) -> None:
        done = lms("migrate", "--to", "0003", LMS_MIGRATION_URL=empty_database)
        assert done.stdout.endswith("0003_create_users.\n")

    def test_an_unknown_migration(self, empty_database: str) -> None:
        assert "9999" in refusal("migrate", "--to", "9999", LMS_MIGRATION_URL=empty_database)

    def test_one_thing_at_a_time(self) -> None:
        assert "Give one of" in refusal("migrate", "--status", "--down", "0001")


class TestServe:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_answers_and_stops_in_order(self, database: TestDatabase, tmp_path: Path, workers: int) -> None:
        with serve(tmp_path / "output", "--workers", workers, **database.service_environment) as running:
            assert running.client().get("/health/ready").status_code == 200
            assert running.stop(signal.SIGTERM) == 0, running.output.read_text()
            assert "Traceback" not in running.output.read_text()

    def test_no_worker_outlives_its_supervisor(self, database: TestDatabase, tmp_path: Path) -> None:
        with serve(tmp_path / "output", "--workers", 2, **database.service_environment) as running:
            assert running.client().get("/health/ready").status_code == 200
            supervisor = psutil.Process(running.process.pid)
            workers = supervisor.children(recursive=True)
            supervisor.kill()
            _, left = psutil.wait_procs(workers, timeout=PATIENCE)
        assert len(workers) >= 2
        assert not left
        assert "Traceback" not in running.output.read_text()
        port = running.url.rpartition(":")[2]
        with serve(tmp_path / "again", "--port", port, **database.service_environment) as again:
            assert again.url == running.url

    @pytest.mark.parametrize("workers", [1, 2])
    def test_refuses_an_owner(self, database: TestDatabase, workers: int) -> None:
        done = lms("serve", "--port", 0, "--workers", workers, LMS_DATABASE_URL=database.admin_url)
        assert done.returncode != 0
        assert "ERROR:    The service will not run as postgres, which is a superuser" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_database_that_is_not_there(self, database: TestDatabase) -> None:
        done = lms("serve", "--port", 0, LMS_DATABASE_URL=database.server.url("nowhere", "lms_api"))
        assert done.returncode != 0
        assert 'database "nowhere" does not exist' in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_database_that_was_never_migrated(self, server: Server, empty_database: str) -> None:
        name = str(conninfo_to_dict(empty_database)["dbname"])
        done = lms("serve", "--port", 0, LMS_DATABASE_URL=server.url(name, "lms_api"))
        assert done.returncode != 0
        assert "run `lms migrate` first." in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_taken_port(self, database: TestDatabase, tmp_path: Path) -> None:
        with serve(tmp_path / "output", LMS_DATABASE_URL=database.service_url) as running:
            port = running.url.rpartition(":")[2]
            assert f"Port {port} on 127.0.0.1 is taken" in refusal(
                "serve", "--port", port, LMS_DATABASE_URL=database.service_url
            )


class TestImport:
    def test_says_what_came_in_and_what_did_not(self, database: TestDatabase, tmp_path: Path) -> None:
        weeks = [{"week": 1, "topic": "Sets"}, {"week": -2, "topic": "Maps"}]
        courses = [{"code": "MATH-1", "title": "Mathematics", "weeks": weeks}]
        (tmp_path / "courses.json").write_text(json.dumps(courses))
        environment = {"LMS_MIGRATION_URL": database.admin_url}
        assert lms("seed", "demo", **environment).returncode == 0
        first = lms("import", "courses", tmp_path, "--lecturer", "lecturer2@example.edu", **environment)
        assert first.returncode == 0, first
        assert "Imported: terms 1, courses 1, syllabus_weeks 1.\n" in first.stdout
        assert "taught by lecturer2@example.edu" in first.stdout
        assert re.search(r"^courses\.json +/0/weeks/1\S* +\S", first.stdout, re.MULTILINE), first.stdout
        again = lms("import", "courses", tmp_path, **environment)
        assert again.returncode == 0, again
        assert "Imported: nothing.\n" in again.stdout

    def test_a_folder_without_courses(self, database: TestDatabase, tmp_path: Path) -> None:
        said = refusal("import", "courses", tmp_path, LMS_MIGRATION_URL=database.admin_url)
        assert str(tmp_path) in said


class TestSql:
    def test_check_is_green_and_needs_no_database(self, tmp_path: Path) -> None:
        done = lms("sql", "check", LMS_DATA_DIR=str(tmp_path))
        assert (done.returncode, done.stdout) == (0, "Every query file is what it says.\n"), done
