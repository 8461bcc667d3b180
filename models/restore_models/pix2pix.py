"""Pix2Pix for colour (Isola 2017): a U-Net generator over a pretrained encoder, and a conditional PatchGAN."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.encoders import MOBILENET_V2, Encoder


@dataclass(frozen=True)
class Pix2PixSizes:
    """Sizes of the generator, kept in the weight file's metadata."""

    decoder_channels: tuple[int, int, int, int] = (256, 192, 96, 48)
    """Widths of the decoder at strides 32, 16, 8 and 4."""
    encoder: str = MOBILENET_V2
    """A key of :data:`restore_models.encoders.ENCODERS`; files from before there were several do not say."""


def conv_norm_relu(channels_in: int, channels_out: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class UpBlock(nn.Module):
    """One step up the U: narrow and enlarge, add the encoder's features of that stride, mix."""

    def __init__(self, channels_below: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.below = nn.Conv2d(channels_below, channels_out, 1, bias=False)
        self.skip = nn.Conv2d(channels_skip, channels_out, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.mix = conv_norm_relu(channels_out, channels_out)

    def forward(self, below: Tensor, skip: Tensor) -> Tensor:
        enlarged = F.interpolate(self.below(below), scale_factor=2, mode="nearest")
        out: Tensor = self.mix(F.relu(self.norm(enlarged + self.skip(skip))))
        return out


class ColourUNet(nn.Module):
    """From one channel to features and chroma at stride 4; what :class:`Pix2PixGenerator` and the thermal GAN share.

    The U stops at stride 4: the eye takes finer colour from the luma's edges, which a later stage follows (Dahl 2016).
    The mean of the deepest features reaches every cell, so that the parts of one scene agree on their light (the global
    features of Iizuka 2016, without their class labels).
    """

    multiple_of = 32
    stride = 4

    def __init__(self, *, encoder: Encoder, sizes: Pix2PixSizes) -> None:
        super().__init__()
        self.sizes = sizes
        deepest, *widths = sizes.decoder_channels
        self.encoder = encoder
        self.bottom = conv_norm_relu(encoder.tap_channels[4], deepest, kernel=1)
        self.scene = nn.Linear(deepest, deepest)
        self.up = nn.ModuleList()
        for width, skip_channels in zip(widths, encoder.tap_channels[3:0:-1], strict=True):
            self.up.append(UpBlock(deepest, skip_channels, width))
            deepest = width
        self.head = nn.Conv2d(deepest, 2, 3, padding=1)

    def features(self, luma: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The decoder's last features ``B x C x H/4 x W/4``, and the encoder's taps; it does not use the finest."""
        taps = self.encoder(luma)
        _, *skips, deepest = taps
        features = self.bottom(deepest)  # B x 256 x H/32 x W/32
        features = features + self.scene(features.mean(dim=(2, 3)))[:, :, None, None]
        for block, skip in zip(self.up, reversed(skips), strict=True):
            features = block(features, skip)
        return features, taps

    def chroma(self, features: Tensor) -> Tensor:
        """Features ``B x C x H/4 x W/4`` to chroma (Cb, Cr) of their size in [-0.5, 0.5]."""
        return 0.5 * torch.tanh(self.head(features))


class Pix2PixGenerator(ColourUNet):
    """Luma ``B x 1 x H x W`` in [0, 1] to chroma (Cb, Cr) ``B x 2 x H/4 x W/4`` in [-0.5, 0.5].

    H and W are multiples of ``multiple_of``.
    """

    def forward(self, luma: Tensor) -> Tensor:
        features, _ = self.features(luma)
        return self.chroma(features)  # B x 2 x H/4 x W/4


class PatchDiscriminator(nn.Module):
    """Judges patches of 70 x 70: luma and chroma ``B x 3 x H x W`` to one score a patch (30 x 30 at 256).

    C64-C128-C256-C512 of Isola 2017, section 6.1.2, without a sigmoid: the loss is least squares (Mao 2017).
    """

    def __init__(self, *, channels: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        width = channels
        for stride in (2, 2, 1):
            layers.append(nn.Conv2d(width, 2 * width, 4, stride, 1, bias=False))
            layers.append(nn.InstanceNorm2d(2 * width, affine=True))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            width *= 2
        layers.append(nn.Conv2d(width, 1, 4, 1, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, luma: Tensor, chroma: Tensor) -> Tensor:
        """``luma`` B x 1 x H x W in [0, 1], ``chroma`` B x 2 x H x W in [-0.5, 0.5] to scores B x 1 x h x w."""
        return self.maps(luma, chroma)[-1]

    def maps(self, luma: Tensor, chroma: Tensor) -> list[Tensor]:
        """The activations of every layer, from fine to coarse, and the scores."""
        features = torch.cat([luma * 2 - 1, chroma * 4], dim=1)
        maps = []
        for layer in self.layers:
            features = layer(features)
            if isinstance(layer, nn.LeakyReLU):
                maps.append(features)
        return [*maps, features]
