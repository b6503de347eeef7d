"""The worker against real mail servers and a real database: every way that a mail can fare.

What happens when it is killed is in tests/chaos.
"""

import signal
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from api.models.deliveries import ClaimedDelivery
from api.operations import worker as worker_module
from api.operations.mail import sender as sender_module
from api.operations.mail.messages import compose
from tests.conftest import TestDatabase
from tests.operations.relay import SENDER, relay_settings, relaying, worker
from tests.support.mail import (
    HANG,
    MailServer,
    Outbox,
    address_of,
    guarded,
    in_latin_1,
    mail_server,
    open_outbox,
    wait_until,
)
from tests.support.postgres import frozen


@pytest.fixture
def outbox(database: TestDatabase) -> Iterator[Outbox]:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        yield open_outbox(connection)


# What is sent


@pytest.mark.parametrize("kind", ["welcome", "invitation", "dropped", "password_set"])
def test_a_mail_is_sent_as_it_was_queued(
    database: TestDatabase, outbox: Outbox, mail: MailServer, kind: str
) -> None:
    delivery_id = outbox.queue("lena", kind, full_name="Lena Vogel")
    with relaying(relay_settings(database, mail)):
        assert outbox.settled(delivery_id) == ("sent", 1)
    (received,) = mail.received
    assert (received.sender, received.recipient) == ("lms@school.example", "lena@school.example")
    assert received.message["From"] == SENDER
    assert received.message["To"] == "Lena Vogel <lena@school.example>"
    assert received.message_id == f"<{delivery_id}@school.example>"
    row = outbox.connection.execute("select date_trunc('second', queued_at) from lms.email_outbox").fetchone()
    assert row == (received.message["Date"].datetime,)
    assert "OK" in str(outbox.reply(delivery_id))


def test_a_name_adds_no_header(database: TestDatabase, outbox: Outbox, mail: MailServer) -> None:
    for number, name in enumerate(
        ("Lena\r\nBcc: x@evil.example", "=?utf-8?q?L=0D=0ABcc:_x=40evil.example?=")
    ):
        outbox.queue(f"lena{number}", full_name=name)
    outbox.connection.execute(
        "update lms.courses set title = E'Engines\\r\\nBcc: x@evil.example\\r\\n\\r\\nHa'"
    )
    with relaying(relay_settings(database, mail)):
        mail.wait_for(2)
    for received in mail.received:
        head = received.raw.partition(b"\r\n\r\n")[0]
        assert b"\nBcc" not in head
        assert received.message["Bcc"] is None
        assert received.recipient.startswith("lena")


def test_an_address_beyond_ascii(database: TestDatabase, outbox: Outbox, mail: MailServer) -> None:
    delivery_id = outbox.queue(email="jürgen@xn--mnchen-3ya.example")
    with relaying(relay_settings(database, mail)):
        assert outbox.settled(delivery_id) == ("sent", 1)
    assert mail.received[0].recipient == "jürgen@xn--mnchen-3ya.example"


def test_an_address_beyond_ascii_that_the_server_does_not_know_how_to_reach(
    database: TestDatabase, outbox: Outbox
) -> None:
    with mail_server(enable_SMTPUTF8=False) as old:
        bounced, other = outbox.queue(email="jürgen@school.example"), outbox.queue()
        with relaying(relay_settings(database, old)):
            assert outbox.settled(bounced) == ("bounced", 1)
            assert outbox.settled(other) == ("sent", 1)


def test_the_link_of_an_invitation_opens_an_account_without_a_password(
    database: TestDatabase, outbox: Outbox, mail: MailServer
) -> None:
    outbox.queue("new", "invitation")
    outbox.queue("old", "invitation", password_hash="$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g")
    with relaying(relay_settings(database, mail, invitation_days=3)):
        texts = {each.recipient: each.message.get_body(("plain",)).get_content() for each in mail.wait_for(2)}  # type: ignore[union-attr]
    assert "/invitation" not in texts[address_of("old")]
    link = next(line for line in texts[address_of("new")].splitlines() if "/invitation" in line)
    address, _, token = link.partition("#")
    assert address == "https://lms.school.example/invitation"
    assert len(token) == 43
    assert outbox.connection.execute(
        "select email, token_hash, expires_at - tokens.created_at = interval '3 days' "
        "from lms.account_tokens as tokens join lms.users using (user_id)"
    ).fetchall() == [(address_of("new"), sha256(token.encode()).digest(), True)]


def test_without_a_mail_server_a_mail_is_a_file(
    database: TestDatabase, outbox: Outbox, mail: MailServer, tmp_path: Path
) -> None:
    settings = relay_settings(
        database, mail, smtp_host=None, mail_from=None, public_url=None, data_dir=tmp_path / "data"
    )
    delivery_id = outbox.queue()
    path = tmp_path / "data" / "mail" / f"{delivery_id}.eml"
    with relaying(settings):
        assert outbox.settled(delivery_id) == ("sent", 1)
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        message = message_from_bytes(path.read_bytes(), policy=default)
        assert message["Message-ID"] == f"<{delivery_id}@lms.example>"
        # Sent again, it takes the place of the first.
        outbox.connection.execute("update lms.users set full_name = 'Another' where role = 'student'")
        outbox.connection.execute("update lms.email_outbox set state = 'queued', settled_at = null")
        outbox.hurry()
        assert outbox.settled(delivery_id) == ("sent", 2)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert "Another" in path.read_text()
    assert mail.received == []


# What the mail server says


def test_refused_for_good_it_bounces_at_once(
    database: TestDatabase, outbox: Outbox, mail: MailServer
) -> None:
    mail.to_recipient[address_of("unknown")] = ["550 5.1.1 Nobody of that name"] * 9
    mail.to_data[address_of("unloved")] = ["554 5.7.1 Not that"] * 9
    unknown, unloved, other = (outbox.queue(name) for name in ("unknown", "unloved", "other"))
    with relaying(relay_settings(database, mail)):
        assert outbox.settled(unknown) == ("bounced", 1)
        assert outbox.settled(unloved) == ("bounced", 1)
        assert outbox.settled(other) == ("sent", 1)
    assert outbox.reply(unknown) == "550 5.1.1 Nobody of that name"
    assert outbox.reply(unloved) == "554 5.7.1 Not that"


def test_refused_for_now_it_is_tried_again(database: TestDatabase, outbox: Outbox, mail: MailServer) -> None:
    mail.to_recipient[address_of("grey")] = ["451 4.7.1 Come back later"]
    mail.to_data[address_of("full")] = ["452 4.3.1 No space"]
    grey, full = outbox.queue("grey"), outbox.queue("full")
    with relaying(relay_settings(database, mail)):
        assert outbox.settled(grey) == ("sent", 2)
        assert outbox.settled(full) == ("sent", 2)
    assert len(mail.received) == 2


def test_refused_for_now_twelve_times_it_is_given_up(
    database: TestDatabase, outbox: Outbox, mail: MailServer
) -> None:
    mail.to_recipient[address_of("grey")] = ["451 4.7.1 Come back later"] * 20
    grey = outbox.queue("grey")
    with relaying(relay_settings(database, mail, mail_retry_seconds=3_600)):
        for attempts in range(1, 12):
            outbox.attempted(grey, attempts)
            assert outbox.state(grey) == ("queued", attempts)
            outbox.hurry()
        assert outbox.settled(grey) == ("given_up", 12)
    assert outbox.reply(grey) == "451 4.7.1 Come back later"
    assert len(mail.reached) == 12


def test_words_that_are_no_utf_8_change_nothing(
    database: TestDatabase, outbox: Outbox, mail: MailServer
) -> None:
    mail.to_data[address_of("taken")] = [in_latin_1("250 Übernommen")]
    mail.to_data[address_of("unknown")] = [in_latin_1("550 Empfänger unbekannt")]
    mail.to_recipient[address_of("full")] = [in_latin_1("450 Postfach für heute voll")]
    taken, unknown, full = (outbox.queue(name) for name in ("taken", "unknown", "full"))
    with relaying(relay_settings(database, mail, mail_retry_seconds=3_600)):
        assert outbox.settled(taken) == ("sent", 1)
        assert outbox.settled(unknown) == ("bounced", 1)
        outbox.attempted(full, 1)
    assert outbox.reply(taken) == "\N{REPLACEMENT CHARACTER}bernommen"
    assert outbox.reply(unknown) == "550 Empf\N{REPLACEMENT CHARACTER}nger unbekannt"
    assert outbox.reply(full) == "450 Postfach f\N{REPLACEMENT CHARACTER}r heute voll"


@pytest.mark.once
def test_a_sender_that_is_not_welcome_is_no_fault_of_the_mail(
    database: TestDatabase, outbox: Outbox, mail: MailServer
) -> None:
    mail.to_sender = ["550 5.7.1 Not from here", "421 4.3.2 Closing"]
    delivery_id = outbox.queue()
    with relaying(relay_settings(database, mail)):
        assert outbox.settled(delivery_id) == ("sent", 3)


def test_a_connection_that_the_server_dropped_costs_no_attempt(
    database: TestDatabase, outbox: Outbox
) -> None:
    with mail_server() as mail, relaying(relay_settings(database, mail)):
        for name in ("first", "second", "third"):
            assert outbox.settled(outbox.queue(name)) == ("sent", 1)
            # Drops every connection, and is there again.
            mail.stop()
            mail.start()


def test_connections_with_nothing_to_do_are_ended(
    database: TestDatabase, outbox: Outbox, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_module, "IDLE_SECONDS", 0.2)
    with relaying(relay_settings(database, mail)):
        outbox.settled(outbox.queue("first"))
        # In order, and not just dropped.
        wait_until(lambda: mail.goodbyes > 0 and mail.connected() == 0)
        assert outbox.settled(outbox.queue("second")) == ("sent", 1)


@contextmanager
def certificate(folder: Path) -> Iterator[tuple[ssl.SSLContext, Path]]:
    """A server's certificate for this machine, and the file that says to trust it."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    yield context, cert


def test_over_tls_with_a_login(
    database: TestDatabase, outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        certificate(tmp_path) as (context, trusted),
        mail_server(**guarded(context, "lms", "secret")) as mail,
    ):
        delivery_id = outbox.queue()

        def login(password: str) -> Any:
            return relay_settings(
                database, mail, smtp_tls="starttls", smtp_user="lms", smtp_password=SecretStr(password)
            )

        # Whom we do not trust gets nothing, and neither do we with a wrong password; the mail waits.
        with relaying(login("secret")):
            wait_until(lambda: mail.sessions >= 3)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        sessions = mail.sessions
        with relaying(login("wrong")):
            wait_until(lambda: mail.sessions >= sessions + 3)
        assert outbox.state(delivery_id) == ("queued", 0)
        with relaying(login("secret")):
            assert outbox.settled(delivery_id) == ("sent", 1)


# Who is waited for


@pytest.mark.once
def test_a_server_that_is_down_costs_no_attempt_and_is_found_again(
    database: TestDatabase, outbox: Outbox, mail: MailServer
) -> None:
    mail.stop()
    outbox.queue_many(300)
    with relaying(relay_settings(database, mail)):
        time.sleep(2)
        assert outbox.connection.execute("select sum(attempts) from lms.email_outbox").fetchone() == (0,)
        mail.start()
        wait_until(lambda: outbox.backlog() == 0)
    assert sorted(each.recipient for each in mail.received) == sorted(
        address_of(f"student{n}") for n in range(1, 301)
    )


@pytest.mark.once
@pytest.mark.parametrize("stage", ["recipient", "data"])
def test_a_mail_that_hangs_delays_the_others_by_a_second_at_most(
    database: TestDatabase, outbox: Outbox, mail: MailServer, stage: str
) -> None:
    (mail.to_recipient if stage == "recipient" else mail.to_data)[address_of("poison")] = [HANG]
    with relaying(relay_settings(database, mail, mail_retry_seconds=3_600)):
        poison = outbox.queue("poison")
        wait_until(lambda: address_of("poison") in mail.reached)
        for number in range(20):
            name = f"student{number}"
            outbox.queue(name)
            mail.wait_for(number + 1, patience=1)
        outbox.attempted(poison, 1)
    assert outbox.reply(poison) == "Not sent within 5 s"
    assert outbox.state(poison)[0] == "queued"


def test_a_mail_that_cannot_be_written_delays_no_other(
    database: TestDatabase,
    outbox: Outbox,
    mail: MailServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(delivery: ClaimedDelivery, *rest: Any, **more: Any) -> Any:
        if delivery.email == address_of("poison"):
            raise KeyError(delivery.email)
        return compose(delivery, *rest, **more)

    monkeypatch.setattr(sender_module, "compose", fail)
    with relaying(relay_settings(database, mail, mail_retry_seconds=3_600)):
        poison, other = outbox.queue("poison"), outbox.queue("other")
        assert outbox.settled(other, patience=2) == ("sent", 1)
        outbox.attempted(poison, 1)
    assert outbox.reply(poison) == "It cannot be sent: KeyError"
    assert "KeyError" in caplog.text
    assert "school.example" not in caplog.text


def test_a_new_mail_is_told_of(
    database: TestDatabase, outbox: Outbox, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with nobody to tell of it, it lies there until somebody looks, which is never here."""
    monkeypatch.setattr(worker_module, "POLL_SECONDS", 3600.0)
    with relaying(relay_settings(database, mail)):
        outbox.settled(outbox.queue("first"))
        outbox.connection.execute("alter table lms.email_outbox disable trigger email_outbox_notify")
        for number in range(5):
            unheard = outbox.queue(f"unheard-{number}")
            time.sleep(2)
            if outbox.state(unheard) == ("queued", 0):
                break
            # The worker looked once more after the last mail, as it does after each.
        assert outbox.state(unheard) == ("queued", 0)
        outbox.connection.execute("alter table lms.email_outbox enable trigger email_outbox_notify")
        outbox.queue("third")
        assert outbox.settled(unheard) == ("sent", 1)


def test_a_mail_that_nobody_told_of_is_found(
    database: TestDatabase, outbox: Outbox, mail: MailServer
) -> None:
    outbox.connection.execute("alter table lms.email_outbox disable trigger email_outbox_notify")
    with relaying(relay_settings(database, mail)):
        assert outbox.settled(outbox.queue()) == ("sent", 1)


def test_who_listens_no_more_listens_again(
    database: TestDatabase, outbox: Outbox, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "POLL_SECONDS", 3600.0)
    with relaying(relay_settings(database, mail)):
        outbox.settled(outbox.queue("first"))
        outbox.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'lms_worker' "
            "and datname = current_database()"
        )
        assert outbox.settled(outbox.queue("second")) == ("sent", 1)


def test_changed_scores_let_others_go_first_and_do_not_wait_for_ever(
    database: TestDatabase, outbox: Outbox, mail: MailServer
) -> None:
    outbox.queue_scores(100)
    outbox.queue_many(20)
    with relaying(relay_settings(database, mail)):
        mail.wait_for(120)
    about_scores = [each.recipient == address_of("graded") for each in mail.received]
    assert True in about_scores[:10]
    assert False not in about_scores[60:]


# Side by side, and to the end


def test_two_workers_send_no_mail_twice(
    database: TestDatabase, outbox: Outbox, mail: MailServer, tmp_path: Path
) -> None:
    settings = relay_settings(database, mail)
    with worker(tmp_path / "first", settings), worker(tmp_path / "second", settings):
        outbox.queue_many(500)
        wait_until(lambda: outbox.backlog() == 0)
    assert len(mail.received) == 500
    assert len({each.message_id for each in mail.received}) == 500


def test_told_to_stop_a_worker_finishes_its_mail(
    database: TestDatabase, outbox: Outbox, mail: MailServer, tmp_path: Path
) -> None:
    mail.to_data[address_of("slow")] = [HANG]
    slow = outbox.queue("slow")
    with worker(tmp_path / "worker", relay_settings(database, mail, smtp_timeout=20)) as process:
        wait_until(lambda: address_of("slow") in mail.reached)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None
        later = outbox.queue("later")
        mail.let_go()
        assert process.wait(20) == 0
    assert outbox.state(slow) == ("sent", 1)
    assert outbox.state(later) == ("queued", 0)
    words = (tmp_path / "worker").read_text()
    assert "Traceback" not in words
    assert "slow@" not in words


@pytest.mark.once
def test_told_to_stop_a_worker_does_not_wait_for_a_frozen_database(
    database: TestDatabase, outbox: Outbox, mail: MailServer, tmp_path: Path
) -> None:
    settings = relay_settings(database, mail, smtp_timeout=1)
    outbox.queue_many(100)
    with worker(tmp_path / "first", settings) as process:
        mail.wait_for(10)
        with frozen(database.server):
            process.send_signal(signal.SIGTERM)
            assert process.wait(1 + 10) == 0
    words = (tmp_path / "first").read_text()
    assert words.endswith("Stopped.\n")
    assert "Traceback" not in words
    assert outbox.backlog() > 0
    # What was in hand is due again by now, since its lease has ended.
    with worker(tmp_path / "second", settings):
        wait_until(lambda: outbox.backlog() == 0)
    assert len({each.message_id for each in mail.received}) == 100


def test_a_disk_that_is_full_is_waited_for(
    database: TestDatabase, outbox: Outbox, mail: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    outbox.connection.execute("""
        create function refuse() returns trigger language plpgsql as $$
        begin
            raise exception 'could not extend file' using errcode = 'disk_full';
        end $$;
        create trigger full_disk before update on lms.email_outbox for each row execute function refuse()
    """)
    delivery_id = outbox.queue()
    with relaying(relay_settings(database, mail)):
        wait_until(lambda: "no mail can be taken for now: DiskFullError" in caplog.text)
        outbox.connection.execute("drop trigger full_disk on lms.email_outbox")
        assert outbox.settled(delivery_id) == ("sent", 1)


def test_upkeep_forgets_old_mails_batch_by_batch(
    database: TestDatabase, outbox: Outbox, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "OLD_BATCH", 2)
    outbox.queue_many(5)
    recent = outbox.queue("recent")
    outbox.connection.execute(
        "update lms.email_outbox set state = 'sent', settled_at = now() - "
        "case when delivery_id = %s then interval '89 days' else interval '91 days' end",
        (recent,),
    )
    outbox.connection.execute("""
        create function refuse_many() returns trigger language plpgsql as $$
        begin
            if (select count(*) from gone) > 2 then
                raise exception 'too many';
            end if;
            return null;
        end $$;
        create trigger few after delete on lms.email_outbox
        referencing old table as gone for each statement execute function refuse_many()
    """)
    left = "select delivery_id from lms.email_outbox"
    with relaying(relay_settings(database, mail)):
        wait_until(lambda: outbox.connection.execute(left).fetchall() == [(recent,)])
