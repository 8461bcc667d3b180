"""``rechroma video``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from restore.cli.console import progress_bar, show_report
from restore.cli.options import encoding_options, existing_or_not, gather, shared_options, temporal_option


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=existing_or_not)
@click.option(
    "-o",
    "--output",
    type=existing_or_not,
    help="Folder for the results, or one file. [default: NAME.colour.EXT beside each film]",
)
@encoding_options
@click.option(
    "--deinterlace",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "on", "off"]),
    help="bwdif; auto goes by the frames' flags.",
)
@click.option("--filter", "filter_chain", help="FFmpeg filter chain before colouring; it changes luma.")
@click.option("--restore", "restore_preset", help="A named filter chain: film (deflicker and gentle denoise).")
@click.option("--start", "start_seconds", type=click.FloatRange(min=0), help="Start here, in seconds.")
@click.option(
    "--duration", "duration_seconds", type=click.FloatRange(min=0, min_open=True), help="Stop after so many seconds."
)
@click.option("--compare", is_flag=True, help="Gray and colour side by side.")
@temporal_option
@click.option(
    "--temporal-debug",
    type=existing_or_not,
    help="Also write a film of what the temporal pass did: before, after, confidence, change; cuts framed red.",
)
@shared_options
def video(inputs: tuple[Path, ...], output: Path | None, **options: Any) -> None:
    """Colour films and folders of films. Luma, timestamps, sound, subtitles and all else stay as they are.

    One bad film never stops the rest. A run that was killed resumes when the same command is run again.
    """
    from restore.jobs.films import colorize_films
    from restore.options import FilmOptions

    with progress_bar(inputs[0].name if len(inputs) == 1 else "films", "frames") as tick:
        report = colorize_films(inputs, output, options=gather(FilmOptions, options), progress=tick)
    show_report(report, "frames")
