"""The comparison of engines: every installed one takes part, PyTorch in fp32 is the measure, colours agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.errors import OptionError
from restore_models import SHIPPED
from restore_train.bench import engines as module
from restore_train.bench.engines import bench_engines, bench_models
from restore_train.bench.measure import Measured, Stopwatch


def test_every_engine_is_compared_with_torch(toy_model: Path) -> None:
    result = bench_engines(str(toy_model), device="cpu", rounds=1, side=64, batches=(2, 1))
    names = list(result.rows)
    assert names[0] == "torch fp32, batch 2"
    assert names == sorted(names, key=lambda name: name[-1], reverse=True)
    assert {f"{engine} fp32, batch 1" for engine in ("torch", "openvino", "onnx")} <= set(names)
    assert {measured.count for measured in result.rows.values()} == {8}
    assert result.columns["x torch"][names[0]] == "1.00"
    differences = {name: float(text) for name, text in result.columns["difference"].items() if "fp32" in name}
    assert differences.pop("torch fp32, batch 2") == differences.pop("torch fp32, batch 1") == 0
    assert 0 < max(differences.values()) < 1e-3


def test_a_users_onnx_has_nothing_to_compare_with() -> None:
    with pytest.raises(OptionError, match="a network that PyTorch runs too"):
        bench_engines("own.onnx")


def test_every_shipped_model_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(module, "open_network", lambda model, **_: lambda _frames: seen.append(model.name))
    monkeypatch.setattr(Stopwatch, "stop", lambda _self, count, **_: Measured(count, 1.0, 2.0))
    result = bench_models(rounds=2)
    assert list(result.rows) == list(SHIPPED)
    assert {row.count for row in result.rows.values()} == {4}
    assert [seen.count(name) for name in SHIPPED] == [3] * len(SHIPPED)  # one of them warms up
