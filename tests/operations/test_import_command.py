"""`lms import courses` as a program: what it prints and how it exits."""

from pathlib import Path

import psycopg
import pytest

from tests.cli.support import lms, refusal
from tests.conftest import TestDatabase
from tests.operations.courses import add_materials, course, folder, material, raw_folder, week


@pytest.fixture(scope="module")
def url(module_database: TestDatabase) -> str:
    """A database with a term and two lecturers."""
    with psycopg.connect(module_database.admin_url) as connection:
        connection.execute(
            """
            insert into lms.users (email, full_name, role, password_hash)
            values ('first@school.example', 'A', 'lecturer', '!'), ('second@school.example', 'B', 'lecturer', '!')
            """
        )
        connection.execute(
            "insert into lms.terms (code, title, starts_on, ends_on) "
            "values ('T', 'T', '2026-01-01', '2026-02-01')"
        )
    return module_database.admin_url


def test_lecturer_and_term_can_be_said(url: str, tmp_path: Path) -> None:
    source = folder(tmp_path, course("BOTANY"))
    done = lms(
        *("import", "courses", source, "--lecturer", "second@school.example", "--term", "T"),
        LMS_MIGRATION_URL=url,
    )
    assert done.returncode == 0, done
    assert done.stdout.splitlines() == [
        "Imported: courses 1, syllabus_weeks 2.",
        "Unchanged: nothing.",
        "New courses are taught by second@school.example, in the term T.",
        "Refused: 0.",
    ]


def test_refusals_are_listed_by_file_and_place(url: str, tmp_path: Path) -> None:
    source = folder(tmp_path, course("ZOOLOGY", week(1, "Fish"), week(60, "Birds")))
    done = lms("import", "courses", source, LMS_MIGRATION_URL=url)
    assert done.returncode == 0, done
    assert "Refused: 1." in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert any(row[:2] == ["courses.json", "/0/weeks/1/week"] for row in rows), done.stdout


def test_materials_are_told_with_the_courses(url: str, tmp_path: Path) -> None:
    add_materials(
        folder(tmp_path, course("MYCOLOGY")),
        material(course="MYCOLOGY"),
        material(course="MYCOLOGY"),
        material(course="MYCOLOGY", url=None, path="spores.md"),
    )
    done = lms("import", "courses", tmp_path, LMS_MIGRATION_URL=url)
    assert done.returncode == 0, done
    said = done.stdout.splitlines()
    assert said[0].endswith("courses 1, syllabus_weeks 2, materials 1.")
    assert (
        "Left out: materials.jsonl: what has a path and no address, since files are not imported (1 line)."
        in said
    )
    assert "Refused: 1." in said
    (row,) = [line.split() for line in said if line.lstrip().startswith("materials.jsonl")]
    assert " ".join(row) == "materials.jsonl line 2/url The address is there already: see line 1."


def test_what_was_left_out_is_told_however_it_is_spelled(url: str, tmp_path: Path) -> None:
    add_materials(
        folder(tmp_path, course("VIROLOGY")),
        material(course=r"BOTANY [bold]\[/x]"),
        material(course="BOTANY \ud800", **{"half \udce4": 1}),
    )
    done = lms("import", "courses", tmp_path, LMS_MIGRATION_URL=url)
    assert done.returncode == 0, done
    assert r"half \udce4" in done.stdout
    marked, half = (line for line in done.stdout.splitlines() if line.startswith("materials.jsonl"))
    assert r"BOTANY [bold]\[/x]" in marked
    assert r"BOTANY \ud800" in half


def test_nothing_to_import_is_a_failure(url: str, tmp_path: Path) -> None:
    done = lms("import", "courses", folder(tmp_path, course("no code")), LMS_MIGRATION_URL=url)
    assert done.returncode == 1
    assert "/0/code" in done.stdout
    assert "Traceback" not in done.stderr


def test_damage_is_one_sentence(url: str, tmp_path: Path) -> None:
    said = refusal("import", "courses", raw_folder(tmp_path, b"[\n{]"), LMS_MIGRATION_URL=url)
    assert f"{tmp_path / 'courses.json'}, line 2, column 2: this is not JSON" in said
