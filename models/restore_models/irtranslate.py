"""IRTranslate: encoder and fully convolutional decoder from thermal to colour; the thermal GAN's baseline.

Two heads: one value a pixel and channel, for a squared error, and a mixture of discretized logistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.mobilenet import TAP_CHANNELS, MobileNetV2Encoder

COMPONENTS = 5  # logistics a channel
LEVELS = 256  # codes of a channel
LOWEST_LOG_SCALE = -6.0  # of a scale in [0, 1]: half a code
MEAN_TEMPERATURE = 0.5  # of the weights before a mixture's mean is taken; 1 is the plain mean, which is grayer


@dataclass(frozen=True)
class IRTranslateSizes:
    """Sizes, kept in the weight file's metadata."""

    head: str = "mse"
    """``mse`` or ``mixture``."""
    width: int = 64
    """Of the decoder."""


def mixture_log_probability(raw: Tensor, values: Tensor) -> Tensor:
    """Log-probability of ``values`` ``B x 3 x h x w`` in [0, 1] under ``raw`` ``B x 3 * 3 * COMPONENTS x h x w``.

    The mixture of logistics of PixelCNN++ (Salimans 2017, equation 2), each channel on its own: the mass of a bin one
    code wide around the value; the outermost bins reach to infinity. Gives ``B x 3 x h x w``.
    """
    weights, means, log_scales = split_mixture(raw)
    inverse_scales = torch.exp(-log_scales.clamp(min=LOWEST_LOG_SCALE))
    offsets = values.unsqueeze(2) - means
    half = 0.5 / (LEVELS - 1)
    lower, upper = (offsets - half) * inverse_scales, (offsets + half) * inverse_scales
    # s(b) - s(a) = s(b) s(-a) (1 - exp(a - b)), in logarithms: exact far into the tails.
    inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(lower - upper))
    at_black, at_white = values.unsqueeze(2) <= half, values.unsqueeze(2) >= 1 - half
    mass = torch.where(at_black, F.logsigmoid(upper), torch.where(at_white, F.logsigmoid(-lower), inside))
    return torch.logsumexp(F.log_softmax(weights, dim=2) + mass, dim=2)


def mixture_mean(raw: Tensor, temperature: float = MEAN_TEMPERATURE) -> Tensor:
    """The mean of the mixture with its weights sharpened (Zhang 2016, equation 5): ``B x 3 x h x w``."""
    weights, means, _ = split_mixture(raw)
    return (torch.softmax(weights / temperature, dim=2) * means).sum(dim=2)


def split_mixture(raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-weights, means around 0.5 and log-scales, each ``B x 3 x COMPONENTS x h x w``."""
    weights, means, log_scales = raw.reshape(len(raw), 3, 3 * COMPONENTS, *raw.shape[-2:]).chunk(3, dim=2)
    spread = torch.linspace(-0.25, 0.25, COMPONENTS, device=raw.device)[:, None, None]  # apart from the start
    return weights, 0.5 + spread + means, log_scales - 3.0


class IRTranslate(nn.Module):
    """Thermal ``B x 1 x H x W`` in [0, 1], H and W multiples of ``multiple_of``, to luma and chroma.

    As the thermal GAN's generator: luma ``B x 1 x H x W``, chroma ``B x 2 x H/4 x W/4``. The decoder adds up scores of
    every stride of the encoder (Long 2015, section 4.2) down to stride 2, from where luma is enlarged bilinearly.
    """

    multiple_of = 32
    stride = 4
    makes_luma = True

    def __init__(self, *, encoder: MobileNetV2Encoder, sizes: IRTranslateSizes) -> None:
        super().__init__()
        if sizes.head not in ("mse", "mixture"):
            raise ValueError(f"the head is mse or mixture, not {sizes.head!r}")
        self.sizes = sizes
        self.encoder = encoder
        self.scores = nn.ModuleList(nn.Conv2d(channels, sizes.width, 1) for channels in TAP_CHANNELS)
        self.norm = nn.BatchNorm2d(sizes.width)
        self.head = nn.Conv2d(sizes.width, 3 if sizes.head == "mse" else 9 * COMPONENTS, 3, padding=1)

    def raw(self, thermal: Tensor) -> Tensor:
        """What the head says at stride 2: ``B x 3 x H/2 x W/2`` or ``B x 9 * COMPONENTS x H/2 x W/2``."""
        taps = self.encoder(thermal)
        summed = self.scores[-1](taps[-1])
        for score, tap in zip(reversed(self.scores[:-1]), reversed(taps[:-1]), strict=True):
            summed = score(tap) + F.interpolate(summed, scale_factor=2, mode="bilinear")
        raw: Tensor = self.head(F.relu(self.norm(summed)))
        return raw

    def forward(self, thermal: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.raw(thermal)
        picture = 0.5 + raw if self.sizes.head == "mse" else mixture_mean(raw)  # B x 3 x H/2 x W/2 in [0, 1]
        luma = F.interpolate(picture[:, :1], scale_factor=2, mode="bilinear").clamp(0, 1)
        return luma, (F.avg_pool2d(picture[:, 1:], 2) - 0.5).clamp(-0.5, 0.5)
