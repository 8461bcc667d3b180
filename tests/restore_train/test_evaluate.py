"""The evaluator on a few made pictures: gray and truth get what they must, and the sheets show the worst first."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from restore_train.evaluate import evaluate_photos, gray, mean_figures, triptychs
from restore_train.sheets import contact_sheets


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, strength in (("dull", 10), ("vivid", 120)):
        cells = rng.integers(128 - strength, 128 + strength, (4, 5, 3))
        cv2.imwrite(str(tmp_path / f"{name}.png"), cells.repeat(10, 0).repeat(10, 1).astype(np.uint8))
    return tmp_path


def test_gray_and_truth_frame_the_table(pictures: Path) -> None:
    rows = evaluate_photos([pictures], {"gray again": gray})
    means = {label: mean_figures(figures) for label, figures in rows.items()}
    assert list(rows) == ["gray", "gray again", "truth"]
    assert means["gray"] == means["gray again"]
    assert means["gray"]["cf"] == 0
    assert means["truth"]["de00"] == 0
    assert means["truth"]["auc"] == pytest.approx(100)
    assert means["truth"]["auc_rebalanced"] == pytest.approx(100)
    assert means["truth"]["cf"] > 20
    assert 0 < means["gray"]["auc_rebalanced"] < means["gray"]["auc"] < 100
    assert 10 < means["gray"]["psnr"] < 40


def test_worst_pictures_come_first(pictures: Path) -> None:
    rows = evaluate_photos([pictures], {})
    groups = list(triptychs([pictures], gray, rows["gray"]))
    assert [label.split()[-1] for label, _ in groups] == ["vivid.png", "dull.png"]
    (page,) = contact_sheets(groups)
    assert page.ndim == 3
    assert page.std() > 10


def test_a_set_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        evaluate_photos([tmp_path], {})
