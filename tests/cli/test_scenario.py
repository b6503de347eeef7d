"""A quiz as people live it, on `lms up`: made, taken over bad connections, graded, corrected, and graded again.

One story, told twice over: by the service, whose answers these are, and by `Paper`, which works out from what a student
wrote what every score, share and mastery has to be. Whoever's connection breaks asks again, as the documentation says.
"""

import json
import random
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from email import message_from_bytes
from email.policy import default
from functools import cached_property
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.cli.support import PASSWORD, PATIENCE, Running, up, wait_until

pytestmark = pytest.mark.once

STUDENTS: Final = tuple(f"student{number}@example.edu" for number in range(1, 21))
TAKE_IT_TWICE: Final = STUDENTS[:5]
WEEK: Final = 2

SECRET: Final = "Seven fives are thirty-five"
"""In an explanation: no student reads it before the quiz is closed."""

QUESTIONS: Final = [
    {
        "id": "prime",
        "type": "single_choice",
        "prompt": "Which of them is a prime number?",
        "points": 2,
        "options": [{"id": "a", "text": "51"}, {"id": "b", "text": "53"}, {"id": "c", "text": "57"}],
    },
    {
        "id": "factors",
        "type": "multiple_choice",
        "prompt": "Which of them divide 30?",
        "points": 2,
        "options": [{"id": name, "text": name} for name in ("2", "3", "4", "5", "7")],
    },
    {"id": "product", "type": "numeric", "prompt": "What is 7 times 5?", "points": 3},
    {"id": "essay", "type": "essay", "prompt": "Why is 1 no prime number?", "points": 3},
]
POINTS: Final = 10
MISTYPED, RIGHT = 53, 35

WAYS: Final = ("torn", "unanswered", "unread")
"""How a connection breaks: on the way there, before there is an answer, or before anybody has read it."""


def key(product: int) -> dict[str, Any]:
    """What is right, with this for the product."""
    return {
        "prime": {"type": "single_choice", "correct": "b"},
        "factors": {"type": "multiple_choice", "correct": ["2", "3", "5"]},
        "product": {"type": "numeric", "value": product, "explanation": SECRET},
        "essay": {"type": "essay"},
    }


@dataclass
class Paper:
    """What a student answers, and what that is worth, worked out without the service."""

    answers: dict[str, Any]
    thoughts: int
    """Of the essay; the lecturer gives half a point for each."""
    attempt: str = ""
    """Where it is, once it was handed in."""
    is_read: bool = False
    """Whether the lecturer has graded the essay."""

    @classmethod
    def of(cls, dice: random.Random) -> "Paper":
        thoughts = dice.randrange(7)
        return cls(
            {
                "prime": dice.choice("abbc"),
                "factors": dice.sample(["2", "3", "4", "5", "7"], dice.randint(1, 4)),
                "product": dice.choice([MISTYPED, RIGHT, RIGHT, 12]),
                "essay": " ".join(["Because."] * thoughts) or "I do not know.",
            },
            thoughts,
        )

    def points(self, product: int) -> dict[str, Decimal]:
        """What each answer is worth where this is the key to the product."""
        chosen = set(self.answers["factors"])
        thirds = max(len(chosen & {"2", "3", "5"}) - len(chosen & {"4", "7"}), 0)
        return {
            "prime": Decimal(2 if self.answers["prime"] == "b" else 0),
            "factors": (Decimal(2 * thirds) / 3).quantize(Decimal("0.01"), ROUND_HALF_UP),
            "product": Decimal(3 if self.answers["product"] == product else 0),
            "essay": Decimal(self.thoughts) / 2,
        }

    def share(self, product: int) -> Decimal:
        return sum(self.points(product).values(), Decimal()) / POINTS


Papers: TypeAlias = dict[str, list[Paper]]
"""By student, in the order in which they are handed in."""


@dataclass
class Answer:
    request: bytes
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def etag(self) -> str:
        return self.headers["etag"]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Person:
    """Somebody with an account, whose connection breaks; they ask again until they are answered."""

    url: str
    email: str
    dice: random.Random
    """How their connection fares."""
    got: list[bytes] = field(default_factory=list)
    """All that they were ever sent."""
    repeated: Counter[str] = field(default_factory=Counter)
    """How often they learned that what they asked for again had been done already."""

    @cached_property
    def token(self) -> str:
        login = {"email": self.email, "password": PASSWORD}
        return str(self._ask(self._request("POST", "/auth/login", login, {})).json()["access_token"])

    @cached_property
    def id(self) -> str:
        return str(self.get("/auth/me")["id"])

    def get(self, path: str) -> Any:
        answer = self.send("GET", path)
        assert answer.status == 200, answer.body
        return answer.json()

    def post(self, path: str, document: Any = None, lost: Sequence[str] = ()) -> Answer:
        """Sent again it has the same key, and so takes effect once."""
        answer = self.send("POST", path, document, lost, **{"Idempotency-Key": str(uuid4())})
        assert answer.status in (200, 201, 202), answer.body
        self.repeated["POST"] += "idempotency-replayed" in answer.headers
        return answer

    def change(self, method: str, path: str, document: Any, etag: str | None = None) -> Answer:
        """Sent again it names the same version, which is not there any more if the change was made: then read it."""
        etag = etag or self.send("GET", path).etag
        answer = self.send(method, path, document, **{"If-Match": etag})
        if answer.status == 412:
            self.repeated[method] += 1
            answer = self.send("GET", path)
        assert answer.status == 200, answer.body
        return answer

    def send(
        self, method: str, path: str, document: Any = None, lost: Sequence[str] = (), **headers: str
    ) -> Answer:
        """One request, sent until it is answered; lost in these ways, and as often as chance wants it."""
        request = self._request(method, path, document, {"Authorization": f"Bearer {self.token}", **headers})
        for way in lost:
            self._lose(request, way)
        while self.dice.random() < 0.4:
            self._lose(request, self.dice.choice(WAYS))
        answer = self._ask(request)
        self.got.append(answer.body)
        return answer

    def send_again(self, answer: Answer) -> Answer:
        """The request that was answered so."""
        return self._ask(answer.request)

    def _request(self, method: str, path: str, document: Any, headers: dict[str, str]) -> bytes:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        body = b"" if document is None else json.dumps(document).encode()
        if isinstance(document, str):
            kind, body = "text/csv", document.encode()
        if body:
            headers = {"Content-Type": kind, **headers}
        headers = {"Host": "school", "Connection": "close", "Content-Length": str(len(body)), **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def _lose(self, request: bytes, way: str) -> None:
        with self._connection() as connection:
            connection.sendall(request[: self.dice.randrange(len(request))] if way == "torn" else request)
            if way == "unread":
                connection.recv(1)

    def _ask(self, request: bytes) -> Answer:
        with self._connection() as connection:
            connection.sendall(request)
            answer = HTTPResponse(connection)
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(request, answer.status, headers, answer.read())

    def _connection(self) -> socket.socket:
        at = urlsplit(self.url)
        return socket.create_connection((at.hostname, at.port), PATIENCE)


@pytest.fixture
def running(directory: Path) -> Iterator[Running]:
    with up(directory) as running:
        yield running


def test_a_quiz_from_its_first_question_to_its_last_correction(running: Running) -> None:
    dice = random.Random(3)  # noqa: S311 - nothing secret
    lecturer, *students = (
        Person(running.url, email, random.Random(email))  # noqa: S311 - nothing secret
        for email in ("lecturer1@example.edu", *STUDENTS)
    )
    papers: Papers = {
        email: [Paper.of(dice) for _ in range(2 if email in TAKE_IT_TWICE else 1)] for email in STUDENTS
    }

    # A lecturer makes a course of two weeks, with something to read, and puts twenty students on it.
    course = make_course(lecturer)

    # They make a quiz for the second week, though they are not told at first that it is there.
    quiz = make_quiz(lecturer, course)
    assert [found["title"] for found in lecturer.get(f"{course}/quizzes")["items"]] == ["Primes"]

    # They write its questions, with a mistake in the key, and publish it. Students do not see it before.
    lecturer.change("PUT", f"{quiz}/questions", {"questions": QUESTIONS, "key": key(MISTYPED)})
    assert students[0].send("GET", quiz).status == 404
    lecturer.change("PATCH", quiz, {"state": "published"})

    # All students take it at the same time, five of them twice.
    with ThreadPoolExecutor(len(students)) as threads:
        list(threads.map(lambda student: take(student, quiz, papers[student.email]), students))
    repeated = sum((student.repeated for student in students), Counter[str]())
    assert repeated["POST"], "no lost start or submit took effect, so this shows nothing"
    assert repeated["PATCH"], "no lost save took effect, so this shows nothing"

    # There is an attempt for each time that somebody began, with all that they answered.
    attempts = everything(lecturer, f"{quiz}/attempts")
    assert Counter(attempt["student"]["id"] for attempt in attempts) == {
        student.id: len(papers[student.email]) for student in students
    }
    assert {attempt["state"] for attempt in attempts} == {"submitted"}
    for paper in every(papers):
        assert lecturer.get(paper.attempt)["answers"] == paper.answers

    # None of them was ever sent what is right.
    assert not [body for student in students for body in student.got if SECRET.encode() in body]
    for student in students:
        seen = student.get(papers[student.email][-1].attempt)
        assert (seen["score"], seen["feedback"], seen["key"]) == (None, None, None)
        assert student.send("GET", f"{quiz}/questions").status == 404
        assert student.send("GET", f"{quiz}/versions/1/key").status == 404

    # Nothing counts yet: the essays wait. The lecturer reads them, all but one, and the dashboards follow.
    assert_dashboards_follow(lecturer, students, course, quiz, papers, MISTYPED)
    forgotten = papers[TAKE_IT_TWICE[-1]][-1]
    for paper in every(papers):
        if paper is not forgotten:
            mark(lecturer, paper)
    assert_dashboards_follow(lecturer, students, course, quiz, papers, MISTYPED)

    # The quiz is closed. Now each student sees what was right, and some of them that it was not.
    lecturer.change("PATCH", quiz, {"state": "closed"})
    assert_feedback_is_shown(students, papers, MISTYPED)

    # The lecturer corrects the key, which changes nothing yet, and has all attempts graded again.
    corrected = lecturer.change("PUT", f"{quiz}/versions/1/key", {"key": key(RIGHT)}).json()
    assert (corrected["key_version"], corrected["regrade_due"]) == (2, True)
    assert_dashboards_follow(lecturer, students, course, quiz, papers, MISTYPED)
    asked = lecturer.post(f"{quiz}/regrade")
    assert (asked.status, asked.json()["quiz_id"]) == (202, quiz.rpartition("/")[2])
    regrade = asked.headers["location"]
    wait_until(lambda: lecturer.get(regrade)["state"] == "done")

    # Whoever has another score by it is told once, of each of their attempts, and nobody else.
    changed = {
        student: [paper for paper in taken if paper.is_read and paper.share(MISTYPED) != paper.share(RIGHT)]
        for student, taken in papers.items()
    }
    assert {len(found) for found in changed.values()} >= {0, 1}, "all have it, or none, so this shows nothing"
    done = lecturer.get(regrade)
    assert (done["attempts_regraded"], done["scores_changed"]) == (
        len(attempts),
        sum(map(len, changed.values())),
    )
    wait_until(lambda: len(score_mails(running)) >= done["scores_changed"])
    assert sorted(score_mails(running)) == sorted(
        (student, f"You had {words(paper, MISTYPED)} of 10 points, and now have {words(paper, RIGHT)}.")
        for student, found in changed.items()
        for paper in found
    )

    # Points, right answers and all dashboards are those of the right key.
    assert lecturer.get(f"{quiz}/versions/1/key")["regrade_due"] is False
    assert_feedback_is_shown(students, papers, RIGHT)
    assert_dashboards_follow(lecturer, students, course, quiz, papers, RIGHT)

    # The essay that was forgotten is read at last.
    mark(lecturer, forgotten)
    assert_dashboards_follow(lecturer, students, course, quiz, papers, RIGHT)


def make_course(lecturer: Person) -> str:
    """Where it is."""
    course = lecturer.post(
        "/courses",
        {
            "code": "NT100",
            "title": "Numbers",
            "term_id": lecturer.get("/courses")["items"][-1]["term"]["id"],
            "capacity": len(STUDENTS),
            "state": "published",
            "mastery_policy": {"score": "average", "mastered": 0.7, "developing": 0.45},
        },
    ).headers["location"]
    weeks = [{"week_number": 1, "topic": "Counting"}, {"week_number": WEEK, "topic": "Primes"}]
    lecturer.change("PUT", f"{course}/syllabus", {"weeks": weeks})
    lecturer.post(
        f"{course}/materials",
        {
            "week_number": WEEK,
            "kind": "link",
            "title": "Sieves",
            "url": "https://numbers.example/sieves",
        },
    )
    lines = [f"{email},,active" for email in STUDENTS]
    lecturer.post(f"{course}/enrollments/import", "\n".join(["email,full_name,state", *lines]))
    return course


def make_quiz(lecturer: Person, course: str) -> str:
    """Where it is."""
    settings = {
        "title": "Primes",
        "week_number": WEEK,
        "attempts_allowed": 2,
        "score_policy": "latest",
        "feedback_policy": "after_close",
    }
    made = lecturer.post(f"{course}/quizzes", settings, lost=["unread"])
    assert "idempotency-replayed" in made.headers, "what was lost took no effect, so this shows nothing"
    return made.headers["location"]


def take(student: Person, quiz: str, papers: Sequence[Paper]) -> None:
    """Take a quiz that is on the dashboard: start it, save one answer after another, hand them in."""
    for number, paper in enumerate(papers, start=1):
        (found,) = [
            found
            for found in student.get(f"/students/{student.id}/dashboard")["open_quizzes"]
            if found["id"] == quiz.rpartition("/")[2]
        ]
        assert (found["attempts"], found["attempt"]) == (number - 1, None)
        start = present = student.post(f"{quiz}/attempts")
        paper.attempt = f"/attempts/{present.json()['id']}"
        assert (present.json()["attempt_number"], present.json()["key"]) == (number, None)
        saved: dict[str, Any] = {}
        for question, answer in paper.answers.items():
            saved[question] = answer
            present = student.change("PATCH", paper.attempt, {"answers": {question: answer}}, present.etag)
            assert present.json()["answers"] == saved
        assert student.post(f"{paper.attempt}/submit", {}).json()["state"] == "submitted"
        # A start that was under way all the time arrives now. It is no other one.
        again = student.send_again(start)
        assert (again.status, again.json()["id"]) == (start.status, start.json()["id"])


def mark(lecturer: Person, paper: Paper) -> None:
    """Read an essay, and give half a point for each thought in it."""
    thoughts = lecturer.get(paper.attempt)["answers"]["essay"].count("Because.")
    review = {"points": thoughts / 2, "comment": f"Thoughts: {thoughts}."}
    graded = lecturer.change("PUT", f"{paper.attempt}/grade", {"reviews": {"essay": review}}).json()
    assert (graded["state"], graded["reviews"]) == ("graded", {"essay": review})
    paper.is_read = True


def assert_feedback_is_shown(students: Sequence[Person], papers: Papers, product: int) -> None:
    for student in students:
        for paper in papers[student.email]:
            feedback: dict[str, Any] = {
                question: {"points": float(points)} for question, points in paper.points(product).items()
            }
            if paper.is_read:
                feedback["essay"]["comment"] = f"Thoughts: {paper.thoughts}."
            else:
                feedback["essay"]["points"] = None
            seen = student.get(paper.attempt)
            assert (seen["key"], seen["feedback"], seen["reviews"]) == (key(product), feedback, None)
            assert seen["score"] == (float(paper.share(product) * POINTS) if paper.is_read else None)


def assert_dashboards_follow(
    lecturer: Person, students: Sequence[Person], course: str, quiz: str, papers: Papers, product: int
) -> None:
    """All that is shown of the course is what follows from the papers that were read, by this key."""
    course_id, quiz_id = course.rpartition("/")[2], quiz.rpartition("/")[2]
    shares = {
        email: [paper.share(product) for paper in taken if paper.is_read] for email, taken in papers.items()
    }
    weeks = {email: week_of(found) for email, found in shares.items()}

    for student in students:
        week = weeks[student.email]
        (shown,) = [
            item["weeks"]
            for item in everything(student, f"/students/{student.id}/performance")
            if item["course"]["id"] == course_id
        ]
        for each in shown:
            del each["updated_at"]
        assert shown == ([week] if week["attempts"] else [])

        dashboard = student.get(f"/students/{student.id}/dashboard")
        (own,) = [found for found in dashboard["courses"] if found["id"] == course_id]
        assert own["weeks"] == [week_of([]) | {"week_number": 1, "topic": "Counting"}, week]
        for mastery in ("mastered", "developing", "remedial"):
            assert own[mastery] == (week["mastery"] == mastery)
        again = [found for found in dashboard["remedial"] if found["course_id"] == course_id]
        assert [[material["title"] for material in found["materials"]] for found in again] == (
            [["Sieves"]] if week["mastery"] == "remedial" else []
        )

    handed_in = everything(lecturer, f"{quiz}/attempts")
    dashboard = lecturer.get(f"{course}/dashboard")
    counted = Counter(week["mastery"] for week in weeks.values())
    assert dashboard["students"] == len(STUDENTS)
    assert [
        (week["week_number"], week["mastered"], week["developing"], week["remedial"])
        for week in dashboard["weeks"]
    ] == [(1, 0, 0, 0), (WEEK, counted["mastered"], counted["developing"], counted["remedial"])]
    tenths = Counter(min(int(share * 10), 9) for found in shares.values() for share in found)
    assert dashboard["attempt_scores"] == [tenths[tenth] for tenth in range(10)]
    days = Counter(attempt["submitted_at"][:10] for attempt in handed_in)
    assert {found["day"]: found["attempts"] for found in dashboard["attempt_days"]} == days

    assert {found.pop("student")["email"]: found for found in everything(lecturer, f"{course}/at-risk")} == {
        email: {
            "remedial_topics": int(week["mastery"] == "remedial"),
            "missed_quizzes": 0,
            # There is one quiz, whose latest score counts.
            "average_share": week["last_score"],
            "days_since_last_attempt": 0,
            "reasons": ["average_share"],
        }
        for email, week in weeks.items()
        if week["attempts"] and week["last_score"] < 0.5
    }

    assert {
        row["student"]["email"]: row["grades"] for row in everything(lecturer, f"{course}/gradebook")
    } == {
        email: [
            {
                "quiz_id": quiz_id,
                "share": weeks[email]["last_score"],
                "attempts": len(taken),
                "awaiting_review": sum(not paper.is_read for paper in taken),
                "state": "graded" if all(paper.is_read for paper in taken) else "submitted",
            }
        ]
        for email, taken in papers.items()
    }


def week_of(shares: Sequence[Decimal]) -> dict[str, Any]:
    """What these shares, in the order in which they were handed in, come to by the policy of the course."""
    average = sum(shares, Decimal()) / len(shares) if shares else None
    return {
        "week_number": WEEK,
        "topic": "Primes",
        "attempts": len(shares),
        "best_score": four_decimals(max(shares, default=None)),
        "last_score": four_decimals(shares[-1] if shares else None),
        "average_score": four_decimals(average),
        "mastery": None
        if average is None
        else "mastered"
        if average >= Decimal("0.7")
        else "developing"
        if average >= Decimal("0.45")
        else "remedial",
    }


def four_decimals(share: Decimal | None) -> float | None:
    return None if share is None else float(share.quantize(Decimal("0.0001"), ROUND_HALF_UP))


def words(paper: Paper, product: int) -> str:
    """The score as a mail has it."""
    return f"{paper.share(product) * POINTS:f}".rstrip("0").rstrip(".")


def every(papers: Papers) -> list[Paper]:
    return [paper for taken in papers.values() for paper in taken]


def everything(person: Person, path: str) -> list[Any]:
    """The items of all pages of a list."""
    page = person.get(f"{path}?limit=10")
    items: list[Any] = page["items"]
    while page["next"] is not None:
        page = person.get(f"{path}?limit=10&cursor={page['next']}")
        items += page["items"]
    return items


def score_mails(running: Running) -> list[tuple[str, str]]:
    """To whom the mails about scores are that were sent so far, and what they say of the points."""
    folder = running.output.read_text().partition("  mail           the folder ")[2].partition(",")[0]
    found = []
    for path in Path(folder).glob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=default)
        if mail["Subject"] == "Your score has changed: Primes":
            text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
            said = next(line for line in " ".join(text.split()).split(". ") if line.startswith("You had"))
            found.append((mail["To"].addresses[0].addr_spec, f"{said}."))
    return found
