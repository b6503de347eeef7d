"""The same from Python: what `lms migrate` is made of."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.database.migration_files import MigrationError
from api.operations import migrate
from tests.migrations.support import exists, marked, query, write, write_table


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three migrations, two of which stand on the first. The folder's name only looks like a pattern."""
    folder = tmp_path / "[sql]"
    write_table(folder, "0001_first")
    write_table(folder, "0002_second", depends="0001_first")
    write_table(folder, "0003_third", depends="0001_first")
    return folder


def test_apply_returns_what_it_applied_and_reports_each(empty_database: str, folder: Path) -> None:
    reports: list[tuple[str, int, int]] = []

    def report(name: str, number: int, total: int) -> None:
        # It begins now: those before it are done, and it is not.
        assert len(marked(empty_database)) == number - 1
        reports.append((name, number, total))

    assert migrate.apply(empty_database, folder=folder, on_progress=report) == [
        "0001_first",
        "0002_second",
        "0003_third",
    ]
    assert reports == [("0001_first", 1, 3), ("0002_second", 2, 3), ("0003_third", 3, 3)]
    assert migrate.apply(empty_database, folder=folder, on_progress=report) == []


def test_apply_to_one_takes_what_it_stands_on_and_no_more(empty_database: str, folder: Path) -> None:
    assert migrate.apply(empty_database, to="0003", folder=folder) == ["0001_first", "0003_third"]
    assert not exists(empty_database, "public.second")
    assert migrate.apply(empty_database, to="0002_second", folder=folder) == ["0002_second"]


def test_roll_back_takes_what_stands_on_it_newest_first(empty_database: str, folder: Path) -> None:
    migrate.apply(empty_database, folder=folder)
    reports: list[tuple[str, int, int]] = []

    assert migrate.roll_back(empty_database, down_to="0002", folder=folder) == ["0002_second"]
    assert migrate.roll_back(
        empty_database, down_to="0001", folder=folder, on_progress=lambda *report: reports.append(report)
    ) == ["0003_third", "0001_first"]
    assert reports == [("0003_third", 1, 2), ("0001_first", 2, 2)]
    assert migrate.roll_back(empty_database, down_to="0001", folder=folder) == []


def test_what_was_applied_before_a_failure_stays(empty_database: str, folder: Path) -> None:
    write(folder, "0004_fourth", "-- depends: 0003_third\n\nselect 1 / 0;\n")

    with pytest.raises(MigrationError, match=r"^0004_fourth\.sql.*: division by zero$"):
        migrate.apply(empty_database, folder=folder)
    assert marked(empty_database) == ["0001_first", "0002_second", "0003_third"]


def test_status_tells_applied_pending_and_unknown(empty_database: str, folder: Path) -> None:
    assert [
        (each.id, each.applied, each.applied_at) for each in migrate.status(empty_database, folder=folder)
    ] == [
        ("0001_first", False, None),
        ("0002_second", False, None),
        ("0003_third", False, None),
    ]
    assert query(empty_database, "select to_regnamespace('lms_migrations')") == [(None,)], (
        "status writes nothing"
    )

    migrate.apply(empty_database, to="0002", folder=folder)
    for path in folder.glob("0002*"):
        path.unlink()
    found = migrate.status(empty_database, folder=folder)
    assert [(each.id, each.applied, each.on_disk) for each in found] == [
        ("0001_first", True, True),
        ("0002_second", True, False),
        ("0003_third", False, True),
    ]
    assert found[0].applied_at is not None
    assert found[0].applied_at.utcoffset() == timedelta(0)
    assert found[0].applied_at < datetime.now(UTC)


def test_status_refuses_an_edited_file(empty_database: str, folder: Path) -> None:
    migrate.apply(empty_database, folder=folder)
    (folder / "0002_second.sql").write_text("select 1;\n")

    with pytest.raises(MigrationError, match="0002_second"):
        migrate.status(empty_database, folder=folder)


@pytest.mark.parametrize(("beginning", "said"), [("0009", "No migration"), ("000", "Several migrations")])
def test_an_unclear_target_is_refused(empty_database: str, folder: Path, beginning: str, said: str) -> None:
    with pytest.raises(MigrationError, match=said):
        migrate.apply(empty_database, to=beginning, folder=folder)
    with pytest.raises(MigrationError, match=said):
        migrate.roll_back(empty_database, down_to=beginning, folder=folder)


def test_rolling_back_what_is_not_applied_does_nothing(empty_database: str, folder: Path) -> None:
    migrate.apply(empty_database, to="0001", folder=folder)

    assert migrate.roll_back(empty_database, down_to="0002", folder=folder) == []
    assert [each.id for each in migrate.status(empty_database, folder=folder) if each.applied] == [
        "0001_first"
    ]
