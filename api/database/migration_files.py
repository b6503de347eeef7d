"""Migration files as they lie in a folder: what they say, and which of them are refused before anything runs.

A file is read once and sent to the server as it stands, so what was reviewed and what was checked is what
runs. Only the checks take a file apart; they never decide what the server gets, with one exception: the
statements of a `-- transactional: false` file go one by one, because each commits for itself.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import sqlparse
from sqlparse.lexer import tokenize
from sqlparse.tokens import Comment, Whitespace
from yoyo.migrations import parse_metadata_from_sql_comments

ROLLBACK_SUFFIX = ".rollback.sql"


class MigrationError(SystemExit):
    """A refusal or a failure, in one message for whoever ran the command.

    A SystemExit, because yoyo's command line shows every other exception as a traceback; this one it shows
    as the sentence it is, and exits 1. Callers that are not command lines catch it by its name.
    """


@dataclass(frozen=True, slots=True)
class Script:
    """One SQL file."""

    name: str
    sql: str

    @property
    def statements(self) -> list[str]:
        return [statement for statement in sqlparse.split(self.sql) if any(_words(statement))]

    def check_transactional(self) -> None:
        """Refuse what would end the transaction that is to hold the mark. Raises MigrationError."""
        for statement in self.statements:
            first, second, *_ = *islice(_words(statement), 2), ""
            if first in {"BEGIN", "START", "COMMIT", "ROLLBACK", "ABORT"} or (
                (first, second) == ("PREPARE", "TRANSACTION")
            ):
                raise MigrationError(
                    f"{self.name} contains {first.lower()}: a migration and its mark are one transaction, "
                    "which is begun and ended for you. Take the statement out."
                )

    def check_standalone(self) -> None:
        """Refuse a `-- transactional: false` file that a crash could leave half done. Raises MigrationError.

        Allowed are `set role …`, then any number of `drop … if exists …`, then one other statement: after a
        crash anywhere all of it runs again, drops what the first try left, and comes to the same end.
        """
        steps = [" ".join(_words(statement)) for statement in self.statements]
        if steps and steps[0].startswith("SET ROLE "):
            del steps[0]
        drops = 0
        while steps and steps[0].startswith("DROP ") and " IF EXISTS " in steps[0]:
            del steps[0]
            drops += 1
        if len(steps) > 1 or drops + len(steps) == 0:
            raise MigrationError(
                f"{self.name} is `transactional: false`, so a crash may come after any statement of it. It "
                "holds `set role …`, then `drop … if exists …` for what an earlier try left, then one "
                "statement; what is more belongs in a file of its own."
            )
        if steps and steps[0].startswith("CREATE ") and drops == 0:
            raise MigrationError(
                f"{self.name} is `transactional: false` and creates something: it must start with "
                "`drop … if exists …`, or what an interrupted try left (an invalid index, say) stays."
            )

    def line_of(self, position: int) -> int:
        """The line, from 1, of a position, from 1, that the server reports."""
        return self.sql.count("\n", 0, position - 1) + 1


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """A migration: the file that applies it, and the one beside it that takes it back."""

    id: str
    up: Script
    down: Script | None
    depends: frozenset[str]
    transactional: bool

    @property
    def sha256(self) -> str:
        """The content's hash, as `sha256sum` prints it; line ends count as LF on every system.

        The rollback file is left out: mending it before it is needed is no change of what was applied.
        """
        return hashlib.sha256(self.up.sql.replace("\r\n", "\n").encode()).hexdigest()

    def check(self) -> Script:
        """Refuse a migration that could not be undone, or not be repeated. Returns the rollback script."""
        if self.down is None:
            raise MigrationError(
                f"{self.id} has no {self.id}{ROLLBACK_SUFFIX} beside it. Write one, or one that raises "
                "the reason why there is no way back."
            )
        for script in (self.up, self.down):
            if self.transactional:
                script.check_transactional()
            else:
                script.check_standalone()
        return self.down


def read_folders(folders: Iterable[Path]) -> dict[str, MigrationFile]:
    """Every migration in these folders by its id, in the order of the ids. Raises MigrationError."""
    paths = [path for folder in folders for path in folder.glob("*.sql")]
    files = [read_migration(path) for path in paths if not path.name.endswith(ROLLBACK_SUFFIX)]
    return {file.id: file for file in sorted(files, key=lambda file: file.id)}


def read_migration(path: Path) -> MigrationFile:
    """One migration, and its rollback file if it has one. Raises MigrationError."""
    up = _read_script(path)
    down = path.with_name(path.stem + ROLLBACK_SUFFIX)
    directives, _, _ = parse_metadata_from_sql_comments(up.sql)
    transactional = directives.get("transactional", "true").lower()
    if transactional not in {"true", "false"}:
        raise MigrationError(f"{path.name} says `transactional: {transactional}`; it is true or false.")
    return MigrationFile(
        id=path.stem,
        up=up,
        down=_read_script(down) if down.exists() else None,
        depends=frozenset(directives.get("depends", "").split()),
        transactional=transactional == "true",
    )


def _read_script(path: Path) -> Script:
    try:
        # Not read_text, which would turn CRLF into LF: the server gets the file, not a translation of it.
        return Script(path.name, path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError(f"{path} cannot be read as UTF-8 text: {error}") from error


def _words(statement: str) -> Iterator[str]:
    """A statement in upper-case pieces, without its comments. Lazy, because most want the first alone."""
    for kind, value in tokenize(statement):  # type: ignore[no-untyped-call]
        if kind not in Comment and kind not in Whitespace:
            yield from (word for word in value.upper().split() if word != ";")
