"""The comparison of engines: every installed one takes part, PyTorch in fp32 is the measure, colours agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.errors import OptionError
from restore_train.bench.engines import bench_engines


def test_every_engine_is_compared_with_torch(toy_model: Path) -> None:
    speeds = bench_engines(str(toy_model), device="cpu", rounds=1, side=64, batches=(2, 1))
    assert [each.batch for each in speeds] == sorted((each.batch for each in speeds), reverse=True)
    assert (speeds[0].engine, speeds[0].precision, speeds[0].largest_difference) == ("torch", "fp32", 0)
    fp32 = [each for each in speeds if each.precision == "fp32"]
    assert {each.engine for each in fp32} == {"torch", "openvino", "onnx"}
    assert all(each.wall_seconds > 0 and each.cpu_seconds > 0 and each.start_seconds > 0 for each in speeds)
    assert 0 < max(each.largest_difference for each in fp32) < 1e-3


def test_a_users_onnx_has_nothing_to_compare_with() -> None:
    with pytest.raises(OptionError, match="a network that PyTorch runs too"):
        bench_engines("own.onnx")
