import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api.operations.failures import FailureError
from api.settings import ROOT
from seeds.setup_demo import DEMO_ACCOUNTS, DEMO_PASSWORD, fill, main, seed
from tests.conftest import TestDatabase
from tests.support.contents import checksums, wait_until_blocked_by
from tests.support.service import running_service, settings_for

SCRIPT = ROOT / "seeds" / "setup_demo.py"


def rows(url: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def change(url: str, statement: Any) -> None:
    with psycopg.connect(url) as connection:
        assert connection.execute(statement).rowcount > 0


def is_for(database: TestDatabase, environment: str) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("update lms.deployments set environment = %s", (environment,))


class TestContent:
    def test_everybody_has_an_account(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        found = rows(database.admin_url, "select email, full_name, role from lms.users order by user_id")
        assert found == list(DEMO_ACCOUNTS)
        emails = {role: [a.email for a in DEMO_ACCOUNTS if a.role == role] for _, _, role in DEMO_ACCOUNTS}
        assert emails == {
            "super_admin": ["admin@example.edu"],
            "lecturer": [f"lecturer{number}@example.edu" for number in range(1, 4)],
            "student": [f"student{number}@example.edu" for number in range(1, 21)],
        }
        assert len({account.full_name for account in DEMO_ACCOUNTS}) == 24

    def test_six_courses_of_three_lecturers_have_a_syllabus_of_fourteen_weeks(
        self, database: TestDatabase
    ) -> None:
        seed(database.admin_url)
        courses = rows(
            database.admin_url,
            """
            select courses.title, courses.description, users.email, terms.code,
                array_agg(weeks.week_number order by weeks.week_number), count(distinct weeks.topic)
            from lms.courses
            join lms.users on users.user_id = courses.lecturer_id
            join lms.terms on terms.term_id = courses.term_id
            join lms.syllabus_weeks as weeks on weeks.course_id = courses.course_id
            group by courses.course_id, users.email, terms.code
            order by courses.course_id
            """,
        )
        assert len(courses) == 6
        assert {email for _, _, email, _, _, _ in courses} == {
            f"lecturer{number}@example.edu" for number in range(1, 4)
        }
        assert {code for _, _, _, code, _, _ in courses} == {"2026-SPRING", "2026-AUTUMN"}
        for title, description, _, _, weeks, topics in courses:
            assert weeks == list(range(1, 15)), title
            assert topics == 14, title
            assert len(description) > 50, title

    def test_a_demo_account_logs_in_and_sees_its_courses(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        with running_service(settings_for(database.server, database.name)) as client:
            login = {"email": "lecturer1@example.edu", "password": DEMO_PASSWORD}
            answer = client.post("/auth/login", json=login)
            assert answer.status_code == 200, answer.text
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            courses = client.get("/courses").json()["items"]
            assert [course["code"] for course in courses] == ["CS210-2026", "CS220-2026"]
            syllabus = client.get(f"/courses/{courses[1]['id']}/syllabus").json()
            assert [week["week_number"] for week in syllabus["weeks"]] == list(range(1, 15))
            assert "isolation levels" in syllabus["weeks"][10]["topic"]
            assert client.post("/auth/login", json=login | {"password": "no"}).status_code == 401


class TestTwice:
    @pytest.mark.parametrize("role", ["postgres", "lms_migrate"])
    def test_nothing_changes(self, database: TestDatabase, role: str) -> None:
        url = database.server.url(database.name, role)
        seed(url)
        before = checksums(database.admin_url)
        seed(url)
        assert checksums(database.admin_url) == before

    def test_edits_stay(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        for edit in (
            "update lms.courses set title = 'Data', state = 'closed' where code = 'CS220-2026'",
            "update lms.users set full_name = 'L', password_hash = '!' where email = 'student1@example.edu'",
            "update lms.terms set ends_on = '2027-01-31' where code = '2026-AUTUMN'",
            "delete from lms.syllabus_weeks where week_number = 8",
            """
            delete from lms.syllabus_weeks using lms.courses
            where courses.course_id = syllabus_weeks.course_id and courses.code = 'MA150-2026'
            """,
        ):
            change(database.admin_url, edit)
        before = checksums(database.admin_url)
        seed(database.admin_url)
        assert checksums(database.admin_url) == before

    def test_what_was_deleted_comes_back_and_the_rest_keeps_its_ids(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        ids = dict(rows(database.admin_url, "select code, course_id from lms.courses"))
        change(database.admin_url, "delete from lms.courses where code = 'HC310-2026'")
        seed(database.admin_url)
        again = dict(rows(database.admin_url, "select code, course_id from lms.courses"))
        assert again.keys() == ids.keys()
        assert {code for code in ids if again[code] != ids[code]} == {"HC310-2026"}
        assert rows(database.admin_url, "select count(*) from lms.syllabus_weeks") == [(84,)]


class TestRefusals:
    def test_production_is_refused_unless_forced(self, database: TestDatabase) -> None:
        is_for(database, "production")
        before = checksums(database.admin_url)
        with pytest.raises(FailureError, match=f"{database.name} is for production.*--force"):
            seed(database.admin_url)
        assert checksums(database.admin_url) == before
        seed(database.admin_url, force=True)
        assert rows(database.admin_url, "select count(*) from lms.users") == [(24,)]

    def test_another_environment_is_not(self, database: TestDatabase) -> None:
        is_for(database, "staging")
        seed(database.admin_url)
        assert rows(database.admin_url, "select count(*) from lms.users") == [(24,)]

    def test_a_lecturer_who_is_none_leaves_nothing_behind(self, database: TestDatabase) -> None:
        change(
            database.admin_url,
            "insert into lms.users (email, full_name, role, password_hash) "
            "values ('lecturer2@example.edu', 'Somebody Else', 'student', '!')",
        )
        before = checksums(database.admin_url)
        with pytest.raises(FailureError, match="no lecturer's"):
            seed(database.admin_url)
        assert checksums(database.admin_url) == before

    def test_the_service_may_not(self, database: TestDatabase) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            seed(database.server.url(database.name, "lms_api"))

    def test_fill_leaves_the_commit_to_its_caller(self, database: TestDatabase) -> None:
        before = checksums(database.admin_url)
        with psycopg.connect(database.admin_url) as connection:
            fill(connection)
            assert connection.execute("select count(*) from lms.courses").fetchone() == (6,)
            connection.rollback()
        assert checksums(database.admin_url) == before

    def test_progress_is_told(self, database: TestDatabase) -> None:
        told: list[tuple[str, int, int]] = []
        seed(database.admin_url, on_progress=lambda *step: told.append(step))
        assert told == [("accounts", 1, 3), ("terms", 2, 3), ("courses", 3, 3)]


class TestAtOnce:
    def test_the_second_waits_and_adds_nothing(self, database: TestDatabase) -> None:
        with psycopg.connect(database.admin_url) as first, ThreadPoolExecutor() as threads:
            fill(first)
            second = threads.submit(seed, database.admin_url)
            wait_until_blocked_by(database.admin_url, first)
            first.commit()
            after_first = checksums(database.admin_url)
            second.result(30)
        assert checksums(database.admin_url) == after_first

    def test_looking_before_inserting_would_fail(self, database: TestDatabase) -> None:
        """The control: what a seed does that asks whether a row is there."""

        def naive(connection: psycopg.Connection[Any]) -> None:
            connection.execute(
                """
                insert into lms.users (email, full_name, role, password_hash)
                select 'admin@example.edu', 'Miriam Adler', 'super_admin', '!'
                where not exists (select from lms.users where email = 'admin@example.edu')
                """
            )

        def naive_seed() -> None:
            with psycopg.connect(database.admin_url) as connection:
                naive(connection)

        with psycopg.connect(database.admin_url) as first, ThreadPoolExecutor() as threads:
            naive(first)
            second = threads.submit(naive_seed)
            wait_until_blocked_by(database.admin_url, first)
            first.commit()
            with pytest.raises(psycopg.errors.UniqueViolation):
                second.result(30)

    def test_two_processes_started_anywhere(self, database: TestDatabase, tmp_path: Path) -> None:
        command = [sys.executable, str(SCRIPT), "--url", database.admin_url]
        processes = [
            subprocess.Popen(
                command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for _ in range(2)
        ]
        for process in processes:
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0, output
            assert DEMO_PASSWORD in output
        assert rows(
            database.admin_url,
            "select (select count(*) from lms.users), (select count(*) from lms.terms), "
            "(select count(*) from lms.courses), (select count(*) from lms.syllabus_weeks)",
        ) == [(24, 2, 6, 84)]


class TestCommand:
    def test_help_teaches(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["--help"])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        for word in ("python seeds/setup_demo.py --url", "LMS_MIGRATION_URL", "--force", DEMO_PASSWORD):
            assert word in said

    def test_the_address_comes_from_the_environment(
        self, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LMS_MIGRATION_URL", database.admin_url)
        main([])
        assert rows(database.admin_url, "select count(*) from lms.users") == [(24,)]

    def test_a_database_that_is_not_migrated(self, empty_database: str) -> None:
        with pytest.raises(SystemExit, match="lms migrate"):
            main(["--url", empty_database])

    def test_a_database_that_is_not_there(self, database: TestDatabase) -> None:
        with pytest.raises(SystemExit, match="No connection to PostgreSQL"):
            main(["--url", database.server.admin_url("nowhere")])

    def test_the_import_is_light(self) -> None:
        """`lms sql check` and `lms up` import it: no web framework comes along."""
        loaded = subprocess.run(
            [sys.executable, "-c", "import sys, seeds.setup_demo; print(*sys.modules)"],
            cwd=ROOT,
            env=os.environ,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        assert "psycopg" in loaded
        assert not {"litestar", "uvicorn"} & set(loaded)
