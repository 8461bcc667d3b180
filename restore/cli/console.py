"""What the commands show: one console on standard error, one progress bar, one line an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

__all__ = ["Tick", "console", "progress_bar", "show_error"]


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
"""Told after every step: how many are done, and of how many where that is known."""


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


def show_error(error: Exception | str) -> None:
    console.print(f"rechroma: {error}", style="red", markup=False, soft_wrap=True)
