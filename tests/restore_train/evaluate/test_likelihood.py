"""The likelihood of a set's truth: pictures of mixed sizes weigh by their symbols, and batches do not matter."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restore_models.pixcolor import PixColor, PixColorSizes, build_pixcolor
from restore_train.evaluate import likelihood as module
from restore_train.evaluate.likelihood import SmallPicture, evaluate_likelihood
from restore_train.evaluate.photos import decode_rgb
from restore_train.pixcolor_training import nats_of_truth

SIZES = {"a": (64, 64), "b": (64, 96), "c": (64, 64)}


@pytest.fixture(scope="module")
def model() -> PixColor:
    torch.manual_seed(1)
    sizes = PixColorSizes(conditioning=(8, 8, 8), width=8, layers=1, post_width=8, refinement_width=8)
    return build_pixcolor(sizes).eval()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, (height, width) in SIZES.items():
        small = rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.resize(small, (width, height)))
    return tmp_path


def test_means_are_over_symbols(model: PixColor, photos: Path) -> None:
    nats = evaluate_likelihood([photos], model, working_size=64)
    forced = []
    for name in SIZES:
        picture = SmallPicture.of(decode_rgb(name, (photos / f"{name}.png").read_bytes()), 64, 32)
        luma, chroma = torch.from_numpy(picture.luma)[None, None], torch.from_numpy(picture.chroma)[None]
        forced.append(nats_of_truth(model, luma, chroma).forced)
    assert forced[0] != pytest.approx(forced[1], abs=1e-4)
    assert nats.forced == pytest.approx(np.average(forced, weights=[2, 3, 2]), abs=1e-5)


def test_the_size_of_batches_does_not_matter_to_the_likelihood_proper(
    model: PixColor, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = evaluate_likelihood([photos], model, working_size=64)
    monkeypatch.setattr(module, "BATCH", 1)
    assert evaluate_likelihood([photos], model, working_size=64).forced == pytest.approx(together.forced, abs=1e-5)


def test_an_empty_set_is_refused(model: PixColor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        evaluate_likelihood([tmp_path], model, working_size=64)
