"""PyTorch: every device, every network of this project."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from restore.colour import FloatArray
from restore.paint.engines.devices import PRECISIONS


class TorchEngine:
    """A network in PyTorch, channels-last. Takes ``module`` over: it is moved and converted in place.

    In bf16, a network of chroma is converted. One that makes luma keeps its weights in fp32 and is run by autocast, so
    that its luma is not rounded to bf16's 256 steps, and so that what it reads of a scene is read in fp32.
    """

    name = "torch"

    def __init__(self, module: nn.Module, *, device: torch.device, precision: str) -> None:
        self.device = device
        mixed = bool(getattr(module, "makes_luma", False))
        self.kind = torch.float32 if mixed else PRECISIONS[precision]
        self.autocast = mixed and precision == "bf16"
        self.module = module.eval().to(device, dtype=self.kind, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def __call__(self, luma: FloatArray, *conditions: FloatArray) -> Any:
        """Returns the network's chroma, or its tuple of luma and chroma, as float32 arrays.

        ``conditions``, each ``B x C x 1 x 1`` or ``B x C x H x W``, are the network's further inputs. Raises
        ``torch.OutOfMemoryError`` where the device is too small. See :class:`restore.paint.engines.Engine`.
        """
        inputs = (
            torch.from_numpy(array).to(self.device, self.kind, memory_format=torch.channels_last)
            for array in (luma, *conditions)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            outputs = self.module(*inputs)
        if isinstance(outputs, tuple):
            return tuple(output.float().cpu().numpy() for output in outputs)
        return outputs.float().cpu().numpy()
