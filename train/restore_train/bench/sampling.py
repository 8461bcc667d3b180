"""How much faster PixColor draws from its caches than by the naive loop, and how that grows with the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch

from restore.errors import ModelError
from restore_models import WeightsError, open_model
from restore_models.pixcolor import PixColor, PixColorSizes, build_pixcolor
from restore_models.pixcolor_noise import symbol_noise
from restore_models.pixcolor_pixelcnn import PixelCNN
from restore_models.pixcolor_sampling import CachedSampler, Draw, sample_naively
from restore_train.bench.measure import Benchmark, Measured, Stopwatch

BATCHES = (1, 8, 32, 64)
GRID = (16, 16)  # cells; a whole picture has four times as many: 16 times the naive seconds, 4 times the cached ones


def open_pixelcnn(model: str | None) -> PixelCNN:
    """Returns the part of a PixColor that samples; an untrained one of the shipped size where no model is named.

    Raises ``ModelError`` for another network.
    """
    try:
        network = open_model(model)[0].module if model else build_pixcolor(PixColorSizes())
    except WeightsError as error:
        raise ModelError(str(error)) from error
    if not isinstance(network, PixColor):
        raise ModelError(f"{model} is no PixColor; only that samples")
    return network.pixelcnn


def time_draw(draw: Callable[[], Draw], device: torch.device, count: int) -> tuple[Measured, Draw]:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    watch = Stopwatch()
    drawn = draw()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return watch.stop(count, with_peak=False), drawn


def bench_sampling(
    network: PixelCNN,
    *,
    batches: Sequence[int] = BATCHES,
    grid: tuple[int, int] = GRID,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float64,
    naive_up_to: int | None = None,
    repeat: int = 3,
) -> Benchmark:
    """Draws grids of ``grid`` cells for every batch size, by the naive loop once and from caches ``repeat`` times.

    Both have the same weights, conditions and noise; of the cached draws the fastest counts, weights laid out anew
    included. The naive loop runs the network in float32, as it is, once for every symbol: ``2 * rows * columns`` times.
    The cached draw has the type that the program draws with, ``dtype``: where that is float64, one grid in some
    thousands differs by rounding, and more on a GPU whose convolutions are allowed TF32. Conditions are random, since
    neither way's time depends on them. Above the batch ``naive_up_to`` the naive loop is left out, not estimated.
    """
    device = torch.device(device)
    network = deepcopy(network).to(device, torch.float32).eval()
    channels = network.condition.in_channels
    rows: dict[str, Measured] = {}
    columns: dict[str, dict[str, str]] = {"factor": {}, "same grids": {}}
    for batch in batches:
        generator = torch.Generator().manual_seed(batch)
        conditioning = torch.randn(batch, channels, *grid, generator=generator).to(device)
        noise = torch.from_numpy(symbol_noise([0] * batch, range(batch), *grid)).to(device)

        def cached(conditioning: torch.Tensor = conditioning, noise: torch.Tensor = noise) -> Draw:
            return CachedSampler(network, dtype=dtype)(conditioning, noise)

        def naive(conditioning: torch.Tensor = conditioning, noise: torch.Tensor = noise) -> Draw:
            return sample_naively(network, conditioning, noise)

        cached()  # warm
        runs = [time_draw(cached, device, batch) for _ in range(repeat)]
        row = f"cached, batch {batch}"
        rows[row], drawn = min(runs, key=lambda run: run[0].wall_seconds)
        if naive_up_to is None or batch <= naive_up_to:
            slow, drawn_slowly = time_draw(naive, device, batch)
            rows[f"naive, batch {batch}"] = slow
            columns["factor"][row] = f"{slow.wall_seconds / rows[row].wall_seconds:.0f}"
            same = int((drawn_slowly.bins == drawn.bins).flatten(1).all(dim=1).sum())
            columns["same grids"][row] = f"{same} of {batch}"
    return Benchmark(rows, "grid", columns)
