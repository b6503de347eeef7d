"""The lists that lie beside the code."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def toml(name: str) -> dict[str, Any]:
    """What stands in one of the files of this folder."""
    with (Path(__file__).resolve().parent / name).open("rb") as file:
        return tomllib.load(file)
