"""A mastery policy: the database and the models take and refuse the same ones."""

import json
from typing import Any

import psycopg
import pytest
from pydantic import TypeAdapter, ValidationError

from api.models.courses import DEFAULT_POLICY, MasteryPolicy
from tests.conftest import TestDatabase

GOOD: list[Any] = [
    {"score": "highest", "mastered": 0.8, "developing": 0.5},
    {"score": "latest", "mastered": 1, "developing": 0},
    {"score": "average", "mastered": 0.5, "developing": 0.5},
    {"score": "average", "mastered": 0, "developing": 0.0},
]
BAD: dict[str, Any] = {
    "null": None,
    "a text": "highest",
    "a list": [],
    "nothing": {},
    "no score": {"mastered": 0.8, "developing": 0.5},
    "no mastered": {"score": "highest", "developing": 0.5},
    "no developing": {"score": "highest", "mastered": 0.8},
    "one field too many": {"score": "highest", "mastered": 0.8, "developing": 0.5, "failing": 0.1},
    "an unknown score": {"score": "lowest", "mastered": 0.8, "developing": 0.5},
    "another case": {"score": "Highest", "mastered": 0.8, "developing": 0.5},
    "a score of null": {"score": None, "mastered": 0.8, "developing": 0.5},
    "a share as text": {"score": "highest", "mastered": "0.8", "developing": 0.5},
    "a share of null": {"score": "highest", "mastered": 0.8, "developing": None},
    "a share of true": {"score": "highest", "mastered": True, "developing": 0.5},
    "percent": {"score": "highest", "mastered": 80, "developing": 50},
    "more than all": {"score": "highest", "mastered": 1.0001, "developing": 0.5},
    "less than nothing": {"score": "highest", "mastered": 0.8, "developing": -0.0001},
    "developing above mastered": {"score": "highest", "mastered": 0.5, "developing": 0.8},
}

_MODEL = TypeAdapter(MasteryPolicy)


def _both(policy: Any, database: TestDatabase) -> tuple[bool, bool]:
    document = json.dumps(policy)
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("select lms.is_mastery_policy(%s::jsonb)", (document,)).fetchone()
    assert row is not None
    try:
        _MODEL.validate_json(document)
    except ValidationError:
        return bool(row[0]), False
    return bool(row[0]), True


@pytest.mark.parametrize("policy", GOOD)
def test_both_take_a_good_policy(policy: Any, module_database: TestDatabase) -> None:
    assert _both(policy, module_database) == (True, True)


@pytest.mark.parametrize("policy", BAD.values(), ids=BAD)
def test_both_refuse_a_bad_policy(policy: Any, module_database: TestDatabase) -> None:
    assert _both(policy, module_database) == (False, False)


def test_both_have_the_same_default(module_database: TestDatabase) -> None:
    with psycopg.connect(module_database.admin_url) as connection:
        row = connection.execute(
            "select pg_get_expr(adbin, adrelid) from pg_attrdef join pg_attribute on attrelid = adrelid "
            "and attnum = adnum where adrelid = 'lms.courses'::regclass and attname = 'mastery_policy'"
        ).fetchone()
    assert row is not None
    assert json.loads(row[0].removesuffix("::jsonb").strip("'")) == DEFAULT_POLICY.model_dump()
