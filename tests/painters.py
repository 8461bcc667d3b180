"""What stands in for a trained network where a test looks at everything but the colour."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from restore.colour import FloatArray
from restore.paint.network import Colorizer


class TopIsBlue:
    """Colours the upper half of an upright picture blue and the lower half orange, for photos; notes its batches."""

    name, version, weights_sha256 = "top-is-blue", "1", "0" * 64

    def __init__(self) -> None:
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


class Brown:
    """Colours all of it brown, without a network; for films and photos."""

    name, version, weights_sha256, precision = "brown", "1", "0" * 64, "fp32"
    working_size, largest_batch = 32, 4
    device, engine = SimpleNamespace(type="cpu"), SimpleNamespace(name="none")

    def prepare(self, luma: FloatArray) -> FloatArray:
        scale = min(1.0, self.working_size / min(luma.shape))
        size = [max(round(side * scale) // 4 * 4, 4) for side in luma.shape]
        return np.asarray(cv2.resize(luma, size[::-1], interpolation=cv2.INTER_AREA), np.float32)

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
        return [
            np.stack([np.full((luma.shape[0] // 4, luma.shape[1] // 4), value, np.float32) for value in (-0.1, 0.1)])
            for luma in prepared
        ]


BROWN = cast("Colorizer", Brown())


class ToyTranslator(nn.Module):
    """Answers as the thermal network does: the negative of what it sees, and one colour by brightness."""

    multiple_of = 32
    stride = 4
    makes_luma = True

    def forward(self, thermal: Tensor) -> tuple[Tensor, Tensor]:
        small = torch.nn.functional.avg_pool2d(thermal, 4)
        return 1 - thermal, torch.cat([0.2 - 0.4 * small, 0.1 * torch.ones_like(small)], dim=1)
