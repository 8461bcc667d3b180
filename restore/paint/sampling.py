"""Several colourings of one picture, by a model that samples: seeded, repeatable, in batches."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from restore.colour import FloatArray
from restore.errors import ModelError, OptionError
from restore.frames import Frame, Painted
from restore.paint.network import Colorizer
from restore.paint.painter import BatchSize, alike
from restore_models.padding import pad_to_multiple
from restore_models.pixcolor import PixColor

DEFAULT_SEED = 0
DEFAULT_TEMPERATURE = 0.8
"""The shipped model's figures were measured with it: calmer than the truth is, and nearer to it."""

GRIDS_IN_WORK = {"cpu": 64, "cuda": 256}
"""Coarse grids sampled at once; memory is bounded by it, whatever the number of pictures and samples."""

MOST_PICTURES, MOST_GRIDS = 32, 256
"""Pictures, and colourings of them all, that are sampled together; more would not be any faster."""


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
    """Returns whether a colorizer's model gives several colourings; anything but a ``Colorizer`` has one answer."""
    return isinstance(getattr(getattr(colorizer, "engine", None), "module", None), PixColor)


def sampling_model(colorizer: Colorizer) -> PixColor:
    """Raises ``ModelError`` for a colorizer whose model gives one answer only."""
    module = getattr(getattr(colorizer, "engine", None), "module", None)
    if not isinstance(module, PixColor):
        raise ModelError(
            f"{colorizer.name} gives one colouring only; take `model` pixcolor for samples, seeds and temperature"
        )
    return module


def check_temperature(temperature: float) -> None:
    """Raises ``OptionError``."""
    if not 0 <= temperature < float("inf"):
        raise OptionError(f"a temperature is 0 or more, not {temperature}")


class SamplingPainter:
    """Samples colourings of single pictures by a colorizer whose model can (PixColor), one for each seed.

    Raises ``ModelError`` for a colorizer whose model gives one answer only, ``OptionError`` for a bad temperature.
    """

    needs_shot_start = makes_luma = False

    def __init__(
        self, colorizer: Colorizer, *, seeds: Sequence[int] = (DEFAULT_SEED,), temperature: float = DEFAULT_TEMPERATURE
    ) -> None:
        self.model = sampling_model(colorizer)
        check_temperature(temperature)
        self.colorizer, self.seeds, self.temperature = colorizer, seeds, temperature
        self.working_size, self.decisions = colorizer.working_size, list(colorizer.decisions)
        self.batch = max(min(MOST_PICTURES, MOST_GRIDS // len(seeds)), 1)
        self.grids = BatchSize(GRIDS_IN_WORK.get(colorizer.device.type, GRIDS_IN_WORK["cpu"]), str(colorizer.device))

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies the model, and how it samples."""
        return {**self.colorizer.identity, "seeds": list(self.seeds), "temperature": self.temperature}

    def prepare(self, luma: FloatArray) -> FloatArray:
        """Returns luma ``H x W`` at the size that the network sees."""
        return self.colorizer.prepare(luma)

    def paint(self, frames: Sequence[Frame]) -> list[Painted]:
        """Gives one picture for each seed of each frame. Raises ``DeviceError``."""
        variants = self.sample([frame.luma for frame in frames], self.seeds)
        return [
            Painted(frame.luma, variant.chroma, frame=frame, seed=variant.seed, log_likelihood=variant.log_likelihood)
            for frame, of_frame in zip(frames, variants, strict=True)
            for variant in of_frame
        ]

    def __call__(self, prepared: FloatArray, seeds: Sequence[int]) -> list[Variant]:
        """Gives one variant a seed of a prepared luma (:meth:`restore.Colorizer.prepare`)."""
        return self.sample([prepared], seeds)[0]

    def sample(self, prepared: Sequence[FloatArray], seeds: Sequence[int]) -> list[list[Variant]]:
        """Gives one variant a seed of each prepared luma, in their order; sizes may be mixed.

        Pictures that pad to one size are sampled together, all seeds of all of them, which is what makes it quick.
        The same picture, seed and temperature give the same variant in any company. Raises ``DeviceError`` where the
        device is too small for a single grid.
        """
        variants: dict[int, list[Variant]] = {}
        for indices in alike(prepared, self.colorizer.padded_shape):
            variants.update(zip(indices, self.sample_alike([prepared[i] for i in indices], seeds), strict=True))
        return [variants[index] for index in range(len(prepared))]

    @torch.inference_mode()
    def sample_alike(self, prepared: Sequence[FloatArray], seeds: Sequence[int]) -> Iterator[list[Variant]]:
        """Samples lumas that pad to one shape. The encoder runs once a picture."""
        parameter = next(self.model.parameters())
        lumas = [
            pad_to_multiple(torch.from_numpy(luma)[None, None], self.model.multiple_of).to(parameter)
            for luma in prepared
        ]
        conditioning = self.model.condition_each(torch.cat(lumas))
        numbers = [picture_number(luma) for luma in prepared]
        sampled = self.grids.retry(
            lambda: self.model.sample(
                conditioning,
                seeds=seeds,
                pictures=numbers,
                temperature=self.temperature,
                largest_batch=self.grids.size,
            )
        )
        stride = self.model.stride
        for place, (luma, picture) in enumerate(zip(lumas, prepared, strict=True)):
            height, width = picture.shape[0] // stride, picture.shape[1] // stride
            variants = []
            for index, seed in enumerate(seeds):
                # Grid by grid, as mending is: the last bits then do not depend on a picture's company.
                coarse = sampled.coarse[place, index][None]
                refined = self.model.refine(luma, coarse).clamp(-0.5, 0.5)[0].float().cpu().numpy()
                chroma = self.colorizer.curve.apply(np.ascontiguousarray(refined[:, :height, :width]))
                variants.append(Variant(seed, chroma, float(sampled.log_likelihood[place, index])))
            yield variants
