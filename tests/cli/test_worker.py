"""`lms worker` and `lms mail`, as whoever looks after them sees them."""

import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.cli.support import lms, refusal, starting, wait_until
from tests.conftest import TestDatabase
from tests.operations.relay import environment_of, relay_settings, worker
from tests.support.mail import MailServer, Outbox, address_of, open_outbox
from tests.support.postgres import free_port

NOWHERE = "postgresql://lms_worker:canary@127.0.0.1:{port}/lms?sslmode=disable"


@pytest.fixture
def outbox(database: TestDatabase) -> Iterator[Outbox]:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        yield open_outbox(connection)


def worker_url(database: TestDatabase, role: str = "lms_worker") -> str:
    return database.server.url(database.name, role)


@pytest.mark.parametrize(
    ("role", "said"),
    [
        (
            "postgres",
            "The worker will not run as postgres, which is a superuser: let LMS_WORKER_URL name lms_worker",
        ),
        ("lms_migrate", "The worker will not run as lms_migrate, which owns the schema"),
        ("lms_api", "let LMS_WORKER_URL name lms_worker"),
    ],
)
def test_it_runs_as_nobody_who_could_do_more(database: TestDatabase, role: str, said: str) -> None:
    assert said in refusal("worker", LMS_WORKER_URL=worker_url(database, role))


def test_what_is_missing_is_one_sentence(database: TestDatabase, empty_database: str) -> None:
    url = worker_url(database)
    assert refusal("worker").startswith("Set LMS_WORKER_URL")
    said = refusal("worker", LMS_WORKER_URL=url, LMS_SMTP_HOST="127.0.0.1")
    assert said.startswith("With LMS_SMTP_HOST, set LMS_MAIL_FROM and LMS_PUBLIC_URL too")
    said = refusal("worker", LMS_WORKER_URL=url, LMS_MAIL_FROM="nobody")
    assert said == "LMS_MAIL_FROM: give one address, such as LMS <lms@school.example>."
    said = refusal("worker", LMS_WORKER_URL=url, LMS_PUBLIC_URL="lms.school.example")
    assert said == "LMS_PUBLIC_URL: give an address such as https://lms.school.example."
    not_migrated = empty_database.replace("postgres@", "lms_worker@")
    assert "run `lms migrate` first" in refusal("worker", LMS_WORKER_URL=not_migrated)
    assert "check LMS_WORKER_URL" in refusal("worker", LMS_WORKER_URL=f"{url}&sslmode=sometimes")
    absent = url.replace(database.name, "lms_there_is_none")
    assert "check LMS_WORKER_URL" in refusal("worker", LMS_WORKER_URL=absent)


@pytest.mark.once
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_waits_for_a_database_that_is_away_and_can_be_told_to_stop(
    tmp_path: Path, number: signal.Signals
) -> None:
    output = tmp_path / "output"
    with starting(output, "worker", LMS_WORKER_URL=NOWHERE.format(port=free_port())) as process:
        wait_until(lambda: "Retrying" in output.read_text() or process.poll() is not None)
        process.send_signal(number)
        assert process.wait(10) == 0, output.read_text()
    assert "canary" not in output.read_text()
    assert "Traceback" not in output.read_text()


def test_it_waits_for_a_database_that_is_read_only_in_a_failover(
    database: TestDatabase, outbox: Outbox, mail: MailServer, tmp_path: Path
) -> None:
    read_only = sql.SQL("alter database {} set default_transaction_read_only = {}")
    name = sql.Identifier(database.name)
    outbox.connection.execute(read_only.format(name, "on"))
    with starting(tmp_path / "output", "worker", **environment_of(relay_settings(database, mail))) as process:
        await_refusal(process, tmp_path / "output", "ReadOnlySQLTransactionError")
        outbox.connection.execute("set default_transaction_read_only = off")
        outbox.connection.execute(read_only.format(name, "off"))
        assert outbox.settled(outbox.queue()) == ("sent", 1)


def test_it_waits_for_a_migration_that_holds_the_outbox(
    database: TestDatabase, outbox: Outbox, mail: MailServer, tmp_path: Path
) -> None:
    outbox.connection.execute(
        sql.SQL("alter role lms_worker in database {} set lock_timeout = '100ms'").format(
            sql.Identifier(database.name)
        )
    )
    with (
        psycopg.connect(database.admin_url) as migration,
        starting(tmp_path / "output", "worker", **environment_of(relay_settings(database, mail))) as process,
    ):
        migration.execute("lock table lms.email_outbox in access exclusive mode")
        await_refusal(process, tmp_path / "output", "LockNotAvailableError")
        migration.rollback()
        assert outbox.settled(outbox.queue()) == ("sent", 1)


def await_refusal(process: Popen[bytes], output: Path, error: str) -> None:
    """Return once it was refused by the database, and waits."""
    wait_until(lambda: error in output.read_text() or process.poll() is not None)
    assert process.poll() is None, output.read_text()


def test_what_waiting_does_not_mend_ends_it_with_one_sentence(
    database: TestDatabase, mail: MailServer, outbox: Outbox, tmp_path: Path
) -> None:
    with worker(tmp_path / "output", relay_settings(database, mail)) as process:
        outbox.settled(outbox.queue("first"))
        outbox.connection.execute("revoke update on lms.email_outbox from lms_worker")
        outbox.queue("second")
        assert process.wait(10) == 1
    words = (tmp_path / "output").read_text()
    assert "Traceback" not in words
    assert words.splitlines()[-1] == (
        "Error: PostgreSQL refused (permission denied for table email_outbox): let LMS_WORKER_URL name lms_worker "
        "(`lms roles` gives it a login)."
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(
    database: TestDatabase, mail: MailServer, outbox: Outbox, tmp_path: Path, number: signal.Signals
) -> None:
    with worker(tmp_path / "output", relay_settings(database, mail)) as process:
        outbox.settled(outbox.queue())
        process.send_signal(number)
        assert process.wait(10) == 0
    assert (tmp_path / "output").read_text().endswith("Stopped.\n")


def test_without_a_mail_server_it_says_where_mail_goes(
    database: TestDatabase, outbox: Outbox, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    data = tmp_path / "data"
    with starting(output, "worker", LMS_WORKER_URL=worker_url(database), LMS_DATA_DIR=str(data)) as process:
        delivery_id = outbox.queue()
        assert outbox.settled(delivery_id) == ("sent", 1)
        assert (
            f"Mail goes to the folder {data / 'mail'}, since LMS_SMTP_HOST is not set." in output.read_text()
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert stat.S_IMODE((data / "mail" / f"{delivery_id}.eml").stat().st_mode) == 0o600


def test_nothing_private_is_logged(
    database: TestDatabase, mail: MailServer, outbox: Outbox, tmp_path: Path
) -> None:
    mail.to_recipient[address_of("gone")] = ["550 5.1.1 <gone@school.example>: nobody of that name"]
    mail.to_recipient[address_of("grey")] = ["451 4.7.1 <grey@school.example>: come back later"]
    with worker(tmp_path / "output", relay_settings(database, mail)):
        for delivery_id in [outbox.queue("gone"), outbox.queue("grey"), outbox.queue("new", "invitation")]:
            outbox.settled(delivery_id)
    words = (tmp_path / "output").read_text()
    assert "was refused for good" in words
    assert "was not sent" in words
    assert "@school.example" not in words
    (new,) = (each.message for each in mail.received if each.recipient == address_of("new"))
    text = new.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    token = text.partition("/invitation#")[2].split()[0]
    assert len(token) == 43
    assert token not in words


def test_dead_mails_are_listed_and_tried_again(
    database: TestDatabase, mail: MailServer, outbox: Outbox, tmp_path: Path
) -> None:
    owner = {"LMS_MIGRATION_URL": database.admin_url}
    mail.to_recipient[address_of("gone")] = ["550 5.1.1 Nobody of that name", "550 5.1.1 Still nobody"]
    gone, sent = outbox.queue("gone"), outbox.queue("sent")
    with worker(tmp_path / "output", relay_settings(database, mail)):
        for delivery_id in (gone, sent):
            outbox.settled(delivery_id)
        listed = lms("mail", "list", **owner)
        assert listed.returncode == 0, listed
        assert [line.split()[0] for line in listed.stdout.splitlines()] == ["id", str(sent), str(gone)]
        (line,) = lms("mail", "list", "--state", "bounced", **owner).stdout.splitlines()[1:]
        assert line.split()[:5] == [str(gone), "welcome", address_of("gone"), "bounced", "1"]
        assert line.endswith("550 5.1.1 Nobody of that name")
        assert len(lms("mail", "list", "--limit", "1", **owner).stdout.splitlines()) == 2

        assert lms("mail", "retry", gone, **owner).stdout == "Queued again: 1.\n"
        wait_until(lambda: outbox.reply(gone) == "550 5.1.1 Still nobody")
        assert outbox.state(gone) == ("bounced", 1)
        assert lms("mail", "retry", "--all-dead", **owner).stdout == "Queued again: 1.\n"
        assert outbox.settled(gone) == ("sent", 1)
    assert lms("mail", "retry", "--all-dead", **owner).stdout == "Queued again: 0.\n"


def test_what_is_not_dead_is_not_tried_again(database: TestDatabase, outbox: Outbox) -> None:
    owner = {"LMS_MIGRATION_URL": database.admin_url}
    queued, dead, unknown = outbox.queue("queued"), outbox.queue("dead"), uuid4()
    outbox.connection.execute(
        "update lms.email_outbox set state = 'given_up', attempts = 12, settled_at = now() where delivery_id = %s",
        (dead,),
    )
    said = refusal("mail", "retry", queued, dead, unknown, **owner)
    assert said.startswith(f"Neither bounced nor given up: {queued}, {unknown}.")
    assert outbox.state(dead) == ("queued", 0)
    assert lms("mail", "retry", **owner).returncode == 2
    assert lms("mail", "retry", dead, "--all-dead", **owner).returncode == 2


def test_mails_are_looked_after_by_the_migrations_login(database: TestDatabase, outbox: Outbox) -> None:
    """As `lms roles` gives it, which owns nothing itself."""
    owner = {"LMS_MIGRATION_URL": worker_url(database, "lms_migrate")}
    queued = outbox.queue()
    assert str(queued) in lms("mail", "list", **owner).stdout
    outbox.connection.execute("update lms.email_outbox set state = 'bounced', settled_at = now()")
    assert lms("mail", "retry", "--all-dead", **owner).stdout == "Queued again: 1.\n"


def test_a_restarted_database_is_found_again(
    database: TestDatabase, mail: MailServer, outbox: Outbox, tmp_path: Path
) -> None:
    with worker(tmp_path / "output", relay_settings(database, mail)) as process:
        for number in range(3):
            outbox.connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lms_worker'"
            )
            assert outbox.settled(outbox.queue(f"student{number}")) == ("sent", 1)
            time.sleep(0.1)
        assert process.poll() is None
