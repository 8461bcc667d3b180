"""MobileNetV2 (Sandler 2018) as an encoder for luma: batch norm folded away, features tapped at five strides."""

from __future__ import annotations

from torch import Tensor, nn

# (expansion t, output channels c, repeats n, first stride s): table 2 of the paper.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
STEM_CHANNELS = 32
LAST_CHANNELS = 1280

STRIDES = (2, 4, 8, 16, 32)
TAP_CHANNELS = (96, 144, 192, 576, LAST_CHANNELS)  # expanded activations just before each stride-2 depthwise step

# ImageNet's mean and deviation over the three channels, for an input whose channels are equal.
LUMA_MEAN = 0.449
LUMA_STD = 0.226


def conv_relu6(channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Module:
    conv = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2, groups=groups)
    return nn.Sequential(conv, nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Expand, filter each channel on its own, project back: figure 4 of the paper."""

    def __init__(self, channels_in: int, channels_out: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(conv_relu6(channels_in, hidden, kernel=1))
        layers.append(conv_relu6(hidden, hidden, stride=stride, groups=hidden))
        layers.append(nn.Conv2d(hidden, channels_out, 1))
        self.conv = nn.Sequential(*layers)
        self.stride = stride
        self.skip = stride == 1 and channels_in == channels_out

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Gives the expanded activations (the tap) and the block's output."""
        expanded = self.conv[0](features)
        out = self.conv[1:](expanded)
        return expanded, features + out if self.skip else out


class MobileNetV2Encoder(nn.Module):
    """Luma ``B x 1 x H x W`` in [0, 1], H and W multiples of 32, to five feature maps at strides 2, 4, 8, 16, 32.

    With three ``channels_in`` its blocks are those of a network for RGB, which :meth:`taps` takes normalised. Parameter
    names are torchvision's, so that public weights load; :func:`luma_weights` adapts their first layer.
    """

    tap_channels = TAP_CHANNELS

    def __init__(self, *, channels_in: int = 1) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_relu6(channels_in, STEM_CHANNELS, stride=2)]
        channels = STEM_CHANNELS
        for expansion, channels_out, repeats, first_stride in STAGES:
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                layers.append(InvertedResidual(channels, channels_out, stride=stride, expansion=expansion))
                channels = channels_out
        layers.append(conv_relu6(channels, LAST_CHANNELS, kernel=1))
        self.features = nn.Sequential(*layers)

    def forward(self, luma: Tensor) -> list[Tensor]:
        return self.taps((luma - LUMA_MEAN) / LUMA_STD)

    def taps(self, normalised: Tensor) -> list[Tensor]:
        """As :meth:`forward`, of a picture ``B x channels_in x H x W`` less ImageNet's mean, over its deviation."""
        stem, *blocks, last = self.features
        features = stem(normalised)  # B x 32 x H/2 x W/2
        taps = []
        for block in blocks:
            expanded, features = block(features)
            if block.stride == 2:
                taps.append(expanded)  # B x TAP_CHANNELS[i] x H/STRIDES[i] x W/STRIDES[i]
        taps.append(last(features))  # B x 1280 x H/32 x W/32
        return taps


def luma_weights(rgb_weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Torchvision-named RGB weights for an encoder of one channel: the first filters are summed over R, G, B.

    Right for inputs whose three channels are equal, up to the small spread of ImageNet's channel statistics.
    """
    name = "features.0.0.weight"
    return rgb_weights | {name: rgb_weights[name].sum(dim=1, keepdim=True)}
