"""Query files: `sql/<noun>/<verb_object>.sql`, each with the contract that its header states.

`sql/README.md` describes the header for those who write it. A file that breaks a rule of form is refused here,
with its path and line; whether what it states is true, `lms sql check` asks the database.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from api.database.answers import Answer, parse_answer
from api.database.roles import SERVICE_ROLE
from api.settings import ROOT

SQL_FOLDER = ROOT / "sql"

ResultKind = Literal["json", "page", "created", "versioned", "row", "row?", "rows", "count"]

_PARAMETER = re.compile(
    r"\$(?P<position>\d+) {2,}(?P<name>[a-z][a-z0-9_]*) {2,}(?P<type>[a-z]+(?:\[\])?)(?: {2,}\S.*)?"
)
_RESULT = re.compile(r"result  (?P<kind>[a-z]+\??)(?:  (?P<model>[A-Z]\w*))?(?:    (?P<refusals>\d{3}: .+))?")
_FAILS = re.compile(r"fails   (?P<constraint>[a-z0-9_]+)(?: {2,}(?P<answer>\d{3}.*))?")
_ROLE = re.compile(r"role    (?P<role>lms_[a-z]+)")
_INDEX = re.compile(r"index   (?P<names>[a-z0-9_]+(?:, [a-z0-9_]+)*)")
_NAME_COMMENT = re.compile(r"\A(?:select|with|insert|update|delete) /\* (?P<name>[a-z_/]+) \*/")
_SELECT_STAR = re.compile(r"(?:select|returning)\s+(?:\w+\.)?\*", re.IGNORECASE)
_COMMENT_OR_STRING = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_PLACEHOLDER = re.compile(r"\$(\d+)")


class QueryFileError(Exception):
    """A query file breaks a rule of form; the message begins with its path and line."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `$n` of a query: its name, and its PostgreSQL type as `format_type` spells it, timestamptz in short."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Query:
    """A query file: the statement, byte for byte, and what its header promises."""

    name: str
    path: Path
    text: str
    purpose: str
    parameters: tuple[Parameter, ...]
    kind: ResultKind
    model: str | None
    not_found: str | None
    """The sentence of the 404, where the file has its own."""
    fails: Mapping[str, Answer | None] = field(default_factory=dict)
    """Constraints that the statement can hit; None leaves the answer to the constraint's comment."""
    indexes: tuple[str, ...] = ()
    role: str = SERVICE_ROLE
    """Whom it is sent as: its privileges are that role's."""

    @property
    def statement(self) -> str:
        """The statement without comments and string literals, for checks that look for words in it."""
        return _COMMENT_OR_STRING.sub(" ", self.text)


def load_queries(folder: Path = SQL_FOLDER) -> dict[str, Query]:
    """Every query file by its name. Raises QueryFileError for the first one that breaks a rule of form."""
    return {(query := parse_query(path, folder)).name: query for path in sorted(folder.glob("*/*.sql"))}


def load_query(name: str, folder: Path = SQL_FOLDER) -> Query:
    """One query file. Raises QueryFileError where it is missing or broken."""
    return parse_query(folder / f"{name}.sql", folder)


def parse_query(path: Path, folder: Path = SQL_FOLDER) -> Query:
    """Read one query file. Raises QueryFileError with path and line."""
    name = path.relative_to(folder).with_suffix("").as_posix()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise QueryFileError(f"{path}: there is no such query file") from None
    header = _Header(path, name)
    for number, line in _header_lines(text):
        header.read(number, line)
    body = text[_header_length(text) :].strip()
    header.check_body(body)
    assert header.kind is not None  # noqa: S101 - check_body() has refused a header without one
    return Query(
        name=name,
        path=path,
        text=text,
        purpose=" ".join(header.purpose),
        parameters=tuple(header.parameters),
        kind=header.kind,
        model=header.model,
        not_found=header.not_found,
        fails=header.fails,
        indexes=tuple(header.indexes),
        role=header.role,
    )


def _header_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("--"):
            return
        yield number, line[2:].strip()


def _header_length(text: str) -> int:
    return sum(len(line) for line in _take_comments(text))


def _take_comments(text: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        if not line.startswith("--"):
            return
        yield line


class _Header:
    """Collects what the header's lines say, and refuses the line that says nothing known."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.purpose: list[str] = []
        self.parameters: list[Parameter] = []
        self.kind: ResultKind | None = None
        self.model: str | None = None
        self.not_found: str | None = None
        self.fails: dict[str, Answer | None] = {}
        self.indexes: list[str] = []
        self.role = SERVICE_ROLE
        self._in_purpose = True

    def refuse(self, number: int, reason: str) -> QueryFileError:
        return QueryFileError(f"{self.path}:{number}: {reason}")

    def read(self, number: int, line: str) -> None:
        if number == 1:
            if line != self.name:
                raise self.refuse(number, f"the first line must be the file's own name, -- {self.name}")
        elif not line:
            self._in_purpose = False
        elif self._in_purpose:
            self.purpose.append(line)
        elif line.startswith("$"):
            self._read_parameter(number, line)
        elif line.startswith("result"):
            self._read_result(number, line)
        elif line.startswith("fails"):
            self._read_fails(number, line)
        elif match := _INDEX.fullmatch(line):
            self.indexes += match["names"].split(", ")
        elif match := _ROLE.fullmatch(line):
            self.role = match["role"]
        else:
            raise self.refuse(number, f"expected $n, role, result, fails or index, found: {line}")

    def _read_parameter(self, number: int, line: str) -> None:
        match = _PARAMETER.fullmatch(line)
        if match is None:
            raise self.refuse(number, "a parameter is declared as: $n  name  type  note")
        if int(match["position"]) != len(self.parameters) + 1:
            raise self.refuse(number, f"expected ${len(self.parameters) + 1} here")
        if match["name"] in {parameter.name for parameter in self.parameters}:
            raise self.refuse(number, f"the parameter {match['name']} is declared twice")
        self.parameters.append(Parameter(match["name"], match["type"]))

    def _read_result(self, number: int, line: str) -> None:
        match = _RESULT.fullmatch(line)
        if match is None or match["kind"] not in get_args(ResultKind):
            raise self.refuse(
                number,
                f"a result is one of: {', '.join(get_args(ResultKind))}; two spaces, its model; four, its 404",
            )
        if self.kind is not None:
            raise self.refuse(number, "there is a result already")
        self.kind = match["kind"]  # type: ignore[assignment]  # just checked against the literal
        self.model = match["model"]
        if (self.kind == "count") == (self.model is not None):
            raise self.refuse(number, "every result but count names its model")
        if match["refusals"] and match["refusals"].startswith("404: "):
            self.not_found = match["refusals"].removeprefix("404: ")

    def _read_fails(self, number: int, line: str) -> None:
        match = _FAILS.fullmatch(line)
        if match is None:
            raise self.refuse(
                number, "a failure is declared as: fails   constraint  status /pointer Sentence."
            )
        if match["constraint"] in self.fails:
            raise self.refuse(number, f"the constraint {match['constraint']} is declared twice")
        try:
            answer = parse_answer(match["answer"]) if match["answer"] else None
        except ValueError as error:
            raise self.refuse(number, str(error)) from None
        self.fails[match["constraint"]] = answer

    def check_body(self, body: str) -> None:
        if not self.purpose:
            raise self.refuse(2, "say in a sentence what the statement does, and for whom")
        if self.kind is None:
            raise self.refuse(1, "the header has no result")
        match = _NAME_COMMENT.match(body)
        if match is None or match["name"] != self.name:
            raise self.refuse(
                1, f"after the first keyword must stand /* {self.name} */, which pg_stat_statements keeps"
            )
        statement = _COMMENT_OR_STRING.sub(" ", body)
        if _SELECT_STAR.search(statement):
            raise self.refuse(1, "select * and returning * break on the next added column: name the columns")
        if statement.count(";") != 1 or not statement.rstrip().endswith(";"):
            raise self.refuse(1, "a query file holds one statement, ended by a semicolon")
        used = {int(position) for position in _PLACEHOLDER.findall(statement)}
        declared = set(range(1, len(self.parameters) + 1))
        if undeclared := used - declared:
            raise self.refuse(1, f"${min(undeclared)} is used and not declared")
        if unused := declared - used:
            raise self.refuse(1, f"${min(unused)} is declared and not used")
