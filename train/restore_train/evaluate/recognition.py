"""Does a classifier recognise what is coloured as it recognises the truth? Colours that mislead it score below gray."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from csv import DictReader
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 0
CONFIDENCE = 95  # percent

Values = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A figure of a set with its confidence interval, by resampling the photos."""

    value: float
    low: float
    high: float

    def text(self, decimals: int = 1) -> str:
        """As it is reported: the value, and the interval in brackets."""
        return f"{self.value:.{decimals}f} ({self.low:.{decimals}f} to {self.high:.{decimals}f})"


def bootstrap(statistic: Callable[[Numbers], float], count: int) -> Interval:
    """The statistic of photos 0 to ``count`` - 1 and the percentiles of it over resampled photos (Efron 1979).

    ``statistic`` takes the numbers of photos, some of them repeatedly. Resamples where it is not finite are left out.
    """
    rng = np.random.default_rng(SEED)
    values = np.array([statistic(rng.integers(0, count, count)) for _ in range(RESAMPLES)])
    finite = values[np.isfinite(values)]
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(finite, [tail, 100 - tail]) if finite.size else (np.nan, np.nan)
    return Interval(statistic(np.arange(count)), float(low), float(high))


def divergences(truth: Values, seen: Values) -> Values:
    """Kullback-Leibler divergence of the judge's answer on each picture from that on its truth, in nats.

    Log probabilities ``N x classes`` of both to ``N``.
    """
    return np.asarray((np.exp(truth) * (truth - seen)).sum(axis=1))


def recognition(truth: Values, gray: Values, ours: Values) -> Interval:
    """How much of what gray loses the colours bring back, in percent: 100 as the truth, 0 as gray, below 0 misleading.

    One minus the quotient of the divergences' means over photos: a photo that is as well known in gray as in colour has
    hardly a share in it, where a mean of quotients would be ruled by such. ``N x classes`` log probabilities.
    """
    of_ours, of_gray = divergences(truth, ours), divergences(truth, gray)

    def statistic(numbers: Numbers) -> float:
        lost = of_gray[numbers].mean()
        return 100 * float(1 - of_ours[numbers].mean() / lost) if lost > 0 else float("nan")

    return bootstrap(statistic, len(truth))


def recognised(log_probabilities: Values, classes: Numbers) -> Values:
    """1 for each picture whose likeliest class is its label, else 0."""
    return np.asarray(log_probabilities.argmax(axis=1) == classes, np.float64)


def recognised_share(log_probabilities: Values, classes: Numbers) -> Interval:
    """Top-1 accuracy, in percent."""
    right = recognised(log_probabilities, classes)
    return bootstrap(lambda numbers: 100 * float(right[numbers].mean()), len(right))


def won_back(truth: Values, gray: Values, ours: Values, classes: Numbers) -> Interval:
    """Of the top-1 accuracy that is lost in gray, the share that the colours win back, in percent (after Zhang 2016,
    section 3.1). Noisy: few photos are recognised in colour alone."""
    of_truth, of_gray, of_ours = (recognised(seen, classes) for seen in (truth, gray, ours))

    def statistic(numbers: Numbers) -> float:
        lost = of_truth[numbers].mean() - of_gray[numbers].mean()
        return 100 * float((of_ours[numbers].mean() - of_gray[numbers].mean()) / lost) if lost > 0 else float("nan")

    return bootstrap(statistic, len(classes))


def read_labels(path: Path) -> Mapping[str, int]:
    """Classes by picture, from a tab-separated file with the columns ``name`` and ``imagenet_class``.

    Raises ``ValueError`` for a file without them, or with a class that ImageNet does not have.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(DictReader(file, delimiter="\t"))
    try:
        labels = {row["name"]: int(row["imagenet_class"]) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name} needs the columns name and imagenet_class, which is a number") from error
    if not labels or not all(0 <= label < 1000 for label in labels.values()):
        raise ValueError(f"{path.name} needs classes from 0 to 999")
    return labels
