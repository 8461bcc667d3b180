"""Devices, and the number formats that are fast on them."""

from __future__ import annotations

import torch

from restore.errors import DeviceError, OptionError

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
            raise DeviceError("no CUDA device is at hand; use `device` cpu, or install a CUDA build of PyTorch")
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


def pick_precision(name: str, device: torch.device) -> str:
    """``auto`` is bf16 where that is native, else fp32. Raises ``OptionError`` for a name nobody knows."""
    if name not in ("auto", *PRECISIONS):
        raise OptionError(f"unknown precision {name!r}; use auto, {', '.join(PRECISIONS)}")
    if name == "auto":
        return "bf16" if has_native_bf16(device) else "fp32"
    return name


def batch_size(asked: int | None, device: torch.device, working_size: int) -> int:
    """Returns how many pictures of a short side share a batch: as asked, else what half of the free memory takes.

    On a CPU few do; more gain nothing there. Raises ``OptionError`` for a batch without a picture.
    """
    if asked is not None:
        if asked < 1:
            raise OptionError(f"a batch holds at least one picture, not {asked}")
        return asked
    if device.type != "cuda":
        return CPU_BATCH
    free, _ = torch.cuda.mem_get_info(device)
    picture = 2 * working_size**2 * CUDA_BYTES_PER_PIXEL
    return int(min(max(free // 2 // picture, 1), LARGEST_BATCH))
