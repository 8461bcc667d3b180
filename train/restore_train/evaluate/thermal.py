"""Measures thermal translation on registered pairs, day and night apart, and on pictures that have no partner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import rgb_from_luma_chroma
from restore.errors import OptionError
from restore.frames import Frame
from restore.paint.network import Colorizer
from restore.paint.thermal import ThermalPainter, open_thermal_painter
from restore.upsample import upsample_chroma, upsample_luma
from restore_models import ColourCurve
from restore_train.evaluate.figures import Column, as_shown, mean_figures
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
from restore_train.thermal_pairs import Pair, read_pairs

Plane = NDArray[np.float32]
Translation = Callable[[Plane], Rgb]
"""A thermal picture ``H x W`` in [0, 1], white-hot, to RGB ``H x W x 3`` in [0, 1]."""

Progress = Callable[[int, int | None], None]

AS_IS = "heat as is"  # label of the first baseline
LIGHTS = {"day": 1.0, "night": -1.0}
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
    """Returns gradients ``2 x H x W`` shorter than 1: about 1 at strong edges and near 0 in flat parts.

    The normalised gradient field of Haber and Modersitzki 2006, equation 4, with the mean gradient as their noise level
    (equation 5), so that a picture's contrast does not matter.
    """
    smooth = cv2.GaussianBlur(plane.astype(np.float64), (0, 0), EDGE_BLUR)
    field = np.stack(np.gradient(smooth))
    squared = np.square(field).sum(axis=0)
    noise = np.sqrt(squared).mean()
    return np.asarray(field / np.sqrt(squared + noise**2 + 1e-12), np.float64)


def edge_agreement(luma: Plane, thermal: Plane) -> float:
    """Returns how far two pictures ``H x W`` have the same edges, from 0 to 1; 1 for a picture and its negative, too.

    With n and m their normalised gradient fields, 2 sum (n.m)^2 / sum (|n|^4 + |m|^4): the similarity of Haber and
    Modersitzki 2006 in Dice's symmetric form. An edge of the thermal picture that is missing costs as much as an edge
    that it does not have; the sign does not matter, since warm may be dark.
    """
    ours, theirs = normalised_gradient(luma), normalised_gradient(thermal)
    common = np.square((ours * theirs).sum(axis=0)).sum()
    every = (np.square(np.square(ours).sum(axis=0)) + np.square(np.square(theirs).sum(axis=0))).sum()
    return float(2 * common / every) if every > 0 else 0.0


def planes_of(pair: Pair) -> tuple[Plane, Rgb]:
    """Returns thermal ``H x W`` and the visible picture's RGB ``H x W x 3``, in [0, 1]."""
    bgr = cv2.cvtColor(np.ascontiguousarray(pair.ycbcr[..., [0, 2, 1]]), cv2.COLOR_YCrCb2BGR)
    return pair.thermal.astype(np.float32) / np.float32(255), bgr[..., ::-1].astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class ModelTranslation:
    """Translates a thermal picture to RGB by a model."""

    painter: ThermalPainter | Colorizer
    light: float | None = None
    """From -1, night, to 1, day, in place of the painter's guess."""

    @property
    def guesses_light(self) -> bool:
        return self.light is None and isinstance(self.painter, ThermalPainter) and self.painter.knows_light

    def __call__(self, thermal: Plane) -> Rgb:
        """Returns RGB of the model's luma, or of heat where it makes none."""
        painter = self.painter
        if isinstance(painter, ThermalPainter):
            painter = painter.in_light(self.guess_light(thermal) if self.light is None else self.light)
        (painted,) = painter.paint([Frame(None, thermal, painter.prepare(thermal))])
        full = thermal if painted.generated_luma is None else upsample_luma(painted.generated_luma, thermal)
        return rgb_from_luma_chroma(full, upsample_chroma(painted.chroma, full))

    def guess_light(self, thermal: Plane) -> float:
        """Returns the painter's guess, from -1, night, to 1, day."""
        return self.painter.guess_light([thermal]) if isinstance(self.painter, ThermalPainter) else 0.0


def open_translation(
    model: str,
    *,
    working_size: int | None = None,
    device: str = "auto",
    gain: float | None = None,
    light: str | None = None,
) -> ModelTranslation:
    """Opens a model by name or path; one that colours photos takes heat for gray.

    ``gain`` replaces a thermal model's own strength of colour, and ``light`` (day or night) its guess. Raises
    ``ModelError``, ``DeviceError`` and ``OptionError``.
    """
    painter = open_thermal_painter(model, device=device, working_size=working_size, batch=1)
    if gain is not None:
        if not isinstance(painter, ThermalPainter):
            raise OptionError(f"{model} colours photos; only a thermal model's strength of colour can be given")
        painter.curve = ColourCurve(gain=gain)
    return ModelTranslation(painter, LIGHTS[light] if light else None)


@dataclass(frozen=True)
class PairsResult:
    """What was measured on registered pairs."""

    rows: dict[str, list[ThermalFigures]]
    """By label, one a pair: the thermal picture as it is, every translation, the truth."""
    day: list[bool]
    """Whether each pair was taken by day; see :func:`restore_train.thermal_pairs.is_day`."""
    lights: dict[str, list[float]]
    """By label of a model that guesses the light, its guess of each pair."""

    def rows_by_light(self) -> dict[str, dict[str, list[ThermalFigures]]]:
        """Returns the rows of day, of night, and all; a light without pairs is left out."""
        chosen = {"day": self.day, "night": [not day for day in self.day], "all": [True] * len(self.day)}
        return {
            light: {label: list(compress(figures, pairs)) for label, figures in self.rows.items()}
            for light, pairs in chosen.items()
            if any(pairs)
        }

    def count(self, light: str) -> int:
        """Returns how many pairs are of ``day``, ``night`` or ``all``."""
        days = sum(self.day)
        return {"day": days, "night": len(self.day) - days, "all": len(self.day)}[light]

    def means_by_light(self) -> dict[str, dict[str, dict[str, float]]]:
        return {
            light: {label: mean_figures(figures) for label, figures in rows.items()}
            for light, rows in self.rows_by_light().items()
        }

    def right_guesses(self, label: str) -> tuple[int, int]:
        """Returns how many days and how many nights a model guessed rightly."""
        pairs = list(zip(self.lights[label], self.day, strict=True))
        return sum(day and light >= 0 for light, day in pairs), sum(not day and light < 0 for light, day in pairs)


def choose_pairs(paths: Sequence[Path], prefixes: tuple[str, ...] = ()) -> list[Pair]:
    """Reads the pairs of tars and folders whose names begin with one of ``prefixes``. Raises ``ValueError``."""
    pairs = [pair for pair in read_pairs(paths) if pair.name.startswith(prefixes or "")]
    if not pairs:
        raise ValueError(f"no pair's name begins with {' or '.join(prefixes)}")
    return pairs


def evaluate_pairs(
    pairs: Iterable[Pair], translations: Mapping[str, Translation], *, progress: Progress | None = None
) -> PairsResult:
    """Measures every translation of every pair, with the thermal picture as it is (:data:`AS_IS`) and the truth."""
    by_label = {AS_IS: gray, **translations}
    guessing = {
        label: translate.painter
        for label, translate in translations.items()
        if isinstance(translate, ModelTranslation) and isinstance(translate.painter, ThermalPainter)
        if translate.guesses_light
    }
    result = PairsResult({label: [] for label in (*by_label, "truth")}, [], {label: [] for label in guessing})
    for pair in pairs:
        thermal, truth = planes_of(pair)
        lab = lab_from_rgb(truth)
        pictures = {label: translate(thermal) for label, translate in by_label.items()}
        for label, picture in {**pictures, "truth": truth}.items():
            shown = as_shown(picture)
            figures = ThermalFigures(
                name=pair.name,
                psnr=psnr(shown, truth),
                ssim=ssim(shown, truth),
                de00=mean_ciede2000(lab_from_rgb(shown), lab),
                cf=colourfulness(shown),
                edges=edge_agreement(luma_of(shown), thermal),
            )
            result.rows[label].append(figures)
        for label, painter in guessing.items():
            result.lights[label].append(painter.guess_light([thermal]))
        result.day.append(pair.day)
        if progress is not None:
            progress(len(result.day), None)
    return result


def pair_pictures(pairs: Iterable[Pair], translations: Sequence[Translation]) -> Iterator[tuple[str, list[Rgb]]]:
    """Yields the name, and thermal picture, every translation and truth, of every pair."""
    for pair in pairs:
        thermal, truth = planes_of(pair)
        yield pair.name, [gray(thermal), *(translate(thermal) for translate in translations), truth]


def read_thermal(paths: Sequence[Path]) -> Iterator[Plane]:
    """Yields thermal pictures ``H x W`` in [0, 1]. Raises ``ValueError`` for one that cannot be decoded."""
    for name, encoded in encoded_photos(paths):
        plane = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_GRAYSCALE)
        if plane is None:
            raise ValueError(f"{name} cannot be decoded; take it out of the set")
        yield plane.astype(np.float32) / np.float32(255)


@dataclass(frozen=True)
class ChromaSpread:
    """Tells how various a translation's colours are over a set, in 8-bit codes; one colour for all has 0."""

    pictures: int
    centre: tuple[float, float]
    """Mean Cb and Cr of all pictures."""
    between: float
    """Root mean square distance of the pictures' mean (Cb, Cr) from the centre."""
    within: float
    """Root mean square distance of a picture's pixels from its own mean, averaged over pictures."""

    def __str__(self) -> str:
        return (
            f"mean Cb {self.centre[0]:+.1f}, Cr {self.centre[1]:+.1f}; pictures are {self.between:.1f} codes from it, "
            f"pixels {self.within:.1f} from their picture's mean"
        )


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
