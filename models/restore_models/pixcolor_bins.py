"""The symbols of PixColor: chroma in 32 bins a channel, fine near gray and wide where photos seldom go.

Guadarrama 2017 cuts [-0.5, 0.5] into 32 equal bins of 8 codes each. Measured on 1,434,944 coarse cells of the training
photos, 96 % of Cb and Cr lie within 0.15 of gray and 98.5 % within 0.2, so that equal bins would leave most symbols
unused and quantise skin and sky to a handful. Ours are equal after an inverse hyperbolic sine, which is linear near
gray and logarithmic beyond: 0.012 wide (3 codes) at gray, 0.03 at a strong colour, 0.08 at the rim of the gamut.

Zero is a bin's centre, so that gray is representable exactly; one bin more lies on the positive side, because reds
(Cr to 0.49) go further out than anything else. Bin numbers keep chroma's order, which the mixture head and the
sampler's inverse of the cumulative distribution rely on.
"""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 32
GRAY_BIN = 15
SPREAD = 0.0694  # chroma at which bins turn from linear to logarithmic
BINS_PER_UNIT = 6.0  # bins for one unit of asinh(chroma / SPREAD); the width at gray is SPREAD / BINS_PER_UNIT = 0.0116


def bin_centres() -> Tensor:
    """``BINS`` chroma values, rising from -0.42 to 0.50."""
    steps = torch.arange(BINS, dtype=torch.float64) - GRAY_BIN
    return (SPREAD * torch.sinh(steps / BINS_PER_UNIT)).float()


def bins_from_chroma(chroma: Tensor) -> Tensor:
    """Chroma (Cb, Cr) ``... x 2 x h x w`` in [-0.5, 0.5] to bin numbers (Cr, Cb) of the same shape, int64.

    The channels change places: the network gives Cr before Cb, the rest of the program holds Cb before Cr.
    """
    position = GRAY_BIN + BINS_PER_UNIT * torch.asinh(chroma / SPREAD)
    return position.round().clamp(0, BINS - 1).long().flip(-3)


def chroma_from_bins(bins: Tensor) -> Tensor:
    """Bin numbers (Cr, Cb) ``... x 2 x h x w`` to the chroma (Cb, Cr) at their centres."""
    return bin_centres().to(bins.device)[bins].flip(-3)
