"""The schema that this release was written for."""

from functools import cache

from api.settings import ROOT


@cache
def known_version() -> str:
    """The id of the newest migration in this release: its file name without the ending."""
    migrations = (ROOT / "migrations").glob("[0-9]*.sql")
    return max(path.stem for path in migrations if not path.name.endswith(".rollback.sql"))
