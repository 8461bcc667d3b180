"""Fits the thermal generator's guess of light: day or night, read from a thermal picture's texture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restore_models.thermal import LIGHT_SIDE, ThermalGenerator
from restore_train.thermal_pairs import Pair

__all__ = ["fit_light", "light_reader"]

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
        seen = torch.from_numpy(whole(pair.thermal, generator.multiple_of))[None, None].to(device)
        textures.append(generator.light.texture(generator.encoder(seen))[0].double().cpu().numpy())
    coefficients, bias = light_reader(np.stack(textures), days, weights)
    generator.light.read.weight.copy_(torch.from_numpy(DECISION * coefficients)[None])
    generator.light.read.bias.fill_(DECISION * bias)


def whole(thermal: NDArray[np.uint8], multiple_of: int) -> NDArray[np.float32]:
    """A picture in [0, 1] with its short side at :data:`LIGHT_SIDE`, both sides multiples of ``multiple_of``."""
    scale = LIGHT_SIDE / min(thermal.shape)
    height, width = (max(round(side * scale / multiple_of), 1) * multiple_of for side in thermal.shape)
    small = cv2.resize(thermal, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


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
