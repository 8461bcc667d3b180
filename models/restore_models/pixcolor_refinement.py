"""The two ordinary convolutional networks behind the PixelCNN: one mends its samples, one enlarges them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.pixcolor_likelihood import Likelihood
from restore_models.pixcolor_pixelcnn import BinEmbedding

LUMA_BLOCK = 4  # luma pixels a side that become channels of one cell of the refined chroma


class Shortcut(nn.Module):
    """``x + conv(relu(x))``, 3 x 3."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        mixed: Tensor = self.conv(F.relu(features))
        return features + mixed


class PostHead(nn.Module):
    """A sampled grid to a second opinion on every cell, made with the later cells in sight.

    Bins (Cr, Cb) ``B x 2 x h x w`` and conditioning ``B x D x h x w`` to raw likelihoods ``B x 2 x h x w x K``: five
    convolutions. Trained to find the true bins from bins that the PixelCNN drew (never from the true ones, which it
    would copy), so at work it takes back what does not go with what was drawn later.
    """

    def __init__(self, *, width: int, embedding: int, conditioning: int, likelihood: Likelihood) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.embedding = BinEmbedding(embedding)
        self.first = nn.Conv2d(2 * embedding + conditioning, width, 3, padding=1)
        self.middle = nn.Sequential(*(Shortcut(width) for _ in range(3)))
        self.last = nn.Conv2d(width, 2 * likelihood.parameters, 1)
        with torch.no_grad():
            assert self.last.bias is not None
            self.last.weight.mul_(0.1)
            self.last.bias.copy_(likelihood.starting_bias().repeat(2))

    def forward(self, bins: Tensor, conditioning: Tensor) -> Tensor:
        features = self.middle(self.first(torch.cat([self.embedding(bins), conditioning], dim=1)))
        raw: Tensor = self.last(F.relu(features))
        return torch.stack(raw.chunk(2, dim=1), dim=1).movedim(2, -1)


def agree_with_coarse(chroma: Tensor, coarse: Tensor) -> Tensor:
    """The chroma ``B x 2 x f*h x f*w`` nearest to the given one whose f x f means are ``coarse`` ``B x 2 x h x w``.

    An orthogonal projection: where ``coarse`` is the truth's mean, it can only bring chroma nearer to the truth.
    """
    factor = chroma.shape[-1] // coarse.shape[-1]
    error = coarse - F.avg_pool2d(chroma, factor)
    return chroma + F.interpolate(error, scale_factor=factor, mode="nearest")


class RefinementNet(nn.Module):
    """Luma ``B x 1 x H x W`` in [0, 1] and coarse chroma ``B x 2 x H/8 x W/8`` to chroma ``B x 2 x H/4 x W/4``.

    Bilinear enlargement plus detail that follows the luma, then made to agree with the coarse chroma exactly. It has no
    encoder, so that a film's frames, whose coarse chroma is carried along motion, cost little.
    """

    def __init__(self, *, width: int, layers: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv2d(LUMA_BLOCK**2 + 2, width, 3, padding=1)
        self.middle = nn.Sequential(*(Shortcut(width) for _ in range(layers)))
        self.last = nn.Conv2d(width, 2, 3, padding=1, bias=False)  # agreeing takes any constant away
        nn.init.zeros_(self.last.weight)  # starts as the bilinear enlargement

    def forward(self, luma: Tensor, coarse: Tensor) -> Tensor:
        fine = (luma.shape[-2] // LUMA_BLOCK, luma.shape[-1] // LUMA_BLOCK)
        enlarged = F.interpolate(coarse, size=fine, mode="bilinear")  # B x 2 x H/4 x W/4
        pixels = F.pixel_unshuffle(luma * 2 - 1, LUMA_BLOCK)  # B x 16 x H/4 x W/4
        features = self.middle(self.first(torch.cat([pixels, enlarged * 4], dim=1)))
        detail = self.last(F.relu(features)) * 0.25
        return agree_with_coarse(enlarged + detail, coarse)
