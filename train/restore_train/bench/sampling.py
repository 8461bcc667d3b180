"""How much faster PixColor draws from its caches than by the naive loop, and how that grows with the batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch

from restore_models.pixcolor_noise import symbol_noise
from restore_models.pixcolor_pixelcnn import PixelCNN
from restore_models.pixcolor_sampling import CachedSampler, Draw, sample_naively

__all__ = ["BATCHES", "SamplingRow", "bench_sampling"]

BATCHES = (1, 8, 32, 64)
GRID = (16, 16)  # cells; a whole picture has four times as many: 16 times the naive seconds, 4 times the cached ones


@dataclass(frozen=True)
class SamplingRow:
    """One batch size, both ways, with the same weights, conditions and noise, in one process."""

    batch: int
    naive_seconds: float | None
    """Of the whole loop, every symbol of every cell; None where it was left out."""
    cached_seconds: float
    """Weights laid out anew, and a CUDA graph's capture where there is one, included. The best of the repetitions."""
    same_grids: int | None
    """How many of the batch's grids both ways drew alike, to the last bin."""

    @property
    def factor(self) -> float | None:
        return None if self.naive_seconds is None else self.naive_seconds / self.cached_seconds

    @property
    def cached_seconds_a_grid(self) -> float:
        return self.cached_seconds / self.batch


def timed(work: Callable[[], Draw], device: torch.device) -> tuple[float, Draw]:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    draw = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, draw


def bench_sampling(
    network: PixelCNN,
    *,
    batches: Sequence[int] = BATCHES,
    grid: tuple[int, int] = GRID,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float64,
    naive_up_to: int | None = None,
    repeat: int = 3,
) -> list[SamplingRow]:
    """Draws grids of ``grid`` cells for every batch size, by the naive loop once and from caches ``repeat`` times.

    The naive loop runs the network in float32, as it is, once for every symbol: ``2 * rows * columns`` times. The
    cached draw has the type that the program draws with, ``dtype``: where that is float64, one grid in some thousands
    differs by rounding, and more on a GPU whose convolutions are allowed TF32. Conditions are random, since neither
    way's time depends on them. Above the batch ``naive_up_to`` the naive loop is left out, not estimated.
    """
    device = torch.device(device)
    network = deepcopy(network).to(device, torch.float32).eval()
    channels = network.condition.in_channels
    rows = []
    for batch in batches:
        generator = torch.Generator().manual_seed(batch)
        conditioning = torch.randn(batch, channels, *grid, generator=generator).to(device)
        noise = torch.from_numpy(symbol_noise([0] * batch, range(batch), *grid)).to(device)

        def cached(conditioning: torch.Tensor = conditioning, noise: torch.Tensor = noise) -> Draw:
            return CachedSampler(network, dtype=dtype)(conditioning, noise)

        def naive(conditioning: torch.Tensor = conditioning, noise: torch.Tensor = noise) -> Draw:
            return sample_naively(network, conditioning, noise)

        cached()  # warm
        runs = [timed(cached, device) for _ in range(repeat)]
        cached_seconds, draw = min(runs, key=lambda run: run[0])
        naive_seconds, same_grids = None, None
        if naive_up_to is None or batch <= naive_up_to:
            naive_seconds, slow = timed(naive, device)
            same_grids = int((slow.bins == draw.bins).flatten(1).all(dim=1).sum())
        rows.append(SamplingRow(batch, naive_seconds, cached_seconds, same_grids))
    return rows
