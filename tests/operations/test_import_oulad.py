"""Importing made-up folders of the OULAD: what becomes of a line, what is refused, what stays as it is."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from api.models.email import canonical
from api.models.quizzes import NewQuizVersion
from api.operations import import_oulad as module
from api.operations.failures import FailureError
from api.operations.import_oulad import OuladReport, import_oulad
from api.operations.statements import count
from tests.conftest import TestDatabase
from tests.operations.oulad import (
    HEADERS,
    PERSON,
    Line,
    assessment,
    enrolled,
    folder,
    person,
    registration,
    result,
    student,
    write,
)
from tests.support.contents import checksums, wait_until_blocked_by

FIRST_DAY = datetime(2013, 10, 1, tzinfo=UTC)
LAST_DAY = FIRST_DAY + timedelta(days=267)
"""Of AAA 2013J, which has 268 days here as in the dataset."""

Import = Callable[..., OuladReport]


@pytest.fixture
def bring_in(database: TestDatabase, tmp_path: Path) -> Import:
    """Import these people, each as `person` gives them."""

    def run(*people: tuple[Line, Line], **options: Any) -> OuladReport:
        return import_oulad(database.admin_url, enrolled(tmp_path, *people, **options))

    return run


def ask(database: TestDatabase, question: Any, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.admin_url, options="-c timezone=UTC") as connection:
        cursor = connection.execute(question, parameters)
        return cursor.fetchall() if cursor.description else []


def enrollments(database: TestDatabase) -> dict[tuple[str, str], tuple[Any, ...]]:
    """State and times of each enrolment, by address and course."""
    return {
        (email.removesuffix("@oulad.example"), code): tuple(rest)
        for email, code, *rest in ask(
            database,
            "select email, code, enrollments.state, enrolled_at, enrollments.updated_at "
            "from lms.student_enrollments as enrollments join lms.users on user_id = student_id "
            "join lms.courses using (course_id) order by email, code",
        )
    }


def states(database: TestDatabase) -> dict[tuple[str, str], str]:
    return {key: rest[0] for key, rest in enrollments(database).items()}


def seats(database: TestDatabase) -> dict[str, tuple[int, int]]:
    """Seats taken and seats there are, by course. The counter is what a count of the enrolments gives."""
    found = ask(
        database,
        "select code, seats_taken, capacity, (select count(*) from lms.student_enrollments as enrollments "
        "where enrollments.course_id = courses.course_id and lms.holds_seat(enrollments.state)) "
        "from lms.courses order by code",
    )
    assert [taken for _, taken, _, _ in found] == [counted for *_, counted in found]
    return {code: (taken, capacity) for code, taken, capacity, _ in found}


def staged(database: TestDatabase) -> list[tuple[Any, ...]]:
    return ask(
        database,
        "select line from lms_import.oulad_courses union all select line from lms_import.oulad_students "
        "union all select line from lms_import.oulad_registrations "
        "union all select line from lms_import.oulad_assessments "
        "union all select line from lms_import.oulad_results",
    )


def refusals(report: OuladReport) -> list[tuple[str, int, str]]:
    return [(each.file, each.line, each.field) for each in report.refused]


class TestCourses:
    def test_a_presentation_is_a_closed_course_in_its_term_with_a_lecturer(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        report = bring_in(courses=[("AAA", "2013J", "268"), ("AAA", "2014B", "234")])
        assert report.imported == {"terms": 2, "users": 2, "courses": 2}
        assert ask(
            database,
            "select courses.code, courses.title, courses.state, terms.code, starts_on, ends_on, email, "
            "full_name, role, password_hash "
            "from lms.courses join lms.terms using (term_id) join lms.users on user_id = lecturer_id "
            "order by courses.code",
        ) == [
            (
                *("OULAD-AAA-2013J", "Module AAA, presentation 2013J", "closed"),
                *("OULAD-2013J", date(2013, 10, 1), date(2014, 6, 25)),
                *("aaa-2013j@oulad.example", "Lecturer of AAA 2013J", "lecturer", "!"),
            ),
            (
                *("OULAD-AAA-2014B", "Module AAA, presentation 2014B", "closed"),
                *("OULAD-2014B", date(2014, 2, 1), date(2014, 9, 22)),
                *("aaa-2014b@oulad.example", "Lecturer of AAA 2014B", "lecturer", "!"),
            ),
        ]

    def test_its_description_says_where_it_comes_from(self, database: TestDatabase, bring_in: Import) -> None:
        bring_in()
        ((description,),) = ask(database, "select description from lms.courses")
        for words in ("Module AAA", "2013J", "268 days", "Kuzilek", "Hlosta", "Zdrahal", "2017", "CC BY 4.0"):
            assert words in description

    def test_a_term_ends_with_the_longest_of_its_presentations(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(courses=[("AAA", "2013J", "100"), ("BBB", "2013J", "268"), ("CCC", "2013J", "200")])
        assert ask(database, "select code, title, starts_on, ends_on from lms.terms") == [
            (
                *("OULAD-2013J", "Open University 2013J, from October 2013"),
                *(FIRST_DAY.date(), LAST_DAY.date()),
            )
        ]

    def test_a_course_has_a_seat_for_everybody_who_ever_registered(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(
            *(person(number) for number in (1, 2, 3)),
            person(4, left=20),
            courses=[("AAA", "2013J", "268"), ("BBB", "2013J", "268")],
        )
        assert seats(database) == {"OULAD-AAA-2013J": (3, 4), "OULAD-BBB-2013J": (0, 1)}


class TestStudents:
    def test_a_student_is_one_account_on_however_many_presentations(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        report = bring_in(
            person(11391, course="AAA-2013J"),
            person(11391, course="BBB-2013J"),
            courses=[("AAA", "2013J", "268"), ("BBB", "2013J", "268")],
        )
        assert report.imported["users"] == 3
        assert ask(
            database,
            "select email, full_name, password_hash, settings, deactivated_at from lms.users "
            "where role = 'student'",
        ) == [("student-11391@oulad.example", "Student 11391", "!", {}, None)]
        assert list(states(database)) == [
            ("student-11391", "OULAD-AAA-2013J"),
            ("student-11391", "OULAD-BBB-2013J"),
        ]

    def test_addresses_are_in_the_form_that_a_login_looks_for(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(person(1), person(999999999))
        addresses = [email for (email,) in ask(database, "select email from lms.users")]
        assert len(addresses) == 3
        assert [canonical(email) for email in addresses] == addresses

    def test_what_the_file_says_of_a_person_is_nowhere_in_the_database(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        report = bring_in(person())
        tables = [
            name for (name,) in ask(database, "select tablename from pg_tables where schemaname = 'lms'")
        ]
        stored = "".join(
            str(
                ask(
                    database,
                    psycopg.sql.SQL("select t::text from lms.{} as t").format(psycopg.sql.Identifier(name)),
                )
            )
            for name in tables
        )
        assert "student-11391@oulad.example" in stored
        assert [word for word in PERSON if word in stored] == []
        assert report.left_out == {
            "studentInfo.csv: gender, region, highest_education, imd_band, age_band, num_of_prev_attempts, "
            "studied_credits, disability": "1 line"
        }


class TestRegistrations:
    @pytest.mark.parametrize(
        ("result", "left", "state"),
        [
            ("Pass", "?", "completed"),
            ("Fail", "?", "completed"),
            ("Distinction", "?", "completed"),
            ("Withdrawn", "?", "dropped"),
            ("Withdrawn", 12, "dropped"),
            ("Fail", 12, "dropped"),
        ],
    )
    def test_a_state_follows_from_result_and_unregistration(
        self, database: TestDatabase, bring_in: Import, result: str, left: object, state: str
    ) -> None:
        bring_in(person(result=result, left=left))
        assert states(database) == {("student-11391", "OULAD-AAA-2013J"): state}
        assert seats(database) == {"OULAD-AAA-2013J": (int(state == "completed"), 1)}

    @pytest.mark.parametrize(
        ("registered", "left", "enrolled_on", "changed_on"),
        [
            pytest.param(-159, "?", -159, 267, id="before it began, to the end"),
            pytest.param(0, "?", 0, 267, id="on the first day"),
            pytest.param(30, "?", 30, 267, id="later"),
            pytest.param(-159, 12, -159, 12, id="until they left"),
            pytest.param(-159, -20, -159, -20, id="and left before it began"),
            pytest.param(-10, -10, -10, -10, id="and left on the same day"),
            pytest.param(-10, 444, -10, 444, id="and left after its end"),
            pytest.param("?", "?", 0, 267, id="not known: the first day"),
            pytest.param("?", 12, 0, 12, id="not known, and left"),
            pytest.param("?", -20, -20, -20, id="not known, and left before the first day"),
        ],
    )
    def test_days_count_from_the_first_day_in_utc(
        self,
        database: TestDatabase,
        bring_in: Import,
        registered: object,
        left: object,
        enrolled_on: int,
        changed_on: int,
    ) -> None:
        bring_in(person(registered=registered, left=left))
        ((_, enrolled_at, updated_at),) = enrollments(database).values()
        assert enrolled_at == FIRST_DAY + timedelta(days=enrolled_on)
        assert updated_at == FIRST_DAY + timedelta(days=changed_on)

    def test_a_presentation_of_b_begins_in_february(self, database: TestDatabase, bring_in: Import) -> None:
        bring_in(
            person(course="AAA-2014B", registered=1, result="Withdrawn"), courses=[("AAA", "2014B", "234")]
        )
        assert list(enrollments(database).values()) == [
            ("dropped", datetime(2014, 2, 2, tzinfo=UTC), datetime(2014, 9, 22, tzinfo=UTC))
        ]

    def test_the_time_zone_of_whoever_imports_does_not_matter(
        self, database: TestDatabase, tmp_path: Path
    ) -> None:
        url = f"{database.admin_url}&options=-c%20timezone%3DPacific%2FKiritimati"
        import_oulad(url, enrolled(tmp_path, person(registered=0)))
        assert list(enrollments(database).values()) == [("completed", FIRST_DAY, LAST_DAY)]


class TestAssessments:
    @pytest.mark.parametrize(
        ("line", "week", "closes"),
        [
            pytest.param(assessment(date=0), 1, 0, id="due on the first day"),
            pytest.param(assessment(date=6), 1, 6, id="on the last of the first week"),
            pytest.param(assessment(date=7), 2, 7, id="on the first of the second"),
            pytest.param(assessment(date=261, kind="CMA"), 38, 261, id="late in the course"),
            pytest.param(assessment(date="?", kind="CMA"), None, None, id="on no day"),
            pytest.param(assessment(date=230, kind="Exam", weight=100), None, 230, id="an exam"),
            pytest.param(assessment(date="?", kind="Exam", weight=12.5), None, None, id="an exam on no day"),
        ],
    )
    def test_each_is_a_closed_quiz_in_the_week_it_was_due(
        self, database: TestDatabase, bring_in: Import, line: Line, week: int | None, closes: int | None
    ) -> None:
        report = bring_in(assessments=[line])
        assert report.imported["quizzes"] == 1
        assert report.left_out == {"assessments.csv: weight": "1 line"}
        ((title, state, week_number, closes_at, attempts_allowed, version, questions, key),) = ask(
            database,
            "select title, state, week_number, closes_at, attempts_allowed, current_version, questions, key "
            "from lms.quizzes join lms.quiz_versions using (quiz_id) "
            "join lms.quiz_answer_keys using (quiz_id, version_number)",
        )
        assert (title, state, week_number, attempts_allowed, version) == (
            f"{line[3]} 1752",
            "closed",
            week,
            1,
            1,
        )
        assert closes_at == (None if closes is None else FIRST_DAY + timedelta(days=closes + 1))
        # What a lecturer could have saved.
        NewQuizVersion.model_validate({"questions": questions, "key": key})
        assert [question["points"] for question in questions] == [100]

    def test_the_time_zone_of_whoever_imports_does_not_matter(
        self, database: TestDatabase, tmp_path: Path
    ) -> None:
        url = f"{database.admin_url}&options=-c%20timezone%3DPacific%2FKiritimati"
        source = enrolled(
            tmp_path, person(), assessments=[assessment(date=19)], results=[result(submitted=18)]
        )
        import_oulad(url, source)
        assert ask(
            database, "select closes_at, submitted_at from lms.quizzes join lms.quiz_attempts using (quiz_id)"
        ) == [(FIRST_DAY + timedelta(days=20), FIRST_DAY + timedelta(days=18))]


ATTEMPT = """
select attempts.state, score::float, max_score::float, submitted_at, graded_at, reviews, feedback, graded_by_key
from lms.quiz_attempts as attempts
"""


class TestResults:
    @pytest.mark.parametrize(
        ("line", "peculiar"),
        [
            pytest.param(result(78), {}, id="in time"),
            pytest.param(result(0, submitted=19), {}, id="nothing, on the last day"),
            pytest.param(result(100, submitted=20), {"late": 1}, id="everything, late"),
            pytest.param(result(40, submitted=-11), {}, id="before it began"),
            pytest.param(result(40, submitted=-1, banked=1), {"banked": 1}, id="banked"),
            pytest.param(result(40, submitted=300, banked=1), {"banked": 1}, id="banked is never late"),
            pytest.param(
                result(40, submitted=-200), {"before_registration": 1}, id="before the student came"
            ),
            pytest.param(result(40, submitted=-200, banked=1), {"banked": 1}, id="banked, and before that"),
        ],
    )
    def test_each_is_a_graded_attempt(
        self, database: TestDatabase, bring_in: Import, line: Line, peculiar: dict[str, int]
    ) -> None:
        report = bring_in(person(), assessments=[assessment()], results=[line])
        assert report.imported["quiz_attempts"] == 1
        assert report.peculiar == peculiar
        handed_in = FIRST_DAY + timedelta(days=int(line[2]))
        points = {"q1": {"points": int(line[4])}}
        assert ask(database, ATTEMPT) == [
            ("graded", float(line[4]), 100, handed_in, handed_in, points, points, None)
        ]

    @pytest.mark.parametrize("score", ["", "?"])
    def test_without_a_score_it_waits_to_be_graded(
        self, database: TestDatabase, bring_in: Import, score: str
    ) -> None:
        report = bring_in(person(), assessments=[assessment()], results=[result(score)])
        assert report.peculiar == {"without_score": 1}
        handed_in = FIRST_DAY + timedelta(days=18)
        assert ask(database, ATTEMPT) == [
            ("submitted", None, 100, handed_in, None, {}, {"q1": {"points": None}}, None)
        ]
        assert ask(database, "select from lms.topic_performance") == []

    @pytest.mark.parametrize("options", [{"kind": "Exam", "date": 19}, {"date": "?"}])
    def test_what_has_no_week_counts_for_no_mastery(
        self, database: TestDatabase, bring_in: Import, options: dict[str, Any]
    ) -> None:
        report = bring_in(person(), assessments=[assessment(**options)], results=[result()])
        assert report.peculiar == {"without_week": 1}
        assert ask(database, "select state from lms.quiz_attempts") == [("graded",)]
        assert ask(database, "select from lms.topic_performance") == []

    def test_what_came_after_the_student_left_counts(self, database: TestDatabase, bring_in: Import) -> None:
        report = bring_in(person(left=17), assessments=[assessment()], results=[result(submitted=18)])
        assert report.peculiar == {"after_unregistration": 1}
        assert ask(database, "select attempts, mastery from lms.topic_performance") == [(1, "developing")]

    def test_a_corrected_key_grades_none_of_them(self, database: TestDatabase, bring_in: Import) -> None:
        bring_in(
            person(1), person(2), assessments=[assessment()], results=[result(78, of=1), result("", of=2)]
        )
        before = ask(database, "select a::text from lms.quiz_attempts as a order by 1")
        ask(database, "update lms.quiz_answer_keys set key_version = 2")
        assert ask(database, "select r.* from lms.quizzes, lms.regrade_attempts(quiz_id, 100) as r") == []
        assert ask(database, "select a::text from lms.quiz_attempts as a order by 1") == before

    def test_grading_again_changes_no_score(self, database: TestDatabase, bring_in: Import) -> None:
        bring_in(person(), assessments=[assessment()], results=[result(78)])
        ask(database, "select from lms.record_grades(array(select attempt_id from lms.quiz_attempts))")
        assert ask(database, "select state, score::float from lms.quiz_attempts") == [("graded", 78)]

    @pytest.mark.parametrize("score", ["78", ""])
    def test_a_review_that_is_taken_back_leaves_it_waiting_for_another(
        self, database: TestDatabase, bring_in: Import, score: str
    ) -> None:
        """Nothing was answered here, and an essay without an answer would be worth nothing."""
        bring_in(person(), assessments=[assessment()], results=[result(score)])
        grade = "select from lms.record_grades(array(select attempt_id from lms.quiz_attempts))"
        for reviews, state, points in (('{"q1": {"points": 55}}', "graded", 55), ("{}", "submitted", None)):
            ask(database, "update lms.quiz_attempts set reviews = %s", reviews)
            ask(database, grade)
            assert ask(database, "select state, score::float from lms.quiz_attempts") == [(state, points)]
        assert ask(database, "select from lms.topic_performance") == []

    def test_mastery_is_what_the_attempts_of_a_week_have(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(
            *(person(number) for number in (1, 2, 3)),
            assessments=[
                assessment(1, date=8),
                assessment(2, date=9, kind="CMA"),
                assessment(3, date=15),
                assessment(4, date=16, kind="Exam"),
            ],
            results=[
                result(40, of=1, at=1, submitted=8),
                result(90, of=1, at=2, submitted=7),
                result(80, of=2, at=1),
                result(49, of=3, at=3),
                result(100, of=3, at=4),
            ],
        )
        assert ask(
            database,
            "select full_name, week_number, attempts, best_score::float, last_score::float, "
            "average_score::float, mastery from lms.topic_performance join lms.users on user_id = student_id "
            "order by full_name, week_number",
        ) == [
            ("Student 1", 2, 2, 0.9, 0.4, 0.65, "mastered"),
            ("Student 2", 2, 1, 0.8, 0.8, 0.8, "mastered"),
            ("Student 3", 3, 1, 0.49, 0.49, 0.49, "remedial"),
        ]

    def test_results_that_come_later_are_counted_with_those_before(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        both = {"assessments": [assessment(1, date=8), assessment(2, date=9)]}
        bring_in(person(), results=[result(40, at=1)], **both)
        report = bring_in(person(), results=[result(90, at=1), result(60, at=2)], **both)
        assert report.imported == {"quiz_attempts": 1}
        assert report.unchanged["quiz_attempts"] == 1
        assert ask(
            database, "select attempts, best_score::float, average_score::float from lms.topic_performance"
        ) == [(2, 0.6, 0.5)]

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("line", "field"),
        [
            pytest.param(assessment(date="x"), "date", id="no day"),
            pytest.param(assessment(date=-1), "date", id="before the first day"),
            pytest.param(assessment(date=371), "date", id="years later"),
            pytest.param(assessment(date=""), "date", id="an empty day"),
            pytest.param(assessment("x"), "id_assessment", id="no number"),
            pytest.param(assessment(0), "id_assessment", id="number 0"),
            pytest.param(assessment(kind="Essay"), "assessment_type", id="another kind"),
            pytest.param(assessment(course="BBB-2013J"), "code_presentation", id="another course"),
            pytest.param(assessment(1751), "id_assessment", id="there already"),
        ],
    )
    def test_a_line_of_assessments_that_is_refused(self, bring_in: Import, line: Line, field: str) -> None:
        report = bring_in(
            person(),
            assessments=[assessment(1751), line],
            results=[result(at=1751), result(at=line[2])] if line[2] != "1751" else [result(at=1751)],
        )
        refused = [each for each in refusals(report) if each[0] == "assessments.csv"]
        assert refused == [("assessments.csv", 3, field)]
        assert report.imported["quizzes"] == report.imported["quiz_attempts"] == 1

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("line", "field"),
        [
            pytest.param(result(at=1), "id_assessment", id="of another assessment"),
            pytest.param(result(of=2), "id_student", id="of nobody on the course"),
            pytest.param(result(of="x"), "id_student", id="of nobody"),
            pytest.param(result(of=12), "id_student", id="there already"),
            pytest.param(result(submitted=""), "date_submitted", id="on no day"),
            pytest.param(result(submitted="?"), "date_submitted", id="on an unknown day"),
            pytest.param(result(submitted=1.5), "date_submitted", id="at noon"),
            pytest.param(result(banked=2), "is_banked", id="banked twice"),
            pytest.param(result(banked=""), "is_banked", id="banked or not"),
            pytest.param(result(101), "score", id="too much"),
            pytest.param(result(-1), "score", id="less than nothing"),
            pytest.param(result(1.5), "score", id="a half"),
            pytest.param(result("A"), "score", id="a letter"),
        ],
    )
    def test_a_line_of_results_that_is_refused(
        self, database: TestDatabase, bring_in: Import, line: Line, field: str
    ) -> None:
        report = bring_in(person(), person(12), assessments=[assessment()], results=[result(of=12), line])
        assert refusals(report) == [("studentAssessment.csv", 3, field)]
        assert ask(database, "select count(*) from lms.quiz_attempts") == [(1,)]


class TestAudit:
    def test_each_account_and_each_enrolment_has_one_event(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(person(1), person(2, left=5))
        assert ask(
            database,
            "select action, email, courses.code, actor_id, changes from lms.audit_events as events "
            "left join lms.users using (user_id) left join lms.courses on courses.course_id = events.course_id "
            "order by action, email",
        ) == [
            (
                *("enrollments.create", "student-1@oulad.example", "OULAD-AAA-2013J", None),
                {"state": {"from": None, "to": "completed"}},
            ),
            (
                *("enrollments.create", "student-2@oulad.example", "OULAD-AAA-2013J", None),
                {"state": {"from": None, "to": "dropped"}},
            ),
            *(
                ("users.create", f"{name}@oulad.example", None, None, {"role": {"from": None, "to": role}})
                for name, role in (
                    ("aaa-2013j", "lecturer"),
                    ("student-1", "student"),
                    ("student-2", "student"),
                )
            ),
        ]


class TestReport:
    def test_files_that_are_not_read_are_told(self, database: TestDatabase, tmp_path: Path) -> None:
        enrolled(tmp_path, person())
        write(tmp_path, "studentVle.csv", "id_site\n")
        write(tmp_path, "vle.csv", "x")
        report = import_oulad(database.admin_url, tmp_path)
        assert list(report.left_out.items())[1:] == [("studentVle.csv", "8 bytes"), ("vle.csv", "1 byte")]

    def test_progress_is_told(self, database: TestDatabase, tmp_path: Path) -> None:
        told: list[tuple[str, int, int]] = []
        import_oulad(
            database.admin_url, enrolled(tmp_path, person()), on_progress=lambda *step: told.append(step)
        )
        work = ("checks", "users", "courses", "enrollments", "quizzes", "attempts", "performance")
        steps = (*HEADERS, *work)
        assert told == [(step, number, len(steps)) for number, step in enumerate(steps, start=1)]

    def test_nothing_where_there_is_nothing(self, database: TestDatabase, tmp_path: Path) -> None:
        before = checksums(database.admin_url)
        report = import_oulad(database.admin_url, folder(tmp_path, courses=[]))
        assert (report.imported, report.unchanged, report.refused) == ({}, {}, [])
        assert checksums(database.admin_url) == before

    def test_as_lms_migrate(self, database: TestDatabase, tmp_path: Path) -> None:
        url = database.server.url(database.name, "lms_migrate")
        assert import_oulad(url, enrolled(tmp_path, person())).imported["student_enrollments"] == 1

    def test_as_the_service_it_is_refused(self, database: TestDatabase, tmp_path: Path) -> None:
        url = database.server.url(database.name, "lms_api")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            import_oulad(url, enrolled(tmp_path, person()))


@pytest.mark.once
class TestRefusals:
    @pytest.mark.parametrize(
        ("line", "field"),
        [
            pytest.param(("aaa", "2013J", "268"), "code_module", id="module in small letters"),
            pytest.param(("", "2013J", "268"), "code_module", id="no module"),
            pytest.param(("A-A", "2013J", "268"), "code_module", id="module with a hyphen"),
            pytest.param(("A" * 17, "2013J", "268"), "code_module", id="module of 17 letters"),
            pytest.param(("AAA", "2013K", "268"), "code_presentation", id="another month"),
            pytest.param(("AAA", "13J", "268"), "code_presentation", id="another year"),
            pytest.param(("AAA", "0000J", "268"), "code_presentation", id="the year 0"),
            pytest.param(("AAA", "2013J ", "268"), "code_presentation", id="a space behind it"),
            pytest.param(("AAA", "2013J", "?"), "module_presentation_length", id="no length"),
            pytest.param(("AAA", "2013J", "0"), "module_presentation_length", id="no days"),
            pytest.param(("AAA", "2013J", "-1"), "module_presentation_length", id="fewer"),
            pytest.param(("AAA", "2013J", "1e2"), "module_presentation_length", id="an exponent"),
            pytest.param(("AAA", "2013J", "1000"), "module_presentation_length", id="years"),
            pytest.param(("BBB", "2014B", "100"), "code_presentation", id="there already"),
        ],
    )
    def test_a_line_of_courses(self, database: TestDatabase, tmp_path: Path, line: Line, field: str) -> None:
        report = import_oulad(database.admin_url, folder(tmp_path, courses=[("BBB", "2014B", "234"), line]))
        assert refusals(report) == [("courses.csv", 3, field)]
        assert seats(database) == {"OULAD-BBB-2014B": (0, 1)}
        assert ask(database, "select ends_on - starts_on + 1 from lms.terms") == [(234,)]

    @pytest.mark.parametrize(
        ("line", "field", "says"),
        [
            pytest.param(student("0"), "id_student", "number from 1", id="student 0"),
            pytest.param(student("007"), "id_student", "number from 1", id="leading zeros"),
            pytest.param(student("-7"), "id_student", "number from 1", id="negative"),
            pytest.param(student("7.0"), "id_student", "number from 1", id="fraction"),
            pytest.param(student("?"), "id_student", "number from 1", id="unknown"),
            pytest.param(student(""), "id_student", "number from 1", id="empty"),
            pytest.param(student("1234567890"), "id_student", "number from 1", id="ten digits"),
            pytest.param(student("\u0667"), "id_student", "number from 1", id="another digit"),
            pytest.param(student(7, course="BBB-2013J"), "code_presentation", "courses.csv", id="module"),
            pytest.param(
                student(7, course="AAA-2014J"), "code_presentation", "courses.csv", id="presentation"
            ),
            pytest.param(student(7, result="Passed"), "final_result", "Distinction, Fail", id="result"),
            pytest.param(student(7, result="pass"), "final_result", "Distinction, Fail", id="small letters"),
            pytest.param(student(7, result=""), "final_result", "Distinction, Fail", id="no result"),
            pytest.param(student(1, result="Fail"), "id_student", "Line 2 has this", id="twice"),
            pytest.param(student(7), "id_student", "No line of studentRegistration.csv", id="alone"),
        ],
    )
    def test_a_line_of_student_info(
        self, database: TestDatabase, tmp_path: Path, line: Line, field: str, says: str
    ) -> None:
        report = import_oulad(
            database.admin_url,
            folder(tmp_path, students=[student(1), line], registrations=[registration(1)]),
        )
        self.holds_one(database, report, "studentInfo.csv", field, says)

    @pytest.mark.parametrize(
        ("line", "field", "says"),
        [
            pytest.param(registration("7 "), "id_student", "number from 1", id="a space behind it"),
            pytest.param(
                registration(7, course="BBB-2013J"), "code_presentation", "courses.csv", id="module"
            ),
            pytest.param(registration(7, registered=""), "date_registration", "or ?", id="empty"),
            pytest.param(registration(7, registered="1.5"), "date_registration", "or ?", id="fraction"),
            pytest.param(registration(7, registered="+3"), "date_registration", "or ?", id="plus"),
            pytest.param(registration(7, registered="--3"), "date_registration", "or ?", id="minus minus"),
            pytest.param(registration(7, registered="99999"), "date_registration", "or ?", id="centuries"),
            pytest.param(registration(7, registered="2013-10-01"), "date_registration", "or ?", id="date"),
            pytest.param(registration(7, left=""), "date_unregistration", "or ?", id="left: empty"),
            pytest.param(registration(7, left="??"), "date_unregistration", "or ?", id="left: two of them"),
            pytest.param(
                registration(7, registered=10, left=9), "date_unregistration", "before", id="left first"
            ),
            pytest.param(registration(1, registered=3), "id_student", "Line 2 has this", id="twice"),
            pytest.param(registration(7), "id_student", "No line of studentInfo.csv", id="alone"),
        ],
    )
    def test_a_line_of_student_registration(
        self, database: TestDatabase, tmp_path: Path, line: Line, field: str, says: str
    ) -> None:
        report = import_oulad(
            database.admin_url,
            folder(tmp_path, students=[student(1)], registrations=[registration(1), line]),
        )
        self.holds_one(database, report, "studentRegistration.csv", field, says)

    @staticmethod
    def holds_one(database: TestDatabase, report: OuladReport, file: str, field: str, says: str) -> None:
        """This line, the third of its file, is refused for this reason first, and the other one is there."""
        assert {(each.file, each.line) for each in report.refused} == {(file, 3)}
        assert field in {each.field for each in report.refused}
        assert [each for each in report.refused if each.field == field and says in each.reason]
        assert list(states(database)) == [("student-1", "OULAD-AAA-2013J")]
        assert ask(database, "select count(*) from lms.users where role = 'student'") == [(1,)]
        ((_, enrolled_at, _),) = enrollments(database).values()
        assert enrolled_at == FIRST_DAY + timedelta(days=-159)
        assert report.imported == {"terms": 1, "users": 2, "courses": 1, "student_enrollments": 1}

    def test_everything_that_is_wrong_in_a_line_is_told(self, bring_in: Import) -> None:
        report = bring_in(person("x", course="CCC-2013J", result="No", registered="a", left="b"))
        assert refusals(report) == [
            ("studentInfo.csv", 2, "code_presentation"),
            ("studentInfo.csv", 2, "final_result"),
            ("studentInfo.csv", 2, "id_student"),
            ("studentRegistration.csv", 2, "code_presentation"),
            ("studentRegistration.csv", 2, "date_registration"),
            ("studentRegistration.csv", 2, "date_unregistration"),
            ("studentRegistration.csv", 2, "id_student"),
        ]

    def test_what_stands_on_a_refused_line_is_refused_with_it(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        report = bring_in(
            person(1),
            person(2, result="?"),
            person(3, left="x"),
            person(4, course="BBB-2013J"),
            courses=[("AAA", "2013J", "268"), ("BBB", "2013J", "long")],
        )
        assert refusals(report) == [
            ("courses.csv", 3, "module_presentation_length"),
            ("studentInfo.csv", 3, "final_result"),
            ("studentInfo.csv", 4, "id_student"),
            ("studentInfo.csv", 5, "code_presentation"),
            ("studentRegistration.csv", 3, "id_student"),
            ("studentRegistration.csv", 4, "date_unregistration"),
            ("studentRegistration.csv", 5, "code_presentation"),
        ]
        assert list(states(database)) == [("student-1", "OULAD-AAA-2013J")]

    def test_nothing_is_imported_where_everything_is_refused(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        before = checksums(database.admin_url)
        report = bring_in(person(), courses=[("AAA", "2013J", "?")])
        assert (report.imported, report.unchanged) == ({}, {})
        assert len(report.refused) == 3
        assert checksums(database.admin_url) == before


@pytest.mark.once
class TestDamage:
    @pytest.mark.parametrize("name", HEADERS)
    @pytest.mark.parametrize(
        ("damaged", "says"),
        [
            pytest.param(lambda _: b"", "this file is empty", id="empty"),
            pytest.param(
                lambda text: text[:-1], "line 4: the file ends in the middle", id="no last line end"
            ),
            pytest.param(lambda text: text[:-30], "ends in the middle of this line", id="cut off"),
            pytest.param(
                lambda text: text + b'"AAA"\n', r"line 5: expected \d+ fields, found 1", id="too few"
            ),
            pytest.param(lambda text: text + b'"AAA\n', "line 5: this is not CSV", id="open quote"),
            pytest.param(lambda text: text + b"\xff\n", "line 5: this is not UTF-8", id="encoding"),
            pytest.param(lambda text: text + b"\0\n", "line 5, column 1: .*NUL", id="NUL"),
            pytest.param(lambda text: text.partition(b"\n")[2], "line 1: expected the columns", id="header"),
            pytest.param(
                lambda _: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n",
                "line 1: this is what Git LFS left",
                id="Git LFS pointer",
            ),
        ],
    )
    def test_in_any_file_imports_nothing_and_names_it(
        self,
        module_database: TestDatabase,
        tmp_path: Path,
        name: str,
        damaged: Callable[[bytes], bytes],
        says: str,
    ) -> None:
        before = checksums(module_database.admin_url)
        source = enrolled(
            tmp_path,
            *(person(number) for number in (1, 2, 3)),
            courses=[(module_code, "2013J", "268") for module_code in ("AAA", "BBB", "CCC")],
            assessments=[assessment(number) for number in (1752, 1753, 1754)],
            results=[result(of=number) for number in (1, 2, 3)],
        )
        write(source, name, damaged((source / name).read_bytes()))
        with pytest.raises(FailureError, match=rf"{source / name}.*{says}"):
            import_oulad(module_database.admin_url, source)
        assert checksums(module_database.admin_url) == before

    @pytest.mark.parametrize("name", HEADERS)
    def test_a_missing_file(self, module_database: TestDatabase, tmp_path: Path, name: str) -> None:
        before = checksums(module_database.admin_url)
        source = enrolled(tmp_path, person())
        (source / name).unlink()
        with pytest.raises(FailureError, match=rf"There is no file {source / name}"):
            import_oulad(module_database.admin_url, source)
        assert checksums(module_database.admin_url) == before


class TestAgain:
    def test_the_same_folder_changes_nothing(self, database: TestDatabase, bring_in: Import) -> None:
        people = [person(1), person(2, left=5)]
        bring_in(*people)
        before = checksums(database.admin_url)
        report = bring_in(*people)
        assert checksums(database.admin_url) == before
        assert report.imported == {}
        assert report.unchanged == {"terms": 1, "users": 3, "courses": 1, "student_enrollments": 2}
        assert report.refused == []
        assert staged(database) == []

    def test_what_people_changed_stays(self, database: TestDatabase, bring_in: Import) -> None:
        people = [person(1), person(2, left=5)]
        bring_in(*people)
        for change in (
            "update lms.terms set title = 'Long ago', ends_on = '2014-01-01'",
            "update lms.courses set title = 'Botany', state = 'published', capacity = 50",
            "update lms.users set full_name = 'Ada', password_hash = '$argon2id$v=19$' where email ~ '^student-1@'",
            "update lms.users set deactivated_at = now() where email ~ '^student-2@'",
            (
                "update lms.student_enrollments set version = 2, "
                "state = case state when 'dropped' then 'active' else 'dropped' end"
            ),
            "update lms.users set email = 'lecturer@school.example' where role = 'lecturer'",
        ):
            ask(database, change)
        before = checksums(database.admin_url)
        report = bring_in(*people)
        assert checksums(database.admin_url) == before
        assert report.imported == {}
        assert report.unchanged["student_enrollments"] == 2

    def test_what_people_changed_of_a_quiz_stays_and_new_results_find_it(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        people = [person(1), person(2)]
        files = {"assessments": [assessment(date=19)]}
        bring_in(*people, results=[result(40, of=1)], **files)
        for change in (
            "update lms.quizzes set title = 'Essay', week_number = 7, state = 'published', closes_at = null",
            # Asked anew since, in a second version.
            (
                "insert into lms.quiz_versions select quiz_id, 2, jsonb_set(questions, '{0,points}', '50') "
                "from lms.quiz_versions"
            ),
            "insert into lms.quiz_answer_keys select quiz_id, 2, key from lms.quiz_answer_keys",
            "update lms.quizzes set current_version = 2",
            """update lms.quiz_attempts set reviews = '{"q1": {"points": 55}}'""",
            "select from lms.record_grades(array(select attempt_id from lms.quiz_attempts))",
        ):
            ask(database, change)
        before = checksums(database.admin_url)
        assert bring_in(*people, results=[result(40, of=1)], **files).imported == {}
        assert checksums(database.admin_url) == before
        report = bring_in(*people, results=[result(40, of=1), result(90, of=2)], **files)
        assert report.imported == {"quiz_attempts": 1}
        assert ask(
            database,
            "select full_name, quiz_version, score::integer, max_score::integer "
            "from lms.quiz_attempts join lms.users on user_id = student_id order by 1",
        ) == [("Student 1", 1, 55, 100), ("Student 2", 1, 90, 100)]
        assert ask(
            database, "select week_number, best_score::float from lms.topic_performance order by best_score"
        ) == [(7, 0.55), (7, 0.9)]

    def test_a_student_who_took_the_quiz_here_keeps_that_attempt(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(person(), assessments=[assessment()])
        ask(
            database,
            "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score) "
            "select quiz_id, 1, user_id, 1, 100 from lms.quizzes, lms.users where role = 'student'",
        )
        report = bring_in(person(), assessments=[assessment()], results=[result()])
        assert report.imported == {}
        assert report.unchanged["quiz_attempts"] == 1
        assert ask(database, "select state, score from lms.quiz_attempts") == [("in_progress", None)]

    def test_new_lines_are_added_and_seats_are_counted_up(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        people = [person(1), person(2, left=5)]
        bring_in(*people)
        ask(database, "update lms.courses set capacity = 3")
        before = enrollments(database)
        report = bring_in(
            *people,
            person(3),
            person(4, left=1),
            person(1, course="BBB-2014J"),
            courses=[("AAA", "2013J", "268"), ("BBB", "2014J", "262")],
        )
        assert report.imported == {"terms": 1, "users": 3, "courses": 1, "student_enrollments": 3}
        assert report.unchanged == {"terms": 1, "users": 3, "courses": 1, "student_enrollments": 2}
        assert seats(database) == {"OULAD-AAA-2013J": (2, 3), "OULAD-BBB-2014J": (1, 1)}
        after = enrollments(database)
        assert {key: after[key] for key in before} == before
        assert {key: value[0] for key, value in after.items() if key not in before} == {
            ("student-1", "OULAD-BBB-2014J"): "completed",
            ("student-3", "OULAD-AAA-2013J"): "completed",
            ("student-4", "OULAD-AAA-2013J"): "dropped",
        }

    def test_lines_that_are_gone_stay_in_the_database(self, database: TestDatabase, bring_in: Import) -> None:
        bring_in(person(1), person(2))
        report = bring_in(person(2))
        assert report.unchanged["student_enrollments"] == 1
        assert list(states(database)) == [("student-1", "OULAD-AAA-2013J"), ("student-2", "OULAD-AAA-2013J")]

    def test_accounts_that_are_there_already_are_used(self, database: TestDatabase, bring_in: Import) -> None:
        add_user(database, "student-1@oulad.example", "student")
        add_user(database, "aaa-2013j@oulad.example", "lecturer")
        report = bring_in(person(1))
        assert report.imported == {"terms": 1, "courses": 1, "student_enrollments": 1}
        assert report.unchanged == {"users": 2}
        assert ask(database, "select count(*) from lms.audit_events") == [(1,)]


def add_user(database: TestDatabase, email: str, role: str) -> None:
    ask(
        database,
        "insert into lms.users (email, full_name, role, password_hash) values (%s, 'Somebody', %s, '!')",
        email,
        role,
    )


class TestWhatStandsInTheWay:
    @pytest.mark.parametrize(
        ("email", "role", "wanted"),
        [
            ("student-2@oulad.example", "lecturer", "student"),
            ("student-2@oulad.example", "super_admin", "student"),
            ("aaa-2013j@oulad.example", "student", "lecturer"),
        ],
    )
    def test_an_address_of_somebody_with_another_role(
        self, database: TestDatabase, bring_in: Import, email: str, role: str, wanted: str
    ) -> None:
        add_user(database, email, role)
        before = checksums(database.admin_url)
        with pytest.raises(FailureError, match=rf"{email} .*{role}.*{wanted}"):
            bring_in(person(1), person(2), person(3))
        assert checksums(database.admin_url) == before

    def test_a_course_that_is_there_needs_no_lecturer_of_that_address(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(person(1))
        ask(database, "update lms.users set email = 'lecturer@school.example' where role = 'lecturer'")
        add_user(database, "aaa-2013j@oulad.example", "student")
        assert bring_in(person(1)).imported == {}

    def test_a_term_in_the_archive_takes_no_new_course(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(person(1))
        ask(database, "update lms.terms set archived_at = now()")
        before = checksums(database.admin_url)
        with pytest.raises(FailureError, match="The term OULAD-2013J is in the archive"):
            bring_in(person(1), courses=[("AAA", "2013J", "268"), ("BBB", "2013J", "268")])
        assert checksums(database.admin_url) == before
        assert bring_in(person(1)).unchanged["courses"] == 1

    def test_a_full_course(self, database: TestDatabase, bring_in: Import) -> None:
        people = [person(1), person(2, left=5), person(3), person(4), person(5, left=9)]
        people.append(person(6, result="Withdrawn"))
        bring_in(*people[:2])
        ask(database, "update lms.courses set capacity = 2")
        before = checksums(database.admin_url)
        with pytest.raises(
            FailureError, match="The course OULAD-AAA-2013J has 1 seat left, and the import needs 2:"
        ):
            bring_in(*people)
        assert checksums(database.admin_url) == before
        ask(database, "update lms.courses set capacity = 3")
        bring_in(*people)
        assert seats(database) == {"OULAD-AAA-2013J": (3, 3)}

    def test_what_only_the_database_refuses_leaves_nothing(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        ask(database, "alter table lms.student_enrollments add constraint no_ck check (state <> 'dropped')")
        before = checksums(database.admin_url)
        with pytest.raises(psycopg.errors.CheckViolation, match="no_ck"):
            bring_in(person(1), person(2, left=3))
        assert checksums(database.admin_url) == before


class TestAtOnce:
    def test_two_imports_take_turns(self, database: TestDatabase, tmp_path: Path) -> None:
        source = enrolled(tmp_path, person(1), person(2, left=5))
        with ThreadPoolExecutor() as threads:
            second: list[Any] = []

            def start_another(step: str, _number: int, _total: int) -> None:
                if step == "users":
                    second.append(threads.submit(import_oulad, database.admin_url, source))
                    wait_for_somebody_to_wait(database)

            first = import_oulad(database.admin_url, source, on_progress=start_another)
            report = second[0].result(30)
        assert first.imported == {"terms": 1, "users": 3, "courses": 1, "student_enrollments": 2}
        assert report.imported == {}
        assert report.unchanged == first.imported
        assert seats(database) == {"OULAD-AAA-2013J": (1, 2)}
        assert staged(database) == []

    @pytest.mark.parametrize("locked", [True, False])
    def test_somebody_who_enrols_the_same_student_does_not_wait_in_a_circle(
        self, database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, locked: bool
    ) -> None:
        """The control is the import without its lock on the courses: one of the two dies of a deadlock."""
        courses = [("AAA", "2013J", "268"), ("BBB", "2013J", "268")]
        before = person(1), person(2, course="BBB-2013J")
        import_oulad(database.admin_url, enrolled(tmp_path, *before, courses=courses))
        ask(database, "update lms.courses set capacity = 10, state = 'published'")
        if not locked:
            without("lock_courses", monkeypatch)
        has_seat = Event()

        def enrol() -> None:
            with psycopg.connect(database.admin_url) as other:
                other.execute("update lms.courses set seats_taken = seats_taken + 1 where code ~ 'AAA'")
                has_seat.set()
                if not locked:
                    wait_until_blocked_by(database.admin_url, other)
                other.execute(
                    "insert into lms.student_enrollments (student_id, course_id, state) "
                    "select user_id, course_id, 'active' from lms.users, lms.courses "
                    "where email ~ '^student-2@' and code ~ 'AAA'"
                )

        with ThreadPoolExecutor() as threads:
            enrolling: list[Future[None]] = []

            def start_enrolling(step: str, _number: int, _total: int) -> None:
                if step == "enrollments":
                    enrolling.append(threads.submit(enrol))
                    if locked:
                        wait_for_somebody_to_wait(database)
                    else:
                        assert has_seat.wait(30)

            importing = threads.submit(
                import_oulad,
                database.admin_url,
                enrolled(tmp_path, *before, person(2), person(3), courses=courses),
                on_progress=start_enrolling,
            )
            failures = [type(importing.exception(30)), type(enrolling[0].exception(30))]
        if locked:
            assert failures == [type(None), psycopg.errors.UniqueViolation]
            assert states(database)["student-2", "OULAD-AAA-2013J"] == "completed"
            assert seats(database)["OULAD-AAA-2013J"] == (3, 10)
        else:
            assert failures.count(psycopg.errors.DeadlockDetected) == 1

    @pytest.mark.parametrize("locked", [True, False])
    def test_a_quiz_that_is_moved_meanwhile_takes_its_mastery_along(
        self, database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, locked: bool
    ) -> None:
        """The control is the import without its lock on the quizzes: mastery stays in the old week."""
        files = {"assessments": [assessment(date=19)]}
        import_oulad(database.admin_url, enrolled(tmp_path, person(), **files))
        moving: list[Future[Any]] = []

        def but_then(connection: psycopg.Connection[Any], sql_folder: Path, name: str) -> int:
            if name == "import_oulad/lock_quizzes" and not locked:
                return 0
            done = count(connection, sql_folder, name)
            if name == "import_oulad/refresh_performance":
                moving.append(
                    threads.submit(ask, database, "update lms.quizzes set week_number = 9 returning 1")
                )
                if locked:
                    wait_for_somebody_to_wait(database)
                else:
                    moving[0].result(30)
            return done

        monkeypatch.setattr(module, "count", but_then)
        with ThreadPoolExecutor() as threads:
            import_oulad(database.admin_url, enrolled(tmp_path, person(), results=[result()], **files))
            assert moving[0].result(30) == [(1,)]
        (kept,), (computed,) = (
            ask(database, f"select week_number from lms.{source}")  # noqa: S608
            for source in ("topic_performance", "computed_performance()")
        )
        assert computed == (9,)
        assert (kept == computed) is locked

    @pytest.mark.parametrize("locked", [True, False])
    def test_what_is_graded_meanwhile_is_counted(
        self, database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, locked: bool
    ) -> None:
        """The control is the import without its lock on the enrolments: it counts without what it did not see."""
        files = {"assessments": [assessment(1, date=19), assessment(2, date=20)]}
        import_oulad(database.admin_url, enrolled(tmp_path, person(), results=[result("", at=1)], **files))
        if not locked:
            without("lock_enrollments", monkeypatch)
        graded, importing = Event(), Event()

        def grade() -> None:
            with psycopg.connect(database.admin_url) as other:
                other.execute("""update lms.quiz_attempts set reviews = '{"q1": {"points": 90}}'""")
                other.execute(
                    "select from lms.record_grades(array(select attempt_id from lms.quiz_attempts))"
                )
                graded.set()
                assert importing.wait(30)
                wait_until_blocked_by(database.admin_url, other)

        def start_grading(step: str, _number: int, _total: int) -> None:
            if step == "quizzes":
                grading.append(threads.submit(grade))
                assert graded.wait(30)
            if step == "performance":
                importing.set()

        with ThreadPoolExecutor() as threads:
            grading: list[Future[None]] = []
            import_oulad(
                database.admin_url,
                enrolled(tmp_path, person(), results=[result("", at=1), result(40, at=2)], **files),
                on_progress=start_grading,
            )
            grading[0].result(30)
        (kept,), (computed,) = (
            ask(database, f"select attempts, best_score::float from lms.{source}")  # noqa: S608
            for source in ("topic_performance", "computed_performance()")
        )
        assert computed == (2, 0.9)
        assert (kept == computed) is locked


def without(statement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports do without one of their statements."""

    def most(connection: psycopg.Connection[Any], sql_folder: Path, name: str) -> int:
        return 0 if name == f"import_oulad/{statement}" else count(connection, sql_folder, name)

    monkeypatch.setattr(module, "count", most)


def wait_for_somebody_to_wait(database: TestDatabase) -> None:
    """Return as soon as somebody waits for a lock."""
    for _ in range(1_000):
        if ask(
            database,
            "select pid from pg_catalog.pg_stat_activity "
            "where datname = current_database() and wait_event_type = 'Lock'",
        ):
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
