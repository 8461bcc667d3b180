"""Losses of thermal translation: shifts are forgiven, blur is not, the Wasserstein game has its values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from restore_models.mobilenet import MobileNetV2Encoder
from restore_train.thermal_learners import jittered
from restore_train.thermal_losses import (
    FeatureLoss,
    ThermalContentLoss,
    critic_loss,
    critic_preference,
    gradient_penalty,
    shift_tolerant_l1,
    squared_rgb_error,
)


def bars(period: int = 16) -> Tensor:
    """``1 x 1 x 64 x 64``: smooth-edged vertical bars."""
    across = torch.arange(64.0) * 2 * torch.pi / period
    return (0.5 + 0.4 * torch.sin(across)).expand(1, 1, 64, 64).clone()


def test_three_pixels_are_forgiven_and_eight_are_not() -> None:
    truth = bars()
    exact, aside, beyond, blurred = (
        float(shift_tolerant_l1(picture, truth))
        for picture in (truth, truth.roll(2, -1), truth.roll(8, -1), torch.full_like(truth, 0.5))
    )
    assert exact == 0
    assert aside < 0.02
    assert float(shift_tolerant_l1(truth.roll(3, -2), truth)) == 0  # along the bars nothing changes
    assert blurred > 10 * aside
    assert beyond > blurred


def test_the_squared_error_is_that_of_rgb() -> None:
    red = torch.tensor([0.299, -0.168736, 0.5])[None, :, None, None]  # (1, 0, 0) in Y, Cb, Cr
    assert float(squared_rgb_error(red, torch.zeros_like(red))) == pytest.approx(1 / 3, abs=1e-4)


def test_features_see_structure_and_teach_luma_alone() -> None:
    torch.manual_seed(0)
    loss = FeatureLoss(MobileNetV2Encoder())
    luma = torch.full((1, 1, 64, 64), 0.5, requires_grad=True)
    value = loss(luma, bars())
    value.backward()
    assert value > 0
    assert luma.grad is not None
    assert luma.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in loss.parameters())
    assert float(loss(bars(), bars())) == 0


def test_every_loss_is_nothing_for_the_truth() -> None:
    torch.manual_seed(1)
    truth = torch.cat([bars(), torch.full((1, 2, 64, 64), 0.1)], dim=1)
    weights = {"luma": 1.0, "luma_plain": 1.0, "chroma": 1.0, "ciede2000": 1.0, "features": 1.0}
    content = ThermalContentLoss(weights, gain=1.0, beta=0.1, features=FeatureLoss(MobileNetV2Encoder()))
    total, parts = content(truth[:, :1], torch.full((1, 2, 16, 16), 0.1), truth)
    assert set(parts) == set(weights)
    assert float(total) == pytest.approx(0, abs=0.01)
    gray, _ = content(truth[:, :1], torch.zeros(1, 2, 16, 16), truth)
    assert gray > total + 5
    rewarding = ThermalContentLoss({"colourfulness": -1.0}, gain=0, beta=0.1)
    assert rewarding(truth[:, :1], torch.full((1, 2, 16, 16), 0.1), truth)[0] < -0.05
    with pytest.raises(ValueError, match="needs an encoder"):
        ThermalContentLoss({"features": 1.0}, gain=0, beta=0.1)


class Slope(nn.Module):
    """A critic whose score rises by ``steepness`` for each unit of distance."""

    def __init__(self, steepness: float) -> None:
        super().__init__()
        self.steepness = steepness

    def forward(self, thermal: Tensor, picture: Tensor) -> Tensor:
        size = picture[0].numel() ** 0.5
        score: Tensor = self.steepness * picture.sum(dim=(1, 2, 3), keepdim=True) / size + 0 * thermal.mean()
        return score


@pytest.mark.parametrize("steepness", [0.5, 1.0, 3.0])
def test_the_penalty_is_for_slopes_other_than_one(steepness: float) -> None:
    thermal, real, fake = torch.rand(2, 1, 16, 16), torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    penalty = gradient_penalty(Slope(steepness), thermal, real, fake)
    assert float(penalty) == pytest.approx(10 * (steepness - 1) ** 2, abs=1e-4)


def test_critic_and_generator_want_opposite_scores() -> None:
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0])
    assert float(critic_loss(real, fake)) == -2
    assert float(critic_preference(fake)) == -1


def test_jitter_moves_at_most_three_pixels() -> None:
    torch.manual_seed(5)
    truth = torch.rand(1, 1, 32, 32)
    shifts = set()
    for _ in range(30):
        moved = jittered(truth)
        assert moved.shape == truth.shape
        found = [
            (down, across)
            for down in range(-3, 4)
            for across in range(-3, 4)
            if torch.equal(
                moved[..., 3:-3, 3:-3], truth[..., 3 + down : 29 + down, 3 + across : 29 + across]
            )
        ]  # fmt: skip
        assert len(found) == 1
        shifts.add(found[0])
    assert len(shifts) > 10
