"""Materials: who sees them, what an address is, what a crawler may write over, and what becomes of two at once."""

import json
import random
import re
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from api.database.queries import load_query
from api.models.materials import canonical_url
from tests.conftest import TestDatabase
from tests.http.matrix import token_hash
from tests.http.support import Client, at_once, blamed
from tests.support.contents import wait_until_blocked_by
from tests.support.school import School, token_for

pytestmark = pytest.mark.usefixtures("restored")

FILM = {"kind": "video", "title": "A film", "url": "https://films.example/1"}
MONDAY = "2026-01-05T06:00:00+00:00"
TUESDAY = "2026-01-06T06:00:00+00:00"


@pytest.fixture
def materials(course: str) -> str:
    """The address of the materials of lecturer's course."""
    return f"{course}/materials"


@pytest.fixture
def film(lecturer: Client, materials: str) -> str:
    """The address of a material that lecturer linked."""
    return str(lecturer.post(materials, FILM).headers["location"])


def crawled(client: Client, materials: str, at: str = MONDAY, **changes: Any) -> httpx.Response:
    return client.put(f"{materials}/crawled", FILM | {"crawled_at": at} | changes)


def kept(admin: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Title and version of every material that is there, oldest entry first."""
    return admin.execute("select title, version from lms.materials order by material_id").fetchall()


@pytest.fixture(autouse=True)
def _empty(restored: object, admin: psycopg.Connection[Any]) -> None:  # noqa: ARG001 - it puts back what goes
    admin.execute("delete from lms.materials")


class TestSeeing:
    @pytest.mark.parametrize(
        ("state", "course_state", "status"),
        [
            ("active", "published", 200),
            ("active", "closed", 200),
            ("active", "draft", 404),
            ("completed", "published", 200),
            ("completed", "closed", 200),
            ("invited", "published", 404),
            ("dropped", "published", 404),
            (None, "published", 404),
        ],
    )
    def test_whoever_is_on_the_course_sees_its_materials_and_writes_none(
        self,
        service: httpx.Client,
        school: School,
        admin: psycopg.Connection[Any],
        materials: str,
        film: str,
        state: str | None,
        course_state: str,
        status: int,
    ) -> None:
        ids = {"student": school.principals["student"].user_id, "course": school.own["course_id"]}
        admin.execute("delete from lms.student_enrollments where student_id = %(student)s", ids)
        if state is not None:
            admin.execute(
                "insert into lms.student_enrollments (student_id, course_id, state) "
                "values (%(student)s, %(course)s, %(state)s)",
                ids | {"state": state},
            )
        admin.execute(
            "update lms.courses set state = %(state)s where course_id = %(course)s",
            ids | {"state": course_state},
        )
        student = Client(service, school, "student")
        for address in (materials, f"{materials}?week_number=1", f"{materials}?count=true", film):
            assert student.get(address).status_code == status, address
        before = kept(admin)
        assert student.post(materials, FILM).status_code == 404
        assert crawled(student, materials).status_code == 404
        assert student.patch(film, {"title": "Mine"}).status_code == 404
        assert student.delete(film).status_code == 404
        assert kept(admin) == before

    def test_what_another_lecturer_has_is_not_there(
        self, lecturer: Client, other_lecturer: Client, materials: str, film: str
    ) -> None:
        absent = materials.replace(materials.split("/")[2], str(uuid4()))
        for address in (materials, film, absent, f"/materials/{uuid4()}"):
            assert other_lecturer.get(address).status_code == 404
        assert crawled(other_lecturer, materials).status_code == 404
        assert lecturer.get(film).status_code == 200


class TestList:
    def test_the_oldest_entry_comes_first_and_a_week_is_a_part_of_it(
        self, lecturer: Client, materials: str
    ) -> None:
        weeks = [None, 2, 1, 2, 3, 2]
        for number, week in enumerate(weeks):
            lecturer.post(materials, FILM | {"title": f"Film {number}", "week_number": week})

        def titles(query: str) -> list[str]:
            return [item["title"] for item in lecturer.get(materials + query).json()["items"]]

        assert titles("") == [f"Film {number}" for number in range(6)]
        assert titles("?week_number=2") == ["Film 1", "Film 3", "Film 5"]
        assert titles("?week_number=53") == []
        assert titles("?week_number=2&offset=1&limit=1") == ["Film 3"]

    @pytest.mark.parametrize("query", ["", "week_number=1&"])
    def test_the_pages_together_are_the_list(self, lecturer: Client, materials: str, query: str) -> None:
        made = [
            lecturer.post(materials, FILM | {"title": f"Film {number}", "week_number": 1}).json()["id"]
            for number in range(7)
        ]
        seen, address = [], f"{materials}?{query}limit=3&count=true"
        while True:
            page = lecturer.get(address).json()
            assert (page["total"], page["total_is_lower_bound"]) == (7, False)
            seen += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            address = f"{materials}?{query}limit=3&count=true&cursor={page['next']}"
        assert seen == made

    def test_a_list_shows_what_a_read_shows(self, lecturer: Client, materials: str, film: str) -> None:
        for query in ("", "?week_number=4"):
            lecturer.patch(film, {"week_number": 4})
            assert lecturer.get(materials + query).json()["items"] == [lecturer.get(film).json()]

    @pytest.mark.parametrize("week", ["0", "54", "1.0", "one", "", "1e1"])
    def test_a_week_that_is_none_is_refused(self, lecturer: Client, materials: str, week: str) -> None:
        answer = lecturer.get(f"{materials}?week_number={week}")
        assert (answer.status_code, blamed(answer)) == (422, ["week_number"])


class TestLinking:
    def test_what_is_sent_is_what_is_kept(self, lecturer: Client, school: School, materials: str) -> None:
        metadata = {
            "pages": 12,
            "licence": "CC-BY-4.0",
            "authors": ["A", "B"],
            "nested": {"deep": [None, 1.5]},
        }
        sent = FILM | {"week_number": 3, "metadata": metadata}
        answer = lecturer.post(materials, sent)
        made = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"/materials/{made['id']}"
        assert made == sent | {
            "id": made["id"],
            "course_id": str(school.own["course_id"]),
            "origin": "linked",
            "file": None,
            "crawled_at": None,
            "version": 1,
            "created_at": made["created_at"],
            "updated_at": made["created_at"],
        }
        read = lecturer.get(answer.headers["location"])
        assert (read.json(), read.headers["etag"]) == (made, answer.headers["etag"])

    def test_one_key_makes_one_material(
        self, lecturer: Client, materials: str, admin: psycopg.Connection[Any]
    ) -> None:
        answers = at_once([partial(lecturer.post, materials, FILM, **{"Idempotency-Key": "a"})] * 10)
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert kept(admin) == [("A film", 1)]

    def test_an_address_may_be_linked_twice(
        self, lecturer: Client, materials: str, admin: psycopg.Connection[Any]
    ) -> None:
        for _ in range(2):
            assert lecturer.post(materials, FILM).status_code == 201
        assert crawled(lecturer, materials).status_code == 200
        assert len(kept(admin)) == 3

    def test_it_goes_with_its_course(
        self, lecturer: Client, course: str, film: str, admin: psycopg.Connection[Any]
    ) -> None:
        admin.execute("delete from lms.quiz_attempts")
        admin.execute("delete from lms.student_enrollments")
        assert lecturer.delete(course).status_code == 204
        assert lecturer.get(film).status_code == 404
        assert kept(admin) == []

    def test_it_can_be_taken_off(self, lecturer: Client, film: str, admin: psycopg.Connection[Any]) -> None:
        late = lecturer.delete(film, '"7"')
        assert (late.status_code, late.json()["version"]) == (412, 1)
        assert lecturer.delete(film, '"1"').status_code == 204
        assert lecturer.get(film).status_code == lecturer.delete(film).status_code == 404
        assert kept(admin) == []


class TestAddresses:
    @pytest.mark.parametrize(
        ("sent", "found"),
        [
            ("https://films.example", "https://films.example/"),
            (" HTTPS://Films.Example:443/A?b=C#d ", "https://films.example/A?b=C#d"),
            (
                "http://b\u00fccher.example/\u00e4 \u00f6?q=\u00fc",
                "http://xn--bcher-kva.example/%C3%A4%20%C3%B6?q=%C3%BC",
            ),
            ("https://films.example:8443/a/../b/./c", "https://films.example:8443/b/c"),
            ("https://films.example/%C3%A4?a=b%20c", "https://films.example/%C3%A4?a=b%20c"),
            ("http://[2001:DB8::1]/", "http://[2001:db8::1]/"),
        ],
    )
    def test_there_is_one_form_for_an_address(
        self, lecturer: Client, materials: str, film: str, sent: str, found: str
    ) -> None:
        assert lecturer.post(materials, FILM | {"url": sent}).json()["url"] == found
        assert lecturer.patch(film, {"url": sent}).json()["url"] == found
        assert crawled(lecturer, materials, url=sent).json()["url"] == found

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "films.example",
            "//films.example/1",
            "http:films.example",
            "http:\\\\films.example",
            "https:///1",
            "ftp://films.example/1",
            "javascript:alert(1)",
            "data:text/html,1",
            "FILE:///etc/hosts",
            "https://me:secret@films.example/",
            "https://me@films.example/",
            "https://films.example/a\nb",
            "https://films.example/a\tb",
            "https://fi lms.example/",
            "https://films.example:99999/",
            "https://films.example/" + "a" * 1_979,
            # 401 characters, and 2,404 in ASCII.
            "https://f.ex/" + "\u00e4" * 400,
            5,
            None,
            ["https://films.example/1"],
        ],
    )
    def test_what_is_none_is_refused(self, lecturer: Client, materials: str, film: str, url: Any) -> None:
        before = lecturer.get(film).content
        for answer in (
            lecturer.post(materials, FILM | {"url": url}),
            lecturer.patch(film, {"url": url}),
            crawled(lecturer, materials, url=url),
        ):
            assert (answer.status_code, blamed(answer)) == (422, ["/url"]), answer.text
            assert "secret" not in answer.text
        assert lecturer.get(film).content == before

    def test_whatever_is_taken_is_ascii_without_a_user_and_reads_as_itself(self) -> None:
        pieces = [*"abcXYZ09.-_~:/?#[]@!$&'()*+,;=%<>\"{}|^`\\ \t\n", "\u00e4", "\u3002", "\u00ad", "\u65e5"]
        pieces += ["..", "//", "%41", "%00", "xn--", "\0", "\x7f", "\u2028", "\uff20", "\ud83d"]
        beginnings = [
            "http://",
            "HTTPS://",
            "https:",
            "https://a.example/",
            "https://a.example?",
            "https://a:b@",
        ]
        rng = random.Random(1)  # noqa: S311 - the same addresses in every run
        taken = 0
        for _ in range(5_000):
            given = rng.choice(beginnings) + "".join(rng.choices(pieces, k=rng.randrange(12)))
            with suppress(ValueError):
                found = canonical_url(given)
                taken += 1
                assert re.fullmatch(r"https?://[!-?A-~]+(/[!-~]*)", found), given
                assert canonical_url(found) == found, given
        assert 500 < taken < 4_500

    def test_the_longest_there_may_be(self, lecturer: Client, materials: str) -> None:
        url = "https://films.example/" + "a" * 1_978
        assert lecturer.post(materials, FILM | {"url": url}).json()["url"] == url
        assert crawled(lecturer, materials, url=url).status_code == 200


class TestWeeks:
    @pytest.mark.parametrize("week", [0, 54, -1, 2**40, 1.0, "1", True, [1]])
    def test_what_is_none_is_refused(self, lecturer: Client, materials: str, film: str, week: Any) -> None:
        for answer in (
            lecturer.post(materials, FILM | {"week_number": week}),
            lecturer.patch(film, {"week_number": week}),
            crawled(lecturer, materials, week_number=week),
        ):
            assert (answer.status_code, blamed(answer)) == (422, ["/week_number"])

    @pytest.mark.parametrize("week", [1, 53, None])
    def test_the_syllabus_need_not_have_it(
        self, lecturer: Client, materials: str, film: str, week: int | None
    ) -> None:
        for answer in (
            lecturer.post(materials, FILM | {"week_number": week}),
            lecturer.patch(film, {"week_number": week}),
            crawled(lecturer, materials, week_number=week),
        ):
            assert answer.json()["week_number"] == week


class TestMetadata:
    @pytest.mark.parametrize("metadata", [[], "text", 5, None, True])
    def test_anything_but_an_object_is_refused(
        self, lecturer: Client, materials: str, film: str, metadata: Any
    ) -> None:
        for answer in (
            lecturer.post(materials, FILM | {"metadata": metadata}),
            lecturer.patch(film, {"metadata": metadata}),
            crawled(lecturer, materials, metadata=metadata),
        ):
            assert (answer.status_code, blamed(answer)) == (422, ["/metadata"])

    @pytest.mark.parametrize(
        ("metadata", "fits"),
        [
            ({"a": "x" * 16_000}, True),
            ({"a": "x" * 16_400}, False),
            ({"a": list(range(5_000))}, False),
        ],
        ids=["16,000 characters", "16,400 characters", "5,000 numbers"],
    )
    def test_it_holds_sixteen_kibibytes(
        self, lecturer: Client, materials: str, film: str, metadata: dict[str, Any], *, fits: bool
    ) -> None:
        for answer in (
            lecturer.post(materials, FILM | {"metadata": metadata}),
            lecturer.patch(film, {"metadata": metadata}),
            crawled(lecturer, materials, metadata=metadata),
        ):
            if fits:
                assert answer.json()["metadata"] == metadata
            else:
                assert (answer.status_code, blamed(answer)) == (422, ["/metadata"])

    def test_a_patch_replaces_all_of_it(self, lecturer: Client, film: str) -> None:
        lecturer.patch(film, {"metadata": {"pages": 12, "nested": {"a": 1, "b": 2}}})
        after = lecturer.patch(film, {"metadata": {"nested": {"b": None}}}).json()
        assert after["metadata"] == {"nested": {"b": None}}
        assert lecturer.patch(film, {"title": "New"}).json()["metadata"] == {"nested": {"b": None}}
        assert lecturer.patch(film, {"metadata": {}}).json()["metadata"] == {}


class TestChanging:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("kind", "slides"),
            ("title", "Another film"),
            ("url", "https://films.example/2"),
            ("week_number", 7),
            ("metadata", {"minutes": 90}),
        ],
    )
    def test_a_patch_changes_what_it_names_and_nothing_else(
        self, lecturer: Client, film: str, name: str, value: Any
    ) -> None:
        before = lecturer.get(film).json()
        after = lecturer.patch(film, {name: value}).json()
        assert after == before | {name: value, "version": 2, "updated_at": after["updated_at"]}
        assert after["updated_at"] > before["updated_at"]
        assert lecturer.get(film).json() == after

    def test_null_puts_it_to_all_weeks_and_absence_keeps_the_week(self, lecturer: Client, film: str) -> None:
        assert lecturer.patch(film, {"week_number": 3}).json()["week_number"] == 3
        assert lecturer.patch(film, {"title": "New"}).json()["week_number"] == 3
        assert lecturer.patch(film, {"week_number": None}).json()["week_number"] is None

    @pytest.mark.parametrize("name", ["kind", "title", "url", "metadata"])
    def test_null_does_not_clear_the_rest(self, lecturer: Client, film: str, name: str) -> None:
        answer = lecturer.patch(film, {name: None})
        assert (answer.status_code, blamed(answer)) == (422, [f"/{name}"])

    @pytest.mark.parametrize("name", ["origin", "crawled_at", "course_id", "id", "version"])
    def test_nobody_says_where_it_came_from(
        self, lecturer: Client, materials: str, film: str, name: str
    ) -> None:
        for answer in (
            lecturer.patch(film, {name: "crawled"}),
            lecturer.post(materials, FILM | {name: "crawled"}),
        ):
            assert (answer.status_code, blamed(answer)) == (422, [f"/{name}"])

    def test_one_crawled_address_cannot_become_another(self, lecturer: Client, materials: str) -> None:
        first = crawled(lecturer, materials).headers["content-location"]
        other = crawled(lecturer, materials, url="https://films.example/2").headers["content-location"]
        answer = lecturer.patch(other, {"url": FILM["url"]})
        assert (answer.status_code, blamed(answer)) == (409, ["/url"])
        assert lecturer.get(other).json()["version"] == 1
        # Freed, it can.
        lecturer.patch(first, {"url": "https://films.example/3"})
        assert lecturer.patch(other, {"url": FILM["url"]}).json()["version"] == 2

    def test_of_two_who_saw_one_version_the_second_is_told(self, lecturer: Client, film: str) -> None:
        tag = lecturer.get(film).headers["etag"]
        assert lecturer.patch(film, {"title": "First"}, tag).status_code == 200
        late = lecturer.patch(film, {"title": "Second"}, tag)
        assert (late.status_code, late.json()["version"]) == (412, 2)
        assert lecturer.get(film).json()["title"] == "First"


class TestCrawling:
    def test_what_was_found_first_is_a_new_material(
        self, lecturer: Client, school: School, materials: str
    ) -> None:
        answer = crawled(lecturer, materials, week_number=2, metadata={"minutes": 90})
        found = answer.json()
        assert answer.status_code == 200
        assert found == FILM | {
            "id": found["id"],
            "course_id": str(school.own["course_id"]),
            "week_number": 2,
            "origin": "crawled",
            "file": None,
            "crawled_at": MONDAY,
            "metadata": {"minutes": 90},
            "version": 1,
            "created_at": found["created_at"],
            "updated_at": found["created_at"],
        }
        read = lecturer.get(answer.headers["content-location"])
        assert (read.json(), read.headers["etag"]) == (found, answer.headers["etag"])

    def test_the_same_again_changes_nothing(self, lecturer: Client, materials: str) -> None:
        first = crawled(lecturer, materials)
        again = crawled(lecturer, materials, url="HTTPS://FILMS.EXAMPLE:443/1")
        assert again.content == first.content
        assert again.headers["etag"] == first.headers["etag"]
        assert lecturer.get(first.headers["content-location"]).content == first.content

    def test_a_newer_crawl_replaces_all_but_the_address(self, lecturer: Client, materials: str) -> None:
        first = crawled(lecturer, materials, week_number=2, metadata={"minutes": 90}).json()
        changes = {"kind": "link", "title": "Gone", "week_number": None, "metadata": {"status": 404}}
        after = crawled(lecturer, materials, TUESDAY, **changes).json()
        assert after == first | changes | {
            "crawled_at": TUESDAY,
            "version": 2,
            "updated_at": after["updated_at"],
        }
        assert lecturer.get(f"/materials/{first['id']}").json() == after

    def test_an_older_crawl_changes_nothing_and_is_told_what_is_kept(
        self, lecturer: Client, materials: str
    ) -> None:
        newest = crawled(lecturer, materials, TUESDAY)
        late = crawled(
            lecturer, materials, MONDAY, title="Old", kind="text", week_number=9, metadata={"a": 1}
        )
        assert (late.status_code, late.content) == (200, newest.content)
        assert late.headers["content-location"] == newest.headers["content-location"]
        assert lecturer.get(newest.headers["content-location"]).content == newest.content

    def test_times_are_compared_whatever_their_offset(self, lecturer: Client, materials: str) -> None:
        crawled(lecturer, materials, "2026-01-05T06:00:00Z")
        assert crawled(lecturer, materials, "2026-01-05T08:30:00+03:00", title="Older").json()["version"] == 1
        assert crawled(lecturer, materials, "2026-01-05T05:30:00-03:00", title="Newer").json()["version"] == 2

    def test_each_course_has_its_own(
        self, lecturer: Client, other_lecturer: Client, school: School, materials: str
    ) -> None:
        theirs = f"/courses/{school.foreign['course_id']}/materials"
        first = crawled(lecturer, materials).json()
        second = crawled(other_lecturer, theirs, TUESDAY, title="Theirs").json()
        assert first["id"] != second["id"]
        assert lecturer.get(f"/materials/{first['id']}").json()["title"] == "A film"

    @pytest.mark.parametrize(("minutes", "status"), [(4, 200), (6, 422), (60 * 24 * 365, 422)])
    def test_clocks_may_differ_by_five_minutes(
        self, lecturer: Client, materials: str, minutes: int, status: int
    ) -> None:
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        answer = crawled(lecturer, materials, at.isoformat())
        assert (answer.status_code, blamed(answer)) == (status, ["/crawled_at"] if status == 422 else [])

    @pytest.mark.parametrize(
        "at",
        [
            "2026-01-05",
            "2026-01-05T06:00:00",
            "2026-01-05 06:00:00Z",
            "1767592800",
            1767592800,
            "0001-01-01T00:00:00+14:00",
            "1989-12-31T23:59:59Z",
            "9999-12-31T23:59:59-14:00",
            "2026-02-30T06:00:00Z",
            "infinity",
            "now",
            None,
        ],
    )
    def test_a_time_that_is_none_is_refused(self, lecturer: Client, materials: str, at: Any) -> None:
        answer = crawled(lecturer, materials, at)
        assert (answer.status_code, blamed(answer)) == (422, ["/crawled_at"])

    def test_the_time_is_needed(self, lecturer: Client, materials: str) -> None:
        answer = lecturer.put(f"{materials}/crawled", FILM)
        assert (answer.status_code, blamed(answer)) == (422, ["/crawled_at"])


# Races


def test_twenty_crawlers_at_once_make_one_row_of_the_latest(
    lecturer: Client, materials: str, admin: psycopg.Connection[Any]
) -> None:
    times = [datetime(2026, 1, 1 + day, tzinfo=UTC).isoformat() for day in (7, 3, 19, 1, 12) * 4]
    answers = at_once([partial(crawled, lecturer, materials, at, title=at) for at in times])
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    # Nobody is told of an older crawl than their own.
    assert all(answer.json()["crawled_at"] >= at for at, answer in zip(times, answers, strict=True))
    assert [title for title, _ in kept(admin)] == [max(times)]


PUT = load_query("materials/put_crawled_material").text
CREATE = load_query("materials/create_material").text
LOCK = "    for key share of courses\n"


def _sent(school: School, statement: str, *parameters: object) -> tuple[bytes, list[object]]:
    return statement.encode(), [token_hash(token_for("lecturer")), school.own["course_id"], *parameters]


def _crawl(school: School, statement: str, at: str) -> tuple[bytes, list[object]]:
    return _sent(school, statement, None, "video", f"Found {at}", FILM["url"], at, "{}")


def _second_of_two(
    database: TestDatabase, first: tuple[bytes, list[object]], second: tuple[bytes, list[object]]
) -> Any:
    """Two statements, the second sent before the first is committed: the row, or the error, of the second."""
    got: list[Any] = []

    def send(connection: psycopg.Connection[Any]) -> None:
        try:
            got.append(psycopg.RawCursor(connection).execute(*second).fetchone())
        except psycopg.Error as error:
            got.append(error)

    with psycopg.connect(database.admin_url) as holder, psycopg.connect(database.admin_url) as waiter:
        psycopg.RawCursor(holder).execute(*first)
        waiting = threading.Thread(target=send, args=(waiter,))
        waiting.start()
        wait_until_blocked_by(database.admin_url, holder)
        holder.commit()
        waiting.join(30)
    (found,) = got
    return found


@pytest.mark.parametrize(("first", "second"), [(MONDAY, TUESDAY), (TUESDAY, MONDAY), (MONDAY, MONDAY)])
def test_the_second_crawler_waits_and_is_told_the_latest(
    module_database: TestDatabase, school: School, admin: psycopg.Connection[Any], first: str, second: str
) -> None:
    document, version = _second_of_two(
        module_database, _crawl(school, PUT, first), _crawl(school, PUT, second)
    )
    latest = max(first, second)
    assert document["title"] == f"Found {latest}"
    assert datetime.fromisoformat(document["crawled_at"]) == datetime.fromisoformat(latest)
    assert version == (2 if second > first else 1)
    assert kept(admin) == [(f"Found {latest}", version)]


def test_a_crawler_that_writes_only_what_is_newer_would_be_told_nothing(
    module_database: TestDatabase, school: School
) -> None:
    """The control: the row that another put there cannot be seen, so an older crawl would be a 404."""
    always = PUT[PUT.index("set (week_number") : PUT.index("    returning\n")]
    lazy = PUT.replace(
        always, "set title = excluded.title where excluded.crawled_at > materials.crawled_at\n"
    )
    assert _second_of_two(module_database, _crawl(school, PUT, TUESDAY), _crawl(school, lazy, MONDAY)) == (
        None,
        None,
    )


def test_a_crawler_that_looks_before_it_writes_would_fail(
    module_database: TestDatabase, school: School
) -> None:
    """The control: what `on conflict` spares."""
    naive = PUT[: PUT.index("    on conflict")] + PUT[PUT.index("    returning\n") :]
    found = _second_of_two(module_database, _crawl(school, PUT, MONDAY), _crawl(school, naive, TUESDAY))
    assert isinstance(found, psycopg.errors.UniqueViolation)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        (CREATE, (None, "video", "A film", FILM["url"], "{}")),
        (PUT, (None, "video", "A film", FILM["url"], MONDAY, "{}")),
    ],
    ids=["linked", "crawled"],
)
@pytest.mark.parametrize("locked", [True, False])
def test_a_course_that_is_deleted_meanwhile_is_not_there(
    module_database: TestDatabase, school: School, text: str, parameters: tuple[object, ...], *, locked: bool
) -> None:
    """The control is the statement without its lock: it runs into the foreign key."""
    assert text.count(LOCK) == 1
    gone = UUID(str(school.own["course_id"]))
    with psycopg.connect(module_database.admin_url) as connection:
        connection.execute("delete from lms.quiz_attempts")
        connection.execute("delete from lms.student_enrollments")
    found = _second_of_two(
        module_database,
        (b"delete from lms.courses where course_id = $1", [gone]),
        _sent(school, text if locked else text.replace(LOCK, ""), *parameters),
    )
    if locked:
        assert found == (None, None)
    else:
        assert isinstance(found, psycopg.errors.ForeignKeyViolation)


def test_a_change_under_way_is_waited_for_and_told(
    module_database: TestDatabase, lecturer: Client, film: str
) -> None:
    update = load_query("materials/update_material").text
    statements = [
        (
            update.encode(),
            [
                token_hash(token_for("lecturer")),
                UUID(film.rpartition("/")[2]),
                1,
                json.dumps({"title": title}),
            ],
        )
        for title in ("First", "Second")
    ]
    assert _second_of_two(module_database, *statements) == (None, 2)
    assert lecturer.get(film).json()["title"] == "First"
