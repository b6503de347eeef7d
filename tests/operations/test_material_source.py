"""What of a materials.jsonl can be imported, and what is refused, by its line."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.operations.failures import FailureError
from api.operations.material_source import MaterialSource, SourceMaterial, read_materials
from api.operations.source_files import read_lines
from tests.operations.courses import add_materials, add_raw_materials, material

CODES = {"BOTANY", "ANATOMY"}


def source_of(directory: Path) -> MaterialSource:
    return read_materials(read_lines(directory / "materials.jsonl"), CODES)


def read(directory: Path, *lines: Any) -> MaterialSource:
    return source_of(add_materials(directory, *lines))


def read_raw(directory: Path, content: bytes) -> MaterialSource:
    return source_of(add_raw_materials(directory, content))


def refused(source: MaterialSource) -> dict[str, str]:
    assert {each.file for each in source.refused} <= {"materials.jsonl"}
    assert len({each.place for each in source.refused}) == len(source.refused)
    return {each.place: each.reason for each in source.refused}


def titles(source: MaterialSource) -> list[str | None]:
    return [each.title for each in source.materials]


def test_a_line_becomes_a_material(tmp_path: Path) -> None:
    source = read(tmp_path, material(1, week=3, source="csev+py4e", url="HTTPS://Films.Example"))
    assert refused(source) == {}
    assert source.materials == [
        SourceMaterial(
            course_code="BOTANY",
            url="https://films.example/",
            kind="video",
            title="Film 1",
            fallback_title="films.example",
            week_number=3,
            metadata={"source": "csev+py4e"},
        )
    ]


@pytest.mark.parametrize("kind", ["pdf", "video", "link", "slides", "text"])
def test_the_kinds_of_the_service_are_taken(tmp_path: Path, kind: str) -> None:
    (found,) = read(tmp_path, material(kind=kind)).materials
    assert (found.kind, found.metadata) == (kind, {})


@pytest.mark.parametrize("kind", ["reference", "assignment"])
def test_other_kinds_become_links_and_are_noted(tmp_path: Path, kind: str) -> None:
    (found,) = read(tmp_path, material(kind=kind)).materials
    assert (found.kind, found.metadata) == ("link", {"source_kind": kind})


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("A film", "A film"),
        ("  A film ", "A film"),
        ("![A film", "A film"),
        ("![A film]", "A film"),
        ("![A film](https://films.example/1.jpg)", "A film"),
        ("[A film](https://films.example/1", "A film"),
        ("[A film", "A film"),
        ("[draft] A film", "[draft] A film"),
        ("A film [1]", "A film [1]"),
        ("What a film!", "What a film!"),
        ("`ravel` and *more*", "`ravel` and *more*"),
        ("![", None),
        ("", None),
        (" ", None),
        (None, None),
    ],
)
def test_what_is_left_of_an_image_or_a_link_is_cut_off_a_title(
    tmp_path: Path, given: str | None, title: str | None
) -> None:
    source = read(tmp_path, material() | {"title": given})
    assert refused(source) == {}
    assert titles(source) == [title]


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://films.example/install.php", "install.php"),
        ("https://films.example/a/b/?q=1#c", "b"),
        ("https://films.example/two%20%20words%C3%A4", "two words\u00e4"),
        ("https://films.example/", "films.example"),
        ("https://films.example:8443?q=1", "films.example:8443"),
        ("https://films.example/%00%07", "films.example"),
        ("https://films.example/" + "a" * 400, "a" * 300),
    ],
)
def test_the_address_has_a_title_for_what_has_none(tmp_path: Path, url: str, title: str) -> None:
    (found,) = read(tmp_path, material(url=url, title=None)).materials
    assert (found.title, found.fallback_title) == (None, title)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (5, ""),
        (None, ""),
        ([], ""),
        ("BOTANY", ""),
        ({}, "/course"),
        (material(course="ZOOLOGY"), "/course"),
        (material(course=None), "/course"),
        (material(course=7), "/course"),
        (material(course="BOT\0ANY"), "/course"),
        (material(url=None), "/url"),
        (material(url=7), "/url"),
        (material() | {"url": None, "path": "film.mp4"}, "/url"),
        (material(url="films.example/1"), "/url"),
        (material(url="ftp://films.example/1"), "/url"),
        (material(url="https://me:secret@films.example/"), "/url"),
        (material(url="https://films.example/" + "a" * 2_000), "/url"),
        (material(kind=None), "/kind"),
        (material(kind="podcast"), "/kind"),
        (material(kind=["video"]), "/kind"),
        (material(title=7), "/title"),
        (material(title="T" * 301), "/title"),
        (material(title="N\0L"), "/title"),
        (material(title="half a pair \ud83d"), "/title"),
        (material(week=0), "/week"),
        (material(week=54), "/week"),
        (material(week="1"), "/week"),
        (material(week=1.0), "/week"),
        (material(week=True), "/week"),
        (material(source=7), "/source"),
        (material(source="S" * 1_001), "/source"),
        (material(source="S\0"), "/source"),
    ],
)
def test_a_line_that_the_service_would_not_take_is_refused_alone(
    tmp_path: Path, given: Any, place: str
) -> None:
    source = read(tmp_path, material(8), given, material(9))
    assert f"line 2{place}" in refused(source)
    assert {found.partition("/")[0] for found in refused(source)} == {"line 2"}
    assert "secret" not in str(refused(source))
    assert titles(source) == ["Film 8", "Film 9"]


def test_all_that_is_wrong_with_a_line_is_told_at_once(tmp_path: Path) -> None:
    source = read(tmp_path, material(kind="podcast", week=99))
    assert list(refused(source)) == ["line 1/kind", "line 1/week"]


def test_the_first_of_two_with_one_address_wins(tmp_path: Path) -> None:
    source = read(
        tmp_path,
        material(1),
        material(2),
        material(1, title="Again", week=7),
        material(1, title="Spelt otherwise", url="HTTPS://FILMS.EXAMPLE:443/1"),
        material(1, title="Elsewhere", course="ANATOMY"),
    )
    assert refused(source) == {
        "line 3/url": "The address is there already: see line 1.",
        "line 4/url": "The address is there already: see line 1.",
    }
    assert titles(source) == ["Film 1", "Film 2", "Elsewhere"]


def test_an_address_that_was_refused_is_not_there_already(tmp_path: Path) -> None:
    source = read(tmp_path, material(1, week=99), material(1))
    assert list(refused(source)) == ["line 1/week"]
    assert titles(source) == ["Film 1"]


def test_files_are_counted_and_left_out(tmp_path: Path) -> None:
    source = read(tmp_path, material(url=None, path="film.mp4", text_chars=9), material(2, path="film.mp4"))
    assert refused(source) == {}
    assert source.files == 1
    assert titles(source) == ["Film 2"]


def test_keys_that_mean_nothing_are_counted(tmp_path: Path) -> None:
    source = read(tmp_path, material(1, colour="green"), material(2, colour="red", size=9))
    assert refused(source) == {}
    assert source.unknown_keys == {"colour": 2, "size": 1}


LINE = json.dumps(material()).encode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{'course': 1}", "This is not JSON: see column 2 "),
        (LINE[:-1], "This is not JSON"),
        (LINE + LINE, "This is not JSON"),
        (b'{"week": 1, "w\\u0065ek": 2}', 'The key "week" is there twice in one object.'),
        (b'{"week": NaN}', "NaN is not a JSON number."),
        (b'{"a": [{"b": -Infinity}]}', "-Infinity is not a JSON number."),
        (b"[" * 100_000, "This is nested thousands of levels deep"),
        (b'{"week": ' + b"9" * 5_000 + b"}", "or has a number of thousands of digits"),
    ],
)
def test_a_line_that_is_not_json_is_refused_alone(tmp_path: Path, line: bytes, reason: str) -> None:
    source = read_raw(tmp_path, b"\n".join([b"", line, LINE, b""]))
    assert list(refused(source)) == ["line 2"]
    assert reason in refused(source)["line 2"]
    assert titles(source) == ["Film 1"]


@pytest.mark.parametrize(
    "content",
    [
        LINE,
        b"\xef\xbb\xbf" + LINE + b"\n",
        LINE + b"\r\n\r\n",
        b" \n\n" + LINE + b"\n \n",
        # Ends a line of text, not one of the file.
        json.dumps(material() | {"source": "a\u2028b\x85c"}, ensure_ascii=False).encode(),
    ],
    ids=["no last line end", "byte order mark", "CRLF", "empty lines", "other line ends"],
)
def test_these_are_no_damage(tmp_path: Path, content: bytes) -> None:
    source = read_raw(tmp_path, content)
    assert refused(source) == {}
    assert titles(source) == ["Film 1"]


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_an_empty_file_and_none_are_the_same(tmp_path: Path, content: bytes) -> None:
    assert read_lines(tmp_path / "materials.jsonl") == []
    assert read_raw(tmp_path, content) == MaterialSource()


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_only_a_line_without_an_end_is_cut_off(tmp_path: Path, end: bytes) -> None:
    content = LINE + b"\n" + LINE[:20] + end
    if end:
        assert list(refused(read_raw(tmp_path, content))) == ["line 2"]
    else:
        with pytest.raises(
            FailureError, match=r"materials\.jsonl, line 2: the file ends in the middle of a line"
        ):
            read_raw(tmp_path, content)
