"""The figures of a picture, of a clip and of a set, and the columns that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from restore_train.evaluate.metrics import (
    AbPrior,
    Rgb,
    area_under_ab_errors,
    chroma_gradient,
    chroma_of,
    colourfulness,
    lab_from_rgb,
    luma_of,
    mean_ciede2000,
    psnr,
    smooth_regions,
    ssim,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class PictureFigures:
    """One picture's figures; definitions in :mod:`restore_train.evaluate.metrics`."""

    name: str
    psnr: float
    ssim: float
    psnr_chroma: float
    de00: float
    cf: float
    cf_abs: float
    auc: float
    auc_rebalanced: float
    rainbow: float


@dataclass(frozen=True)
class ClipFigures(PictureFigures):
    """One clip's figures: means over the frames that were sampled, and those over time, from every frame."""

    cdc: float
    cdc_chroma: float
    ewarp: float
    flicker: float


@dataclass(frozen=True)
class Column:
    """How a figure is shown."""

    key: str
    title: str
    decimals: int
    better: Literal["high", "low", "truth"]
    meaning: str
    beside_truth: Literal["", "percent", "factor"] = ""
    """How it is also shown in relation to the truth's own."""


PICTURE_COLUMNS = (
    Column("psnr", "PSNR", 2, "high", "dB, on 8-bit RGB; mostly luma, which nobody touches"),
    Column("ssim", "SSIM", 4, "high", "on RGB; mostly luma too"),
    Column("psnr_chroma", "PSNR CbCr", 2, "high", "dB, on chroma alone"),
    Column("de00", "dE00", 2, "low", "mean CIEDE2000 colour difference"),
    Column("cf", "CF", 1, "truth", "colourfulness, Hasler and Susstrunk 2003"),
    Column("dcf", "dCF", 1, "truth", "colourfulness of the set less the truth's; below 0 is too gray"),
    Column("cf_abs", "CF_abs", 1, "truth", "colourfulness of absolute rg and yb, as DDColor reports it", "percent"),
    Column("auc", "AuC", 1, "high", "percent of pixels within an ab error, averaged over errors 0 to 150"),
    Column("auc_rebalanced", "AuC rebal.", 1, "high", "the same with rare colours weighing more"),
    Column("rainbow", "Rainbow", 3, "truth", "chroma gradient where luma is smooth, codes a pixel", "factor"),
)
CLIP_COLUMNS = (
    *PICTURE_COLUMNS,
    Column("cdc", "CDC", 5, "truth", "divergence of RGB histograms 1, 2 and 4 frames apart; mostly luma", "factor"),
    Column("cdc_chroma", "CDC CbCr", 5, "truth", "the same on Cb and Cr; gray or frozen colour has 0", "factor"),
    Column("ewarp", "Ewarp", 3, "low", "squared ab change along the gray source's motion, visible pixels", "factor"),
    Column("flicker", "Flicker", 3, "low", "mean |ab change| of pixels whose motion and luma are stable", "factor"),
)


@dataclass(frozen=True)
class TruePicture:
    """A picture with known colour, and what measuring against it needs."""

    name: str
    rgb: Rgb
    lab: NDArray[np.float32]
    weights: NDArray[np.float64]
    """``H x W``, by how rare a pixel's colour is in the set."""
    smooth: NDArray[np.bool_]

    @classmethod
    def of(cls, name: str, rgb: Rgb, prior: AbPrior) -> TruePicture:
        lab = lab_from_rgb(rgb)
        return cls(name, rgb, lab, prior.weights(lab), smooth_regions(luma_of(rgb)))

    def measure(self, result: Rgb) -> PictureFigures:
        """Returns the figures of a colouring ``H x W x 3`` in [0, 1] of this picture's gray."""
        shown = as_shown(result)
        lab = lab_from_rgb(shown)
        return PictureFigures(
            name=self.name,
            psnr=psnr(shown, self.rgb),
            ssim=ssim(shown, self.rgb),
            psnr_chroma=psnr(chroma_of(shown), chroma_of(self.rgb)),
            de00=mean_ciede2000(lab, self.lab),
            cf=colourfulness(shown),
            cf_abs=colourfulness(shown, absolute=True),
            auc=area_under_ab_errors(lab, self.lab),
            auc_rebalanced=area_under_ab_errors(lab, self.lab, self.weights),
            rainbow=chroma_gradient(shown, self.smooth),
        )


def as_shown(rgb: Rgb) -> Rgb:
    """Rounds RGB to what an 8-bit file holds, still in [0, 1]."""
    return np.rint(np.clip(rgb, 0, 1) * 255).astype(np.float32) / np.float32(255)


def mean_figures(rows: Sequence[DataclassInstance]) -> dict[str, float]:
    """Returns the means over pictures or clips, of each figure over those where it is finite.

    PSNR of an equal picture is not, and a picture without a smooth region has no rainbow. All infinite stays infinite.
    """
    means = {}
    for item in fields(rows[0]):
        if item.name != "name":
            values = np.array([getattr(row, item.name) for row in rows])
            finite = values[np.isfinite(values)]
            means[item.name] = float(finite.mean()) if finite.size else float(values[0])
    return means


def summaries(rows: Mapping[str, Sequence[PictureFigures]]) -> dict[str, dict[str, float]]:
    """Returns for each label the set's means, and dCF; ``rows`` has the label ``truth``."""
    means = {label: mean_figures(figures) for label, figures in rows.items()}
    for summary in means.values():
        summary["dcf"] = summary["cf"] - means["truth"]["cf"]
    return means


def text_of(column: Column, value: float, truth: float) -> tuple[str, str]:
    """Returns a figure as text, and its relation to the truth's where the column asks for it."""
    text = f"{value:.{column.decimals}f}" if np.isfinite(value) else "∞" if np.isposinf(value) else "-"
    if not column.beside_truth or not np.isfinite(value) or not truth > 0:
        return text, ""
    share = value / truth
    return text, f"{100 * share:.0f} %" if column.beside_truth == "percent" else f"{share:.2f} x"
