"""Enrolments: from which state to which, by whom; the seats they take; and what a student sees in each state."""

from collections import Counter
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.http.support import Client, at_once, one, refusal
from tests.http.tables import Tables
from tests.support.school import School, address_of, name_of

pytestmark = pytest.mark.usefixtures("restored")

STATES = ("invited", "active", "completed", "dropped")

# from the state on the left to that above: for the student too, for whoever teaches alone, or for nobody
STEPS = """
           invited  active   completed  dropped
invited    student  student  -          student
active     -        student  teacher    student
completed  -        teacher  student    -
dropped    teacher  teacher  -          student
"""


def read_steps() -> dict[tuple[str, str], str]:
    header, *lines = STEPS.strip().splitlines()
    return {
        (state, following): who
        for line in lines
        for state, *cells in [line.split()]
        for following, who in zip(header.split(), cells, strict=True)
    }


STEP = read_steps()


@pytest.fixture
def student(service: httpx.Client, school: School) -> Client:
    return Client(service, school, "student")


@pytest.fixture
def enrollment(course: str, school: School) -> str:
    """The address of student's enrolment on lecturer's course."""
    return f"{course}/enrollments/{school.own['student_id']}"


def put_in_state(
    admin: psycopg.Connection[Any], course_id: UUID, student_id: UUID, state: str, capacity: int = 30
) -> None:
    """As if the student were in this state since long."""
    admin.execute(
        "update lms.student_enrollments set state = %s where course_id = %s and student_id = %s",
        (state, course_id, student_id),
    )
    admin.execute(
        "update lms.courses set capacity = %s, seats_taken = ("
        "select count(*) from lms.student_enrollments as e "
        "where e.course_id = courses.course_id and lms.holds_seat(e.state)) where course_id = %s",
        (capacity, course_id),
    )


def seats(admin: psycopg.Connection[Any], course_id: UUID) -> tuple[int, int]:
    """As counted in the course, and as counted by those who take one."""
    return (
        one(admin, "select seats_taken from lms.courses where course_id = %s", (course_id,)),
        one(
            admin,
            "select count(*) from lms.student_enrollments where course_id = %s and state <> 'dropped'",
            (course_id,),
        ),
    )


def test_the_table_of_steps_is_whole() -> None:
    assert set(STEP) == set(product(STATES, STATES))
    assert set(STEP.values()) == {"student", "teacher", "-"}


@pytest.mark.parametrize("who", ["student", "lecturer", "super_admin"])
@pytest.mark.parametrize(("state", "following"), STEP)
def test_a_step_is_for_whom_the_table_says(
    service: httpx.Client,
    school: School,
    admin: psycopg.Connection[Any],
    tables: Tables,
    enrollment: str,
    *,
    state: str,
    following: str,
    who: str,
) -> None:
    course_id, student_id = school.own["course_id"], school.own["student_id"]
    put_in_state(admin, course_id, student_id, state)
    before = tables.rows()
    answer = Client(service, school, who).patch(enrollment, {"state": following}, '"1"')
    allowed = STEP[state, following]
    if allowed == "student" or (allowed == "teacher" and who != "student"):
        assert (answer.status_code, answer.json()["state"], answer.json()["version"]) == (200, following, 2)
        assert Client(service, school, who).get(enrollment).content == answer.content
    else:
        rule = "own" if allowed == "teacher" else "step"
        assert refusal(answer) == (409, f"student_enrollments_state_{rule}", ["/state"])
        assert tables.rows() == before
    counted, taken = seats(admin, course_id)
    assert counted == taken


@pytest.mark.parametrize("following", STATES)
def test_a_full_course_takes_nobody_back_but_lets_its_own_people_step(
    lecturer: Client, school: School, admin: psycopg.Connection[Any], enrollment: str, following: str
) -> None:
    """With as many seats as are taken, a step needs a free one if it comes from `dropped`."""
    course_id, student_id = school.own["course_id"], school.own["student_id"]
    for state in STATES:
        put_in_state(admin, course_id, student_id, state, capacity=4 if state != "dropped" else 3)
        answer = lecturer.patch(enrollment, {"state": following})
        if state == "dropped" and following in ("active", "invited"):
            assert refusal(answer) == (409, "courses_seats_ck", [])
        else:
            assert (answer.status_code == 200) == (STEP[state, following] != "-")
        counted, taken = seats(admin, course_id)
        assert counted == taken


def test_an_enrolment_is_shown_as_it_is(lecturer: Client, course: str, school: School) -> None:
    student_id = str(school.people["newcomer"])
    answer = lecturer.post(f"{course}/enrollments", {"student_id": student_id})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{course}/enrollments/{student_id}"
    found = answer.json()
    assert found == {
        "course": {
            "id": str(school.own["course_id"]),
            "code": "COURSE-LECTURER",
            "title": "Taught by lecturer",
            "state": "published",
        },
        "student": {
            "id": student_id,
            "email": address_of("newcomer"),
            "full_name": name_of("newcomer"),
        },
        "state": "active",
        "delivery_id": found["delivery_id"],
        "version": 1,
        "enrolled_at": found["enrolled_at"],
        "updated_at": found["enrolled_at"],
    }
    read = lecturer.get(answer.headers["location"])
    assert (read.content, read.headers["etag"]) == (answer.content, answer.headers["etag"])


def test_a_student_is_found_by_any_spelling_of_their_address(lecturer: Client, course: str) -> None:
    answer = lecturer.post(
        f"{course}/enrollments", {"email": " NewComer@SCHOOL.example ", "state": "invited"}
    )
    assert answer.status_code == 201
    assert (answer.json()["student"]["email"], answer.json()["state"]) == (address_of("newcomer"), "invited")


@pytest.mark.parametrize(("state", "taken"), [("active", 5), ("invited", 5)])
def test_an_invitation_takes_a_seat_as_well(
    lecturer: Client, course: str, school: School, state: str, taken: int
) -> None:
    document = {"student_id": str(school.people["newcomer"]), "state": state}
    assert lecturer.get(course).json()["seats_taken"] == 4
    assert lecturer.post(f"{course}/enrollments", document).status_code == 201
    assert lecturer.get(course).json()["seats_taken"] == taken


def test_a_course_in_preparation_takes_students_and_a_closed_one_does_not(
    lecturer: Client, course: str, school: School, admin: psycopg.Connection[Any]
) -> None:
    document = {"student_id": str(school.people["newcomer"])}
    draft = f"/courses/{school.own['draft_course_id']}/enrollments"
    assert lecturer.post(draft, document).status_code == 201
    lecturer.patch(course, {"state": "closed"})
    refused = lecturer.post(f"{course}/enrollments", document)
    assert refusal(refused) == (409, "courses_state_open", [])
    counted, taken = seats(admin, school.own["course_id"])
    assert counted == taken == 4


# A draft is seen by nobody on it, and otherwise a course by those who are on it or finished it.
SEEN = {
    (state, course_state): state in ("active", "completed") and course_state in ("published", "closed")
    for state, course_state in product(STATES, ("draft", "published", "closed"))
}


@pytest.mark.parametrize(("state", "course_state"), SEEN)
def test_a_student_sees_a_course_in_these_states(
    student: Client,
    course: str,
    school: School,
    admin: psycopg.Connection[Any],
    *,
    state: str,
    course_state: str,
) -> None:
    own = school.own
    put_in_state(admin, own["course_id"], own["student_id"], state)
    admin.execute("update lms.courses set state = %s where course_id = %s", (course_state, own["course_id"]))
    seen = SEEN[state, course_state]
    for address in (
        course,
        f"{course}/syllabus",
        f"{course}/materials",
        f"{course}/materials?week_number=1",
        f"/materials/{own['material_id']}",
    ):
        assert student.get(address).status_code == (200 if seen else 404), address
    for address in (
        "/courses",
        f"/courses?term_id={own['term_id']}",
        f"/courses?lecturer_id={own['lecturer_id']}",
    ):
        found = [item["id"] for item in student.get(address).json()["items"]]
        assert found == ([str(own["course_id"])] if seen else []), address
    # What they are on they know in any state.
    assert student.get(f"{course}/enrollments/{own['student_id']}").json()["state"] == state


def test_whoever_drops_a_course_sees_it_no_longer(student: Client, course: str, enrollment: str) -> None:
    assert student.get(course).status_code == 200
    assert student.patch(enrollment, {"state": "dropped"}, '"1"').status_code == 200
    assert student.get(course).status_code == 404
    assert student.patch(enrollment, {"state": "active"}).status_code == 409


def test_whoever_accepts_an_invitation_sees_the_course(
    service: httpx.Client, course: str, school: School
) -> None:
    invited = Client(service, school, "invited_student")
    assert invited.get(course).status_code == 404
    mine = f"{course}/enrollments/{school.people['invited_student']}"
    assert invited.patch(mine, {"state": "active"}, '"1"').status_code == 200
    assert invited.get(course).status_code == 200


def test_the_time_of_the_first_enrolment_stays(lecturer: Client, enrollment: str) -> None:
    first = lecturer.get(enrollment).json()
    lecturer.patch(enrollment, {"state": "dropped"})
    again = lecturer.patch(enrollment, {"state": "active"}).json()
    assert again["enrolled_at"] == first["enrolled_at"]
    assert again["updated_at"] > first["updated_at"]


def test_a_student_stays_on_the_list_of_a_course_when_their_account_is_closed(
    super_admin: Client, lecturer: Client, course: str, enrollment: str, school: School
) -> None:
    super_admin.patch(f"/users/{school.own['student_id']}", {"active": False})
    assert lecturer.get(enrollment).status_code == 200
    assert len(lecturer.get(f"{course}/enrollments").json()["items"]) == 5


def test_of_many_at_once_as_many_come_in_as_there_are_seats(
    super_admin: Client, lecturer: Client, course: str, school: School, admin: psycopg.Connection[Any]
) -> None:
    admin.execute(
        "insert into lms.users (email, full_name, role, password_hash) "
        "select 'many' || n || '@school.example', 'Many', 'student', '!' from generate_series(1, 30) as n"
    )
    lecturer.patch(course, {"capacity": 11})
    wanting = [
        partial(client.post, f"{course}/enrollments", {"email": f"many{number}@school.example"})
        for number in range(1, 31)
        for client in (lecturer, super_admin)
    ]
    # Each wants to come in twice, and one who is on the course leaves it meanwhile.
    leaving = partial(
        lecturer.patch, f"{course}/enrollments/{school.people['classmate']}", {"state": "dropped"}
    )
    codes = Counter(answer.status_code for answer in at_once([*wanting, leaving]))
    assert codes in ({201: 8, 200: 1, 409: 52}, {201: 7, 200: 1, 409: 53})
    counted, taken = seats(admin, school.own["course_id"])
    assert counted == taken <= 11
    assert (
        one(admin, "select count(*) from lms.audit_events where action = 'enrollments.create'")
        == 2 + codes[201]
    )


def test_counted_first_and_then_enrolled_a_course_is_overbooked(
    admin: psycopg.Connection[Any], school: School
) -> None:
    """The control: two who both see a free seat, and both take it."""
    dsn = admin.info.dsn
    course_id = school.own["empty_course_id"]
    admin.execute("update lms.courses set capacity = 1 where course_id = %s", (course_id,))
    count = "select count(*) from lms.student_enrollments where course_id = %s"
    enrol = "insert into lms.student_enrollments (student_id, course_id, state) values (%s, %s, 'active')"
    with psycopg.connect(dsn) as first, psycopg.connect(dsn) as second:
        free = [one(connection, count, (course_id,)) < 1 for connection in (first, second)]
        assert free == [True, True]
        for connection, name in ((first, "student"), (second, "classmate")):
            connection.execute(enrol, (school.people[name], course_id))
    assert one(admin, count, (course_id,)) == 2
