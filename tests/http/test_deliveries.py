"""Deliveries: each fact queues the mail that tells of it, or neither is there."""

from typing import Any

import httpx
import psycopg
import pytest

from tests.http.support import Client, one, refusal
from tests.support.school import PASSWORD, School, address_of

pytestmark = pytest.mark.usefixtures("restored")

STEPS = """
invited    active     welcome
invited    dropped    dropped
active     active     -
active     completed  -
active     dropped    dropped
completed  active     -
dropped    active     welcome
dropped    invited    invitation
"""
"""The state of an enrolment, the next one, and the mail about it."""

ON_COURSE = {
    "invited": "invited_student",
    "active": "student",
    "completed": "alumnus",
    "dropped": "dropped_student",
}


def queued(admin: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """The mails that wait, as far as the service decides what they are."""
    return admin.execute(
        "select delivery_id::text, kind, user_id, course_id from lms.email_outbox where state = 'queued'"
    ).fetchall()


@pytest.mark.parametrize(("state", "kind"), [("active", "welcome"), ("invited", "invitation")])
def test_enrolling_queues_one_mail_and_says_which(
    lecturer: Client, admin: psycopg.Connection[Any], school: School, course: str, state: str, kind: str
) -> None:
    newcomer = school.people["newcomer"]
    enrolled = lecturer.post(f"{course}/enrollments", {"student_id": str(newcomer), "state": state}).json()
    assert queued(admin) == [(enrolled["delivery_id"], kind, newcomer, school.own["course_id"])]


@pytest.mark.parametrize("step", STEPS.strip().splitlines())
def test_a_step_queues_the_mail_about_it(
    super_admin: Client, admin: psycopg.Connection[Any], school: School, course: str, step: str
) -> None:
    state, next_state, kind = step.split()
    student_id = school.people[ON_COURSE[state]]
    changed = super_admin.patch(f"{course}/enrollments/{student_id}", {"state": next_state}).json()
    told = [(changed["delivery_id"], kind, student_id, school.own["course_id"])] if kind != "-" else []
    assert queued(admin) == told
    assert changed["delivery_id"] is not None or kind == "-"


def test_the_latest_mail_stays_with_the_enrolment(lecturer: Client, school: School, course: str) -> None:
    address = f"{course}/enrollments/{school.own['student_id']}"
    dropped = lecturer.patch(address, {"state": "dropped"}).json()["delivery_id"]
    back = lecturer.patch(address, {"state": "active"}).json()["delivery_id"]
    assert dropped != back
    assert lecturer.patch(address, {"state": "completed"}).json()["delivery_id"] == back
    assert lecturer.get(address).json()["delivery_id"] == back


def test_whoever_is_refused_is_told_nothing(
    lecturer: Client, admin: psycopg.Connection[Any], school: School, course: str
) -> None:
    assert lecturer.patch(course, {"capacity": 4}).status_code == 200  # as many as are on it
    newcomer = {"student_id": str(school.people["newcomer"])}
    assert refusal(lecturer.post(f"{course}/enrollments", newcomer)) == (409, "courses_seats_ck", [])
    classmate = {"student_id": str(school.people["classmate"])}
    assert lecturer.post(f"{course}/enrollments", classmate).status_code == 409
    assert queued(admin) == []


@pytest.mark.parametrize("who", ["the owner", "an administrator"])
def test_a_new_password_is_told_to_its_owner(
    service: httpx.Client, super_admin: Client, admin: psycopg.Connection[Any], school: School, who: str
) -> None:
    student_id = school.own["student_id"]
    if who == "the owner":
        document = {"current_password": PASSWORD, "new_password": f"{PASSWORD}, again"}
        answer = service.post("/auth/password", json=document, headers=school.headers("student"))
    else:
        answer = super_admin.put(f"/users/{student_id}/password", {"new_password": PASSWORD})
    assert answer.status_code == 204
    ((_, kind, user_id, course_id),) = queued(admin)
    assert (kind, user_id, course_id) == ("password_set", student_id, None)


def test_a_delivery_is_shown_as_it_fares(
    lecturer: Client, admin: psycopg.Connection[Any], school: School, course: str
) -> None:
    student_id = str(school.people["newcomer"])
    delivery_id = lecturer.post(f"{course}/enrollments", {"student_id": student_id}).json()["delivery_id"]
    found = lecturer.get(f"/deliveries/{delivery_id}").json()
    assert found == {
        "id": delivery_id,
        "kind": "welcome",
        "user_id": student_id,
        "course_id": str(school.own["course_id"]),
        "state": "queued",
        "attempts": 0,
        "next_attempt_at": found["queued_at"],
        "queued_at": found["queued_at"],
        "settled_at": None,
    }
    admin.execute(
        "update lms.email_outbox set state = 'bounced', attempts = 1, settled_at = now(), reply = %s "
        "where delivery_id = %s",
        (f"550 no such user {address_of('newcomer')}", delivery_id),
    )
    answer = lecturer.get(f"/deliveries/{delivery_id}")
    later = answer.json()
    assert (later["state"], later["attempts"], later["next_attempt_at"]) == ("bounced", 1, None)
    assert later["settled_at"] is not None
    assert "no such user" not in answer.text


def test_the_mail_is_written_in_the_transaction_of_the_enrolment(
    lecturer: Client, admin: psycopg.Connection[Any], school: School, course: str
) -> None:
    student_id = str(school.people["newcomer"])
    delivery_id = lecturer.post(f"{course}/enrollments", {"student_id": student_id}).json()["delivery_id"]
    assert one(
        admin,
        "select mails.xmin = enrollments.xmin from lms.email_outbox as mails "
        "join lms.student_enrollments as enrollments using (delivery_id) where delivery_id = %s",
        (delivery_id,),
    )
