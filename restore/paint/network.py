"""A network ready for work: any luma in, small chroma out, in batches that fit the device."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import cv2
import numpy as np
import torch

from restore.colour import FloatArray
from restore.errors import DeviceError, OptionError
from restore.paint.engines import open_colour_model, start_engine
from restore.paint.engines.devices import batch_size, has_native_bf16, pick_device
from restore.version import VERSION
from restore_models import DEFAULT_MODEL, ColourCurve
from restore_models.padding import pad_to_multiple

__all__ = ["Colorizer", "has_native_bf16", "pick_device"]

log = logging.getLogger(__name__)

LONGEST_RATIO = 4  # a panorama's long side is seen at no more than this many working sizes, and squeezed beyond


class Colorizer:
    """A colour model on an engine and a device.

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
            raise OptionError(f"{opened.name} takes pictures of one size only; leave --working-size out")
        started = start_engine(opened, engine=engine, device=device, precision=precision, threads=threads)
        self.engine, self.device, self.precision = started.engine, started.device, started.precision
        self.model, self.name = model, opened.name
        self.version = VERSION
        self.weights_sha256 = opened.weights_sha256
        self.working_size = working_size or opened.working_size
        self.curve = curve or opened.curve
        self.multiple_of, self.stride, self.only_size = opened.multiple_of, opened.stride, opened.size
        self.largest_batch = batch_size(batch, self.device, self.working_size)
        log.info(
            "model %s on %s by %s in %s, batches of up to %d",
            *(self.name, self.device, self.engine.name, self.precision, self.largest_batch),
        )

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

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
        """Prepared lumas of mixed sizes to small chroma ``2 x h x w`` in [-0.5, 0.5], in their order.

        Pictures that pad to one size share batches. Out of device memory, the batch is halved and tried again,
        down to one picture; then ``DeviceError``.
        """
        chromas: list[FloatArray | None] = [None] * len(prepared)
        keyed = sorted(((self.padded_shape(luma), index) for index, luma in enumerate(prepared)))
        for _, group in groupby(keyed, key=itemgetter(0)):
            indices = [index for _, index in group]
            for index, chroma in zip(indices, self.predict_alike([prepared[i] for i in indices]), strict=True):
                chromas[index] = chroma
        return [chroma for chroma in chromas if chroma is not None]

    def __call__(self, luma: FloatArray) -> FloatArray:
        """One picture: luma ``H x W`` of any size to small chroma ``2 x h x w``."""
        return self.predict([self.prepare(luma)])[0]

    def padded_shape(self, luma: FloatArray) -> tuple[int, int]:
        height, width = luma.shape
        return height + -height % self.multiple_of, width + -width % self.multiple_of

    def predict_alike(self, lumas: Sequence[FloatArray]) -> Iterator[FloatArray]:
        """Lumas that pad to the same shape, a batch at a time."""
        start = 0
        while start < len(lumas):
            batch = lumas[start : start + self.largest_batch]
            try:
                chromas = self.run(batch)
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    raise DeviceError(
                        f"{self.device} has no memory left for one picture; close other programs or use --device cpu"
                    ) from error
                self.largest_batch = len(batch) // 2
                torch.cuda.empty_cache()
                log.warning("out of memory on %s: going on with batches of %d", self.device, self.largest_batch)
                continue
            yield from chromas
            start += len(batch)

    def run(self, lumas: Sequence[FloatArray]) -> list[FloatArray]:
        padded = [pad_to_multiple(torch.from_numpy(luma)[None, None], self.multiple_of) for luma in lumas]
        chroma = self.curve.apply(self.engine(torch.cat(padded).numpy()))
        return [
            np.ascontiguousarray(small[:, : luma.shape[0] // self.stride, : luma.shape[1] // self.stride])
            for small, luma in zip(chroma, lumas, strict=True)
        ]
