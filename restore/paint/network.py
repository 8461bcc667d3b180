"""A network ready for work: any luma in, small chroma out, in batches that fit the device."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch

from restore.colour import FloatArray
from restore.errors import OptionError
from restore.frames import Frame, Painted, Role
from restore.paint.engines import open_colour_model, start_engine
from restore.paint.engines.devices import batch_size
from restore.paint.painter import BatchSize, alike
from restore_models import DEFAULT_MODEL, ColourCurve
from restore_models.padding import pad_to_multiple

log = logging.getLogger(__name__)

LONGEST_RATIO = 4  # a panorama's long side is seen at no more than this many working sizes, and squeezed beyond


class Colorizer:
    """A colour model on an engine and a device; a :class:`restore.paint.painter.Painter`.

    >>> colorizer = Colorizer("pix2pix", device="cpu")
    >>> chroma = colorizer(luma)  # H x W in [0, 1] -> 2 x h x w in [-0.5, 0.5]

    ``model`` is the name of a shipped one, a ``.safetensors`` file, or an ``.onnx`` file with its TOML beside it
    (:mod:`restore.paint.engines.description`). ``engine`` is ``auto``, ``torch``, ``openvino`` or ``onnx``.

    Raises ``ModelError`` for a model that is unknown or whose weights are not what they should be, ``DeviceError``
    for a device that is absent, ``OptionError`` for an engine that is not installed or does not fit.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        batch: int | None = None,
        threads: int | None = None,
        working_size: int | None = None,
        curve: ColourCurve | None = None,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        opened = open_colour_model(model)
        if opened.size and working_size:
            raise OptionError(f"{opened.name} takes pictures of one size only; leave `working_size` out")
        started = start_engine(opened, engine=engine, device=device, precision=precision, threads=threads)
        self.engine, self.device, self.precision = started.engine, started.device, started.precision
        self.model, self.name = model, opened.name
        self.weights_sha256 = opened.weights_sha256
        self.working_size = working_size or opened.working_size
        self.curve = curve or opened.curve
        self.multiple_of, self.stride, self.only_size = opened.multiple_of, opened.stride, opened.size
        self.batches = BatchSize(batch_size(batch, self.device, self.working_size), str(self.device))
        self.decisions: list[str] = []
        log.info(
            "model %s on %s by %s in %s, batches of %d",
            *(self.name, self.device, self.engine.name, self.precision, self.batch),
        )

    needs_shot_start = makes_luma = False

    @property
    def batch(self) -> int:
        """Pictures that go through the network at once; smaller once memory was short."""
        return self.batches.size

    @property
    def identity(self) -> dict[str, Any]:
        """What identifies the network and how it is run."""
        return {
            "name": self.name,
            "weights_sha256": self.weights_sha256,
            "working_size": self.working_size,
            "device": str(self.device),
            "engine": self.engine.name,
            "precision": self.precision,
            "curve": repr(self.curve),
        }

    def prepare(self, luma: FloatArray) -> FloatArray:
        """Luma ``H x W`` in [0, 1] at the size that the network sees: short side at most ``working_size``.

        Both sides become multiples of the network's stride, so that its chroma covers the picture exactly; the
        squeeze is under half a stride. Smaller pictures are not enlarged; very long ones are squeezed along. For a
        model that takes one size only, pictures are stretched to it.
        """
        if 0 in luma.shape:
            raise ValueError(f"an empty picture: {luma.shape = }")
        height, width = self.only_size or self.seen_size(luma.shape)
        if (height, width) == luma.shape:
            return luma
        return np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    def seen_size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        scale = min(1.0, self.working_size / min(shape))
        longest = LONGEST_RATIO * self.working_size
        height, width = (min(max(round(side * scale / self.stride), 1) * self.stride, longest) for side in shape)
        return height, width

    def paint(self, frames: Sequence[Frame]) -> list[Painted]:
        """Paints each frame by itself. Raises ``DeviceError``."""
        frames = [frame for frame in frames if frame.role is not Role.LEAD]
        chromas = self.predict([frame.luma for frame in frames])
        return [
            Painted(frame.luma, chroma, frame=frame, starts_shot=frame.starts_shot)
            for frame, chroma in zip(frames, chromas, strict=True)
        ]

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
        """Gives small chroma ``2 x h x w`` in [-0.5, 0.5] for prepared lumas of mixed sizes, in their order.

        Every batch has the same number of pictures (:class:`restore.paint.painter.BatchSize`). Raises ``DeviceError``.
        """
        chromas: dict[int, FloatArray] = {}
        for indices in alike(prepared, self.padded_shape):
            chromas.update(zip(indices, self.batches.run(self.run, [prepared[i] for i in indices]), strict=True))
        return [chromas[index] for index in range(len(prepared))]

    def __call__(self, luma: FloatArray) -> FloatArray:
        """One picture: luma ``H x W`` of any size to small chroma ``2 x h x w``."""
        return self.run([self.prepare(luma)])[0]

    def padded_shape(self, luma: FloatArray) -> tuple[int, int]:
        height, width = luma.shape
        return height + -height % self.multiple_of, width + -width % self.multiple_of

    def run(self, lumas: Sequence[FloatArray]) -> list[FloatArray]:
        padded = [pad_to_multiple(torch.from_numpy(luma)[None, None], self.multiple_of) for luma in lumas]
        chroma = self.curve.apply(self.engine(torch.cat(padded).numpy()))
        return [
            np.ascontiguousarray(small[:, : luma.shape[0] // self.stride, : luma.shape[1] // self.stride])
            for small, luma in zip(chroma, lumas, strict=True)
        ]
