"""Real clips, small: luma as a network sees it, and the true chroma on its grid."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from restore.colour import FloatArray, chroma_from_codes, luma_from_codes

LUMA_SIZE = (128, 228)
CHROMA_SIZE = (32, 57)

Clip = list[tuple[FloatArray, FloatArray]]
"""Luma ``128 x 228`` in [0, 1] and chroma ``2 x 32 x 57`` in [-0.5, 0.5] of each frame."""


def shrink(plane: FloatArray, size: tuple[int, int]) -> FloatArray:
    return np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA), np.float32)


@lru_cache(maxsize=16)
def decode(path: Path, frames: int) -> Clip:
    clip: Clip = []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in islice(container.decode(video=0), frames):
            full_range = frame.format.name.startswith("yuvj")
            codes = [
                np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
                for plane in frame.planes
            ]
            luma = luma_from_codes(codes[0], bit_depth=8, full_range=full_range)
            chroma = [chroma_from_codes(code, bit_depth=8, full_range=full_range) for code in codes[1:3]]
            clip.append((shrink(luma, LUMA_SIZE), np.stack([shrink(plane, CHROMA_SIZE) for plane in chroma])))
    return clip


@pytest.fixture(scope="session")
def read_clip(shared_data: Path) -> Callable[[str, int], Clip]:
    """Reads the first frames of a file under the shared data folder."""
    return lambda name, frames: decode(shared_data / name, frames)
