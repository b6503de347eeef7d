"""CSV files of people to be put on a course, read as far as that goes without the database.

RFC 4180 in UTF-8, read by the standard library in its strict mode. Nothing is guessed at: what is wrong with a line
is told with its number, and all of it at once. Cells are kept as they are, also one that a spreadsheet would take for
a formula: this service writes no CSV that somebody could open in one.
"""

import asyncio
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from litestar import Request
from litestar.exceptions import HTTPException

from api.http.bodies import check_media_type
from api.http.problems import ProblemError
from api.models.email import MAX_LENGTH, canonical
from api.models.enrollments import EnrollmentLine
from api.wording import plural

CSV: Final = "text/csv"
COLUMNS: Final = ("email", "full_name", "state")
MAX_LINES: Final = 10_000
"""Lines of a file: so many are imported well within the time that the service's role gives a statement."""
MAX_DEFECTS: Final = 10_000
"""Defects that one answer names."""
MAX_NAME: Final = 200
"""Characters of a name, as in `users_full_name_ck`."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNDECODED: Final = re.compile(r"[\udc80-\udcff]")
_BOM: Final = b"\xef\xbb\xbf"
_NOT_UTF_8: Final = "This is not UTF-8: save the file in that encoding."

# One file at a time, and the rest of the service goes on meanwhile.
_threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="import")


@dataclass(frozen=True, slots=True)
class LineDefect:
    """What is wrong with a line, or with one of its cells."""

    line: int
    column: str | None
    detail: str

    def told(self) -> dict[str, Any]:
        """As a client is told."""
        place: dict[str, Any] = {"line": self.line}
        return place | ({"column": self.column} if self.column else {}) | {"detail": self.detail}


@dataclass(slots=True)
class EnrollmentFile:
    """What a file holds: lines to be judged by the database, and defects that were found without it."""

    lines: list[EnrollmentLine] = field(default_factory=list)
    defects: list[LineDefect] = field(default_factory=list)


async def receive_csv(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The body of a request, which must be CSV. Raises ProblemError 415 and 413."""
    check_media_type(request, CSV)
    try:
        return await request.body()
    except HTTPException as error:
        if error.status_code != 413:  # noqa: PLR2004
            raise
        raise ProblemError(413, too_large(limit), "file-too-large") from None


def too_large(limit: int) -> str:
    """The sentence for a file of too many bytes or lines."""
    return f"A file has at most {limit:,} bytes and {MAX_LINES:,} lines. Send it in parts."


async def read_file(content: bytes, limit: int) -> EnrollmentFile:
    """Read a file, in a thread. Raises ProblemError 422 for one of too many lines."""
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, read_now, content)
    except _TooManyLinesError as error:
        detail = too_large(limit)
        raise ProblemError(
            422, detail, "file-too-large", [LineDefect(error.line, None, detail).told()]
        ) from None


def refused(defects: Iterable[LineDefect]) -> ProblemError:
    """The answer to a file with defects: each of them, in the order of the file."""
    order = {column: place for place, column in enumerate(COLUMNS)}
    found = sorted(defects, key=lambda defect: (defect.line, order.get(defect.column or "", -1)))
    lines = len({defect.line for defect in found})
    shown = found[:MAX_DEFECTS]
    left_out = f" The first {MAX_DEFECTS:,} are named." if len(found) > len(shown) else ""
    detail = f"{plural(len(found), 'defect')} in {plural(lines, 'line')}, so nothing was imported.{left_out}"
    return ProblemError(422, detail, "defective-file", [defect.told() for defect in shown])


def read_now(content: bytes) -> EnrollmentFile:
    """Read a file. Raises _TooManyLinesError."""
    # What is no UTF-8 is kept as half of a surrogate pair, and found in its cell.
    text = content.removeprefix(_BOM).decode(errors="surrogateescape")
    records = _records(text)
    file = EnrollmentFile()
    header = next(records, None)
    if header is None:
        file.defects.append(LineDefect(1, None, f"The file is empty. Begin it with {','.join(COLUMNS)}."))
        return file
    file.defects += _header_defects(header)
    if isinstance(header, LineDefect) or file.defects:
        # Nobody knows what the other lines mean.
        return file
    reader = _LineReader(header.cells)
    for number, record in enumerate(records, start=1):
        if number > MAX_LINES:
            raise _TooManyLinesError(record.line)
        if isinstance(record, LineDefect):
            file.defects.append(record)
        else:
            reader.read(record, file)
    return file


class _TooManyLinesError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass(frozen=True, slots=True)
class _Record:
    """The cells of a record, and the number of the line in which it begins."""

    line: int
    cells: list[str]


def _records(text: str) -> Iterator[_Record | LineDefect]:
    """Every record but empty lines. After one that is no CSV the next line begins another."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield LineDefect(line, None, _csv_sentence(str(error)))
            continue
        if cells:
            yield _Record(line, cells)


def _csv_sentence(reason: str) -> str:
    """In words of ours, since those of the module are of its insides."""
    if "field limit" in reason:
        return f"A cell has more than {csv.field_size_limit():,} characters. Is a quotation mark left open?"
    if "end of data" in reason:
        return "A quotation mark is opened here and never closed."
    return "Behind a closing quotation mark a comma or the end of the line is missing."


def _header_defects(header: _Record | LineDefect) -> Iterator[LineDefect]:
    if isinstance(header, LineDefect):
        yield header
        return
    for name, times in Counter(header.cells).items():
        shown = _printable(name)
        if _UNDECODED.search(name):
            yield LineDefect(header.line, shown, _NOT_UTF_8)
        elif name not in COLUMNS:
            yield LineDefect(
                header.line, shown, f"There is no such column: the columns are {', '.join(COLUMNS)}."
            )
        elif times > 1:
            yield LineDefect(header.line, name, "The column is there twice.")
    for name in COLUMNS:
        if name not in header.cells:
            yield LineDefect(header.line, name, "The column is missing.")


def _printable(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode().translate(_ESCAPED)[:100]


_ESCAPED: Final = {code: f"\\x{code:02x}" for code in (*range(32), 127)}


class _LineReader:
    """Reads one record after the other, and remembers which addresses there were."""

    def __init__(self, columns: list[str]) -> None:
        self._columns = columns
        self._seen: dict[str, int] = {}

    def read(self, record: _Record, file: EnrollmentFile) -> None:
        """Add a line to the file, or its defects; both, where the database may have something to add."""
        if len(record.cells) != len(self._columns):
            cells = plural(len(record.cells), "cell")
            detail = f"The line has {cells}, and the header {len(self._columns)}."
            file.defects.append(LineDefect(record.line, None, detail))
            return
        found: dict[str, str | None] = {}
        for column, cell in zip(self._columns, record.cells, strict=True):
            try:
                found[column] = self._value(column, cell.strip(), record.line)
            except ValueError as error:
                file.defects.append(LineDefect(record.line, column, str(error)))
                found[column] = None
        email = found["email"]
        if email is not None:
            state = cast(Literal["active", "invited"] | None, found["state"])
            # Nothing is left to validate.
            file.lines.append(
                EnrollmentLine.model_construct(
                    line=record.line, email=email, full_name=found["full_name"], state=state
                )
            )

    def _value(self, column: str, cell: str, line: int) -> str:
        """What a cell says. Raises ValueError with the sentence that is told."""
        if _UNDECODED.search(cell):
            raise ValueError(_NOT_UTF_8)
        if _CONTROL.search(cell):
            raise ValueError("A cell cannot hold control characters, such as a line break or NUL.")
        match column:
            case "email":
                return self._email(cell, line)
            case "full_name":
                if len(cell) > MAX_NAME:
                    raise ValueError(f"A name has at most {MAX_NAME} characters.")
                return cell
            case _:
                if cell not in ("active", "invited"):
                    raise ValueError("Use active or invited.")
                return cell

    def _email(self, cell: str, line: int) -> str:
        if not cell:
            raise ValueError("The address is missing.")
        if len(cell) > MAX_LENGTH:
            raise ValueError(f"An address has at most {MAX_LENGTH} characters.")
        email = canonical(cell)
        first = self._seen.setdefault(email, line)
        if first != line:
            raise ValueError(f"This address is in line {first} already.")
        return email
