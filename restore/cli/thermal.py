"""``rechroma thermal``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore.cli.console import progress_bar, show_report
from restore.cli.options import encoding_options, existing_or_not, gather, shared_options, temporal_option


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=existing_or_not)
@click.option("-o", "--output", required=True, type=existing_or_not, help="Folder for the results, or one file.")
@click.option(
    "--luma",
    type=click.Choice(["generated", "thermal", "blend"]),
    help="What is bright: as the model imagines, as it is hot, or half of each. [default: generated where it can be]",
)
@click.option(
    "--polarity",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "white", "black"]),
    help="Which end is hot; auto goes by the file, else by the picture, else takes white.",
)
@click.option(
    "--light",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "day", "night"]),
    help="What light the scene is painted in; auto guesses by its texture, once for a file.",
)
@click.option(
    "--range",
    "range_",
    default="percentile",
    show_default=True,
    type=click.Choice(["percentile", "local"]),
    help="From values to gray: one steady range a shot, or local contrast on top.",
)
@click.option("--palette", default="auto", show_default=True, help="Of false colours: auto, gray or a palette's name.")
@click.option("--keep-raw", is_flag=True, help="Also write the sensor's values, and temperatures, as TIFF.")
@temporal_option
@click.option("--format", "still_format", default="png", show_default=True, type=click.Choice(["png", "jpeg"]))
@encoding_options
@shared_options
def thermal(inputs: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Colour thermal pictures and recordings, raw or rendered.

    Reads FLIR radiometric JPEG, SEQ and CSQ, DJI R-JPEG, 16-bit TIFF and PNG, gray video of 8 to 16 bits, and false
    colours of known palettes. One bad file never stops the rest.
    """
    from restore.jobs.thermal import colorize_thermal
    from restore.options import ThermalOptions

    options["range"] = options.pop("range_")
    with progress_bar("thermal", "frames") as tick:
        report = colorize_thermal(inputs, output, options=gather(ThermalOptions, options), progress=tick)
    show_report(report, "frames")
