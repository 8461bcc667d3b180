"""What every engine promises: in batches of one shape, a picture's result does not depend on the rest of its batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restore.colour import FloatArray
from restore.paint.engines import Engine, open_colour_model, start_engine
from restore.paint.engines.torch import TorchEngine
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.thermal import ThermalGenerator, ThermalSizes

BATCH = 3
CASES = [("torch", "fp32"), ("torch", "bf16"), ("openvino", "fp32"), ("openvino", "bf16"), ("onnx", "fp32")]
Run = Callable[[FloatArray], Iterable[FloatArray]]
"""From a batch of lumas to the results of its pictures, an array each."""


ONE_THREAD = [(*case, 1) for case in CASES]
TWO_THREADS = [(*case, 2) for case in CASES if case != ("torch", "bf16")]  # minutes, where bf16 is not native


@pytest.fixture
def torch_threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def pictures(count: int, height: int = 32, width: int = 64) -> FloatArray:
    """Lumas ``N x 1 x H x W`` that differ in everything: black, noise, and shapes of several strengths."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width].astype(np.float32) / np.float32(height)
    waves = [0.5 + strength * np.sin(a * x + b * y) for strength, a, b in rng.uniform(0.1, 9, (count, 3))]
    lumas = np.stack(waves)[:, None] + rng.normal(0, 0.05, (count, 1, height, width))
    lumas[0], lumas[1] = 0, rng.random((1, height, width))
    return np.clip(lumas, 0, 1).astype(np.float32)


def batches_of(count: int, size: int) -> Iterator[list[int]]:
    """Batches of one size, with every picture in every place: among others, and where it is filled up with one."""
    for shift in range(count):
        yield [(shift + place) % count for place in range(size)]
    for number, place in itertools.product(range(1, count), range(size)):
        yield [number if index == place else 0 for index in range(size)]


def check_same_bits(run: Run, lumas: FloatArray, size: int = BATCH) -> None:
    alone = {number: next(iter(run(lumas[[number] * size]))) for number in range(len(lumas))}
    assert max(np.ptp(result) for result in alone.values()) > 1e-3
    for numbers in batches_of(len(lumas), size):
        for place, (number, result) in enumerate(zip(numbers, run(lumas[numbers]), strict=True)):
            assert np.array_equal(result, alone[number]), f"picture {number} at place {place} of {numbers}"


def start(model: Path | str, engine: str, precision: str, threads: int) -> Engine:
    opened = open_colour_model(str(model))
    return start_engine(opened, engine=engine, device="cpu", precision=precision, threads=threads).engine


@pytest.mark.parametrize(("engine", "precision", "threads"), ONE_THREAD + TWO_THREADS)
def test_same_bits_in_any_company(
    toy_model: Path, torch_threads: Callable[[int], None], engine: str, precision: str, threads: int
) -> None:
    torch_threads(threads)
    check_same_bits(start(toy_model, engine, precision, threads), pictures(4))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_same_bits_of_heat(precision: str) -> None:
    torch.manual_seed(2)
    sizes = ThermalSizes(decoder_channels=(8, 8, 8, 8), luma_channels=8)
    network = ThermalGenerator(encoder=MobileNetV2Encoder(), sizes=sizes)
    engine = TorchEngine(network, device=torch.device("cpu"), precision=precision)

    def run(batch: FloatArray) -> list[FloatArray]:
        luma, chroma = engine(batch, np.full((len(batch), 1, 1, 1), 0.5, np.float32))
        return [np.concatenate([one.ravel(), other.ravel()]) for one, other in zip(luma, chroma, strict=True)]

    check_same_bits(run, pictures(4))


@pytest.mark.parametrize(("engine", "precision"), CASES)
def test_same_bits_of_the_shipped_model(engine: str, precision: str) -> None:
    """At full width: a picture among others, elsewhere among others again, and in a batch that is filled up with it."""
    started, lumas = start("pix2pix", engine, precision, torch.get_num_threads()), pictures(4, 96, 160)
    first, second, filled = (started(lumas[numbers]) for numbers in ([0, 1, 2], [2, 3, 1], [1, 1, 1]))
    assert np.array_equal(first[1], second[2])
    assert np.array_equal(first[2], second[0])
    assert all(np.array_equal(first[1], chroma) for chroma in filled)


class Doubling(nn.Module):
    """Luma and chroma by two numbers."""

    def forward(self, luma: Tensor, gain: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        return luma * gain, luma[..., ::4, ::4] + offset


def test_conditions_and_tuples_pass_through() -> None:
    engine = TorchEngine(Doubling(), device=torch.device("cpu"), precision="fp32")
    lumas = pictures(2)
    gain, offset = (np.full((2, 1, 1, 1), value, np.float32) for value in (2.0, 0.25))
    luma, chroma = engine(lumas, gain, offset)
    np.testing.assert_array_equal(luma, 2 * lumas)
    np.testing.assert_array_equal(chroma, lumas[..., ::4, ::4] + np.float32(0.25))
