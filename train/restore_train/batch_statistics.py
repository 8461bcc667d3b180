"""Batch norm's statistics, measured for the weights that are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

STATISTICS_BATCHES = 32


@torch.no_grad()
def measure_statistics(module: nn.Module, run: Callable[[Tensor], object], batches: Iterable[Tensor]) -> None:
    """Sets the running mean and variance of every batch norm in ``module`` to those of ``batches``.

    ``run`` sends a batch through all of the module that has batch norm. The running statistics of training belong to
    weights that have moved on, and an average of weights never was in training at all; in short runs a network is much
    worse with such statistics than it need be (Wu and Johnson 2021, section 3, "precise batch norm"; Izmailov 2018,
    section 3.2, for averaged weights). All but batch norm stays in evaluation mode.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of what follows
        norm.train()
    for batch in batches:
        run(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
