"""Measures colour on photos with known truth: they are turned gray, coloured, and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_train.metrics import (
    area_under_ab_errors,
    colourfulness,
    lab_from_rgb,
    mean_ciede2000,
    psnr,
    rarity_weights,
)
from restore_train.photoset import encoded_photos

__all__ = ["Colouring", "PhotoFigures", "evaluate_photos", "mean_figures", "triptychs"]

Rgb = NDArray[np.float32]

Colouring = Callable[[NDArray[np.float32]], Rgb]
"""Luma ``H x W`` in [0, 1] (BT.601, full range) to RGB ``H x W x 3`` in [0, 1]."""

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)  # Cb, Cr: ITU-T T.871


@dataclass(frozen=True)
class PhotoFigures:
    """One picture's figures; definitions in :mod:`restore_train.metrics`."""

    name: str
    psnr: float
    psnr_chroma: float
    de00: float
    cf: float
    cf_abs: float
    auc: float
    auc_rebalanced: float


def gray(luma: NDArray[np.float32]) -> Rgb:
    return np.repeat(luma[..., None], 3, axis=-1)


def decode_rgb(encoded: bytes) -> Rgb:
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("a picture of the set cannot be decoded")
    return bgr[..., ::-1].astype(np.float32) / np.float32(255)


def figures(name: str, result: Rgb, truth: Rgb, truth_lab: Rgb, weights: NDArray[np.float64]) -> PhotoFigures:
    shown = np.rint(np.clip(result, 0, 1) * 255).astype(np.float32) / np.float32(255)  # what an 8-bit file would hold
    lab = lab_from_rgb(shown)
    return PhotoFigures(
        name=name,
        psnr=psnr(shown, truth),
        psnr_chroma=psnr(shown @ CHROMA.T, truth @ CHROMA.T),
        de00=mean_ciede2000(lab, truth_lab),
        cf=colourfulness(shown),
        cf_abs=colourfulness(shown, absolute=True),
        auc=area_under_ab_errors(lab, truth_lab),
        auc_rebalanced=area_under_ab_errors(lab, truth_lab, weights),
    )


def evaluate_photos(
    paths: Sequence[Path], colourings: Mapping[str, Colouring], *, threads: int = 2
) -> dict[str, list[PhotoFigures]]:
    """Figures of every colouring on every picture of tar shards and folders, with gray and the truth as baselines.

    Raises ``ValueError`` for a set without pictures or with one that cannot be decoded.
    """
    encoded = list(encoded_photos(paths))
    if not encoded:
        raise ValueError(f"no pictures in {', '.join(map(str, paths))}")
    with ThreadPoolExecutor(threads) as pool:
        truths = list(pool.map(lambda item: decode_rgb(item[1]), encoded))
        labs = list(pool.map(lab_from_rgb, truths))
        weights = rarity_weights(labs)
        rows: dict[str, list[PhotoFigures]] = {}
        for label, colour in {"gray": gray, **colourings}.items():

            def measure(index: int, colour: Colouring = colour) -> PhotoFigures:
                result = colour(truths[index] @ LUMA)
                return figures(encoded[index][0], result, truths[index], labs[index], weights[index])

            rows[label] = list(pool.map(measure, range(len(truths))))
        rows["truth"] = [figures(encoded[i][0], truths[i], truths[i], labs[i], weights[i]) for i in range(len(truths))]
    return rows


def triptychs(
    paths: Sequence[Path], colour: Colouring, rows: Sequence[PhotoFigures]
) -> Iterator[tuple[str, tuple[Rgb, Rgb, Rgb]]]:
    """Gray, ours and truth of every picture, worst dE00 first, labelled with it; ``rows`` are this colouring's."""
    encoded = dict(encoded_photos(paths))
    for row in sorted(rows, key=lambda row: -row.de00):
        truth = decode_rgb(encoded[row.name])
        luma = truth @ LUMA
        yield f"{row.de00:.1f} {row.name}", (gray(luma), colour(luma), truth)


def mean_figures(rows: Sequence[PhotoFigures]) -> dict[str, Any]:
    """Means over a set; PSNR is averaged in dB over the pictures where it is finite."""
    names = [name for name in asdict(rows[0]) if name != "name"]
    table: dict[str, Any] = {"pictures": len(rows)}
    for name in names:
        values = np.array([getattr(row, name) for row in rows])
        table[name] = float(np.mean(values)) if np.isfinite(values).all() else float("inf")
    return table
