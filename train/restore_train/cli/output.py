"""What the commands of training show and write: tables, JSON, pages and contact sheets."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from restore.cli.console import console
from restore.errors import InputError, OutputError

if TYPE_CHECKING:
    from restore_train.bench.measure import Benchmark
    from restore_train.evaluate.figures import Column
    from restore_train.evaluate.metrics import Rgb


@contextmanager
def input_errors() -> Iterator[None]:
    """Turns what readers of sets raise into ``InputError``."""
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        raise InputError(str(error)) from error


def command_line() -> str:
    return shlex.join(["rechroma", *sys.argv[1:]])


def show_line(text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def show_figures(title: str, columns: Sequence[Column], means: Mapping[str, Mapping[str, float]]) -> None:
    """Shows a table with a column for each label, and under a figure its relation to the truth's."""
    from restore_train.evaluate.figures import text_of

    def cell(label: str, column: Column) -> str:
        text, relation = text_of(column, means[label][column.key], means["truth"][column.key])
        return f"{text}\n{relation}" if relation and label not in ("gray", "truth") else text

    table = Table("", title=title, box=SIMPLE_HEAD, pad_edge=False)
    for label in means:
        table.add_column(label.replace(", ", ",\n"), justify="right")
    for column in columns:
        table.add_row(column.title, *(cell(label, column) for label in means))
    console.print(table)


def show_benchmark(benchmark: Benchmark) -> None:
    """Shows what was measured as a table, and the ratios and notes under it."""
    titles = (
        "",
        f"{benchmark.unit}s",
        "wall s",
        "CPU s",
        f"CPU ms/{benchmark.unit}",
        f"{benchmark.unit}s/s",
        "peak MB",
    )
    table = Table(*titles, *benchmark.columns)
    for name, measured in benchmark.rows.items():
        table.add_row(
            name,
            str(measured.count),
            f"{measured.wall_seconds:.2f}",
            f"{measured.cpu_seconds:.2f}",
            f"{1000 * measured.cpu_seconds / measured.count:.1f}",
            f"{measured.count / measured.wall_seconds:.1f}",
            f"{measured.peak_bytes / 1e6:.0f}" if measured.peak_bytes else "-",
            *(column.get(name, "-") for column in benchmark.columns.values()),
        )
    console.print(table)
    for name, ratio in benchmark.ratios.items():
        show_line(f"{name}: {ratio:.3g}")
    for note in benchmark.notes:
        show_line(note)


def check_writable(*paths: Path | None) -> None:
    """Looks before minutes of work whether files can be written. Raises ``OutputError``."""
    for path in paths:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise OutputError(f"{path} cannot be written: give a file in a folder that exists")


def as_json(value: Any) -> Any:
    """Makes dataclasses dictionaries, and infinity and NaN, which JSON does not know, null."""
    if is_dataclass(value) and not isinstance(value, type):
        return as_json(asdict(value))
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value if not isinstance(value, float) or math.isfinite(value) else None


def write_json(path: Path | None, **content: Any) -> None:
    """Writes figures and the command that they are from, where a path is given. Raises ``OutputError``."""
    if path is not None:
        write_text(path, json.dumps(as_json({"command": command_line(), **content}), indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    from restore.media.files import write_beside

    with write_beside(path) as file:
        file.write(text.encode())


def write_sheets(folder: Path, groups: Iterable[tuple[str, Sequence[Rgb]]]) -> None:
    """Writes contact sheets of labelled groups of pictures. Raises ``OutputError``."""
    from PIL import Image

    from restore.media.files import write_beside
    from restore_train.evaluate.sheets import contact_sheets

    for number, page in enumerate(contact_sheets(groups), start=1):
        with write_beside(folder / f"sheet-{number:02}.png") as file:
            Image.fromarray(page).save(file, "PNG")
