"""What the phases of a recipe learn from: everything is decoded once, and drawn from at random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore_train.augment import FilmWear
from restore_train.lab import rarity_of_colours
from restore_train.photoset import Crops, Photo, PhotoSet, read_photos, rgb_of, sampling_weights
from restore_train.recipe import Phase, Recipe
from restore_train.thermal_pairs import Pair, PairSet, ThermalLikeSet, pair_weights, read_pairs

__all__ = ["Material", "Source", "read_material"]

THERMAL_KINDS = ("thermal", "irtranslate")


class Source(Protocol):
    """Batches of examples."""

    def batch(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the network sees, ``B x 1 x S x S`` in [0, 1], and the truth as its learner wants it."""


@dataclass(frozen=True)
class Material:
    """A recipe's pictures in memory."""

    recipe: Recipe
    photos: list[Photo]
    photo_weights: NDArray[np.float64]
    pairs: list[Pair]

    def source(self, phase: Phase, stride: int) -> Source:
        """Where ``phase`` draws from; ``stride`` is the learner's."""
        crops = Crops(phase.crop, phase.smallest, phase.largest, stride)
        data = self.recipe.data
        if phase.source == "pairs":
            if not self.pairs:
                raise ValueError(f"phase {phase.name} learns from pairs; the recipe's [data] names none")
            return PairSet(self.pairs, pair_weights(self.pairs, data.pair_weights, data.night), crops)
        if not self.photos:
            raise ValueError(f"phase {phase.name} learns from photos; the recipe's [data] has none")
        photos = PhotoSet(self.photos, self.photo_weights, crops, FilmWear(data.wear))
        return ThermalLikeSet(photos) if self.recipe.network.kind in THERMAL_KINDS else photos

    def rarity(self) -> Tensor:
        """The table of :func:`restore_train.lab.rarity_of_colours` over all photos; empty where no loss asks for it."""
        if not any("ab_error_rebalanced" in phase.losses for phase in self.recipe.phases):
            return torch.empty(0)
        return torch.from_numpy(rarity_of_colours(rgb_of(photo) for photo in self.photos))


def read_material(recipe: Recipe, folder: Path, *, threads: int) -> Material:
    """Decodes what the recipe's phases draw from; its paths are relative to ``folder``."""
    data = recipe.data
    wanted = {phase.source for phase in recipe.phases}
    photos: list[Photo] = []
    weights = np.empty(0)
    if "photos" in wanted and data.photos:
        photos = list(read_photos([folder / path for path in data.photos], threads=threads))
        index = folder / data.index if data.index else None
        weights = sampling_weights([photo.name for photo in photos], index, data.weights)
    pairs: list[Pair] = []
    if "pairs" in wanted and data.pairs:
        found = read_pairs([folder / path for path in data.pairs])
        pairs = [pair for pair in found if not pair.name.startswith(data.held_out)]
    return Material(recipe, photos, weights, pairs)
