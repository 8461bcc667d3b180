"""Colour photographs in memory: tar shards or plain folders in, seeded batches of crops out."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from csv import DictReader
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_train.augment import EarlyFilm, FilmWear

Picture = NDArray[np.uint8]

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True)
class Photo:
    """One colour photograph, decoded."""

    name: str
    """Member name in its tar, or path below the folder."""
    ycbcr: Picture
    """``H x W x 3``: Y, Cb, Cr as 8-bit BT.601 full-range codes (the JPEG convention)."""


def encoded_photos(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.suffix.lower() in SUFFIXES:
                    yield str(file.relative_to(path)), file.read_bytes()
        else:
            with tarfile.open(path) as tar:
                for member in tar:
                    stream = tar.extractfile(member) if member.isfile() else None
                    if stream is not None and Path(member.name).suffix.lower() in SUFFIXES:
                        yield member.name, stream.read()


def decode(name: str, encoded: bytes) -> Photo:
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{name} is not a picture that can be decoded")
    ycrcb = cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb)
    ycbcr = np.empty_like(ycrcb, np.uint8)
    cv2.mixChannels([ycrcb], [ycbcr], [0, 0, 1, 2, 2, 1])
    return Photo(name, ycbcr)


@dataclass(frozen=True)
class StoredPhoto:
    """One colour photograph in its file, read and decoded each time that it is looked at."""

    name: str
    """As of :class:`Photo`."""
    path: Path
    """The picture's file, or the tar that it is in."""
    offset: int
    """Of its first byte in that file."""
    size: int
    """In bytes."""

    @property
    def ycbcr(self) -> Picture:
        """As of :class:`Photo`. Raises ``ValueError`` for a picture that does not decode."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return decode(self.name, file.read(self.size)).ycbcr


def rgb_of(photo: Photo | StoredPhoto) -> NDArray[np.float32]:
    """The photo as RGB ``H x W x 3`` in [0, 1]."""
    rgb = cv2.cvtColor(np.ascontiguousarray(photo.ycbcr[..., [0, 2, 1]]), cv2.COLOR_YCrCb2RGB)
    return rgb.astype(np.float32) / np.float32(255)


def find_photos(paths: Sequence[Path]) -> Iterator[StoredPhoto]:
    """Every picture of tar shards and folders, in order, none of them decoded."""
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.suffix.lower() in SUFFIXES:
                    yield StoredPhoto(str(file.relative_to(path)), file, 0, file.stat().st_size)
        else:
            with tarfile.open(path, "r:") as tar:
                for member in tar:
                    if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                        yield StoredPhoto(member.name, path, member.offset_data, member.size)


def read_photos(paths: Sequence[Path], *, threads: int = 2) -> Iterator[Photo]:
    """Decodes every picture of tar shards and folders, in order, a bounded number ahead.

    Raises ``ValueError`` for a picture that does not decode and ``OSError`` for a path that cannot be read.
    """
    with ThreadPoolExecutor(threads) as pool:
        window = []
        for name, encoded in encoded_photos(paths):
            window.append(pool.submit(decode, name, encoded))
            if len(window) >= 8 * threads:
                yield window.pop(0).result()
        for future in window:
            yield future.result()


def sampling_weights(
    names: Sequence[str], indices: Sequence[Path], weights: Mapping[str, float]
) -> NDArray[np.float64]:
    """How often each photo is drawn, summing to 1: its source set's factor (1 where none is given).

    ``indices`` are tab-separated files with the columns ``name`` and ``set``.
    """
    sets: dict[str, str] = {}
    for index in indices:
        with index.open(encoding="utf-8", newline="") as file:
            sets |= {row["name"]: row["set"] for row in DictReader(file, delimiter="\t")}
    unknown = set(weights) - set(sets.values())
    if unknown:
        raise ValueError(f"the recipe weighs sets that the index does not have: {sorted(unknown)}")
    share = np.array([weights.get(sets.get(name, ""), 1.0) for name in names])
    return np.asarray(share / share.sum(), np.float64)


@dataclass(frozen=True)
class Crops:
    """How training crops are cut from photos."""

    size: int
    """Side of a crop as the network sees it, in pixels."""
    smallest: int
    """Side of the smallest square cut from the photo, in the photo's pixels, before it is resized to ``size``."""
    largest: int
    """Side of the largest square (bounded by the photo)."""
    stride: int
    """The chroma target has one cell per ``stride`` x ``stride`` pixels of the crop."""

    def cut(self, picture: Picture, rng: np.random.Generator) -> Picture:
        """A random square of ``H x W x C``, mirrored or not, as ``size x size x C``."""
        height, width = picture.shape[:2]
        largest = min(self.largest, height, width)
        side = int(rng.integers(min(self.smallest, largest), largest + 1))
        top = int(rng.integers(height - side + 1))
        left = int(rng.integers(width - side + 1))
        square = picture[top : top + side, left : left + side]
        if rng.random() < 0.5:
            square = square[:, ::-1]
        size = self.size
        method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        resized = cv2.resize(np.ascontiguousarray(square), (size, size), interpolation=method)
        return resized.astype(np.uint8, copy=False)


@dataclass
class PhotoSet:
    """Photos drawn at random with weights."""

    photos: Sequence[Photo | StoredPhoto]
    weights: NDArray[np.float64]
    crops: Crops
    wear: FilmWear
    film: EarlyFilm = field(default_factory=lambda: EarlyFilm(0.0))

    def batch(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Luma ``B x 1 x S x S`` in [0, 1] and chroma ``B x 2 x S/stride x S/stride`` in [-0.5, 0.5]."""
        size, cells = self.crops.size, self.crops.size // self.crops.stride
        lumas = np.empty((count, 1, size, size), np.float32)
        chromas = np.empty((count, 2, cells, cells), np.float32)
        for slot, index in enumerate(rng.choice(len(self.photos), count, p=self.weights)):
            square = self.crops.cut(self.photos[index].ycbcr, rng)
            lumas[slot, 0] = self.wear.apply(self.film.apply(square, rng), rng)
            small = cv2.resize(square[..., 1:], (cells, cells), interpolation=cv2.INTER_AREA)
            chromas[slot] = (small.astype(np.float32).transpose(2, 0, 1) - 128) / 255
        return lumas, chromas
