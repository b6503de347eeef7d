"""Applying and rolling back migrations from Python: what yoyo's commands do, with progress."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from glob import escape
from pathlib import Path

from yoyo.migrations import MigrationList, read_migrations

from api.database.migration_backend import LmsBackend, Progress
from api.database.migration_files import MigrationError, MigrationFile, read_folders
from api.settings import ROOT

FOLDER = ROOT / "migrations"


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """One migration, as it lies in the folder and as the database knows it."""

    id: str
    applied: bool
    applied_at: datetime | None
    """When, in UTC; None where it is not applied."""
    on_disk: bool
    """False where a newer release has applied what this one does not have."""


def apply(
    url: str, *, to: str | None = None, on_progress: Progress | None = None, folder: Path = FOLDER
) -> list[str]:
    """Apply what is not applied yet, or only `to` and what it depends on. Returns the ids, in order.

    `to` is an id or the beginning of one (`0004`). `on_progress(id, number, total)` is called as each begins.
    Each is a transaction: where one fails, with MigrationError, those before it stay.
    """
    with _locked(url, on_progress) as backend:
        files = read_folders([folder])
        wanted = files.keys() if to is None else _ancestors(_find(to, files), files)
        pending = backend.to_apply(_select(folder, wanted))
        backend.apply_migrations(pending)
        return [migration.id for migration in pending]


def roll_back(
    url: str, *, down_to: str, on_progress: Progress | None = None, folder: Path = FOLDER
) -> list[str]:
    """Roll back `down_to` and everything that depends on it. Returns the ids, newest first.

    Everything else is as for apply().
    """
    with _locked(url, on_progress) as backend:
        files = read_folders([folder])
        pending = backend.to_rollback(_select(folder, _descendants(_find(down_to, files), files)))
        backend.rollback_migrations(pending)
        return [migration.id for migration in pending]


def status(url: str, *, folder: Path = FOLDER) -> list[MigrationStatus]:
    """What is applied, by id. Writes nothing, not even to a database that was never migrated."""
    files = read_folders([folder])
    with LmsBackend.from_url(url) as backend:
        applied = backend.applied_at(files)
    return [
        MigrationStatus(id=each, applied=each in applied, applied_at=applied.get(each), on_disk=each in files)
        for each in sorted(files.keys() | applied.keys())
    ]


@contextmanager
def _locked(url: str, on_progress: Progress | None) -> Iterator[LmsBackend]:
    with LmsBackend.from_url(url) as backend:
        backend.on_progress = on_progress
        backend.init_database()
        with backend.lock():
            yield backend


def _select(folder: Path, ids: Collection[str]) -> MigrationList:
    return read_migrations(escape(str(folder))).filter(lambda migration: migration.id in ids)


def _find(beginning: str, files: dict[str, MigrationFile]) -> str:
    found = [beginning] if beginning in files else [each for each in files if each.startswith(beginning)]
    if len(found) != 1:
        raise MigrationError(
            f"No migration begins with {beginning!r}."
            if not found
            else f"Several migrations begin with {beginning!r}: {', '.join(found)}."
        )
    return found[0]


def _ancestors(migration: str, files: dict[str, MigrationFile]) -> set[str]:
    """The migration and all that it stands on."""
    found: set[str] = set()
    pending = {migration}
    while pending:
        found |= pending
        pending = {ground for each in pending & files.keys() for ground in files[each].depends} - found
    return found


def _descendants(migration: str, files: dict[str, MigrationFile]) -> set[str]:
    """The migration and all that stand on it."""
    return {each for each in files if migration in _ancestors(each, files)}
