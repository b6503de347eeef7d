"""What of a courses.json can be imported, and what is refused, by its place."""

from typing import Any
from uuid import uuid4

import pytest

from api.models.syllabus_weeks import NumberedSyllabusWeek
from api.operations.course_source import CAPACITY, Source, read_source
from api.operations.failures import FailureError
from tests.operations.courses import course, week

IDS = {"term_id": uuid4(), "lecturer_id": uuid4()}


def read(*courses: Any) -> Source:
    return read_source(list(courses), **IDS)


def refused(source: Source) -> dict[str, str]:
    assert {each.file for each in source.refused} <= {"courses.json"}
    assert len({each.place for each in source.refused}) == len(source.refused)
    return {each.place: each.reason for each in source.refused}


def weeks(source: Source) -> list[NumberedSyllabusWeek]:
    (found,) = source.courses
    return found.weeks


class TestCourses:
    def test_a_course_becomes_a_draft_of_this_term_and_lecturer(self) -> None:
        source = read(course("PY4E", source="csev+py4e", licence="CC-BY-4.0"))
        assert refused(source) == {}
        (found,) = source.courses
        assert found.place == "/0"
        assert found.course.model_dump() == IDS | {
            "code": "PY4E",
            "title": "All about PY4E",
            "description": "Source: csev+py4e. Licence: CC-BY-4.0.",
            "capacity": CAPACITY,
            "state": "draft",
            "mastery_policy": {"score": "highest", "mastered": 0.8, "developing": 0.5},
        }

    @pytest.mark.parametrize(
        ("changes", "description"),
        [
            ({}, None),
            ({"description": "Plants."}, "Plants."),
            ({"description": "Plants.", "licence": "MIT"}, "Plants.\n\nLicence: MIT."),
            ({"description": ""}, None),
        ],
    )
    def test_the_description_keeps_where_it_comes_from(
        self, changes: dict[str, str], description: str | None
    ) -> None:
        assert read(course(**changes)).courses[0].course.description == description

    @pytest.mark.parametrize(
        ("given", "place"),
        [
            (5, ""),
            ([], ""),
            (None, ""),
            (course("lower case"), "/code"),
            (course("B" * 33), "/code"),
            (course("B\n"), "/code"),
            (course("B\0"), "/code"),
            (course() | {"code": 7}, "/code"),
            ({"title": "No code", "weeks": []}, "/code"),
            (course(title=""), "/title"),
            (course(title="   "), "/title"),
            (course(title="T" * 201), "/title"),
            (course(title="half a pair \ud83d"), "/title"),
            (course(title="N\0L"), "/title"),
            (course(description=["Plants"]), "/description"),
            (course(description="D" * 10_001), "/description"),
            (course(licence=4.0), "/licence"),
            (course() | {"weeks": None}, "/weeks"),
            (course() | {"weeks": {"1": "Roots"}}, "/weeks"),
            ({"code": "BOTANY", "title": "No weeks"}, "/weeks"),
        ],
    )
    def test_a_course_that_the_service_would_not_take_is_refused_alone(self, given: Any, place: str) -> None:
        source = read(course("BEFORE"), given, course("AFTER"))
        assert list(refused(source)) == [f"/1{place}"]
        assert [each.course.code for each in source.courses] == ["BEFORE", "AFTER"]

    def test_all_that_is_wrong_with_a_course_is_told_at_once(self) -> None:
        assert list(refused(read(course("b", title="", description=None)))) == ["/0/code", "/0/title"]

    def test_the_second_course_of_a_code_is_refused(self) -> None:
        source = read(course("BOTANY", title="First"), course("BOTANY", title="Second"))
        assert list(refused(source)) == ["/1/code"]
        assert [each.course.title for each in source.courses] == ["First"]

    def test_a_wrong_number_of_lessons_is_told(self) -> None:
        source = read(course(lessons=3))
        assert refused(source) == {"/0/lessons": "Another number of lessons follows: 2."}
        assert len(weeks(source)) == 2
        assert refused(read(course(lessons=2))) == {}

    @pytest.mark.parametrize("document", [{}, {"courses": []}, None, "BOTANY", 5, True])
    def test_what_is_no_list_is_refused_as_a_whole(self, document: Any) -> None:
        with pytest.raises(FailureError, match=r"courses\.json, line 1: expected a list of courses"):
            read_source(document, **IDS)

    def test_keys_that_mean_nothing_are_counted(self) -> None:
        source = read(
            course("BOTANY", week(1, "Roots", section="A"), week(2, "Leaves", section="A"), colour="green")
        )
        assert refused(source) == {}
        assert source.unknown_keys == {"section": 2, "colour": 1}


class TestWeeks:
    def test_a_week_has_its_topic_and_its_description_as_objectives(self) -> None:
        source = read(course("BOTANY", week(3, " Roots ", description="Dig."), week(7, "Leaves")))
        assert [each.model_dump() for each in weeks(source)] == [
            {"week_number": 3, "topic": "Roots", "objectives": "Dig.", "reading": None},
            {"week_number": 7, "topic": "Leaves", "objectives": None, "reading": None},
        ]

    @pytest.mark.parametrize(
        ("given", "place"),
        [
            ("Roots", ""),
            (None, ""),
            (week(0, "Roots"), "/week"),
            (week(54, "Roots"), "/week"),
            (week(-1, "Roots"), "/week"),
            (week(10**30, "Roots"), "/week"),
            (week("9", "Roots"), "/week"),
            (week(9.0, "Roots"), "/week"),
            (week(True, "Roots"), "/week"),
            ({"topic": "Roots"}, "/week"),
            ({"week": None, "topic": "Roots"}, "/week"),
            (week(9, ""), "/topic"),
            (week(9, " \t"), "/topic"),
            (week(9, "T" * 301), "/topic"),
            (week(9, ["Roots"]), "/topic"),
            (week(9, "Ro\0ts"), "/topic"),
            ({"week": 9}, "/topic"),
            (week(9, "Roots", description="D" * 5_001), "/description"),
            (week(9, "Roots", description=5), "/description"),
            (week(9, "Roots", description="\0"), "/description"),
            (week(9, "Roots", lesson="1"), "/lesson"),
            (week(9, "Roots", lesson=1.5), "/lesson"),
            (week(9, "Roots", lesson=True), "/lesson"),
            (week(1, "Again"), "/week"),
            (week(1, "Again", lesson=1), "/week"),
        ],
    )
    def test_a_week_that_the_service_would_not_take_is_refused_alone(self, given: Any, place: str) -> None:
        source = read(course("BOTANY", week(1, "Before"), given, week(2, "After")))
        assert list(refused(source)) == [f"/0/weeks/1{place}"]
        assert [each.topic for each in weeks(source)] == ["Before", "After"]

    def test_the_limits_themselves_are_taken(self) -> None:
        source = read(course("BOTANY", week(1, "T" * 300, description="D" * 5_000), week(53, "L")))
        assert refused(source) == {}
        assert [(each.week_number, len(each.topic)) for each in weeks(source)] == [(1, 300), (53, 1)]

    def test_all_that_is_wrong_with_a_week_is_told_at_once(self) -> None:
        source = read(course("BOTANY", week(99, "", description=1)))
        assert list(refused(source)) == [f"/0/weeks/0/{key}" for key in ("topic", "description", "week")]


class TestLessons:
    def test_lessons_of_one_week_become_one_in_the_order_of_their_numbers(self) -> None:
        source = read(
            course(
                "BOTANY", week(4, "Leaves", lesson=2), week(4, "Roots", lesson=1), week(5, "Bark", lesson=3)
            )
        )
        assert refused(source) == {}
        assert [(each.week_number, each.topic, each.objectives) for each in weeks(source)] == [
            (4, "Roots; Leaves", None),
            (5, "Bark", None),
        ]

    def test_their_descriptions_become_the_objectives(self) -> None:
        source = read(
            course(
                "BOTANY",
                week(4, "Roots", lesson=1, description="Dig."),
                week(4, "Leaves", lesson=2),
                week(4, "Bark", lesson=3, description="Peel."),
            )
        )
        (found,) = weeks(source)
        assert found.topic == "Roots; Leaves; Bark"
        assert found.objectives == "Roots: Dig.\nBark: Peel."

    def test_topics_that_do_not_fit_into_one_are_all_among_the_objectives(self) -> None:
        topics = [f"{letter * 150}" for letter in "ABC"]
        given = [week(1, topic, lesson=number) for number, topic in enumerate(topics)]
        given[1]["description"] = "Look closely."
        (found,) = weeks(read(course("BOTANY", *given)))
        assert found.topic == topics[0]
        assert found.objectives == "\n".join([topics[0], f"{topics[1]}: Look closely.", topics[2]])

    def test_more_than_a_week_can_hold_is_refused_where_the_week_begins(self) -> None:
        given = [week(2, "T" * 300, lesson=number) for number in range(20)]
        source = read(course("BOTANY", week(1, "Before"), *given))
        assert list(refused(source)) == ["/0/weeks/1"]
        assert [each.topic for each in weeks(source)] == ["Before"]

    def test_a_lesson_that_is_there_twice_is_refused(self) -> None:
        source = read(course("BOTANY", week(1, "Roots", lesson=1), week(2, "Leaves", lesson=1)))
        assert refused(source) == {"/0/weeks/1/lesson": "Lesson 1 is there twice."}
        assert [each.topic for each in weeks(source)] == ["Roots"]

    def test_a_week_and_a_lesson_do_not_mix(self) -> None:
        source = read(course("BOTANY", week(1, "Roots", lesson=1), week(1, "Leaves")))
        assert list(refused(source)) == ["/0/weeks/1/week"]
        assert "/0/weeks/0" in refused(source)["/0/weeks/1/week"]
