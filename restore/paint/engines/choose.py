"""The engine for a model: one table of what each can do, which gives both the choice and the reason for a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import torch

from restore.errors import OptionError
from restore.paint.engines.devices import pick_device, pick_precision
from restore.paint.engines.export import onnx_from
from restore.paint.engines.model import HEAT, NETWORK, ONNX, SAMPLER, Engine, OpenedModel, UserOnnx
from restore.paint.engines.onnx import OnnxRuntimeEngine
from restore.paint.engines.openvino import OpenVinoEngine
from restore.paint.engines.torch import TorchEngine
from restore.paint.engines.user_model import UserModel


@dataclass(frozen=True)
class Abilities:
    """What an engine can do."""

    packages: tuple[str, ...]
    """What it imports. ``pip install 'rechroma[NAME]'`` brings it."""
    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    takes: tuple[str, ...]
    """Kinds of models, see ``OpenedModel.kind``."""


ENGINES = {
    "openvino": Abilities(("openvino", "onnx"), ("cpu",), ("fp32", "bf16"), (NETWORK, ONNX)),
    "onnx": Abilities(("onnxruntime", "onnx"), ("cpu",), ("fp32",), (NETWORK, ONNX)),
    "torch": Abilities(("torch",), ("cpu", "cuda"), ("fp32", "bf16"), (NETWORK, SAMPLER, HEAT)),
}
"""All engines, fastest on CPUs first."""


@dataclass(frozen=True)
class Choice:
    """Where and how a model runs."""

    engine: str
    device: torch.device
    precision: str


@dataclass(frozen=True)
class Started:
    """A model that runs, and where and how it does."""

    engine: Engine
    device: torch.device
    precision: str


def installed_engines() -> tuple[str, ...]:
    """Returns the engines whose packages are installed, fastest on CPUs first. Imports none of them."""
    return tuple(name for name, abilities in ENGINES.items() if all(map(find_spec, abilities.packages)))


def choose_engine(
    kind: str = NETWORK, *, engine: str = "auto", device: str = "auto", precision: str = "auto"
) -> Choice:
    """Chooses the first engine of the table that fits a kind of model and what was asked for.

    ``auto`` is the GPU where there is one and an engine for it; and bf16 where that is native, but fp32 for a user's
    model, whose range nobody knows. Raises ``OptionError``, which says of each engine why it does not fit, and
    ``DeviceError``.
    """
    if engine not in ("auto", *ENGINES):
        raise OptionError(f"unknown engine {engine!r}; use auto, {', '.join(ENGINES)}")
    asked = [name for name in ENGINES if engine in ("auto", name)]
    fitting = [name for name in asked if kind in ENGINES[name].takes] or asked
    able = [ENGINES[name] for name in fitting if name in installed_engines()] or [ENGINES[name] for name in fitting]
    on_cpu = device == "auto" and not any("cuda" in abilities.devices for abilities in able)
    place = pick_device("cpu" if on_cpu else device)
    in_fp32 = precision == "auto" and (kind == ONNX or not any("bf16" in abilities.precisions for abilities in able))
    chosen = pick_precision("fp32" if in_fp32 else precision, place)
    refusals = []
    for name in fitting:
        reason = refusal(name, kind, place, chosen)
        if reason is None:
            return Choice(name, place, chosen)
        refusals.append(reason)
    raise OptionError("; ".join(refusals))


def refusal(name: str, kind: str, device: torch.device, precision: str) -> str | None:
    """Returns why an engine does not fit, None where it does."""
    abilities = ENGINES[name]
    if kind not in abilities.takes:
        others = " or ".join(other for other, others in ENGINES.items() if kind in others.takes)
        return f"engine {name} cannot run {kind}; use {others}"
    if device.type not in abilities.devices:
        return f"engine {name} runs on the CPU, not on {device}"
    if precision not in abilities.precisions:
        return f"engine {name} works in {' or '.join(abilities.precisions)}, not in {precision}"
    if name not in installed_engines():
        return f"engine {name} needs an extra: pip install 'rechroma[{name}]'"
    return None


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
    choice = choose_engine(model.kind, engine=engine, device=device, precision=precision)
    threads = threads or torch.get_num_threads()
    content = model.content
    if choice.engine == "torch":
        assert not isinstance(content, UserOnnx)
        started: Engine = TorchEngine(content, device=choice.device, precision=choice.precision)
    else:
        graph = content.graph if isinstance(content, UserOnnx) else onnx_from(content)
        if choice.engine == "openvino":
            started = OpenVinoEngine(graph, precision=choice.precision, threads=threads)
        else:
            started = OnnxRuntimeEngine(graph, threads=threads)
        if isinstance(content, UserOnnx):
            started = UserModel(started, content.description)
    return Started(started, choice.device, choice.precision)
