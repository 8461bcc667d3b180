"""From the encoder's features to one vector a cell of the coarse grid: what PixColor's colours are conditioned on."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.mobilenet import TAP_CHANNELS

__all__ = ["ConditioningNet"]


def conv_norm(channels_in: int, channels_out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(channels_out)
    )


class TwoConvolutions(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_norm(channels, channels, 3)
        self.second = conv_norm(channels, channels, 3)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(features + self.second(F.relu(self.first(features))))


class ConditioningNet(nn.Module):
    """Taps at strides 8, 16 and 32 to conditioning ``B x widths[2] x H/8 x W/8``.

    The six convolutions of PixColor, two at each stride from deep to fine: a cell sees a wide neighbourhood at a third
    of the cost of six at the grid's own. The mean of the deepest features reaches every cell, as in the default model.
    """

    def __init__(self, *, widths: tuple[int, int, int]) -> None:
        super().__init__()
        deep, middle, fine = widths
        self.taps = nn.ModuleList(
            conv_norm(channels, width, 1) for channels, width in zip(TAP_CHANNELS[:1:-1], widths, strict=True)
        )
        self.scene = nn.Linear(deep, deep)
        self.down = nn.ModuleList([conv_norm(deep, middle, 1), conv_norm(middle, fine, 1)])
        self.mixes = nn.ModuleList(TwoConvolutions(width) for width in widths)

    def forward(self, taps: list[Tensor]) -> Tensor:
        """``taps``: the encoder's five feature maps, finest first."""
        features: Tensor = F.relu(self.taps[0](taps[4]))
        features = features + self.scene(features.mean(dim=(2, 3)))[:, :, None, None]
        features = self.mixes[0](features)  # B x widths[0] x H/32 x W/32
        for step, tap in ((1, taps[3]), (2, taps[2])):
            enlarged = F.interpolate(self.down[step - 1](features), scale_factor=2, mode="nearest")
            features = self.mixes[step](F.relu(enlarged + self.taps[step](tap)))
        return features  # B x widths[2] x H/8 x W/8
