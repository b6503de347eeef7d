"""Topic performance is what the attempts come to, after any history; and the commands see and mend where it is not."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.operations.performance import rebuild, verify
from tests.cli.support import lms, refusal
from tests.conftest import TestDatabase
from tests.sql.questions import quiz
from tests.support.school import School, sha256_of

STUDENTS = ("student", "classmate")
WEEKS = (None, 1, 2, 3)
STEPS = 60


@dataclass
class History:
    """A course that things happen to, at random but by the doors."""

    connection: psycopg.Connection[Any]
    school: School
    random: Random
    quizzes: list[UUID] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def step(self) -> None:
        """One thing that happens; a failure names all that did before."""
        happens: Callable[[], None] = self.random.choice(
            [
                self.make,
                *[self.take] * 4,
                *[self.review] * 2,
                self.correct,
                self.regrade,
                self.move,
                self.change_policy,
                self.delete_attempt,
                self.delete_quiz,
            ]
        )
        self.log.append(happens.__name__)
        happens()

    def make(self) -> None:
        quiz_id = self.one(
            "insert into lms.quizzes (course_id, week_number, title, attempts_allowed) "
            "values (%s, %s, 'Quiz', null) returning quiz_id",
            self.school.own["course_id"],
            self.random.choice(WEEKS),
        )
        questions, key = quiz(*self.random.choice([["true_false", "numeric"], ["single_choice", "essay"]]))
        self.one(
            "select version_number from lms.save_quiz_version(%s, %s, null, %s, %s)",
            sha256_of("lecturer"),
            quiz_id,
            json.dumps(questions),
            json.dumps(key),
        )
        self.run("update lms.quizzes set state = 'published' where quiz_id = %s", quiz_id)
        self.quizzes.append(quiz_id)

    def take(self) -> None:
        if not self.quizzes:
            self.make()
        name = self.random.choice(STUDENTS)
        answers = {
            "q1": self.random.choice([True, False, "a", "b"]),
            "q2": self.random.choice([100, 3, "It is", ""]),
        }
        attempt_id = self.one(
            "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, answers, max_score) "
            "select quiz_id, version_number, %(student)s, (select coalesce(max(attempt_number), 0) + 1 "
            "from lms.quiz_attempts where quiz_id = %(quiz)s and student_id = %(student)s), %(answers)s, max_score "
            "from lms.quiz_versions where quiz_id = %(quiz)s returning attempt_id",
            student=self.school.people[name],
            quiz=self.random.choice(self.quizzes),
            answers=json.dumps(answers),
        )
        self.one("select state from lms.submit_attempt(%s, %s, null)", sha256_of(name), attempt_id)

    def review(self) -> None:
        found = self.run(
            "select attempt_id, version from lms.quiz_attempts join lms.quiz_versions using (quiz_id) "
            'where questions @> \'[{"id": "q2"}]\' order by attempt_id'
        )
        if found:
            attempt_id, version = self.random.choice(found)
            points = self.random.choice([None, 0, 0.25, 0.5, 1])
            reviews = {"q2": None if points is None else {"points": points}}
            self.one(
                "select state from lms.review_attempt(%s, %s, %s, %s)",
                sha256_of("lecturer"),
                attempt_id,
                version,
                json.dumps(reviews),
            )

    def correct(self) -> None:
        if self.quizzes:
            quiz_id = self.random.choice(self.quizzes)
            ((key, version),) = self.run(
                "select key, key_version from lms.quiz_answer_keys where quiz_id = %s", quiz_id
            )
            if "correct" in key["q1"]:
                known = key["q1"]["correct"]
                key["q1"]["correct"] = (
                    not known if isinstance(known, bool) else self.random.choice(["a", "b"])
                )
            self.one(
                "select key_version from lms.correct_answer_key(%s, %s, 1, %s, %s)",
                sha256_of("lecturer"),
                quiz_id,
                version,
                json.dumps(key),
            )

    def regrade(self) -> None:
        for quiz_id in self.quizzes:
            self.run(
                "select attempt_id from lms.regrade_attempts(%s, %s)", quiz_id, self.random.choice([1, 1000])
            )

    def move(self) -> None:
        if self.quizzes:
            self.run(
                "update lms.quizzes set week_number = %s where quiz_id = %s",
                self.random.choice(WEEKS),
                self.random.choice(self.quizzes),
            )

    def change_policy(self) -> None:
        developing, mastered = sorted(self.random.choices([0, 0.25, 0.5, 0.75, 1], k=2))
        policy = {
            "score": self.random.choice(["highest", "latest", "average"]),
            "mastered": mastered,
            "developing": developing,
        }
        self.run(
            "update lms.courses set mastery_policy = %s where course_id = %s",
            json.dumps(policy),
            self.school.own["course_id"],
        )

    def delete_attempt(self) -> None:
        """As whoever erases something has to: the attempt, and then what it counted for."""
        found = self.run(
            "select attempt_id, student_id, week_number from lms.quiz_attempts join lms.quizzes using (quiz_id) "
            "order by attempt_id"
        )
        if found:
            attempt_id, student_id, week = self.random.choice(found)
            with self.connection.transaction():
                self.run("delete from lms.quiz_attempts where attempt_id = %s", attempt_id)
                self.run(
                    "select lms.refresh_performance(%s, %s::smallint[], %s)",
                    self.school.own["course_id"],
                    [week] if week else [],
                    [student_id],
                )

    def delete_quiz(self) -> None:
        untaken = self.run(
            "delete from lms.quizzes where quiz_id = any(%s) and not exists "
            "(select from lms.quiz_attempts as attempts where attempts.quiz_id = quizzes.quiz_id) "
            "returning quiz_id",
            self.quizzes,
        )
        self.quizzes = [each for each in self.quizzes if (each,) not in untaken]

    def run(self, statement: str, *values: Any, **named: Any) -> list[Any]:
        cursor = self.connection.execute(statement.encode(), named or values)
        return cursor.fetchall() if cursor.description else []

    def one(self, statement: str, *values: Any, **named: Any) -> Any:
        ((value,),) = self.run(statement, *values, **named)
        return value


@pytest.fixture
def owner(module_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def history(owner: psycopg.Connection[Any], school: School) -> History:
    return History(owner, school, Random(1))  # noqa: S311 - histories, not secrets


COLUMNS = b"student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery"


def differences(connection: psycopg.Connection[Any]) -> list[Any]:
    """What is kept and not computed, and the other way round; apart from the statement that the command sends."""
    kept = b"select %s from lms.topic_performance" % COLUMNS
    computed = b"select %s from lms.computed_performance()" % COLUMNS
    return connection.execute(
        b"(%s except %s) union all (%s except %s)" % (kept, computed, computed, kept)
    ).fetchall()


@pytest.mark.parametrize("number", range(4))
def test_after_any_history_it_equals_a_recomputation(
    owner: psycopg.Connection[Any], school: School, full: bool, number: int
) -> None:
    for seed in range(number * 1000, number * 1000 + (250 if full else 2)):
        history = History(owner, school, Random(seed))  # noqa: S311 - histories, not secrets
        with owner.transaction(force_rollback=True):
            for _ in range(STEPS):
                history.step()
                assert differences(owner) == [], f"seed {seed}: {history.log}"
            assert history.one("select count(*) from lms.topic_performance") > 0, f"nothing happened: {seed}"


def test_a_table_that_does_not_follow_would_be_seen(history: History, owner: psycopg.Connection[Any]) -> None:
    """The control: the same history, and nobody who refreshes."""
    with owner.transaction(force_rollback=True):
        owner.execute(
            "create or replace function lms.refresh_performance(course_id uuid, weeks smallint[], student_ids uuid[]) "
            "returns integer language sql as 'select 0'"
        )
        for _ in range(STEPS):
            history.step()
        assert differences(owner) != []


@pytest.fixture
def damaged(history: History, owner: psycopg.Connection[Any], school: School) -> Iterator[UUID]:
    """A course whose rows were written past the functions in three ways; the student whom they are about."""
    student_id, course_id = school.own["student_id"], school.own["course_id"]
    for week in (1, 2):
        history.make()
        history.run("update lms.quizzes set week_number = %s where quiz_id = %s", week, history.quizzes[-1])
        attempt_id = history.one(
            "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score) "
            "select quiz_id, 1, %s, 1, max_score from lms.quiz_versions where quiz_id = %s returning attempt_id",
            student_id,
            history.quizzes[-1],
        )
        history.one("select state from lms.submit_attempt(%s, %s, '{}')", sha256_of("student"), attempt_id)
    owner.execute(
        "update lms.topic_performance set best_score = 1, mastery = 'mastered' where week_number = 1"
    )
    owner.execute("delete from lms.topic_performance where week_number = 2")
    owner.execute(
        "insert into lms.topic_performance values (%s, %s, 50, 1, 1, 1, 1, 'mastered')",
        (student_id, course_id),
    )
    yield student_id
    owner.execute("delete from lms.topic_performance")
    owner.execute("delete from lms.quiz_attempts")


def test_verify_names_what_differs_and_changes_nothing(
    damaged: UUID, module_database: TestDatabase, owner: psycopg.Connection[Any]
) -> None:
    before = differences(owner)
    found = verify(module_database.admin_url)
    assert (found.differing, {each.student_id for _, each in found.listed}) == (3, {damaged})
    weeks = {each.week_number: (each.kept, each.computed) for _, each in found.listed}
    assert sorted(weeks) == [1, 2, 50]
    assert (weeks[2][0], weeks[50][1]) == (None, None)
    kept, computed = weeks[1]
    assert kept is not None
    assert computed is not None
    assert (kept["mastery"], computed["mastery"]) == ("mastered", "remedial")
    assert len(verify(module_database.admin_url, most=1).listed) == 1
    assert verify(module_database.admin_url, most=1).differing == 3
    assert differences(owner) == before != []


def test_verify_as_a_command_exits_with_1_and_names_the_rows(
    damaged: UUID, module_database: TestDatabase
) -> None:
    done = lms("performance", "verify", "--limit", "2", LMS_MIGRATION_URL=module_database.admin_url)
    assert "3 rows are not what the attempts come to" in refusal(done)
    assert done.stdout.count(str(damaged)) == 2
    assert "COURSE-LECTURER" in done.stdout


def test_rebuild_mends_it_once(
    damaged: UUID,  # noqa: ARG001 - it is in the database
    module_database: TestDatabase,
    owner: psycopg.Connection[Any],
) -> None:
    assert rebuild(module_database.admin_url, code="COURSE-LECTURER") == {"COURSE-LECTURER": 3}
    assert differences(owner) == []
    assert rebuild(module_database.admin_url) == {}
    done = lms("performance", "verify", LMS_MIGRATION_URL=module_database.admin_url)
    assert done.returncode == 0, done


@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_an_unknown_course_is_refused(command: str, module_database: TestDatabase) -> None:
    done = lms("performance", command, "--course", "NONE", LMS_MIGRATION_URL=module_database.admin_url)
    assert "No course NONE has quizzes." in refusal(done)
