"""What the backend refuses, always before it has done anything, and in one message that names the file."""

from pathlib import Path

import pytest

from tests.migrations.support import exists, marked, query, refusal, run_yoyo, write, write_table, yoyo


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations, of which the second stands on the first."""
    write_table(tmp_path, "0001_first")
    write_table(tmp_path, "0002_second", depends="0001_first")
    return tmp_path


@pytest.mark.parametrize(
    "command", [["apply"], ["list"], ["rollback"], ["rollback", "--all"], ["reapply"], ["mark"]]
)
def test_an_edited_applied_file_is_refused_by_name(
    empty_database: str, folder: Path, command: list[str]
) -> None:
    yoyo(empty_database, "apply", "--revision", "0001_first", folder)
    with (folder / "0001_first.sql").open("a") as file:
        file.write("-- an afterthought\n")

    assert "0001_first" in refusal(empty_database, *command, folder)
    assert marked(empty_database) == ["0001_first"]
    assert not exists(empty_database, "public.second")


def test_a_refusal_is_one_message_and_exit_code_1(empty_database: str, folder: Path) -> None:
    (folder / "0002_second.rollback.sql").unlink()

    done = run_yoyo(empty_database, "apply", folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == refusal(empty_database, "apply", folder) + "\n"


def test_line_ends_and_the_rollback_file_are_no_edit(empty_database: str, folder: Path) -> None:
    yoyo(empty_database, "apply", folder)
    first = folder / "0001_first.sql"
    first.write_bytes(first.read_bytes().replace(b"\n", b"\r\n"))
    with (folder / "0002_second.rollback.sql").open("a") as file:
        file.write("-- a mended rollback\n")

    yoyo(empty_database, "rollback", "--all", folder)
    assert marked(empty_database) == []


def test_a_missing_rollback_file_is_refused_before_anything_is_applied(
    empty_database: str, folder: Path
) -> None:
    (folder / "0002_second.rollback.sql").unlink()

    assert "0002_second.rollback.sql" in refusal(empty_database, "apply", folder)
    assert marked(empty_database) == []
    assert not exists(empty_database, "public.first")


def test_a_missing_rollback_file_is_refused_before_anything_is_rolled_back(
    empty_database: str, folder: Path
) -> None:
    yoyo(empty_database, "apply", folder)
    (folder / "0001_first.rollback.sql").unlink()

    assert "0001_first.rollback.sql" in refusal(empty_database, "rollback", "--all", folder)
    assert marked(empty_database) == ["0001_first", "0002_second"]
    assert exists(empty_database, "public.second")


@pytest.mark.parametrize("command", ["apply", "rollback", "reapply"])
def test_force_is_refused(empty_database: str, folder: Path, command: str) -> None:
    yoyo(empty_database, "apply", "--revision", "0001_first", folder)

    assert "--force" in refusal(empty_database, command, "--force", folder)
    assert marked(empty_database) == ["0001_first"]


def test_an_unknown_dependency_is_refused_and_not_skipped(empty_database: str, folder: Path) -> None:
    write_table(folder, "0003_third", depends="0009_nowhere")

    assert "0003_third" in refusal(empty_database, "apply", folder)
    assert marked(empty_database) == []


def test_a_python_file_that_does_not_load_is_refused_and_not_skipped(
    empty_database: str, folder: Path
) -> None:
    (folder / "0003_third.py").write_text("raise RuntimeError('broken')\n")

    assert "0003_third.py" in refusal(empty_database, "apply", folder)
    assert marked(empty_database) == []


def test_python_and_post_apply_files_are_refused(empty_database: str, folder: Path) -> None:
    (folder / "0003_third.py").write_text("from yoyo import step\nsteps = [step('select 1')]\n")
    assert "0003_third.py" in refusal(empty_database, "apply", folder)

    (folder / "0003_third.py").rename(folder / "post-apply.py")
    assert "post-apply" in refusal(empty_database, "apply", folder)
    assert marked(empty_database) == []


def test_a_selection_without_its_ground_is_refused(empty_database: str, folder: Path) -> None:
    assert "0001_first" in refusal(empty_database, "apply", "--match", "second", folder)
    assert marked(empty_database) == []

    yoyo(empty_database, "apply", folder)
    assert "0002_second" in refusal(empty_database, "rollback", "--match", "first", folder)
    assert exists(empty_database, "public.first")


def test_older_files_run_against_a_newer_schema_but_roll_nothing_back(
    empty_database: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    yoyo(empty_database, "apply", folder)
    for path in folder.glob("0002*"):
        path.unlink()

    for command in ("apply", "list"):
        caplog.clear()
        yoyo(empty_database, command, folder)
        assert "0002_second" in caplog.text
    assert "0002_second" in refusal(empty_database, "rollback", folder)
    assert marked(empty_database) == ["0001_first", "0002_second"]


@pytest.mark.parametrize(
    "statement", ["commit", "rollback", "begin", "start transaction", "prepare transaction 'x'"]
)
def test_a_file_that_ends_its_transaction_is_refused(
    empty_database: str, tmp_path: Path, statement: str
) -> None:
    write(tmp_path, "0001_first", f"create table public.first ();\n{statement};\n")

    assert "0001_first.sql" in refusal(empty_database, "apply", tmp_path)
    assert not exists(empty_database, "public.first")


def test_a_file_that_ends_its_transaction_unseen_gets_no_mark(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_first", "create table public.first ();\nend;\n")

    assert "ended the transaction" in refusal(empty_database, "apply", tmp_path)
    assert marked(empty_database) == []


def test_words_of_transactions_in_bodies_and_comments_are_allowed(
    empty_database: str, tmp_path: Path
) -> None:
    write(
        tmp_path,
        "0001_bodies",
        """-- commit; is only said here
create function public.atomic(x int) returns int language sql
begin atomic
    select case when x > 0 then 1 else 2 end;
    select 3;
end;
create function public.plain() returns int language plpgsql as $$
begin
    begin
        return 1;
    exception when others then
        return 2;
    end;
end;
$$;
create procedure public.commits() language plpgsql as $$ begin commit; end; $$;
comment on function public.plain() is 'begin; commit; rollback;';
do $body$ begin perform public.plain(); end $body$;
""",
    )
    yoyo(empty_database, "apply", tmp_path)

    assert query(empty_database, "select public.atomic(1), public.plain()") == [(3, 1)]


@pytest.mark.parametrize(
    ("up", "reason"),
    [
        ("create index concurrently first_ix on public.first (id);", "drop … if exists"),
        ("create index concurrently if not exists first_ix on public.first (id);", "drop … if exists"),
        (
            "drop index concurrently if exists public.a; vacuum public.first; analyze public.first;",
            "one statement",
        ),
        ("set local role postgres; vacuum public.first;", "set role"),
        ("-- nothing\n", "one statement"),
    ],
)
def test_a_standalone_file_that_a_crash_could_leave_half_done_is_refused(
    empty_database: str, folder: Path, up: str, reason: str
) -> None:
    write(folder, "0003_third", f"-- transactional: false\n-- depends: 0002_second\n\n{up}\n", "vacuum;")

    said = refusal(empty_database, "apply", folder)
    assert "0003_third.sql" in said
    assert reason in said
    assert marked(empty_database) == []


def test_transactional_is_true_or_false(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_first", "-- transactional: no\n\nselect 1;\n")

    assert "0001_first.sql" in refusal(empty_database, "apply", tmp_path)


def test_an_unqualified_name_is_refused_by_the_server(empty_database: str, tmp_path: Path) -> None:
    write(tmp_path, "0001_first", "create table first ();\n")

    assert "0001_first.sql, line 1: no schema has been selected" in refusal(empty_database, "apply", tmp_path)


def test_an_error_names_file_line_and_reason_and_leaves_nothing(empty_database: str, folder: Path) -> None:
    write(
        folder,
        "0003_third",
        "-- depends: 0002_second\n\ncreate table public.third ();\n\n"
        "alter table public.third\n    add colum x int;\n",
    )

    said = refusal(empty_database, "apply", folder)
    assert said.startswith('0003_third.sql, line 6: syntax error at or near "int"')
    assert marked(empty_database) == ["0001_first", "0002_second"]
    assert not exists(empty_database, "public.third")


def test_a_rollback_that_raises_gives_its_reason_and_changes_nothing(
    empty_database: str, tmp_path: Path
) -> None:
    write(
        tmp_path,
        "0001_first",
        "create table public.first ();\n",
        "drop table public.first;\ndo $$ begin raise exception 'the grades would be lost'; end $$;\n",
    )
    yoyo(empty_database, "apply", tmp_path)

    said = refusal(empty_database, "rollback", tmp_path)
    assert said.startswith("0001_first.rollback.sql: the grades would be lost")
    assert marked(empty_database) == ["0001_first"]
    assert exists(empty_database, "public.first")
