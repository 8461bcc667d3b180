"""``rechroma bench``: speed and memory that anyone can measure, as ratios within one run."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from restore.cli.console import console
from restore.cli.options import engine_option, existing_or_not

__all__ = ["bench"]


class BenchGroup(click.Group):
    """``rechroma bench CLIP`` is short for ``rechroma bench clip CLIP``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["clip", *args]
        return super().parse_args(ctx, args)


@click.group(cls=BenchGroup)
def bench() -> None:
    """Measure speed and memory on this machine."""


@bench.command("clip")
@click.argument("clip", type=existing_or_not)
@click.option("--frames", default=100, show_default=True, type=click.IntRange(min=1), help="Measure so many frames.")
@click.option("--model", default="pix2pix", show_default=True)
@engine_option
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of every stage.")
@click.option("--codec", help="Codec of the encode stages.")
@click.option("--preset", help="The encoder's preset.")
@click.option("--temporal", default="light", show_default=True, type=click.Choice(["off", "light", "strong"]))
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(min=1), help="Rounds; medians are shown.")
@click.option("--only", multiple=True, help="Measure this stage only; may be given several times.")
def bench_clip(
    clip: Path,
    frames: int,
    model: str,
    engine: str,
    device: str,
    threads: int | None,
    codec: str | None,
    preset: str | None,
    temporal: str,
    repeat: int,
    only: tuple[str, ...],
) -> None:
    """Time each stage on CLIP alone and all together, with a plain decode-encode beside them."""
    from restore.jobs.films import VideoOptions
    from restore_train.bench import film as benchmark

    if unknown := set(only) - set(benchmark.STAGES):
        raise click.BadParameter(f"unknown stages {sorted(unknown)}; known are {', '.join(benchmark.STAGES)}")
    options = VideoOptions(codec=codec, preset=preset, temporal=temporal, threads=threads)
    stages = only or tuple(benchmark.STAGES)
    measured = benchmark.bench(
        clip,
        frames=frames,
        model=model,
        engine=engine,
        device=device,
        threads=threads,
        options=options,
        stages=stages,
        repeat=repeat,
    )
    table = Table("stage", "frames", "wall s", "CPU s", "CPU ms/frame", "frames/s", "peak MB")
    for name, stage in measured.items():
        table.add_row(
            name,
            str(stage.frames),
            f"{stage.wall_seconds:.2f}",
            f"{stage.cpu_seconds:.2f}",
            f"{1000 * stage.cpu_seconds / stage.frames:.1f}",
            f"{stage.frames / stage.wall_seconds:.1f}",
            f"{stage.peak_bytes / 1e6:.0f}",
        )
    console.print(table)
    if set(measured) == set(benchmark.STAGES):
        result = benchmark.BenchTable(measured)
        console.print(f"CPU seconds, whole run / (network + plain decode-encode): {result.cpu_ratio:.2f}")
        console.print(f"whole run, wall / CPU seconds: {result.overlap:.2f}")
        console.print(f"whole run / plain decode-encode, wall seconds: {result.plain_ratio:.2f}")


@bench.command("engines")
@click.option("--model", default="pix2pix", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1))
@click.option("--repeat", default=5, show_default=True, type=click.IntRange(min=1), help="Rounds; medians are shown.")
def bench_the_engines(model: str, device: str, threads: int | None, repeat: int) -> None:
    """Compare the installed engines: pictures a second at 256 x 256, and how far their chroma is from PyTorch's."""
    from restore_train.bench.engines import bench_engines

    table = Table("engine", "batch", "start s", "CPU ms", "pictures/s", "x torch", "difference")
    speeds = bench_engines(model, device=device, threads=threads, rounds=repeat)
    reference = {each.batch: each for each in reversed(speeds)}  # PyTorch in fp32 comes first
    for each in speeds:
        table.add_row(
            f"{each.engine} {each.precision}",
            str(each.batch),
            f"{each.start_seconds:.1f}",
            f"{1000 * each.cpu_seconds:.1f}",
            f"{1 / each.wall_seconds:.1f}",
            f"{reference[each.batch].wall_seconds / each.wall_seconds:.2f}",
            f"{each.largest_difference:.1e}",
        )
    console.print(table)


@bench.command("sampling")
@click.option("--model", help="Weights of a PixColor; untrained ones of the same cost where not given.")
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1))
@click.option("--grid", nargs=2, default=(16, 16), show_default=True, type=click.IntRange(min=1), help="Rows, columns.")
@click.option("--batch", "batches", multiple=True, type=click.IntRange(min=1), help="May be given several times.")
@click.option("--naive-up-to", type=click.IntRange(min=0), help="Leave the naive loop out above this batch.")
def bench_the_sampling(
    model: str | None,
    device: str,
    threads: int | None,
    grid: tuple[int, int],
    batches: tuple[int, ...],
    naive_up_to: int | None,
) -> None:
    """Time PixColor's sampling by the naive loop and from caches, in one run, and how it grows with the batch."""
    import torch

    from restore.errors import ModelError
    from restore.paint.engines.devices import pick_device
    from restore_models import WeightsError, open_model
    from restore_models.pixcolor import PixColor, PixColorSizes, build_pixcolor
    from restore_train.bench.sampling import BATCHES, bench_sampling

    if threads is not None:
        torch.set_num_threads(threads)
    try:
        network = open_model(model)[0].module if model else build_pixcolor(PixColorSizes())
    except WeightsError as error:
        raise ModelError(str(error)) from error
    if not isinstance(network, PixColor):
        raise ModelError(f"{model} is no PixColor; only that samples")
    rows = bench_sampling(
        network.pixelcnn,
        batches=batches or BATCHES,
        grid=grid,
        device=pick_device(device),
        naive_up_to=naive_up_to,
    )
    table = Table("batch", "naive s", "cached s", "factor", "cached ms a grid", "same grids")
    for row in rows:
        table.add_row(
            str(row.batch),
            "-" if row.naive_seconds is None else f"{row.naive_seconds:.1f}",
            f"{row.cached_seconds:.2f}",
            "-" if row.factor is None else f"{row.factor:.0f}",
            f"{1000 * row.cached_seconds_a_grid:.1f}",
            "-" if row.same_grids is None else f"{row.same_grids} of {row.batch}",
        )
    console.print(table)


@bench.command("journal")
@click.argument("clip", type=existing_or_not)
@click.option("--frames", default=300, show_default=True, type=click.IntRange(min=1), help="Measure so many frames.")
@click.option("--model", default="pix2pix", show_default=True)
@engine_option
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1))
@click.option("--codec", help="Codec of the result.")
@click.option("--preset", help="The encoder's preset.")
def bench_the_journal(
    clip: Path,
    frames: int,
    model: str,
    engine: str,
    device: str,
    threads: int | None,
    codec: str | None,
    preset: str | None,
) -> None:
    """What it costs that a killed film goes on: the journal's work alone, beside the whole run."""
    from restore.cli.options import make_colorizer
    from restore.jobs.films import VideoOptions
    from restore_train.bench.journal import bench_journal

    colorizer = make_colorizer(model=model, engine=engine, device=device, threads=threads)
    options = VideoOptions(codec=codec, preset=preset, threads=threads)
    cost = bench_journal(clip, frames=frames, colorizer=colorizer, options=options)
    table = Table("", "frames", "wall s", "CPU s")
    for name, part in (("whole run", cost.whole), (f"journal, {cost.units} units", cost.journal)):
        table.add_row(name, str(part.frames), f"{part.wall_seconds:.2f}", f"{part.cpu_seconds:.3f}")
    console.print(table)
    console.print(f"CPU seconds, journal / whole run: {100 * cost.share:.2f} %")


@bench.command("palette")
@click.argument("clip", type=existing_or_not, required=False)
@click.option("--palette", default="ironbow", show_default=True, help="The recording's false colours.")
@click.option("--frames", default=100, show_default=True, type=click.IntRange(min=1), help="Of the recording made.")
@click.option("--model", help="As for rechroma thermal.")
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1))
def bench_the_palette(
    clip: Path | None, palette: str, frames: int, model: str | None, device: str, threads: int | None
) -> None:
    """Time taking false colours back to one channel, alone and beside all of rechroma thermal.

    CLIP is a false-colour recording; without one, 640 x 512 is made.
    """
    from restore.paint.thermal import open_thermal_painter
    from restore_train.bench.palette import bench_palette

    painter = open_thermal_painter(model, device=device, threads=threads)
    cost = bench_palette(clip, palette=palette, frames=frames, painter=painter)
    table = Table("", "frames", "CPU s", "CPU ms/frame")
    for name, part in (
        ("whole run", cost.whole), ("inversion", cost.inversion), ("by the definition", cost.definition),
    ):  # fmt: skip
        per_frame = 1000 * part.cpu_seconds / part.frames
        table.add_row(name, str(part.frames), f"{part.cpu_seconds:.2f}", f"{per_frame:.1f}")
    console.print(table)
    console.print(f"CPU seconds a frame, by the definition / inversion: {cost.gain:.0f}")
    console.print(f"CPU seconds, inversion / whole run: {100 * cost.share:.1f} %")


@bench.command("workers")
@click.argument("clips", nargs=-1, required=True, type=existing_or_not)
@click.option("--shots", default=40, show_default=True, type=click.IntRange(min=2), help="Of the film made, in turn.")
@click.option("--shot-frames", default=40, show_default=True, type=click.IntRange(min=3), help="Of each shot.")
@click.option("--height", type=click.IntRange(min=16), help="Of the film made; the first clip's where not given.")
@click.option("--model", default="pix2pix", show_default=True)
@engine_option
@click.option("--device", default="cpu", show_default=True)
@click.option("--codec", help="Codec of the result.")
@click.option("--preset", help="The encoder's preset.")
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(min=1), help="Rounds; medians are shown.")
def bench_the_workers(
    clips: tuple[Path, ...],
    shots: int,
    shot_frames: int,
    height: int | None,
    model: str,
    engine: str,
    device: str,
    codec: str | None,
    preset: str | None,
    repeat: int,
) -> None:
    """Colour a film of many shots from CLIPS, by one worker and by two, with one thread each."""
    from restore.jobs.films import VideoOptions
    from restore_train.bench import workers as benchmark

    options = VideoOptions(codec=codec, preset=preset)
    result = benchmark.bench_workers(
        clips,
        shots=shots,
        shot_frames=shot_frames,
        height=height,
        model=model,
        engine=engine,
        device=device,
        options=options,
        repeat=repeat,
    )
    table = Table("", "frames", "wall s", "CPU s", "frames/s")
    for way, timed in result.ways.items():
        speed = f"{result.frames / timed.seconds:.1f}"
        table.add_row(way, str(result.frames), f"{timed.seconds:.1f}", f"{timed.cpu_seconds:.1f}", speed)
    console.print(table)
    told = "counted: models loaded, workers started, planning, joining and checksums; a unit is a shot"
    console.print(told, soft_wrap=True)
    told = "this process: decoder, network and encoder have a thread each; a worker has one for all of them"
    console.print(told, soft_wrap=True)
    for slower in (benchmark.ONE, benchmark.THIS_PROCESS):
        console.print(f"two workers / {slower}, speed: {result.gain(slower, benchmark.TWO):.2f}")
    same = len({timed.sha256 for timed in result.ways.values()}) == 1
    console.print("the films are the same bytes" if same else "THE FILMS DIFFER")
