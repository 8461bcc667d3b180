"""What stands in for a trained network where a test looks at everything but the colour."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from restore.colour import FloatArray
from restore.frames import Frame, Painted, Role


class ToyPainter(ABC):
    """What a test's colouring needs to be a painter: :meth:`predict` and :meth:`prepare` are its own."""

    name, weights_sha256 = "toy", "0" * 64
    working_size, batch = 32, 4
    needs_shot_start = makes_luma = False

    def __init__(self) -> None:
        self.decisions: list[str] = []

    @property
    def identity(self) -> dict[str, Any]:
        return {"name": self.name, "weights_sha256": self.weights_sha256, "device": "cpu", "engine": "none"}

    @abstractmethod
    def prepare(self, luma: FloatArray) -> FloatArray: ...

    @abstractmethod
    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]: ...

    def paint(self, frames: Sequence[Frame]) -> list[Painted]:
        frames = [frame for frame in frames if frame.role is not Role.LEAD]
        chromas = self.predict([frame.luma for frame in frames])
        return [
            Painted(frame.luma, chroma, frame=frame, starts_shot=frame.starts_shot)
            for frame, chroma in zip(frames, chromas, strict=True)
        ]


class TopIsBlue(ToyPainter):
    """Colours the upper half of an upright picture blue and the lower half orange, for photos; notes its batches."""

    name = "top-is-blue"

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[tuple[int, ...]]] = []

    def prepare(self, luma: FloatArray) -> FloatArray:
        assert luma.dtype == np.float32
        scale = min(1.0, 32 / min(luma.shape))
        size = (max(round(luma.shape[1] * scale), 4), max(round(luma.shape[0] * scale), 4))
        return np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
        self.batches.append([luma.shape for luma in prepared])
        chromas = []
        for luma in prepared:
            side = np.where(np.arange(luma.shape[0] // 2) < luma.shape[0] // 4, 0.2, -0.2).astype(np.float32)
            ramp = np.broadcast_to(side[:, None], (luma.shape[0] // 2, luma.shape[1] // 2))
            chromas.append(np.stack([ramp, -ramp]))
        return chromas


class Brown(ToyPainter):
    """Colours all of it brown, without a network; for films and photos."""

    name = "brown"

    def prepare(self, luma: FloatArray) -> FloatArray:
        scale = min(1.0, self.working_size / min(luma.shape))
        size = [max(round(side * scale) // 4 * 4, 4) for side in luma.shape]
        return np.asarray(cv2.resize(luma, size[::-1], interpolation=cv2.INTER_AREA), np.float32)

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
        return [
            np.stack([np.full((luma.shape[0] // 4, luma.shape[1] // 4), value, np.float32) for value in (-0.1, 0.1)])
            for luma in prepared
        ]


BROWN = Brown()


class ToyTranslator(nn.Module):
    """Answers as the thermal network does: the negative of what it sees, and one colour by brightness."""

    multiple_of = 32
    stride = 4
    makes_luma = True

    def forward(self, thermal: Tensor) -> tuple[Tensor, Tensor]:
        small = torch.nn.functional.avg_pool2d(thermal, 4)
        return 1 - thermal, torch.cat([0.2 - 0.4 * small, 0.1 * torch.ones_like(small)], dim=1)
