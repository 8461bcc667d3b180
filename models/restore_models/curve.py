"""The last step of a model: how strong its colour is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PIVOT = 0.06  # chroma magnitude that ``gain`` alone decides; about a pale skin tone


@dataclass(frozen=True)
class ColourCurve:
    """Chroma of magnitude m is shown at ``gain * m * (m / PIVOT) ** (exponent - 1)``, its hue unchanged.

    A regression answers doubt with weak chroma and conviction with strong. An exponent above 1 takes from the first and
    gives to the second: less brown haze, more colour. Chosen on the same photos that a card's figures are measured on.
    """

    gain: float = 1.0
    exponent: float = 1.0

    def apply(self, chroma: NDArray[np.float32]) -> NDArray[np.float32]:
        """``... x 2 x h x w`` in [-0.5, 0.5] to the same."""
        if self.exponent == 1.0:
            shown = chroma * np.float32(self.gain)
        else:
            squared = np.square(chroma).sum(axis=-3, keepdims=True) / np.float32(PIVOT**2)
            shown = chroma * (np.float32(self.gain) * np.power(squared, np.float32((self.exponent - 1) / 2)))
        return np.clip(shown, -0.5, 0.5, out=shown)
