"""The two real courses, imported by the command and served over HTTP. Needs the folder of real data."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
    questions = courses.parent / "quizzes" / "questions.jsonl"
    url = module_database.admin_url
    done = lms("import", "courses", courses, "--questions", questions, LMS_MIGRATION_URL=url)
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


@pytest.fixture(scope="module")
def lines(courses: Path) -> list[dict[str, Any]]:
    """Every line of materials.jsonl."""
    return [json.loads(line) for line in (courses / "materials.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def first_of_each(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines that name an address, without those that name it again in their course."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        if "url" in line:
            found.setdefault((line["course"], with_path(line["url"])), line)
    return list(found.values())


def with_path(url: str) -> str:
    """An address with a path: that is all that is not canonical about any of them."""
    parts = urlsplit(url)
    assert (parts.scheme + parts.netloc).islower()
    return parts._replace(path=parts.path or "/").geturl()


@pytest.fixture(scope="module")
def materials(output: str, service: httpx.Client, school: School) -> dict[str, list[dict[str, Any]]]:
    """What their lecturer gets over HTTP, page by page: by code of the course, its materials."""
    assert output
    headers = school.headers("lecturer")
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for course in service.get("/courses", headers=headers).json()["items"]:
        if course["code"] not in ("ML-FOR-BEGINNERS", "PY4E"):
            continue
        address = f"/courses/{course['id']}/materials?limit=50"
        while address:
            page = service.get(address, headers=headers)
            found[course["code"]] += page.json()["items"]
            address = page.links.get("next", {}).get("url", "")
    return found


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


@pytest.mark.parametrize("code", ["ML-FOR-BEGINNERS", "PY4E"])
def test_every_address_of_the_file_is_served_once_in_its_week(
    first_of_each: list[dict[str, Any]], materials: dict[str, list[dict[str, Any]]], code: str
) -> None:
    given = [line for line in first_of_each if line["course"] == code]
    assert [(each["url"], each["week_number"]) for each in materials[code]] == [
        (with_path(line["url"]), line["week"]) for line in given
    ]
    assert len(given) > 100


def test_titles_are_served_as_they_are_but_for_what_is_left_of_an_image(
    first_of_each: list[dict[str, Any]], materials: dict[str, list[dict[str, Any]]]
) -> None:
    served = {(code, each["url"]): each["title"] for code, found in materials.items() for each in found}
    given = {
        (line["course"], with_path(line["url"])): line["title"] and line["title"].removeprefix("![")
        for line in first_of_each
    }
    untitled = {key for key, title in given.items() if title is None}
    assert {served.pop(key) for key in untitled} == {"install.php"}
    assert served == {key: title for key, title in given.items() if key not in untitled}
    assert not any("![" in title for title in served.values())


def test_kinds_are_served_as_the_service_has_them_and_sources_kept(
    first_of_each: list[dict[str, Any]], materials: dict[str, list[dict[str, Any]]]
) -> None:
    links = {"reference", "assignment", "link"}
    served = [each for found in materials.values() for each in found]
    assert Counter(each["kind"] for each in served) == Counter(
        "link" if line["kind"] in links else line["kind"] for line in first_of_each
    )
    assert Counter(each["metadata"].get("source_kind") for each in served) == Counter(
        line["kind"] if line["kind"] in links - {"link"} else None for line in first_of_each
    )
    assert Counter(each["metadata"]["source"] for each in served) == Counter(
        line["source"] for line in first_of_each
    )
    assert {each["origin"] for each in served} == {"crawled"}


def test_the_output_says_what_was_done_and_what_was_left_out(
    lines: list[dict[str, Any]], first_of_each: list[dict[str, Any]], output: str
) -> None:
    assert (
        f"Imported: terms 1, courses 2, syllabus_weeks 30, materials {len(first_of_each)}, quizzes 50.\n"
        in output
    )
    files = [line for line in lines if "path" in line]
    assert (
        f"Left out: materials.jsonl: what has a path and no address, since files are not imported "
        f"({len(files)} lines).\n" in output
    )
    bad_questions = 3
    assert f"Refused: {len(lines) - len(files) - len(first_of_each) + bad_questions}.\n" in output
    assert "Left out: courses.json: 'section' (25 times)." in output


def test_the_output_names_each_line_that_was_refused(lines: list[dict[str, Any]], output: str) -> None:
    places: dict[tuple[str, str], int] = {}
    repeated = {}
    for number, line in enumerate(lines, start=1):
        if "url" in line:
            first = places.setdefault((line["course"], with_path(line["url"])), number)
            if first < number:
                repeated[f"{number}/url"] = f"{first}."
    told = [row.split() for row in output.splitlines() if row.lstrip().startswith("materials.jsonl")]
    assert {row[2]: row[-1] for row in told} == repeated


def test_every_question_of_the_file_is_asked_in_its_quiz_and_week_but_three(
    courses: Path, output: str, service: httpx.Client, school: School
) -> None:
    """Two have two right answers in a single choice, one has none: counted here from the file alone."""
    headers = school.headers("lecturer")
    given: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    bad = []
    file = courses.parent / "quizzes" / "questions.jsonl"
    for number, text in enumerate(file.read_text().splitlines(), start=1):
        line = json.loads(text)
        if len(line["answer"]) == 1:
            given[line["quiz"], line["week"]].append(line)
        else:
            bad.append(f"{number}/answer")
    assert (len(given), sum(map(len, given.values())), bad) == (
        50,
        147,
        ["22/answer", "58/answer", "80/answer"],
    )
    told = [row.split() for row in output.splitlines() if row.lstrip().startswith("questions.jsonl")]
    assert [row[2] for row in told] == bad

    found: dict[tuple[str, int], list[tuple[str, list[str], str]]] = {}
    (course,) = (
        each
        for each in service.get("/courses", headers=headers).json()["items"]
        if each["code"] == "ML-FOR-BEGINNERS"
    )
    for each in service.get(f"/courses/{course['id']}/quizzes?limit=100", headers=headers).json()["items"]:
        assert (each["state"], each["current_version"]) == ("draft", 1)
        asked = service.get(f"/quizzes/{each['id']}/questions", headers=headers).json()
        found[each["title"], each["week_number"]] = [
            as_given(one, asked["key"][one["id"]]) for one in asked["questions"]
        ]
    assert found == {
        quiz: [
            (
                line["prompt"].strip(),
                [] if line["type"] == "truefalse" else [choice.strip() for choice in line["choices"]],
                line["answer"][0].strip().lower()
                if line["type"] == "truefalse"
                else line["answer"][0].strip(),
            )
            for line in lines
        ]
        for quiz, lines in given.items()
    }


def as_given(question: dict[str, Any], key: dict[str, Any]) -> tuple[str, list[str], str]:
    """Prompt, choices and what is right, as the file has them."""
    if question["type"] == "true_false":
        return question["prompt"], [], str(key["correct"]).lower()
    texts = {option["id"]: option["text"] for option in question["options"]}
    return question["prompt"], list(texts.values()), texts[key["correct"]]


def test_a_second_time_changes_nothing(
    courses: Path, first_of_each: list[dict[str, Any]], output: str, module_database: TestDatabase
) -> None:
    assert output
    before = checksums(module_database.admin_url)
    questions = courses.parent / "quizzes" / "questions.jsonl"
    url = module_database.admin_url
    done = lms("import", "courses", courses, "--questions", questions, LMS_MIGRATION_URL=url)
    assert done.returncode == 0, done
    assert "Imported: nothing." in done.stdout
    assert (
        f"Unchanged: courses 2, syllabus_weeks 30, materials {len(first_of_each)}, quizzes 50." in done.stdout
    )
    assert checksums(module_database.admin_url) == before
