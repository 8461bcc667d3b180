"""One thermal picture in memory to RGB: what the evaluator measures and a script can call."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from restore.colour import FloatArray, rgb_from_luma_chroma
from restore.thermal_painting import ThermalPainter, open_thermal_painter
from restore.upsample import upsample_chroma

__all__ = ["rgb_translation", "translate_still"]


def translate_still(thermal: FloatArray, painter: ThermalPainter) -> FloatArray:
    """Thermal ``H x W`` in [0, 1], white-hot, to RGB ``H x W x 3``: the model's luma, or heat where it makes none."""
    ((luma, chroma),) = painter.paint([painter.prepare(thermal)])
    if luma is None:
        luma = thermal
    elif luma.shape != thermal.shape:
        enlarged = cv2.resize(luma, thermal.shape[::-1], interpolation=cv2.INTER_CUBIC)
        luma = np.asarray(np.clip(enlarged, 0, 1), np.float32)
    return rgb_from_luma_chroma(luma, upsample_chroma(chroma, luma))


def rgb_translation(
    model: str, *, working_size: int | None = None, device: str = "auto"
) -> Callable[[FloatArray], FloatArray]:
    """A model by name or path as a function from a thermal picture to RGB.

    A model that colours photos takes heat for gray. Raises ``ModelError`` and ``DeviceError``.
    """
    painter = open_thermal_painter(model, device=device, working_size=working_size)
    return lambda thermal: translate_still(thermal, painter)
