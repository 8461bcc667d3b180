"""Measures colour on photos with known truth: turns them gray, colours them and compares."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from restore.colour import FloatArray, rgb_from_luma_chroma
from restore.paint.network import Colorizer
from restore.upsample import upsample_chroma
from restore_train.evaluate.figures import PictureFigures, TruePicture
from restore_train.evaluate.judge import Judge
from restore_train.evaluate.metrics import AbPrior, Rgb, lab_from_rgb, luma_of
from restore_train.evaluate.sheets import jpeg
from restore_train.photoset import encoded_photos

Colouring = Callable[[FloatArray], Rgb]
"""Luma ``H x W`` in [0, 1] (BT.601, full range) to RGB ``H x W x 3`` in [0, 1]."""

READ_AT_ONCE = 56  # pictures held at a time when their order is not the sets' own

Item = TypeVar("Item")
Result = TypeVar("Result")


def gray(luma: FloatArray) -> Rgb:
    """Returns luma ``H x W`` as RGB ``H x W x 3`` without colour: the first baseline."""
    return np.repeat(luma[..., None], 3, axis=-1)


def colour_still(
    luma: FloatArray, colorizer: Colorizer, *, saturation: float = 1.0, upsampling: str = "guided"
) -> FloatArray:
    """Colours luma ``H x W`` in [0, 1] (BT.601, full range): RGB ``H x W x 3`` in [0, 1] of exactly that luma."""
    chroma = upsample_chroma(colorizer(luma) * np.float32(saturation), luma, method=upsampling)
    return rgb_from_luma_chroma(luma, chroma)


def open_colouring(model: str, *, saturation: float = 1.0, **options: Any) -> Colouring:
    """Returns a model, by name or path, as a function from luma to RGB; ``options`` are the colorizer's."""
    colorizer = Colorizer(model, **options)
    return lambda luma: colour_still(luma, colorizer, saturation=saturation)


def decode_rgb(name: str, encoded: bytes) -> Rgb:
    """Decodes a picture file to RGB ``H x W x 3`` in [0, 1]. Raises ``ValueError``."""
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{name} cannot be decoded; take it out of the set")
    return bgr[..., ::-1].astype(np.float32) / np.float32(255)


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Yields as ``map`` does, in order, from threads that are at most two items each ahead."""
    with ThreadPoolExecutor(threads) as pool:
        window: deque[Future[Result]] = deque()
        for item in items:
            window.append(pool.submit(work, item))
            if len(window) > 2 * threads:
                yield window.popleft().result()
        while window:
            yield window.popleft().result()


def colour_rarity(paths: Sequence[Path], threads: int) -> tuple[AbPrior, int]:
    """Returns how rare each colour of a set is, and how many pictures it has.

    Raises ``ValueError`` for a set without pictures or with one that cannot be decoded.
    """
    prior, count = AbPrior(), 0
    for lab in in_threads(lambda item: lab_from_rgb(decode_rgb(*item)), encoded_photos(paths), threads):
        prior.add(lab)
        count += 1
    if not count:
        raise ValueError(f"no pictures in {', '.join(map(str, paths))}")
    return prior, count


def evaluate_photos(
    paths: Sequence[Path],
    colourings: Mapping[str, Colouring],
    *,
    threads: int = 2,
    judge: Judge | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, list[PictureFigures]]:
    """Returns the figures of every colouring on every picture of tar shards and folders, by label.

    Gray and the truth are the baselines. The sets are read twice, first for how rare each colour is; pictures pass one
    by one. A ``judge`` looks at every one of them and keeps what it sees. Raises ``ValueError`` for a set without
    pictures or with one that cannot be decoded or is under 11 pixels a side.
    """
    prior, count = colour_rarity(paths, threads)

    def measure(item: tuple[str, bytes]) -> dict[str, PictureFigures]:
        truth = TruePicture.of(item[0], decode_rgb(*item), prior)
        luma = luma_of(truth.rgb)
        results = {label: colour(luma) for label, colour in {"gray": gray, **colourings}.items()} | {"truth": truth.rgb}
        if judge is not None:
            judge.look(truth.name, results)
        return {label: truth.measure(rgb) for label, rgb in results.items()}

    rows: dict[str, list[PictureFigures]] = {label: [] for label in ("gray", *colourings, "truth")}
    for done, figures in enumerate(in_threads(measure, encoded_photos(paths), threads), start=1):
        for label, row in figures.items():
            rows[label].append(row)
        if progress is not None:
            progress(done, count)
    return rows


def triptychs(
    paths: Sequence[Path], colourings: Sequence[Colouring], indices: Sequence[int]
) -> Iterator[tuple[int, list[Rgb]]]:
    """Yields gray, every colouring and the truth of pictures, in the order of ``indices``.

    A picture's index counts from 0 in the sets' order. Few pictures are held at a time; the sets are read again for
    each few.
    """
    for start in range(0, len(indices), READ_AT_ONCE):
        part = indices[start : start + READ_AT_ONCE]
        items = {index: item for index, item in enumerate(encoded_photos(paths)) if index in set(part)}
        for index in part:
            truth = decode_rgb(*items[index])
            luma = luma_of(truth)
            yield index, [gray(luma), *(colour(luma) for colour in colourings), truth]


def jpegs(
    paths: Sequence[Path], colourings: Mapping[str, Colouring], indices: Sequence[int]
) -> dict[int, dict[str, bytes]]:
    """Returns by index, then by label, JPEGs of gray, every colouring and the truth."""
    labels = ("gray", *colourings, "truth")
    return {
        index: dict(zip(labels, map(jpeg, pictures), strict=True))
        for index, pictures in triptychs(paths, list(colourings.values()), indices)
    }


def worst_first(
    paths: Sequence[Path], colouring: Colouring, rows: Sequence[PictureFigures]
) -> Iterator[tuple[str, list[Rgb]]]:
    """Yields a label with dE00 and name, and gray, colouring and truth, of every picture, by falling dE00."""
    order = sorted(range(len(rows)), key=lambda index: -rows[index].de00)
    for index, pictures in triptychs(paths, [colouring], order):
        yield f"{rows[index].de00:.1f} {rows[index].name}", pictures
