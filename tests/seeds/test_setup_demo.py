import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.cli import seed_demo
from api.models.materials import CrawledMaterial, NewMaterial
from api.models.quizzes import NewQuizVersion
from api.operations.failures import FailureError
from api.settings import ROOT
from seeds.setup_demo import DEMO_ACCOUNTS, DEMO_PASSWORD, fill, main, seed
from tests.conftest import TestDatabase
from tests.sql.questions import QUESTIONS
from tests.support.contents import checksums, wait_until_blocked_by
from tests.support.service import running_service, settings_for

SCRIPT = ROOT / "seeds" / "setup_demo.py"

COUNTED_SEATS = """
select code, seats_taken, count(enrollments.student_id) filter (where enrollments.state <> 'dropped'), capacity
from lms.courses
left join lms.student_enrollments as enrollments on enrollments.course_id = courses.course_id
group by courses.course_id
order by code
"""


def rows(url: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def change(url: str, statement: Any) -> None:
    with psycopg.connect(url) as connection:
        assert connection.execute(statement).rowcount > 0


def forget_attempts(url: str) -> None:
    change(url, "delete from lms.topic_performance")
    change(url, "delete from lms.quiz_attempts")


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

    def test_every_course_has_materials_that_the_service_would_take_as_they_are(
        self, database: TestDatabase
    ) -> None:
        seed(database.admin_url)
        found = rows(
            database.admin_url,
            """
            select courses.code, courses.title, origin, week_number, kind, materials.title, url, crawled_at, metadata
            from lms.materials join lms.courses on courses.course_id = materials.course_id
            order by material_id
            """,
        )
        assert len({code for code, *_ in found}) == 6
        assert {kind for *_, kind, _, _, _, _ in found} >= {"pdf", "video", "link", "slides"}
        assert Counter(origin for _, _, origin, *_ in found)["crawled"] >= 5
        assert len({(code, url) for code, *_, url, _, _ in found}) == len(found)
        for _, _, origin, week_number, kind, title, url, crawled_at, metadata in found:
            sent = {
                "week_number": week_number,
                "kind": kind,
                "title": title,
                "url": url,
                "metadata": metadata,
            }
            if origin == "crawled":
                sent["crawled_at"] = crawled_at
            taken = (CrawledMaterial if origin == "crawled" else NewMaterial).model_validate(sent)
            assert taken.model_dump() == sent
            assert week_number is None or week_number <= 14

    def test_students_are_on_courses_in_every_state_and_each_seat_is_counted(
        self, database: TestDatabase
    ) -> None:
        seed(database.admin_url)
        states = rows(
            database.admin_url,
            """
            select enrollments.state, courses.state, count(*)
            from lms.student_enrollments as enrollments join lms.courses using (course_id)
            group by 1, 2
            """,
        )
        assert {(state, course) for state, course, _ in states} == {
            ("invited", "published"),
            ("active", "published"),
            ("dropped", "published"),
            ("completed", "closed"),
            ("dropped", "closed"),
        }
        seats = rows(database.admin_url, COUNTED_SEATS)
        assert [code for code, taken, counted, _ in seats if taken != counted] == []
        assert {code: (taken, capacity) for code, taken, _, capacity in seats if capacity - taken <= 1} == {
            "HC310-2026": (17, 18)
        }
        assert rows(
            database.admin_url,
            "select count(distinct student_id) from lms.student_enrollments where state <> 'dropped'",
        ) == [(20,)]

    def test_every_enrolment_has_its_audit_event(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        events = rows(
            database.admin_url,
            "select user_id, course_id, changes, action, actor_id from lms.audit_events order by 1, 2",
        )
        enrollments = rows(
            database.admin_url,
            """
            select student_id, course_id,
                jsonb_build_object('state', jsonb_build_object('from', null, 'to', state)), 'enrollments.create', null
            from lms.student_enrollments order by 1, 2
            """,
        )
        assert len(events) > 80
        assert events == enrollments

    def test_student1_is_on_two_courses_finished_one_and_is_invited_to_another(
        self, database: TestDatabase
    ) -> None:
        seed(database.admin_url)
        with running_service(settings_for(database.server, database.name)) as client:
            login = {"email": "student1@example.edu", "password": DEMO_PASSWORD}
            token = client.post("/auth/login", json=login).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            seen = {course["code"]: course for course in client.get("/courses").json()["items"]}
            assert {code: course["state"] for code, course in seen.items()} == {
                "CS210-2026": "closed",
                "CS220-2026": "published",
                "ST101-2026": "published",
            }
            for course in seen.values():
                materials = client.get(f"/courses/{course['id']}/materials?limit=100").json()["items"]
                assert {"pdf", "video", "link"} <= {material["kind"] for material in materials}
                assert {"linked", "crawled"} == {material["origin"] for material in materials}
        assert rows(
            database.admin_url,
            """
            select code, enrollments.state
            from lms.student_enrollments as enrollments
            join lms.courses using (course_id)
            join lms.users on user_id = student_id
            where email = 'student1@example.edu'
            order by code
            """,
        ) == [
            ("CS210-2026", "completed"),
            ("CS220-2026", "active"),
            ("HC310-2026", "invited"),
            ("ST101-2026", "active"),
        ]

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


class TestQuizzes:
    def test_the_service_would_take_every_quiz_and_it_has_the_types_that_there_are(
        self, database: TestDatabase
    ) -> None:
        seed(database.admin_url)
        found = rows(
            database.admin_url,
            """
            select courses.code, quizzes.week_number, quizzes.state, versions.questions, keys.key
            from lms.quizzes
            join lms.courses on courses.course_id = quizzes.course_id
            join lms.quiz_versions as versions
                on versions.quiz_id = quizzes.quiz_id and versions.version_number = quizzes.current_version
            join lms.quiz_answer_keys as keys
                on keys.quiz_id = versions.quiz_id and keys.version_number = versions.version_number
            """,
        )
        assert len(found) == rows(database.admin_url, "select count(*) from lms.quizzes")[0][0]
        types = set()
        for *_, questions, key in found:
            NewQuizVersion.model_validate({"questions": questions, "key": key})
            types |= {question["type"] for question in questions}
        assert types == set(QUESTIONS)
        assert {state for _, _, state, *_ in found} == {"draft", "published", "closed"}
        assert len({(code, week) for code, week, *_ in found}) == len(found)

    def test_students_are_everywhere_between_a_start_and_mastery(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        states = rows(
            database.admin_url, "select state, count(*) from lms.quiz_attempts group by state order by state"
        )
        assert [state for state, _ in states] == ["graded", "in_progress", "submitted"]
        assert rows(
            database.admin_url,
            """
            select count(*) from lms.quiz_attempts as attempts
            join lms.student_enrollments as enrollments using (student_id)
            join lms.quizzes using (quiz_id, course_id)
            where enrollments.state in ('active', 'completed')
                and attempts.started_at between enrollments.enrolled_at and now()
            """,
        ) == [(34,)]
        weeks = rows(
            database.admin_url,
            """
            select performance.week_number, performance.mastery
            from lms.topic_performance as performance
            join lms.users on users.user_id = performance.student_id
            join lms.courses on courses.course_id = performance.course_id
            where users.email = 'student1@example.edu' and courses.code = 'CS220-2026'
            order by performance.week_number
            """,
        )
        assert weeks == [(1, "mastered"), (2, "developing"), (3, "remedial")]

    def test_performance_is_what_the_attempts_have(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        query = sql.SQL(
            "select student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery "
            "from lms.{} order by 1, 2, 3"
        )
        known = rows(database.admin_url, query.format(sql.SQL("topic_performance")))
        assert known == rows(database.admin_url, query.format(sql.SQL("computed_performance()")))
        assert {mastery for *_, mastery in known} == {"mastered", "developing", "remedial"}

    def test_what_a_teacher_makes_of_them_stays(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        for edit in (
            "update lms.quizzes set title = 'Renamed' where title = 'Relations and keys'",
            "update lms.quizzes set state = 'closed', week_number = 6 where title = 'Joins and grouping'",
            "delete from lms.quizzes where title = 'Final exam'",
        ):
            change(database.admin_url, edit)
        before = checksums(database.admin_url)
        seed(database.admin_url)
        assert checksums(database.admin_url) == before

    def test_a_school_that_was_set_up_before_there_were_any_gets_them(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        forget_attempts(database.admin_url)
        change(database.admin_url, "delete from lms.quizzes")
        seed(database.admin_url)
        assert rows(
            database.admin_url,
            "select (select count(*) from lms.quizzes), (select count(*) from lms.quiz_attempts)",
        ) == [(9, 34)]

    def test_two_at_once_add_them_once(self, database: TestDatabase) -> None:
        """Where everybody is there already, and only the quizzes are not."""
        seed(database.admin_url)
        forget_attempts(database.admin_url)
        change(database.admin_url, "delete from lms.quizzes")
        with psycopg.connect(database.admin_url) as first, ThreadPoolExecutor() as threads:
            fill(first)
            second = threads.submit(seed, database.admin_url)
            wait_until_blocked_by(database.admin_url, first)
            first.commit()
            second.result(30)
        assert rows(
            database.admin_url,
            "select (select count(*) from lms.quizzes), (select count(*) from lms.quiz_attempts)",
        ) == [(9, 34)]


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
            "update lms.materials set title = 'Film', url = 'https://films.example/' where kind = 'video'",
            "delete from lms.materials where origin = 'crawled'",
            "update lms.student_enrollments set state = 'dropped' where state = 'invited'",
            "update lms.courses set capacity = 17 where code = 'HC310-2026'",
        ):
            change(database.admin_url, edit)
        before = checksums(database.admin_url)
        seed(database.admin_url)
        assert checksums(database.admin_url) == before

    def test_what_was_deleted_comes_back_and_the_rest_keeps_its_ids(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        ids = dict(rows(database.admin_url, "select code, course_id from lms.courses"))
        before = rows(database.admin_url, COUNTED_SEATS)
        change(
            database.admin_url,
            "delete from lms.student_enrollments using lms.courses "
            "where courses.course_id = student_enrollments.course_id and code = 'HC310-2026'",
        )
        change(database.admin_url, "delete from lms.courses where code = 'HC310-2026'")
        seed(database.admin_url)
        again = dict(rows(database.admin_url, "select code, course_id from lms.courses"))
        assert again.keys() == ids.keys()
        assert {code for code in ids if again[code] != ids[code]} == {"HC310-2026"}
        assert rows(database.admin_url, "select count(*) from lms.syllabus_weeks") == [(84,)]
        assert rows(database.admin_url, COUNTED_SEATS) == before

    def test_a_course_that_was_there_is_filled_as_far_as_it_has_seats(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        forget_attempts(database.admin_url)
        change(database.admin_url, "delete from lms.student_enrollments")
        change(database.admin_url, "update lms.courses set seats_taken = 0")
        change(database.admin_url, "update lms.courses set capacity = 3 where code = 'HC310-2026'")
        change(
            database.admin_url,
            "update lms.users set role = 'lecturer' where email in ('student2@example.edu', 'student4@example.edu')",
        )
        seed(database.admin_url)
        seats = {code: seats for code, *seats in rows(database.admin_url, COUNTED_SEATS)}
        assert seats["HC310-2026"] == [3, 3, 3]
        assert all(taken == counted for taken, counted, _ in seats.values())
        before = checksums(database.admin_url)
        seed(database.admin_url)
        assert checksums(database.admin_url) == before


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
        steps = ("accounts", "terms", "courses", "enrollments", "quizzes", "attempts", "grades")
        assert told == [(step, number, 7) for number, step in enumerate(steps, start=1)]


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

    def test_an_enrolment_under_way_is_waited_for(self, database: TestDatabase) -> None:
        """Somebody enrols a student as the service does, while the seed is at the same course."""
        seed(database.admin_url)
        forget_attempts(database.admin_url)
        change(database.admin_url, "delete from lms.student_enrollments")
        change(database.admin_url, "update lms.courses set seats_taken = 0")
        with psycopg.connect(database.admin_url) as service, ThreadPoolExecutor() as threads:
            service.execute("update lms.courses set seats_taken = seats_taken + 1 where code = 'HC310-2026'")
            seeding = threads.submit(seed, database.admin_url)
            wait_until_blocked_by(database.admin_url, service)
            service.execute(
                """
                insert into lms.student_enrollments (student_id, course_id, state)
                select user_id, course_id, 'completed' from lms.users cross join lms.courses
                where email = 'student2@example.edu' and code = 'HC310-2026'
                """
            )
            service.commit()
            seeding.result(30)
        seats = rows(database.admin_url, COUNTED_SEATS)
        assert [code for code, taken, counted, _ in seats if taken != counted] == []
        assert rows(
            database.admin_url,
            "select email from lms.student_enrollments join lms.users on user_id = student_id "
            "join lms.courses using (course_id) "
            "where code = 'HC310-2026' and student_enrollments.state = 'completed'",
        ) == [("student2@example.edu",)]

    def test_enrolling_before_the_course_is_locked_would_wait_in_a_circle(
        self, database: TestDatabase
    ) -> None:
        """The control: an enrolment first, its seat second, and the service the other way round."""
        seed(database.admin_url)
        forget_attempts(database.admin_url)
        change(database.admin_url, "delete from lms.student_enrollments")
        enrol = """
            insert into lms.student_enrollments (student_id, course_id, state)
            select user_id, course_id, 'active' from lms.users cross join lms.courses
            where email = 'student2@example.edu' and code = 'HC310-2026'
            """
        take_seat = "update lms.courses set seats_taken = seats_taken where code = 'HC310-2026'"
        with (
            psycopg.connect(database.admin_url) as naive,
            psycopg.connect(database.admin_url) as service,
            ThreadPoolExecutor() as threads,
        ):
            naive.execute(enrol)
            service.execute(take_seat)
            waiting = threads.submit(service.execute, enrol)
            wait_until_blocked_by(database.admin_url, naive)
            deadlocks = 0
            try:
                naive.execute(take_seat)
            except psycopg.errors.DeadlockDetected:
                deadlocks += 1
                naive.rollback()
            try:
                waiting.result(30)
            except psycopg.errors.DeadlockDetected:
                deadlocks += 1
        assert deadlocks == 1

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
            "(select count(*) from lms.courses), (select count(*) from lms.syllabus_weeks), "
            "(select count(*) from lms.materials), (select count(*) from lms.student_enrollments), "
            "(select count(*) from lms.audit_events), (select count(*) from lms.quizzes), "
            "(select count(*) from lms.quiz_attempts)",
        ) == [(24, 2, 6, 84, 59, 89, 89, 9, 34)]


class TestCommand:
    def test_help_teaches(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            main(["--help"])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        for word in ("python seeds/setup_demo.py --url", "LMS_MIGRATION_URL", "--force", DEMO_PASSWORD):
            assert word in said

    def test_help_counts_what_there_is(self, database: TestDatabase) -> None:
        seed(database.admin_url)
        ((accounts, terms, courses, enrollments),) = rows(
            database.admin_url,
            "select (select count(*) from lms.users), (select count(*) from lms.terms), "
            "(select count(*) from lms.courses), (select count(*) from lms.student_enrollments)",
        )
        ((quizzes, attempts),) = rows(
            database.admin_url,
            "select (select count(*) from lms.quizzes), (select count(*) from lms.quiz_attempts)",
        )
        said = seed_demo.help or ""
        assert f"{quizzes} quizzes and {attempts} attempts" in said
        assert f"{accounts} accounts, {terms} terms, {courses} courses" in said
        assert f"{enrollments} enrolments" in said

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
