"""Enrolling as one would without an outbox in the same statement: the controls of the outbox campaign.

    python -m tests.chaos.naive WAY ADMIN_URL SMTP_PORT COURSE_ID < student ids

Each line that it prints is a student who was told to be enrolled.
"""

import smtplib
import sys
from email.message import EmailMessage
from typing import Any

import psycopg

ENROL = "insert into lms.student_enrollments (course_id, student_id, state) values (%s, %s, 'active')"
QUEUE = "insert into lms.email_outbox (kind, user_id, course_id) values ('welcome', %s, %s)"


def send(server: smtplib.SMTP, student_id: str) -> None:
    message = EmailMessage()
    message["Message-ID"] = f"<{student_id}@school.example>"
    message["From"] = "lms@school.example"
    message["To"] = f"{student_id}@school.example"
    message.set_content("You are on a course.")
    server.send_message(message)


def main(way: str, admin_url: str, port: str, course_id: str) -> None:
    connection: psycopg.Connection[Any] = psycopg.connect(admin_url, autocommit=True)
    server = smtplib.SMTP("127.0.0.1", int(port))
    for line in sys.stdin:
        student_id = line.strip()
        match way:
            case "enrol, then send":
                connection.execute(ENROL, (course_id, student_id))
                send(server, student_id)
            case "send, then enrol":
                send(server, student_id)
                connection.execute(ENROL, (course_id, student_id))
            case "enrol, then queue":
                connection.execute(ENROL, (course_id, student_id))
                connection.execute(QUEUE, (student_id, course_id))
        sys.stdout.write(f"{student_id}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
