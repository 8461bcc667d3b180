"""The protocol of an engine, and the choice of one."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Protocol

import torch

from restore.colour import FloatArray
from restore.errors import OptionError

__all__ = ["ENGINES", "Engine", "installed_engines", "pick_engine"]

# What each engine imports, fastest on CPUs first. `pip install 'rechroma[NAME]'` brings it.
PACKAGES = {"openvino": ("openvino", "onnx"), "onnx": ("onnxruntime", "onnx"), "torch": ("torch",)}
ENGINES = tuple(PACKAGES)


class Engine(Protocol):
    """A colour network that is ready to run."""

    @property
    def name(self) -> str:
        """One of :data:`ENGINES`."""

    def __call__(self, luma: FloatArray, /) -> FloatArray:
        """Luma ``B x 1 x H x W`` in [0, 1] to chroma (Cb, Cr) ``B x 2 x h x w`` in [-0.5, 0.5], both float32.

        H and W are multiples of the model's ``multiple_of``; h and w are H and W over its ``stride``. A picture's
        answer does not depend on the others of its batch.
        """


def installed_engines() -> tuple[str, ...]:
    """The engines whose packages are at hand, fastest on CPUs first. Imports none of them."""
    return tuple(engine for engine, packages in PACKAGES.items() if all(map(find_spec, packages)))


def pick_engine(
    name: str, *, device: torch.device, precision: str, own_onnx: bool = False, torch_only: bool = False
) -> str:
    """``auto`` to the fastest engine that is installed, or ``name`` itself once it is known to fit.

    ``precision`` is ``fp32`` or ``bf16``; ``own_onnx`` says that the model is a user's ONNX file, which PyTorch cannot
    run; ``torch_only`` that it is a network that nothing else can. CUDA stays with PyTorch. Raises ``OptionError`` for
    an engine that is unknown, not installed or does not fit.
    """
    if name not in ("auto", *ENGINES):
        raise OptionError(f"unknown engine {name!r}; use auto, torch, openvino or onnx")
    if name == "torch" and own_onnx:
        raise OptionError("PyTorch cannot run an .onnx model; use --engine openvino or --engine onnx")
    if torch_only:
        if name not in ("auto", "torch"):
            raise OptionError(f"this model samples, which only PyTorch does; leave --engine {name} out")
        return "torch"
    if device.type == "cuda" and (own_onnx or name not in ("auto", "torch")):
        raise OptionError(f"{'an .onnx model' if own_onnx else f'--engine {name}'} runs on the CPU; use --device cpu")
    if name == "onnx" and precision != "fp32":
        raise OptionError(f"--engine onnx works in fp32, not {precision}; use --engine openvino, or --precision fp32")
    installed = installed_engines()
    if name != "auto":
        if name not in installed:
            raise OptionError(f"--engine {name} needs an extra: pip install 'rechroma[{name}]'")
        return name
    if device.type == "cuda":
        return "torch"
    for engine in installed:
        if (engine, precision) != ("onnx", "bf16") and not (own_onnx and engine == "torch"):
            return engine
    raise OptionError("an .onnx model needs an extra: pip install 'rechroma[openvino]' or 'rechroma[onnx]'")
