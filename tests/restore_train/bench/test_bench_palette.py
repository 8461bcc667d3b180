"""The cost of taking false colours back, measured beside the run that it is part of."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.media.thermal import open_thermal
from restore.paint.thermal import HeatPainter
from restore_train.bench import palette as bench_palette
from restore_train.bench.palette import made_recording
from tests.painters import ToyTranslator


def test_the_inversion_is_far_cheaper_than_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_palette, "WIDTH", 160)
    monkeypatch.setattr(bench_palette, "HEIGHT", 280)
    painter = HeatPainter(ToyTranslator(), name="toy", weights_sha256="0", device="cpu", batch=2)
    cost = bench_palette.bench_palette(None, palette="ironbow", frames=8, painter=painter)
    assert (cost.whole.frames, cost.inversion.frames, cost.definition.frames) == (8, 8, 3)
    assert 0 < cost.share < 1
    assert cost.gain > 2.5  # of small pictures; at 640 x 512 above 40


def test_the_made_recording_is_in_its_palette(tmp_path: Path) -> None:
    with open_thermal(made_recording(tmp_path / "made.mp4", "jet", 7), threads=1) as source:
        assert source.palette == "jet"
        assert source.shape == (512, 640)
        assert sum(1 for _ in source.frames()) == 7
