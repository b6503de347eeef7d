"""What commands show: results on standard output, all about how they came to be on standard error."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.status import Status
from rich.table import Table
from rich.text import Text

Step = Callable[[str, int, int], None]
"""Told as each step of many begins: its name, its number from 1, how many there are."""

_errors: Final = Console(stderr=True, highlight=False)


def tell(sentence: str) -> None:
    """Say something about the work, where it does not mix with the result."""
    click.echo(sentence, err=True)


def working(what: str) -> Status:
    """Show on a terminal what is going on for as long as the context lasts; elsewhere nothing."""
    return _errors.status(Text(f"{what} …"))


@contextmanager
def progress() -> Iterator[Step]:
    """Show on a terminal how far the steps are; elsewhere nothing."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=_errors, transient=True, disable=not _errors.is_terminal) as bars:
        bar = bars.add_task("", total=None)

        def step(name: str, number: int, total: int) -> None:
            bars.update(bar, description=name, completed=number - 1, total=total)

        yield step


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headings; as wide as they need where no terminal sets a limit."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 500
    grid = Table(*headings, box=None, pad_edge=False, header_style="bold", show_edge=False)
    for row in rows:
        # As they are: brackets in them are no markup.
        grid.add_row(*map(Text, row))
    console.print(grid)
