"""How fast each engine colours here, and how far its colours lie from PyTorch's in fp32.

All engines stay loaded in one process and take turns, round by round: a slow minute then hits all alike, and the ratios
hold on a machine that does other work. Which pictures they are does not matter for speed; for the difference they are
smooth shapes under noise, which colour more than plain noise does.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
import torch

from restore.colour import FloatArray
from restore.errors import OptionError
from restore.paint.engines import Engine, OpenedModel, installed_engines, open_colour_model, start_engine
from restore.paint.engines.devices import PRECISIONS, has_native_bf16, pick_device

__all__ = ["EngineSpeed", "bench_engines"]

SIDE = 256
BATCHES = (8, 1)
PICTURES_A_TURN = 8
REFERENCE = ("torch", "fp32")


@dataclass(frozen=True)
class EngineSpeed:
    """One engine at one precision and batch size."""

    engine: str
    precision: str
    batch: int
    start_seconds: float
    """From weights on disk to an engine that is ready."""
    wall_seconds: float
    """A picture; median of the rounds."""
    cpu_seconds: float
    """A picture, of all threads; median of the rounds."""
    largest_difference: float
    """Of chroma, in [0, 1], to the reference's answer to the same pictures."""


@dataclass
class Contestant:
    """An engine that takes part."""

    name: str
    precision: str
    engine: Engine
    start_seconds: float
    wall: dict[int, list[float]] = field(default_factory=dict)
    cpu: dict[int, list[float]] = field(default_factory=dict)


def bench_engines(
    model: str = "pix2pix",
    *,
    device: str = "auto",
    threads: int | None = None,
    rounds: int = 5,
    side: int = SIDE,
    batches: Sequence[int] = BATCHES,
) -> list[EngineSpeed]:
    """Every installed engine at every precision that is native here, on pictures of ``side`` x ``side``.

    PyTorch in fp32 comes first and is the reference. ``device`` is PyTorch's; the others run on the CPU. Raises
    ``OptionError`` for a model that PyTorch cannot run, ``ModelError`` and ``DeviceError``.
    """
    if model.endswith(".onnx"):
        raise OptionError("engines are compared on a network that PyTorch runs too, not on an .onnx model")
    if threads is not None:
        torch.set_num_threads(threads)
    contestants = contestants_of(model, device, threads)
    pictures = {batch: made_up_pictures(batch, side) for batch in batches}
    reference = {batch: contestants[0].engine(luma) for batch, luma in pictures.items()}
    differences = {
        (each.name, each.precision, batch): float(np.abs(each.engine(luma) - reference[batch]).max())
        for each in contestants
        for batch, luma in pictures.items()
    }
    for _ in range(rounds):
        for batch, luma in pictures.items():
            for each in contestants:
                take_turn(each, batch, luma)
    return [
        EngineSpeed(
            engine=each.name,
            precision=each.precision,
            batch=batch,
            start_seconds=each.start_seconds,
            wall_seconds=median(each.wall[batch]),
            cpu_seconds=median(each.cpu[batch]),
            largest_difference=differences[each.name, each.precision, batch],
        )
        for batch in batches
        for each in contestants
    ]


def contestants_of(model: str, device: str, threads: int | None) -> list[Contestant]:
    found = []
    for name in sorted(installed_engines(), key=lambda name: name != REFERENCE[0]):
        place = device if name == "torch" else "cpu"
        for precision in PRECISIONS:
            if precision == "fp32" or (name != "onnx" and has_native_bf16(pick_device(place))):
                start = time.perf_counter()
                opened: OpenedModel = open_colour_model(model)  # anew: PyTorch converts it in place
                started = start_engine(opened, engine=name, device=place, precision=precision, threads=threads)
                found.append(Contestant(name, precision, started.engine, time.perf_counter() - start))
    return found


def made_up_pictures(batch: int, side: int) -> FloatArray:
    """``B x 1 x S x S`` in [0, 1], the same in every run."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side].astype(np.float32) / np.float32(side)
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(2, 20, (batch, 3))]
    luma = 0.5 + 0.3 * np.stack(waves)[:, None] + rng.normal(0, 0.03, (batch, 1, side, side))
    return np.clip(luma, 0, 1).astype(np.float32)


def take_turn(each: Contestant, batch: int, luma: FloatArray) -> None:
    turns = max(1, PICTURES_A_TURN // batch)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(turns):
        each.engine(luma)
    pictures = turns * batch
    each.wall.setdefault(batch, []).append((time.perf_counter() - wall) / pictures)
    each.cpu.setdefault(batch, []).append((time.process_time() - cpu) / pictures)
