"""The toy network as ONNX files, as a user would bring them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restore.colour import FloatArray
from restore.paint.engines.export import onnx_from
from restore_models import load_network

SaveModel = Callable[..., Path]


@pytest.fixture
def luma() -> FloatArray:
    """Two pictures ``2 x 1 x 64 x 96`` in [0, 1]: shapes under noise."""
    y, x = np.mgrid[:64, :96].astype(np.float32) / np.float32(64)
    shapes = np.stack([np.sin(5 * x + 3 * y), np.cos(9 * x * y)])[:, None]
    noise = np.random.default_rng(0).normal(0, 0.05, shapes.shape)
    return np.clip(0.5 + 0.3 * shapes + noise, 0, 1).astype(np.float32)


@pytest.fixture(scope="session")
def toy_graph(toy_model: Path) -> bytes:
    return onnx_from(load_network(toy_model).module)


@pytest.fixture
def toy_network(toy_model: Path) -> nn.Module:
    return load_network(toy_model).module


class Wrapped(nn.Module):
    """A network of ours behind another border: what it reads and answers is made by functions of one tensor."""

    multiple_of = 32

    def __init__(
        self,
        network: nn.Module,
        before: Callable[[Tensor], Tensor] = lambda seen: seen,
        after: Callable[[Tensor], Tensor] = lambda chroma: chroma,
    ) -> None:
        super().__init__()
        self.network, self.before, self.after = network, before, after

    def forward(self, seen: Tensor) -> Tensor:
        """``B x C x H x W`` to ``B x 2 x h x w``."""
        return self.after(self.network(self.before(seen)))


@pytest.fixture
def save_own(tmp_path: Path, toy_network: nn.Module, toy_graph: bytes) -> SaveModel:
    """``save_own(toml, before=..., after=...)`` writes own.onnx and own.toml and gives the first's path."""

    def save(toml: str | None, channels: int = 1, **border: Callable[[Tensor], Tensor]) -> Path:
        path = tmp_path / "own.onnx"
        graph = onnx_from(Wrapped(toy_network, **border).eval(), channels=channels) if border else toy_graph
        path.write_bytes(graph)
        if toml is not None:
            path.with_suffix(".toml").write_text(toml, encoding="utf-8")
        return path

    return save


@pytest.fixture
def true_chroma(toy_network: nn.Module, luma: FloatArray) -> FloatArray:
    with torch.inference_mode():
        chroma: Tensor = toy_network(torch.from_numpy(luma))
    return chroma.numpy()
