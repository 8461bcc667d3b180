"""The judge at work: it looks at every colouring, and its figures have the truth and gray for ends."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from restore_models.efficientnet import EfficientNetClassifier, EfficientNetEncoder, EfficientNetSizes
from restore_train.evaluate.judge import JUDGE_COLUMNS, Judge, columns_of, judge_picture, texts_of, values_of
from restore_train.evaluate.metrics import Rgb
from restore_train.evaluate.photos import evaluate_photos, gray

TOY = EfficientNetSizes(width=0.25, depth=0.5, channels_in=3)


@pytest.fixture(scope="module")
def classifier() -> EfficientNetClassifier:
    torch.manual_seed(0)
    network = EfficientNetClassifier(encoder=EfficientNetEncoder(TOY), classes=10).eval()
    for layer in network.modules():  # of random filters, deep layers say the same of everything: make them loud
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    return network.requires_grad_(False)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for index in range(4):
        small = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{index}.png"), cv2.resize(small, (60, 48), interpolation=cv2.INTER_CUBIC))
    return tmp_path


def muted(luma: Rgb) -> Rgb:
    return np.asarray(gray(luma) * np.array([1, 0.9, 0.8]), np.float32)


def test_a_picture_of_any_shape_is_judged_by_its_middle(classifier: EfficientNetClassifier) -> None:
    wide = np.random.default_rng(1).random((40, 120, 3), np.float32)
    whole, middle = judge_picture(classifier, wide), judge_picture(classifier, wide[:, 40:80])
    assert (whole.log_probabilities.shape, whole.features.shape) == ((10,), (1280,))
    np.testing.assert_array_equal(whole.log_probabilities, middle.log_probabilities)
    assert np.exp(whole.log_probabilities).sum() == pytest.approx(1)


def test_the_evaluator_shows_it_everything(classifier: EfficientNetClassifier, pictures: Path) -> None:
    judge = Judge(classifier, {"0.png": 1, "2.png": 3})
    evaluate_photos([pictures], {"muted": muted, "gray again": gray}, judge=judge)
    figures = judge.figures()
    assert set(figures) == {"gray", "muted", "gray again", "truth"}
    for key in ("recognition", "kid", "top1"):
        assert figures["gray again"][key] == figures["gray"][key]
    assert figures["truth"]["recognition"].value == pytest.approx(100)
    assert figures["truth"]["kid"].value == pytest.approx(0)
    assert columns_of(figures) == list(JUDGE_COLUMNS)
    assert set(values_of(figures, "muted")) == {"recognition", "kid", "top1", "won_back"}
    texts = texts_of(figures)
    assert "Recognition of muted" in texts
    assert "Recognition of truth" not in texts


def test_without_classes_there_is_no_top1(classifier: EfficientNetClassifier, pictures: Path) -> None:
    judge = Judge(classifier)
    evaluate_photos([pictures], {}, judge=judge)
    assert [column.key for column in columns_of(judge.figures())] == ["recognition", "kid"]
    assert columns_of({}) == []
