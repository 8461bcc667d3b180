"""The painter of thermal luma: the same engine, layout and batches as the colorizer of photos and films."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from restore.colour import FloatArray
from restore.errors import OptionError
from restore.frames import Frame, Role
from restore.paint.engines import devices
from restore.paint.thermal import ThermalPainter
from restore_models.mobilenet import MobileNetV2Encoder
from restore_models.thermal import ThermalGenerator, ThermalSizes


def narrow_network() -> ThermalGenerator:
    torch.manual_seed(2)
    sizes = ThermalSizes(decoder_channels=(8, 8, 8, 8), luma_channels=8)
    return ThermalGenerator(encoder=MobileNetV2Encoder(), sizes=sizes)


def painter_of(network: nn.Module, **options: Any) -> ThermalPainter:
    return ThermalPainter(network, name="toy", weights_sha256="0", device="cpu", **options)


def frame(shape: tuple[int, int], seed: int, **options: Any) -> Frame:
    luma: FloatArray = np.random.default_rng(seed).random(shape, np.float32)
    return Frame(picture=None, guide=luma, luma=luma, index=seed, **options)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_without_a_picture_is_refused(batch: int) -> None:
    with pytest.raises(OptionError, match=f"at least one picture, not {batch}"):
        painter_of(narrow_network(), batch=batch)


def test_weights_are_channels_last_as_for_photos() -> None:
    painter = painter_of(narrow_network(), precision="fp32")
    weights = [parameter for parameter in painter.network.parameters() if parameter.dim() == 4]
    assert weights
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in weights)


def test_each_frame_has_luma_and_chroma_of_its_extent() -> None:
    """In order, whatever the mix; frames that only lead are not painted."""
    shapes = [(64, 96), (32, 32), (64, 96), (40, 60)]
    frames = [frame(shape, seed) for seed, shape in enumerate(shapes)]
    frames.insert(2, frame((64, 96), 9, role=Role.LEAD))
    painted = painter_of(narrow_network(), batch=2).paint(frames)
    assert [one.frame for one in painted] == frames[:2] + frames[3:]
    stride = painter_of(narrow_network()).stride
    for one, (height, width) in zip(painted, shapes, strict=True):
        assert one.generated_luma is not None
        assert one.generated_luma.shape == (height, width)
        assert one.chroma.shape == (2, height // stride, width // stride)


def test_a_frame_has_the_same_bits_in_any_company() -> None:
    painter = painter_of(narrow_network(), precision="fp32", batch=3)
    frames = [frame((64, 96), seed) for seed in range(5)]
    together = painter.paint(frames)
    backwards = painter.paint(frames[::-1])[::-1]
    for one, other, picture in zip(together, backwards, frames, strict=True):
        (alone,) = painter.paint([picture])
        for company in (other, alone):
            assert np.array_equal(one.chroma, company.chroma)
            assert one.generated_luma is not None
            assert company.generated_luma is not None
            assert np.array_equal(one.generated_luma, company.generated_luma)


@pytest.mark.parametrize(("free", "pictures"), [(1 << 37, 65), (1 << 20, 1), (1 << 45, 256)])
def test_batches_on_a_gpu_follow_its_memory(monkeypatch: pytest.MonkeyPatch, free: int, pictures: int) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (free, free))
    assert devices.batch_size(None, torch.device("cuda"), 512) == pictures
    assert devices.batch_size(3, torch.device("cuda"), 512) == 3
    assert devices.batch_size(None, torch.device("cpu"), 512) == 8


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu() -> None:
    assert torch.cuda.is_available(), "the run asked for GPU tests, but there is no CUDA device"
    seen = [np.random.default_rng(0).random((64, 96), np.float32)]
    network = narrow_network()
    ((luma, chroma),) = painter_of(network, precision="fp32").run(seen)
    on_gpu = ThermalPainter(network, name="toy", weights_sha256="0", device="cuda", precision="fp32")
    assert on_gpu.batch > 8
    ((gpu_luma, gpu_chroma),) = on_gpu.run(seen)
    np.testing.assert_allclose(gpu_luma, luma, atol=2e-3)
    np.testing.assert_allclose(gpu_chroma, chroma, atol=2e-3)
