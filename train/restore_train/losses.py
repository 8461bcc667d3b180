"""Losses on chroma ``B x 2 x h x w`` in [-0.5, 0.5], and the least-squares game of the discriminator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.mobilenet import MobileNetV2Encoder
from restore_train.lab import ciede2000, lab_from_luma_chroma, rarity_weights

FULL_WEIGHT_AT = 0.15  # chroma magnitude from which a pixel counts fully as coloured; about a strong skin tone

NEGLIGIBLE_ERROR = 1e-4  # squared RGB error of 2.5 codes of 8 bits: 40 dB, where a crop counts as perfect


CONTENT_LOSSES = ("smooth_l1", "log_mse", "ciede2000", "ab_error", "ab_error_rebalanced", "colourfulness", "features")

RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
RGB_OF_CHROMA = ((0.0, 1.402), (-0.344136, -0.714136), (1.772, 0.0))  # rows R, G, B; columns Cb, Cr: ITU-T T.871
DEEP_TAPS = (2, 3, 4)  # of the encoder, strides 8, 16, 32: what things are rather than how they are drawn


class ContentLoss:
    """The weighted sum of the losses that a phase names; a negative weight rewards.

    ``weights`` by name of :data:`CONTENT_LOSSES`; ``gain`` and ``beta`` belong to ``smooth_l1`` alone; ``rarity`` (see
    :func:`restore_train.lab.rarity_of_colours`) is needed for ``ab_error_rebalanced``, ``features`` for that of its
    name.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        *,
        gain: float = 0.0,
        beta: float = 0.05,
        rarity: Tensor | None = None,
        features: ColourFeatureLoss | None = None,
    ) -> None:
        if unknown := set(weights) - set(CONTENT_LOSSES):
            raise ValueError(f"unknown losses {sorted(unknown)}; known are {', '.join(CONTENT_LOSSES)}")
        if "ab_error_rebalanced" in weights and rarity is None:
            raise ValueError("ab_error_rebalanced needs the rarity of colours")
        if "features" in weights and features is None:
            raise ValueError("the loss on features needs a network: [network] classifier")
        self.weights, self.gain, self.beta, self.rarity, self.features = weights, gain, beta, rarity, features

    def __call__(self, predicted: Tensor, truth: Tensor, full_luma: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Predicted and true chroma ``B x 2 x h x w`` at luma ``B x 1 x H x W``, multiples of theirs, to the sum and
        its parts."""
        luma = F.avg_pool2d(full_luma, full_luma.shape[-1] // predicted.shape[-1])  # B x 1 x h x w
        parts: dict[str, Tensor] = {}
        if self.features is not None and "features" in self.weights:
            parts["features"] = self.features(full_luma, predicted, truth)
        if "smooth_l1" in self.weights:
            parts["smooth_l1"] = weighted_smooth_l1(predicted, truth, gain=self.gain, beta=self.beta)
        if "log_mse" in self.weights:
            parts["log_mse"] = log_squared_error(predicted, truth)
        if "colourfulness" in self.weights:
            parts["colourfulness"] = colourfulness_of_chroma(predicted).mean()
        if {"ciede2000", "ab_error", "ab_error_rebalanced"} & set(self.weights):
            lab, true_lab = lab_from_luma_chroma(luma, predicted), lab_from_luma_chroma(luma, truth)
            distance = ((lab - true_lab)[:, 1:].square().sum(dim=1) + 1e-4).sqrt()  # B x h x w
            if "ciede2000" in self.weights:
                parts["ciede2000"] = ciede2000(lab, true_lab).mean()
            if "ab_error" in self.weights:
                parts["ab_error"] = distance.mean()
            if self.rarity is not None and "ab_error_rebalanced" in self.weights:
                parts["ab_error_rebalanced"] = (distance * rarity_weights(true_lab, self.rarity)).mean()
        total = torch.stack([self.weights[name] * value for name, value in parts.items()]).sum()
        return total, parts


class ColourFeatureLoss(nn.Module):
    """Difference of coloured pictures in the deep features of a frozen classifier (Johnson 2016): a wrong colour costs
    as much as it misleads about what is seen. The classifier is neither an encoder nor the judge of ours."""

    def __init__(self, encoder: MobileNetV2Encoder, *, autocast: torch.autocast) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)
        self.autocast = autocast

    def maps(self, luma: Tensor, chroma: Tensor) -> list[Tensor]:
        """The deep taps of luma ``B x 1 x H x W`` coloured by chroma ``B x 2 x H/4 x W/4``."""
        enlarged = F.interpolate(chroma, size=luma.shape[-2:], mode="bilinear")
        rgb = (luma + torch.einsum("kc,bchw->bkhw", chroma.new_tensor(RGB_OF_CHROMA), enlarged)).clamp(0, 1)
        mean, deviation = (chroma.new_tensor(values)[:, None, None] for values in (RGB_MEAN, RGB_STD))
        with self.autocast:
            taps = self.encoder.taps((rgb - mean) / deviation)
        return [taps[index].float() for index in DEEP_TAPS]

    def forward(self, luma: Tensor, predicted: Tensor, truth: Tensor) -> Tensor:
        """The mean over taps of the difference, each relative to the tap's own size."""
        with torch.no_grad():
            targets = self.maps(luma, truth)
        pairs = zip(self.maps(luma, predicted), targets, strict=True)
        return torch.stack([(ours - theirs).abs().mean() / theirs.abs().mean() for ours, theirs in pairs]).mean()


def colour_weights(target: Tensor, gain: float) -> Tensor:
    """``B x 1 x h x w``: 1 for gray, rising to ``1 + gain`` for strong colour.

    Most of a photo is nearly gray; without weights a regression learns to say "gray" (Zhang 2016, section 2.2, in the
    simplest form for a regression). Normalised to mean 1, so that the learning rate keeps its meaning.
    """
    magnitude = target.square().sum(dim=1, keepdim=True).sqrt()
    weights = 1 + gain * (magnitude / FULL_WEIGHT_AT).clamp(max=1)
    return weights / weights.mean()


def weighted_smooth_l1(predicted: Tensor, target: Tensor, *, gain: float, beta: float) -> Tensor:
    """Smooth L1 (quadratic below ``beta``; Girshick 2015, equation 3) of the chroma error, weighted by colour."""
    loss = F.smooth_l1_loss(predicted, target, beta=beta, reduction="none")
    return (loss * colour_weights(target, gain)).mean()


def log_squared_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean over pictures of the logarithm of their squared RGB error: what mean PSNR measures, in nepers.

    A picture that is nearly gray counts as much as a colourful one, so that doubt stays gray and conviction vivid.
    The RGB error follows from the chroma error at exact luma (ITU-T T.871: R = Y + 1.402 Cr, and so on).
    """
    cb, cr = (predicted - target).unbind(dim=1)
    rgb_errors = torch.stack([1.402 * cr, -0.344136 * cb - 0.714136 * cr, 1.772 * cb])  # 3 x B x h x w
    squared = rgb_errors.square().mean(dim=(0, 2, 3))  # B
    return torch.log(squared + NEGLIGIBLE_ERROR).mean()


def colourfulness_of_chroma(chroma: Tensor) -> Tensor:
    """Colourfulness (Hasler and Susstrunk 2003) of each picture, ``B``, on a scale whose white is 1.

    It needs no luma: R - G and (R + G) / 2 - B follow from Cb and Cr alone. Taken as a loss by DDColor (Kang 2023).
    """
    cb, cr = chroma.flatten(2).unbind(dim=1)  # B x hw each
    red_green = 2.116136 * cr + 0.344136 * cb
    yellow_blue = 0.343932 * cr - 1.944068 * cb
    tiny = 1e-8  # keeps the root's gradient finite for a gray picture
    spread = (red_green.var(dim=1) + yellow_blue.var(dim=1) + tiny).sqrt()
    centre = (red_green.mean(dim=1).square() + yellow_blue.mean(dim=1).square() + tiny).sqrt()
    return spread + 0.3 * centre


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Least squares with targets 1 and 0 (Mao 2017, equation 9), halved as in Isola 2017, section 3.3."""
    return 0.25 * ((real_scores - 1).square().mean() + fake_scores.square().mean())


def feature_matching_loss(real_maps: Sequence[Tensor], fake_maps: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference in the discriminator's activations, layer by layer (Wang 2018, equation 2)."""
    pairs = zip(real_maps, fake_maps, strict=True)
    return torch.stack([(real.detach() - fake).abs().mean() for real, fake in pairs]).mean()


def generator_loss(fake_scores: Tensor) -> Tensor:
    """Least squares toward 1 (Mao 2017, equation 9)."""
    return 0.5 * torch.mean((fake_scores - 1) ** 2)
