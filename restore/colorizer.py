"""A network ready for work: any luma in, small chroma out, in batches that fit the device."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import cv2
import numpy as np
import torch
from torch import Tensor

from restore.colour import FloatArray
from restore.errors import DeviceError, ModelError, OptionError
from restore.version import VERSION
from restore_models import DEFAULT_MODEL, ColourCurve, WeightsError, open_model
from restore_models.padding import pad_to_multiple

__all__ = ["Colorizer", "pick_device"]

log = logging.getLogger(__name__)

DEFAULT_WORKING_SIZE = 256
LONGEST_RATIO = 4  # a panorama's long side is seen at no more than this many working sizes, and squeezed beyond
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
CUDA_BYTES_PER_PIXEL = 2_000  # activations in flight, fp32, for each pixel that the network sees; generous
CPU_BATCH = 8
LARGEST_BATCH = 256


def pick_device(name: str) -> torch.device:
    """``auto``, ``cpu``, ``cuda`` or ``cuda:N`` to a device that exists. Raises ``DeviceError`` or ``OptionError``."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()) or (kind == "cpu" and index):
        raise OptionError(f"unknown device {name!r}; use auto, cpu, cuda or cuda:N")
    if kind == "cuda":
        if not torch.cuda.is_available():
            raise DeviceError("no CUDA device is at hand; use --device cpu, or install a CUDA build of PyTorch")
        if index and int(index) >= torch.cuda.device_count():
            raise DeviceError(f"there is no {name}; this machine has {torch.cuda.device_count()} CUDA device(s)")
    return torch.device(name)


def has_native_bf16(device: torch.device) -> bool:
    """Whether bf16 is faster than fp32 here, rather than emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.backends.cpu.get_cpu_capability()
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return capabilities == "AVX512" and supported is not None and bool(supported())


class Colorizer:
    """A colour model on a device.

    >>> colorizer = Colorizer("pix2pix", device="cpu")
    >>> chroma = colorizer(luma)  # H x W in [0, 1] -> 2 x h x w in [-0.5, 0.5]

    Raises ``ModelError`` for a model that is unknown or whose weights are not what they should be, ``DeviceError``
    for a device that is absent.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        device: str = "auto",
        precision: str = "auto",
        batch: int | None = None,
        threads: int | None = None,
        working_size: int | None = None,
        curve: ColourCurve | None = None,
    ) -> None:
        if precision not in ("auto", *PRECISIONS):
            raise OptionError(f"unknown precision {precision!r}; use auto, {', '.join(PRECISIONS)}")
        if batch is not None and batch < 1:
            raise OptionError(f"a batch holds at least one picture, not {batch}")
        self.device = pick_device(device)
        try:
            network, shipped = open_model(model)
        except WeightsError as error:
            raise ModelError(str(error)) from error
        if threads is not None:
            torch.set_num_threads(threads)
        self.name = shipped.name if shipped else network.network
        self.version = VERSION
        self.weights_sha256 = network.sha256
        self.working_size = working_size or (shipped.working_size if shipped else DEFAULT_WORKING_SIZE)
        self.curve = curve or (shipped.curve if shipped else ColourCurve())
        if precision == "auto":
            precision = "bf16" if has_native_bf16(self.device) else "fp32"
        self.precision = precision
        module = network.module.to(self.device, dtype=PRECISIONS[precision], memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module = module
        self.multiple_of = int(module.multiple_of)
        self.stride = int(module.stride)
        self.largest_batch = batch if batch is not None else self.batch_by_memory()
        log.info("model %s on %s in %s, batches of up to %d", self.name, self.device, precision, self.largest_batch)

    def batch_by_memory(self) -> int:
        """As many pictures as half of the free device memory takes; few on a CPU, where more gain nothing."""
        if self.device.type != "cuda":
            return CPU_BATCH
        free, _ = torch.cuda.mem_get_info(self.device)
        picture = 2 * self.working_size**2 * CUDA_BYTES_PER_PIXEL
        return int(min(max(free // 2 // picture, 1), LARGEST_BATCH))

    def prepare(self, luma: FloatArray) -> FloatArray:
        """Luma ``H x W`` in [0, 1] at the size that the network sees: short side at most ``working_size``.

        Both sides become multiples of the network's stride, so that its chroma covers the picture exactly; the
        squeeze is under half a stride. Smaller pictures are not enlarged; very long ones are squeezed along.
        """
        if 0 in luma.shape:
            raise ValueError(f"an empty picture: {luma.shape = }")
        scale = min(1.0, self.working_size / min(luma.shape))
        longest = LONGEST_RATIO * self.working_size
        height, width = (min(max(round(side * scale / self.stride), 1) * self.stride, longest) for side in luma.shape)
        if (height, width) == luma.shape:
            return luma
        return np.asarray(cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA), np.float32)

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

    @torch.inference_mode()
    def run(self, lumas: Sequence[FloatArray]) -> list[FloatArray]:
        padded = [pad_to_multiple(torch.from_numpy(luma)[None, None], self.multiple_of) for luma in lumas]
        stacked: Tensor = torch.cat(padded).to(
            self.device, PRECISIONS[self.precision], memory_format=torch.channels_last
        )
        chroma = self.curve.apply(self.module(stacked).float().cpu().numpy())
        return [
            np.ascontiguousarray(small[:, : luma.shape[0] // self.stride, : luma.shape[1] // self.stride])
            for small, luma in zip(chroma, lumas, strict=True)
        ]
