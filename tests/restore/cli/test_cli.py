"""The command line as a user meets it: exit codes, one-line errors, and help that does not wait for torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.cli.options import existing_or_not
from restore.errors import RechromaError
from restore.jobs.report import report_path
from restore.media.film.sink import FilmSink
from tests.tools import run

HEAVY = ("torch", "numpy", "cv2", "av", "PIL", "restore.paint", "restore.jobs", "restore_train.evaluate")
HELP = """
import sys
from restore.cli import main
try:
    main(sys.argv[1:])
except SystemExit as left:
    code = left.code
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""

TORCH = ("--engine", "torch")  # starts in a tenth of a second; OpenVINO compiles first


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--help",), "Train a model from RECIPE"),
        (("--version",), "rechroma"),
        (("video", "--help"), "--deinterlace"),
        (("evaluate", "--help"), "Translate the thermal pictures"),
        (("evaluate", "photos", "--help"), "--sheets"),
        (("bench", "--help"), "Compare the installed engines"),
    ],
)
def test_help_waits_for_no_heavy_import(arguments: tuple[str, ...], shown: str) -> None:
    finished = subprocess.run([sys.executable, "-c", HELP, *arguments], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert shown in finished.stdout
    modules = finished.stderr.split()
    assert [name for name in HEAVY if name in modules] == []
    if arguments[0] == "video":
        assert "restore_train" not in modules


def test_a_home_folder_is_found_where_the_shell_leaves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert existing_or_not.convert("~/x.mkv", None, None) == tmp_path / "x.mkv"
    assert existing_or_not.convert("a~b", None, None) == Path("a~b")


def test_every_error_has_its_own_exit_code() -> None:
    kinds: list[type[RechromaError]] = [RechromaError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert not {0, 130} & set(codes)


def test_video_and_verify(gray_film: Path, toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "colour.mkv"
    assert run("video", gray_film, "-o", target, "--model", toy_model, "--codec", "ffv1", "--device", "cpu") == 0
    assert "10 frames" in capsys.readouterr().err
    assert run("verify", gray_film, target, "--max-luma-difference", "0") == 0
    assert run("verify", gray_film, gray_film.with_name("absent.mkv")) == 3


def test_verify_says_no(gray_film: Path, toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "short.mkv"
    options = ("--model", toy_model, *TORCH, "--codec", "ffv1", "--duration", "0.3")
    assert run("video", gray_film, "-o", target, *options) == 0
    assert run("verify", gray_film, target) == 11
    assert "frames" in capsys.readouterr().err


def test_photos_go_on_after_a_bad_file(toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(np.arange(64 * 48, dtype=np.uint32).reshape(48, 64).astype(np.uint8)).save(folder / "good.png")
    (folder / "bad.png").write_bytes(b"not a picture")
    assert run("photos", folder, "-o", tmp_path / "out", "--model", toy_model, *TORCH) == 10
    shown = capsys.readouterr().err
    assert "bad.png" in shown
    assert "Traceback" not in shown
    assert (tmp_path / "out" / "good.png").exists()
    assert not (tmp_path / "out" / "bad.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("video", "absent.mp4"), 3),
        (("video", "."), 5),
        (("video", "FILM", "--model", "deoldify"), 8),
        (("video", "FILM", "--device", "cuda:99"), 9),
        (("video", "FILM", "--codec", "theora"), 7),
        (("video", "FILM", "--precision", "fp8"), 2),
        (("video", "FILM", "-o", "FILM"), 5),
        (("video", "FILM", "-o", "absent-folder/out.mkv"), 5),
        (("video", "FILM", "--filter", "nosuchfilter"), 2),
        (("video", "FILM", "--crf", "fine"), 2),
        (("video", "FILM", "--saturation", "inf"), 2),
        (("video", "FILM", "--start", "nan"), 2),
        (("video", "FILM", "--duration", "inf"), 2),
        (("video",), 2),
        (("nosuchcommand",), 2),
        (("photos", "absent-folder", "-o", "out"), 3),
        (("models", "--card", "deoldify"), 2),
        (("train", "absent.toml", "--data", "."), 3),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(
    gray_film: Path, toy_model: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    places = {"FILM": str(gray_film), "FOLDER": str(gray_film.parent)}
    given = [places.get(argument, argument) for argument in arguments]
    if given[:1] in (["video"], ["photos"]) and "--model" not in given and len(given) > 1:
        given += ["--model", str(toy_model), *TORCH]
    if code == 9 and not_cuda_less():
        pytest.skip("this machine has CUDA")
    before = gray_film.read_bytes()
    assert run(*given) == code
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert shown.startswith("rechroma: ")
    assert shown.count("\n") == 1
    assert gray_film.read_bytes() == before
    assert [path.name for path in gray_film.parent.iterdir() if path.suffix == ".mkv"] == ["film.mkv"]


def test_a_film_that_may_not_be_read(
    gray_film: Path, toy_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != gray_film)  # root may read everything
    assert run("video", gray_film, "--model", toy_model, *TORCH) == 3
    assert "may not be read; check its permissions" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_leaves_nothing_half_written(
    gray_film: Path,
    toy_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    number = signal.Signals[name]
    signals = iter([number])  # one: pictures are rendered on a thread ahead, which could send another after the end

    def kill(*_: object) -> None:
        for signal_number in signals:
            os.kill(os.getpid(), signal_number)
        time.sleep(0.2)

    monkeypatch.setattr(FilmSink, "picture", kill)
    folder = tmp_path / "results"
    folder.mkdir()
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts with it ignored
    try:
        assert run("video", gray_film, "-o", folder / "out.mkv", "--model", toy_model, *TORCH) == 130
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert list(folder.iterdir()) == []
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("place", [0, 1])
def test_decisions_are_logged_with_v_before_or_behind_the_command(
    gray_film: Path, toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    arguments: list[str | Path] = ["video", gray_film, "-o", tmp_path / "out.mkv", "--model", toy_model, *TORCH]
    arguments.insert(place, "-v")
    assert run(*arguments) == 0
    assert "encoded as h264" in capsys.readouterr().err


def test_a_name_that_is_not_utf8(gray_film: Path, toy_model: Path, tmp_path: Path) -> None:
    source = gray_film.rename(tmp_path / os.fsdecode(b"caf\xe9.mkv"))
    target = tmp_path / "out.mkv"
    assert run("video", source, "-o", target, "--model", toy_model, *TORCH) == 0
    report = json.loads(report_path(target).read_text(encoding="utf-8"))
    assert Path(report["files"][0]["source"]).name == source.name


def not_cuda_less() -> bool:
    import torch

    return torch.cuda.is_available()


def test_models_lists_the_shipped_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == 0
    assert "pix2pix" in capsys.readouterr().err
    assert run("models", "--card", "pix2pix") == 0
    assert "SHA-256" in capsys.readouterr().out


def test_samples_and_their_refusal(
    sampling_model: Path, toy_model: Path, gray_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)).save(tmp_path / "a.png")
    asked = ("photos", tmp_path / "a.png", "-o", tmp_path / "out", "--samples", "2", "--seed", "7", "--device", "cpu")
    assert run(*asked, "--temperature", "0.8", "--working-size", "64", "--model", sampling_model) == 0
    names = {"a.seed-7.png", "a.seed-8.png", "a.seeds-7-8.jpg", "rechroma-report.json"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    capsys.readouterr()
    for command in (asked, ("video", gray_film, "--seed", "1", "--device", "cpu")):
        assert run(*command, "--model", toy_model) == 8
        shown = capsys.readouterr().err.strip()
        assert "gives one colouring only" in shown
        assert "\n" not in shown
