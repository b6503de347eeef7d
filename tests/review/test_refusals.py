"""A query file answers for the rules that the functions it calls refuse."""

from pathlib import Path

import psycopg

from api.database.queries import parse_query
from api.review.catalogue import read_catalogue
from api.review.check import _check_names
from tests.conftest import TestDatabase

FILE = """\
-- quizzes/correct_answer_key
-- Replace the key of a version.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
-- $3  key         jsonb
--
-- result  row?  Corrected
{fails}
select /* quizzes/correct_answer_key */ corrected from lms.correct_answer_key($1, $2, 1, null, $3);
"""
RULES = (
    "quiz_key_form",
    "quiz_key_missing",
    "quiz_key_range",
    "quiz_key_twice",
    "quiz_key_unknown_option",
    "quiz_key_unknown_question",
    "quiz_answer_keys_key_ck",
)


def findings(folder: Path, database: TestDatabase, fails: list[str]) -> list[str]:
    path = folder / "sql" / "quizzes" / "correct_answer_key.sql"
    path.parent.mkdir(parents=True)
    path.write_text(FILE.format(fails="\n".join(fails)))
    with psycopg.connect(database.admin_url) as connection:
        catalogue = read_catalogue(connection)
    return list(_check_names(parse_query(path, folder / "sql"), catalogue))


def declared(*rules: str) -> list[str]:
    return [f"-- fails   {rule}  422 /key No." for rule in rules]


def test_all_of_them_are_declared(tmp_path: Path, module_database: TestDatabase) -> None:
    assert findings(tmp_path, module_database, declared(*RULES)) == []


def test_one_that_is_missing_is_found(tmp_path: Path, module_database: TestDatabase) -> None:
    (found,) = findings(tmp_path, module_database, declared(*RULES[1:]))
    assert "the rule quiz_key_form is refused by a function here" in found


def test_one_without_an_answer_is_found(tmp_path: Path, module_database: TestDatabase) -> None:
    (found,) = findings(tmp_path, module_database, [*declared(*RULES[1:]), "-- fails   quiz_key_form"])
    assert "give fails an answer" in found


def test_one_that_no_function_here_refuses_is_found(tmp_path: Path, module_database: TestDatabase) -> None:
    (found,) = findings(tmp_path, module_database, declared(*RULES, "quiz_reviews_form"))
    assert "there is no constraint quiz_reviews_form" in found
