"""The gray picture and the coloured one side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]


def beside_gray(
    luma: Codes, cb: Codes, cr: Codes, *, bit_depth: int, chroma_shape: tuple[int, int], orientation: int = 1
) -> tuple[Codes, Codes, Codes]:
    """Planes of a picture twice as large: where it is shown, neutral chroma on the left, the given one on the right.

    ``luma`` is ``H x W``, ``cb`` and ``cr`` ``h x w``; ``chroma_shape`` is that of the large picture's chroma planes.
    Pictures that are stored in another EXIF ``orientation`` (1, 3, 6 or 8) are joined so that it comes out so.
    """
    axis = 1 if orientation in (1, 3) else 0

    def joined(first: Codes, second: Codes) -> Codes:
        return np.concatenate((first, second) if orientation in (1, 8) else (second, first), axis)

    neutral_shape = list(cb.shape)
    neutral_shape[axis] = chroma_shape[axis] - cb.shape[axis]  # an odd size rounds up only once
    neutral = np.full(neutral_shape, 1 << (bit_depth - 1), cb.dtype)
    return joined(luma, luma), joined(neutral, cb), joined(neutral, cr)
