"""What the phases of a recipe learn from: everything is decoded once, and drawn from at random."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from errno import ENOENT
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore_train.augment import EarlyFilm, FilmWear
from restore_train.lab import rarity_of_colours
from restore_train.photoset import (
    Crops,
    Photo,
    PhotoSet,
    StoredPhoto,
    find_photos,
    read_photos,
    rgb_of,
    sampling_weights,
)
from restore_train.recipe import Phase, Recipe
from restore_train.thermal_pairs import Pair, PairSet, ThermalLikeSet, pair_weights, read_pairs

log = logging.getLogger(__name__)

THERMAL_KINDS = ("thermal", "irtranslate")


class Source(Protocol):
    """Batches of examples."""

    def batch(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the network sees, ``B x 1 x S x S`` in [0, 1], and the truth as its learner wants it."""


@dataclass
class Mixed:
    """Batches from two sources."""

    first: Source
    second: Source
    share: float
    """Of a batch that comes from the second, rounded to whole examples."""

    def batch(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As both sources'."""
        others = round(count * self.share)
        halves = (self.first.batch(count - others, rng), self.second.batch(others, rng))
        seen, truth = (np.concatenate(parts) for parts in zip(*halves, strict=True))
        return seen, truth


def named(folder: Path, name: str) -> Sequence[Path]:
    """What a recipe calls ``name``, in order. Raises ``FileNotFoundError`` where ``*`` stands for nothing."""
    if "*" not in name:
        return [folder / name]
    found = sorted(folder.glob(name))
    if not found:
        raise FileNotFoundError(ENOENT, "no such shards", str(folder / name))
    return found


class Material:
    """A recipe's pictures, decoded when a phase first asks for them and kept in memory.

    The recipe's paths are relative to ``folder``.
    """

    def __init__(self, recipe: Recipe, folder: Path, *, threads: int) -> None:
        self.recipe, self.folder, self.threads = recipe, folder, threads

    @cached_property
    def photos(self) -> Sequence[Photo | StoredPhoto]:
        started = time.monotonic()
        data = self.recipe.data
        paths = [path for name in data.photos for path in named(self.folder, name)]
        found = read_photos(paths, threads=self.threads) if data.in_memory else find_photos(paths)
        photos: list[Photo | StoredPhoto] = [*found]
        log.info("%d photos found after %.0f s", len(photos), time.monotonic() - started)
        return photos

    @cached_property
    def photo_weights(self) -> NDArray[np.float64]:
        data = self.recipe.data
        indices = (data.index,) if isinstance(data.index, str) else data.index or ()
        paths = [self.folder / index for index in indices]
        return sampling_weights([photo.name for photo in self.photos], paths, data.weights)

    @cached_property
    def pairs(self) -> list[Pair]:
        data = self.recipe.data
        found = read_pairs([self.folder / path for path in data.pairs]) if data.pairs else ()
        return [pair for pair in found if not pair.name.startswith(data.held_out)]

    def source(self, phase: Phase, stride: int) -> Source:
        """Where ``phase`` draws from; ``stride`` is the learner's."""
        crops = Crops(phase.crop, phase.smallest, phase.largest, stride)
        if phase.source == "pairs":
            if not self.pairs:
                raise ValueError(f"phase {phase.name} learns from pairs; the recipe's [data] names none")
            pairs = PairSet(self.pairs, pair_weights(self.pairs, self.recipe.data.pair_weights, phase.night), crops)
            if not phase.photo_share:
                return pairs
            return Mixed(pairs, ThermalLikeSet(self.photo_set(phase, crops)), phase.photo_share)
        photos = self.photo_set(phase, crops)
        return ThermalLikeSet(photos) if self.recipe.network.kind in THERMAL_KINDS else photos

    def photo_set(self, phase: Phase, crops: Crops) -> PhotoSet:
        if not self.photos:
            raise ValueError(f"phase {phase.name} learns from photos; the recipe's [data] has none")
        data = self.recipe.data
        wear, film = FilmWear(data.wear), EarlyFilm(data.early_film)
        return PhotoSet(self.photos, self.photo_weights, crops, wear, film)

    def rarity(self) -> Tensor:
        """The table of :func:`restore_train.lab.rarity_of_colours` over all photos; empty where no loss asks for it."""
        if not any("ab_error_rebalanced" in phase.losses for phase in self.recipe.phases):
            return torch.empty(0)
        return torch.from_numpy(rarity_of_colours(rgb_of(photo) for photo in self.photos))
