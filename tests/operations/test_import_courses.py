"""Importing made-up folders into a database: what is written, what stays, what is reported."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from api.database.queries import load_query
from api.operations.failures import FailureError
from api.operations.import_courses import _SQL, ImportReport, import_courses
from tests.conftest import TestDatabase
from tests.operations.courses import (
    add_materials,
    add_raw_materials,
    course,
    folder,
    material,
    raw_folder,
    week,
)
from tests.support.contents import checksums, wait_until_blocked_by

Import = Callable[..., ImportReport]


@pytest.fixture
def lecturer(database: TestDatabase) -> str:
    """The only lecturer of the database."""
    add_person(database, "teacher@school.example")
    return "teacher@school.example"


@pytest.fixture
def bring_in(database: TestDatabase, lecturer: str, tmp_path: Path) -> Import:  # noqa: ARG001 - it needs one
    """Import a folder of these courses."""

    def run(*courses: Any, **options: Any) -> ImportReport:
        return import_courses(database.admin_url, folder(tmp_path, *courses), **options)

    return run


@pytest.fixture(scope="module")
def untouched(module_database: TestDatabase) -> TestDatabase:
    """A database for imports that come to nothing, with somebody of every kind who could be asked for."""
    add_person(module_database, "teacher@school.example")
    add_person(module_database, "student@school.example", "student")
    add_person(module_database, "gone@school.example", active=False)
    return module_database


def add_person(database: TestDatabase, email: str, role: str = "lecturer", *, active: bool = True) -> UUID:
    user_id: UUID = run(
        database,
        "insert into lms.users (email, full_name, role, password_hash, deactivated_at) "
        "values (%s, 'Somebody', %s, '!', case when not %s then now() end) returning user_id",
        email,
        role,
        active,
    )[0][0]
    return user_id


def add_term(database: TestDatabase, code: str) -> None:
    run(
        database,
        "insert into lms.terms (code, title, starts_on, ends_on) "
        "values (%s, 'Term', '2026-01-01', '2026-02-01')",
        code,
    )


def run(database: TestDatabase, statement: Any, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.admin_url) as connection:
        cursor = connection.execute(statement, parameters)
        assert cursor.rowcount > 0
        return cursor.fetchall() if cursor.description else []


def courses_in(database: TestDatabase) -> dict[str, str]:
    """The code of every course and who teaches it."""
    return dict(
        run(
            database,
            "select code, email from lms.courses join lms.users on user_id = lecturer_id order by code",
        )
    )


def syllabus(database: TestDatabase, code: str) -> list[tuple[Any, ...]]:
    return run(
        database,
        "select week_number, topic, objectives, reading from lms.syllabus_weeks "
        "join lms.courses using (course_id) where code = %s order by week_number",
        code,
    )


def materials_in(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Title, kind, week and version of every material, oldest entry first."""
    return run(database, "select title, kind, week_number, version from lms.materials order by material_id")


def syllabus_versions(database: TestDatabase) -> dict[str, int]:
    return dict(run(database, "select code, syllabus_version from lms.courses"))


class TestWhatIsWritten:
    def test_courses_weeks_and_their_term(self, database: TestDatabase, bring_in: Import) -> None:
        report = bring_in(
            course("BOTANY", week(1, "Roots", description="Dig."), week(3, "Leaves")),
            course("ANATOMY", source="somewhere"),
        )
        assert report.imported == {"terms": 1, "courses": 2, "syllabus_weeks": 4}
        assert report.unchanged == {}
        assert report.refused == []
        assert (report.lecturer, report.term) == ("teacher@school.example", "IMPORTED")
        assert syllabus(database, "BOTANY") == [(1, "Roots", "Dig.", None), (3, "Leaves", None, None)]
        assert run(
            database,
            "select courses.code, courses.title, description, terms.code, state, courses.version "
            "from lms.courses join lms.terms using (term_id) order by courses.code",
        ) == [
            ("ANATOMY", "All about ANATOMY", "Source: somewhere.", "IMPORTED", "draft", 1),
            ("BOTANY", "All about BOTANY", None, "IMPORTED", "draft", 1),
        ]
        ((starts_on, ends_on),) = run(database, "select starts_on, ends_on from lms.terms")
        assert ends_on - starts_on == timedelta(weeks=53, days=-1)

    def test_as_lms_migrate(self, database: TestDatabase, lecturer: str, tmp_path: Path) -> None:
        url = database.server.url(database.name, "lms_migrate")
        assert import_courses(url, folder(tmp_path, course())).lecturer == lecturer
        assert courses_in(database) == {"BOTANY": lecturer}

    def test_what_is_refused_does_not_keep_out_the_rest(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        report = bring_in(
            course("no code"),
            7,
            course("BOTANY", week(1, "Roots"), week(54, "Late"), week(2, ""), week(1, "Again")),
        )
        assert [(each.file, each.place) for each in report.refused] == [
            ("courses.json", "/0/code"),
            ("courses.json", "/1"),
            ("courses.json", "/2/weeks/1/week"),
            ("courses.json", "/2/weeks/2/topic"),
            ("courses.json", "/2/weeks/3/week"),
        ]
        assert report.imported == {"terms": 1, "courses": 1, "syllabus_weeks": 1}
        assert syllabus(database, "BOTANY") == [(1, "Roots", None, None)]

    def test_nothing_where_everything_is_refused(self, database: TestDatabase, bring_in: Import) -> None:
        before = checksums(database.admin_url)
        report = bring_in(course("no code"))
        assert checksums(database.admin_url) == before
        assert report.imported == report.unchanged == {}
        assert [each.place for each in report.refused] == ["/0/code"]

    def test_what_no_import_of_courses_reads_is_told(self, bring_in: Import, tmp_path: Path) -> None:
        (tmp_path / "quizzes.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n')
        (tmp_path / "LICENSE").write_bytes(b"x")
        (tmp_path / "BOTANY" / "pdf").mkdir(parents=True)
        for name in ("roots.pdf", "pdf/leaves.pdf"):
            (tmp_path / "BOTANY" / name).touch()
        report = bring_in(course("BOTANY", week(1, "Roots", section="1-Below")))
        assert report.left_out == {
            "courses.json: 'section'": "1 time",
            "BOTANY/": "2 files",
            "LICENSE": "1 byte",
            "quizzes.jsonl": "2 lines",
        }

    def test_progress_is_told(self, bring_in: Import) -> None:
        told: list[tuple[str, int, int]] = []
        bring_in(course(), on_progress=lambda *step: told.append(step))
        steps = ("courses.json", "courses", "weeks", "materials", "quizzes")
        assert told == [(step, number, 5) for number, step in enumerate(steps, start=1)]


class TestLecturer:
    def test_the_active_one_with_the_oldest_account(self, database: TestDatabase, tmp_path: Path) -> None:
        add_person(database, "boss@school.example", "super_admin")
        add_person(database, "gone@school.example", active=False)
        add_person(database, "student@school.example", "student")
        add_person(database, "zoe@school.example")
        add_person(database, "adam@school.example")
        assert import_courses(database.admin_url, folder(tmp_path, course())).lecturer == "zoe@school.example"
        assert courses_in(database) == {"BOTANY": "zoe@school.example"}

    @pytest.mark.parametrize("spelt", ["adam@school.example", " Adam@School.EXAMPLE "])
    def test_the_one_asked_for(self, database: TestDatabase, bring_in: Import, spelt: str) -> None:
        add_person(database, "adam@school.example")
        assert bring_in(course(), lecturer_email=spelt).lecturer == "adam@school.example"
        assert courses_in(database) == {"BOTANY": "adam@school.example"}

    @pytest.mark.parametrize(
        ("email", "says"),
        [
            ("nobody@school.example", "Nobody has the e-mail address nobody@school.example"),
            ("student@school.example", "student@school.example is no active lecturer"),
            ("gone@school.example", "gone@school.example is no active lecturer"),
            ("no address", "'no address' is no e-mail address"),
            ("", "'' is no e-mail address"),
        ],
    )
    def test_nobody_else(self, untouched: TestDatabase, tmp_path: Path, email: str, says: str) -> None:
        before = checksums(untouched.admin_url)
        with pytest.raises(FailureError, match=says):
            import_courses(untouched.admin_url, folder(tmp_path, course()), lecturer_email=email)
        assert checksums(untouched.admin_url) == before

    def test_there_is_none(self, database: TestDatabase, tmp_path: Path) -> None:
        before = checksums(database.admin_url)
        with pytest.raises(FailureError, match="no lecturer yet"):
            import_courses(database.admin_url, folder(tmp_path, course()))
        assert checksums(database.admin_url) == before


class TestTerm:
    def test_the_one_asked_for(self, database: TestDatabase, bring_in: Import) -> None:
        add_term(database, "T")
        report = bring_in(course(), term_code="T")
        assert report.term == "T"
        assert report.imported == {"courses": 1, "syllabus_weeks": 2}
        assert run(database, "select code, (select count(*) from lms.courses) from lms.terms") == [("T", 1)]

    def test_one_that_is_not_there(self, untouched: TestDatabase, tmp_path: Path) -> None:
        before = checksums(untouched.admin_url)
        with pytest.raises(FailureError, match="no term 2026-AUTUM"):
            import_courses(untouched.admin_url, folder(tmp_path, course()), term_code="2026-AUTUM")
        assert checksums(untouched.admin_url) == before

    def test_one_in_the_archive(self, bring_in: Import, database: TestDatabase) -> None:
        bring_in(course())
        run(database, "update lms.terms set archived_at = now()")
        with pytest.raises(FailureError, match="archive"):
            bring_in(course("ANATOMY"))


class TestAgain:
    def test_the_same_folder_changes_nothing(self, database: TestDatabase, bring_in: Import) -> None:
        given = [course("BOTANY", week(1, "Roots", description="Dig."), week(2, "Leaves")), course("ANATOMY")]
        bring_in(*given)
        before = checksums(database.admin_url)
        report = bring_in(*given)
        assert checksums(database.admin_url) == before
        assert report.imported == {}
        assert report.unchanged == {"courses": 2, "syllabus_weeks": 4}
        assert report.refused == []

    def test_a_changed_week_changes_its_syllabus_and_no_other(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(course("BOTANY"), course("ANATOMY"))
        before = syllabus_versions(database)
        report = bring_in(
            course("BOTANY", week(1, "Roots"), week(2, "Bark", description="Peel."), week(3, "Seeds")),
            course("ANATOMY"),
        )
        assert report.imported == {"syllabus_weeks": 2}
        assert report.unchanged == {"courses": 2, "syllabus_weeks": 3}
        assert syllabus(database, "BOTANY") == [
            (1, "Roots", None, None),
            (2, "Bark", "Peel.", None),
            (3, "Seeds", None, None),
        ]
        assert syllabus_versions(database) == before | {"BOTANY": before["BOTANY"] + 1}

    def test_other_objectives_alone_are_a_change(self, database: TestDatabase, bring_in: Import) -> None:
        bring_in(course("BOTANY", week(1, "Roots", description="Dig."), week(2, "Leaves")))
        before = syllabus_versions(database)
        report = bring_in(course("BOTANY", week(1, "Roots", description="Dig deep."), week(2, "Leaves")))
        assert report.imported == {"syllabus_weeks": 1}
        assert syllabus(database, "BOTANY")[0] == (1, "Roots", "Dig deep.", None)
        assert syllabus_versions(database) == {"BOTANY": before["BOTANY"] + 1}

    def test_what_people_added_stays(self, database: TestDatabase, bring_in: Import) -> None:
        bring_in(course("BOTANY", week(1, "Roots"), week(2, "Leaves")))
        run(database, "update lms.courses set capacity = 12, state = 'published', version = 5")
        run(
            database,
            "update lms.syllabus_weeks set reading = 'Chapter 1', objectives = 'Dig.' where week_number = 1",
        )
        run(
            database,
            "insert into lms.syllabus_weeks (course_id, week_number, topic) "
            "select course_id, 9, 'Excursion' from lms.courses",
        )
        course_before = run(database, "select capacity, state, version, title, updated_at from lms.courses")
        bring_in(course("BOTANY", week(1, "Deep roots")))
        assert syllabus(database, "BOTANY") == [
            (1, "Deep roots", "Dig.", "Chapter 1"),
            (2, "Leaves", None, None),
            (9, "Excursion", None, None),
        ]
        assert (
            run(database, "select capacity, state, version, title, updated_at from lms.courses")
            == course_before
        )

    def test_a_topic_that_somebody_changed_is_brought_back(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        given = course("BOTANY", week(1, "Roots", description="Dig."))
        bring_in(given)
        run(
            database,
            "update lms.syllabus_weeks set topic = 'Wurzeln', objectives = null, reading = 'Chapter 1'",
        )
        assert bring_in(given).imported == {"syllabus_weeks": 1}
        assert syllabus(database, "BOTANY") == [(1, "Roots", "Dig.", "Chapter 1")]

    def test_what_stays_although_the_folder_has_something_else_is_told(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(course("BOTANY"), course("ANATOMY"))
        run(database, "update lms.courses set title = 'Plants', description = 'Green.' where code = 'BOTANY'")
        add_person(database, "adam@school.example")
        add_term(database, "T")
        before = checksums(database.admin_url)
        report = bring_in(
            course("ANATOMY"), course("BOTANY"), lecturer_email="adam@school.example", term_code="T"
        )
        assert checksums(database.admin_url) == before
        assert [(each.place, each.reason.partition(", ")[0]) for each in report.refused] == [
            ("/0", "The course is there with another lecturer"),
            ("/0", "The course is there in another term"),
            ("/1/title", "The course is there with another title"),
            ("/1/description", "The course is there with another one"),
            ("/1", "The course is there with another lecturer"),
            ("/1", "The course is there in another term"),
        ]

    def test_a_week_that_is_refused_now_stays_as_it_was(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(course("BOTANY", week(1, "Roots"), week(2, "Leaves")))
        before = checksums(database.admin_url)
        report = bring_in(course("BOTANY", week(1, "Roots"), week(2, "")))
        assert [each.place for each in report.refused] == ["/0/weeks/1/topic"]
        assert checksums(database.admin_url) == before


class TestMaterials:
    """Of the course BOTANY."""

    @pytest.fixture
    def bring(self, bring_in: Import, tmp_path: Path) -> Import:
        """Import a folder of that course and of these materials."""

        def run(*lines: Any) -> ImportReport:
            add_materials(tmp_path, *lines)
            return bring_in(course("BOTANY"), course("ANATOMY"))

        return run

    def test_each_becomes_a_crawled_material_of_its_course(
        self, database: TestDatabase, bring: Import
    ) -> None:
        report = bring(
            material(1, week=2, source="somewhere"),
            material(2, kind="reference", title=None, course="ANATOMY"),
            material(3, kind="pdf"),
        )
        assert report.imported == {"terms": 1, "courses": 2, "syllabus_weeks": 4, "materials": 3}
        assert report.refused == []
        assert report.left_out == {}
        assert run(
            database,
            "select code, week_number, kind, origin, materials.title, url, metadata, materials.version, "
            "crawled_at = materials.created_at from lms.materials join lms.courses using (course_id) "
            "order by material_id",
        ) == [
            (
                *("BOTANY", 2, "video", "crawled", "Film 1", "https://films.example/1"),
                {"source": "somewhere"},
                1,
                True,
            ),
            (
                *("ANATOMY", None, "link", "crawled", "2", "https://films.example/2"),
                {"source_kind": "reference"},
                1,
                True,
            ),
            (*("BOTANY", None, "pdf", "crawled", "Film 3", "https://films.example/3"), {}, 1, True),
        ]

    def test_what_is_refused_does_not_keep_out_the_rest(self, database: TestDatabase, bring: Import) -> None:
        report = bring(
            material(1),
            material(1, title="Again"),
            7,
            material(2, course="ZOOLOGY"),
            material(3, week=54),
            material(4),
        )
        assert [(each.file, each.place) for each in report.refused] == [
            ("materials.jsonl", "line 2/url"),
            ("materials.jsonl", "line 3"),
            ("materials.jsonl", "line 4/course"),
            ("materials.jsonl", "line 5/week"),
        ]
        assert report.imported["materials"] == 2
        assert materials_in(database) == [("Film 1", "video", None, 1), ("Film 4", "video", None, 1)]

    def test_what_belongs_to_a_course_that_is_refused_is_refused(
        self, bring_in: Import, tmp_path: Path
    ) -> None:
        add_materials(tmp_path, material(1), material(2, course="ANATOMY"))
        report = bring_in(course("BOTANY", title=""), course("ANATOMY"))
        assert [(each.file, each.place) for each in report.refused] == [
            ("courses.json", "/0/title"),
            ("materials.jsonl", "line 1/course"),
        ]
        assert report.imported["materials"] == 1

    def test_what_is_not_imported_is_counted(self, bring: Import) -> None:
        report = bring(
            material(1, url=None, path="roots.md"),
            material(2, colour="green"),
            material(3, url=None, path="leaves.md", text_chars=9),
        )
        assert report.refused == []
        assert report.left_out == {
            "materials.jsonl: what has a path and no address, since files are not imported": "2 lines",
            "materials.jsonl: 'colour'": "1 time",
        }

    def test_the_same_again_changes_nothing(self, database: TestDatabase, bring: Import) -> None:
        given = [
            material(1, week=2, source="somewhere"),
            material(2, title=None),
            material(3, kind="reference"),
        ]
        bring(*given)
        before = checksums(database.admin_url)
        report = bring(*given)
        assert checksums(database.admin_url) == before
        assert report.imported == {}
        assert report.unchanged == {"courses": 2, "syllabus_weeks": 4, "materials": 3}

    @pytest.mark.parametrize(
        "edit",
        [
            "update lms.materials set title = 'Mine' where title = 'Film 1'",
            "update lms.materials set kind = 'link' where title = 'Film 1'",
            "update lms.materials set week_number = 9 where title = 'Film 1'",
            "update lms.materials set week_number = null where title = 'Film 1'",
        ],
        ids=["title", "kind", "week", "no week"],
    )
    def test_kind_title_and_week_that_somebody_changed_are_brought_back(
        self, database: TestDatabase, bring: Import, edit: str
    ) -> None:
        given = [material(1, week=2), material(2, week=2)]
        bring(*given)
        run(database, edit)
        report = bring(*given)
        assert report.imported == {"materials": 1}
        assert report.unchanged["materials"] == 1
        assert materials_in(database) == [("Film 1", "video", 2, 2), ("Film 2", "video", 2, 1)]

    def test_title_and_week_stay_where_the_folder_says_nothing_of_them(
        self, database: TestDatabase, bring: Import
    ) -> None:
        bring(material(1, title=None))
        run(database, "update lms.materials set title = 'Mine', week_number = 9")
        before = checksums(database.admin_url)
        assert bring(material(1, title=None)).imported == {}
        assert checksums(database.admin_url) == before
        assert bring(material(1, title=None, kind="link")).imported == {"materials": 1}
        assert materials_in(database) == [("Mine", "link", 9, 2)]

    def test_what_people_and_crawlers_added_stays(self, database: TestDatabase, bring: Import) -> None:
        bring(material(1, source="somewhere"), material(2))
        run(
            database,
            "update lms.materials set metadata = '{\"minutes\": 9}', crawled_at = '2027-01-01' where title = 'Film 1'",
        )
        # Linked at the address that the folder has, and at one that it no longer has.
        run(
            database,
            "insert into lms.materials (course_id, kind, origin, title, url) "
            "select course_id, 'link', 'linked', 'Mine', url from lms.materials",
        )
        assert bring(material(1, title="New", source="elsewhere")).imported == {"materials": 1}
        assert materials_in(database) == [
            ("New", "video", None, 2),
            ("Film 2", "video", None, 1),
            ("Mine", "link", None, 1),
            ("Mine", "link", None, 1),
        ]
        assert run(
            database, "select metadata, crawled_at = '2027-01-01' from lms.materials where title = 'New'"
        ) == [({"minutes": 9}, True)]

    def test_what_was_deleted_comes_back_and_another_address_is_another_material(
        self, database: TestDatabase, bring: Import
    ) -> None:
        given = [material(1), material(2)]
        bring(*given)
        run(database, "delete from lms.materials where title = 'Film 1'")
        run(database, "update lms.materials set url = 'https://films.example/moved'")
        assert bring(*given).imported == {"materials": 2}
        assert run(database, "select url from lms.materials order by material_id") == [
            ("https://films.example/moved",),
            ("https://films.example/1",),
            ("https://films.example/2",),
        ]

    def test_a_crawler_under_way_is_waited_for(self, database: TestDatabase, bring: Import) -> None:
        """Of both there is one row, which has the title of the folder and the time of the crawl."""
        bring()
        with psycopg.connect(database.admin_url) as crawler, ThreadPoolExecutor() as threads:
            crawler.execute(
                "insert into lms.materials (course_id, kind, origin, title, url, crawled_at) "
                "select course_id, 'link', 'crawled', 'Found', 'https://films.example/1', '2027-01-01' "
                "from lms.courses where code = 'BOTANY'"
            )
            importing = threads.submit(bring, material(1))
            wait_until_blocked_by(database.admin_url, crawler)
            crawler.commit()
            importing.result(30)
        assert materials_in(database) == [("Film 1", "video", None, 2)]
        assert run(database, "select crawled_at = '2027-01-01' from lms.materials") == [(True,)]

    def test_without_its_conflict_clause_the_import_would_fail(
        self, database: TestDatabase, bring: Import
    ) -> None:
        """The control: what looking first and writing then comes to."""
        bring()
        text = load_query("import_courses/put_materials", _SQL).text
        naive = f"{text[: text.index('on conflict')]};"
        document = {
            "course_code": "BOTANY",
            "url": "https://films.example/1",
            "kind": "video",
            "title": "Film 1",
        }
        parameters = [Jsonb([document | {"metadata": {}}])]
        with (
            psycopg.connect(database.admin_url) as first,
            psycopg.connect(database.admin_url) as second,
            ThreadPoolExecutor() as threads,
        ):
            psycopg.RawCursor(first).execute(text.encode(), parameters)
            late = threads.submit(psycopg.RawCursor(second).execute, naive.encode(), parameters)
            wait_until_blocked_by(database.admin_url, first)
            first.commit()
            with pytest.raises(psycopg.errors.UniqueViolation):
                late.result(30)


GOOD = json.dumps([course("BOTANY", week(1, "Roots"))], indent=1).encode()


class TestDamage:
    @pytest.mark.parametrize(
        ("content", "says"),
        [
            pytest.param(b"", "line 1, column 1: this is not JSON", id="empty"),
            pytest.param(GOOD[:60], r"line \d+, column \d+: this is not JSON", id="truncated"),
            pytest.param(b'[\n{"code": BOTANY}\n]', "line 2, column 10: this is not JSON", id="no JSON"),
            pytest.param(GOOD + b"\n[]", "line 13, column 1: this is not JSON", id="two documents"),
            pytest.param(
                '[\n\n{"title": "Bäume"}]'.encode("latin-1"), "line 3: this is not UTF-8", id="Latin-1"
            ),
            pytest.param(GOOD.decode().encode("utf-16"), "line 1: this is not UTF-8", id="UTF-16"),
            pytest.param(b'[\n{"title": "\xed\xa0\xbd"}]', "line 2: this is not UTF-8", id="surrogate"),
            pytest.param(
                b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
                "line 1: this is what Git LFS left.*git lfs pull",
                id="Git LFS pointer",
            ),
            pytest.param(
                b'[\n{"code": "B",\n "weeks": [{"week": 1},\n  {"week": 1, "topic": "{", "w\\u0065ek": 2}]}]',
                r'line 4: the key "w\\u0065ek" is there twice',
                id="key twice",
            ),
            pytest.param(b'[\n{"lessons":\n NaN}]', "line 3: NaN is not a JSON number", id="NaN"),
            pytest.param(b'["NaN", -Infinity]', "line 1: -Infinity is not a JSON number", id="infinity"),
            pytest.param(b"[" * 100_000, "nested thousands of levels deep", id="too deep"),
            pytest.param(b"[" + b"9" * 5_000 + b"]", "a number of thousands of digits", id="huge number"),
            pytest.param(
                b'{"courses": []}', "line 1: expected a list of courses, found an object", id="object"
            ),
            pytest.param(b"null", "line 1: expected a list of courses, found null", id="null"),
        ],
    )
    def test_imports_nothing_and_names_file_and_line(
        self, untouched: TestDatabase, tmp_path: Path, content: bytes, says: str
    ) -> None:
        before = checksums(untouched.admin_url)
        with pytest.raises(FailureError, match=rf"courses\.json.*{says}"):
            import_courses(untouched.admin_url, raw_folder(tmp_path, content))
        assert checksums(untouched.admin_url) == before

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            pytest.param(
                b'{"course": "BOTANY"}\n{"course": "B', "line 2: the file ends in the middle", id="truncated"
            ),
            pytest.param(b'{"title":\n"B\xe4ume"}\n', "line 2: this is not UTF-8", id="Latin-1"),
            pytest.param(json.dumps(material()).encode("utf-16"), "line 1: this is not UTF-8", id="UTF-16"),
            pytest.param(
                b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
                "line 1: this is what Git LFS left.*git lfs pull",
                id="Git LFS pointer",
            ),
        ],
    )
    def test_of_the_materials_imports_no_course_either(
        self, untouched: TestDatabase, tmp_path: Path, content: bytes, says: str
    ) -> None:
        before = checksums(untouched.admin_url)
        add_raw_materials(folder(tmp_path, course()), content)
        with pytest.raises(FailureError, match=rf"materials\.jsonl.*{says}"):
            import_courses(untouched.admin_url, tmp_path)
        assert checksums(untouched.admin_url) == before

    def test_a_folder_in_place_of_the_materials(self, untouched: TestDatabase, tmp_path: Path) -> None:
        (folder(tmp_path, course()) / "materials.jsonl").mkdir()
        with pytest.raises(FailureError, match=r"materials\.jsonl cannot be read: Is a directory"):
            import_courses(untouched.admin_url, tmp_path)

    def test_a_missing_file(self, untouched: TestDatabase, tmp_path: Path) -> None:
        with pytest.raises(FailureError, match=r"There is no file .*courses\.json"):
            import_courses(untouched.admin_url, tmp_path)

    def test_a_folder_in_its_place(self, untouched: TestDatabase, tmp_path: Path) -> None:
        (tmp_path / "courses.json").mkdir()
        with pytest.raises(FailureError, match=r"courses\.json cannot be read: Is a directory"):
            import_courses(untouched.admin_url, tmp_path)

    def test_a_byte_order_mark_is_no_damage(
        self, database: TestDatabase, lecturer: str, tmp_path: Path
    ) -> None:
        import_courses(database.admin_url, raw_folder(tmp_path, b"\xef\xbb\xbf" + GOOD))
        assert courses_in(database) == {"BOTANY": lecturer}

    def test_a_key_in_two_objects_is_no_damage(self, database: TestDatabase, bring_in: Import) -> None:
        bring_in(course("BOTANY", week(1, 'A "week": {'), week(2, '"week": 2, "week": NaN')))
        assert [topic for _, topic, _, _ in syllabus(database, "BOTANY")] == [
            'A "week": {',
            '"week": 2, "week": NaN',
        ]

    def test_what_only_the_database_refuses_leaves_nothing(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        with psycopg.connect(database.admin_url) as connection:
            connection.execute(
                "alter table lms.syllabus_weeks add constraint no_leaves_ck check (topic <> 'Leaves')"
            )
        before = checksums(database.admin_url)
        with pytest.raises(psycopg.errors.CheckViolation, match="no_leaves_ck"):
            bring_in(course())
        assert checksums(database.admin_url) == before


class TestAtOnce:
    def test_an_edit_under_way_is_waited_for_and_stays(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(course("BOTANY", week(1, "Roots")))
        with psycopg.connect(database.admin_url) as editor, ThreadPoolExecutor() as threads:
            editor.execute("update lms.courses set title = 'Plants', syllabus_version = syllabus_version + 1")
            editor.execute("update lms.syllabus_weeks set topic = 'Wurzeln', reading = 'Chapter 1'")
            importing = threads.submit(bring_in, course("BOTANY", week(1, "Roots")))
            wait_until_blocked_by(database.admin_url, editor)
            editor.commit()
            report = importing.result(30)
        assert report.imported == {"syllabus_weeks": 1}
        assert [each.place for each in report.refused] == ["/0/title"]
        assert syllabus(database, "BOTANY") == [(1, "Roots", None, "Chapter 1")]
        assert syllabus_versions(database) == {"BOTANY": 4}

    def test_nobody_edits_between_the_look_and_the_writing(
        self, database: TestDatabase, bring_in: Import
    ) -> None:
        bring_in(course("BOTANY"))
        refused: list[str] = []

        def edit(step: str, _number: int, _total: int) -> None:
            if step == "weeks":
                with (
                    psycopg.connect(database.admin_url, options="-c lock_timeout=100ms") as editor,
                    pytest.raises(psycopg.errors.LockNotAvailable),
                ):
                    editor.execute("update lms.courses set title = 'Plants'")
                refused.append(step)

        bring_in(course("BOTANY"), on_progress=edit)
        assert refused == ["weeks"]

    def test_the_same_folder_twice_is_imported_once(
        self, database: TestDatabase, bring_in: Import, tmp_path: Path
    ) -> None:
        bring_in(course("ANATOMY"))
        with psycopg.connect(database.admin_url) as other, ThreadPoolExecutor() as threads:
            self.add(other, sent_text(), course("BOTANY"))
            importing = threads.submit(import_courses, database.admin_url, folder(tmp_path, course("BOTANY")))
            wait_until_blocked_by(database.admin_url, other)
            other.commit()
            report = importing.result(30)
        assert report.imported == {"syllabus_weeks": 2}
        assert len(courses_in(database)) == 2

    @pytest.mark.parametrize("ordered", [True, False])
    def test_folders_in_opposite_orders_do_not_wait_in_a_circle(
        self, database: TestDatabase, bring_in: Import, *, ordered: bool
    ) -> None:
        """The control is the statement without its order: one of the two dies of a deadlock."""
        bring_in(course("ANATOMY"))
        text = sent_text() if ordered else sent_text().replace("order by course.code", "")
        with (
            psycopg.connect(database.admin_url) as first,
            psycopg.connect(database.admin_url) as second,
            ThreadPoolExecutor() as threads,
        ):
            self.add(first, text, course("BOTANY"))
            opposite = threads.submit(self.add, second, text, course("ZOOLOGY"), course("BOTANY"))
            wait_until_blocked_by(database.admin_url, first)
            failures = 0
            try:
                self.add(first, text, course("ZOOLOGY"))
                first.commit()
            except psycopg.errors.DeadlockDetected:
                failures += 1
                first.rollback()
            try:
                opposite.result(30)
                second.commit()
            except psycopg.errors.DeadlockDetected:
                failures += 1
        assert failures == (0 if ordered else 1)

    @staticmethod
    def add(connection: psycopg.Connection[Any], text: str, *courses: dict[str, Any]) -> None:
        row = connection.execute(
            "select term_id, lecturer_id from lms.courses where code = 'ANATOMY'"
        ).fetchone()
        assert row is not None
        documents = [
            {
                "code": each["code"],
                "title": each["title"],
                "term_id": str(row[0]),
                "lecturer_id": str(row[1]),
                "capacity": 10,
                "state": "draft",
            }
            for each in courses
        ]
        psycopg.RawCursor(connection).execute(text.encode(), [Jsonb(documents)])


def sent_text() -> str:
    text = load_query("import_courses/add_courses", _SQL).text
    assert "order by course.code" in text
    return text
