"""Measures colour on photos with known truth: they are turned gray, coloured, and compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_train.figures import PictureFigures, TruePicture
from restore_train.judge import Judge
from restore_train.metrics import AbPrior, Rgb, lab_from_rgb, luma_of
from restore_train.photoset import encoded_photos

__all__ = ["Colouring", "evaluate_photos", "gray", "triptychs"]

Colouring = Callable[[NDArray[np.float32]], Rgb]
"""Luma ``H x W`` in [0, 1] (BT.601, full range) to RGB ``H x W x 3`` in [0, 1]."""

READ_AT_ONCE = 56  # pictures fetched in one pass over the sets when they are wanted in another order

Item = TypeVar("Item")
Result = TypeVar("Result")


def gray(luma: NDArray[np.float32]) -> Rgb:
    """The first baseline."""
    return np.repeat(luma[..., None], 3, axis=-1)


def decode_rgb(name: str, encoded: bytes) -> Rgb:
    bgr = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{name} cannot be decoded; take it out of the set")
    return bgr[..., ::-1].astype(np.float32) / np.float32(255)


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """``map`` on threads, in order, at most two items a thread ahead."""
    with ThreadPoolExecutor(threads) as pool:
        window: deque[Future[Result]] = deque()
        for item in items:
            window.append(pool.submit(work, item))
            if len(window) > 2 * threads:
                yield window.popleft().result()
        while window:
            yield window.popleft().result()


def evaluate_photos(
    paths: Sequence[Path],
    colourings: Mapping[str, Colouring],
    *,
    threads: int = 2,
    judge: Judge | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, list[PictureFigures]]:
    """Figures of every colouring on every picture of tar shards and folders, with gray and the truth as baselines.

    The sets are read twice, first for how rare each colour is; pictures pass one by one and only figures are kept. A
    ``judge`` looks at every one of them and keeps what it sees.
    Raises ``ValueError`` for a set without pictures or with one that cannot be decoded or is under 11 pixels a side.
    """
    prior = AbPrior()
    count = 0
    for lab in in_threads(lambda item: lab_from_rgb(decode_rgb(*item)), encoded_photos(paths), threads):
        prior.add(lab)
        count += 1
    if not count:
        raise ValueError(f"no pictures in {', '.join(map(str, paths))}")

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
    """Gray, every colouring and the truth of the pictures with these numbers (from 0, in the sets' order), as ordered.

    Few pictures are held at a time; the sets are read again for each few.
    """
    for start in range(0, len(indices), READ_AT_ONCE):
        wanted = indices[start : start + READ_AT_ONCE]
        chosen = set(wanted)
        items = {index: item for index, item in enumerate(encoded_photos(paths)) if index in chosen}
        for index in wanted:
            truth = decode_rgb(*items[index])
            luma = luma_of(truth)
            yield index, [gray(luma), *(colour(luma) for colour in colourings), truth]
