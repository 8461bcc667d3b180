"""One picture in memory, from luma to RGB: what the evaluator measures and a script can call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from restore.colour import FloatArray, rgb_from_luma_chroma
from restore.paint.network import Colorizer
from restore.upsample import upsample_chroma

__all__ = ["colour_still", "rgb_colouring"]


def colour_still(
    luma: FloatArray, colorizer: Colorizer, *, saturation: float = 1.0, upsampling: str = "guided"
) -> FloatArray:
    """Luma ``H x W`` in [0, 1] (BT.601, full range) to RGB ``H x W x 3`` in [0, 1] of exactly that luma."""
    chroma = upsample_chroma(colorizer(luma) * np.float32(saturation), luma, method=upsampling)
    return rgb_from_luma_chroma(luma, chroma)


def rgb_colouring(model: str, *, saturation: float = 1.0, **options: Any) -> Callable[[FloatArray], FloatArray]:
    """A model by name or path as a function from luma to RGB; ``options`` are the colorizer's."""
    colorizer = Colorizer(model, **options)
    return lambda luma: colour_still(luma, colorizer, saturation=saturation)
