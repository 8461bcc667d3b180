"""What the commands show: one console on standard error, one progress bar, one line an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from restore.errors import PartialFailureError

if TYPE_CHECKING:
    from restore.jobs.report import Report


class LineConsole(Console):
    """Shows text as one line, whatever control characters are in the names that it is made of."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(printable(each) if isinstance(each, str) else each for each in objects), **options)


def printable(text: str) -> str:
    """Line ends, escape sequences, changes of direction and bytes that are no UTF-8, written out as ``\\n``."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


console = LineConsole(stderr=True, highlight=False)

Tick = Callable[[int, int | None], None]
"""Called after every step with ``(done, total)``; ``total`` is None where it is not known."""


class SpeedColumn(ProgressColumn):
    """Steps a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:5.1f} {self.unit}/s" if speed else "", style="progress.data.speed")


@contextmanager
def progress_bar(label: str, unit: str) -> Iterator[Tick]:
    """A bar with speed and time left; silent where standard error is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        SpeedColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=None)

        def tick(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=max(total, done) if total else None)

        yield tick


FLAGS = {
    "filter_chain": "filter",
    "restore_preset": "restore",
    "start_seconds": "start",
    "duration_seconds": "duration",
}
"""The options whose flags are not their names in ``restore.options``."""


def with_flags(text: object) -> str:
    """Turns the names of options, which the library puts between backticks, into flags."""

    def flag(match: re.Match[str]) -> str:
        return "--" + FLAGS.get(match[1], match[1]).replace("_", "-")

    return re.sub(r"`([a-z_]+)`", flag, str(text))


def show_report(report: Report, noun: str) -> None:
    """Shows what became of a batch. Raises ``PartialFailureError`` where a file of it failed."""
    for kind, style, problems in (("warning", "yellow", report.warnings), ("failed", "red", report.failed)):
        for path, line in problems:
            console.print(f"{kind}: {path}: {with_flags(line)}", style=style, markup=False, soft_wrap=True)
    if len(report.written) == 1 and not report.skipped and not report.failed:
        console.print(f"{report.frames} {noun} -> {report.written[0]}", markup=False, soft_wrap=True)
    else:
        coloured = report.frames if report.kind == "photos" else len(report.written)
        console.print(f"{coloured} coloured, {len(report.skipped)} skipped, {len(report.failed)} failed")
    if report.failed:
        raise PartialFailureError(f"{len(report.failed)} of the files could not be coloured; each is named above")


def show_error(error: Exception | str) -> None:
    console.print(f"rechroma: {with_flags(error)}", style="red", markup=False, soft_wrap=True)
