"""The gray picture and the coloured one side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]


def beside_gray(
    luma: Codes, cb: Codes, cr: Codes, *, bit_depth: int, chroma_shape: tuple[int, int], turns: int = 0
) -> tuple[Codes, Codes, Codes]:
    """Planes of a picture twice as large: where it is shown, neutral chroma on the left, the given one on the right.

    ``luma`` is ``H x W``, ``cb`` and ``cr`` ``h x w``; ``chroma_shape`` is that of the large picture's chroma planes.
    Stored pictures that are shown after ``turns`` quarter turns counter-clockwise are joined so that it comes out so.
    """
    axis = 1 - turns % 2

    def joined(first: Codes, second: Codes) -> Codes:
        return np.concatenate((first, second) if turns < 2 else (second, first), axis)

    neutral_shape = list(cb.shape)
    neutral_shape[axis] = chroma_shape[axis] - cb.shape[axis]  # an odd size rounds up only once
    neutral = np.full(neutral_shape, 1 << (bit_depth - 1), cb.dtype)
    return joined(luma, luma), joined(neutral, cb), joined(neutral, cr)
