"""One thermal picture in memory to luma, chroma and RGB: what the evaluator measures and a script can call."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import nn

from restore.colour import FloatArray, rgb_from_luma_chroma
from restore.engines.devices import pick_device
from restore.errors import ModelError
from restore.still import rgb_colouring
from restore.upsample import upsample_chroma
from restore_models import LoadedNetwork, ShippedModel, WeightsError, open_model
from restore_models.padding import pad_to_multiple

__all__ = ["Translator", "rgb_translation"]

DEFAULT_WORKING_SIZE = 256


class Translator:
    """A model that makes luma and chroma from heat: the shipped one, or a .safetensors file of such a network."""

    def __init__(self, name_or_path: str = "thermal", *, working_size: int | None = None, device: str = "auto") -> None:
        """``working_size`` is the short side, in pixels, that the network sees of larger pictures.

        Raises ``ModelError`` for a model that is unknown or damaged, or that colours photos instead.
        """
        network, shipped = opened(name_or_path)
        if not makes_luma(network.module):
            raise ModelError(f"{name_or_path} colours luma and does not translate heat; give a thermal model")
        self.device = pick_device(device)
        self.module = network.module.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.working_size = working_size or (shipped.working_size if shipped else DEFAULT_WORKING_SIZE)

    @torch.inference_mode()
    def __call__(self, thermal: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Thermal ``H x W`` in [0, 1], white-hot, to luma ``H x W`` in [0, 1] and chroma ``2 x H x W``."""
        height, width = thermal.shape
        scale = min(1.0, self.working_size / min(height, width))
        seen_high, seen_wide = max(round(height * scale), 1), max(round(width * scale), 1)
        seen = thermal if scale == 1 else cv2.resize(thermal, (seen_wide, seen_high), interpolation=cv2.INTER_AREA)
        batch = torch.from_numpy(np.ascontiguousarray(seen, np.float32))[None, None].to(self.device)
        answer = self.module(pad_to_multiple(batch, int(self.module.multiple_of)))
        luma, cells = (plane[0].float().cpu().numpy() for plane in answer)
        chroma = upsample_chroma(cells, luma[0])
        planes = np.concatenate([luma, chroma])[:, :seen_high, :seen_wide]
        if scale < 1:
            planes = np.stack([cv2.resize(each, (width, height), interpolation=cv2.INTER_CUBIC) for each in planes])
        return np.clip(planes[0], 0, 1), np.clip(planes[1:], -0.5, 0.5)


def opened(name_or_path: str) -> tuple[LoadedNetwork, ShippedModel | None]:
    try:
        return open_model(name_or_path)
    except WeightsError as error:
        raise ModelError(str(error)) from error


def makes_luma(module: nn.Module) -> bool:
    return bool(getattr(module, "makes_luma", False))


def rgb_translation(
    name_or_path: str, *, working_size: int | None = None, device: str = "auto"
) -> Callable[[FloatArray], FloatArray]:
    """A model as a function from a thermal picture ``H x W`` in [0, 1] to RGB ``H x W x 3``.

    A model that colours photos takes the thermal picture for gray.
    """
    if name_or_path.endswith(".onnx") or not makes_luma(opened(name_or_path)[0].module):
        return rgb_colouring(name_or_path, device=device, working_size=working_size)
    translator = Translator(name_or_path, working_size=working_size, device=device)
    return lambda thermal: rgb_from_luma_chroma(*translator(thermal))
