"""What may be asked, and what may be right: pydantic and the function that saves agree, question by question."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic import ValidationError

from api.models.quizzes import NewQuizVersion
from tests.conftest import TestDatabase
from tests.sql.questions import BAD, GOOD, Quiz, quiz, with_key, with_question
from tests.support.school import School, sha256_of

SAVE = (
    "select version, version_number, max_score from lms.save_quiz_version(%s, %s, %s, %s::jsonb, %s::jsonb)"
)


@pytest.fixture(scope="module")
def connection(module_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    url = module_database.server.url(module_database.name, "lms_api")
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def quiz_id(connection: psycopg.Connection[Any], school: School) -> UUID:
    row = connection.execute(
        "insert into lms.quizzes (course_id, title) values (%s, 'Questions') returning quiz_id",
        (school.own["course_id"],),
    ).fetchone()
    assert row is not None
    found: UUID = row[0]
    return found


def save(connection: psycopg.Connection[Any], quiz_id: UUID, asked: Quiz, name: str = "lecturer") -> Any:
    return connection.execute(
        SAVE, (sha256_of(name), quiz_id, None, json.dumps(asked.questions), json.dumps(asked.key))
    ).fetchone()


def refusal(connection: psycopg.Connection[Any], quiz_id: UUID, asked: Quiz) -> tuple[str | None, str | None]:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        save(connection, quiz_id, asked)
    return refused.value.diag.constraint_name, refused.value.diag.column_name


def pointers(asked: Quiz) -> set[str]:
    """Where pydantic finds something, as the service tells it."""
    with pytest.raises(ValidationError) as refused:
        NewQuizVersion.model_validate_json(json.dumps(asked._asdict()))
    return {"/" + "/".join(map(str, found["loc"])) for found in refused.value.errors()}


@pytest.mark.parametrize("asked", GOOD.values(), ids=GOOD)
def test_both_take_it(connection: psycopg.Connection[Any], quiz_id: UUID, asked: Quiz) -> None:
    read = NewQuizVersion.model_validate_json(json.dumps(asked._asdict()))
    saved = save(connection, quiz_id, asked)
    assert float(saved[2]) == sum(question["points"] for question in asked.questions)
    # And what pydantic makes of it is the same document.
    assert json.loads(read.model_dump_json()) == asked._asdict()


@pytest.mark.parametrize("asked", BAD.values(), ids=BAD)
def test_both_refuse_it_at_the_same_place(
    connection: psycopg.Connection[Any], quiz_id: UUID, asked: Quiz
) -> None:
    rule, pointer = refusal(connection, quiz_id, asked)
    assert re.fullmatch(r"quiz_(questions|key)_[a-z_]+", rule or "")
    assert any(
        found.startswith(pointer or "?") or (pointer or "?").startswith(found) for found in pointers(asked)
    )


def test_there_are_enough_of_both() -> None:
    assert len(GOOD) >= 15
    assert len(BAD) >= 40


RULES = {
    "quiz_questions_form": ("/questions/0/prompt", with_question("essay", prompt=" ")),
    "quiz_questions_points": ("/questions/0/points", with_question("essay", points=0)),
    "quiz_questions_twice": ("/questions/0/options", BAD["two options with one id"]),
    "quiz_key_form": ("/key/q1/correct", BAD["two right answers in a single choice"]),
    "quiz_key_missing": ("/key/q1", BAD["a key without the question"]),
    "quiz_key_range": ("/key/q1", BAD["a negative tolerance"]),
    "quiz_key_twice": ("/key/q1/correct", BAD["one of several twice"]),
    "quiz_key_unknown_option": ("/key/q1/correct", with_key("single_choice", correct="d")),
    "quiz_key_unknown_question": ("/key/q2", BAD["a key for an unknown question"]),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_refusal_names_its_rule_and_the_place(
    connection: psycopg.Connection[Any], quiz_id: UUID, rule: str
) -> None:
    pointer, asked = RULES[rule]
    assert refusal(connection, quiz_id, asked) == (rule, pointer)


def test_the_place_is_that_of_the_question(connection: psycopg.Connection[Any], quiz_id: UUID) -> None:
    asked = quiz("essay", "true_false", "essay", "single_choice")
    asked.questions[3]["options"][1]["text"] = ""
    assert refusal(connection, quiz_id, asked) == ("quiz_questions_form", "/questions/3/options/1")
    assert pointers(asked) == {"/questions/3/options/1/text"}


def test_a_name_from_outside_is_a_part_of_a_pointer(
    connection: psycopg.Connection[Any], quiz_id: UUID
) -> None:
    asked = quiz("essay")
    asked.key["a/b~"] = {"type": "essay"}
    assert refusal(connection, quiz_id, asked) == ("quiz_key_unknown_question", "/key/a~1b~0")


def test_the_comments_of_the_functions_name_every_rule(module_database: TestDatabase) -> None:
    """A query file that calls the door declares these as `fails`."""
    with psycopg.connect(module_database.admin_url) as owner:
        rows = owner.execute(
            "select proname, obj_description(oid, 'pg_proc'), prosrc from pg_proc "
            "where pronamespace = 'lms'::regnamespace and proname in "
            "('questions_defect', 'key_defect', 'save_quiz_version', 'correct_answer_key')"
        ).fetchall()
    said = {
        name: set(re.findall(r"quiz_[a-z_]+", comment.partition("Refuses ")[2])) for name, comment, _ in rows
    }
    used = {name: set(re.findall(r"'(quiz_(?:questions|key)_[a-z_]+)'", source)) for name, _, source in rows}
    assert said["questions_defect"] == used["questions_defect"]
    assert said["key_defect"] == used["key_defect"]
    # And how large they may be, which the tables see to.
    key_size = {"quiz_answer_keys_key_ck"}
    assert said["questions_defect"] | said["key_defect"] == set(RULES)
    assert said["save_quiz_version"] == set(RULES) | {"quiz_versions_size_ck"} | key_size
    assert said["correct_answer_key"] == said["key_defect"] | key_size


def test_what_is_refused_leaves_nothing_behind(connection: psycopg.Connection[Any], quiz_id: UUID) -> None:
    count = "select count(*) from lms.quiz_versions where quiz_id = %s"
    before = connection.execute(count, (quiz_id,)).fetchone()
    refusal(connection, quiz_id, BAD["an unknown option"])
    assert connection.execute(count, (quiz_id,)).fetchone() == before


def test_the_table_holds_its_questions_to_their_form(module_database: TestDatabase, quiz_id: UUID) -> None:
    with (
        psycopg.connect(module_database.admin_url) as owner,
        pytest.raises(psycopg.errors.CheckViolation) as refused,
    ):
        owner.execute(
            "insert into lms.quiz_versions (quiz_id, version_number, questions) "
            """values (%s, 999, '[{"id": "q1", "type": "essay", "points": 1}]')""",
            (quiz_id,),
        )
    assert refused.value.diag.constraint_name == "quiz_versions_questions_ck"
