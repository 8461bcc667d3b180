"""What turns luma into colour: one protocol for networks, samplers and thermal models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, Protocol, TypeVar

import torch

from restore.colour import FloatArray
from restore.errors import DeviceError
from restore.frames import Frame, Painted

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Painter(Protocol):
    """A model that is ready to work. What it gives for a picture depends on nothing but the picture (and its shot)."""

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies model, engine and device, for reports and journals; only what JSON can hold."""

    @property
    def decisions(self) -> list[str]:
        """What was chosen, a line each, for the report."""

    @property
    def batch(self) -> int:
        """How many frames :meth:`paint` works on at a time."""

    @property
    def working_size(self) -> int:
        """Pixels of a picture's short side, as the model sees it."""

    @property
    def needs_shot_start(self) -> bool:
        """Whether a frame's colour depends on all frames of its shot before it."""

    @property
    def makes_luma(self) -> bool:
        """Whether it gives luma too, as thermal models do."""

    def prepare(self, luma: FloatArray) -> FloatArray:
        """Returns luma ``H x W`` in [0, 1] at the size that the model sees."""

    def paint(self, frames: Sequence[Frame]) -> list[Painted]:
        """Paints the next frames, in order. Leading frames give nothing; a sampler gives one picture a seed.

        Raises ``DeviceError`` where the device has no memory for a single picture.
        """


class BatchSize:
    """How many pictures go through a network at once: one number, halved when the device runs out of memory."""

    def __init__(self, size: int, device: str = "the device") -> None:
        self.size, self.device = size, device

    def run(self, work: Callable[[list[Item]], Sequence[Result]], items: Sequence[Item]) -> list[Result]:
        """Does ``work`` on batches of exactly ``size`` items, and returns a result for each item.

        The last batch is filled up with its last item: the last bits of a network's answer depend on the shape of its
        batch, so only a fixed shape gives a picture the same bits in any company.

        Raises ``DeviceError`` where there is no memory for one item.
        """
        results: list[Result] = []

        def next_batch() -> None:
            part = list(items[len(results) : len(results) + self.size])
            results.extend(work(part + part[-1:] * (self.size - len(part)))[: len(part)])

        while len(results) < len(items):
            self.retry(next_batch)
        return results

    def retry(self, work: Callable[[], Result]) -> Result:
        """Does ``work``, which looks at ``size``, again with half of it as often as memory is short.

        Raises ``DeviceError`` where there is no memory for one item.
        """
        while True:
            try:
                return work()
            except torch.OutOfMemoryError as error:
                if self.size == 1:
                    raise DeviceError(
                        f"{self.device} has no memory left for one picture; close other programs, or use a smaller "
                        "working size or the CPU"
                    ) from error
                self.size //= 2
                torch.cuda.empty_cache()
                log.warning("out of memory on %s: continuing with batches of %d", self.device, self.size)


def alike(items: Sequence[Item], shape: Callable[[Item], tuple[int, ...]]) -> Iterator[list[int]]:
    """Yields the indices of items that share a shape, in their order."""
    order = sorted(range(len(items)), key=lambda index: (shape(items[index]), index))
    for _, indices in groupby(order, key=lambda index: shape(items[index])):
        yield list(indices)
