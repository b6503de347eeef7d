"""lms.merge_patch: a JSON merge patch as RFC 7396 defines it."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import psycopg
import pytest

from tests.conftest import TestDatabase

APPENDIX_A = r"""
{"a":"b"}             {"a":"c"}                     {"a":"c"}
{"a":"b"}             {"b":"c"}                     {"a":"b","b":"c"}
{"a":"b"}             {"a":null}                    {}
{"a":"b","b":"c"}     {"a":null}                    {"b":"c"}
{"a":["b"]}           {"a":"c"}                     {"a":"c"}
{"a":"c"}             {"a":["b"]}                   {"a":["b"]}
{"a":{"b":"c"}}       {"a":{"b":"d","c":null}}      {"a":{"b":"d"}}
{"a":[{"b":"c"}]}     {"a":[1]}                     {"a":[1]}
["a","b"]             ["c","d"]                     ["c","d"]
{"a":"b"}             ["c"]                         ["c"]
{"a":"foo"}           null                          null
{"a":"foo"}           "bar"                         "bar"
{"e":null}            {"a":1}                       {"e":null,"a":1}
[1,2]                 {"a":"b","c":null}            {"a":"b"}
{}                    {"a":{"bb":{"ccc":null}}}     {"a":{"bb":{}}}
"""
"""The test cases of the RFC: target, patch, result."""

CASES = [tuple(map(json.loads, line.split())) for line in APPENDIX_A.strip().splitlines()]


@pytest.fixture(scope="module")
def connection(module_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_database.admin_url, autocommit=True) as opened:
        yield opened


def merged(connection: psycopg.Connection[Any], target: Any, patch: Any) -> Any:
    row = connection.execute(
        "select lms.merge_patch(%s::jsonb, %s::jsonb)::text", (json.dumps(target), json.dumps(patch))
    ).fetchone()
    assert row is not None
    return json.loads(row[0])


@pytest.mark.parametrize(("target", "patch", "result"), CASES, ids=json.dumps)
def test_the_cases_of_the_rfc(
    connection: psycopg.Connection[Any], target: Any, patch: Any, result: Any
) -> None:
    assert merged(connection, target, patch) == result


def test_there_are_as_many_as_in_the_rfc() -> None:
    assert len(CASES) == 15


def test_nothing_is_patched_into_something(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("""select lms.merge_patch(null, '{"a": {"b": null, "c": 1}}')""").fetchone()
    assert row == ({"a": {"c": 1}},)


def algorithm(target: Any, patch: Any) -> Any:
    """Section 2 of the RFC, as it stands there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = algorithm(result.get(name), value)
    return result


def document(random: Random, depth: int = 0) -> Any:
    kind = random.randrange(3 if depth < 3 else 1)
    if kind == 0:
        return random.choice([None, True, 0, 1.5, "", "a", [], [None], [{"a": None}]])
    names = random.sample(["a", "b", "", "a/b", "~", "\u00e9", "\U0001f600"], random.randrange(5))
    return {name: document(random, depth + 1) for name in names}


def test_it_is_the_algorithm_of_the_rfc(connection: psycopg.Connection[Any]) -> None:
    random = Random(7396)  # noqa: S311 - nothing secret, and the same in every run
    for _ in range(1_000):
        target, patch = document(random), document(random)
        assert merged(connection, target, patch) == algorithm(target, patch), (target, patch)
