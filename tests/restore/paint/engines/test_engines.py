"""The engines: the same colours from each, and clear refusals of what does not go together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.colour import FloatArray
from restore.errors import ModelError, OptionError
from restore.paint.engines import choose, devices
from restore.paint.engines.choose import ENGINES, choose_engine, installed_engines
from restore.paint.engines.model import HEAT, NETWORK, ONNX, SAMPLER, Engine
from restore.paint.engines.onnx import OnnxRuntimeEngine
from restore.paint.engines.openvino import OpenVinoEngine
from restore.paint.network import Colorizer


def test_every_engine_gives_the_chroma_of_torch(toy_graph: bytes, luma: FloatArray, true_chroma: FloatArray) -> None:
    assert true_chroma.std() > 0.01
    engines: list[Engine] = [
        OpenVinoEngine(toy_graph, precision="fp32", threads=2),
        OnnxRuntimeEngine(toy_graph, threads=2),
    ]
    many = np.concatenate([luma, luma[::-1], luma])
    expected = np.concatenate([true_chroma, true_chroma[::-1], true_chroma])
    for engine in engines:
        np.testing.assert_allclose(engine(many), expected, atol=1e-4, err_msg=engine.name)
        assert engine(luma[:1, :, :32, :64]).shape == (1, 2, 8, 16)


@pytest.mark.parametrize(
    ("name", "precision", "tolerance"),
    [*((name, "fp32", 1e-4) for name in ENGINES), ("torch", "bf16", 0.02), ("openvino", "bf16", 0.02)],
)
def test_a_colorizer_on_every_engine(toy_model: Path, name: str, precision: str, tolerance: float) -> None:
    colorizer = Colorizer(str(toy_model), engine=name, device="cpu", working_size=64, precision=precision)
    assert (colorizer.engine.name, colorizer.precision) == (name, precision)
    reference = Colorizer(str(toy_model), engine="torch", device="cpu", working_size=64, precision="fp32")
    assert colorizer.weights_sha256 == reference.weights_sha256
    pictures = [
        np.random.default_rng(seed).random(shape, np.float32) for seed, shape in enumerate([(50, 70), (64, 48)])
    ]
    prepared = [colorizer.prepare(picture) for picture in pictures]
    for ours, theirs in zip(colorizer.predict(prepared), reference.predict(prepared), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=tolerance)


def without(*packages: str) -> Callable[[str], ModuleSpec | None]:
    def find(name: str) -> ModuleSpec | None:
        return None if name in packages else find_spec(name)

    return find


@pytest.fixture(params=["fp32", "bf16"])
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is fast on this CPU: as the machine says, or made to say."""
    monkeypatch.setattr(devices, "has_native_bf16", lambda _device: request.param == "bf16")
    return str(request.param)


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that is there to be chosen, not to be used."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


def chosen(kind: str = NETWORK, **asked: str) -> tuple[str, str, str]:
    choice = choose_engine(kind, **asked)
    return choice.engine, choice.device.type, choice.precision


@pytest.mark.usefixtures("no_cuda")
def test_auto_takes_the_fastest_that_is_installed(monkeypatch: pytest.MonkeyPatch, native: str) -> None:
    assert installed_engines() == ("openvino", "onnx", "torch")
    assert chosen() == ("openvino", "cpu", native)
    assert chosen(ONNX) == ("openvino", "cpu", "fp32")
    assert chosen(SAMPLER) == chosen(HEAT) == ("torch", "cpu", native)
    monkeypatch.setattr(choose, "find_spec", without("openvino"))
    assert chosen() == ({"fp32": "onnx", "bf16": "torch"}[native], "cpu", native)
    assert chosen(precision="bf16") == ("torch", "cpu", "bf16")
    assert chosen(engine="onnx") == chosen(ONNX) == ("onnx", "cpu", "fp32")
    monkeypatch.setattr(choose, "find_spec", without("openvino", "onnxruntime"))
    assert chosen() == ("torch", "cpu", native)
    with pytest.raises(OptionError, match=r"needs an extra.*rechroma\[openvino\].*needs an extra.*rechroma\[onnx\]"):
        choose_engine(ONNX)


@pytest.mark.usefixtures("cuda")
def test_a_missing_extra_is_named_on_a_gpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "find_spec", without("onnx"))
    with pytest.raises(OptionError, match=r"engine openvino needs an extra.*; engine onnx needs an extra"):
        choose_engine(ONNX)


@pytest.mark.usefixtures("cuda")
def test_a_gpu_is_taken_where_an_engine_can_use_it(native: str) -> None:
    assert chosen() == chosen(SAMPLER) == chosen(HEAT) == ("torch", "cuda", native)
    assert chosen(device="cpu") == ("openvino", "cpu", native)
    assert chosen(ONNX) == ("openvino", "cpu", "fp32")
    assert chosen(engine="openvino") == ("openvino", "cpu", native)


@pytest.mark.parametrize("name", ["openvino", "onnx"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, toy_model: Path, name: str) -> None:
    monkeypatch.setattr(choose, "find_spec", without("onnx"))
    with pytest.raises(OptionError, match=rf"pip install 'rechroma\[{name}\]'"):
        Colorizer(str(toy_model), engine=name)


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    ("kind", "engine", "device", "precision", "message"),
    [
        (NETWORK, "tensorrt", "cpu", "fp32", "unknown engine 'tensorrt'"),
        (ONNX, "torch", "cpu", "fp32", "engine torch cannot run an .onnx model; use openvino or onnx"),
        (NETWORK, "openvino", "cuda", "fp32", "engine openvino runs on the CPU, not on cuda"),
        (ONNX, "auto", "cuda", "fp32", "engine openvino runs on the CPU, not on cuda; engine onnx runs on the CPU"),
        (NETWORK, "onnx", "cpu", "bf16", "engine onnx works in fp32, not in bf16"),
        (SAMPLER, "openvino", "cpu", "fp32", "engine openvino cannot run a network that samples; use torch"),
        (HEAT, "onnx", "auto", "auto", "engine onnx cannot run the thermal model; use torch"),
        (NETWORK, "auto", "cpu", "fp8", "unknown precision 'fp8'"),
    ],
)
def test_what_does_not_go_together(kind: str, engine: str, device: str, precision: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        choose_engine(kind, engine=engine, device=device, precision=precision)


def test_what_is_no_graph_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="OpenVINO cannot read"):
        OpenVinoEngine(b"not a graph", precision="fp32", threads=1)
    with pytest.raises(ModelError, match="ONNX Runtime cannot read"):
        OnnxRuntimeEngine(b"not a graph", threads=1)


def test_a_picture_that_does_not_fit_the_graph(toy_graph: bytes) -> None:
    colour = np.zeros((1, 3, 32, 32), np.float32)
    with pytest.raises(ModelError, match="OpenVINO cannot run"):
        OpenVinoEngine(toy_graph, precision="fp32", threads=1)(colour)
    with pytest.raises(ModelError, match="ONNX Runtime cannot run"):
        OnnxRuntimeEngine(toy_graph, threads=1)(colour)


def test_openvino_reports_to_nobody() -> None:
    """Its import would load its telemetry, which sends an event at once."""
    code = (
        "import sys; from restore.paint.engines.openvino import import_openvino\n"
        "assert hasattr(import_openvino(), 'Core')\n"
        "sys.exit(any(name.startswith('openvino_telemetry') for name in sys.modules))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_several_threads_may_share_an_engine(toy_graph: bytes, luma: FloatArray, true_chroma: FloatArray) -> None:
    engine = OpenVinoEngine(toy_graph, precision="fp32", threads=2)
    with ThreadPoolExecutor(4) as pool:
        for chroma in pool.map(engine, [luma] * 24):
            np.testing.assert_allclose(chroma, true_chroma, atol=1e-4)
