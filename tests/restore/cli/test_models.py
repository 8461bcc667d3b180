"""``rechroma models``: what is shipped, what is wrong with it, and its export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from restore.paint.network import Colorizer
from restore_models import SHIPPED, ShippedModel, registry
from tests.tools import run


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where shipped weights and cards are looked for; empty."""
    monkeypatch.setattr(registry, "files", lambda _: tmp_path)
    return tmp_path


def test_missing_weights_are_one_line(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == 8
    shown = capsys.readouterr().err
    assert "the weights of pix2pix are missing; install rechroma again" in shown
    assert "Traceback" not in shown
    assert run("models", "--card", "pix2pix") == 8
    assert "pix2pix.md cannot be read" in capsys.readouterr().err
    assert not list(elsewhere.iterdir())


def test_other_weights_are_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    other: ShippedModel = replace(SHIPPED["pix2pix"], sha256="0" * 64)
    monkeypatch.setitem(SHIPPED, "pix2pix", other)
    assert run("models") == 8
    assert "the weights of pix2pix are not those that were shipped" in capsys.readouterr().err


def test_an_export_is_a_model_again(toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "toy.onnx"
    assert run("models", "export", toy_model, "-o", target) == 0
    assert f"--model {target}" in capsys.readouterr().err.replace("\n", "")
    colorizer = Colorizer(str(target), device="cpu")
    assert (colorizer.name, colorizer.stride, colorizer.multiple_of) == ("pix2pix", 4, 32)
    assert run("models", "export", toy_model, "-o", target) == 5
    assert run("models", "export", toy_model, "-o", tmp_path / "toy.pb") == 5
    assert run("models", "export", "deoldify", "-o", tmp_path / "other.onnx") == 8
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.onnx", "toy.toml"]
