"""Several colourings of one picture, by a model that samples: seeded, repeatable, in batches."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from restore.colorizer import Colorizer
from restore.colour import FloatArray
from restore.errors import ModelError, OptionError
from restore_models.padding import pad_to_multiple
from restore_models.pixcolor import PixColor

__all__ = ["Variant", "VariantPainter", "picture_number"]

GRIDS_IN_WORK = 64  # coarse grids drawn at once on a CPU; memory is bounded by it, whatever the number of samples


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


class VariantPainter:
    """Draws variants by a colorizer whose model samples (PixColor).

    Raises ``ModelError`` for a colorizer whose model gives one answer only, ``OptionError`` for a bad temperature.
    """

    def __init__(self, colorizer: Colorizer, *, temperature: float = 1.0) -> None:
        module = getattr(colorizer.engine, "module", None)
        if not isinstance(module, PixColor):
            raise ModelError(f"{colorizer.name} gives one colouring only; take --model pixcolor for several")
        if not temperature >= 0:
            raise OptionError(f"a temperature is 0 or more, not {temperature}")
        self.colorizer, self.model, self.temperature = colorizer, module, temperature

    @torch.inference_mode()
    def __call__(self, prepared: FloatArray, seeds: Sequence[int]) -> list[Variant]:
        """A prepared luma (:meth:`restore.Colorizer.prepare`) to one variant a seed.

        The encoder runs once; the same picture, seed and temperature give the same variant in any company.
        """
        height, width = prepared.shape
        parameter = next(self.model.parameters())
        luma = pad_to_multiple(torch.from_numpy(prepared)[None, None], self.model.multiple_of).to(parameter)
        conditioning = self.model.condition_each(luma)
        drawn = self.model.sample(
            conditioning,
            seeds=seeds,
            pictures=[picture_number(prepared)],
            temperature=self.temperature,
            largest_batch=GRIDS_IN_WORK,
        )
        variants = []
        for index, seed in enumerate(seeds):
            refined = self.model.refine(luma, drawn.coarse[:, index]).clamp(-0.5, 0.5)[0].float().cpu().numpy()
            stride = self.model.stride
            shown = self.colorizer.curve.apply(refined[:, : height // stride, : width // stride])
            likelihood = float(drawn.log_likelihood[0, index])
            variants.append(Variant(seed, np.ascontiguousarray(shown), likelihood))
        return variants
