"""Recognition and its intervals: the truth has 100 and gray 0, whatever the judge; misleading colours are below 0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restore_train.evaluate.recognition import Values, bootstrap, read_labels, recognised_share, recognition, won_back

PICTURES, CLASSES = 60, 5


def answers(seed: int, sureness: float) -> Values:
    logits = np.random.default_rng(seed).normal(0, sureness, (PICTURES, CLASSES))
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


TRUTH, GRAY = answers(0, 3.0), answers(1, 0.5)


def test_the_truth_has_100_and_gray_0() -> None:
    assert recognition(TRUTH, GRAY, TRUTH).value == pytest.approx(100)
    assert recognition(TRUTH, GRAY, GRAY).value == pytest.approx(0)


def test_what_misleads_is_below_gray() -> None:
    found = recognition(TRUTH, GRAY, answers(2, 3.0))
    assert found.high < 0
    assert found.low < found.value < found.high


def test_it_is_a_quotient_of_means() -> None:
    known = np.log(np.array([[0.5, 0.5], [0.5, 0.5]]))
    gray = np.log(np.array([[0.9, 0.1], [0.5, 0.5]]))  # the second is as well known in gray
    ours = np.log(np.array([[0.8, 0.2], [0.5, 0.5]]))
    lost, left = (-0.5 * (np.log(2 * a) + np.log(2 - 2 * a)) for a in (0.9, 0.8))
    assert recognition(known, gray, ours).value == pytest.approx(100 * (1 - left / lost))


def test_top1_and_what_is_won_back() -> None:
    classes = TRUTH.argmax(axis=1)
    gray = TRUTH.copy()
    gray[:20] = np.roll(TRUTH[:20], 1, axis=1)
    half = TRUTH.copy()
    half[:10] = gray[:10]
    assert recognised_share(gray, classes).value == pytest.approx(100 * 40 / 60)
    assert won_back(TRUTH, gray, half, classes).value == pytest.approx(50)
    assert np.isnan(won_back(TRUTH, TRUTH, half, classes).value)


def test_intervals_narrow_with_more_photos_and_do_not_change() -> None:
    values = np.random.default_rng(3).normal(1, 1, 400)
    few, many = (bootstrap(lambda numbers: float(values[numbers].mean()), count) for count in (25, 400))
    assert many.high - many.low == pytest.approx(4 * 0.05, rel=0.2)  # two standard errors to each side
    assert few.high - few.low > 3 * (many.high - many.low)
    assert bootstrap(lambda numbers: float(values[numbers].mean()), 400) == many
    assert many.text(2) == f"{many.value:.2f} ({many.low:.2f} to {many.high:.2f})"


def test_labels_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "labels.tsv"
    path.write_text("name\timagenet_class\na.png\t3\nb.png\t999\n")
    assert read_labels(path) == {"a.png": 3, "b.png": 999}
    for text in (
        "name\tclass\na.png\t3\n",
        "name\timagenet_class\na.png\tcat\n",
        "name\timagenet_class\na.png\t1000\n",
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"labels\.tsv"):
            read_labels(path)
