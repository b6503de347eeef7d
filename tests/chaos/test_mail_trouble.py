"""Mail trouble: a mail server that is down for long, and workers that die or stand still with a mail in hand.

pytest tests/chaos/test_mail_trouble.py --full      it is down for ten minutes; time-outs are those of production
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.chaos.outbox import running_parts
from tests.chaos.seats import KEEP_ALIVE, Hall, found_hall, open_race
from tests.conftest import TestDatabase
from tests.operations.relay import relay_settings, worker
from tests.support.mail import HANG, MailServer, Outbox, address_of, wait_until

Say = Callable[[str], None]

DRAINED_SECONDS = 60.0
"""After the mail server is back no mail may wait longer: the bar."""

CLAIM_SECONDS = 60.0
"""After a worker was killed its mail is sent by another: the bar."""

OTHERS_SECONDS = 5.5
"""While a worker stands still others wait no longer for anything: the bar."""

EACH_SECOND = 10
STUDENTS = 1_000


@pytest.fixture
def hall(database: TestDatabase) -> Hall:
    return found_hall(database.admin_url, STUDENTS)


def test_enrolling_goes_on_while_the_mail_server_is_down(
    database: TestDatabase, hall: Hall, mail: MailServer, tmp_path: Path, full: bool, seed: int, say: Say
) -> None:
    seconds = 600 if full else 10
    randomly = random.Random(seed)  # noqa: S311 - nothing secret
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        courses = [open_race(connection, hall, number).course_id for number in range(10)]
        connection.execute("update lms.courses set capacity = 100000")
        outbox = Outbox(connection, courses[0])
        pairs = [(course, student) for course in courses for student in hall.contenders]
        randomly.shuffle(pairs)

        async def enroll(url: str) -> list[int]:
            until, answers = time.monotonic() + seconds, []
            async with httpx.AsyncClient(base_url=url, timeout=60, limits=KEEP_ALIVE) as client:
                while time.monotonic() < until:
                    course_id, student = pairs.pop()
                    answer = await client.post(
                        f"/courses/{course_id}/enrollments",
                        json={"student_id": str(student.student_id)},
                        headers={"Authorization": f"Bearer {hall.lecturer_token}"},
                    )
                    answers.append(answer.status_code)
                    await asyncio.sleep(1 / EACH_SECOND)
            return answers

        with running_parts(database.server, database.name, mail, tmp_path) as (_, _, url):
            mail.stop()
            answers = asyncio.run(enroll(url))
            waiting = outbox.backlog()
            tried = connection.execute("select sum(attempts) from lms.email_outbox").fetchone()
            mail.start()
            since = time.monotonic()
            wait_until(lambda: outbox.backlog() == 0, DRAINED_SECONDS)
            drained = time.monotonic() - since
    say(
        f"no mail server for {seconds} s, seed {seed}: {len(answers)} enrolments, {waiting} mails waiting, "
        f"all sent {drained:.1f} s after it was back"
    )
    assert set(answers) == {201}
    assert waiting == len(answers) == len({each.message_id for each in mail.received})
    assert tried == (0,), "a server that is down costs no mail an attempt"


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=lambda each: each.name)
def test_a_mail_in_dead_hands_is_sent_by_others(
    database: TestDatabase,
    hall: Hall,
    mail: MailServer,
    tmp_path: Path,
    full: bool,
    fate: signal.Signals,
    say: Say,
) -> None:
    """Nobody else waits for it. Who stood still meanwhile cannot say any more how it went."""
    settings = relay_settings(database, mail, smtp_timeout=15 if full else 2)
    mail.to_data[address_of("held")] = [HANG]
    with psycopg.connect(database.admin_url, autocommit=True) as connection, ExitStack() as stack:
        outbox = Outbox(connection, open_race(connection, hall, 0).course_id)
        first = stack.enter_context(worker(tmp_path / "first", settings))
        held = outbox.queue("held")
        wait_until(lambda: address_of("held") in mail.reached)
        first.send_signal(fate)
        since = time.monotonic()
        mail.let_go()
        stack.enter_context(worker(tmp_path / "second", settings))
        asked = time.monotonic()
        assert outbox.settled(outbox.queue("another"), patience=OTHERS_SECONDS) == ("sent", 1)
        others = time.monotonic() - asked
        assert outbox.settled(held, patience=CLAIM_SECONDS) == ("sent", 2)
        claimed = time.monotonic() - since
        reply = outbox.reply(held)
        if fate is signal.SIGSTOP:
            first.send_signal(signal.SIGCONT)
            wait_until(lambda: "taken by somebody else" in (tmp_path / "first").read_text())
        assert (outbox.state(held), outbox.reply(held)) == (("sent", 2), reply)
    say(f"{fate.name}: another mail took {others:.1f} s, the one in hand {claimed:.1f} s")
    assert len({each.message_id for each in mail.received if each.recipient == address_of("held")}) == 1
