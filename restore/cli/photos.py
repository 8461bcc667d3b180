"""``rechroma photos``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore.cli.console import console, progress_bar
from restore.cli.options import (
    colorizer_options,
    existing_or_not,
    look_options,
    make_colorizer,
    sampling_options,
    worker_options,
)
from restore.errors import PartialFailureError

__all__ = ["photos"]


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=existing_or_not)
@click.option("-o", "--output", required=True, type=existing_or_not, help="Folder for the results.")
@click.option("--overwrite", is_flag=True, help="Do finished pictures again.")
@click.option("--restart", is_flag=True, help="Forget what a killed run finished; results stay, but for --overwrite.")
@click.option(
    "--samples",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Colourings of each picture, by a model that samples (pixcolor); with a contact sheet.",
)
@sampling_options
@look_options
@worker_options
@colorizer_options
def photos(
    inputs: tuple[Path, ...],
    output: Path,
    overwrite: bool,
    restart: bool,
    jobs: int,
    cluster: str | None,
    samples: int,
    seed: int | None,
    temperature: float | None,
    saturation: float,
    upsampling: str,
    **model: Any,
) -> None:
    """Colour pictures, folders of pictures and tars of pictures.

    Results keep name, size, format, depth and metadata. Of several samples each is named by its seed, NAME.seed-7.jpg,
    and NAME.seeds-7-10.jpg shows them together. One bad file never stops the rest. A run that was killed goes on when
    the same command is run again.
    """
    from restore.jobs.photos import PhotoOptions, colorize_photos
    from restore.jobs.workers import Workers

    options = PhotoOptions(
        samples=samples,
        seed=seed,
        temperature=temperature,
        saturation=saturation,
        upsampling=upsampling,
        overwrite=overwrite,
        restart=restart,
        threads=model["threads"],
    )
    workers = Workers(jobs, cluster, model["threads"])
    with progress_bar("photos", "photos") as tick:
        colorizer = make_colorizer(**model)
        report = colorize_photos(inputs, output, colorizer=colorizer, options=options, workers=workers, progress=tick)
    for path, warning in report.warnings:
        console.print(f"warning: {path}: {warning}", style="yellow", markup=False, soft_wrap=True)
    for path, reason in report.failed:
        console.print(f"failed: {path}: {reason}", style="red", markup=False, soft_wrap=True)
    console.print(f"{report.pictures} coloured, {len(report.skipped)} skipped, {len(report.failed)} failed")
    if report.failed:
        raise PartialFailureError(f"{len(report.failed)} of the files could not be coloured; each is named above")
