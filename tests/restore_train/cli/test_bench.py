"""``rechroma bench``: its subcommands, and the short form for a clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import run


def test_a_clip_needs_no_subcommand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in (["bench"], ["bench", "clip"]):
        assert run(*form, str(tmp_path / "missing.mkv")) == 3
        assert "missing.mkv" in capsys.readouterr().err


def test_sampling_is_measured_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "sampling", "--grid", "2", "3", "--batch", "2", "--threads", "1") == 0
    assert "2 of 2" in capsys.readouterr().err


def test_sampling_wants_a_pixcolor(toy_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "sampling", "--model", str(toy_model)) == 8
    assert "is no PixColor" in capsys.readouterr().err
