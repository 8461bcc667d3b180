"""PyTorch: every device, every network of this project."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from restore.colour import FloatArray
from restore.paint.engines.devices import PRECISIONS

__all__ = ["TorchEngine"]


class TorchEngine:
    """A network in PyTorch, channels-last. Takes ``module`` over: it is moved and converted in place."""

    name = "torch"

    def __init__(self, module: nn.Module, *, device: torch.device, precision: str) -> None:
        self.device = device
        self.kind = PRECISIONS[precision]
        self.module = module.to(device, dtype=self.kind, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def __call__(self, luma: FloatArray) -> FloatArray:
        """As :class:`restore.paint.engines.Engine`. Raises ``torch.OutOfMemoryError`` where the device is too small."""
        pictures = torch.from_numpy(luma).to(self.device, self.kind, memory_format=torch.channels_last)
        chroma: Tensor = self.module(pictures)
        return chroma.float().cpu().numpy()
