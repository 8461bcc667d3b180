"""``rechroma train``: the command that makes weights."""

from __future__ import annotations

from pathlib import Path

import click

from restore.cli.options import existing_or_not
from restore.errors import InputError, OptionError
from restore_train.cli.output import show_line


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
    """Train a model from RECIPE, or resume a run that was stopped."""
    from restore.paint.engines.devices import has_native_bf16, pick_device
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
    show_line("dry run done" if dry_run else f"weights: {weights}")
