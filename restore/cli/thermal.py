"""``rechroma thermal``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore.cli.console import console, progress_bar
from restore.cli.options import existing_or_not, look_options, running_options
from restore.errors import PartialFailureError

__all__ = ["thermal"]


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=existing_or_not)
@click.option("-o", "--output", required=True, type=existing_or_not, help="Folder for the results, or one file.")
@click.option("--overwrite", is_flag=True, help="Do finished files again.")
@click.option(
    "--restart", is_flag=True, help="Begin recordings again instead of going on with what a killed run finished."
)
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
@click.option("--temporal", default="light", show_default=True, type=click.Choice(["off", "light", "strong"]))
@click.option("--format", "still_format", default="png", show_default=True, type=click.Choice(["png", "jpeg"]))
@click.option("--codec", help="Of recordings, as for rechroma video.")
@click.option("--crf", type=float, help="Constant quality, lower is better; 0 is lossless for h264.")
@click.option("--preset", help="The encoder's preset.")
@click.option("--pix-fmt", help="Pixel format of recordings; 8 bits, 4:2:0 where not given.")
@look_options
@click.option(
    "--model",
    help="A shipped model or a .safetensors or .onnx file. [default: thermal where it is shipped, else pix2pix]",
)
@running_options
def thermal(inputs: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Colour thermal pictures and recordings, raw or rendered.

    Reads FLIR radiometric JPEG, SEQ and CSQ, DJI R-JPEG, 16-bit TIFF and PNG, gray video of 8 to 16 bits, and false
    colours of known palettes. One bad file never stops the rest.
    """
    from restore.jobs.thermal import ThermalOptions, colorize_thermal
    from restore.paint.thermal import open_thermal_painter

    options["range"] = options.pop("range_")
    names = ThermalOptions.__dataclass_fields__
    chosen = {key: value for key, value in options.items() if key in names}
    model = {key: value for key, value in options.items() if key not in chosen or key == "threads"}
    choice = ThermalOptions(**chosen)
    with progress_bar("thermal", "files") as tick:
        painter = open_thermal_painter(**model)
        report = colorize_thermal(inputs, output, painter=painter, options=choice, progress=tick)
    for path, warning in report.warnings:
        console.print(f"warning: {path}: {warning}", style="yellow", markup=False, soft_wrap=True)
    for path, reason in report.failed:
        console.print(f"failed: {path}: {reason}", style="red", markup=False, soft_wrap=True)
    console.print(f"{len(report.files)} coloured, {len(report.skipped)} skipped, {len(report.failed)} failed")
    if report.failed:
        raise PartialFailureError(f"{len(report.failed)} of the files could not be coloured; each is named above")
