"""How fast each engine and each shipped model colours here, and how far an engine's colours are from PyTorch's in fp32.

All engines stay loaded in one process and take turns. Which pictures they are does not matter for speed; for the
difference they are smooth shapes under noise, which colour more than plain noise does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from restore.colour import FloatArray
from restore.errors import OptionError
from restore.paint.engines import Engine, installed_engines, open_colour_model, start_engine
from restore.paint.engines.devices import PRECISIONS, has_native_bf16, pick_device
from restore.paint.network import Colorizer
from restore.paint.thermal import ThermalPainter, open_thermal_painter
from restore_models import SHIPPED, ShippedModel
from restore_train.bench.measure import Benchmark, Measured, Stopwatch, in_turn

SIDE = 256
BATCHES = (8, 1)
PICTURES_A_TURN = 8
REFERENCE = "torch"  # in fp32
FILM_FRAME = (256, 448)  # a 16:9 frame as the network sees it
FRAMES_A_TURN = 4


@dataclass(frozen=True)
class Contestant:
    """An engine at one precision, ready to run."""

    name: str
    engine: Engine
    start_seconds: float
    """From weights on disk to an engine that is ready."""

    def take_turn(self, luma: FloatArray) -> Measured:
        watch = Stopwatch()
        turns = max(1, PICTURES_A_TURN // len(luma))
        for _ in range(turns):
            self.engine(luma)
        return watch.stop(turns * len(luma), with_peak=False)


def bench_engines(
    model: str = "pix2pix",
    *,
    device: str = "auto",
    threads: int | None = None,
    rounds: int = 5,
    side: int = SIDE,
    batches: Sequence[int] = BATCHES,
) -> Benchmark:
    """Compares every installed engine at every precision that is native here, on pictures of ``side`` x ``side``.

    PyTorch in fp32 comes first and is the reference. ``device`` is PyTorch's; the others run on the CPU. Raises
    ``OptionError`` for a model that PyTorch cannot run, ``ModelError`` and ``DeviceError``.
    """
    if model.endswith(".onnx"):
        raise OptionError("engines are compared on a network that PyTorch runs too, not on an .onnx model")
    if threads is not None:
        torch.set_num_threads(threads)
    contestants = start_engines(model, device, threads)
    works: dict[str, Callable[[], Measured]] = {}
    columns: dict[str, dict[str, str]] = {"start s": {}, "x torch": {}, "difference": {}}
    references = {}
    for batch in batches:
        luma = make_pictures(batch, side)
        reference = contestants[0].engine(luma)
        for contestant in contestants:
            row = f"{contestant.name}, batch {batch}"
            references[row] = f"{contestants[0].name}, batch {batch}"
            works[row] = lambda contestant=contestant, luma=luma: contestant.take_turn(luma)  # type: ignore[misc]
            columns["start s"][row] = f"{contestant.start_seconds:.1f}"
            columns["difference"][row] = f"{np.abs(contestant.engine(luma) - reference).max():.1e}"
    rows = in_turn(works, rounds)
    for row, first in references.items():
        columns["x torch"][row] = f"{rows[first].wall_seconds / rows[row].wall_seconds:.2f}"
    return Benchmark(rows, "picture", columns)


def start_engines(model: str, device: str, threads: int | None) -> list[Contestant]:
    contestants = []
    for name in sorted(installed_engines(), key=lambda name: name != REFERENCE):
        place = device if name == "torch" else "cpu"
        for precision in PRECISIONS:
            if precision == "fp32" or (name != "onnx" and has_native_bf16(pick_device(place))):
                watch = Stopwatch()
                opened = open_colour_model(model)  # anew: PyTorch converts it in place
                started = start_engine(opened, engine=name, device=place, precision=precision, threads=threads)
                contestants.append(Contestant(f"{name} {precision}", started.engine, watch.stop(1).wall_seconds))
    return contestants


def make_pictures(batch: int, side: int) -> FloatArray:
    """Returns luma ``B x 1 x S x S`` in [0, 1], the same in every run."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side].astype(np.float32) / np.float32(side)
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(2, 20, (batch, 3))]
    luma = 0.5 + 0.3 * np.stack(waves)[:, None] + rng.normal(0, 0.03, (batch, 1, side, side))
    return np.clip(luma, 0, 1).astype(np.float32)


def bench_models(
    *, engine: str = "auto", device: str = "auto", threads: int | None = None, rounds: int = 3
) -> Benchmark:
    """Times every shipped model on 16:9 frames at their working size. Raises ``ModelError`` and ``DeviceError``."""
    frames = [np.full(FILM_FRAME, 0.5, np.float32)] * FRAMES_A_TURN
    works = {}
    for name, model in SHIPPED.items():
        predict = open_network(model, engine=engine, device=device, threads=threads)
        predict(frames)  # warm

        def work(predict: Callable[[Sequence[FloatArray]], object] = predict) -> Measured:
            watch = Stopwatch()
            predict(frames)
            return watch.stop(len(frames), with_peak=False)

        works[name] = work
    return Benchmark(in_turn(works, rounds))


def open_network(
    model: ShippedModel, *, engine: str, device: str, threads: int | None
) -> Callable[[Sequence[FloatArray]], object]:
    if model.makes_luma:  # PyTorch alone runs it
        painter = open_thermal_painter(model.name, device=device, threads=threads)
        return painter.run if isinstance(painter, ThermalPainter) else painter.predict
    return Colorizer(model.name, engine=engine, device=device, threads=threads).predict
