"""Several colourings of one picture, by a model that samples: seeded, repeatable, in batches."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch

from restore.colour import FloatArray
from restore.errors import DeviceError, ModelError, OptionError
from restore.paint.network import Colorizer
from restore_models.padding import pad_to_multiple
from restore_models.pixcolor import Colourings, PixColor

__all__ = [
    "DEFAULT_SEED",
    "DEFAULT_TEMPERATURE",
    "Variant",
    "VariantPainter",
    "check_temperature",
    "picture_number",
    "samples",
    "sampling_model",
]

log = logging.getLogger(__name__)

DEFAULT_SEED = 0
DEFAULT_TEMPERATURE = 0.8
"""The shipped model's figures were measured with it: calmer than the truth is, and nearer to it."""

GRIDS_IN_WORK = {"cpu": 64, "cuda": 256}
"""Coarse grids drawn at once; memory is bounded by it, whatever the number of pictures and samples."""


@dataclass(frozen=True)
class Variant:
    """One colouring."""

    seed: int
    chroma: FloatArray
    """``2 x h x w`` (Cb, Cr) in [-0.5, 0.5]."""
    log_likelihood: float
    """In nats, of what was drawn; of several variants the likeliest is the safest."""


def picture_number(prepared: FloatArray) -> int:
    """A number for the noise that belongs to the picture itself, whatever its name, folder or place in a batch."""
    return zlib.crc32(np.ascontiguousarray(prepared).tobytes())


def samples(colorizer: object) -> bool:
    """Whether a colorizer's model gives several colourings; anything but a ``Colorizer`` has one answer."""
    return isinstance(getattr(getattr(colorizer, "engine", None), "module", None), PixColor)


def sampling_model(colorizer: Colorizer) -> PixColor:
    """Raises ``ModelError`` for a colorizer whose model gives one answer only."""
    module = getattr(getattr(colorizer, "engine", None), "module", None)
    if not isinstance(module, PixColor):
        raise ModelError(
            f"{colorizer.name} gives one colouring only; take --model pixcolor for samples, seeds and temperature"
        )
    return module


def check_temperature(temperature: float) -> None:
    """Raises ``OptionError``."""
    if not 0 <= temperature < float("inf"):
        raise OptionError(f"a temperature is 0 or more, not {temperature}")


class VariantPainter:
    """Draws variants by a colorizer whose model samples (PixColor).

    Raises ``ModelError`` for a colorizer whose model gives one answer only, ``OptionError`` for a bad temperature.
    """

    def __init__(self, colorizer: Colorizer, *, temperature: float = DEFAULT_TEMPERATURE) -> None:
        self.model = sampling_model(colorizer)
        check_temperature(temperature)
        self.colorizer, self.temperature = colorizer, temperature
        self.grids_in_work = GRIDS_IN_WORK.get(colorizer.device.type, GRIDS_IN_WORK["cpu"])

    def __call__(self, prepared: FloatArray, seeds: Sequence[int]) -> list[Variant]:
        """A prepared luma (:meth:`restore.Colorizer.prepare`) to one variant a seed."""
        return self.paint([prepared], seeds)[0]

    def paint(self, prepared: Sequence[FloatArray], seeds: Sequence[int]) -> list[list[Variant]]:
        """Prepared lumas of mixed sizes, in their order, to one variant a seed of each.

        Pictures that pad to one size are drawn together, all seeds of all of them, which is what makes drawing quick.
        The same picture, seed and temperature give the same variant in any company. Raises ``DeviceError`` where the
        device is too small for a single grid.
        """
        painted: list[list[Variant]] = [[] for _ in prepared]
        keyed = sorted(((self.colorizer.padded_shape(luma), index) for index, luma in enumerate(prepared)))
        for _, group in groupby(keyed, key=itemgetter(0)):
            indices = [index for _, index in group]
            for index, variants in zip(indices, self.paint_alike([prepared[i] for i in indices], seeds), strict=True):
                painted[index] = variants
        return painted

    @torch.inference_mode()
    def paint_alike(self, prepared: Sequence[FloatArray], seeds: Sequence[int]) -> Iterator[list[Variant]]:
        """Lumas that pad to one shape. The encoder runs once a picture."""
        parameter = next(self.model.parameters())
        lumas = [
            pad_to_multiple(torch.from_numpy(luma)[None, None], self.model.multiple_of).to(parameter)
            for luma in prepared
        ]
        conditioning = self.model.condition_each(torch.cat(lumas))
        drawn = self.draw(conditioning, seeds, [picture_number(luma) for luma in prepared])
        stride = self.model.stride
        for place, (luma, picture) in enumerate(zip(lumas, prepared, strict=True)):
            height, width = picture.shape[0] // stride, picture.shape[1] // stride
            variants = []
            for index, seed in enumerate(seeds):
                # Grid by grid, as mending is: the last bits then do not depend on a picture's company.
                coarse = drawn.coarse[place, index][None]
                refined = self.model.refine(luma, coarse).clamp(-0.5, 0.5)[0].float().cpu().numpy()
                shown = self.colorizer.curve.apply(np.ascontiguousarray(refined[:, :height, :width]))
                variants.append(Variant(seed, shown, float(drawn.log_likelihood[place, index])))
            yield variants

    def draw(self, conditioning: torch.Tensor, seeds: Sequence[int], pictures: Sequence[int]) -> Colourings:
        """Out of device memory, fewer grids are drawn at once."""
        while True:
            try:
                return self.model.sample(
                    conditioning,
                    seeds=seeds,
                    pictures=pictures,
                    temperature=self.temperature,
                    largest_batch=self.grids_in_work,
                )
            except torch.OutOfMemoryError as error:
                if self.grids_in_work == 1:
                    raise DeviceError(
                        f"{self.colorizer.device} has no memory left for one picture; use --device cpu"
                    ) from error
                self.grids_in_work //= 2
                torch.cuda.empty_cache()
                log.warning("out of memory: going on with %d grids at once", self.grids_in_work)
