"""The settings as they are in effect, for people: `lms config`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from pydantic import SecretStr

from api.database.addresses import mask
from api.settings import Settings

PREFIX: Final = "LMS_"
_TESTS_PREFIX: Final = "LMS_TEST_"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting with the value in effect, its secrets masked."""

    variable: str
    value: str
    source: str
    description: str


def settings_in_effect(settings: Settings, environment: Mapping[str, str]) -> Iterator[Setting]:
    """Every setting, in the order in which they are documented."""
    given = {name.upper() for name in environment}
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name}".upper()
        yield Setting(
            variable=variable,
            value=_shown(name, getattr(settings, name)),
            source="environment" if variable in given else "default",
            description=field.description or "",
        )


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence for every variable that looks like a setting and is none: most often misspelt."""
    known = [f"{PREFIX}{name}".upper() for name in Settings.model_fields]
    for name in sorted(environment):
        if not name.upper().startswith(PREFIX) or name.startswith(_TESTS_PREFIX) or name.upper() in known:
            continue
        meant = get_close_matches(name.upper(), known, n=1)
        yield f"{name} is no setting" + (f": do you mean {meant[0]}?" if meant else ".")


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not set"
    if not isinstance(value, SecretStr):
        return str(value)
    # Of an address the password is hidden; the rest is what one wants to see.
    return mask(value.get_secret_value()) if name.endswith("_url") else "***"
