"""Measures how likely PixColor holds the truth to be: nats a symbol, before and after its post-head."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore_models.pixcolor import PixColor
from restore_train.evaluate.metrics import Rgb, chroma_of, luma_of
from restore_train.evaluate.photos import decode_rgb
from restore_train.photoset import encoded_photos
from restore_train.pixcolor_training import Nats, nats_of_truth

BATCH = 32  # pictures sampled at once; only of one size


@dataclass(frozen=True)
class SmallPicture:
    """A picture at the size that the network works at, both sides multiples of what it needs."""

    luma: NDArray[np.float32]
    chroma: NDArray[np.float32]

    @classmethod
    def of(cls, rgb: Rgb, working_size: int, multiple_of: int) -> SmallPicture:
        """Shrinks RGB ``H x W x 3`` to luma ``h x w`` and chroma ``2 x h x w``."""
        scale = working_size / min(rgb.shape[:2])
        height, width = (max(round(side * scale / multiple_of), 1) * multiple_of for side in rgb.shape[:2])
        small = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        return cls(luma_of(small), np.ascontiguousarray(chroma_of(small).transpose(2, 0, 1)))


def batch_by_size(pictures: Iterator[SmallPicture]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields luma ``B x 1 x h x w`` and chroma ``B x 2 x h x w`` of pictures of one size, in no order."""
    waiting: defaultdict[tuple[int, ...], list[SmallPicture]] = defaultdict(list)

    def stacked(group: list[SmallPicture]) -> tuple[Tensor, Tensor]:
        luma = np.stack([picture.luma for picture in group])[:, None]
        return torch.from_numpy(luma), torch.from_numpy(np.stack([picture.chroma for picture in group]))

    for picture in pictures:
        group = waiting[picture.luma.shape]
        group.append(picture)
        if len(group) == BATCH:
            yield stacked(group)
            group.clear()
    for group in waiting.values():
        if group:
            yield stacked(group)


def sentence(nats: Nats) -> str:
    return (
        f"the truth, nats a symbol: {nats.forced:.3f} given the truth so far; along the model's own draws "
        f"{nats.before:.3f} before and {nats.after:.3f} after the post-head"
    )


def evaluate_likelihood(
    paths: Sequence[Path],
    model: PixColor,
    *,
    working_size: int,
    seed: int = 0,
    progress: Callable[[int, int | None], None] | None = None,
) -> Nats:
    """Returns the means over every symbol of every picture of tar shards and folders; each picture is drawn once.

    Raises ``ValueError`` for a set without pictures or with one that cannot be decoded.
    """
    pictures = (SmallPicture.of(decode_rgb(*item), working_size, model.multiple_of) for item in encoded_photos(paths))
    total, symbols, done = np.zeros(3), 0, 0
    for luma, chroma in batch_by_size(pictures):
        nats = nats_of_truth(model, luma, chroma, seed=seed, first_picture=done)
        count = chroma[:, :, :: model.grid_stride, :: model.grid_stride].numel()
        total += count * np.array([nats.forced, nats.before, nats.after])
        symbols += count
        done += len(luma)
        if progress is not None:
            progress(done, None)
    if not symbols:
        raise ValueError(f"no pictures in {', '.join(map(str, paths))}")
    forced, before, after = total / symbols
    return Nats(float(forced), float(before), float(after))
