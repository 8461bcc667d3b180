"""Several colourings against the truth: the likeliest and the best are found, spread and cast have their values."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from restore_train.evaluate.metrics import Rgb
from restore_train.evaluate.samples import evaluate_samples

ORANGE = np.array([0.8, 0.5, 0.3], np.float32)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rgb = np.full((24, 24, 3), ORANGE * 255)
    cv2.imwrite(str(tmp_path / "orange.png"), rgb[..., ::-1].round().astype(np.uint8))
    return tmp_path


def gray_and_true(luma: NDArray[np.float32]) -> list[tuple[Rgb, float]]:
    gray = np.repeat(luma[..., None], 3, -1)
    true = np.broadcast_to(np.round(ORANGE * 255) / 255, gray.shape).astype(np.float32)
    return [(gray, -1.0), (true, -2.0), (gray, -3.0)]


def test_each_row_is_its_picture(photos: Path) -> None:
    result = evaluate_samples([photos], gray_and_true, threads=1)
    de00 = {label: rows[0].de00 for label, rows in result.rows.items()}
    assert list(de00) == ["gray", "one seed", "likeliest of 3", "oracle of 3", "truth"]
    assert de00["gray"] == de00["one seed"] == de00["likeliest of 3"] > 10
    assert de00["oracle of 3"] == pytest.approx(0, abs=1e-3)


def test_spread_and_cast(photos: Path) -> None:
    result = evaluate_samples([photos], gray_and_true, threads=1)
    # Of the three pairs one is alike; the difference of the others is that of gray and truth.
    assert result.diversity == pytest.approx(result.rows["gray"][0].de00 * 2 / 3, rel=1e-3)
    # Two of three colourings are gray, which lacks two thirds of orange's chroma: bluer and less red than the truth.
    true_cb = 255 * float(ORANGE @ np.array([-0.168736, -0.331264, 0.5]))
    assert result.bias[0] == pytest.approx(-true_cb * 2 / 3, abs=0.5)
    assert result.bias[1] < -10


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        evaluate_samples([tmp_path], gray_and_true)
