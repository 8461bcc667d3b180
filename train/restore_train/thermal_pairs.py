"""Registered pairs in tars or folders: ``NAME.visible.webp`` and ``NAME.thermal.webp``.

``rechroma align`` writes such pairs from unregistered ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_train.photoset import SUFFIXES, Crops, PhotoSet, encoded_photos
from restore_train.thermal_augment import gain_controlled, local_contrast, sensor_noise, thermal_look

VISIBLE, THERMAL = ".visible", ".thermal"

SKY_SHARE, SKY_LUMA = 0.23, 0.7  # see is_day


@dataclass(frozen=True)
class Pair:
    """One scene, seen twice."""

    name: str
    """Without its endings."""
    ycbcr: NDArray[np.uint8]
    """``H x W x 3``: the visible picture's Y, Cb, Cr, 8-bit BT.601 full range."""
    thermal: NDArray[np.uint8]
    """``H x W``, white-hot."""

    @property
    def day(self) -> bool:
        return is_day(self.ycbcr[..., 0])


def is_day(luma: NDArray[np.uint8]) -> bool:
    """Whether a visible picture ``H x W`` was taken by daylight: 23 % of its top quarter is brighter than luma 0.7.

    A mean does not tell, because a camera's gain makes nights gray; street lamps are bright but small. On the 179
    RoadScene pairs, sorted by eye, days have 29 % or more and nights at most 20 %.
    """
    top = luma[: max(len(luma) // 4, 1)]
    return float(np.mean(top >= SKY_LUMA * 255)) >= SKY_SHARE


def read_pairs(paths: Sequence[Path]) -> Iterator[Pair]:
    """Every pair of tars and folders, by name.

    Raises ``ValueError`` for a picture without its partner, of another size than it, or that cannot be decoded, and for
    a set without pairs; ``OSError`` for a path that cannot be read.
    """
    halves: dict[str, dict[str, bytes]] = {}
    for name, encoded in encoded_photos(paths):
        stem = PurePosixPath(name).stem
        kind = PurePosixPath(stem).suffix
        if kind in (VISIBLE, THERMAL):
            halves.setdefault(stem.removesuffix(kind), {})[kind] = encoded
    if not halves:
        endings = ", ".join(sorted(SUFFIXES))
        raise ValueError(f"no pairs NAME.visible.EXT, NAME.thermal.EXT ({endings}) in {', '.join(map(str, paths))}")
    for name, pair in sorted(halves.items()):
        if missing := {VISIBLE, THERMAL} - set(pair):
            raise ValueError(f"{name} has no {' and no '.join(sorted(missing))} picture")
        yield decoded(name, pair[VISIBLE], pair[THERMAL])


def decoded(name: str, visible: bytes, thermal: bytes) -> Pair:
    bgr = cv2.imdecode(np.frombuffer(visible, np.uint8), cv2.IMREAD_COLOR)
    plane = cv2.imdecode(np.frombuffer(thermal, np.uint8), cv2.IMREAD_GRAYSCALE)
    if bgr is None or plane is None:
        raise ValueError(f"the pictures of {name} cannot be decoded")
    if bgr.shape[:2] != plane.shape:
        raise ValueError(f"the pictures of {name} differ in size; register them with rechroma align")
    ycbcr = np.ascontiguousarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb)[..., [0, 2, 1]])
    return Pair(name, ycbcr.astype(np.uint8, copy=False), plane.astype(np.uint8, copy=False))


def pair_weights(pairs: Sequence[Pair], weights: Mapping[str, float], night: float) -> NDArray[np.float64]:
    """How often each pair is drawn, summing to 1.

    Factors by the beginning of a name, the longest that fits, 1 where none does; ``night`` times that by night.
    """
    share = np.empty(len(pairs))
    for slot, pair in enumerate(pairs):
        fitting = [prefix for prefix in weights if pair.name.startswith(prefix)]
        share[slot] = (weights[max(fitting, key=len)] if fitting else 1.0) * (1.0 if pair.day else night)
    return np.asarray(share / share.sum(), np.float64)


@dataclass
class PairSet:
    """Pairs in memory, drawn at random with weights."""

    pairs: Sequence[Pair]
    weights: NDArray[np.float64]
    crops: Crops

    def batch(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Thermal ``B x 1 x S x S`` in [0, 1] and ``B x 4 x S x S``: the visible crop's Y, Cb, Cr and light.

        Chroma lies around 0. Light is one number all over: 1 by day, -1 by night, 0 where it is not known.
        """
        thermals, truths = empty_batch(count, self.crops.size)
        for slot, index in enumerate(rng.choice(len(self.pairs), count, p=self.weights)):
            pair = self.pairs[index]
            square = self.crops.cut(np.dstack([pair.ycbcr, pair.thermal]), rng)
            thermals[slot, 0] = another_camera(square[..., 3].astype(np.float32) / np.float32(255), rng)
            truths[slot] = truth_of(square[..., :3], light=1.0 if pair.day else -1.0)
        return thermals, truths


@dataclass
class ThermalLikeSet:
    """Photos that play a pair: their own colour, and what a thermal camera might have made of them."""

    photos: PhotoSet

    def batch(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As :meth:`PairSet.batch`."""
        photos = self.photos
        thermals, truths = empty_batch(count, photos.crops.size)
        for slot, index in enumerate(rng.choice(len(photos.photos), count, p=photos.weights)):
            square = photos.crops.cut(photos.photos[index].ycbcr, rng)
            thermals[slot, 0] = thermal_look(square, rng)
            truths[slot] = truth_of(square, light=0.0)
        return thermals, truths


def empty_batch(count: int, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.empty((count, 1, size, size), np.float32), np.empty((count, 4, size, size), np.float32)


def truth_of(square: NDArray[np.uint8], *, light: float) -> NDArray[np.float32]:
    """Y, Cb, Cr codes ``S x S x 3`` to planes ``4 x S x S``: luma in [0, 1], chroma in [-0.5, 0.5], light."""
    planes = square.astype(np.float32).transpose(2, 0, 1)
    planes[1:] -= 128
    return np.concatenate([planes / np.float32(255), np.full_like(planes[:1], light)])


def another_camera(thermal: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The same heat ``H x W`` in [0, 1] as another camera might show it: its lens, noise, contrast and gain.

    Gently: how warm a thing is beside another still tells day from night, and road from sky.
    """
    if rng.random() < 0.2:
        thermal = np.asarray(cv2.GaussianBlur(thermal, (0, 0), rng.uniform(0.4, 1.2)), np.float32)
    if rng.random() < 0.2:
        thermal = np.clip(thermal + sensor_noise(thermal.shape, rng), 0, 1)
    if rng.random() < 0.2:
        thermal = np.clip(local_contrast(thermal, rng), 0, 1)
    if rng.random() < 0.3:
        thermal = gain_controlled(thermal)
    if rng.random() < 0.7:
        thermal = np.power(thermal, np.float32(np.exp(rng.normal(0.0, 0.2))))
    return np.asarray(thermal, np.float32)
