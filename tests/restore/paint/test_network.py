"""The colorizer: any shape in, batches inside, the same answer whatever the batch, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from restore.colour import FloatArray
from restore.errors import DeviceError, ModelError, OptionError
from restore.frames import Frame, Role
from restore.paint.engines.devices import pick_device
from restore.paint.network import Colorizer


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


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_a_picture_has_the_same_bits_in_any_company(toy_model: Path, batch: int) -> None:
    """Whatever their number and order, its place, and what fills up a batch."""
    colorizer = Colorizer(str(toy_model), device="cpu", precision="fp32", batch=batch)
    shapes = [(64, 96), (32, 64), (64, 96), (64, 80), (64, 96), (32, 64), (64, 96)]  # 80 is padded to 96
    lumas = [picture(*shape, seed=index) for index, shape in enumerate(shapes)]
    together = colorizer.predict(lumas)
    backwards = colorizer.predict(lumas[::-1])[::-1]
    for one, other, luma in zip(together, backwards, lumas, strict=True):
        assert np.array_equal(one, other)
        assert np.array_equal(one, colorizer.predict([luma])[0])


def test_batches_have_one_shape(toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are filled up, and what fills them comes back to nobody."""
    colorizer = Colorizer(str(toy_model), device="cpu", batch=4)
    batches: list[tuple[int, ...]] = []
    engine = colorizer.engine

    def watched(luma: FloatArray) -> FloatArray:
        batches.append(luma.shape)
        return engine(luma)

    monkeypatch.setattr(colorizer, "engine", watched)
    assert len(colorizer.predict([picture(64, 64, seed=index) for index in range(5)])) == 5
    assert len(colorizer.predict([picture(64, 64)])) == 1
    assert batches == [(4, 1, 64, 64)] * 3


def test_frames_are_painted_in_order_and_those_that_lead_are_not(toy_colorizer: Colorizer) -> None:
    roles = [Role.LEAD, Role.CONTEXT, Role.WRITTEN, Role.LEAD, Role.WRITTEN]
    frames = []
    for index, role in enumerate(roles):
        luma = picture(64, 64 if index % 2 else 32, seed=index)
        frames.append(Frame(picture=None, guide=luma, luma=luma, index=index, starts_shot=index == 2, role=role))
    painted = toy_colorizer.paint(frames)
    assert [one.frame for one in painted] == [frames[1], frames[2], frames[4]]
    assert [one.starts_shot for one in painted] == [False, True, False]
    for one, chroma in zip(painted, toy_colorizer.predict([one.luma for one in painted]), strict=True):
        assert np.array_equal(one.chroma, chroma)


def test_out_of_memory_halves_the_batch_and_resumes(toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert sizes == [8, 4, 2, 2, 2, 2]
    assert colorizer.batch == 2


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
