"""What the rules of the data answer, and what a syllabus is."""

from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.http.matrix import ABSENT, BODIES
from tests.http.support import Client, blamed, refusal
from tests.http.tables import Tables
from tests.support.school import School

pytestmark = pytest.mark.usefixtures("restored")


def new_course(school: School, **changes: Any) -> dict[str, Any]:
    return {"code": "NEW", "title": "New", "term_id": str(school.own["term_id"]), "capacity": 5} | changes


# Courses


def test_a_lecturer_makes_a_course_of_their_own(lecturer: Client, school: School) -> None:
    answer = lecturer.post("/courses", new_course(school, description="About", state="published"))
    assert answer.status_code == 201
    course = answer.json()
    assert answer.headers["location"] == f"/courses/{course['id']}"
    assert lecturer.get(answer.headers["location"]).json() == course
    assert lecturer.get(answer.headers["location"]).headers["etag"] == answer.headers["etag"]
    assert course == {
        "id": course["id"],
        "code": "NEW",
        "title": "New",
        "description": "About",
        "term": {"id": str(school.own["term_id"]), "code": "2026-AUTUMN", "title": "Autumn 2026"},
        "lecturer": {"id": str(school.own["lecturer_id"]), "full_name": "Lecturer"},
        "capacity": 5,
        "seats_taken": 0,
        "state": "published",
        "mastery_policy": {"score": "highest", "mastered": 0.8, "developing": 0.5},
        "version": 1,
        "created_at": course["created_at"],
        "updated_at": course["created_at"],
    }


def test_what_is_left_out_has_its_default(lecturer: Client, school: School) -> None:
    course = lecturer.post("/courses", new_course(school)).json()
    assert (course["description"], course["state"]) == (None, "draft")


def test_a_mastery_policy_is_given_and_replaced_as_a_whole(lecturer: Client, school: School) -> None:
    policy = {"score": "latest", "mastered": 0.9, "developing": 0.25}
    made = lecturer.post("/courses", new_course(school, mastery_policy=policy))
    assert made.json()["mastery_policy"] == policy
    address = made.headers["location"]
    assert lecturer.patch(address, {"title": "Other"}).json()["mastery_policy"] == policy
    answer = lecturer.patch(address, {"mastery_policy": {"mastered": 0.5}})
    assert (answer.status_code, blamed(answer)) == (
        422,
        ["/mastery_policy/score", "/mastery_policy/developing"],
    )
    other = {"score": "average", "mastered": 1, "developing": 0}
    assert lecturer.patch(address, {"mastery_policy": other}).json()["mastery_policy"] == other
    assert lecturer.get(address).json()["mastery_policy"] == other


def test_space_at_the_ends_of_a_title_is_cut_off(lecturer: Client, school: School) -> None:
    assert lecturer.post("/courses", new_course(school, title=" \t New\u00a0\n")).json()["title"] == "New"


def test_a_code_belongs_to_one_course(
    lecturer: Client, other_lecturer: Client, school: School, course: str
) -> None:
    taken = (409, "courses_code_uq", ["/code"])
    assert refusal(lecturer.post("/courses", new_course(school, code="COURSE-LECTURER"))) == taken
    assert (
        refusal(other_lecturer.patch(f"/courses/{school.foreign['course_id']}", {"code": "COURSE-LECTURER"}))
        == taken
    )
    assert lecturer.patch(course, {"code": "COURSE-LECTURER"}).status_code == 200


@pytest.mark.parametrize("how", ["post", "patch"])
@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("term_id", "absent", "courses_term_id_fk"),
        ("lecturer_id", "absent", "courses_lecturer_id_fk"),
        ("lecturer_id", "student", "courses_lecturer_id_fk"),
        ("lecturer_id", "super_admin", "courses_lecturer_id_fk"),
    ],
)
def test_a_course_needs_a_term_and_a_lecturer_that_there_are(
    super_admin: Client, school: School, course: str, *, how: str, field: str, value: str, rule: str
) -> None:
    found = ABSENT["term_id"] if value == "absent" else school.principals[value].user_id
    change = {"lecturer_id": str(school.own["lecturer_id"])} | {field: str(found)}
    answer = (
        super_admin.post("/courses", new_course(school, **change))
        if how == "post"
        else super_admin.patch(course, change)
    )
    assert refusal(answer) == (422, rule, [f"/{field}"])


def test_a_lecturer_does_not_hand_a_course_over(
    lecturer: Client, super_admin: Client, school: School, course: str
) -> None:
    over = {"lecturer_id": str(school.foreign["lecturer_id"])}
    assert refusal(lecturer.patch(course, over)) == (422, "courses_lecturer_id_assign", ["/lecturer_id"])
    assert refusal(lecturer.post("/courses", new_course(school, **over)))[0] == 422
    assert lecturer.patch(course, {"lecturer_id": str(school.own["lecturer_id"])}).status_code == 200
    assert super_admin.patch(course, over).json()["lecturer"]["id"] == over["lecturer_id"]
    assert lecturer.get(course).status_code == 404


def test_the_seats_cannot_be_fewer_than_are_taken(
    lecturer: Client, course: str, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("update lms.courses set seats_taken = 7")
    assert refusal(lecturer.patch(course, {"capacity": 6})) == (409, "courses_seats_ck", ["/capacity"])
    assert lecturer.patch(course, {"capacity": 7}).json()["capacity"] == 7


def test_a_refused_patch_changes_nothing_of_what_it_named(
    lecturer: Client, course: str, tables: Tables
) -> None:
    before = tables.rows()
    assert lecturer.patch(course, {"title": "New", "code": "COURSE-OTHER_LECTURER"}).status_code == 409
    assert tables.rows() == before


def test_a_deleted_course_takes_its_syllabus_and_its_materials_along(
    lecturer: Client, admin: psycopg.Connection[Any], school: School
) -> None:
    course_id = school.own["empty_course_id"]
    lecturer.put(f"/courses/{course_id}/syllabus", {"weeks": [week(1, "One")]})
    lecturer.post(f"/courses/{course_id}/materials", BODIES["POST /courses/{course_id}/materials"])
    assert lecturer.delete(f"/courses/{course_id}").status_code == 204
    for table in ("syllabus_weeks", "materials"):
        left = admin.execute(
            sql.SQL("select count(*) from lms.{} where course_id = %s").format(sql.Identifier(table)),
            (course_id,),
        ).fetchone()
        assert left == (0,)


@pytest.mark.parametrize("state", ["invited", "active", "completed", "dropped"])
def test_a_course_that_anybody_was_ever_on_stays(
    lecturer: Client, admin: psycopg.Connection[Any], school: School, state: str
) -> None:
    course = f"/courses/{school.own['empty_course_id']}"
    admin.execute(
        "insert into lms.student_enrollments (student_id, course_id, state) values (%s, %s, %s)",
        (school.own["student_id"], school.own["empty_course_id"], state),
    )
    answer = lecturer.delete(course)
    assert refusal(answer) == (409, "student_enrollments_course_id_fk", [])
    assert answer.json()["detail"] == "The course has students, or had some."
    assert lecturer.get(course).status_code == 200


# Terms

TERM = {"code": "2027-SPRING", "title": "Spring", "starts_on": "2027-02-01", "ends_on": "2027-05-28"}


def test_an_administrator_makes_and_deletes_a_term(super_admin: Client, lecturer: Client) -> None:
    made = super_admin.post("/terms", TERM)
    assert made.status_code == 201
    assert made.json() == TERM | {name: made.json()[name] for name in ("id", "created_at", "updated_at")} | {
        "archived_at": None,
        "version": 1,
    }
    assert lecturer.get(made.headers["location"]).json() == made.json()
    assert super_admin.delete(made.headers["location"], made.headers["etag"]).status_code == 204
    assert super_admin.get(made.headers["location"]).status_code == 404


def test_a_term_with_courses_stays(super_admin: Client, school: School) -> None:
    answer = super_admin.delete(f"/terms/{school.own['term_id']}")
    assert refusal(answer) == (409, "courses_term_id_fk", [])
    assert answer.json()["detail"] == "The term still has courses."


def test_the_rules_of_a_term(super_admin: Client, school: School) -> None:
    address = f"/terms/{school.own['term_id']}"
    assert refusal(super_admin.post("/terms", TERM | {"code": "2026-AUTUMN"})) == (
        409,
        "terms_code_uq",
        ["/code"],
    )
    assert refusal(super_admin.post("/terms", TERM | {"ends_on": "2027-01-31"})) == (
        422,
        "terms_dates_ck",
        ["/ends_on"],
    )
    assert refusal(super_admin.patch(address, {"ends_on": "2026-08-31"})) == (
        422,
        "terms_dates_ck",
        ["/ends_on"],
    )
    assert super_admin.post("/terms", TERM | {"ends_on": TERM["starts_on"]}).status_code == 201


# The syllabus


def week(number: int, topic: str, **more: str | None) -> dict[str, Any]:
    return {"week_number": number, "topic": topic, "objectives": None, "reading": None} | more


def test_a_syllabus_put_whole_is_what_was_put(lecturer: Client, course: str) -> None:
    weeks = [week(5, "Five", reading="Chapter 5"), week(1, "One", objectives="Begin"), week(53, "Last")]
    answer = lecturer.put(f"{course}/syllabus", {"weeks": weeks}, '"1"')
    assert answer.status_code == 200
    assert answer.json()["weeks"] == sorted(weeks, key=lambda one: int(one["week_number"]))
    assert lecturer.get(f"{course}/syllabus").json() == answer.json()


def test_a_syllabus_may_be_empty(lecturer: Client, course: str) -> None:
    assert lecturer.put(f"{course}/syllabus", {"weeks": []}).json()["weeks"] == []
    assert lecturer.get(f"{course}/syllabus").json()["weeks"] == []


def test_one_week_is_written_among_the_others(lecturer: Client, course: str) -> None:
    new = lecturer.put(f"{course}/syllabus/7", {"topic": "Seven", "reading": "Chapter 7"}, '"1"')
    assert new.headers["content-location"] == f"{course}/syllabus"
    assert new.json()["weeks"] == [
        week(1, "Week 1 of lecturer"),
        week(2, "Week 2 of lecturer"),
        week(7, "Seven", reading="Chapter 7"),
    ]
    changed = lecturer.put(f"{course}/syllabus/7", {"topic": "Seven again"}, '"2"')
    assert changed.json()["weeks"][2] == week(7, "Seven again")
    assert changed.json()["version"] == 3
    assert lecturer.get(f"{course}/syllabus").json() == changed.json()
    assert lecturer.get(f"{course}/syllabus").headers["etag"] == changed.headers["etag"]


def test_one_week_is_taken_out(lecturer: Client, course: str) -> None:
    answer = lecturer.delete(f"{course}/syllabus/1", '"1"')
    assert (answer.status_code, answer.json()["weeks"]) == (200, [week(2, "Week 2 of lecturer")])
    assert lecturer.get(f"{course}/syllabus").json() == answer.json()
    assert lecturer.delete(f"{course}/syllabus/1").status_code == 404
    assert lecturer.delete(f"{course}/syllabus/1", '"1"').status_code == 404


def test_the_syllabus_has_a_version_of_its_own(lecturer: Client, course: str) -> None:
    tag = lecturer.get(course).headers["etag"]
    lecturer.put(f"{course}/syllabus/7", {"topic": "Seven"})
    assert lecturer.get(course).headers["etag"] == tag
    assert lecturer.put(f"{course}/syllabus", {"weeks": []}, '"1"').json()["version"] == 2
    lecturer.patch(course, {"title": "New"})
    assert lecturer.get(f"{course}/syllabus").json()["version"] == 2


def test_a_week_is_there_once(lecturer: Client, course: str, tables: Tables) -> None:
    before = tables.rows()
    twice = lecturer.put(f"{course}/syllabus", {"weeks": [week(3, "Three"), week(3, "Three again")]})
    assert (twice.status_code, blamed(twice)) == (422, ["/weeks"])
    assert "Week 3 is there twice" in twice.json()["detail"]
    many = lecturer.put(f"{course}/syllabus", {"weeks": [week(1, "One")] * 54})
    assert (many.status_code, blamed(many)) == (422, ["/weeks"])
    assert tables.rows() == before


def test_nobody_else_is_touched_by_a_syllabus(
    lecturer: Client, super_admin: Client, course: str, school: School
) -> None:
    other = f"/courses/{school.foreign['course_id']}/syllabus"
    before = super_admin.get(other)
    lecturer.put(f"{course}/syllabus", {"weeks": []})
    assert super_admin.get(other).content == before.content
