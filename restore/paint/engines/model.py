"""A colour model, opened: a shipped one, a safetensors file or a user's ONNX; and what each engine makes of it."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import nn

from restore.colour import FloatArray
from restore.errors import ModelError
from restore.paint.engines.description import Description, read_description
from restore_models import ColourCurve, WeightsError, open_model

DEFAULT_WORKING_SIZE = 256
ONNX_SUFFIX = ".onnx"
NETWORK, SAMPLER, HEAT, ONNX = "a network", "a network that samples", "the thermal model", "an .onnx model"
"""Kinds of models, as far as engines differ in what they take."""


class Engine(Protocol):
    """A colour network that is ready to run."""

    @property
    def name(self) -> str:
        """One of :data:`restore.paint.engines.choose.ENGINES`."""

    def __call__(self, luma: FloatArray, /) -> FloatArray:
        """Turns luma ``B x 1 x H x W`` in [0, 1] into chroma (Cb, Cr) ``B x 2 x h x w`` in [-0.5, 0.5], both float32.

        H and W are multiples of the model's ``multiple_of``; h and w are H and W over its ``stride``. In batches of one
        shape ``B x H x W``, a picture's chroma has the same bits whatever the other pictures are and wherever in the
        batch it is.
        """


@dataclass(frozen=True)
class UserOnnx:
    """A user's ONNX file, read."""

    graph: bytes
    description: Description


@dataclass(frozen=True)
class OpenedModel:
    """A colour model whose weights are read and checked, not yet on an engine."""

    name: str
    weights_sha256: str
    working_size: int
    """Short side that it sees, in pixels."""
    multiple_of: int
    """Sides of padded pictures are multiples of this, and this one of ``stride``."""
    stride: int
    """Height of the luma over that of the chroma."""
    size: tuple[int, int] | None
    """Height and width, for a model that takes no other."""
    curve: ColourCurve
    content: nn.Module | UserOnnx

    @property
    def kind(self) -> str:
        """``ONNX``, ``SAMPLER`` or ``NETWORK``."""
        if isinstance(self.content, UserOnnx):
            return ONNX
        return SAMPLER if getattr(self.content, "samples", False) else NETWORK


def open_colour_model(name_or_path: str) -> OpenedModel:
    """Opens a shipped model by name, a safetensors file of a known network, or an ONNX file with its TOML beside it.

    Raises ``ModelError`` for one that is missing, unknown, damaged or badly described.
    """
    if name_or_path.endswith(ONNX_SUFFIX):
        return open_onnx(Path(name_or_path))
    try:
        network, shipped = open_model(name_or_path)
    except WeightsError as error:
        raise ModelError(str(error)) from error
    if getattr(network.module, "makes_luma", False):
        raise ModelError(f"{name_or_path} translates heat and colours no photos or films; use rechroma thermal")
    return OpenedModel(
        name=shipped.name if shipped else network.network,
        weights_sha256=network.sha256,
        working_size=shipped.working_size if shipped else DEFAULT_WORKING_SIZE,
        multiple_of=int(network.module.multiple_of),  # type: ignore[arg-type]
        stride=int(network.module.stride),  # type: ignore[arg-type]
        size=None,
        curve=shipped.curve if shipped else ColourCurve(),
        content=network.module,
    )


def open_onnx(path: Path) -> OpenedModel:
    """Opens a user's ONNX file with the TOML beside it. Raises ``ModelError``."""
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    description = read_description(path.with_suffix(".toml"))
    size, stride = description["input.size"], description["output.stride"]
    if size and any(side % stride for side in size):
        raise ModelError(f"{path.stem}.toml: input.size {list(size)} is no multiple of output.stride")
    return OpenedModel(
        name=description["name"],
        weights_sha256=hashlib.sha256(graph).hexdigest(),
        working_size=max(size) if size else description["working_size"],
        multiple_of=1 if size else math.lcm(description["multiple_of"], stride),
        stride=stride,
        size=size,
        curve=ColourCurve(gain=description["curve.gain"], exponent=description["curve.exponent"]),
        content=UserOnnx(graph, description),
    )
