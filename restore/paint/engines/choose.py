"""From what a user asked for to a model that runs: a name or path, an engine, a device, a precision."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from restore.errors import ModelError
from restore.paint.engines.description import Description, read_description
from restore.paint.engines.devices import pick_device, pick_precision
from restore.paint.engines.engine import Engine, pick_engine
from restore.paint.engines.export import onnx_from
from restore.paint.engines.onnx import OnnxRuntimeEngine
from restore.paint.engines.openvino import OpenVinoEngine
from restore.paint.engines.torch import TorchEngine
from restore.paint.engines.user_model import OwnModel
from restore_models import ColourCurve, WeightsError, open_model

__all__ = ["OpenedModel", "Started", "open_colour_model", "start_engine"]

DEFAULT_WORKING_SIZE = 256
ONNX_SUFFIX = ".onnx"


@dataclass(frozen=True)
class OwnGraph:
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
    content: nn.Module | OwnGraph


def open_colour_model(name_or_path: str) -> OpenedModel:
    """A shipped model by name, a safetensors file of a known network, or an ONNX file with its TOML beside it.

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
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    description = read_description(path.with_suffix(".toml"))
    size = description.size
    if size and any(side % description.stride for side in size):
        raise ModelError(f"{path.stem}.toml: input.size {list(size)} is no multiple of output.stride")
    return OpenedModel(
        name=description.name,
        weights_sha256=hashlib.sha256(graph).hexdigest(),
        working_size=max(size) if size else description.working_size,
        multiple_of=1 if size else math.lcm(description.multiple_of, description.stride),
        stride=description.stride,
        size=size,
        curve=description.curve,
        content=OwnGraph(graph, description),
    )


@dataclass(frozen=True)
class Started:
    """A model that runs, and where and how it does."""

    engine: Engine
    device: torch.device
    precision: str


def start_engine(
    model: OpenedModel,
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
) -> Started:
    """Puts ``model`` on an engine. With PyTorch the model's network itself moves to the device, so it is used up.

    ``threads`` is for the CPU engines; PyTorch's own count where not given. Raises ``OptionError`` and ``DeviceError``
    for what does not exist or go together, ``ModelError`` for a user's model that does not do what its TOML says.
    """
    content = model.content
    own = isinstance(content, OwnGraph)
    samples = isinstance(content, nn.Module) and bool(getattr(content, "samples", False))
    on_cpu_only = own or engine in ("openvino", "onnx")
    place = pick_device("cpu" if device == "auto" and on_cpu_only else device)
    chosen_precision = "fp32" if precision == "auto" and (own or engine == "onnx") else pick_precision(precision, place)
    chosen = pick_engine(engine, device=place, precision=chosen_precision, own_onnx=own, torch_only=samples)
    threads = threads or torch.get_num_threads()

    def runner(graph: bytes) -> Engine:
        if chosen == "openvino":
            return OpenVinoEngine(graph, precision=chosen_precision, threads=threads)
        return OnnxRuntimeEngine(graph, threads=threads)

    started: Engine
    if isinstance(content, OwnGraph):
        started = OwnModel(runner(content.graph), content.description)
    elif chosen == "torch":
        started = TorchEngine(content, device=place, precision=chosen_precision)
    else:
        started = runner(onnx_from(content))
    return Started(started, place, chosen_precision)
