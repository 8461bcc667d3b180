"""``rechroma train`` and ``rechroma evaluate``: the only commands that load ``restore_train``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from restore.cli.console import console
from restore.cli.options import colorizer_options, existing_or_not
from restore.errors import InputError, OptionError

__all__ = ["evaluate", "train"]

COLUMNS = {
    "psnr": "PSNR",
    "psnr_chroma": "PSNR CbCr",
    "de00": "dE00",
    "cf": "CF",
    "cf_abs": "CF_abs",
    "auc": "AuC",
    "auc_rebalanced": "AuC rebal.",
}


@click.command()
@click.argument("recipe", type=existing_or_not)
@click.option("--data", required=True, type=existing_or_not, help="Folder that the recipe's paths are relative to.")
@click.option("--run", "run_folder", type=existing_or_not, help="Folder of the run. [default: runs/NAME]")
@click.option("--device", default="auto", show_default=True)
@click.option("--bf16/--fp32", default=None, help="Precision; bf16 where the device computes in it.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1))
@click.option("--dry-run", is_flag=True, help="Build everything and take one step a phase; write nothing.")
def train(
    recipe: Path,
    data: Path,
    run_folder: Path | None,
    device: str,
    bf16: bool | None,
    threads: int,
    dry_run: bool,
) -> None:
    """Train a model from RECIPE, or go on where the run was stopped."""
    from restore.colorizer import has_native_bf16, pick_device
    from restore_train.loop import TrainOptions
    from restore_train.loop import train as run
    from restore_train.recipe import load_recipe

    chosen = pick_device(device)
    try:
        loaded = load_recipe(recipe)
        options = TrainOptions(
            data=data,
            run=run_folder or Path("runs") / loaded.name,
            device=str(chosen),
            bf16=has_native_bf16(chosen) if bf16 is None else bf16,
            threads=threads,
            dry_run=dry_run,
        )
        weights = run(loaded, options)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename} is missing; check the recipe and --data") from error
    except ValueError as error:
        raise OptionError(str(error)) from error
    console.print("dry run done" if dry_run else f"weights: {weights}", markup=False)


@click.group()
def evaluate() -> None:
    """Measure colour against known truth."""


@evaluate.command("photos")
@click.argument("sets", nargs=-1, required=True, type=existing_or_not)
@click.option("--also", multiple=True, help="Another model (name or .safetensors) for the same table; may be repeated.")
@click.option("--json", "json_path", type=existing_or_not, help="Write all figures, picture by picture, here.")
@click.option("--sheets", type=existing_or_not, help="Write contact sheets of gray, ours and truth into this folder.")
@click.option("--saturation", default=1.0, show_default=True, type=click.FloatRange(min=0))
@colorizer_options
def evaluate_photos(
    sets: tuple[Path, ...],
    also: tuple[str, ...],
    json_path: Path | None,
    sheets: Path | None,
    saturation: float,
    **model: Any,
) -> None:
    """Turn the colour pictures of SETS (tar shards or folders) gray, colour them, and compare with the truth."""
    from dataclasses import asdict

    from restore.still import rgb_colouring
    from restore_train.evaluate import evaluate_photos as measure
    from restore_train.evaluate import mean_figures, triptychs

    names = (model.pop("model"), *also)
    colourings = {name: rgb_colouring(name, saturation=saturation, **model) for name in names}
    try:
        rows = measure(sets, colourings)
    except (ValueError, FileNotFoundError) as error:
        raise InputError(str(error)) from error
    table = Table("", *COLUMNS.values(), title=f"{len(rows['gray'])} pictures")
    for label, figures in rows.items():
        means = mean_figures(figures)
        table.add_row(label, *(f"{means[name]:.2f}" for name in COLUMNS))
    console.print(table)
    if json_path is not None:
        content = {label: [asdict(row) for row in figures] for label, figures in rows.items()}
        json_path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if sheets is not None:
        write_sheets(sheets, list(triptychs(sets, colourings[names[0]], rows[names[0]])))


def write_sheets(folder: Path, groups: list[Any]) -> None:
    from PIL import Image

    from restore_train.sheets import contact_sheets

    folder.mkdir(parents=True, exist_ok=True)
    for number, page in enumerate(contact_sheets(groups), start=1):
        Image.fromarray(page).save(folder / f"sheet-{number:02}.png")
