"""The two real courses, imported by the command and served over HTTP. Needs the folder of real data."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.support import lms
from tests.conftest import TestDatabase
from tests.support.contents import checksums
from tests.support.school import School


@pytest.fixture(scope="module")
def courses(real_data: Path) -> Path:
    return real_data / "courses"


@pytest.fixture(scope="module")
def output(courses: Path, module_database: TestDatabase, school: School) -> str:
    """What the command said, once the courses are in the database."""
    assert school.principals["lecturer"].user_id is not None
    done = lms("import", "courses", courses, LMS_MIGRATION_URL=module_database.admin_url)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def syllabi(output: str, service: httpx.Client, school: School) -> dict[str, Any]:
    """What their lecturer gets over HTTP: by code of the course, the topics and objectives of each week."""
    assert output
    headers = school.headers("lecturer")
    return {
        course["code"]: service.get(f"/courses/{course['id']}/syllabus", headers=headers).json()["weeks"]
        for course in service.get("/courses", headers=headers).json()["items"]
    }


@pytest.mark.parametrize(("code", "weeks", "entries"), [("ML-FOR-BEGINNERS", 13, 25), ("PY4E", 17, 17)])
def test_every_topic_of_the_file_is_served_in_its_week(
    courses: Path, syllabi: dict[str, Any], code: str, weeks: int, entries: int
) -> None:
    (given,) = (each for each in json.loads((courses / "courses.json").read_text()) if each["code"] == code)
    assert len(given["weeks"]) == entries
    topics = defaultdict(list)
    for entry in given["weeks"]:
        topics[entry["week"]].append(entry["topic"])
    assert [(week["week_number"], week["topic"].split("; ")) for week in syllabi[code]] == sorted(
        topics.items()
    )
    assert len(syllabi[code]) == weeks


def test_every_description_is_served_as_objectives(courses: Path, syllabi: dict[str, Any]) -> None:
    (given,) = (each for each in json.loads((courses / "courses.json").read_text()) if each["code"] == "PY4E")
    described = {entry["week"]: entry["description"] for entry in given["weeks"]}
    assert {week["week_number"]: week["objectives"] for week in syllabi["PY4E"]} == described


def test_the_output_says_what_was_done_and_what_was_left_out(courses: Path, output: str) -> None:
    assert "Imported: terms 1, courses 2, syllabus_weeks 30." in output
    assert "Refused: 0." in output
    materials = (courses / "materials.jsonl").read_text().splitlines()
    assert f"Left out: materials.jsonl ({len(materials)} lines)." in output
    assert "Left out: courses.json: 'section' (25 times)." in output


def test_a_second_time_changes_nothing(courses: Path, output: str, module_database: TestDatabase) -> None:
    assert output
    before = checksums(module_database.admin_url)
    done = lms("import", "courses", courses, LMS_MIGRATION_URL=module_database.admin_url)
    assert done.returncode == 0, done
    assert "Imported: nothing." in done.stdout
    assert "Unchanged: courses 2, syllabus_weeks 30." in done.stdout
    assert checksums(module_database.admin_url) == before
