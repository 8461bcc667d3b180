"""Measures a model that gives several colourings of one picture: one of them, the likeliest, the best, their spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from restore.colour import FloatArray, rgb_from_luma_chroma
from restore.paint.network import Colorizer
from restore.paint.sampling import SamplingPainter
from restore.upsample import upsample_chroma
from restore_train.evaluate.figures import PictureFigures, TruePicture, as_shown
from restore_train.evaluate.metrics import Rgb, chroma_of, lab_from_rgb, luma_of, mean_ciede2000
from restore_train.evaluate.photos import colour_rarity, decode_rgb, gray, in_threads
from restore_train.photoset import encoded_photos

Sampling = Callable[[FloatArray], Sequence[tuple[Rgb, float]]]
"""Luma ``H x W`` in [0, 1] to colourings: RGB ``H x W x 3`` in [0, 1] and the log likelihood of each."""


@dataclass(frozen=True)
class SampleFigures:
    """The figures of a set."""

    rows: dict[str, list[PictureFigures]]
    """By label, one a picture: gray, one seed, the likeliest, the oracle (the best by dE00, which nobody could pick
    without the truth), truth."""
    diversity: float
    """Mean CIEDE2000 between two colourings of one picture; 0 for a model that always says the same."""
    bias: tuple[float, float]
    """Mean Cb and Cr of all samples less the truth's, in 8-bit codes: a cast. Negative Cb is yellow."""


def open_sampling(colorizer: Colorizer, *, seeds: Sequence[int], temperature: float) -> Sampling:
    """Returns a model that samples as a function from luma to a colouring a seed. Raises ``ModelError``."""
    painter = SamplingPainter(colorizer, temperature=temperature)

    def sample(luma: FloatArray) -> list[tuple[Rgb, float]]:
        return [
            (rgb_from_luma_chroma(luma, upsample_chroma(variant.chroma, luma)), variant.log_likelihood)
            for variant in painter(colorizer.prepare(luma), seeds)
        ]

    return sample


def evaluate_samples(
    paths: Sequence[Path],
    sampling: Sampling,
    *,
    threads: int = 2,
    progress: Callable[[int, int | None], None] | None = None,
) -> SampleFigures:
    """Returns the figures of every picture of tar shards and folders; the first colouring of each is its "one seed".

    The sets are read twice, as by :func:`restore_train.evaluate.photos.evaluate_photos`. Raises ``ValueError`` for a
    set without pictures or with one that cannot be decoded.
    """
    prior, count = colour_rarity(paths, threads)

    def measure(item: tuple[str, bytes]) -> tuple[dict[str, PictureFigures], float, NDArray[np.float64]]:
        truth = TruePicture.of(item[0], decode_rgb(*item), prior)
        luma = luma_of(truth.rgb)
        pictures, likelihoods = zip(*sampling(luma), strict=True)
        labs = [lab_from_rgb(as_shown(picture)) for picture in pictures]
        errors = [mean_ciede2000(lab, truth.lab) for lab in labs]
        figures = {
            "gray": truth.measure(gray(luma)),
            "one seed": truth.measure(pictures[0]),
            f"likeliest of {len(pictures)}": truth.measure(pictures[int(np.argmax(likelihoods))]),
            f"oracle of {len(pictures)}": truth.measure(pictures[int(np.argmin(errors))]),
            "truth": truth.measure(truth.rgb),
        }
        apart = [mean_ciede2000(first, second) for first, second in combinations(labs, 2)]
        cast = np.mean([chroma_of(picture).mean(axis=(0, 1)) for picture in pictures], axis=0, dtype=np.float64)
        return figures, float(np.mean(apart or [0.0])), 255 * (cast - chroma_of(truth.rgb).mean(axis=(0, 1)))

    rows: dict[str, list[PictureFigures]] = {}
    spreads, casts = [], []
    for done, (figures, spread, cast) in enumerate(in_threads(measure, encoded_photos(paths), threads), start=1):
        for label, row in figures.items():
            rows.setdefault(label, []).append(row)
        spreads.append(spread)
        casts.append(cast)
        if progress is not None:
            progress(done, count)
    cb, cr = np.mean(casts, axis=0)
    return SampleFigures(rows, float(np.mean(spreads)), (float(cb), float(cr)))
