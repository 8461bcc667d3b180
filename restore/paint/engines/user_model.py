"""A user's ONNX colorizer as an engine: luma into what it reads, its answer into chroma."""

from __future__ import annotations

import math

import numpy as np

from restore.colour import FloatArray
from restore.errors import ModelError
from restore.paint.engines.description import INPUT_RANGES, MATRICES, Description
from restore.paint.engines.lab import chroma_from_ab, chroma_from_other_matrix, lightness_from_luma
from restore.paint.engines.model import Engine

SMALLEST_TRIAL = 64  # side of the picture that a model is tried with, in pixels


class UserModel:
    """A graph that ``runner`` executes and whose numbers ``description`` explains.

    It is tried on a gray picture when it is opened, so that a model which does not fit is refused before the work
    starts. Raises ``ModelError`` then and later, where an answer has another shape or values that are not finite.
    """

    def __init__(self, runner: Engine, description: Description) -> None:
        self.runner = runner
        self.name = runner.name
        self.description = description
        step = math.lcm(description["multiple_of"], description["output.stride"])
        side = -(-SMALLEST_TRIAL // step) * step
        self(np.full((1, 1, *(description["input.size"] or (side, side))), 0.5, np.float32))

    def __call__(self, luma: FloatArray) -> FloatArray:
        """See :class:`restore.paint.engines.Engine`."""
        seen = self.seen(luma)
        shown = f"{self.description['name']}, shown {shape_text(seen.shape)}"
        try:
            answer = self.runner(seen)
        except ModelError as error:
            raise ModelError(f"{shown}: {error}") from error
        stride, (batch, _, height, width) = self.description["output.stride"], luma.shape
        expected = (batch, 2, height // stride, width // stride)
        if answer.shape != expected:
            raise ModelError(
                f"{shown}, answers {shape_text(answer.shape)}; with the stride of its TOML, {stride}, that should be "
                f"{shape_text(expected)}"
            )
        if not np.isfinite(answer).all():
            raise ModelError(f"{self.description['name']} answers with values that are not finite; it cannot be used")
        return self.chroma(luma, answer)

    def seen(self, luma: FloatArray) -> FloatArray:
        """Turns luma ``B x 1 x H x W`` in [0, 1] into what the model reads, ``B x channels x H x W``."""
        description = self.description
        kind_black, kind_white = INPUT_RANGES[description["input.kind"]]
        black, white = description["input.range"]
        plane = luma if description["input.kind"] == "luma" else lightness_from_luma(luma)
        gain = (white - black) / (kind_white - kind_black)
        plane = (plane - np.float32(kind_black)) * np.float32(gain) + np.float32(black)
        return np.ascontiguousarray(np.repeat(plane, description["input.channels"], axis=1), np.float32)

    def chroma(self, luma: FloatArray, answer: FloatArray) -> FloatArray:
        """Turns the model's answer ``B x 2 x h x w`` into chroma (Cb, Cr, BT.601) in [-0.5, 0.5]."""
        description = self.description
        colour = (answer - np.float32(description["output.neutral"])) * np.float32(description["output.scale"])
        if description["output.kind"] == "ab":
            stride, (batch, _, height, width) = description["output.stride"], colour.shape
            cells = luma.reshape(batch, height, stride, width, stride).mean(axis=(2, 4))
            chroma = [chroma_from_ab(cell, ab) for cell, ab in zip(cells, colour, strict=True)]
        else:
            matrix = MATRICES[description["output.matrix"]]
            chroma = [chroma_from_other_matrix(picture, matrix) for picture in colour]
        return np.clip(np.stack(chroma), -0.5, 0.5)


def shape_text(shape: tuple[int, ...]) -> str:
    """Returns a shape as people write it: ``1 x 2 x 16 x 16``."""
    return " x ".join(map(str, shape))
