import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.models.email import canonical
from api.operations.failures import FailureError
from api.settings import ROOT
from seeds.volume.draws import Choice, Keys, draws
from seeds.volume.figures import Figures, figures
from seeds.volume.load import TABLES, fill, seed
from tests.cli.support import lms, refusal, starting, wait_until
from tests.conftest import TestDatabase
from tests.support.contents import checksums, wait_until_blocked_by

SMALL = figures(300)
LARGER = figures(2_000)

DIGEST = "ef488ae5c4ca250012e1834f18d539f572078b9164acfbf4da4dc7e2a0229572"
"""Of all rows of SMALL. It changes with anything that decides a row, and then every school that is made is another one:
so it stands here to be changed knowingly."""


def rows(url: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def digest(school: Figures) -> str:
    found = hashlib.sha256()
    for table in TABLES:
        for row in table.rows(school):
            found.update("\t".join(map(str, row)).encode() + b"\n")
    return found.hexdigest()


@pytest.fixture(scope="module")
def larger(module_database: TestDatabase) -> TestDatabase:
    """A school of 2,000 students."""
    seed(module_database.admin_url, LARGER)
    return module_database


class TestTheSameFigures:
    @pytest.mark.once
    def test_give_the_rows_that_they_gave_on_every_machine(self) -> None:
        assert digest(SMALL) == DIGEST

    @pytest.mark.once
    def test_give_them_in_a_process_that_runs_elsewhere_and_later(self) -> None:
        program = "from tests.seeds.test_volume import *; print(digest(SMALL))"
        strange = {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7", "LC_ALL": "C", "PYTHONUTF8": "0"}
        said = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | strange,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        assert said.strip() == DIGEST

    @pytest.mark.parametrize("role", ["postgres", "lms_migrate"])
    def test_fill_two_databases_alike(self, clone: Any, role: str) -> None:
        first, second = clone(), clone()
        seed(first.admin_url, SMALL)
        url = second.server.url(second.name, role)
        done = lms("seed", "volume", "--students", 300, LMS_MIGRATION_URL=url, TZ="America/St_Johns")
        assert done.returncode == 0, done
        assert checksums(first.admin_url) == checksums(second.admin_url)

    def test_but_for_the_seed_fill_one_database_with_two_schools(self, database: TestDatabase) -> None:
        seed(database.admin_url, SMALL)
        before = rows(database.admin_url, "select count(*) from lms.users")
        seed(database.admin_url, replace(SMALL, seed=11))
        assert rows(database.admin_url, "select count(*) from lms.users") == [(2 * before[0][0],)]
        assert rows(
            database.admin_url,
            "select split_part(code, '-', 1), sum(seats_taken) > 100 from lms.courses group by 1 order by 1",
        ) == [("V1", True), ("V11", True)]

    @pytest.mark.once
    def test_with_another_number_of_materials_the_people_stay(self) -> None:
        fewer = replace(SMALL, materials=1, weeks=5)
        for table in TABLES:
            same = list(table.rows(SMALL)) == list(table.rows(fewer))
            assert same == (table.name not in {"materials", "syllabus_weeks"}), table.name


class TestFigures:
    def test_all_follow_from_the_number_of_students(self, larger: TestDatabase) -> None:
        counts = dict(rows(larger.admin_url, "select role, count(*) from lms.users group by role"))
        assert counts == {"student": 2_000, "lecturer": 40, "super_admin": 3}
        assert rows(
            larger.admin_url,
            "select (select count(*) from lms.terms), (select count(*) from lms.courses), "
            "(select count(*) from lms.syllabus_weeks)",
        ) == [(6, 666, 666 * 14)]
        ((materials,),) = rows(larger.admin_url, "select count(*) / 666.0 from lms.materials")
        assert 9 < materials < 15

    def test_each_can_be_given(self, database: TestDatabase) -> None:
        seed(
            database.admin_url,
            figures(50, seed=5, lecturers=2, courses=7, terms=3, weeks=4, materials=100),
        )
        assert rows(
            database.admin_url,
            "select (select count(*) from lms.users where role = 'lecturer'), (select count(*) from lms.terms), "
            "(select count(*) from lms.courses), (select max(week_number) from lms.syllabus_weeks)",
        ) == [(2, 3, 7, 4)]
        ((most,),) = rows(
            database.admin_url,
            "select max(week_number) from lms.materials",
        )
        assert most == 4

    @pytest.mark.parametrize(
        "smallest",
        [figures(1), figures(1, terms=1, courses=1, weeks=1, materials=0), figures(3, terms=60, weeks=53)],
        ids=["one student", "one of everything", "many terms"],
    )
    def test_a_school_can_be_very_small(self, database: TestDatabase, smallest: Figures) -> None:
        loaded = seed(database.admin_url, smallest)
        assert [each.table for each in loaded] == [table.name for table in TABLES]
        assert rows(database.admin_url, "select count(*) from lms.courses") == [(smallest.courses,)]

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"students": 0}, "0 is no number of students: give one from 1 to 10,000,000."),
            ({"terms": 61}, "61 is no number of terms"),
            ({"weeks": 54}, "54 is no number of weeks: give one from 1 to 53."),
            (
                {"courses": 5},
                "5 is no number of courses: give one from 6 to 10,000,000, at least one in each term.",
            ),
            ({"seed": -1}, "-1 is no seed: give one from 0 to 2,147,483,647."),
            ({"lecturers": 0}, "0 is no number of lecturers"),
            ({"materials": -1}, "-1 is no number of materials"),
        ],
    )
    def test_none_can_be_absurd(self, given: dict[str, int], said: str) -> None:
        with pytest.raises(FailureError) as refused:
            figures(**{"students": 100} | given)
        assert str(refused.value).startswith(said)


class TestSeats:
    def test_a_course_counts_the_enrolments_that_hold_one(self, larger: TestDatabase) -> None:
        assert (
            rows(
                larger.admin_url,
                """
                select courses.code, courses.seats_taken
                from lms.courses
                left join lms.student_enrollments as enrollments on enrollments.course_id = courses.course_id
                group by courses.course_id
                having courses.seats_taken <> count(*) filter (where lms.holds_seat(enrollments.state))
                """,
            )
            == []
        )

    def test_some_courses_are_full_and_most_are_not(self, larger: TestDatabase) -> None:
        ((full,),) = rows(
            larger.admin_url, "select avg((seats_taken = capacity)::integer)::float from lms.courses"
        )
        assert 0.02 < full < 0.5


class TestEnrollments:
    def test_states_follow_the_term(self, larger: TestDatabase) -> None:
        shares = rows(
            larger.admin_url,
            """
            select
                terms.code = 'V1-2026-AUTUMN',
                enrollments.state,
                count(*) / sum(count(*)) over (partition by terms.code = 'V1-2026-AUTUMN')
            from lms.student_enrollments as enrollments
            join lms.courses on courses.course_id = enrollments.course_id
            join lms.terms on terms.term_id = courses.term_id
            group by 1, 2
            """,
        )
        found = {(present, state): float(share) for present, state, share in shares}
        expected = {
            (False, "completed"): 0.88,
            (False, "dropped"): 0.12,
            (True, "active"): 0.85,
            (True, "invited"): 0.07,
            (True, "dropped"): 0.08,
        }
        assert found == pytest.approx(expected, abs=0.02)

    def test_a_student_takes_one_to_eight_courses_in_a_term(self, larger: TestDatabase) -> None:
        loads = Counter(
            load
            for (load,) in rows(
                larger.admin_url,
                "select count(*) from lms.student_enrollments as enrollments join lms.courses "
                "on courses.course_id = enrollments.course_id group by student_id, term_id",
            )
        )
        assert set(loads) == set(range(1, 9))
        assert loads.most_common(1)[0][0] == 4

    def test_nobody_is_on_a_course_before_they_came(self, larger: TestDatabase) -> None:
        assert rows(
            larger.admin_url,
            """
            select
                count(*) filter (where enrolled_at < users.created_at),
                count(*) filter (where enrolled_at < courses.created_at),
                count(*) filter (where updated_at < enrolled_at),
                count(*) filter (where courses.state = 'draft')
            from (select student_id, course_id, enrolled_at, updated_at from lms.student_enrollments) as enrollments
            join (select user_id, created_at from lms.users) as users on users.user_id = enrollments.student_id
            join (select course_id, created_at, state from lms.courses) as courses
                on courses.course_id = enrollments.course_id
            """,
        ) == [(0, 0, 0, 0)]
        assert rows(larger.admin_url, "select count(*) > 0 from lms.courses where state = 'draft'") == [
            (True,)
        ]

    def test_nothing_happens_after_the_school_stands_still(self, larger: TestDatabase) -> None:
        for query in (
            "select max(updated_at) from lms.student_enrollments",
            "select max(occurred_at) from lms.audit_events",
            "select max(created_at) from lms.materials",
            "select max(updated_at) from lms.users",
        ):
            ((last,),) = rows(larger.admin_url, query)
            assert last < datetime(2026, 10, 15, tzinfo=UTC), query


class TestAuditEvents:
    def test_each_enrolment_and_each_change_of_it_has_one(self, larger: TestDatabase) -> None:
        assert (
            rows(
                larger.admin_url,
                """
                with told as (
                    select
                        user_id,
                        course_id,
                        count(*) filter (where action = 'enrollments.create') as created,
                        count(*) as number,
                        max(occurred_at) as last_at,
                        (array_agg(changes -> 'state' ->> 'to' order by audit_event_id desc))[1] as last_state
                    from lms.audit_events
                    group by user_id, course_id
                )
                select told, enrollments
                from lms.student_enrollments as enrollments
                full join told on told.user_id = enrollments.student_id and told.course_id = enrollments.course_id
                where
                    (told.created, told.number, told.last_at, told.last_state)
                    is distinct from (1, enrollments.version, enrollments.updated_at, enrollments.state)
                """,
            )
            == []
        )

    def test_nobody_in_particular_did_it(self, larger: TestDatabase) -> None:
        assert rows(larger.admin_url, "select count(*) from lms.audit_events where actor_id is not null") == [
            (0,)
        ]

    def test_each_step_is_one_that_the_service_would_take(self, larger: TestDatabase) -> None:
        assert (
            rows(
                larger.admin_url,
                "select distinct action, changes -> 'state' ->> 'from', changes -> 'state' ->> 'to' "
                "from lms.audit_events where not lms.can_become(changes -> 'state' ->> 'from', "
                "changes -> 'state' ->> 'to', false) or action not in ('enrollments.create', 'enrollments.update')",
            )
            == []
        )


class TestPeople:
    def test_addresses_are_canonical(self, larger: TestDatabase) -> None:
        emails = [email for (email,) in rows(larger.admin_url, "select email from lms.users")]
        assert len(emails) == 2_043
        assert [email for email in emails if canonical(email) != email] == []
        assert {email.rpartition("@")[2] for email in emails} == {"volume.example"}

    def test_nobody_can_log_in(self, larger: TestDatabase) -> None:
        assert rows(larger.admin_url, "select distinct password_hash from lms.users") == [("!",)]

    def test_names_are_of_many_languages_and_some_are_frequent(self, larger: TestDatabase) -> None:
        names = Counter(name for (name,) in rows(larger.admin_url, "select full_name from lms.users"))
        other_letters = sum(number for name, number in names.items() if not name.isascii())
        assert 0.3 < other_letters / names.total() < 0.7
        ((_, first),) = names.most_common(1)
        assert first >= 8
        assert sum(number == 1 for number in names.values()) > 500


class TestSkew:
    def test_the_largest_tenth_of_courses_has_four_tenths_of_the_enrolments(
        self, larger: TestDatabase
    ) -> None:
        ((share, largest, middle),) = rows(
            larger.admin_url,
            """
            with sized as (
                select count(enrollments.student_id) as size, ntile(10) over (order by count(*) desc) as tenth
                from lms.courses
                left join lms.student_enrollments as enrollments on enrollments.course_id = courses.course_id
                group by courses.course_id
            )
            select
                (sum(size) filter (where tenth = 1) / sum(size))::float,
                max(size),
                percentile_disc(0.5) within group (order by size)
            from sized
            """,
        )
        assert share > 0.4
        assert largest > 15 * middle > 0

    def test_some_courses_have_many_materials_and_some_none(self, larger: TestDatabase) -> None:
        sizes = [
            size
            for (size,) in rows(
                larger.admin_url,
                "select count(material_id) from lms.courses left join lms.materials using (course_id) "
                "group by courses.course_id",
            )
        ]
        assert 0.05 < sizes.count(0) / len(sizes) < 0.4
        assert max(sizes) == 10 * LARGER.materials
        by_week = dict(
            rows(larger.admin_url, "select week_number, count(*) from lms.materials group by week_number")
        )
        assert by_week[1] > 3 * by_week[14] > 0
        assert by_week[None] > 0

    def test_some_lecturers_teach_much(self, larger: TestDatabase) -> None:
        ((most, middle),) = rows(
            larger.admin_url,
            "select max(taught), percentile_disc(0.5) within group (order by taught) "
            "from (select count(*) as taught from lms.courses group by lecturer_id) as lecturers",
        )
        assert most > 3 * middle


class TestKeys:
    @pytest.mark.once
    @pytest.mark.parametrize("name", ["terms", "users", "courses", "materials", "audit_events"])
    def test_they_hold_the_time_and_rows_come_in_their_order(self, name: str) -> None:
        (table,) = (table for table in TABLES if table.name == name)
        (made,) = (
            place for place, column in enumerate(table.columns) if column in {"created_at", "occurred_at"}
        )
        found = [(UUID(str(row[0])), datetime.fromisoformat(str(row[made]))) for row in table.rows(LARGER)]
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        for key, at in found:
            assert key.version == 7
            assert key.int >> 80 == (at - epoch) // timedelta(milliseconds=1)
        times = [at for _, at in found]
        assert times == sorted(times)
        # Two of one microsecond may come in either order, as those of lms.uuidv7() may.
        turned = sum(key > next_key for (key, _), (next_key, _) in pairwise(found))
        assert turned <= len(times) - len(set(times))

    def test_they_are_laid_out_as_the_database_does_it(self, larger: TestDatabase) -> None:
        at = 1_790_000_000_123_456
        ours = UUID(Keys(1, "things").key(1, at))
        ((theirs, now),) = rows(
            larger.admin_url, "select lms.uuidv7(), (extract(epoch from clock_timestamp()) * 1000000)::bigint"
        )
        for key, time in ((ours, at), (theirs, now)):
            assert key.variant == "specified in RFC 4122"
            assert key.version == 7
            fraction = (key.int >> 64 & 0xFFF) * 1_000 / 4_096
            # Theirs was made some microseconds before.
            assert 0 <= time - (key.int >> 80) * 1_000 - fraction < (2 if key == ours else 100_000)

    @pytest.mark.once
    def test_chance_is_what_is_promised_of_it(self) -> None:
        """Python promises this sequence for this integer, for good."""
        draw = draws(1, "test")
        assert [round(draw(), 6) for _ in range(3)] == [0.500563, 0.048252, 0.388064]
        choice = Choice("abc", (1, 0, 3))
        assert [choice(drawn) for drawn in (0.0, 0.2499, 0.25, 0.999)] == ["a", "a", "c", "c"]


class TestRefusals:
    def test_production_is_refused_unless_forced(self, database: TestDatabase) -> None:
        with psycopg.connect(database.admin_url) as connection:
            connection.execute("update lms.deployments set environment = 'production'")
        before = checksums(database.admin_url)
        url = database.admin_url
        said = refusal("seed", "volume", "--students", 10, LMS_MIGRATION_URL=url)
        assert said.startswith(f"The database {database.name} is for production")
        assert checksums(url) == before
        assert lms("seed", "volume", "--students", 10, "--force", LMS_MIGRATION_URL=url).returncode == 0
        assert rows(url, "select count(*) from lms.users where role = 'student'") == [(10,)]

    @pytest.mark.parametrize(
        "again", [SMALL, replace(SMALL, students=20, terms=1)], ids=["same", "other size"]
    )
    def test_a_school_of_the_seed_is_there_already(self, database: TestDatabase, again: Figures) -> None:
        seed(database.admin_url, SMALL)
        before = checksums(database.admin_url)
        with pytest.raises(FailureError, match=r"A school of the seed 1 is in .* already.*V1-2026-AUTUMN"):
            seed(database.admin_url, again)
        assert checksums(database.admin_url) == before

    def test_of_two_at_once_one_is_there_and_the_other_says_so(self, database: TestDatabase) -> None:
        with psycopg.connect(database.admin_url) as first, ThreadPoolExecutor() as threads:
            fill(first, SMALL)
            second = threads.submit(seed, database.admin_url, SMALL)
            wait_until_blocked_by(database.admin_url, first)
            first.commit()
            with pytest.raises(FailureError, match="already"):
                second.result(30)
        assert rows(database.admin_url, "select count(*) from lms.users where role = 'student'") == [(300,)]

    def test_what_breaks_a_rule_is_not_copied(
        self, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Constraints and foreign keys hold for what is copied, and one bad row is all bad rows."""
        *others, enrollments, audit_events = TABLES

        def with_a_stranger(school: Figures) -> Any:
            yield from enrollments.rows(school)
            yield (UUID(int=1), UUID(int=2), "active", 1, "2026-01-01", "2026-01-01")

        changed = (*others, enrollments._replace(rows=with_a_stranger), audit_events)
        monkeypatch.setattr("seeds.volume.load.TABLES", changed)
        before = checksums(database.admin_url)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            seed(database.admin_url, SMALL)
        assert checksums(database.admin_url) == before

    def test_the_service_may_not(self, database: TestDatabase) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            seed(database.server.url(database.name, "lms_api"), SMALL)

    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)]
    )
    def test_interrupted_it_leaves_nothing(
        self, database: TestDatabase, tmp_path: Path, number: signal.Signals, code: int
    ) -> None:
        before = checksums(database.admin_url)
        command = ("seed", "volume", "--students", 1_000)
        with (
            psycopg.connect(database.admin_url, autocommit=True) as connection,
            psycopg.connect(database.admin_url) as obstacle,
            starting(tmp_path / "output", *command, LMS_MIGRATION_URL=database.admin_url) as process,
        ):
            # What comes last, so that all the rest is there by then.
            obstacle.execute("lock table lms.audit_events in access exclusive mode")

            def waiting() -> bool:
                found = connection.execute(
                    "select from pg_catalog.pg_locks where relation = 'lms.audit_events'::regclass and not granted"
                ).fetchone()
                return found is not None

            wait_until(waiting)
            process.send_signal(number)
            assert process.wait(60) == code
            obstacle.close()
            wait_until(
                lambda: (
                    connection.execute(
                        "select from pg_catalog.pg_stat_activity where datname = current_database() "
                        "and pid <> pg_backend_pid() and backend_type = 'client backend'"
                    ).fetchone()
                    is None
                )
            )
        assert checksums(database.admin_url) == before
        assert "Traceback" not in (tmp_path / "output").read_text()


class TestCommand:
    def test_help_teaches(self) -> None:
        said = lms("seed", "volume", "--help").stdout
        for words in (
            "lms seed volume --students 100000",
            "--materials",
            "volume.example",
            "or, if anything fails",
        ):
            assert words in said

    def test_it_says_what_it_did(self, database: TestDatabase) -> None:
        done = lms("seed", "volume", "--students", 100, "--seed", 3, LMS_MIGRATION_URL=database.admin_url)
        assert done.returncode == 0, done
        *table, total = done.stdout.splitlines()
        said = {line.split()[0]: int(line.split()[1].replace(",", "")) for line in table[1:]}
        with psycopg.connect(database.admin_url) as connection:
            for name, number in said.items():
                count = psycopg.sql.SQL("select count(*) from lms.{}").format(psycopg.sql.Identifier(name))
                assert connection.execute(count).fetchone() == (number,)
        assert set(said) == {table.name for table in TABLES}
        assert total.startswith(f"{sum(said.values()):,} rows in ")
        assert total.endswith(" rows/s.")

    def test_an_absurd_figure_is_one_sentence(self) -> None:
        assert refusal("seed", "volume", "--students", 0) == (
            "0 is no number of students: give one from 1 to 10,000,000."
        )

    def test_progress_is_told(self, database: TestDatabase) -> None:
        told: list[tuple[str, int, int]] = []
        seed(database.admin_url, figures(1_000), on_progress=lambda *step: told.append(step))
        assert list(dict.fromkeys(name for name, _, _ in told)) == [table.name for table in TABLES]
        assert all(1 <= number <= total for _, number, total in told)
        assert sum(name == "student_enrollments" for name, _, _ in told) > 1


@pytest.mark.once
def test_rows_are_made_as_they_are_sent() -> None:
    """Of ten times as many students no more is kept: some bytes for each enrolment of one term."""
    program = (
        "import resource, sys; from collections import deque; from seeds.volume.figures import figures; "
        "from seeds.volume.load import TABLES; school = figures(int(sys.argv[1])); "
        "[deque(table.rows(school), 0) for table in TABLES]; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    small, large = (
        int(subprocess.check_output([sys.executable, "-c", program, str(students)], cwd=ROOT))
        for students in (1_000, 10_000)
    )
    # 480,000 rows more. As a list of tuples they are 300 MB.
    assert large - small < 20_000
