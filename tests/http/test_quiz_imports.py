"""A quiz is made of a GIFT text whole or not at all, and what is wrong with it is told by line and character."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.http.support import Client, one, refusal
from tests.http.tables import Tables
from tests.support.school import School

pytestmark = pytest.mark.usefixtures("restored")

GOOD = (
    "$CATEGORY: top\n\n::Sum:: 2 + 2 = {#4:0.1#right}\n\n// aside\n[html]<b>Green</b>? {=leaf ~sky}\n\n"
    "Match. {=a -> b =c -> d}\n\nWhy? {}\n"
)
MIXED = "Read chapter 3.\n\nGreen? {=leaf ~%50%moss ~sky}\n\nWhy? {}\n"


def send(
    client: Client, course: str, text: str | bytes, *, key: str | None = None, **query: str
) -> httpx.Response:
    return client.service.post(
        f"{course}/quizzes/import",
        params={"title": "Of a text"} | query,
        content=text.encode() if isinstance(text, str) else text,
        headers=client.headers | {"Content-Type": "text/plain"} | ({"Idempotency-Key": key} if key else {}),
    )


def places(answer: httpx.Response) -> list[tuple[int, int]]:
    assert answer.status_code == 422, answer.text
    return [(found["line"], found["character"]) for found in answer.json()["errors"]]


def test_a_text_becomes_a_draft_with_its_questions_and_key(lecturer: Client, course: str) -> None:
    answer = send(lecturer, course, GOOD, week_number="3")
    assert answer.status_code == 201, answer.text
    address = answer.headers["location"]
    report = answer.json()
    assert report.pop("quiz") == lecturer.get(address).json()
    assert report == {
        "dry_run": False,
        "max_score": 4,
        "questions": [
            {"line": 3, "id": "q1", "type": "numeric", "title": "Sum", "format": "moodle"},
            {"line": 6, "id": "q2", "type": "single_choice", "title": None, "format": "html"},
            {"line": 8, "id": "q3", "type": "matching", "title": None, "format": "moodle"},
            {"line": 10, "id": "q4", "type": "essay", "title": None, "format": "moodle"},
        ],
        "left_out": [{"line": 1, "kind": "category", "detail": "A quiz has no categories."}],
    }
    quiz = lecturer.get(address).json()
    assert (quiz["title"], quiz["week_number"], quiz["state"]) == ("Of a text", 3, "draft")
    assert (quiz["current_version"], quiz["version"]) == (1, 2)
    assert answer.headers["etag"].startswith('"2.')
    saved = lecturer.get(f"{address}/questions").json()
    assert saved["key"]["q1"] == {
        "type": "numeric",
        "value": 4,
        "absolute_tolerance": 0.1,
        "explanation": "4: right",
    }
    assert saved["questions"][1]["prompt"] == "<b>Green</b>?"
    assert lecturer.patch(address, {"state": "published"}, answer.headers["etag"]).status_code == 200


def test_options_are_mixed_unless_their_order_is_to_be_kept(lecturer: Client, course: str) -> None:
    text = "What is green? {=leaf ~sea ~sand ~sky ~snow ~sun ~soot}"

    def asked(**query: str) -> tuple[list[str], str]:
        address = send(lecturer, course, text, **query).headers["location"]
        saved = lecturer.get(f"{address}/questions").json()
        options = {option["id"]: option["text"] for option in saved["questions"][0]["options"]}
        return list(options.values()), options[saved["key"]["q1"]["correct"]]

    kept, mixed = asked(keep_order="true"), asked()
    assert kept == (["leaf", "sea", "sand", "sky", "snow", "sun", "soot"], "leaf")
    assert (sorted(mixed[0]), mixed[1]) == (sorted(kept[0]), "leaf")
    assert mixed[0] != kept[0]
    # And the same way each time: a text that is imported again is the same quiz.
    assert asked(keep_order="false") == mixed


def test_a_dry_run_says_the_same_and_does_nothing(lecturer: Client, course: str, tables: Tables) -> None:
    before = tables.rows()
    tried = send(lecturer, course, GOOD, dry_run="true", key="a-key")
    assert (tried.status_code, "location" in tried.headers) == (200, False)
    assert tables.rows() == before
    assert send(lecturer, course, GOOD, key="a-key").json() | {"dry_run": True, "quiz": None} == tried.json()


def test_a_key_makes_one_quiz_of_a_text_sent_twice(
    lecturer: Client, course: str, admin: psycopg.Connection[Any]
) -> None:
    first, again = (send(lecturer, course, GOOD, key="a-key") for _ in range(2))
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.content, again.headers["location"]) == (first.content, first.headers["location"])
    assert one(admin, "select count(*) from lms.quizzes where title = 'Of a text'") == 1
    for text, query in ((f"{GOOD}\n", {}), (GOOD, {"title": "Another"})):
        other = send(lecturer, course, text, key="a-key", **query)
        assert refusal(other) == (422, "idempotency-key", ["Idempotency-Key"])


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_every_defect_is_told_at_once_and_nothing_is_made(
    lecturer: Client, course: str, tables: Tables, dry_run: str
) -> None:
    before = tables.rows()
    text = b"One {T}\n\nTwo {=a ~}\n\nThree\xff {#x}\n\nA text.\n\n{=open\n"
    answer = send(lecturer, course, text, dry_run=dry_run)
    assert places(answer) == [(3, 9), (5, 6), (5, 10), (7, 1), (9, 1)]
    assert answer.json()["type"] == "urn:lms:problem:defective-file"
    assert answer.json()["detail"] == "5 places to mend, so nothing was imported."
    skipping = send(lecturer, course, text, dry_run=dry_run, skip_unsupported="true")
    assert places(skipping) == [(3, 9), (5, 6), (5, 10), (9, 1)]
    assert tables.rows() == before


def test_what_cannot_be_asked_is_refused_by_name_unless_it_is_to_be_skipped(
    lecturer: Client, course: str, tables: Tables
) -> None:
    before = tables.rows()
    answer = send(lecturer, course, MIXED)
    assert places(answer) == [(1, 1), (3, 1)]
    assert answer.json()["type"] == "urn:lms:problem:unsupported-questions"
    assert ["(description)" in found["detail"] for found in answer.json()["errors"]] == [True, False]
    assert "skip_unsupported=true" in answer.json()["detail"]
    assert tables.rows() == before
    skipped = send(lecturer, course, MIXED, skip_unsupported="true")
    assert skipped.status_code == 201, skipped.text
    assert [found["line"] for found in skipped.json()["questions"]] == [5]
    assert [found["kind"] for found in skipped.json()["left_out"]] == ["description", "weights"]


def test_where_nothing_is_left_nothing_is_made(lecturer: Client, course: str) -> None:
    answer = send(lecturer, course, "A text.\n", skip_unsupported="true")
    assert places(answer) == [(1, 1)]
    assert answer.json()["type"] == "urn:lms:problem:unsupported-questions"


def test_whoever_may_not_teach_the_course_learns_nothing_of_the_text(
    service: httpx.Client, school: School, lecturer: Client, course: str
) -> None:
    for name in ("student", "other_lecturer"):
        answer = send(Client(service, school, name), course, b"\xff{")
        assert (answer.status_code, "errors" in answer.json()) == (404, False)
    assert refusal(send(lecturer, course, GOOD, title="  ")) == (422, "invalid-request", ["title"])


def test_questions_of_more_than_256_kib_are_refused_and_no_quiz_is_left(
    lecturer: Client, course: str, tables: Tables
) -> None:
    """A text below the limit of a body, and its document above that of the table: many small options."""
    before = tables.rows()
    options = "".join(f"~{number}\n" for number in range(80))
    text = f"What? {{\n{options}=x}}\n\n" * 190
    for dry_run in ("true", "false"):
        answer = send(lecturer, course, text, dry_run=dry_run)
        assert refusal(answer) == (422, "quiz_versions_size_ck", [])
    assert tables.rows() == before


def test_no_bytes_are_answered_with_a_failure_of_ours(lecturer: Client, course: str) -> None:
    random_ = random.Random(3)  # noqa: S311 - the same each time
    pieces = [
        b"{",
        b"}",
        b"=",
        b"~",
        b"#",
        b"->",
        b"%50%",
        b"\\",
        b"\n\n",
        b"a",
        b"1",
        b"::",
        b"T",
        b"\0",
        b"\xff",
        b"{}",
    ]
    statuses: Counter[int] = Counter()
    for number in range(300):
        text = (
            random_.randbytes(random_.randrange(80))
            if number % 3 == 0
            else b"x " + b"".join(random_.choices(pieces, k=random_.randrange(1, 12)))
        )
        statuses[send(lecturer, course, text, skip_unsupported="true").status_code] += 1
    assert set(statuses) == {201, 422}


def test_the_real_files_become_quizzes(
    lecturer: Client, course: str, real_data: Path, admin: psycopg.Connection[Any]
) -> None:
    """All but the one that holds a category alone, and the one of descriptions."""
    made = 0
    for file in sorted((real_data / "quizzes" / "gift").glob("*.gift")):
        answer = send(lecturer, course, file.read_bytes(), skip_unsupported="true")
        if file.stem in ("category1", "markdown"):
            assert answer.status_code == 422
            continue
        assert answer.status_code == 201, answer.text
        made += 1
        saved = lecturer.get(f"{answer.headers['location']}/questions").json()
        assert [each["id"] for each in saved["questions"]] == list(saved["key"])
    assert one(admin, "select count(*) from lms.quizzes where title = 'Of a text'") == made == 13
