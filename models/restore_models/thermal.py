"""The thermal GAN: one thermal channel to believable luma and chroma, and the discriminator that it learns against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from restore_models.mobilenet import TAP_CHANNELS, MobileNetV2Encoder
from restore_models.pix2pix import ColourUNet, Pix2PixSizes, UpBlock

DETAIL_WINDOW = 9  # pixels a side, whose mean is taken off the thermal picture
DETAIL_GAIN = 8.0  # logits of luma per unit of detail, where the network says 1: doubles contrast at mid gray
LIGHT_TAPS = (0, 1, 3)  # of the encoder: strides 2, 4 and 16
LIGHT_SIDE, LIGHT_LONGEST = 256, 1024  # pixels: sides of a picture whose texture is read; texture has its scale


@dataclass(frozen=True)
class ThermalSizes:
    """Sizes of the generator, kept in the weight file's metadata."""

    decoder_channels: tuple[int, int, int, int] = (256, 192, 96, 48)
    """Widths of the decoder at strides 32, 16, 8 and 4; the default model's, whose weights it starts from."""
    luma_channels: int = 24
    """Width of the luma's own step, at stride 2."""


def thermal_detail(thermal: Tensor) -> Tensor:
    """What is finer than nine pixels of ``B x 1 x H x W``: the picture less its local mean."""
    margin = DETAIL_WINDOW // 2
    local_mean = F.avg_pool2d(thermal, DETAIL_WINDOW, stride=1, padding=margin, count_include_pad=False)
    return thermal - local_mean


def without_checks(planes: Tensor) -> Tensor:
    """``B x C x H x W``, smoothed by (1, 2, 1) / 4 down and across, which has no answer to a period of two pixels.

    What a sub-pixel convolution leaves of the sort is gone (Sugawara 2018 use a box); sharpness comes from the sensor.
    """
    padded = F.pad(planes, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]) / 4
    return (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]) / 4


def at_light_side(picture: NDArray[Any], multiple_of: int) -> NDArray[Any]:
    """A thermal picture ``H x W`` of any kind, as light is read from it: its short side about 256 pixels.

    Both sides are multiples of ``multiple_of``; the long one of a panorama is squeezed to 1,024.
    """
    scale = LIGHT_SIDE / min(picture.shape)
    height, width = (
        min(max(round(side * scale / multiple_of), 1) * multiple_of, LIGHT_LONGEST) for side in picture.shape
    )
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


class SceneLight(nn.Module):
    """Whether a scene lay in daylight: a guess, and what follows from it for the decoder's features.

    Shapes do not tell, but texture does: how noisy and how even walls, road and leaves are. A linear reader of the
    encoder's features at strides 2, 4 and 16, averaged over the picture, is right on four of five pairs from drives it
    was not fitted to, one of those at stride 32 on little more than half (``train/RESULTS.md``). It is fitted by
    ``restore_train.light``, not trained. One number is all that goes on to the decoder, as a scale and a shift of each
    feature (FiLM, Perez 2018): no picture is learnt by heart through it, and a user can give it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.read = nn.Linear(sum(TAP_CHANNELS[tap] for tap in LIGHT_TAPS), 1).requires_grad_(False)
        self.turn = nn.Conv2d(1, 2 * channels, 1, bias=False)
        nn.init.zeros_(self.read.weight)
        nn.init.zeros_(self.read.bias)
        nn.init.zeros_(self.turn.weight)

    def texture(self, taps: list[Tensor]) -> Tensor:
        """What is read: means over the picture of the encoder's ``taps``, ``B x 816``."""
        return torch.cat([taps[tap].mean(dim=(2, 3)) for tap in LIGHT_TAPS], dim=1)

    def guess(self, taps: list[Tensor]) -> Tensor:
        """The light to expect, ``B x 1 x 1 x 1`` from -1, night, to 1, day."""
        light: Tensor = self.read(self.texture(taps).detach()).clamp(-1, 1)
        return light[..., None, None]

    def forward(self, features: Tensor, light: Tensor) -> Tensor:
        """``features`` ``B x C x h x w`` as they are in ``light``."""
        scale, shift = self.turn(light).chunk(2, dim=1)
        lit: Tensor = features * (1 + scale) + shift
        return lit


class ThermalGenerator(ColourUNet):
    """Thermal ``B x 1 x H x W`` in [0, 1], white-hot, H and W multiples of ``multiple_of``, to luma and chroma.

    Luma is ``B x 1 x H x W`` in [0, 1], chroma (Cb, Cr) ``B x 2 x H/4 x W/4`` in [-0.5, 0.5]. The U is the default
    model's, so that it starts from what that one has learnt of photos. Luma leaves it at stride 2, and is a base plus a
    signed gain on the thermal picture's own detail, locally linear as in a guided filter (He 2010): edges are as sharp
    as the sensor's, and lie where the heat says, though a hot roof may be dark and a cold sky bright.
    """

    encoder: MobileNetV2Encoder
    makes_luma = True
    """Answers with luma too, so that it is no colorizer for photos and films."""

    def __init__(self, *, encoder: MobileNetV2Encoder, sizes: ThermalSizes) -> None:
        super().__init__(encoder=encoder, sizes=Pix2PixSizes(decoder_channels=sizes.decoder_channels))
        self.thermal_sizes = sizes
        self.luma_up = UpBlock(sizes.decoder_channels[-1], TAP_CHANNELS[0], sizes.luma_channels)
        self.luma_head = nn.Conv2d(sizes.luma_channels, 8, 3, padding=1)  # base and gain, each of 2 x 2 pixels
        self.light = SceneLight(sizes.decoder_channels[-1])

    def forward(self, thermal: Tensor, light: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``light``, ``B x 1 x 1 x 1`` from -1, night, to 1, day, is taken as 0, not known, where it is not given."""
        features, taps = self.features(thermal)  # B x 48 x H/4 x W/4
        if light is not None:
            features = self.light(features, light)
        planes = without_checks(F.pixel_shuffle(self.luma_head(self.luma_up(features, taps[0])), 2))  # B x 2 x H x W
        base, gain = planes[:, :1], planes[:, 1:]
        luma = torch.sigmoid(base + DETAIL_GAIN * gain * thermal_detail(thermal))
        return luma, self.chroma(features)

    def guessed_light(self, thermal: Tensor) -> Tensor:
        """The light to expect, ``B x 1 x 1 x 1`` from -1, night, to 1, day, of pictures :func:`at_light_side`."""
        return self.light.guess(self.encoder(thermal))


class ThermalDiscriminator(nn.Module):
    """Judges patches of 70 x 70 of a thermal picture with its luma and chroma: ``B x 4 x H x W`` to one score a patch.

    As :class:`restore_models.pix2pix.PatchDiscriminator`. Instance norm sees one picture at a time, as a Wasserstein
    critic's gradient penalty needs (Gulrajani 2017, section 4).
    """

    def __init__(self, *, channels: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(4, channels, 4, 2, 1), nn.LeakyReLU(0.2)]
        width = channels
        for stride in (2, 2, 1):
            layers.append(nn.Conv2d(width, 2 * width, 4, stride, 1, bias=False))
            layers.append(nn.InstanceNorm2d(2 * width, affine=True))
            layers.append(nn.LeakyReLU(0.2))
            width *= 2
        layers.append(nn.Conv2d(width, 1, 4, 1, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, thermal: Tensor, picture: Tensor) -> Tensor:
        """``thermal`` B x 1 x H x W and ``picture`` (Y, Cb, Cr) B x 3 x H x W to scores B x 1 x h x w."""
        scaled = torch.cat([thermal * 2 - 1, picture[:, :1] * 2 - 1, picture[:, 1:] * 4], dim=1)
        scores: Tensor = self.layers(scaled)
        return scores
