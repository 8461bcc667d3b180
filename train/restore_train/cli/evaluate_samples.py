"""``rechroma evaluate samples``: a model that gives several colourings, measured as such."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from restore.cli.console import console, progress_bar
from restore.cli.options import colorizer_options, existing_or_not, make_colorizer
from restore.errors import InputError
from restore_train.cli.evaluate import check_writable, command_line, evaluate, json_option, show, write_json

__all__ = ["evaluate_samples"]


@evaluate.command("samples")
@click.argument("sets", nargs=-1, required=True, type=existing_or_not)
@click.option("--samples", default=8, show_default=True, type=click.IntRange(min=1), help="Colourings a picture.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of the first; then seed + 1.")
@click.option("--temperature", default=0.8, show_default=True, type=click.FloatRange(min=0))
@json_option
@colorizer_options
def evaluate_samples(
    sets: tuple[Path, ...], samples: int, seed: int, temperature: float, json_path: Path | None, **model: Any
) -> None:
    """Measure one, the likeliest and the best of several colourings (PixColor) of every colour picture in SETS."""
    from restore.colour import FloatArray, rgb_from_luma_chroma
    from restore.paint.sampling import VariantPainter
    from restore.upsample import upsample_chroma
    from restore_train.evaluate.figures import PICTURE_COLUMNS, summaries
    from restore_train.evaluate.likelihood import evaluate_likelihood
    from restore_train.evaluate.samples import evaluate_samples as measure

    check_writable(json_path)
    colorizer = make_colorizer(**model)
    painter = VariantPainter(colorizer, temperature=temperature)

    def sampling(luma: FloatArray) -> list[tuple[FloatArray, float]]:
        variants = painter(colorizer.prepare(luma), range(seed, seed + samples))
        return [
            (rgb_from_luma_chroma(luma, upsample_chroma(variant.chroma, luma)), variant.log_likelihood)
            for variant in variants
        ]

    try:
        with progress_bar("measuring", "pictures") as progress:
            found = measure(sets, sampling, progress=progress)
        with progress_bar("asking for the truth", "pictures") as progress:
            size = colorizer.working_size
            nats = evaluate_likelihood(sets, painter.model, working_size=size, seed=seed, progress=progress)
    except (ValueError, FileNotFoundError) as error:
        raise InputError(str(error)) from error
    means = summaries(found.rows)
    show(f"{len(found.rows['truth'])} pictures", PICTURE_COLUMNS, means)
    console.print(f"diversity, mean dE00 between two colourings of one picture: {found.diversity:.2f}")
    console.print(f"cast, mean Cb and Cr less the truth's, in codes: {found.bias[0]:+.2f} {found.bias[1]:+.2f}")
    console.print(
        f"the truth, nats a symbol: {nats.forced:.3f} given the truth so far; "
        f"along the model's own draws {nats.before:.3f} before and {nats.after:.3f} after the post-head"
    )
    if json_path is not None:
        pictures = {label: [asdict(row) for row in figures] for label, figures in found.rows.items()}
        facts = {"diversity": found.diversity, "bias": np.asarray(found.bias).tolist(), "nats": asdict(nats)}
        write_json(json_path, {"command": command_line(), **facts, "set": means, "pictures": pictures})
