from __future__ import annotations

from pathlib import Path

import pytest

from tests.restore.media.thermal.made import fff, flir_jpeg, scene, sequence
from tests.tools import run


def test_files_and_folders_by_the_command_line(
    tmp_path: Path, toy_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    (folder / "b.seq").write_bytes(b"".join(sequence(3)))
    options = ("--model", toy_model, "--device", "cpu", "--engine", "torch", "--threads", "1", "--preset", "ultrafast")
    assert run("thermal", folder, "-o", out, "--keep-raw", "--range", "local", *options) == 0
    assert {path.name for path in out.iterdir()} == {
        "a.png", "a.raw.tiff", "a.celsius.tiff", "b.mkv", "b.raw.tiff", "b.celsius.tiff", "rechroma-report.json",
    }  # fmt: skip
    assert "2 coloured, 0 skipped, 0 failed" in capsys.readouterr().err
    (folder / "c.seq").write_bytes(b"FFF\0 and nothing more")
    assert run("thermal", folder, "-o", out, *options) == 10
    told = capsys.readouterr().err
    assert "0 coloured, 2 skipped, 1 failed" in told
    assert "c.seq: none of its FLIR records can be read" in told


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--polarity", "blue"), 2, "polarity"),
        (("--palette", "lava"), 2, "unknown palette 'lava'"),
        (("--luma", "generated"), 2, "makes no luma"),
        (("--batch", "-1"), 2, "batch must be at least 1, got -1"),
        (("--model", "thermal", "--batch", "-1"), 2, "batch must be at least 1, got -1"),
    ],
)
def test_wrong_options_are_one_line(
    tmp_path: Path,
    toy_model: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    options = ("--model", toy_model, "--device", "cpu", "--engine", "torch")
    assert run("thermal", tmp_path / "a.jpg", "-o", tmp_path / "out", *options, *arguments) == code
    error = capsys.readouterr().err.strip()
    assert told in error
    assert "\n" not in error
    assert not (tmp_path / "out").exists()


def test_missing_input_and_model(tmp_path: Path, toy_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("thermal", tmp_path / "gone.seq", "-o", tmp_path / "out", "--model", toy_model) == 3
    assert "gone.seq" in capsys.readouterr().err
    (tmp_path / "a.jpg").write_bytes(flir_jpeg(fff(scene())))
    assert run("thermal", tmp_path / "a.jpg", "-o", tmp_path / "out", "--model", "infrared") == 8
    assert "unknown model 'infrared'; shipped are " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
