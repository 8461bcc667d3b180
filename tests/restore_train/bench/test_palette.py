"""The cost of taking false colours back, measured beside the run that it is part of."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.media.thermal import open_thermal
from restore.paint.thermal import ThermalPainter
from restore_train.bench import palette as module
from restore_train.bench.palette import bench_palette, write_recording
from tests.painters import ToyTranslator


def test_three_ways_are_measured_on_the_same_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WIDTH", 160)
    monkeypatch.setattr(module, "HEIGHT", 280)
    painter = ThermalPainter(ToyTranslator(), name="toy", weights_sha256="0", device="cpu", batch=2)
    result = bench_palette(None, palette="ironbow", frames=8, painter=painter)
    whole, inversion, definition = result.rows.values()
    assert (whole.count, inversion.count, definition.count) == (8, 8, 3)
    gain, share = result.ratios.values()
    assert gain == pytest.approx(definition.cpu_seconds / 3 / (inversion.cpu_seconds / 8))
    assert share == pytest.approx(inversion.cpu_seconds / whole.cpu_seconds)


def test_the_made_recording_is_in_its_palette(tmp_path: Path) -> None:
    with open_thermal(write_recording(tmp_path / "made.mp4", "jet", 7), threads=1) as source:
        assert source.palette == "jet"
        assert source.shape == (512, 640)
        assert sum(1 for _ in source.frames()) == 7
