"""A file of people is put on a course whole or not at all, and what is wrong with it is told line by line."""

from collections import Counter
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from api.database.queries import load_query
from tests.conftest import TestDatabase
from tests.http.support import Client, at_once, one, refusal, waiting
from tests.http.tables import Tables
from tests.support.enrollment_files import make_files, people_for_files
from tests.support.school import School, address_of, name_of, token_for
from tests.support.service import running_service, settings_for

pytestmark = pytest.mark.usefixtures("restored")

HEADER = "email,full_name,state\r\n"


def send(
    client: Client, course: str, file: str | bytes, *, dry_run: bool | None = None, key: str | None = None
) -> httpx.Response:
    return client.service.post(
        f"{course}/enrollments/import",
        params={} if dry_run is None else {"dry_run": str(dry_run).lower()},
        content=file.encode() if isinstance(file, str) else file,
        headers=client.headers | {"Content-Type": "text/csv"} | ({"Idempotency-Key": key} if key else {}),
    )


def outcomes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["outcome"] for item in answer.json()["items"]]


def defects(answer: httpx.Response) -> list[tuple[int, str | None, str]]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"] == "urn:lms:problem:defective-file"
    return [(found["line"], found.get("column"), found["detail"]) for found in answer.json()["errors"]]


# What a line means: whoever is known is in the state on the left, and the file asks for that above.
MEANING = """
             active      invited
none         enrolled    invited
invited      enrolled    unchanged
active       unchanged   unchanged
completed    unchanged   unchanged
dropped      defect      defect
"""
MAILS = {("none", "active"): "welcome", ("none", "invited"): "invitation", ("invited", "active"): "welcome"}


def meanings() -> dict[tuple[str, str], str]:
    header, *lines = MEANING.strip().splitlines()
    return {
        (present, asked): outcome
        for line in lines
        for present, *cells in [line.split()]
        for asked, outcome in zip(header.split(), cells, strict=True)
    }


@pytest.mark.parametrize(("present", "asked"), meanings())
def test_a_line_means_what_the_table_says(
    lecturer: Client, course: str, school: School, admin: psycopg.Connection[Any], present: str, asked: str
) -> None:
    course_id, student_id = school.own["course_id"], school.people["newcomer"]
    if present != "none":
        admin.execute(
            "insert into lms.student_enrollments (student_id, course_id, state) values (%s, %s, %s)",
            (student_id, course_id, present),
        )
        admin.execute(
            "update lms.courses set seats_taken = seats_taken + lms.holds_seat(%s)::integer where course_id = %s",
            (present, course_id),
        )
    expected = meanings()[present, asked]
    answer = send(lecturer, course, f"{HEADER}{address_of('newcomer')},,{asked}\r\n")
    if expected == "defect":
        assert defects(answer) == [
            (
                2,
                "email",
                "This student has dropped the course: change the state of their enrolment to bring them back.",
            )
        ]
    else:
        assert outcomes(answer) == [expected]
    mails = admin.execute(
        "select kind, delivery_id from lms.email_outbox where user_id = %s", (student_id,)
    ).fetchall()
    assert [kind for kind, _ in mails] == ([MAILS[present, asked]] if (present, asked) in MAILS else [])
    if answer.status_code == 200:
        (item,) = answer.json()["items"]
        assert item["student_id"] == str(student_id)
        assert item["delivery_id"] == (str(mails[0][1]) if mails else None)
        enrollment = lecturer.get(f"{course}/enrollments/{student_id}").json()
        assert enrollment["state"] == (asked if expected != "unchanged" else present)
        assert enrollment["version"] == (2 if (present, asked) == ("invited", "active") else 1)
        assert enrollment["delivery_id"] == item["delivery_id"]
    assert one(
        admin,
        "select seats_taken = (select count(*) from lms.student_enrollments as e "
        "where e.course_id = courses.course_id and e.state <> 'dropped') from lms.courses where course_id = %s",
        (course_id,),
    )


def test_whoever_has_no_account_and_is_invited_has_one_then(
    lecturer: Client, super_admin: Client, course: str, admin: psycopg.Connection[Any]
) -> None:
    answer = send(lecturer, course, f"{HEADER}  New.Person@Pupils.EXAMPLE ,  Zoë Ångström ,invited\r\n")
    report = answer.json()
    (item,) = report.pop("items")
    assert report == {
        "dry_run": False,
        "lines": 1,
        "enrolled": 0,
        "invited": 1,
        "unchanged": 0,
        "accounts": 1,
    }
    assert (item["line"], item["email"]) == (2, "new.person@pupils.example")
    user = super_admin.get(f"/users/{item['student_id']}").json()
    assert (user["email"], user["full_name"], user["role"]) == (item["email"], "Zoë Ångström", "student")
    assert one(admin, "select password_hash from lms.users where user_id = %s", (item["student_id"],)) == "!"
    assert lecturer.get(f"/deliveries/{item['delivery_id']}").json()["kind"] == "invitation"
    events = super_admin.get(f"/audit?user_id={item['student_id']}").json()["items"]
    assert {event["action"]: event["changes"] for event in events} == {
        "users.create": {"role": {"from": None, "to": "student"}},
        "enrollments.create": {"state": {"from": None, "to": "invited"}},
    }


def test_the_name_of_somebody_known_stays(
    lecturer: Client, super_admin: Client, course: str, school: School
) -> None:
    assert outcomes(send(lecturer, course, f"{HEADER}{address_of('newcomer')},Another Name,active\r\n")) == [
        "enrolled"
    ]
    user = super_admin.get(f"/users/{school.people['newcomer']}").json()
    assert user["full_name"] == name_of("newcomer")


def test_what_looks_like_a_formula_is_a_name_like_any_other(
    lecturer: Client, super_admin: Client, course: str
) -> None:
    """Nothing is put in front of it: there is no CSV of ours that a spreadsheet could open."""
    name = "=cmd|' /C calc'!A0"
    (item,) = send(lecturer, course, f'{HEADER}formula@pupils.example,"{name}",invited\r\n').json()["items"]
    assert super_admin.get(f"/users/{item['student_id']}").json()["full_name"] == name


@pytest.mark.parametrize(
    "file",
    [
        "email,full_name,state\r\na@pupils.example,A,invited\r\n",
        "email,full_name,state\na@pupils.example,A,invited",
        "email,full_name,state\ra@pupils.example,A,invited\r",
        "\ufeffstate,email,full_name\n\n\ninvited,a@pupils.example,A\n\n",
        '"email","full_name","state"\r\n"a@pupils.example","A","invited"\r\n',
        '\ufeff"state",full_name,"email"\r\ninvited,"A"," A@PUPILS.example "\r\n',
    ],
)
def test_a_file_may_be_written_in_these_ways(lecturer: Client, course: str, file: str) -> None:
    answer = send(lecturer, course, file)
    assert outcomes(answer) == ["invited"]
    assert answer.json()["items"][0]["email"] == "a@pupils.example"


@pytest.mark.parametrize("file", [HEADER, f"{HEADER}\r\n\r\n"])
def test_a_file_without_lines_does_nothing(lecturer: Client, course: str, tables: Tables, file: str) -> None:
    before = tables.rows()
    assert send(lecturer, course, file).json() == {
        "dry_run": False,
        "lines": 0,
        "enrolled": 0,
        "invited": 0,
        "unchanged": 0,
        "accounts": 0,
        "items": [],
    }
    assert tables.rows() == before


def test_every_defect_of_every_line_is_told_at_once_and_in_order(
    lecturer: Client, course: str, tables: Tables
) -> None:
    before = tables.rows()
    file = (
        f"{HEADER}"
        "one@pupils.example,One,invited\r\n"
        ",,nothing\r\n"  # 3: two cells of one line
        'two@pupils.example,"Two\r\nlines",invited\r\n'  # 4 and 5
        "\r\n"
        f"{address_of('lecturer')},{'n' * 201},active\r\n"  # 7: one for the service, one for the database
        "stranger@pupils.example,Stranger,active\r\n"
        "ONE@pupils.example,One,invited\r\n"
        "three@pupils.example,Three\r\n"
    )
    answer = send(lecturer, course, file)
    assert defects(answer) == [
        (3, "email", "The address is missing."),
        (3, "state", "Use active or invited."),
        (4, "full_name", "A cell cannot hold control characters, such as a line break or NUL."),
        (7, "email", "This address belongs to somebody who is no student."),
        (7, "full_name", "A name has at most 200 characters."),
        (8, "email", "There is no account with this address: invite it."),
        (9, "email", "This address is in line 2 already."),
        (10, None, "The line has 2 cells, and the header 3."),
    ]
    assert answer.json()["detail"] == "8 defects in 6 lines, so nothing was imported."
    assert tables.rows() == before
    assert send(lecturer, course, file, dry_run=True).content == answer.content


def test_of_very_many_defects_the_first_ten_thousand_are_named(lecturer: Client, course: str) -> None:
    answer = send(lecturer, course, HEADER + ",,nothing\r\n" * 10_000)
    found = defects(answer)
    assert [line for line, *_ in found] == [line for line in range(2, 5_002) for _ in range(2)]
    assert answer.json()["detail"] == (
        "20,000 defects in 10,000 lines, so nothing was imported. The first 10,000 are named."
    )


def test_two_spellings_of_an_address_are_one(lecturer: Client, course: str) -> None:
    file = f"{HEADER}a@müller.example,A,invited\r\nA@XN--MLLER-KVA.example,A,invited\r\n"
    assert defects(send(lecturer, course, file)) == [(3, "email", "This address is in line 2 already.")]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            "email,name,state",
            [
                ("full_name", "The column is missing."),
                ("name", "There is no such column: the columns are email, full_name, state."),
            ],
        ),
        ("email,full_name,state,state", [("state", "The column is there twice.")]),
        ("email,full_name", [("state", "The column is missing.")]),
    ],
)
def test_what_is_wrong_with_the_header_is_told_alone(
    lecturer: Client, course: str, header: str, expected: list[tuple[str, str]]
) -> None:
    found = defects(send(lecturer, course, f"{header}\r\nwrong,too\r\n"))
    assert sorted(found) == [(1, column, detail) for column, detail in expected]


def test_lines_for_which_no_seat_is_left_are_named(lecturer: Client, course: str, tables: Tables) -> None:
    """Four are on the course. Those who are need no seat, nor do lines with defects."""
    lecturer.patch(course, {"capacity": 6})
    before = tables.rows()
    new = [f"new{number}@pupils.example,New,invited\r\n" for number in range(4)]
    there = f"{address_of('student')},,active\r\n"
    answer = send(lecturer, course, HEADER + there + "".join(new))
    sentence = "There is no seat left for this line: the course has 2 free."
    assert defects(answer) == [(5, None, sentence), (6, None, sentence)]
    assert tables.rows() == before
    stranger = "stranger@pupils.example,,active\r\n"
    assert [line for line, *_ in defects(send(lecturer, course, HEADER + stranger + "".join(new[:2])))] == [2]
    assert outcomes(send(lecturer, course, HEADER + there + "".join(new[:2]))) == [
        "unchanged",
        "invited",
        "invited",
    ]
    assert lecturer.get(course).json()["seats_taken"] == 6
    full = defects(send(lecturer, course, HEADER + new[3]))
    assert full == [(2, None, "There is no seat left for this line: the course has 0 free.")]


def test_a_closed_course_takes_no_file_and_one_in_preparation_does(
    lecturer: Client, course: str, school: School, tables: Tables
) -> None:
    file = f"{HEADER}{address_of('newcomer')},,active\r\n"
    assert outcomes(send(lecturer, f"/courses/{school.own['draft_course_id']}", file)) == ["enrolled"]
    lecturer.patch(course, {"state": "closed"})
    before = tables.rows()
    for dry_run in (True, False):
        assert refusal(send(lecturer, course, file, dry_run=dry_run)) == (409, "courses_state_open", [])
    assert tables.rows() == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    lecturer: Client, course: str, tables: Tables
) -> None:
    before = tables.rows()
    file = (
        f"{HEADER}new@pupils.example,New,invited\r\n{address_of('newcomer')},,active\r\n"
        f"{address_of('student')},,active\r\n{address_of('invited_student')},,active\r\n"
    )
    rehearsed = send(lecturer, course, file, dry_run=True).json()
    assert tables.rows() == before
    done = send(lecturer, course, file, dry_run=False).json()
    assert (rehearsed.pop("dry_run"), done.pop("dry_run")) == (True, False)
    assert done["items"][0]["student_id"]
    assert [item["delivery_id"] is None for item in done["items"]] == [False, False, True, False]
    for item in done["items"]:
        item["delivery_id"] = None
    done["items"][0]["student_id"] = None
    assert rehearsed == done


def test_the_key_of_a_dry_run_is_not_that_of_the_import(
    lecturer: Client, course: str, tables: Tables
) -> None:
    file = f"{HEADER}{address_of('newcomer')},,active\r\n"
    first = send(lecturer, course, file, dry_run=True, key="a-key")
    assert first.status_code == 200
    before = tables.rows()
    assert refusal(send(lecturer, course, file, key="a-key")) == (422, "idempotency-key", ["Idempotency-Key"])
    assert tables.rows() == before
    again = send(lecturer, course, file, dry_run=True, key="a-key")
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")


def test_twenty_at_once_with_one_key_take_effect_once_and_are_answered_alike(
    lecturer: Client, course: str, tables: Tables
) -> None:
    before = tables.rows()
    file = f"{HEADER}{address_of('newcomer')},,active\r\nnew@pupils.example,New,invited\r\n"
    answers = at_once([partial(send, lecturer, course, file, key="a-key")] * 20)
    assert Counter(answer.status_code for answer in answers) == {200: 20}
    assert len({answer.content for answer in answers}) == 1
    assert Counter(answer.headers.get("idempotency-replayed") for answer in answers) == {None: 1, "true": 19}
    made = Counter(row.partition(" ")[0] for row in (tables.rows() - before).elements())
    assert (made["users"], made["student_enrollments"], made["email_outbox"], made["audit_events"]) == (
        1,
        2,
        2,
        3,
    )
    other = send(lecturer, course, f"{file}\r\n", key="a-key")
    assert refusal(other) == (422, "idempotency-key", ["Idempotency-Key"])


def test_a_refused_file_leaves_its_key_free(lecturer: Client, course: str) -> None:
    assert send(lecturer, course, f"{HEADER}newcomer@,,active\r\n", key="a-key").status_code == 422
    assert outcomes(send(lecturer, course, f"{HEADER}{address_of('newcomer')},,active\r\n", key="a-key")) == [
        "enrolled"
    ]


def test_a_file_that_is_too_large_is_told_how_large_one_may_be(
    module_database: TestDatabase, school: School
) -> None:
    lines = "x@pupils.example,X,invited\r\n" * 100
    settings = settings_for(module_database.server, module_database.name, import_limit=2_000)
    with running_service(settings) as service:
        lecturer = Client(service, school, "lecturer")
        course = f"/courses/{school.own['course_id']}"
        answer = send(lecturer, course, HEADER + lines)
        assert refusal(answer) == (413, "file-too-large", [])
        assert answer.json()["detail"] == "A file has at most 2,000 bytes and 10,000 lines. Send it in parts."
        # Other bodies have their own limit.
        assert lecturer.post("/courses", {"code": "x" * 3_000}).status_code == 422


def test_of_many_files_one_may_be_read_at_a_time_and_all_are(
    lecturer: Client, admin: psycopg.Connection[Any], school: School
) -> None:
    """The same file five times at once, without a key: it is imported once, and four times there is nothing to do."""
    people_for_files(admin, school)
    _, mended = make_files(7, 400, 40)
    address = f"/courses/{school.own['empty_course_id']}"
    answers = at_once([partial(send, lecturer, address, mended.content)] * 5)
    found = Counter(tuple(sorted(Counter(outcomes(answer)).items())) for answer in answers)
    assert found == {
        tuple(sorted(mended.outcomes.items())): 1,
        (("unchanged", mended.lines),): 4,
    }
    new = mended.outcomes["invited"] + mended.outcomes["enrolled"]
    assert (
        one(
            admin,
            "select count(*) from lms.email_outbox where course_id = %s",
            (school.own["empty_course_id"],),
        )
        == new
    )


# Two at once


def import_alone(dsn: str, course_id: UUID, lines: str) -> Any:
    """The control: the statement as it is, sent once, and without the lock before it."""
    with psycopg.connect(dsn) as connection, psycopg.RawCursor(connection) as cursor:
        cursor.execute(
            load_query("enrollments/import_enrollments").text.encode(),
            (sha256(token_for("lecturer").encode()).digest(), course_id, lines, False),
        )
        return cursor.fetchall()


ADD_USER = """
insert into lms.users (email, full_name, role, password_hash) values ('new@pupils.example', 'New', 'student', '!')
"""
NEW = '[{"line": 2, "email": "new@pupils.example", "full_name": "New", "state": "invited"}]'


def test_an_account_that_somebody_else_makes_at_that_moment_is_taken(
    lecturer: Client, course: str, admin: psycopg.Connection[Any]
) -> None:
    file = f"{HEADER}new@pupils.example,New,invited\r\n"
    with psycopg.connect(admin.info.dsn) as other:
        other.execute(ADD_USER)
        with waiting(admin, partial(send, lecturer, course, file), other.commit) as answer:
            assert outcomes(answer.result()) == ["invited"]
            assert answer.result().json()["accounts"] == 0
    assert one(admin, "select count(*) from lms.users where email = 'new@pupils.example'") == 1
    assert lecturer.get(course).json()["seats_taken"] == 5


def test_sent_once_the_statement_fails_for_an_account_that_is_made_at_that_moment(
    admin: psycopg.Connection[Any], school: School
) -> None:
    """The control."""
    with psycopg.connect(admin.info.dsn) as other:
        other.execute(ADD_USER)
        alone = partial(import_alone, admin.info.dsn, school.own["course_id"], NEW)
        with waiting(admin, alone, other.commit) as result, pytest.raises(psycopg.errors.UniqueViolation):
            result.result()


def enrolling(other: psycopg.Connection[Any], school: School) -> None:
    """Somebody else puts newcomer on the course, and has not committed yet."""
    other.execute(
        "update lms.courses set seats_taken = seats_taken + 1 where course_id = %s",
        (school.own["course_id"],),
    )
    other.execute(
        "insert into lms.student_enrollments (student_id, course_id, state) values (%s, %s, 'active')",
        (school.people["newcomer"], school.own["course_id"]),
    )


def test_what_was_done_while_an_import_waited_is_seen_by_it(
    lecturer: Client, course: str, admin: psycopg.Connection[Any], school: School
) -> None:
    file = f"{HEADER}{address_of('newcomer')},,active\r\n"
    with psycopg.connect(admin.info.dsn) as other:
        enrolling(other, school)
        with waiting(admin, partial(send, lecturer, course, file), other.commit) as answer:
            assert outcomes(answer.result()) == ["unchanged"]
    assert lecturer.get(course).json()["seats_taken"] == 5


def test_a_seat_that_somebody_takes_while_an_import_waits_is_taken(
    lecturer: Client, course: str, admin: psycopg.Connection[Any], school: School
) -> None:
    lecturer.patch(course, {"capacity": 5})
    file = f"{HEADER}new@pupils.example,New,invited\r\n"
    with psycopg.connect(admin.info.dsn) as other:
        enrolling(other, school)
        with waiting(admin, partial(send, lecturer, course, file), other.commit) as answer:
            assert defects(answer.result()) == [
                (2, None, "There is no seat left for this line: the course has 0 free.")
            ]


def test_without_the_lock_before_it_the_statement_does_not_see_what_was_done_meanwhile(
    admin: psycopg.Connection[Any], school: School
) -> None:
    """The control."""
    line = f'[{{"line": 2, "email": "{address_of("newcomer")}", "full_name": "", "state": "active"}}]'
    with psycopg.connect(admin.info.dsn) as other:
        enrolling(other, school)
        alone = partial(import_alone, admin.info.dsn, school.own["course_id"], line)
        with waiting(admin, alone, other.commit) as result, pytest.raises(psycopg.errors.UniqueViolation):
            result.result()


def test_somebody_who_ceases_to_be_a_student_at_that_moment_stops_the_import(
    lecturer: Client, course: str, admin: psycopg.Connection[Any], school: School
) -> None:
    file = f"{HEADER}new@pupils.example,New,invited\r\n{address_of('newcomer')},,active\r\n"
    with psycopg.connect(admin.info.dsn) as other:
        other.execute(
            "update lms.users set role = 'lecturer' where user_id = %s", (school.people["newcomer"],)
        )
        with waiting(admin, partial(send, lecturer, course, file), other.commit) as answer:
            assert refusal(answer.result()) == (409, "student_enrollments_student_id_fk", [])
    assert one(admin, "select count(*) from lms.users where email = 'new@pupils.example'") == 0


def test_imports_of_the_same_new_people_to_two_courses_both_end_well(
    lecturer: Client, other_lecturer: Client, school: School, admin: psycopg.Connection[Any]
) -> None:
    """In opposite orders, so that taken as they come the accounts would be waited for in a circle."""
    admin.execute("update lms.courses set capacity = 1000")
    courses = [f"/courses/{rows['course_id']}" for rows in (school.own, school.foreign)]
    for number in range(3):
        lines = [f"new-{number}-{n}@pupils.example,New,invited\r\n" for n in range(200)]
        answers = at_once(
            [
                partial(send, lecturer, courses[0], HEADER + "".join(lines)),
                partial(send, other_lecturer, courses[1], HEADER + "".join(reversed(lines))),
            ]
        )
        assert [Counter(outcomes(answer)) for answer in answers] == [{"invited": 200}] * 2
        assert sum(answer.json()["accounts"] for answer in answers) == 200


def test_accounts_made_in_opposite_orders_deadlock(admin: psycopg.Connection[Any]) -> None:
    """The control."""
    add = "insert into lms.users (email, full_name, role, password_hash) values (%s, 'New', 'student', '!')"
    addresses = ("a@pupils.example", "b@pupils.example")

    def make(connection: psycopg.Connection[Any], address: str) -> str:
        try:
            connection.execute(add, (address,))
        except (psycopg.errors.DeadlockDetected, psycopg.errors.UniqueViolation) as error:
            connection.rollback()
            return type(error).__name__
        connection.commit()
        return "made"

    with psycopg.connect(admin.info.dsn) as one_, psycopg.connect(admin.info.dsn) as other:
        one_.execute(add, (addresses[0],))
        other.execute(add, (addresses[1],))
        found = at_once([partial(make, one_, addresses[1]), partial(make, other, addresses[0])])
    assert "DeadlockDetected" in found
