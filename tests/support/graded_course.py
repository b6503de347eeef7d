"""A course on which something is graded, in a school of `found_school`, and what its dashboards then say."""

from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from tests.support.school import School

QUESTION: Final = {"id": "q1", "type": "true_false", "prompt": "True?", "points": 2}
KEY: Final = {"q1": {"type": "true_false", "correct": True, "explanation": "A key is no student's business."}}

SCORES: Final[dict[str, dict[str, list[float]]]] = {
    "student": {"best of many": [1, 2], "last of many": [0.5, 0], "exam": [1, 0.5]},
    "classmate": {"best of many": [0.4]},
    "dropped_student": {"best of many": [2]},
    "alumnus": {"best of many": [1.8], "last of many": [1], "exam": [1.5]},
}
"""Points of 2, attempt by attempt, on lecturer's course."""


def grade(connection: psycopg.Connection[Any], school: School) -> dict[str, UUID]:
    """Add quizzes and attempts to the course of `lecturer`, in place of what was taken; ids of the quizzes by title."""
    connection.execute("delete from lms.quiz_attempts")
    connection.execute("delete from lms.quizzes where title like 'Quiz of Taken from %'")
    connection.execute("update lms.student_enrollments set enrolled_at = now() - interval '30 days'")
    quizzes = {
        "best of many": _quiz(connection, school, "best of many", 1, "highest", "published"),
        "last of many": _quiz(connection, school, "last of many", 2, "latest", "published"),
        "exam": _quiz(connection, school, "exam", None, "average", "closed"),
        "ahead": _quiz(connection, school, "ahead", 1, "highest", "published"),
        "withdrawn": _quiz(connection, school, "withdrawn", 1, "highest", "draft"),
        "used up": _quiz(connection, school, "used up", None, "highest", "published"),
    }
    connection.execute("update lms.quizzes set attempts_allowed = 3 where title = 'best of many'")
    connection.execute(
        "update lms.quizzes set opens_at = now() - interval '30 days', closes_at = now() - interval '1 day' "
        "where title = 'last of many'"
    )
    connection.execute("update lms.quizzes set opens_at = now() + interval '1 day' where title = 'ahead'")
    for name, taken in SCORES.items():
        for title, scores in taken.items():
            for number, score in enumerate(scores, start=1):
                _attempt(connection, quizzes[title], school.people[name], number, score)
    student_id = school.people["student"]
    _attempt(connection, quizzes["best of many"], student_id, 3, None, "in_progress")
    _attempt(connection, quizzes["exam"], student_id, 3, None, "submitted")
    _attempt(connection, quizzes["used up"], student_id, 1, None, "submitted")
    connection.execute(
        "select lms.refresh_performance(%s, '{1, 2}', %s)",
        (school.own["course_id"], [school.people[name] for name in SCORES]),
    )
    return quizzes


def _quiz(
    connection: psycopg.Connection[Any],
    school: School,
    title: str,
    week: int | None,
    policy: str,
    state: str,
) -> UUID:
    row = connection.execute(
        "insert into lms.quizzes (course_id, week_number, title, score_policy) values (%s, %s, %s, %s) "
        "returning quiz_id",
        (school.own["course_id"], week, title, policy),
    ).fetchone()
    assert row is not None
    quiz_id: UUID = row[0]
    connection.execute(
        "insert into lms.quiz_versions (quiz_id, version_number, questions) values (%s, 1, %s)",
        (quiz_id, Jsonb([QUESTION])),
    )
    connection.execute(
        "insert into lms.quiz_answer_keys (quiz_id, version_number, key) values (%s, 1, %s)",
        (quiz_id, Jsonb(KEY)),
    )
    connection.execute(
        "update lms.quizzes set current_version = 1, state = %s where quiz_id = %s", (state, quiz_id)
    )
    return quiz_id


def _attempt(
    connection: psycopg.Connection[Any],
    quiz_id: UUID,
    student_id: UUID,
    number: int,
    score: float | None,
    state: str = "graded",
) -> None:
    """Begun 20 days ago, a day apart, and handed in an hour later; one that is in progress began just now."""
    graded, present = state == "graded", state == "in_progress"
    connection.execute(
        "insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, state, score, max_score, "
        "started_at, submitted_at, graded_at, due_at, feedback) "
        "select %(quiz)s, 1, %(student)s, %(number)s, %(state)s, %(score)s, 2, begun, "
        "case when not %(present)s then begun + interval '1 hour' end, "
        "case when %(graded)s then begun + interval '1 hour' end, "
        "case when %(present)s then begun + interval '2 hours' end, "
        'case when not %(present)s then \'{"q1": {"comment": "No feedback here."}}\'::jsonb end '
        "from (select case when %(present)s then now() "
        "else date_trunc('day', now() - interval '20 days', 'UTC') + %(number)s * interval '1 day' end "
        "as begun) as times",
        {
            "quiz": quiz_id,
            "student": student_id,
            "number": number,
            "state": state,
            "score": score,
            "graded": graded,
            "present": present,
        },
    )
