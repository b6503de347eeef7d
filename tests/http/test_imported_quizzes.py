"""Quizzes that `lms import courses` brought, and their lecturer worked on: a second import leaves them alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.operations.import_courses import ImportReport, import_courses
from tests.conftest import TestDatabase
from tests.http.support import Client
from tests.http.test_quiz_imports import send
from tests.operations.courses import add_questions, folder, question
from tests.operations.courses import course as course_of
from tests.support.contents import checksums
from tests.support.school import School, address_of

pytestmark = [pytest.mark.usefixtures("restored"), pytest.mark.once]

Bring = Callable[[], ImportReport]


@pytest.fixture
def bring(module_database: TestDatabase, tmp_path: Path, lecturer: Client, course: str) -> Bring:
    """Import the course that `student` is on, with a question that is marked wrong."""
    code, title = (lecturer.get(course).json()[name] for name in ("code", "title"))
    source = add_questions(folder(tmp_path, course_of(code, title=title)), question(course=code))

    def run() -> ImportReport:
        return import_courses(module_database.admin_url, source, lecturer_email=address_of("lecturer"))

    return run


@pytest.fixture
def student(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "student")


def address(lecturer: Client, course: str) -> str:
    """Where the only quiz of the title is."""
    items = lecturer.get(f"{course}/quizzes?limit=100").json()["items"]
    (found,) = (each for each in items if each["title"] == "Plants")
    return f"/quizzes/{found['id']}"


def corrected(lecturer: Client, quiz: str) -> None:
    key = {"plants-1": {"type": "single_choice", "correct": "o1"}}
    assert lecturer.put(f"{quiz}/versions/1/key", {"key": key}).status_code == 200


def edited(lecturer: Client, quiz: str) -> None:
    asked = lecturer.get(f"{quiz}/questions").json()
    asked["questions"][0]["prompt"] = "What holds it in the ground?"
    asked["key"]["plants-1"]["correct"] = "o1"
    document = {name: asked[name] for name in ("questions", "key")}
    assert lecturer.put(f"{quiz}/questions", document).status_code == 200


@pytest.mark.parametrize("mended", [corrected, edited])
def test_what_a_lecturer_mended_is_what_counts(
    module_database: TestDatabase,
    bring: Bring,
    lecturer: Client,
    student: Client,
    course: str,
    mended: Callable[[Client, str], None],
) -> None:
    assert bring().imported["quizzes"] == 1
    quiz = address(lecturer, course)
    mended(lecturer, quiz)
    assert lecturer.patch(quiz, {"state": "published"}).status_code == 200
    before = checksums(module_database.admin_url)
    report = bring()
    assert report.imported == {}
    assert [each.place for each in report.refused if each.file == "questions.jsonl"] == ["line 1"]
    assert checksums(module_database.admin_url) == before
    attempt = student.post(f"{quiz}/attempts").headers["location"]
    handed_in: dict[str, Any] = student.post(f"{attempt}/submit", {"answers": {"plants-1": "o1"}}).json()
    assert (handed_in["score"], handed_in["max_score"]) == (1, 1)


def test_a_lecturers_own_quiz_of_the_title_stays_theirs(bring: Bring, lecturer: Client, course: str) -> None:
    made = send(lecturer, course, "What is it? {=a plant ~a stone}", title="Plants")
    assert made.status_code == 201, made.text
    before = lecturer.get(f"{made.headers['location']}/questions").json()
    assert "quizzes" not in bring().imported
    assert lecturer.get(f"{address(lecturer, course)}/questions").json() == before
