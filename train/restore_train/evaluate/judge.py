"""The evaluator's judge: a frozen classifier looks at every colouring, and says how recognisable the set is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
import torch

from restore_models.efficientnet import EfficientNetClassifier
from restore_train.backbones import imagenet_classifier
from restore_train.evaluate.figures import Column, as_shown
from restore_train.evaluate.kid import kid
from restore_train.evaluate.metrics import Rgb
from restore_train.evaluate.recognition import (
    Interval,
    Numbers,
    Values,
    read_labels,
    recognised_share,
    recognition,
    won_back,
)

JUDGE = "efficientnet_lite0"
"""The classifier, a key of :data:`restore_train.backbones.PACKAGED`; no network of ours starts from it."""

JUDGE_SIDE = 224  # pixels: what it was trained on

JUDGE_COLUMNS = (
    Column("recognition", "Recognition", 1, "high", "percent of what gray loses to a frozen classifier, brought back"),
    Column("top1", "Top-1", 1, "high", "percent of labelled photos that the classifier recognises"),
    Column("won_back", "Won back", 1, "high", "percent of the top-1 that gray loses"),
    Column("kid", "KID", 2, "low", "kernel distance of the classifier's features to the true photos', times 1000"),
)


@dataclass(frozen=True)
class Judged:
    """What the judge makes of one picture."""

    log_probabilities: Values
    """Of ImageNet's 1,000 classes."""
    features: Values
    """1,280, pooled over the picture, from which it decides."""


def judge_picture(classifier: EfficientNetClassifier, rgb: Rgb) -> Judged:
    """Looks at the largest square in the middle of ``H x W x 3`` in [0, 1]."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = rgb[top : top + side, left : left + side].astype(np.float32)
    method = cv2.INTER_AREA if side > JUDGE_SIDE else cv2.INTER_CUBIC
    seen = cv2.resize(square, (JUDGE_SIDE, JUDGE_SIDE), interpolation=method).clip(0, 1)
    with torch.inference_mode():
        features, logits = classifier(torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))[None])
        log_probabilities = torch.log_softmax(logits.double(), dim=1)
    return Judged(log_probabilities[0].numpy(), features[0].double().numpy())


@dataclass
class Judge:
    """Looks at every colouring that the evaluator makes, and afterwards says how recognisable the sets are."""

    classifier: EfficientNetClassifier
    classes: Mapping[str, int] = field(default_factory=dict)
    """ImageNet classes by picture; those without one do not count for top-1."""
    seen: list[tuple[str, dict[str, Judged]]] = field(default_factory=list)
    """Each picture's name, and what was seen of it by the colouring's label."""
    lock: Lock = field(default_factory=Lock)

    def look(self, name: str, colourings: Mapping[str, Rgb]) -> None:
        """All colourings ``H x W x 3`` in [0, 1] of a picture, ``gray`` and ``truth`` among them.

        May be called from several threads.
        """
        judged = {label: judge_picture(self.classifier, as_shown(rgb)) for label, rgb in colourings.items()}
        with self.lock:
            self.seen.append((name, judged))

    def figures(self) -> dict[str, dict[str, Interval]]:
        """By label, then by the key of one of :data:`JUDGE_COLUMNS`. Of top-1 only where a picture has a class."""
        seen = sorted(self.seen, key=lambda picture: picture[0])
        labels = list(seen[0][1])
        answers = {label: np.stack([judged[label].log_probabilities for _, judged in seen]) for label in labels}
        features = {label: np.stack([judged[label].features for _, judged in seen]) for label in labels}
        figures: dict[str, dict[str, Interval]] = {}
        for label in labels:
            figures[label] = {
                "recognition": recognition(answers["truth"], answers["gray"], answers[label]),
                "kid": kid(features["truth"], features[label]),
            }
        named = [index for index, (name, _) in enumerate(seen) if name in self.classes]
        if named:
            classes: Numbers = np.array([self.classes[seen[index][0]] for index in named], np.int64)
            truth, gray = answers["truth"][named], answers["gray"][named]
            for label in labels:
                ours = answers[label][named]
                figures[label]["top1"] = recognised_share(ours, classes)
                figures[label]["won_back"] = won_back(truth, gray, ours, classes)
        return figures


Figures = Mapping[str, Mapping[str, Interval]]
"""By the colouring's label, then by the key of one of :data:`JUDGE_COLUMNS`."""


def open_judge(labels: Path | None) -> Judge:
    """The judge, and the classes that a file of them gives; see :func:`restore_train.evaluate.recognition.read_labels`.

    Raises ``ValueError`` where its weights are not installed.
    """
    return Judge(imagenet_classifier(JUDGE), read_labels(labels) if labels is not None else {})


def values_of(figures: Figures, label: str) -> dict[str, float]:
    """What a table shows of one colouring."""
    return {key: interval.value for key, interval in figures.get(label, {}).items()}


def columns_of(figures: Figures) -> list[Column]:
    """Those that there are figures for."""
    return [column for column in JUDGE_COLUMNS if any(column.key in found for found in figures.values())]


def texts_of(figures: Figures) -> dict[str, str]:
    """The figures with their intervals, without those that are what they are by definition: gray's recognition is 0."""
    return {
        f"{column.title} of {label}": found[column.key].text(column.decimals)
        for column in columns_of(figures)
        for label, found in figures.items()
        if found[column.key].low < found[column.key].high
    }
