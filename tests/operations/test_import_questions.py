"""Importing questions with their courses: what becomes of them, again and after people have changed something."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from api.operations.import_courses import ImportReport, import_courses
from api.operations.question_source import read_questions
from api.operations.source_files import Line
from tests.conftest import TestDatabase
from tests.operations.courses import add_questions, course, folder, question
from tests.operations.test_import_courses import add_person, run
from tests.support.contents import checksums, wait_until_blocked_by

Bring = Callable[..., ImportReport]

QUIZZES = """
select title, state, week_number, current_version, version from lms.quizzes order by quiz_id
"""
VERSIONS = """
select versions.version_number, versions.questions, keys.key
from lms.quiz_versions as versions
join lms.quiz_answer_keys as keys
    on keys.quiz_id = versions.quiz_id and keys.version_number = versions.version_number
order by versions.quiz_id, versions.version_number
"""


@pytest.fixture
def bring(database: TestDatabase, tmp_path: Path) -> Bring:
    """Import a course with these questions."""
    add_person(database, "teacher@school.example")

    def bring_in(*lines: Any) -> ImportReport:
        return import_courses(database.admin_url, add_questions(folder(tmp_path, course()), *lines))

    return bring_in


def refused(report: ImportReport) -> list[tuple[str, str]]:
    assert {each.file for each in report.refused} <= {"questions.jsonl"}
    return [(each.place, each.reason) for each in report.refused]


def test_questions_become_drafts_in_their_weeks(database: TestDatabase, bring: Bring) -> None:
    truth = {"type": "truefalse", "choices": ["True", "False"], "answer": ["False"], "prompt": " True? "}
    report = bring(question(1), question(1, quiz="Roots", week=2), question(2, **truth))
    assert (report.imported["quizzes"], refused(report)) == (2, [])
    assert run(database, QUIZZES) == [("Plants", "draft", 1, 1, 1), ("Roots", "draft", 2, 1, 1)]
    (plants, _) = run(database, VERSIONS)
    options = [{"id": "o1", "text": "a leaf"}, {"id": "o2", "text": "a root"}]
    assert plants == (
        1,
        [
            {
                "id": "plants-1",
                "type": "single_choice",
                "prompt": "Question 1?",
                "points": 1,
                "options": options,
            },
            {"id": "plants-2", "type": "true_false", "prompt": "True?", "points": 1},
        ],
        {
            "plants-1": {"type": "single_choice", "correct": "o2"},
            "plants-2": {"type": "true_false", "correct": False},
        },
    )


@pytest.mark.usefixtures("bring")
def test_as_lms_migrate(database: TestDatabase, tmp_path: Path) -> None:
    url = database.server.url(database.name, "lms_migrate")
    report = import_courses(url, add_questions(folder(tmp_path, course()), question()))
    assert report.imported["quizzes"] == 1


@pytest.mark.parametrize(
    ("line", "place", "reason"),
    [
        ("[", "", "This is not JSON"),
        ("[]", "", "Expected an object"),
        (question(3, course="ZOOLOGY"), "/course", "There is no course ZOOLOGY"),
        (
            question(3, answer=["a leaf", "a root"]),
            "/answer",
            "One answer is right in a question of this type, not 2.",
        ),
        (question(3, answer=[]), "/answer", "not 0."),
        (question(3, answer=["a bud"]), "/answer", "It is none of the choices."),
        (question(3, choices=["a root"]), "/choices", "at least 2"),
        (question(3, choices=["a root", "a root "]), "/choices", "there twice"),
        (question(3, choices="a root"), "/choices", "list"),
        (question(3, choices=["a root", "\0"]), "/choices", "NUL"),
        (question(3, prompt=" "), "/prompt", "at least 1"),
        (question(3, prompt="x" * 10_001), "/prompt", "at most 10000"),
        (question(3, quiz=""), "/quiz", "at least 1"),
        (question(3, type="essay"), "/type", "mc_single"),
        (question(3, type="truefalse"), "/choices", "True and False"),
        (question(3, week=2), "/week", "The quiz is in week 1: see line 1."),
        (question(3, week=None), "/week", "The quiz is in week 1: see line 1."),
        (question(3, week=54), "/week", "less than or equal to 53"),
        (question(1), "/id", "Another question of the quiz has the id plants-1."),
        (question(3, id="plants-1"), "/id", "the id plants-1."),
        (question(3, id="x" * 65), "/id", "pattern"),
    ],
)
def test_a_bad_line_is_named_and_does_not_keep_out_the_rest(
    database: TestDatabase, bring: Bring, line: Any, place: str, reason: str
) -> None:
    report = bring(question(1), line, question(2))
    ((told, why),) = refused(report)
    assert (told, reason in why) == (f"line 2{place}", True), why
    ((_, questions, _),) = run(database, VERSIONS)
    assert [each["id"] for each in questions] == ["plants-1", "plants-2"]


def test_a_quiz_that_is_too_large_is_named_and_does_not_keep_out_the_rest(
    database: TestDatabase, bring: Bring
) -> None:
    def quiz_of(size: int) -> list[dict[str, Any]]:
        """Questions of so many bytes as PostgreSQL counts them, which it does in steps of four."""
        asked = [question(number, prompt="x" * 10_000) for number in range(1, 27)]
        read = read_questions([Line(number, each) for number, each in enumerate(asked)], {"BOTANY"})
        ((found,),) = run(
            database, "select pg_column_size(%s::jsonb)", Jsonb(read.quizzes[0].document()["questions"])
        )
        return [asked[0] | {"prompt": "x" * (10_000 - found + size)}, *asked[1:]]

    report = bring(question(1, quiz="Roots"), *quiz_of(262_146), question(1, quiz="Leaves", week=2))
    assert refused(report) == [("line 2/quiz", "A quiz has at most 256 KiB of questions.")]
    assert [title for title, *_ in run(database, QUIZZES)] == ["Roots", "Leaves"]
    report = bring(question(1, quiz="Roots"), *quiz_of(262_142))
    assert (report.imported, report.unchanged["quizzes"], refused(report)) == ({"quizzes": 1}, 1, [])


def test_the_same_again_changes_nothing(database: TestDatabase, bring: Bring) -> None:
    lines = [question(1), question(2), question(1, quiz="Roots", week=None)]
    bring(*lines)
    before = checksums(database.admin_url)
    report = bring(*lines)
    assert (report.imported, report.unchanged["quizzes"]) == ({}, 2)
    assert checksums(database.admin_url) == before


QUESTIONS_STAY = ("line 1", "The quiz is there with other questions, which stay.")
KEY_STAYS = ("line 1", "The quiz is there with another key, which stays.")
WEEK_STAYS = ("line 1/week", "The quiz is there in another week, where it stays.")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"prompt": "Another?"}, [QUESTIONS_STAY]),
        ({"id": "other"}, [QUESTIONS_STAY]),
        ({"answer": ["a leaf"]}, [KEY_STAYS]),
        ({"week": 2}, [WEEK_STAYS]),
        ({"answer": ["a leaf"], "week": 2}, [KEY_STAYS, WEEK_STAYS]),
        ({"week": None}, []),
    ],
)
def test_a_quiz_that_is_there_stays_and_the_report_says_in_what_it_differs(
    database: TestDatabase, bring: Bring, change: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    other = question(1, quiz="Roots")
    bring(question(1), other)
    before = checksums(database.admin_url)
    report = bring(question(1, **change), other)
    assert (report.imported, refused(report)) == ({}, told)
    assert report.unchanged["quizzes"] == (1 if told else 2)
    assert checksums(database.admin_url) == before


def test_what_people_made_stays_and_another_title_is_another_quiz(
    database: TestDatabase, bring: Bring
) -> None:
    bring(question(1))
    run(database, "update lms.quizzes set title = 'Mine' returning quiz_id")
    run(
        database,
        "insert into lms.quizzes (course_id, title) select course_id, 'Theirs' from lms.courses returning quiz_id",
    )
    assert bring(question(1)).imported == {"quizzes": 1}
    assert [title for title, *_ in run(database, QUIZZES)] == ["Mine", "Theirs", "Plants"]
    assert bring().imported == {}
    assert len(run(database, QUIZZES)) == 3


def test_a_draft_of_the_same_title_that_asks_nothing_is_filled(database: TestDatabase, bring: Bring) -> None:
    bring()
    run(
        database,
        "insert into lms.quizzes (course_id, title) select course_id, 'Plants' from lms.courses returning quiz_id",
    )
    report = bring(question(1))
    assert run(database, QUIZZES) == [("Plants", "draft", 1, 1, 2)]
    assert (report.imported, refused(report)) == ({"quizzes": 1}, [])


def test_a_draft_that_asks_nothing_keeps_the_week_that_nobody_says(
    database: TestDatabase, bring: Bring
) -> None:
    bring()
    run(
        database,
        "insert into lms.quizzes (course_id, title, week_number) select course_id, 'Plants', 2 from lms.courses "
        "returning quiz_id",
    )
    bring(question(1, week=None))
    assert run(database, QUIZZES) == [("Plants", "draft", 2, 1, 2)]


def test_whoever_saves_questions_meanwhile_is_waited_for(database: TestDatabase, bring: Bring) -> None:
    bring(question(1))
    with psycopg.connect(database.admin_url) as lecturer, ThreadPoolExecutor() as threads:
        lecturer.execute("select from lms.quizzes for no key update")
        waiting = threads.submit(bring, question(1, prompt="Another?"))
        wait_until_blocked_by(database.admin_url, lecturer)
        lecturer.execute(
            "insert into lms.quiz_versions (quiz_id, version_number, questions) "
            "select quiz_id, 2, questions from lms.quiz_versions"
        )
        lecturer.execute(
            "insert into lms.quiz_answer_keys (quiz_id, version_number, key) "
            "select quiz_id, 2, key from lms.quiz_answer_keys"
        )
        lecturer.execute("update lms.quizzes set current_version = 2, version = 2")
        lecturer.commit()
        report = waiting.result(30)
    assert (report.imported, refused(report)) == ({}, [QUESTIONS_STAY])
    assert run(database, QUIZZES) == [("Plants", "draft", 1, 2, 2)]


@pytest.mark.usefixtures("bring")
def test_questions_may_lie_elsewhere(database: TestDatabase, tmp_path: Path) -> None:
    elsewhere = add_questions(tmp_path / "elsewhere", question(1)) / "questions.jsonl"
    courses = add_questions(folder(tmp_path / "courses", course()), question(2))
    report = import_courses(database.admin_url, courses, questions_path=elsewhere)
    ((_, questions, _),) = run(database, VERSIONS)
    assert [each["id"] for each in questions] == ["plants-1"]
    assert report.left_out == {"questions.jsonl": "1 line"}


def test_what_no_import_reads_is_told(bring: Bring) -> None:
    report = bring(question(1, lesson=4, licence="MIT"), question(2, lesson=4))
    assert report.left_out == {
        "questions.jsonl: 'lesson'": "2 times",
        "questions.jsonl: 'licence'": "1 time",
    }
