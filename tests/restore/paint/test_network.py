"""The colorizer: any shape in, batches inside, the same answer whatever the batch, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from restore.colour import FloatArray
from restore.errors import DeviceError, ModelError, OptionError
from restore.paint.network import Colorizer, pick_device


def picture(height: int, width: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).random((height, width), np.float32)


@pytest.mark.parametrize(
    ("shape", "prepared"),
    [
        ((480, 854), (64, 112)),
        ((64, 64), (64, 64)),
        ((30, 50), (32, 48)),  # not enlarged, but to whole cells of 4
        ((1, 1), (4, 4)),
        ((2000, 20), (256, 20)),  # long sides end at four working sizes
        ((64, 9999), (64, 256)),
    ],
)
def test_prepared_size(toy_colorizer: Colorizer, shape: tuple[int, int], prepared: tuple[int, int]) -> None:
    luma = toy_colorizer.prepare(picture(*shape))
    assert luma.shape == prepared
    assert luma.dtype == np.float32


def test_small_chroma_covers_each_picture_whatever_the_mix(toy_colorizer: Colorizer) -> None:
    shapes = [(64, 112), (64, 64), (32, 48), (4, 4), (64, 112)]
    lumas = [picture(*shape, seed=index) for index, shape in enumerate(shapes)]
    chromas = toy_colorizer.predict(lumas)
    assert [chroma.shape for chroma in chromas] == [(2, height // 4, width // 4) for height, width in shapes]
    for luma, chroma in zip(lumas, chromas, strict=True):
        np.testing.assert_allclose(toy_colorizer.predict([luma])[0], chroma, atol=1e-5)


def test_nothing_in_gives_nothing_out(toy_colorizer: Colorizer) -> None:
    assert toy_colorizer.predict([]) == []
    with pytest.raises(ValueError, match="empty picture"):
        toy_colorizer.prepare(np.zeros((0, 5), np.float32))


def test_out_of_memory_halves_the_batch_and_goes_on(toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colorizer = Colorizer(str(toy_model), device="cpu", batch=8)
    lumas = [picture(32, 32, seed=index) for index in range(7)]
    expected = colorizer.predict(lumas)
    sizes: list[int] = []
    run = colorizer.run

    def short_of_memory(batch: list[FloatArray]) -> list[FloatArray]:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(batch)

    monkeypatch.setattr(colorizer, "run", short_of_memory)
    for one, other in zip(colorizer.predict(lumas), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert colorizer.largest_batch == 1


def test_no_memory_for_one_picture_is_a_device_error(toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    colorizer = Colorizer(str(toy_model), device="cpu")

    def never(_batch: list[FloatArray]) -> list[FloatArray]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(colorizer, "run", never)
    with pytest.raises(DeviceError, match="no memory left for one picture"):
        colorizer.predict([picture(32, 32)])


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "cuda:x", "mps"])
def test_unknown_devices_are_refused(name: str) -> None:
    with pytest.raises(OptionError, match="unknown device"):
        pick_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_absent_cuda_is_refused() -> None:
    with pytest.raises(DeviceError, match="no CUDA device"):
        pick_device("cuda")
    assert pick_device("auto").type == "cpu"


def test_unknown_models_and_precisions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="unknown model"):
        Colorizer("deoldify", device="cpu")
    with pytest.raises(ModelError, match="no weight file"):
        Colorizer(str(tmp_path / "absent.safetensors"), device="cpu")
    with pytest.raises(OptionError, match="precision"):
        Colorizer(device="cpu", precision="fp8")
    with pytest.raises(OptionError, match="at least one"):
        Colorizer(device="cpu", batch=0)


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(toy_model: Path) -> None:
    assert torch.cuda.is_available(), "the run asked for GPU tests, but there is no CUDA device"
    luma = picture(64, 96)
    on_cpu = Colorizer(str(toy_model), device="cpu").predict([luma])[0]
    on_gpu = Colorizer(str(toy_model), device="cuda", precision="fp32").predict([luma])[0]
    np.testing.assert_allclose(on_gpu, on_cpu, atol=2e-3)
