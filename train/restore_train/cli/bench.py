"""``rechroma bench``: speed and memory that anyone can measure, as ratios within one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from restore.cli.options import engine_option, existing_or_not, gather, make_colorizer
from restore_train.cli.output import show_benchmark

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

clip_argument = click.argument("clip", type=existing_or_not)
model_option = click.option("--model", default="pix2pix", show_default=True)
device_option = click.option("--device", default="auto", show_default=True)
threads_option = click.option("--threads", type=click.IntRange(min=1), help="Threads of every stage.")
codec_option = click.option("--codec", help="Codec of the result.")
preset_option = click.option("--preset", help="The encoder's preset.")


def frames_option(default: int) -> Decorator:
    return click.option(
        "--frames", default=default, show_default=True, type=click.IntRange(min=1), help="Measure so many frames."
    )


def repeat_option(default: int) -> Decorator:
    return click.option(
        "--repeat",
        "rounds",
        default=default,
        show_default=True,
        type=click.IntRange(min=1),
        help="Rounds; medians are shown.",
    )


class BenchGroup(click.Group):
    """``rechroma bench CLIP`` is short for ``rechroma bench clip CLIP``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["clip", *args]
        return super().parse_args(ctx, args)


@click.group(cls=BenchGroup)
def bench() -> None:
    """Measure speed and memory on this machine."""


@bench.command()
@clip_argument
@frames_option(100)
@model_option
@engine_option
@device_option
@threads_option
@codec_option
@preset_option
@click.option("--temporal", default="light", show_default=True, type=click.Choice(["off", "light", "strong"]))
@repeat_option(1)
@click.option("--only", multiple=True, help="Measure this stage only; may be given several times.")
def clip(
    codec: str | None, preset: str | None, temporal: str, rounds: int, only: tuple[str, ...], **options: Any
) -> None:
    """Time each stage on CLIP alone and all together, with a plain decode-encode beside them."""
    from restore.options import FilmOptions
    from restore_train.bench.film import STAGES, BenchCase, bench_film

    if unknown := set(only) - set(STAGES):
        raise click.BadParameter(f"unknown stages {sorted(unknown)}; known are {', '.join(STAGES)}")
    video = gather(FilmOptions, {"codec": codec, "preset": preset, "temporal": temporal, "threads": options["threads"]})
    show_benchmark(bench_film(BenchCase(**options, options=video), stages=only or tuple(STAGES), rounds=rounds))


@bench.command()
@model_option
@device_option
@threads_option
@repeat_option(5)
def engines(model: str, device: str, threads: int | None, rounds: int) -> None:
    """Compare the installed engines: pictures a second at 256 x 256, and how far their chroma is from PyTorch's."""
    from restore_train.bench.engines import bench_engines

    show_benchmark(bench_engines(model, device=device, threads=threads, rounds=rounds))


@bench.command()
@engine_option
@device_option
@threads_option
@repeat_option(3)
def models(**options: Any) -> None:
    """Time the shipped models on 16:9 frames, as the network sees them."""
    from restore_train.bench.engines import bench_models

    show_benchmark(bench_models(**options))


@bench.command()
@click.option("--model", help="Weights of a PixColor; untrained ones of the same cost where not given.")
@device_option
@threads_option
@click.option("--grid", nargs=2, default=(16, 16), show_default=True, type=click.IntRange(min=1), help="Rows, columns.")
@click.option("--batch", "batches", multiple=True, type=click.IntRange(min=1), help="May be given several times.")
@click.option("--naive-up-to", type=click.IntRange(min=0), help="Leave the naive loop out above this batch.")
def sampling(model: str | None, device: str, threads: int | None, batches: tuple[int, ...], **options: Any) -> None:
    """Time PixColor's sampling by the naive loop and from caches, in one run, and how it grows with the batch."""
    import torch

    from restore.paint.engines.devices import pick_device
    from restore_train.bench.sampling import BATCHES, bench_sampling, open_pixelcnn

    if threads is not None:
        torch.set_num_threads(threads)
    network = open_pixelcnn(model)
    show_benchmark(bench_sampling(network, batches=batches or BATCHES, device=pick_device(device), **options))


@bench.command()
@clip_argument
@frames_option(300)
@model_option
@engine_option
@device_option
@threads_option
@codec_option
@preset_option
def journal(
    clip: Path, frames: int, threads: int | None, codec: str | None, preset: str | None, **options: Any
) -> None:
    """Time the work that lets a killed film be resumed, alone and beside the whole run."""
    from restore.options import FilmOptions
    from restore_train.bench.journal import bench_journal

    colorizer = make_colorizer(threads=threads, **options)
    video = gather(FilmOptions, {"codec": codec, "preset": preset, "threads": threads})
    show_benchmark(bench_journal(clip, frames=frames, colorizer=colorizer, options=video))


@bench.command()
@click.argument("clip", type=existing_or_not, required=False)
@click.option("--palette", default="ironbow", show_default=True, help="The recording's false colours.")
@frames_option(100)
@click.option("--model", help="As for rechroma thermal.")
@device_option
@threads_option
def palette(clip: Path | None, palette: str, frames: int, model: str | None, device: str, threads: int | None) -> None:
    """Time taking false colours back to one channel, alone and beside all of rechroma thermal.

    CLIP is a false-colour recording; without one, 640 x 512 is made.
    """
    from restore.paint.thermal import open_thermal_painter
    from restore_train.bench.palette import bench_palette

    painter = open_thermal_painter(model, device=device, threads=threads)
    show_benchmark(bench_palette(clip, palette=palette, frames=frames, painter=painter))


@bench.command()
@click.argument("clips", nargs=-1, required=True, type=existing_or_not)
@click.option("--shots", default=40, show_default=True, type=click.IntRange(min=2), help="Of the film made, in turn.")
@click.option("--shot-frames", default=40, show_default=True, type=click.IntRange(min=3), help="Of each shot.")
@click.option("--height", type=click.IntRange(min=16), help="Of the film made; the first clip's where not given.")
@model_option
@engine_option
@click.option("--device", default="cpu", show_default=True)
@codec_option
@preset_option
@repeat_option(1)
def workers(
    clips: tuple[Path, ...],
    model: str,
    engine: str,
    device: str,
    codec: str | None,
    preset: str | None,
    **options: Any,
) -> None:
    """Colour a film of many shots from CLIPS with one job and with two, with one thread each."""
    from restore.options import FilmOptions
    from restore_train.bench.film import BenchCase
    from restore_train.bench.workers import bench_workers

    case = BenchCase(
        clips[0],
        frames=0,
        model=model,
        engine=engine,
        device=device,
        threads=1,
        options=gather(FilmOptions, {"codec": codec, "preset": preset}),
    )
    show_benchmark(bench_workers(clips, case, **options))
