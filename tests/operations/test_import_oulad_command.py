"""`lms import oulad` as a program: what it prints and how it exits."""

from pathlib import Path

from tests.cli.support import lms, refusal
from tests.conftest import TestDatabase
from tests.operations.oulad import enrolled, folder, person, student, write


def test_what_was_done_is_counted_and_what_was_not_is_listed(database: TestDatabase, tmp_path: Path) -> None:
    source = enrolled(tmp_path, person(1), person(2, left="late"))
    write(source, "vle.csv", "x")
    done = lms("import", "oulad", source, LMS_MIGRATION_URL=database.admin_url)
    assert done.returncode == 0, done
    said, rows = done.stdout.splitlines()[:5], done.stdout.splitlines()[5:]
    assert said == [
        "Imported: terms 1, users 2, courses 1, student_enrollments 1.",
        "Unchanged: nothing.",
        (
            "Left out: studentInfo.csv: gender, region, highest_education, imd_band, age_band, "
            "num_of_prev_attempts, studied_credits, disability (2 lines)."
        ),
        "Left out: vle.csv (1 byte).",
        "Refused: 2.",
    ]
    assert [" ".join(row.split()) for row in rows] == [
        "file line column reason",
        (
            "studentInfo.csv 3 id_student No line of studentRegistration.csv that can be imported has this "
            "student on this presentation."
        ),
        (
            "studentRegistration.csv 3 date_unregistration Expected a number of days from -9999 to 9999, "
            "or ? if there is none."
        ),
    ]
    again = lms("import", "oulad", source, LMS_MIGRATION_URL=database.admin_url)
    assert again.returncode == 0, again
    assert again.stdout.splitlines()[:2] == [
        "Imported: nothing.",
        "Unchanged: terms 1, users 2, courses 1, student_enrollments 1.",
    ]


def test_nothing_to_import_is_a_failure(module_database: TestDatabase, tmp_path: Path) -> None:
    done = lms(
        *("import", "oulad", folder(tmp_path, courses=[], students=[student()])),
        LMS_MIGRATION_URL=module_database.admin_url,
    )
    assert done.returncode == 1
    assert "Refused: 1." in done.stdout
    assert done.stderr == ""


def test_damage_is_one_sentence(module_database: TestDatabase, tmp_path: Path) -> None:
    source = enrolled(tmp_path, person())
    path = write(source, "studentInfo.csv", (source / "studentInfo.csv").read_bytes()[:-9])
    said = refusal("import", "oulad", source, LMS_MIGRATION_URL=module_database.admin_url)
    assert said == f"{path}, line 2: the file ends in the middle of this line."


def test_a_database_that_is_not_migrated_is_one_sentence(empty_database: str, tmp_path: Path) -> None:
    said = refusal("import", "oulad", enrolled(tmp_path, person()), LMS_MIGRATION_URL=empty_database)
    assert "run `lms migrate` first" in said
