"""From the encoder's features to one vector a cell of the coarse grid: what PixColor's colours are conditioned on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.mobilenet import TAP_CHANNELS
from restore_models.pix2pix import UpBlock, conv_norm_relu


class TwoConvolutions(nn.Module):
    """Two 3 x 3 convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():  # starts near what the trunk below it gives
            self.second.weight.mul_(0.1)

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(features + self.second(F.relu(self.norm(self.first(features)))))


class ConditioningNet(nn.Module):
    """Taps at strides 8, 16 and 32 to conditioning ``B x widths[2] x H/8 x W/8``.

    The trunk is the default model's U down to stride 8, so that it can start from that model's weights, and two
    convolutions of PixColor's own follow: about the six of the paper, where a deep one costs a fraction of one at the
    grid's stride. The mean of the deepest features reaches every cell, as in the default model.
    """

    def __init__(self, *, widths: tuple[int, int, int]) -> None:
        super().__init__()
        deep, middle, fine = widths
        self.bottom = conv_norm_relu(TAP_CHANNELS[4], deep, kernel=1)
        self.scene = nn.Linear(deep, deep)
        self.up = nn.ModuleList([UpBlock(deep, TAP_CHANNELS[3], middle), UpBlock(middle, TAP_CHANNELS[2], fine)])
        self.mix = TwoConvolutions(fine)

    def forward(self, taps: list[Tensor]) -> Tensor:
        """``taps``: the encoder's five feature maps, finest first."""
        features: Tensor = self.bottom(taps[4])
        features = features + self.scene(features.mean(dim=(2, 3)))[:, :, None, None]
        for block, skip in zip(self.up, (taps[3], taps[2]), strict=True):
            features = block(features, skip)
        mixed: Tensor = self.mix(features)
        return mixed  # B x widths[2] x H/8 x W/8
