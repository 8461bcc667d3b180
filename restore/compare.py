"""``--compare``: the gray picture and the coloured one side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["beside_gray"]

Codes = NDArray[Any]


def beside_gray(luma: Codes, cb: Codes, cr: Codes, *, bit_depth: int, chroma_width: int) -> tuple[Codes, Codes, Codes]:
    """Planes of a picture twice as wide: neutral chroma on the left, the given chroma on the right.

    ``luma`` is ``H x W``, ``cb`` and ``cr`` ``h x w``; ``chroma_width`` is that of the wide picture's chroma planes.
    """
    neutral = np.full((cb.shape[0], chroma_width - cb.shape[1]), 1 << (bit_depth - 1), cb.dtype)
    return np.hstack([luma, luma]), np.hstack([neutral, cb]), np.hstack([neutral, cr])
