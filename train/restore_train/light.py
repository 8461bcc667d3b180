"""Fits the thermal generator's guess of light: day or night, read from a thermal picture's texture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from restore_models.thermal import ThermalGenerator, at_light_side
from restore_train.thermal_pairs import Pair

VARIANCE_FLOOR = 1e-4  # of a feature's mean: what varies less is rounding
RIDGE = 0.03  # beside kernels of about 1
DECISION = 2.0  # by which guesses are taken surer than regression has them; see fit_light


@torch.no_grad()
def fit_light(generator: ThermalGenerator, pairs: Sequence[Pair], weights: NDArray[np.float64]) -> None:
    """Sets the reader of ``generator.light`` to what best tells the days among ``pairs``, seen whole, from the nights.

    ``weights`` as :func:`restore_train.thermal_pairs.pair_weights` gives them. Nothing where all are days, or nights.
    Regression shrinks toward not knowing, and a picture painted between day and night is neither: twice as sure is
    better on held-out pairs (``train/RESULTS.md``).
    """
    days = np.array([pair.day for pair in pairs])
    if days.all() or not days.any():
        return
    device = next(generator.parameters()).device
    textures = []
    for pair in pairs:
        seen = at_light_side(pair.thermal, generator.multiple_of).astype(np.float32) / np.float32(255)
        taps = generator.encoder(torch.from_numpy(seen)[None, None].to(device))
        textures.append(generator.light.texture(taps)[0].double().cpu().numpy())
    coefficients, bias = light_reader(np.stack(textures), days, weights)
    generator.light.read.weight.copy_(torch.from_numpy(DECISION * coefficients)[None])
    generator.light.read.bias.fill_(DECISION * bias)


def light_reader(
    textures: NDArray[np.float64], days: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Ridge regression of 1 by day and -1 by night on ``textures`` ``N x C``, days and nights of equal weight together.

    Gives coefficients ``C`` and the constant. It is solved for examples, which are fewer than features (Saunders 1998).
    A squared error's best answer is what to expect: 2 p - 1 for a chance p of day.
    """
    light = np.where(days, 1.0, -1.0)
    weights = weights * np.where(days, 1 / weights[days].sum(), 1 / weights[~days].sum()) * len(days) / 2
    share = (weights / weights.sum())[:, None]
    centre = (share * textures).sum(axis=0)
    spread = np.sqrt((share * np.square(textures - centre)).sum(axis=0) + VARIANCE_FLOOR) * np.sqrt(textures.shape[1])
    scaled = (textures - centre) / spread
    dual = np.linalg.solve(scaled @ scaled.T + RIDGE * np.diag(1 / weights), light)
    coefficients = (scaled.T @ dual) / spread
    return coefficients, float(-centre @ coefficients)
