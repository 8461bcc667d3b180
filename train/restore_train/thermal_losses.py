"""Losses of thermal translation, which forgive pairs that are a few pixels off; and the Wasserstein game.

Everything is on Y, Cb, Cr: luma in [0, 1], chroma in [-0.5, 0.5].
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.mobilenet import LUMA_MEAN, LUMA_STD, MobileNetV2Encoder
from restore_train.lab import ciede2000, lab_from_luma_chroma
from restore_train.losses import colourfulness_of_chroma, weighted_smooth_l1

THERMAL_LOSSES = ("luma", "luma_plain", "chroma", "ciede2000", "features", "colourfulness")

CHROMA_CELL = 4  # pixels a side: chroma's own grid, and the grain on which colour differences are taken
LUMA_CELL = 2  # pixels a side; means over cells forgive a pixel
SHIFTS = (-1, 0, 1)  # cells tried down and across: two pixels more, three in all
BLOCK = 8  # cells a side that share a shift: 16 pixels
EARLY_BLOCKS = 8  # of the encoder: features at strides 2, 4 and 8
GRADIENT_PENALTY = 10.0  # lambda of Gulrajani 2017


def shift_tolerant_l1(luma: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error of luma ``B x 1 x H x W``, each block compared with the best fitting of nine shifted truths.

    A pair that is registered to within three pixels then costs no more than one that is exact, where a plain error
    would teach blur. H and W are multiples of 16. Blocks that move on their own are parallax.
    """
    cells, true_cells = F.avg_pool2d(luma, LUMA_CELL), F.avg_pool2d(truth, LUMA_CELL)
    height, width = cells.shape[-2:]
    reach = max(SHIFTS)
    padded = F.pad(true_cells, (reach, reach, reach, reach), mode="replicate")
    errors = [
        F.avg_pool2d(
            (cells - padded[..., reach + down : reach + down + height, reach + across : reach + across + width]).abs(),
            BLOCK,
        )
        for down in SHIFTS
        for across in SHIFTS
    ]
    return torch.stack(errors).amin(dim=0).mean()


def squared_rgb_error(picture: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error in R, G and B of two pictures (Y, Cb, Cr) ``B x 3 x h x w`` (ITU-T T.871)."""
    luma, cb, cr = (picture - truth).unbind(dim=1)
    red, green, blue = luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb
    return torch.stack([red, green, blue]).square().mean()


class FeatureLoss(nn.Module):
    """Difference of luma in the early features of a frozen encoder (Johnson 2016), pooled to forgive small shifts."""

    def __init__(self, encoder: MobileNetV2Encoder) -> None:
        super().__init__()
        self.blocks = deepcopy(encoder.features[:EARLY_BLOCKS])
        self.requires_grad_(False).eval()

    def maps(self, luma: Tensor) -> list[Tensor]:
        """The encoder's first three taps, pooled to strides 4, 8 and 16."""
        stem, *blocks = self.blocks.children()
        features = stem((luma - LUMA_MEAN) / LUMA_STD)
        taps = []
        for block in blocks:
            expanded, features = block(features)
            if block.stride == 2:
                taps.append(F.avg_pool2d(expanded, 2))
        return taps

    def forward(self, luma: Tensor, truth: Tensor) -> Tensor:
        with torch.no_grad():
            targets = self.maps(truth)
        pairs = zip(self.maps(luma), targets, strict=True)
        return torch.stack([(ours - theirs).abs().mean() for ours, theirs in pairs]).mean()


class ThermalContentLoss:
    """The weighted sum of the losses that a phase names, out of :data:`THERMAL_LOSSES`; a negative weight rewards."""

    def __init__(
        self, weights: Mapping[str, float], *, gain: float, beta: float, features: FeatureLoss | None = None
    ) -> None:
        if "features" in weights and features is None:
            raise ValueError("the loss on features needs an encoder")
        self.weights, self.gain, self.beta, self.features = weights, gain, beta, features

    def __call__(self, luma: Tensor, chroma: Tensor, truth: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Luma ``B x 1 x H x W``, chroma ``B x 2 x H/4 x W/4``, truth ``B x 3 x H x W`` to the sum and its parts."""
        true_luma = truth[:, :1]
        coarse_truth = F.avg_pool2d(truth, CHROMA_CELL)  # B x 3 x H/4 x W/4
        parts: dict[str, Tensor] = {}
        if "luma" in self.weights:
            parts["luma"] = shift_tolerant_l1(luma, true_luma)
        if "luma_plain" in self.weights:
            parts["luma_plain"] = (luma - true_luma).abs().mean()
        if "chroma" in self.weights:
            parts["chroma"] = weighted_smooth_l1(chroma, coarse_truth[:, 1:], gain=self.gain, beta=self.beta)
        if "ciede2000" in self.weights:
            ours = lab_from_luma_chroma(F.avg_pool2d(luma, CHROMA_CELL), chroma)
            parts["ciede2000"] = ciede2000(ours, lab_from_luma_chroma(coarse_truth[:, :1], coarse_truth[:, 1:])).mean()
        if self.features is not None and "features" in self.weights:
            parts["features"] = self.features(luma, true_luma)
        if "colourfulness" in self.weights:
            parts["colourfulness"] = colourfulness_of_chroma(chroma).mean()
        total = torch.stack([self.weights[name] * value for name, value in parts.items()]).sum()
        return total, parts


def critic_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """A critic's estimate of the Wasserstein distance, negated (Arjovsky 2017, equation 3)."""
    return fake_scores.mean() - real_scores.mean()


def critic_preference(fake_scores: Tensor) -> Tensor:
    """What the generator minimises: the critic's score of its pictures, negated."""
    return -fake_scores.mean()


def gradient_penalty(critic: nn.Module, thermal: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """Ten times the squared deviation from 1 of the critic's slope between real and fake (Gulrajani 2017, equation 3).

    ``thermal`` is B x 1 x H x W, ``real`` and ``fake`` B x 3 x H x W. Scores of patches are averaged a picture.
    """
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * fake).detach().requires_grad_(True)
    scores = critic(thermal, between).mean(dim=(1, 2, 3)).sum()
    (slope,) = torch.autograd.grad(scores, between, create_graph=True)
    penalty: Tensor = GRADIENT_PENALTY * (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty
