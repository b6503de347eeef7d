"""Regrades by the worker as it runs: what others notice of it, whatever happens at once, whoever is killed.

    pytest tests/chaos/test_regrades.py --full      100,000 attempts, a minute of races, 40 kills

The service runs as `lms serve` runs it, two processes, and the worker as `lms worker`.
"""

import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx
import psycopg
import pytest

from api.database.pool import connect_pool
from api.database.roles import WORKER_ROLE
from api.operations.grading import BATCH, regrade
from api.operations.performance import rebuild
from tests.chaos.conftest import Serving
from tests.chaos.regrading import (
    DRIFTED,
    UNFINISHED,
    WRONG,
    Crowd,
    Person,
    answers,
    let_in,
    one,
    statuses,
    wait_for_regrades,
    working,
)
from tests.chaos.seats import Contender, Hall, actor, found_hall, open_race, token_of
from tests.chaos.test_deadlocks import deadlocks
from tests.cli.support import lms
from tests.conftest import TestDatabase
from tests.http.support import waiting
from tests.sql.questions import quiz
from tests.support.mail import MailServer, wait_until
from tests.support.many_attempts import fill

Say = Callable[[str], None]


ASKED: Final = quiz("single_choice", "numeric", "true_false", "essay")
ASK: Final = """
    insert into lms.regrades (quiz_id, requested_by)
    select quizzes.quiz_id, courses.lecturer_id
    from lms.quizzes join lms.courses on courses.course_id = quizzes.course_id
"""


# What others notice of it

LONGEST: Final = 1.0
"""Seconds that an answer may take while attempts are graded again: the bar."""

SUM: Final = "sums of the course"
"""What reads every attempt of the course, and takes what that takes, regrade or not: shown, and not held to the bar."""

WRITES: Final = frozenset(("starts", "autosaves", "submits", "grades by hand"))
"""What a regrade could keep waiting."""

PLAIN: Final = """
    update lms.quiz_attempts
    set score = score, feedback = feedback, graded_by_key = graded_by_key + 1, version = version + 1
    where attempt_id = any(%s)
"""
"""A plain update of as many rows, in as many transactions."""


class Course:
    """A course with one quiz that many have taken, and those of them who ask."""

    def __init__(self, connection: psycopg.Connection[Any], attempts: int, chance: random.Random) -> None:
        with connection.transaction():
            fill(connection, attempts)
        connection.execute("update lms.quizzes set attempts_allowed = null")
        connection.execute(
            "select from lms.regrade_attempts((select quiz_id from lms.quizzes), %s)", (attempts,)
        )
        connection.execute("vacuum analyze")
        self.chance = chance
        self.next_sum = 0.0
        quiz_id, course_id, lecturer_id = connection.execute(
            "select quizzes.quiz_id, quizzes.course_id, courses.lecturer_id "
            "from lms.quizzes join lms.courses using (course_id)"
        ).fetchall()[0]
        self.course, self.quiz = f"/courses/{course_id}", f"/quizzes/{quiz_id}"
        self.lecturer = let_in(connection, "lecturer", lecturer_id)
        some = connection.execute(
            "select student_id, attempt_id from lms.quiz_attempts order by md5(attempt_id::text) limit 60"
        ).fetchall()
        self.students = [
            (f"/students/{student}", let_in(connection, f"student-{number}", student))
            for number, (student, _) in enumerate(some[:40])
        ]
        self.taken = [f"/attempts/{attempt}" for _, attempt in some]

    def people(self, crowd: Crowd) -> list[Person]:
        """Two who look at the course and grade by hand, one who sums it up, and four who take the quiz once more."""

        async def teach(client: httpx.AsyncClient) -> None:
            for what, path in (
                ("lists of attempts", f"{self.quiz}/attempts"),
                ("gradebooks", f"{self.course}/gradebook"),
                ("quizzes", self.quiz),
            ):
                await crowd.send(client, what, "GET", path, None, self.lecturer)
            review = {"reviews": {"q1": {"points": self.chance.choice([0, 0.5, 1])}}}
            graded = f"{self.chance.choice(self.taken)}/grade"
            await crowd.send(client, "grades by hand", "PUT", graded, review, self.lecturer)

        async def sum_up(client: httpx.AsyncClient) -> None:
            # Now and then, since it keeps a processor busy.
            if time.monotonic() > self.next_sum:
                await crowd.send(client, SUM, "GET", f"{self.course}/dashboard", None, self.lecturer)
                self.next_sum = time.monotonic() + 5
            await asyncio.sleep(0.1)

        async def learn(client: httpx.AsyncClient, number: int) -> None:
            # Each of them others, so that nobody hands in what another one is at.
            path, headers = self.chance.choice(self.students[number::4])
            await crowd.send(client, "dashboards", "GET", f"{path}/dashboard", None, headers)
            await crowd.send(client, "own attempts", "GET", f"{self.quiz}/attempts", None, headers)
            begun = await crowd.send(client, "starts", "POST", f"{self.quiz}/attempts", None, headers)
            attempt = f"/attempts/{begun.json()['id']}"
            for n in (1, 3):
                answered = {"answers": {f"q{n}": "o1" if n == 1 else True}}
                await crowd.send(client, "autosaves", "PATCH", attempt, answered, headers)
            await crowd.send(client, "submits", "POST", f"{attempt}/submit", {}, headers)

        return [teach, teach, sum_up, *(partial(learn, number=number) for number in range(4))]


def test_nobody_waits_for_a_regrade(
    database: TestDatabase,
    owner: psycopg.Connection[Any],
    serving: Serving,
    tmp_path: Path,
    full: bool,
    seed: int,
    say: Say,
) -> None:
    attempts = 100_000 if full else 1_000
    course = Course(owner, attempts, random.Random(seed))  # noqa: S311 - nothing secret
    with serving(database) as service, working(database, tmp_path):
        crowd = Crowd(service.url, course.chance, pause=0.05)
        with crowd.asking(course.people(crowd)):
            time.sleep(10 if full else 1)
            before = crowd.take()
            with httpx.Client(base_url=service.url, headers=course.lecturer, timeout=60) as lecturer:
                key = lecturer.get(f"{course.quiz}/versions/1/key").json()["key"]
                key["q3"]["correct"] = not key["q3"]["correct"]
                # All have another score by it.
                corrected = lecturer.put(f"{course.quiz}/versions/1/key", json={"key": key})
                assert corrected.json()["regrade_due"]
                asked = lecturer.post(f"{course.quiz}/regrade")
                assert asked.status_code == 202
            wait_for_regrades(owner)
            meanwhile = crowd.take()
            regrading = one(
                owner, "select extract(epoch from finished_at - started_at)::float from lms.regrades"
            )
            regraded, changed = owner.execute(
                "select attempts_regraded, scores_changed from lms.regrades"
            ).fetchall()[0]
            assert one(owner, WRONG) == one(owner, DRIFTED) == 0
            rows = [
                each
                for (each,) in owner.execute(
                    "select attempt_id from lms.quiz_attempts order by attempt_id limit %s", (attempts,)
                )
            ]
            # While the same people ask, and the worker sends the mails.
            started = time.perf_counter()
            for place in range(0, attempts, BATCH):
                owner.execute(PLAIN, (rows[place : place + BATCH],))
            plain = time.perf_counter() - started
    longest = max((each for each in meanwhile if each.what != SUM), key=lambda each: each.seconds)
    say(
        f"{regraded} attempts graded again by the worker in {regrading:.1f} s, {changed} scores changed, audited and "
        f"told; a plain update of {attempts} rows in as many batches {plain:.1f} s: {regrading / plain:.1f} times; "
        f"seed {seed}\n"
        f"  before, the middle and the longest answer in ms: {answers(before)}\n"
        f"  meanwhile: {answers(meanwhile)}; {statuses(meanwhile)}; the longest {longest.seconds * 1000:.0f} ms"
        f" (bar {LONGEST * 1000:.0f} ms)"
    )
    # Who was graded by hand between the correction and the request has the new key already.
    assert regraded > attempts * 0.9
    assert set(statuses(meanwhile)) <= {200, 201}
    assert {each.what for each in meanwhile} >= {"submits", "autosaves", "gradebooks", "grades by hand"}
    if full:
        assert longest.seconds < LONGEST, longest
    # A second says nothing on a machine that others use. Where a regrade is one transaction, they wait for all of it.
    assert median(each.seconds for each in meanwhile if each.what in WRITES) < regrading / 2


# Everything at once

WRITERS: Final = 16
STUDENTS: Final = 10
LEAVING: Final = 3
"""Students who are dropped now and then. Nobody else is."""
COURSES: Final = 2

OFTEN: Final = {
    "take": 14,
    "abandon": 3,
    "grade": 6,
    "correct": 2,
    "regrade": 2,
    "ask anew": 1,
    "move": 2,
    "change the policy": 1,
    "change the quiz": 1,
    "close": 1,
    "open": 3,
    "drop": 1,
    "take back": 2,
}
"""What happens, and how often compared with the rest."""

REMEMBER: Final = """
    create table public.keys_as_they_were (
        quiz_id uuid, version_number integer, key_version integer, key jsonb,
        primary key (quiz_id, version_number, key_version)
    );
    create function public.remember() returns trigger language plpgsql security definer as $$
    begin
        insert into public.keys_as_they_were
        values (new.quiz_id, new.version_number, new.key_version, new.key)
        on conflict do nothing;
        return null;
    end;
    $$;
    create trigger remember after insert or update on lms.quiz_answer_keys
    for each row execute function public.remember();
"""

MISGRADED: Final = """
    select count(*)
    from lms.quiz_attempts as attempts
    join lms.quiz_versions as versions
        on versions.quiz_id = attempts.quiz_id and versions.version_number = attempts.quiz_version
    left join public.keys_as_they_were as keys
        on keys.quiz_id = attempts.quiz_id
        and keys.version_number = attempts.quiz_version
        and keys.key_version = attempts.graded_by_key
    cross join lateral (
        select case when not bool_or(awaits_review) then sum(points) end as score
        from lms.graded(versions.questions, keys.key, attempts.answers, attempts.reviews)
    ) as scratch
    where
        attempts.state <> 'in_progress'
        and (keys.key is null or attempts.score is distinct from scratch.score)
"""
"""Attempts whose score is not what the key gives that they name."""

AGE = """
    update lms.quiz_attempts
    set started_at = now() - interval '2 hours', due_at = now() - interval '1 hour'
    where attempt_id in (
        select attempt_id from lms.quiz_attempts
        where state = 'in_progress' and due_at > now() and started_at < now() - interval '300 milliseconds'
        for no key update skip locked
    )
"""
"""Whatever was begun a while ago and not handed in is overdue."""


class Race:
    """Courses to which everything happens at once that touches what their students have mastered."""

    def __init__(
        self, connection: psycopg.Connection[Any], hall: Hall, crowd: Crowd, chance: random.Random
    ) -> None:
        connection.execute(REMEMBER)
        self.crowd = crowd
        self.chance = chance
        self.lecturer = {"Authorization": f"Bearer {hall.lecturer_token}", "If-Match": "*"}
        self.students = hall.contenders[:STUDENTS]
        self.leaving = self.students[:LEAVING]
        self.courses: list[str] = []
        self.quizzes: list[str] = []
        self.versions: dict[str, int] = {}
        self.attempts: list[str] = []
        with httpx.Client(base_url=crowd.url, headers=self.lecturer, timeout=60) as lecturer:
            for number in range(COURSES):
                course = f"/courses/{open_race(connection, hall, number).course_id}"
                self.courses.append(course)
                for student in self.students:
                    enrolled = {"student_id": str(student.student_id), "state": "active"}
                    assert lecturer.post(f"{course}/enrollments", json=enrolled).status_code == 201
                for week in (1, 1, 2):
                    settings = {
                        "title": "Raced",
                        "week_number": week,
                        "attempts_allowed": None,
                        "time_limit_seconds": 600,
                    }
                    quiz_ = str(lecturer.post(f"{course}/quizzes", json=settings).headers["location"])
                    lecturer.put(f"{quiz_}/questions", json=ASKED._asdict())
                    assert lecturer.patch(quiz_, json={"state": "published"}).status_code == 200
                    self.quizzes.append(quiz_)
                    self.versions[quiz_] = 1

    async def act(  # noqa: C901 - one for each thing that happens
        self, client: httpx.AsyncClient
    ) -> None:
        """One thing that happens."""
        (what,) = self.chance.choices(list(OFTEN), list(OFTEN.values()))
        taken, course = self.chance.choice(self.quizzes), self.chance.choice(self.courses)
        student = self.chance.choice(self.students)
        enrollment = f"{course}/enrollments/{self.chance.choice(self.leaving).student_id}"
        match what:
            case "take" | "abandon":
                await self._take(client, taken, student, what)
            case "grade" if self.attempts:
                points = self.chance.choice([None, 0, 0.25, 0.5, 1])
                reviews = {self.chance.choice(["q1", "q4"]): None if points is None else {"points": points}}
                path = f"{self.chance.choice(self.attempts[-200:])}/grade"
                await self._lecture(client, what, "PUT", path, {"reviews": reviews})
            case "correct":
                version = self.chance.randint(1, self.versions[taken])
                path = f"{taken}/versions/{version}/key"
                await self._lecture(client, what, "PUT", path, {"key": self._key()})
            case "regrade":
                await self._lecture(client, what, "POST", f"{taken}/regrade", None)
            case "ask anew" if self.versions[taken] < 4:
                asked = {"questions": ASKED.questions, "key": self._key()}
                answer = await self._lecture(client, what, "PUT", f"{taken}/questions", asked)
                if answer.is_success:
                    self.versions[taken] += 1
            case "move":
                week = {"week_number": self.chance.choice([None, 1, 2, 3])}
                await self._lecture(client, what, "PATCH", taken, week)
            case "change the policy":
                developing, mastered = sorted(self.chance.choices([0, 0.25, 0.5, 0.75, 1], k=2))
                score = self.chance.choice(["highest", "latest", "average"])
                policy = {"score": score, "mastered": mastered, "developing": developing}
                await self._lecture(client, what, "PATCH", course, {"mastery_policy": policy})
            case "change the quiz":
                settings = {
                    "score_policy": self.chance.choice(["highest", "latest", "average"]),
                    "time_limit_seconds": self.chance.choice([600, 900]),
                    "week_number": self.chance.choice([1, 2]),
                }
                await self._lecture(client, what, "PATCH", taken, settings)
            case "close" | "open":
                state = {"state": "closed" if what == "close" else "published"}
                await self._lecture(client, what, "PATCH", taken, state)
            case "drop":
                await self._lecture(client, what, "PATCH", enrollment, {"state": "dropped"})
            case "take back":
                await self._lecture(client, what, "PATCH", enrollment, {"state": "active"})

    def untried(self) -> set[str]:
        """What did not succeed yet."""
        done = {each.what for each in self.crowd.asked if each.status < 300}
        return ({*OFTEN, "start", "autosave", "submit"} - {"take", "abandon"}) - done

    async def _lecture(
        self, client: httpx.AsyncClient, what: str, method: str, path: str, document: Any
    ) -> httpx.Response:
        return await self.crowd.send(client, what, method, path, document, self.lecturer)

    async def _take(self, client: httpx.AsyncClient, taken: str, student: Contender, what: str) -> None:
        headers = {"Authorization": f"Bearer {student.token}", "If-Match": "*"}
        begun = await self.crowd.send(client, "start", "POST", f"{taken}/attempts", None, headers)
        # Whatever becomes of a quiz, it is there for whoever is on the course.
        assert begun.status_code != 404 or student in self.leaving
        if not begun.is_success:
            return
        attempt = f"/attempts/{begun.json()['id']}"
        self.attempts.append(attempt)
        answers_ = {
            "q1": self.chance.choice("abc"),
            "q2": self.chance.choice([100, 3]),
            "q3": self.chance.choice([True, False]),
            "q4": "It is so.",
        }
        saved = {"answers": answers_}
        await self.crowd.send(client, "autosave", "PATCH", attempt, saved, headers)
        if what == "take":
            await self.crowd.send(client, "submit", "POST", f"{attempt}/submit", {}, headers)

    def _key(self) -> dict[str, Any]:
        return {
            **deepcopy(ASKED.key),
            "q1": {"type": "single_choice", "correct": self.chance.choice("abc")},
            "q3": {"type": "true_false", "correct": self.chance.choice([True, False])},
        }


def test_whatever_happens_at_once_every_score_and_mastery_is_right(
    database: TestDatabase,
    owner: psycopg.Connection[Any],
    serving: Serving,
    tmp_path: Path,
    full: bool,
    seed: int,
    say: Say,
) -> None:
    hall = found_hall(database.admin_url, STUDENTS)
    before = deadlocks(database)
    looks = 0
    with serving(database) as service, working(database, tmp_path) as worker:
        race = Race(owner, hall, Crowd(service.url, random.Random(seed)), random.Random(seed))  # noqa: S311
        began, seconds = time.monotonic(), 60 if full else 2
        with race.crowd.asking([race.act] * WRITERS):
            while (over := time.monotonic() - began) < seconds or (race.untried() and over < 60):
                # Not only in the end: whoever looks, it is right.
                assert one(owner, DRIFTED) == 0
                owner.execute(AGE)
                looks += 1
                time.sleep(0.2)
        untried, asked = race.untried(), race.crowd.take()
        assert one(owner, MISGRADED) == one(owner, DRIFTED) == 0
        verified = lms("performance", "verify", LMS_MIGRATION_URL=database.admin_url)
        assert verified.returncode == 0, verified
        with httpx.Client(base_url=service.url, headers=race.lecturer, timeout=60) as lecturer:
            for each in race.quizzes:
                assert lecturer.post(f"{each}/regrade").status_code == 202
        wait_for_regrades(owner)
        assert one(owner, WRONG) == one(owner, MISGRADED) == one(owner, DRIFTED) == 0
        regrades, regraded, changed = owner.execute(
            "select count(*), sum(attempts_regraded), sum(scores_changed) from lms.regrades"
        ).fetchall()[0]
        overdue = one(
            owner,
            "select count(*) from lms.audit_events where action = 'attempts.submit' and actor_id is null",
        )
        words = worker.words()
    found = deadlocks(database) - before
    kinds = Counter((each.what, each.status) for each in asked)
    say(
        f"{len(asked)} requests of {WRITERS} in {over:.0f} s, {overdue} overdue attempts handed in, "
        f"{regrades} regrades of {regraded} attempts with {changed} other scores, {found} deadlocks, "
        f"right at {looks} looks, the longest answer {max(each.seconds for each in asked) * 1000:.0f} ms; seed {seed}: "
        + ", ".join(f"{count} {what}: {status}" for (what, status), count in sorted(kinds.items()))
    )
    assert found == 0
    assert not any(status >= 500 for _, status in kinds)
    assert not untried
    assert overdue > 0
    assert "failed" not in words
    assert "Traceback" not in words
    handed_in = one(owner, "select count(*) from lms.quiz_attempts where state <> 'in_progress'")
    audited = "select count(*) from lms.audit_events where action = %s"
    assert one(owner, audited, ("attempts.submit",)) == handed_in
    assert one(owner, audited, ("grades.regrade",)) == changed
    # By a regrade or by hand, and from the last score that there was, though the review may have been taken back since.
    other_scores = """
        select count(*)
        from (
            select
                (changes #>> '{score,to}')::numeric as score,
                coalesce(
                    (changes #>> '{score,from}')::numeric,
                    lag((changes #>> '{score,to}')::numeric)
                        over (partition by changes #>> '{attempt_id,to}' order by audit_event_id)
                ) as score_before
            from lms.audit_events
            where action in ('grades.regrade', 'grades.update') and jsonb_typeof(changes #> '{score,to}') = 'number'
        ) as scores
        where score <> score_before
    """
    assert one(owner, "select count(*) from lms.score_changes") == one(owner, other_scores) >= changed


# Whoever is killed


def test_each_changed_score_is_kept_audited_and_told_once_whoever_is_killed(
    database: TestDatabase,
    owner: psycopg.Connection[Any],
    mail: MailServer,
    tmp_path: Path,
    full: bool,
    seed: int,
    say: Say,
) -> None:
    attempts, kills = (5_000, 40) if full else (1_000, 2)
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    with owner.transaction():
        fill(owner, attempts)
    owner.execute("select from lms.regrade_attempts((select quiz_id from lms.quizzes), %s)", (attempts,))
    scores = "select attempt_id, score from lms.quiz_attempts"
    before = dict(owner.execute(scores).fetchall())
    # Of the first question another option is right: some have another score by it, and most have not.
    owner.execute(
        "update lms.quiz_answer_keys set key = jsonb_set(key, '{q1,correct}', '\"o4\"'), key_version = 2"
    )
    owner.execute(ASK)
    midway = 0
    with working(database, tmp_path, mail) as worker:
        # By turns while it grades, and while it tells of it.
        for _ in range(kills):
            worker.wait_until_ready()
            grading = one(owner, UNFINISHED) > 0
            progress: Callable[[], int] = (
                (lambda: int(one(owner, "select attempts_regraded from lms.regrades")))
                if grading
                else (lambda: len(mail.received))
            )
            begun, step = progress(), 1 if grading else chance.randint(1, attempts // kills // 4)
            while progress() < begun + step and (one(owner, UNFINISHED) or _waiting(owner)):
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.05))
            worker.kill()
            midway += one(owner, UNFINISHED) > 0
            # Nobody has to wait here for the leases of the dead.
            owner.execute("update lms.regrades set due_at = now() where state = 'running'")
            owner.execute(
                "update lms.email_outbox set next_attempt_at = now() where state = 'queued' and attempts > 0"
            )
            worker.start()
        worker.wait_until_ready()
        wait_for_regrades(owner)
        wait_until(lambda: not _waiting(owner), 300)
    after = dict(owner.execute(scores).fetchall())
    changed = {each: (before[each], after[each]) for each in before if before[each] != after[each]}
    kept = owner.execute("select attempt_id, score_before, score from lms.score_changes").fetchall()
    audited = owner.execute(
        "select (changes #>> '{attempt_id,to}')::uuid, (changes #>> '{score,from}')::numeric, "
        "(changes #>> '{score,to}')::numeric from lms.audit_events where action = 'grades.regrade'"
    ).fetchall()
    told = {
        delivery_id: (attempt_id, email)
        for delivery_id, attempt_id, email in owner.execute(
            "select outbox.delivery_id, changes.attempt_id, users.email from lms.email_outbox as outbox "
            "join lms.score_changes as changes using (score_change_id) "
            "join lms.quiz_attempts as attempts using (attempt_id) "
            "join lms.users as users on users.user_id = attempts.student_id and users.user_id = outbox.user_id"
        )
    }
    copies = Counter((each.delivery_id, each.recipient) for each in mail.received)
    say(
        f"{attempts} attempts, {len(changed)} scores changed; the worker killed {kills} times, {midway} of them while "
        f"it graded: {len(kept)} changes kept, {len(audited)} audited, {len(told)} mails, {copies.total()} received, "
        f"{copies.total() - len(copies)} of them again under the same Message-ID; seed {seed}"
    )
    assert midway
    assert 0 < len(changed) < attempts
    expected = Counter((each, *scores) for each, scores in changed.items())
    assert Counter(kept) == Counter(audited) == expected
    assert Counter(attempt for attempt, _ in told.values()) == dict.fromkeys(changed, 1)
    # One key for each change, whoever is written to again gets it again: a mail reader shows it once.
    assert copies.keys() == {(delivery, email) for delivery, (_, email) in told.items()}
    assert len({email for _, email in copies}) == len(changed)
    assert len({each.message_id for each in mail.received}) == len(changed)
    assert one(owner, WRONG) == one(owner, DRIFTED) == 0
    assert owner.execute("select state, attempts_regraded, scores_changed from lms.regrades").fetchall() == [
        ("done", attempts, len(changed))
    ]


def _waiting(owner: psycopg.Connection[Any]) -> bool:
    return bool(one(owner, "select count(*) from lms.email_outbox where state = 'queued'"))


# Done means done


@dataclass
class Desk:
    """A quiz that twenty have taken, and one is taking."""

    owner: psycopg.Connection[Any]
    database: TestDatabase
    quiz_id: Any
    attempt_id: Any
    """Under way."""

    def other(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.database.admin_url, cursor_factory=psycopg.ClientCursor)

    def correct(self) -> int:
        """Correct the key by its door; its version then."""
        with self.other() as connection:
            key = one(connection, "select key from lms.quiz_answer_keys")
            key["q3"]["correct"] = not key["q3"]["correct"]
            return int(
                one(
                    connection,
                    "select key_version from lms.correct_answer_key(%s, %s, 1, null, %s)",
                    (actor(token_of("lecturer")).token_hash, self.quiz_id, json.dumps(key)),
                )
            )

    def submit(self, connection: psycopg.Connection[Any]) -> None:
        """Hand in the attempt that is under way."""
        arguments = (actor(token_of("student")).token_hash, self.attempt_id)
        assert one(connection, "select state from lms.submit_attempt(%s, %s, null)", arguments) == "graded"

    def ask(self) -> Any:
        """Ask for a regrade; its id."""
        return one(self.owner, f"{ASK} returning regrade_id")

    def work(self) -> None:
        """Do what the worker does, until nothing is left to do. It need not wait for what was left behind."""

        async def work() -> None:
            url = self.database.server.url(self.database.name, WORKER_ROLE)
            pool = await connect_pool(url, size=1, acquire_timeout=5)
            try:
                while self.owner.execute(
                    "update lms.regrades set due_at = now() where state <> 'done'"
                ).rowcount:
                    await regrade(pool)
            finally:
                await pool.close()

        asyncio.run(work())

    def done(self, regrade_id: Any) -> bool:
        found = "select state = 'done' from lms.regrades where regrade_id = %s"
        return bool(one(self.owner, found, (regrade_id,)))

    def left_over(self) -> int:
        """Attempts that were handed in and graded by another key than the present one."""
        return int(
            one(
                self.owner,
                "select count(*) from lms.quiz_attempts as attempts join lms.quiz_answer_keys as keys using (quiz_id) "
                "where attempts.state <> 'in_progress' and attempts.graded_by_key <> keys.key_version",
            )
        )


@pytest.fixture
def desk(database: TestDatabase, owner: psycopg.Connection[Any]) -> Desk:
    with owner.transaction():
        fill(owner, 21)
    owner.execute("select from lms.regrade_attempts((select quiz_id from lms.quizzes), 100)")
    quiz_id, attempt_id, student_id = owner.execute(
        "update lms.quiz_attempts set state = 'in_progress', score = null, graded_at = null, feedback = null, "
        "graded_by_key = null, submitted_at = null, answers = '{\"q3\": true}' "
        "where attempt_id = (select attempt_id from lms.quiz_attempts order by attempt_id limit 1) "
        "returning quiz_id, attempt_id, student_id"
    ).fetchall()[0]
    let_in(owner, "lecturer", one(owner, "select lecturer_id from lms.courses"))
    let_in(owner, "student", student_id)
    return Desk(owner, database, quiz_id, attempt_id)


LOCK: Final = (
    "select from lms.quiz_attempts where graded_by_key is not null "
    "order by attempt_id desc limit 1 for no key update"
)


@pytest.mark.once
def test_what_is_handed_in_under_the_old_key_while_it_is_corrected_is_not_left_over(desk: Desk) -> None:
    with desk.other() as student:
        desk.submit(student)
        # Graded, and nobody sees it yet: the correction waits.
        with waiting(desk.owner, desk.correct, student.commit) as corrected:
            assert corrected.result() == 2
    asked = desk.ask()
    desk.work()
    assert desk.done(asked)
    assert desk.left_over() == 0
    assert one(desk.owner, "select attempts_regraded from lms.regrades") == 21


@pytest.mark.once
def test_a_regrade_waits_for_an_attempt_that_somebody_has(desk: Desk) -> None:
    desk.correct()
    asked = desk.ask()
    with desk.other() as somebody:
        somebody.execute(LOCK)

        def meanwhile() -> None:
            # By the new key.
            with desk.other() as student:
                desk.submit(student)
            assert not desk.done(asked)
            assert desk.left_over() == 20
            somebody.commit()

        with waiting(desk.owner, desk.work, meanwhile) as worked:
            worked.result()
    assert desk.done(asked)
    assert desk.left_over() == 0


@pytest.mark.once
def test_a_key_that_is_corrected_again_meanwhile_has_a_regrade_of_its_own(desk: Desk) -> None:
    desk.correct()
    asked = [desk.ask()]
    with desk.other() as somebody:
        somebody.execute(LOCK)

        def meanwhile() -> None:
            # Handed in by the second key, which the batch under way cannot have seen; then there is a third one.
            with desk.other() as student:
                desk.submit(student)
            assert desk.correct() == 3
            asked.append(desk.ask())
            somebody.commit()

        with waiting(desk.owner, desk.work, meanwhile) as worked:
            worked.result()
    assert len(set(asked)) == 2
    assert all(map(desk.done, asked))
    assert desk.left_over() == 0


@pytest.mark.once
def test_without_the_lock_on_the_key_something_is_left_over(desk: Desk) -> None:
    """The control: whoever corrects a key does not wait for who grades by it."""
    _without_locks(desk.owner, "record_grades", r"perform\s+from lms.quiz_answer_keys\b[^;]*\bfor share;")
    with desk.other() as student:
        desk.submit(student)
        assert desk.correct() == 2
        asked = desk.ask()
        desk.work()
        assert desk.done(asked)
        student.commit()
    assert desk.left_over() == 1


@pytest.mark.once
@pytest.mark.parametrize("locked", [True, False], ids=["as it is", "without its locks"])
def test_who_hands_in_while_their_other_attempt_is_graded_again_has_both(desk: Desk, *, locked: bool) -> None:
    """And the control: performance that is kept without a lock drifts."""
    if not locked:
        _without_locks(
            desk.owner,
            "refresh_performance",
            r"perform\s+from lms.courses\b[^;]*\bfor key share;",
            r"perform\s+from lms.student_enrollments\b[^;]*\bfor no key update;",
        )
    # An earlier one, of the same student.
    desk.owner.execute(
        "update lms.quiz_attempts set attempt_number = 2, student_id = "
        "(select student_id from lms.quiz_attempts where attempt_id = %s) "
        "where attempt_id = (select attempt_id from lms.quiz_attempts order by attempt_id desc limit 1)",
        (desk.attempt_id,),
    )
    assert rebuild(desk.database.admin_url)
    assert one(desk.owner, DRIFTED) == 0
    desk.correct()
    asked = desk.ask()
    with desk.other() as student:
        desk.submit(student)
        with waiting(desk.owner, desk.work, student.commit) as worked:
            worked.result()
    assert desk.done(asked)
    assert desk.left_over() == 0
    assert one(desk.owner, DRIFTED) == (0 if locked else 1)


def _without_locks(owner: psycopg.Connection[Any], function: str, *locks: str) -> None:
    """Take statements that lock out of a function."""
    definition = one(owner, "select pg_get_functiondef(%s::regproc)", (f"lms.{function}",))
    for lock in locks:
        definition, found = re.subn(lock, "", definition)
        assert found == 1
    owner.execute(definition.encode())
