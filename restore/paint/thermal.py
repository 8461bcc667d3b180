"""What colours thermal luma: a network that makes luma and chroma, or any colorizer of gray pictures."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore.colour import FloatArray
from restore.errors import ModelError
from restore.frames import Frame, Painted, Role
from restore.paint.engines.choose import choose_engine
from restore.paint.engines.devices import batch_size
from restore.paint.engines.model import HEAT
from restore.paint.engines.torch import TorchEngine
from restore.paint.network import LONGEST_RATIO, Colorizer
from restore.paint.painter import BatchSize, alike
from restore_models import (
    DEFAULT_MODEL,
    SHIPPED,
    ColourCurve,
    LoadedNetwork,
    ShippedModel,
    WeightsError,
    open_model,
)
from restore_models.padding import pad_to_multiple
from restore_models.thermal import ThermalGenerator, at_light_side

THERMAL = "thermal"
"""Name of the shipped model, and of the network that makes luma too."""

WORKING_SIZE = 512
"""Short side, in pixels, up to which a picture is seen in its own size."""

ENLARGED_TO, MOST_ENLARGED = 192, 2.0
"""Pictures of smaller sensors are seen enlarged to this short side, by this factor at most: the network knows trees and
cars in other sizes than 60 rows show them in. Of the 22 evaluation pairs, shrunk to 60 and 120 rows, luma was nearer to
the truth by 0.4 and 0.7 dB (weights of before), chroma as near; enlarged further it was not."""

MARGIN = 16
"""Pixels of reflection around what the network sees, cut off again: it takes the zeros beyond a picture's border for
something and may draw a pale frame, with weights of before 7 of 255 codes brighter on the evaluation pairs, and 1 with
this. It costs a seventh of the network's time."""


class ThermalPainter:
    """The thermal network: ``B x 1 x H x W`` in [0, 1] to luma of that size and chroma of ``H / stride``.

    A :class:`restore.paint.painter.Painter` that can be given the light of a scene.
    """

    needs_shot_start, makes_luma = False, True

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        weights_sha256: str,
        model: str | None = None,
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        batch: int | None = None,
        working_size: int = WORKING_SIZE,
        curve: ColourCurve | None = None,
    ) -> None:
        """``model`` is what it was opened by, where that is not its name.

        Raises ``OptionError`` for a batch below one or an engine that cannot run it, ``DeviceError`` for a device that
        is absent.
        """
        self.model, self.name, self.weights_sha256 = model or name, name, weights_sha256
        self.curve = curve or ColourCurve()
        self.knows_light = isinstance(network, ThermalGenerator)
        self.light: float | None = None
        choice = choose_engine(HEAT, engine=engine, device=device, precision=precision)
        self.device, self.precision = choice.device, choice.precision
        self.network = network
        self.engine = TorchEngine(network, device=self.device, precision=choice.precision)
        self.multiple_of, self.stride = int(network.multiple_of), int(network.stride)  # type: ignore[arg-type]
        self.working_size = working_size
        self.batches = BatchSize(batch_size(batch, self.device, working_size), str(self.device))
        self.decisions: list[str] = []

    @property
    def batch(self) -> int:
        """Pictures that go through the network at once; smaller once memory was short."""
        return self.batches.size

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies the network and how it is run; ``light`` once it was given one."""
        light = {} if self.light is None else {"light": self.light}
        return {
            "name": self.name,
            "weights_sha256": self.weights_sha256,
            "working_size": self.working_size,
            "device": str(self.device),
            "engine": self.engine.name,
            "precision": self.precision,
            "curve": repr(self.curve),
            **light,
        }

    def prepare(self, luma: FloatArray) -> FloatArray:
        shortest = min(luma.shape)
        larger = min(MOST_ENLARGED, min(ENLARGED_TO, self.working_size) / shortest)
        scale = min(max(1.0, larger), self.working_size / shortest)
        longest = LONGEST_RATIO * self.working_size
        height, width = (min(max(round(side * scale / self.stride), 1) * self.stride, longest) for side in luma.shape)
        if (height, width) == luma.shape:
            return luma
        how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        return np.asarray(np.clip(cv2.resize(luma, (width, height), interpolation=how), 0, 1), np.float32)

    def paint(self, frames: Sequence[Frame]) -> list[Painted]:
        """Paints each frame by itself. Raises ``DeviceError``."""
        frames = [frame for frame in frames if frame.role is not Role.LEAD]
        answers: dict[int, tuple[FloatArray, FloatArray]] = {}
        for indices in alike(frames, lambda frame: frame.luma.shape):
            lumas = [frames[index].luma for index in indices]
            answers.update(zip(indices, self.batches.run(self.run, lumas), strict=True))
        return [
            Painted(frame.luma, answers[i][1], answers[i][0], frame=frame, starts_shot=frame.starts_shot)
            for i, frame in enumerate(frames)
        ]

    @torch.inference_mode()
    def guess_light(self, lumas: Sequence[FloatArray]) -> float:
        """Returns the light to expect of lumas ``H x W`` of one scene, from -1, night, to 1, day; 0 says nothing.

        It is guessed in fp32, since the reader takes small differences of large sums.
        """
        if not isinstance(self.network, ThermalGenerator):
            return 0.0
        guesses = []
        for luma in lumas:
            seen = torch.from_numpy(at_light_side(luma, self.multiple_of))[None, None].to(self.device)
            guesses.append(float(self.network.guessed_light(seen)))
        return float(np.mean(guesses))

    def in_light(self, light: float) -> Self:
        """Returns the same painter, that paints in this light."""
        other = copy.copy(self)
        other.light = light
        return other

    def run(self, lumas: Sequence[FloatArray]) -> list[tuple[FloatArray, FloatArray]]:
        """Gives luma ``h x w`` and chroma ``2 x h' x w'`` for each of some lumas of one shape."""
        height, width = lumas[0].shape
        margin = -(-MARGIN // self.stride)  # in pixels of chroma
        batch = with_margin(torch.from_numpy(np.stack(lumas)[:, None]), margin * self.stride)
        padded = pad_to_multiple(batch, self.multiple_of).numpy()
        lights = (np.full((len(padded), 1, 1, 1), self.light or 0.0, np.float32),) if self.knows_light else ()
        luma, chroma = self.engine(padded, *lights)
        made_luma = inside(np.clip(luma, 0, 1), margin * self.stride, height, width)[:, 0]
        made_chroma = self.curve.apply(np.clip(chroma, -0.5, 0.5))
        made_chroma = inside(made_chroma, margin, height // self.stride, width // self.stride)
        return [
            (np.ascontiguousarray(one), np.ascontiguousarray(other))
            for one, other in zip(made_luma, made_chroma, strict=True)
        ]


def with_margin(pictures: Tensor, margin: int) -> Tensor:
    """``B x C x H x W`` grown on all sides, by reflection, or by its edge where it is too small for that."""
    mode = "reflect" if margin < min(pictures.shape[-2:]) else "replicate"
    return F.pad(pictures, (margin, margin, margin, margin), mode=mode)


def inside(planes: FloatArray, margin: int, height: int, width: int) -> FloatArray:
    """What of ``B x C x H x W`` lies within a margin, of a size."""
    return planes[:, :, margin : margin + height, margin : margin + width]


def open_thermal_painter(
    model: str | None = None, *, engine: str = "auto", threads: int | None = None, **options: Any
) -> ThermalPainter | Colorizer:
    """Opens a model by name or path; for None the thermal one where it is shipped, else the one for gray photos.

    For a model that makes chroma alone, heat is just gray. ``options`` are those of
    :class:`restore.paint.network.Colorizer`. Raises ``ModelError``, ``DeviceError`` and ``OptionError``.
    """
    model = model or (THERMAL if THERMAL in SHIPPED else DEFAULT_MODEL)
    loaded, shipped = thermal_network(model)
    if loaded is None:
        return Colorizer(model, engine=engine, threads=threads, **options)
    if threads is not None:
        torch.set_num_threads(threads)
    options["working_size"] = options.get("working_size") or (shipped.working_size if shipped else WORKING_SIZE)
    return ThermalPainter(
        loaded.module,
        model=model,
        name=shipped.name if shipped else loaded.network,
        weights_sha256=loaded.sha256,
        engine=engine,
        curve=shipped.curve if shipped else ColourCurve(),
        **options,
    )


def thermal_network(model: str) -> tuple[LoadedNetwork | None, ShippedModel | None]:
    """None for a model that makes chroma alone. Raises ``ModelError``."""
    if model == THERMAL and THERMAL not in SHIPPED:
        others = ", ".join(SHIPPED)
        raise ModelError(f"no thermal model is shipped with this version; use `model` {others} or a .safetensors file")
    if model not in SHIPPED and not model.endswith(".safetensors"):
        return None, None
    try:
        loaded, shipped = open_model(model)
    except WeightsError as error:
        raise ModelError(str(error)) from error
    return (loaded, shipped) if getattr(loaded.module, "makes_luma", False) else (None, None)
