"""``rechroma photos``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore.cli.console import progress_bar, show_report
from restore.cli.options import existing_or_not, gather, shared_options


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=existing_or_not)
@click.option("-o", "--output", required=True, type=existing_or_not, help="Folder for the results.")
@click.option(
    "--samples",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Colourings of each picture, by a model that samples (pixcolor); with a contact sheet.",
)
@shared_options
def photos(inputs: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Colour pictures, folders of pictures and tars of pictures.

    Results keep name, size, format, depth and metadata. Of several samples each is named by its seed, NAME.seed-7.jpg,
    and NAME.seeds-7-10.jpg shows them together. One bad file never stops the rest. A run that was killed resumes when
    the same command is run again.
    """
    from restore.jobs.photos import colorize_photos
    from restore.options import PhotoOptions

    with progress_bar("photos", "photos") as tick:
        report = colorize_photos(inputs, output, options=gather(PhotoOptions, options), progress=tick)
    show_report(report, "pictures")
