"""Both or neither: an enrolment and its mail, while service, worker and PostgreSQL are killed.

    pytest tests/chaos/test_outbox.py --full      200 kills and 10 crashes over 10,000 enrolments

Service and worker run as `lms serve` and `lms worker` on a PostgreSQL of their own, with a real mail server and the
time-outs of production. What clients were told, what is stored and what the mail server received are held against
each other as sets. The naive ways are killed likewise, and must lose mails or invent some.
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.operations import migrate
from tests.chaos.outbox import (
    BACKLOG_SECONDS,
    TO_A_FULL_COURSE,
    Campaign,
    Postgres,
    Size,
    Traffic,
    Wanted,
    check,
    hold,
    report,
    running_parts,
)
from tests.chaos.seats import Hall, found_hall
from tests.conftest import TestDatabase, with_login
from tests.support.mail import MailServer
from tests.support.postgres import Server, running_server

Say = Callable[[str], None]

CI = Size(enrolments=400, kills=10, crashes=1)
FULL = Size(enrolments=10_000, kills=200, crashes=10)
STUDENTS = 1_000
DATABASE = "lms_outbox"


@pytest.fixture
def mortal_server() -> Iterator[Server]:
    """A PostgreSQL that nobody else depends on."""
    with running_server() as server:
        with psycopg.connect(server.admin_url(), autocommit=True) as connection:
            connection.execute("create database lms_outbox")
        migrate.apply(server.admin_url(DATABASE))
        with_login(server)
        yield server


def open_course(connection: psycopg.Connection[Any], hall: Hall, code: str, *, full: bool) -> UUID:
    ((course_id,),) = connection.execute(
        "insert into lms.courses (code, title, term_id, lecturer_id, capacity, seats_taken, state) "
        "values (%s, 'A course', %s, %s, %s, %s, 'published') returning course_id",
        (code, hall.term_id, hall.lecturer_id, 1 if full else 10_000, 1 if full else 0),
    ).fetchall()
    return UUID(str(course_id))


def wishes(admin_url: str, hall: Hall, number: int, randomly: random.Random) -> list[Wanted]:
    """So many enrolments, each of somebody else or on another course; for some there is no seat."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        full = open_course(connection, hall, "FULL", full=True)
        courses = [
            open_course(connection, hall, f"COURSE-{each}", full=False)
            for each in range(-(-number // STUDENTS))
        ]
    wanted = [
        Wanted(
            *((full, student.student_id) if impossible else (course_id, student.student_id)),
            state=randomly.choice(["active", "invited"]),
            possible=not impossible,
        )
        for course_id in courses
        for student in hall.contenders
        for impossible in [randomly.random() < TO_A_FULL_COURSE]
    ]
    randomly.shuffle(wanted)
    return wanted[:number]


def test_both_or_neither_whoever_is_killed(
    mortal_server: Server, mail: MailServer, tmp_path: Path, full: bool, seed: int, say: Say
) -> None:
    size = FULL if full else CI
    randomly = random.Random(seed)  # noqa: S311 - nothing secret
    admin_url = mortal_server.admin_url(DATABASE)
    hall = found_hall(admin_url, STUDENTS)
    wanted = wishes(admin_url, hall, size.enrolments, randomly)
    with running_parts(mortal_server, DATABASE, mail, tmp_path) as (service, worker, url):
        campaign = Campaign(
            size,
            seed,
            Traffic(url, hall.lecturer_token, wanted, randomly),
            mail,
            service,
            worker,
            Postgres(mortal_server),
        )
        say(f"outbox: seed {seed}")
        hold(campaign, mortal_server, DATABASE)
    say(report(campaign))
    assert campaign.kills == size.kills
    assert len(campaign.traffic.told) == size.enrolments
    check(campaign, admin_url)
    assert campaign.backlog_seconds <= BACKLOG_SECONDS
    words = service.words() + worker.words()
    assert "school.example" not in words.replace("lms.school.example", "")


@pytest.mark.once
@pytest.mark.parametrize("way", ["enrol, then send", "send, then enrol", "enrol, then queue"])
def test_the_naive_way_loses_mails_or_invents_some(
    database: TestDatabase, mail: MailServer, full: bool, seed: int, say: Say, way: str
) -> None:
    """The control: the fact and the mail about it, one after the other."""
    randomly = random.Random(seed)  # noqa: S311 - nothing secret
    hall = found_hall(database.admin_url, 3_000)
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        course_id = open_course(connection, hall, "COURSE", full=False)
    kills, most = 0, 200 if full else 25
    rest = [str(each.student_id) for each in hall.contenders]
    lost = invented = set[str]()
    while rest and kills < most and (full or not lost | invented):
        told = _killed_midway(database.admin_url, mail, course_id, way, rest, randomly)
        kills += 1
        # Whoever was under way got no answer, and does not ask again.
        del rest[: told + 1]
        lost, invented = _lost_and_invented(database.admin_url, mail, queued=way == "enrol, then queue")
    say(f"{way}: {len(lost)} mails lost, {len(invented)} invented in {kills} kills, seed {seed}")
    assert lost or invented


def _killed_midway(
    admin_url: str, mail: MailServer, course_id: UUID, way: str, students: list[str], randomly: random.Random
) -> int:
    """How many were told that they are enrolled, before it was killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.naive", way, admin_url, str(mail.port), str(course_id)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n".join(students[:200]) + "\n")
        process.stdin.flush()
        process.stdout.readline()
        time.sleep(randomly.uniform(0, 0.05))
        process.kill()
        told = 1 + len(process.stdout.readlines())
        # With what it has not read yet, there is nobody to write to.
        process.stdin = None
        return told


def _lost_and_invented(admin_url: str, mail: MailServer, *, queued: bool) -> tuple[set[str], set[str]]:
    # What is still on its way to the mail server's own thread.
    time.sleep(0.2)
    with psycopg.connect(admin_url) as connection:
        stored = {
            str(each)
            for (each,) in connection.execute("select student_id from lms.student_enrollments").fetchall()
        }
        written = (
            {str(each) for (each,) in connection.execute("select user_id from lms.email_outbox").fetchall()}
            if queued
            else {each.recipient.partition("@")[0] for each in mail.received}
        )
    return stored - written, written - stored
