"""Reading the files of the OULAD strictly: what a line says, and what damage is called."""

import re
from pathlib import Path

import pytest

from api.operations.failures import FailureError
from api.operations.oulad_source import COURSES, FILES, REGISTRATIONS, STUDENTS, SourceFile, read_lines
from tests.operations.oulad import HEADERS, PERSON, folder, student, text_of, write

GOOD = text_of("courses.csv", [("AAA", "2013J", "268"), ("BBB", "2014B", "234")])
LINES = [(2, "AAA", "2013J", "268"), (3, "BBB", "2014B", "234")]


def test_a_line_comes_with_its_number_and_without_what_it_says_of_a_person(tmp_path: Path) -> None:
    source = folder(tmp_path, students=[student(7), student(8, result="Withdrawn")])
    assert list(read_lines(source, STUDENTS)) == [
        (2, "AAA", "2013J", "7", "Pass"),
        (3, "AAA", "2013J", "8", "Withdrawn"),
    ]
    assert len(STUDENTS.left_out) == len(PERSON)


def test_the_headers_are_those_of_the_dataset() -> None:
    assert {file.name: ",".join(file.columns) for file in FILES} == HEADERS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_imported_and_what_is_left_out_is_all_there_is(file: SourceFile) -> None:
    assert sorted([*file.imported, *file.left_out]) == sorted(file.columns)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(GOOD, id="as the dataset has it"),
        pytest.param(GOOD.replace('"', ""), id="without quotes"),
        pytest.param("\ufeff" + GOOD, id="byte order mark"),
        pytest.param(GOOD.replace("\n", "\r\n"), id="CR LF"),
    ],
)
def test_one_table_is_written_in_many_ways(tmp_path: Path, content: str) -> None:
    write(tmp_path, "courses.csv", content)
    assert list(read_lines(tmp_path, COURSES)) == LINES


def test_a_header_alone_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path, "courses.csv", text_of("courses.csv", []))
    assert list(read_lines(tmp_path, COURSES)) == []


def test_what_is_quoted_may_hold_commas_and_quotes(tmp_path: Path) -> None:
    write(tmp_path, "courses.csv", f'{HEADERS["courses.csv"]}\n"A,B","2013J ""late""",268\n')
    assert list(read_lines(tmp_path, COURSES)) == [(2, "A,B", '2013J "late"', "268")]


DAMAGE = [
    pytest.param("", r": this file is empty\.", id="empty"),
    pytest.param("\ufeff", r": this file is empty\.", id="empty but for a byte order mark"),
    pytest.param("\n", r", line 1: expected the columns code_module, code_presentation", id="no header"),
    pytest.param(GOOD.split("\n", 1)[1], r", line 1: expected the columns", id="lines without a header"),
    pytest.param(GOOD.replace('"module_pres', '"Module_pres'), r", line 1: expected the c", id="column"),
    pytest.param(GOOD.replace(",", ";"), r", line 1: this is not CSV", id="semicolons"),
    pytest.param("code_module;code_presentation\n", r", line 1: expected the c", id="semicolons, no quotes"),
    pytest.param(text_of("studentInfo.csv", []), r", line 1: expected the columns", id="another file"),
    pytest.param(GOOD[:20], r", line 1: .*unexpected end of data", id="cut off in the header"),
    pytest.param(GOOD[:-1], r", line 3: the file ends in the middle of this line\.", id="cut off"),
    pytest.param(GOOD[:-4], r", line 3: the file ends in the middle of this line\.", id="in a field"),
    pytest.param(GOOD + "CCC,2013J\n", r", line 4: expected 3 fields, found 2\.", id="too few fields"),
    pytest.param(GOOD + '"CCC","2013J","1","2"\n', r", line 4: expected 3 fields, found 4\.", id="too many"),
    pytest.param(GOOD + "\n", r", line 4: expected 3 fields, found 0\.", id="empty line"),
    pytest.param(GOOD.replace('"234"', '"234'), r", line 3: .*unexpected end of data", id="open quote"),
    pytest.param(GOOD.replace('"AAA"', '"AAA'), r", line 2: this is not CSV", id="quote open before a field"),
    pytest.param(GOOD.replace("AAA", 'A"A'), r", line 2: this is not CSV", id="quote in a quoted field"),
    pytest.param(GOOD.replace("AAA", "A\nA"), r", line 2: .*unexpected end of data", id="line break in it"),
    pytest.param(GOOD.replace('"AAA"', "A\rA"), r", line 2: this is not CSV \(new-line", id="lone CR"),
    pytest.param(GOOD.replace("234", "2\0004"), r", line 3, column 17: .*NUL", id="NUL"),
    pytest.param(GOOD.replace("AAA", "\0"), r", line 2, column 2: .*NUL", id="NUL in a first field"),
    pytest.param(GOOD.replace("BBB", "B" * 10_001), r", line 3: .*more than 10,000 char", id="long line"),
    pytest.param(GOOD.replace("BBB", "Bä").encode("latin-1"), r", line 3: this is not UTF-8\.", id="Latin-1"),
    pytest.param(GOOD.encode("utf-16"), r", line 1: this is not UTF-8\.", id="UTF-16"),
    pytest.param(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 503\n",
        r", line 1: this is what Git LFS left.*git lfs pull",
        id="Git LFS pointer",
    ),
]


@pytest.mark.parametrize(("content", "says"), DAMAGE)
def test_damage_is_named_with_its_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    path = write(tmp_path, "courses.csv", content)
    with pytest.raises(FailureError) as refused:
        list(read_lines(tmp_path, COURSES))
    said = str(refused.value)
    assert said.startswith(str(path))
    assert "\n" not in said
    assert re.search(says, said), said


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FailureError, match=r"There is no file .*studentRegistration\.csv"):
        list(read_lines(tmp_path, REGISTRATIONS))


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "courses.csv").mkdir()
    with pytest.raises(FailureError, match=r"courses\.csv cannot be read: Is a directory"):
        list(read_lines(tmp_path, COURSES))
