"""``rechroma verify`` and ``rechroma bench``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from restore.cli.console import console
from restore.cli.options import engine_option, existing_or_not
from restore.errors import VerificationError

__all__ = ["bench", "verify"]

ENGINE_ROUNDS = 5


@click.command()
@click.argument("original", type=existing_or_not)
@click.argument("result", type=existing_or_not)
@click.option("--max-luma-difference", type=click.IntRange(min=0), help="Fail above this difference, in codes.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as JSON on standard output.")
def verify(original: Path, result: Path, max_luma_difference: int | None, as_json: bool) -> None:
    """Prove that RESULT, a film or a photo, keeps what ORIGINAL had: frames, timestamps, streams, metadata, luma."""
    from restore.verify import verify_any

    report = verify_any(original, result, max_luma_difference=max_luma_difference)
    if as_json:
        click.echo(json.dumps({**asdict(report), "ok": report.ok}, indent=2, default=str))
    else:
        for line in report.lines():
            click.echo(line)
    if not report.ok:
        raise VerificationError(f"{result.name} does not keep all of {original.name}: {'; '.join(report.problems)}")


@click.command()
@click.argument("clip", required=False, type=existing_or_not)
@click.option("--engines", "compare_engines", is_flag=True, help="Compare the installed engines; needs no CLIP.")
@click.option("--frames", default=100, show_default=True, type=click.IntRange(min=1), help="Measure so many frames.")
@click.option("--model", default="pix2pix", show_default=True)
@engine_option
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1))
@click.option("--codec", help="Codec of the encode stages.")
@click.option("--preset", help="The encoder's preset.")
@click.option("--temporal", default="light", show_default=True, type=click.Choice(["off", "light", "strong"]))
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(min=1), help="Rounds; medians are shown.")
@click.option("--only", multiple=True, help="Measure this stage only; may be given several times.")
def bench(
    clip: Path | None,
    compare_engines: bool,
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
    """Time each stage on CLIP alone and all together, with a plain decode-encode beside them.

    With --engines: pictures a second, 256 x 256, for every installed engine, and how far its chroma is from PyTorch's.
    """
    if compare_engines:
        show_engines(model=model, device=device, threads=threads, rounds=max(repeat, ENGINE_ROUNDS))
        return
    if clip is None:
        raise click.UsageError("give a CLIP to time, or --engines", click.get_current_context())
    from restore import bench as benchmark
    from restore.video import VideoOptions

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


def show_engines(**options: Any) -> None:
    from restore.engine_bench import bench_engines

    table = Table("engine", "batch", "start s", "CPU ms", "pictures/s", "x torch", "difference")
    speeds = bench_engines(**options)
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
