"""requirements.lock, from which the image is built."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from api.settings import ROOT

pytestmark = pytest.mark.once

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
PINNED = dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ ;]+)", LOCK, re.MULTILINE))


@pytest.mark.parametrize("line", [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["s3"]])
def test_every_dependency_is_pinned_to_a_version_that_it_allows(line: str) -> None:
    requirement = Requirement(line)

    assert requirement.name in PINNED, "write requirements.lock anew: its second line says how"
    assert requirement.specifier.contains(PINNED[requirement.name])


def test_every_pin_has_a_hash() -> None:
    pins = re.split(r"\n(?=[a-z])", LOCK)

    assert [pin for pin in pins if "==" in pin and "--hash=sha256:" not in pin] == []
