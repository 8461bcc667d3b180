"""Measures thermal translation on registered pairs, day and night apart, and on pictures that have no partner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_train.evaluate.figures import Column, as_shown
from restore_train.evaluate.metrics import (
    Rgb,
    chroma_of,
    colourfulness,
    lab_from_rgb,
    luma_of,
    mean_ciede2000,
    psnr,
    ssim,
)
from restore_train.evaluate.photos import gray
from restore_train.photoset import encoded_photos
from restore_train.thermal_pairs import Pair

__all__ = [
    "AS_IS",
    "THERMAL_COLUMNS",
    "ChromaSpread",
    "ThermalFigures",
    "Translation",
    "chroma_spread",
    "edge_agreement",
    "evaluate_pairs",
    "in_rows",
    "pair_pictures",
    "planes_of",
    "read_thermal",
]

Plane = NDArray[np.float32]
Translation = Callable[[Plane], Rgb]
"""A thermal picture ``H x W`` in [0, 1], white-hot, to RGB ``H x W x 3`` in [0, 1]."""

AS_IS = "heat as is"  # label of the first baseline
EDGE_BLUR = 1.5  # pixels: edges of this size, and not noise or what a pixel of misalignment does

THERMAL_COLUMNS = (
    Column("psnr", "PSNR", 2, "high", "dB, on 8-bit RGB"),
    Column("ssim", "SSIM", 3, "high", "on RGB"),
    Column("de00", "dE00", 2, "low", "mean CIEDE2000 colour difference"),
    Column("cf", "CF", 1, "truth", "colourfulness, Hasler and Susstrunk 2003", "percent"),
    Column("edges", "Edges", 3, "high", "agreement of luma's edges with the thermal picture's, 0 to 1"),
)


@dataclass(frozen=True)
class ThermalFigures:
    """One pair's figures."""

    name: str
    psnr: float
    ssim: float
    de00: float
    cf: float
    edges: float
    """See :func:`edge_agreement`; with the thermal picture, not with the truth."""


def normalised_gradient(plane: Plane) -> NDArray[np.float64]:
    """``2 x H x W``: gradients shorter than 1, about 1 at strong edges and near 0 in flat parts.

    The normalised gradient field of Haber and Modersitzki 2006, equation 4, with the mean gradient as their noise level
    (equation 5), so that a picture's contrast does not matter.
    """
    smooth = cv2.GaussianBlur(plane.astype(np.float64), (0, 0), EDGE_BLUR)
    field = np.stack(np.gradient(smooth))
    squared = np.square(field).sum(axis=0)
    noise = np.sqrt(squared).mean()
    return np.asarray(field / np.sqrt(squared + noise**2 + 1e-12), np.float64)


def edge_agreement(luma: Plane, thermal: Plane) -> float:
    """How far two pictures ``H x W`` have the same edges, from 0 to 1; 1 for a picture and its negative, too.

    With n and m their normalised gradient fields, 2 sum (n.m)^2 / sum (|n|^4 + |m|^4): the similarity of Haber and
    Modersitzki 2006 in Dice's symmetric form. An edge of the thermal picture that is missing costs as much as an edge
    that it does not have; the sign does not matter, since warm may be dark.
    """
    ours, theirs = normalised_gradient(luma), normalised_gradient(thermal)
    common = np.square((ours * theirs).sum(axis=0)).sum()
    every = (np.square(np.square(ours).sum(axis=0)) + np.square(np.square(theirs).sum(axis=0))).sum()
    return float(2 * common / every) if every > 0 else 0.0


def planes_of(pair: Pair) -> tuple[Plane, Rgb]:
    """Thermal ``H x W`` and the visible picture's RGB ``H x W x 3``, in [0, 1]."""
    bgr = cv2.cvtColor(np.ascontiguousarray(pair.ycbcr[..., [0, 2, 1]]), cv2.COLOR_YCrCb2BGR)
    return pair.thermal.astype(np.float32) / np.float32(255), bgr[..., ::-1].astype(np.float32) / np.float32(255)


def evaluate_pairs(
    pairs: Iterable[Pair],
    translations: Mapping[str, Translation],
    *,
    progress: Callable[[int, int | None], None] | None = None,
) -> tuple[dict[str, list[ThermalFigures]], list[bool]]:
    """Figures of every translation of every pair, with the thermal picture as it is (:data:`AS_IS`) and the truth.

    Also whether each pair was taken by day; see :func:`restore_train.thermal_pairs.is_day`.
    """
    every = {AS_IS: gray, **translations}
    rows: dict[str, list[ThermalFigures]] = {label: [] for label in (*every, "truth")}
    day: list[bool] = []
    for pair in pairs:
        thermal, truth = planes_of(pair)
        lab = lab_from_rgb(truth)
        results = {label: translate(thermal) for label, translate in every.items()}
        for label, result in {**results, "truth": truth}.items():
            shown = as_shown(result)
            rows[label].append(
                ThermalFigures(
                    name=pair.name,
                    psnr=psnr(shown, truth),
                    ssim=ssim(shown, truth),
                    de00=mean_ciede2000(lab_from_rgb(shown), lab),
                    cf=colourfulness(shown),
                    edges=edge_agreement(luma_of(shown), thermal),
                )
            )
        day.append(pair.day)
        if progress is not None:
            progress(len(day), None)
    return rows, day


def in_rows(rows: Mapping[str, Sequence[ThermalFigures]], chosen: Sequence[bool]) -> dict[str, list[ThermalFigures]]:
    """The rows of the pairs that are chosen."""
    return {
        label: [row for row, wanted in zip(figures, chosen, strict=True) if wanted] for label, figures in rows.items()
    }


def pair_pictures(pairs: Iterable[Pair], translations: Sequence[Translation]) -> Iterator[tuple[str, list[Rgb]]]:
    """Name, and thermal picture, every translation and truth, of every pair."""
    for pair in pairs:
        thermal, truth = planes_of(pair)
        yield pair.name, [gray(thermal), *(translate(thermal) for translate in translations), truth]


def read_thermal(paths: Sequence[Path]) -> Iterator[tuple[str, Plane]]:
    """Thermal pictures without partners, ``H x W`` in [0, 1]. Raises ``ValueError`` for one that cannot be decoded."""
    for name, encoded in encoded_photos(paths):
        plane = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_GRAYSCALE)
        if plane is None:
            raise ValueError(f"{name} cannot be decoded; take it out of the set")
        yield name, plane.astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class ChromaSpread:
    """How various a translation's colours are over a set, in 8-bit codes of chroma; one colour for all has 0."""

    pictures: int
    centre: tuple[float, float]
    """Mean Cb and Cr of all pictures."""
    between: float
    """Of the pictures' mean (Cb, Cr): root mean square distance from the centre."""
    within: float
    """Of the pixels of a picture from its own mean: root mean square, averaged over pictures."""


def chroma_spread(pictures: Iterable[Plane], translate: Translation) -> ChromaSpread:
    """Translates a set and measures its spread of chroma. Raises ``ValueError`` for an empty set."""
    means, spreads = [], []
    for thermal in pictures:
        chroma = 255 * chroma_of(as_shown(translate(thermal))).reshape(-1, 2).astype(np.float64)
        means.append(chroma.mean(axis=0))
        spreads.append(float(np.sqrt(chroma.var(axis=0).sum())))
    if not means:
        raise ValueError("no thermal pictures to translate")
    centres = np.stack(means)
    cb, cr = centres.mean(axis=0)
    between = float(np.sqrt(centres.var(axis=0).sum()))
    return ChromaSpread(len(centres), (float(cb), float(cr)), between, float(np.mean(spreads)))
