"""``rechroma video``."""

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

__all__ = ["video"]


@click.command()
@click.argument("source", type=existing_or_not)
@click.option("-o", "--output", type=existing_or_not, help="Result. [default: SOURCE.colour.EXT]")
@click.option("--overwrite", is_flag=True, help="Replace an existing result.")
@click.option("--restart", is_flag=True, help="Begin again instead of going on with what an earlier run finished.")
@click.option("--codec", help="h264 (default), hevc, av1, ffv1, prores, h264_nvenc, hevc_nvenc or av1_nvenc.")
@click.option("--crf", type=float, help="Constant quality, lower is better; 0 is lossless for h264.")
@click.option("--preset", help="The encoder's preset.")
@click.option("--pix-fmt", help="Pixel format of the result; the source's depth and subsampling where not given.")
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
@click.option("--temporal", default="light", show_default=True, type=click.Choice(["off", "light", "strong"]))
@click.option(
    "--temporal-debug",
    type=existing_or_not,
    help="Also write a film of what the temporal pass did: before, after, confidence, change; cuts framed red.",
)
@sampling_options
@look_options
@worker_options
@colorizer_options
def video(source: Path, output: Path | None, jobs: int, cluster: str | None, **options: Any) -> None:
    """Colour a film. Luma, timestamps, sound, subtitles and all else stay as they are.

    A run that was killed goes on when the same command is run again.
    """
    from restore.jobs.films import VideoOptions, colorize_video
    from restore.jobs.workers import Workers

    workers = Workers(jobs, cluster, options["threads"])
    names = VideoOptions.__dataclass_fields__
    chosen = {key: value for key, value in options.items() if key in names}
    model = {key: value for key, value in options.items() if key not in chosen or key == "threads"}
    with progress_bar(source.name, "frames") as tick:
        report = colorize_video(
            source,
            output,
            colorizer=make_colorizer(**{**model, "threads": workers.threads_each}),
            options=VideoOptions(**chosen),
            progress=tick,
            workers=workers,
        )
    for warning in report.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False, soft_wrap=True)
    console.print(f"{report.frames} frames -> {report.output}", markup=False, soft_wrap=True)
