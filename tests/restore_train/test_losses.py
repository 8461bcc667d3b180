"""The training losses against values computed by hand and against the metrics that they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from restore_models.mobilenet import MobileNetV2Encoder
from restore_train.evaluate.metrics import colourfulness, psnr
from restore_train.losses import (
    ColourFeatureLoss,
    ContentLoss,
    colourfulness_of_chroma,
    feature_matching_loss,
    log_squared_error,
)

TO_CHROMA = torch.tensor([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])  # ITU-T T.871


def test_colourfulness_is_the_metric_s() -> None:
    rgb = torch.rand(2, 16, 16, 3, generator=torch.Generator().manual_seed(0))
    chroma = torch.einsum("bhwc,kc->bkhw", rgb, TO_CHROMA)
    ours = colourfulness_of_chroma(chroma)
    for picture, value in zip(rgb.numpy(), ours, strict=True):
        assert 255 * float(value) == pytest.approx(colourfulness(picture), rel=0.01)


def test_a_gray_picture_has_a_finite_gradient() -> None:
    chroma = torch.zeros(1, 2, 4, 4, requires_grad=True)
    colourfulness_of_chroma(chroma).sum().backward()  # type: ignore[no-untyped-call]
    assert chroma.grad is not None
    assert torch.isfinite(chroma.grad).all()


def test_log_error_is_psnr_in_nepers() -> None:
    """Two pictures that differ in Cr alone, by 0.1 and 0.2: their mean PSNR, but for what counts as perfect."""
    truth = torch.zeros(2, 2, 3, 3)
    predicted = truth.clone()
    predicted[0, 1], predicted[1, 1] = 0.1, 0.2
    decibels = []
    for cr in (0.1, 0.2):
        rgb = np.array([1.402 * cr, -0.714136 * cr, 0.0])
        decibels.append(psnr(rgb, np.zeros(3)))
    expected = -float(np.mean(decibels)) * math.log(10) / 10
    assert float(log_squared_error(predicted, truth)) == pytest.approx(expected, abs=0.02)
    assert float(log_squared_error(truth, truth)) == pytest.approx(math.log(1e-4))


def test_features_see_colour_and_teach_chroma_alone() -> None:
    torch.manual_seed(0)
    encoder = MobileNetV2Encoder(channels_in=3)
    loss = ColourFeatureLoss(encoder, autocast=torch.autocast("cpu", torch.bfloat16, enabled=False))
    luma, truth = torch.rand(2, 1, 64, 64), 0.2 * torch.rand(2, 2, 16, 16)
    chroma = torch.zeros(2, 2, 16, 16, requires_grad=True)
    value = loss(luma, chroma, truth)
    value.backward()
    assert value > 0
    assert chroma.grad is not None
    assert chroma.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in loss.parameters())
    assert float(loss(luma, truth, truth)) == 0
    content = ContentLoss({"features": 2.0, "smooth_l1": 1.0}, features=loss)
    total, parts = content(chroma, truth, luma)
    torch.testing.assert_close(total, 2 * parts["features"] + parts["smooth_l1"])
    with pytest.raises(ValueError, match="classifier"):
        ContentLoss({"features": 1.0})


def test_matching_is_by_layer_and_does_not_teach_from_the_truth() -> None:
    real = [torch.ones(1, 2, 4, 4, requires_grad=True), torch.zeros(1, 1, 2, 2)]
    fake = [torch.zeros(1, 2, 4, 4, requires_grad=True), torch.full((1, 1, 2, 2), 3.0)]
    value = feature_matching_loss(real, fake)
    value.backward()  # type: ignore[no-untyped-call]
    assert float(value.detach()) == 2
    assert real[0].grad is None
    assert fake[0].grad is not None
