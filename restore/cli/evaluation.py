"""``rechroma evaluate``: colour measured against known truth; the commands that load the evaluator."""

from __future__ import annotations

import json
import math
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from restore.cli.console import console, progress_bar
from restore.cli.options import colorizer_options, existing_or_not, make_colorizer
from restore.errors import InputError, OutputError

__all__ = ["evaluate"]

also_option = click.option(
    "--also", multiple=True, help="Another model (name, .safetensors or .onnx) for the same table; may be repeated."
)
json_option = click.option("--json", "json_path", type=existing_or_not, help="Write all figures, one by one, here.")
html_option = click.option(
    "--html", "html_path", type=existing_or_not, help="Write one page with figures, bars and pictures here."
)
saturation_option = click.option("--saturation", default=1.0, show_default=True, type=click.FloatRange(min=0))


@click.group()
def evaluate() -> None:
    """Measure colour against known truth."""


@evaluate.command("photos")
@click.argument("sets", nargs=-1, required=True, type=existing_or_not)
@also_option
@json_option
@html_option
@click.option("--sheets", type=existing_or_not, help="Write contact sheets of gray, ours and truth into this folder.")
@click.option("--recognition", is_flag=True, help="Also how well a frozen classifier knows the pictures, and KID.")
@click.option("--labels", "classes", type=existing_or_not, help="Classes (TSV: name, imagenet_class) for its top-1.")
@saturation_option
@colorizer_options
def evaluate_photos(
    sets: tuple[Path, ...],
    also: tuple[str, ...],
    json_path: Path | None,
    html_path: Path | None,
    sheets: Path | None,
    recognition: bool,
    classes: Path | None,
    saturation: float,
    **model: Any,
) -> None:
    """Turn the colour pictures of SETS (tar shards or folders) gray, colour them, and compare with the truth."""
    from restore.still import rgb_colouring
    from restore_train.evaluate_photos import evaluate_photos as measure
    from restore_train.evaluate_photos import triptychs
    from restore_train.evaluation_pages import chosen_by_error, counted, photos_page
    from restore_train.figures import PICTURE_COLUMNS, summaries
    from restore_train.judge import columns_of, open_judge, texts_of, values_of
    from restore_train.sheets import jpeg

    check_writable(json_path, html_path)
    names = list(dict.fromkeys((model.pop("model"), *also)))
    labels = labels_of(names)
    colourings = {
        label: rgb_colouring(name, saturation=saturation, **model) for name, label in zip(names, labels, strict=True)
    }
    first = labels[0]
    try:
        judge = open_judge(classes) if recognition or classes else None
        with progress_bar("measuring", "pictures") as progress:
            rows = measure(sets, colourings, judge=judge, progress=progress)
    except (ValueError, FileNotFoundError) as error:
        raise InputError(str(error)) from error
    judged = judge.figures() if judge else {}
    means = {label: figures | values_of(judged, label) for label, figures in summaries(rows).items()}
    show(counted(len(rows[first]), "picture"), [*PICTURE_COLUMNS, *columns_of(judged)], means)
    for title, text in texts_of(judged).items():
        console.print(f"{title}: {text}", highlight=False)
    if json_path is not None:
        pictures = {label: [asdict(row) for row in figures] for label, figures in rows.items()}
        write_json(
            json_path, {"command": command_line(), "set": means, "judged": texts_of(judged), "pictures": pictures}
        )
    if html_path is not None:
        chosen = [index for group in chosen_by_error(rows[first]).values() for index in group]
        drawn = {
            index: dict(zip(("gray", *labels, "truth"), map(jpeg, group), strict=True))
            for index, group in triptychs(sets, list(colourings.values()), chosen)
        }
        facts = {"set": ", ".join(path.name for path in sets), "command": command_line(), **texts_of(judged)}
        write_text(html_path, photos_page(rows, drawn, facts))
    if sheets is not None:
        order = sorted(range(len(rows[first])), key=lambda index: -rows[first][index].de00)
        groups = triptychs(sets, [colourings[first]], order)
        write_sheets(sheets, ((f"{rows[first][i].de00:.1f} {rows[first][i].name}", group) for i, group in groups))


@evaluate.command("clips")
@click.argument("sets", nargs=-1, required=True, type=existing_or_not)
@also_option
@click.option("--join", is_flag=True, help="Join the clips two by two, so that each pair has a known cut.")
@click.option("--frames", type=click.IntRange(min=1), help="Frames of each clip, from its start. [default: all]")
@click.option(
    "--every", default=8, show_default=True, type=click.IntRange(min=1), help="Measure every Nth frame as a picture."
)
@json_option
@html_option
@saturation_option
@colorizer_options
def evaluate_clips(
    sets: tuple[Path, ...],
    also: tuple[str, ...],
    join: bool,
    frames: int | None,
    every: int,
    json_path: Path | None,
    html_path: Path | None,
    saturation: float,
    **model: Any,
) -> None:
    """Turn the colour clips of SETS (files, folders, tar shards) gray, colour them, and compare with the truth.

    Every model is run with the temporal pass off, light and strong, beside an unaligned mean of 5 frames and FFmpeg's
    tmedian. Figures are taken at the size of the clip's chroma planes, at most 512 pixels a side.
    """
    from restore_train.clipset import clip_files, in_pairs
    from restore_train.evaluate_clips import evaluate_clips as measure
    from restore_train.evaluation_pages import clips_page, counted
    from restore_train.figures import CLIP_COLUMNS, summaries

    check_writable(json_path, html_path)
    names = list(dict.fromkeys((model.pop("model"), *also)))
    labels = labels_of(names)
    colorizers = {label: make_colorizer(model=name, **model) for name, label in zip(names, labels, strict=True)}
    with TemporaryDirectory(prefix="rechroma-") as scratch:
        try:
            found = list(clip_files(sets, Path(scratch)))
            paths = in_pairs(found) if join else [[path] for path in found]
            clips = [make_clip(group, frames, colorizers, saturation) for group in paths]
            with progress_bar("measuring", "frames") as progress:
                results = measure(clips, sample_every=every, keep_pictures=html_path is not None, progress=progress)
        except (ValueError, FileNotFoundError) as error:
            raise InputError(str(error)) from error
    rows = {label: [result.figures[label] for result in results] for label in results[0].figures}
    means = summaries(rows)
    show(counted(len(results), "clip"), CLIP_COLUMNS, means)
    if json_path is not None:
        clip_rows = {label: [asdict(row) for row in figures] for label, figures in rows.items()}
        sampled = {
            label: [asdict(row) for result in results for row in result.frames[label]] for label in results[0].frames
        }
        write_json(json_path, {"command": command_line(), "set": means, "clips": clip_rows, "frames": sampled})
    if html_path is not None:
        shown = [label for name in colorizers for label in steadied_labels(name)]
        facts = {"set": ", ".join(path.name for path in sets), "command": command_line()}
        write_text(html_path, clips_page(results, shown, facts, order_by=shown[1]))


STRENGTHS = ("off", "light", "strong")


def steadied_labels(name: str) -> list[str]:
    return [f"{name}, {strength}" for strength in STRENGTHS]


def make_clip(paths: list[Path], frames: int | None, colorizers: Mapping[str, Any], saturation: float) -> Any:
    """A clip as the evaluator takes it: the truth, and the chroma of every model at every temporal strength."""
    from restore.clip import ColourClip
    from restore_train.evaluate_clips import Clip, TrueFrame

    clip = ColourClip(paths, frames=frames)

    def truth() -> Iterator[TrueFrame]:
        return (TrueFrame(*frame) for frame in clip.truth())

    def coloured() -> Iterator[dict[str, Any]]:
        runs = [clip.coloured(colorizer, STRENGTHS, saturation=saturation) for colorizer in colorizers.values()]
        labels = [label for name in colorizers for label in steadied_labels(name)]
        for results in zip(*runs, strict=True):
            yield dict(zip(labels, (chroma for chromas in results for chroma in chromas), strict=True))

    unsteadied = tuple(steadied_labels(name)[0] for name in colorizers)
    return Clip(clip.name, truth, coloured, clip.rgb, unsteadied)


def labels_of(names: Sequence[str]) -> list[str]:
    """What a table calls models: a weight file goes by its name alone, unless two would be called the same."""
    short = [Path(name).stem if name.endswith((".safetensors", ".onnx")) else name for name in names]
    return [name if short.count(label) > 1 else label for name, label in zip(names, short, strict=True)]


def command_line() -> str:
    return shlex.join(["rechroma", *sys.argv[1:]])


def show(title: str, columns: Sequence[Any], means: Mapping[str, Mapping[str, float]]) -> None:
    """The table on the terminal: a column for each colouring, the relation to the truth's figure under a figure."""
    from restore_train.figures import text_of

    def cell(label: str, column: Any) -> str:
        text, relation = text_of(column, means[label][column.key], means["truth"][column.key])
        return f"{text}\n{relation}" if relation and label not in ("gray", "truth") else text

    table = Table("", title=title, box=SIMPLE_HEAD, pad_edge=False)
    for label in means:
        table.add_column(label.replace(", ", ",\n"), justify="right")
    for column in columns:
        table.add_row(column.title, *(cell(label, column) for label in means))
    console.print(table)


def check_writable(*paths: Path | None) -> None:
    """Before minutes of work, not after. Raises ``OutputError``."""
    for path in paths:
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise OutputError(f"{path} cannot be written: give a file in a folder that exists")


def finite_only(value: Any) -> Any:
    """JSON has no infinity and no NaN: they become null."""
    if isinstance(value, dict):
        return {key: finite_only(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite_only(item) for item in value]
    return value if not isinstance(value, float) or math.isfinite(value) else None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(finite_only(dict(content)), indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def write_sheets(folder: Path, groups: Iterator[Any]) -> None:
    from PIL import Image

    from restore_train.sheets import contact_sheets

    folder.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(contact_sheets(groups), start=1):
        Image.fromarray(page).save(folder / f"sheet-{number:02}.png")
