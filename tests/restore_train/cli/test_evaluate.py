"""``rechroma evaluate`` as a user meets it, with toy weights: tables, JSON, page and sheets."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from restore_train.cli.evaluate import label_models
from tests.media import write_film
from tests.tools import run


def picture(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    cells = np.random.default_rng(seed).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(cells.repeat(16, 0).repeat(16, 1), (0, 0), 4), np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(3):
        cv2.imwrite(str(folder / f"{seed}.png"), picture(seed))
    return folder


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for seed in range(2):
        moved = [picture(seed)[:, index : index + 88, ::-1] for index in range(6)]
        write_film(folder / f"clip{seed}.mkv", moved, pix_fmt="yuv420p", rate=12)
    return folder


def test_photos(photos: Path, toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = ("--json", tmp_path / "out.json", "--html", tmp_path / "out.html", "--sheets", tmp_path / "sheets")
    assert run("evaluate", "photos", photos, "--model", toy_model, "--engine", "torch", *outputs) == 0
    shown = capsys.readouterr().err
    for word in ("3 pictures", "gray", "toy", "truth", "dCF", "SSIM", "Rainbow"):
        assert word in shown
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(content["set"]) == list(content["pictures"]) == ["gray", "toy", "truth"]
    assert [row["name"] for row in content["pictures"]["toy"]] == ["0.png", "1.png", "2.png"]
    assert content["set"]["truth"]["psnr"] is None  # infinite, which JSON does not know
    assert content["set"]["truth"]["dcf"] == 0
    assert content["set"]["toy"]["dcf"] == content["set"]["toy"]["cf"] - content["set"]["truth"]["cf"]
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 9
    assert [path.name for path in (tmp_path / "sheets").iterdir()] == ["sheet-01.png"]


def test_clips_joined(clips: Path, toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = ("--json", tmp_path / "out.json", "--html", tmp_path / "out.html")
    arguments = ("--join", "--frames", "5", "--every", "3", "--working-size", "64", "--saturation", "0.5")
    assert run("evaluate", "clips", clips, "--model", toy_model, "--engine", "torch", *arguments, *outputs) == 0
    shown = capsys.readouterr().err
    assert "1 clips" not in shown
    for word in ("1 clip", "tmedian", "strong", "Ewarp", "CDC CbCr", "Flicker"):
        assert word in shown
    content = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    labels = [
        "gray",
        *(f"toy, {kind}" for kind in ("off", "light", "strong", "off, mean of 5", "off, tmedian")),
        "truth",
    ]
    assert list(content["set"]) == labels
    assert [row["name"] for row in content["clips"]["truth"]] == ["clip0 + clip1"]
    assert len(content["frames"]["toy, off"]) == 4  # frames 0, 3, 6 and 9 of twice 5
    assert content["set"]["toy, strong"]["flicker"] < content["set"]["toy, off"]["flicker"]
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 4


def test_samples_and_likelihood(
    photos: Path, sampling_model: Path, toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--working-size", "64", "--device", "cpu", "--json", tmp_path / "out.json")
    asked = ("evaluate", "samples", photos, "--model", sampling_model, "--samples", "2", *options)
    assert run(*asked) == 0
    assert "likeliest" in capsys.readouterr().err
    samples = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(samples["set"]) == ["gray", "one seed", "likeliest of 2", "oracle of 2", "truth"]
    assert samples["diversity"] > 0
    assert run("evaluate", "likelihood", photos, "--model", sampling_model, *options) == 0
    assert "nats a symbol" in capsys.readouterr().err
    alone = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert alone["nats"] == samples["nats"]
    assert alone["nats"]["forced"] > 0
    assert run("evaluate", "likelihood", photos, "--model", toy_model, *options) == 8


@pytest.mark.parametrize(
    ("command", "target"), [("photos", "EMPTY"), ("photos", "absent.tar"), ("clips", "EMPTY"), ("clips", "absent.mp4")]
)
def test_sets_that_are_not_there(
    command: str, target: str, toy_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run("evaluate", command, tmp_path if target == "EMPTY" else target, "--model", toy_model, "--engine", "torch")
        == 3
    )
    shown = capsys.readouterr().err
    assert shown.count("rechroma:") == 1
    assert "Traceback" not in shown


@pytest.mark.parametrize("command", ["photos", "clips"])
def test_outputs_are_checked_before_the_work(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", command, "absent", "--html", tmp_path / "absent" / "page.html") == 5
    assert run("evaluate", command, "absent", "--json", tmp_path) == 5
    assert "cannot be written" in capsys.readouterr().err


def test_models_are_told_apart() -> None:
    best = "runs/a/best.safetensors"
    assert label_models("pix2pix", [best, "pix2pix"]) == {"pix2pix": "pix2pix", "best": best}
    twins = [best, "runs/b/best.safetensors"]
    assert label_models(best, twins) == {name: name for name in twins}
