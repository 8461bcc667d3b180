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
from restore.paint.engines import engine as engine_module
from restore.paint.engines.engine import ENGINES, Engine, installed_engines, pick_engine
from restore.paint.engines.onnx import OnnxRuntimeEngine
from restore.paint.engines.openvino import OpenVinoEngine
from restore.paint.network import Colorizer

CPU = torch.device("cpu")
CUDA = torch.device("cuda")


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


@pytest.mark.parametrize("name", ENGINES)
def test_a_colorizer_on_every_engine(toy_model: Path, toy_colorizer: Colorizer, name: str) -> None:
    colorizer = Colorizer(str(toy_model), engine=name, device="cpu", working_size=64, precision="fp32")
    assert (colorizer.engine.name, colorizer.precision) == (name, "fp32")
    assert colorizer.weights_sha256 == toy_colorizer.weights_sha256
    pictures = [
        np.random.default_rng(seed).random(shape, np.float32) for seed, shape in enumerate([(50, 70), (64, 48)])
    ]
    prepared = [colorizer.prepare(picture) for picture in pictures]
    for ours, theirs in zip(colorizer.predict(prepared), toy_colorizer.predict(prepared), strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def without(*packages: str) -> Callable[[str], ModuleSpec | None]:
    def find(name: str) -> ModuleSpec | None:
        return None if name in packages else find_spec(name)

    return find


def test_auto_takes_the_fastest_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def pick(precision: str = "fp32", device: torch.device = CPU, own: bool = False) -> str:
        return pick_engine("auto", device=device, precision=precision, own_onnx=own)

    assert installed_engines() == ("openvino", "onnx", "torch")
    assert (pick(), pick(device=CUDA), pick(own=True)) == ("openvino", "torch", "openvino")
    monkeypatch.setattr(engine_module, "find_spec", without("openvino"))
    assert (pick(), pick("bf16"), pick(own=True)) == ("onnx", "torch", "onnx")
    monkeypatch.setattr(engine_module, "find_spec", without("openvino", "onnxruntime"))
    assert pick() == "torch"
    with pytest.raises(OptionError, match=r"needs an extra.*rechroma\[openvino\]"):
        pick(own=True)


@pytest.mark.parametrize("name", ["openvino", "onnx"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, toy_model: Path, name: str) -> None:
    monkeypatch.setattr(engine_module, "find_spec", without("onnx"))
    with pytest.raises(OptionError, match=rf"pip install 'rechroma\[{name}\]'"):
        Colorizer(str(toy_model), engine=name)


@pytest.mark.parametrize(
    ("name", "device", "precision", "own", "message"),
    [
        ("tensorrt", CPU, "fp32", False, "unknown engine"),
        ("torch", CPU, "fp32", True, "cannot run an .onnx model"),
        ("openvino", CUDA, "fp32", False, "runs on the CPU"),
        ("auto", CUDA, "fp32", True, "runs on the CPU"),
        ("onnx", CPU, "bf16", False, "works in fp32"),
    ],
)
def test_what_does_not_go_together(name: str, device: torch.device, precision: str, own: bool, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        pick_engine(name, device=device, precision=precision, own_onnx=own)


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


def test_a_network_that_samples_stays_with_pytorch() -> None:
    assert pick_engine("auto", device=CPU, precision="fp32", torch_only=True) == "torch"
    with pytest.raises(OptionError, match="only PyTorch"):
        pick_engine("openvino", device=CPU, precision="fp32", torch_only=True)


def test_several_threads_may_share_an_engine(toy_graph: bytes, luma: FloatArray, true_chroma: FloatArray) -> None:
    engine = OpenVinoEngine(toy_graph, precision="fp32", threads=2)
    with ThreadPoolExecutor(4) as pool:
        for chroma in pool.map(engine, [luma] * 24):
            np.testing.assert_allclose(chroma, true_chroma, atol=1e-4)
