"""A body may hold whole numbers of any size: no model lets one through that its column cannot take."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

import api.models
from api.models.common import Request

pytestmark = pytest.mark.once

for found in pkgutil.iter_modules(api.models.__path__):
    importlib.import_module(f"api.models.{found.name}")


def sent_by_clients(model: type[Request]) -> Iterator[type[Request]]:
    for each in model.__subclasses__():
        yield each
        yield from sent_by_clients(each)


def types_of(schema: dict[str, Any]) -> set[str]:
    return {schema.get("type", "")}.union(*map(types_of, schema.get("anyOf", ())))


NUMBERS = {
    f"{model.__name__}.{name}": (model, name, kinds)
    for model in sent_by_clients(Request)
    for name, schema in model.model_json_schema().get("properties", {}).items()
    if (kinds := types_of(schema) & {"integer", "number"})
}
BEYOND = {"integer": [2**31, -(2**31) - 1], "number": [10**301, -(10**301)]}
"""The columns of whole numbers have 32 bits; what is computed with others must not be out of range either."""


def test_there_are_enough_numbers() -> None:
    assert len(NUMBERS) >= 20


@pytest.mark.parametrize(("model", "name", "kinds"), NUMBERS.values(), ids=NUMBERS)
def test_a_number_that_a_client_sends_has_bounds(model: type[Request], name: str, kinds: set[str]) -> None:
    # What may be both, and is no number of a column, is as large as a number may be.
    for value in BEYOND["number" if "number" in kinds else "integer"]:
        with pytest.raises(ValidationError) as refused:
            model.model_validate_json(json.dumps({name: value}))
        assert (name,) in {error["loc"][:1] for error in refused.value.errors() if error["type"] != "missing"}
