"""A user's ONNX colorizer behind the one protocol: luma into what it reads, what it answers into chroma."""

from __future__ import annotations

import math

import numpy as np

from restore.colour import FloatArray
from restore.errors import ModelError
from restore.paint.engines.description import INPUT_RANGES, Description
from restore.paint.engines.engine import Engine
from restore.paint.engines.lab import chroma_from_ab, chroma_from_other_matrix, lightness_from_luma

__all__ = ["OwnModel"]

SMALLEST_TRIAL = 64  # side of the picture that a model is tried with, in pixels


class OwnModel:
    """``runner`` executes the graph; ``description`` says what its numbers mean.

    Tried once on a gray picture when it is made, so that a model which does not fit is refused before the work starts.
    Raises ``ModelError`` then and later, where the shape of an answer is wrong or its values are not finite.
    """

    def __init__(self, runner: Engine, description: Description) -> None:
        self.runner = runner
        self.description = description
        step = math.lcm(description.multiple_of, description.stride)
        side = -(-SMALLEST_TRIAL // step) * step
        self(np.full((1, 1, *(description.size or (side, side))), 0.5, np.float32))

    @property
    def name(self) -> str:
        return self.runner.name

    def __call__(self, luma: FloatArray) -> FloatArray:
        """As :class:`restore.paint.engines.Engine`."""
        seen = self.seen(luma)
        try:
            answer = self.runner(seen)
        except ModelError as error:
            raise ModelError(f"{self.description.name}, shown {shape_text(seen)}: {error}") from error
        stride, (batch, _, height, width) = self.description.stride, luma.shape
        expected = (batch, 2, height // stride, width // stride)
        if answer.shape != expected:
            raise ModelError(
                f"{self.description.name}, shown {shape_text(seen)}, answers {shape_text(answer)}; with the stride of "
                f"its TOML, {stride}, that should be {' x '.join(map(str, expected))}"
            )
        if not np.isfinite(answer).all():
            raise ModelError(f"{self.description.name} answers with values that are not finite; it cannot be used")
        return self.chroma(luma, answer)

    def seen(self, luma: FloatArray) -> FloatArray:
        """Luma ``B x 1 x H x W`` in [0, 1] as the model reads it, ``B x channels x H x W``."""
        description = self.description
        kind_black, kind_white = INPUT_RANGES[description.input_kind]
        plane = luma if description.input_kind == "luma" else lightness_from_luma(luma)
        gain = (description.white - description.black) / (kind_white - kind_black)
        plane = (plane - np.float32(kind_black)) * np.float32(gain) + np.float32(description.black)
        return np.ascontiguousarray(np.repeat(plane, description.channels, axis=1), np.float32)

    def chroma(self, luma: FloatArray, answer: FloatArray) -> FloatArray:
        """The model's answer ``B x 2 x h x w`` to chroma (Cb, Cr, BT.601) in [-0.5, 0.5]."""
        description = self.description
        colour = (answer - np.float32(description.neutral)) * np.float32(description.scale)
        if description.output_kind == "ab":
            batch, _, height, width = colour.shape
            cells = luma.reshape(batch, height, description.stride, width, description.stride).mean(axis=(2, 4))
            chroma = [chroma_from_ab(cell, ab) for cell, ab in zip(cells, colour, strict=True)]
        else:
            chroma = [chroma_from_other_matrix(each, description.matrix) for each in colour]
        return np.clip(np.stack(chroma), -0.5, 0.5)


def shape_text(array: FloatArray) -> str:
    return " x ".join(map(str, array.shape))
