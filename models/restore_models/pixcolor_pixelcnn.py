"""A conditional PixelCNN of two stacks (van den Oord 2016, "Conditional image generation with PixelCNN decoders").

A vertical stack sees all rows above, a horizontal stack the cells to the left and what the vertical one saw: together
every earlier cell within reach and no later one, without the blind spot of a single masked stack. Masks need no zeroed
weights: kernels hold only the allowed taps, and padding above and to the left puts them in place. Mask A (the first
layer, which leaves out the cell itself) is one more step of that padding.

Within a cell Cr comes before Cb. The stacks run once a cell and know neither; a head gives Cr from their features and
Cb from the same features and Cr. Grouping feature maps by channel instead, as the paper does, would halve the width
that each channel sees, and run the stacks twice a cell when sampling.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.pixcolor_bins import BINS
from restore_models.pixcolor_likelihood import Likelihood

FIRST_ROWS = 3  # the mask-A layer looks this many rows up,
FIRST_COLUMNS = 3  # and this many columns to either side there, and to the left in its own row


class BinEmbedding(nn.Module):
    """Bins (Cr, Cb) ``B x 2 x h x w`` to ``B x 2 * size x h x w``, Cr's vector first.

    Starts as cosines of the bin number, so that neighbouring bins start alike.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        place = (torch.arange(BINS) + 0.5) / BINS
        cosines = torch.cos(math.pi * place[:, None] * torch.arange(1, size + 1))  # BINS x size
        self.tables = nn.Parameter(cosines.expand(2, -1, -1).clone())  # 2 x BINS x size

    def forward(self, bins: Tensor) -> Tensor:
        red, blue = (F.embedding(bins[:, channel], self.tables[channel]) for channel in (0, 1))
        return torch.cat([red, blue], dim=-1).permute(0, 3, 1, 2)


class PixelLayer(nn.Module):
    """One masked residual layer of both stacks: ``B x width x h x w`` twice to the same.

    Vertical: v + conv(relu(v)) over this row and the one above. Horizontal: h + conv(glu(conv over this cell and its
    left + v + condition)); the gate is linear (Dauphin 2017), one operation where tanh times sigmoid are three.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.vertical = nn.Conv2d(width, width, (2, 3))
        self.horizontal = nn.Conv2d(width, 2 * width, (1, 2), bias=False)
        self.link = nn.Conv2d(width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1, bias=False)
        with torch.no_grad():  # a residual stack starts near the identity
            self.vertical.weight.mul_(0.5)
            self.out.weight.mul_(0.5)

    def forward(self, above: Tensor, left: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """``condition`` is ``B x 2 * width x h x w``."""
        above = above + self.vertical(F.pad(F.relu(above), (1, 1, 1, 0)))
        gated = F.glu(self.horizontal(F.pad(left, (1, 0, 0, 0))) + self.link(above) + condition, dim=1)
        return above, left + self.out(gated)


class SymbolHead(nn.Module):
    """Features of the horizontal stack to the raw likelihoods of Cr, and of Cb given Cr."""

    def __init__(self, width: int, embedding: int, likelihood: Likelihood) -> None:
        super().__init__()
        self.features = nn.Conv2d(width, width, 1)
        self.red = nn.Conv2d(width, likelihood.parameters, 1)
        self.hidden = nn.Conv2d(width, width, 1)
        self.given_red = nn.Conv2d(embedding, width, 1, bias=False)
        self.blue = nn.Conv2d(width, likelihood.parameters, 1)
        with torch.no_grad():
            for layer in (self.red, self.blue):
                assert layer.bias is not None
                layer.weight.mul_(0.1)
                layer.bias.copy_(likelihood.starting_bias())

    def forward(self, left: Tensor, red_embedded: Tensor) -> tuple[Tensor, Tensor]:
        features = F.relu(self.features(F.relu(left)))
        hidden = F.relu(self.hidden(features) + self.given_red(red_embedded))
        return self.red(features), self.blue(hidden)


class PixelCNN(nn.Module):
    """``p(bins | conditioning) = prod_i p(Cr_i | bins_<i) p(Cb_i | Cr_i, bins_<i)`` over cells i in raster order.

    With L layers of width C, every symbol sees ``FIRST_ROWS + L`` rows up and as many columns to the left.
    """

    def __init__(self, *, width: int, layers: int, embedding: int, conditioning: int, likelihood: Likelihood) -> None:
        super().__init__()
        self.width = width
        self.embedding_size = embedding
        self.likelihood = likelihood
        self.embedding = BinEmbedding(embedding)
        self.first_vertical = nn.Conv2d(2 * embedding, width, (FIRST_ROWS, 2 * FIRST_COLUMNS + 1), bias=False)
        self.first_horizontal = nn.Conv2d(2 * embedding, 2 * width, (1, FIRST_COLUMNS), bias=False)
        self.first_link = nn.Conv2d(width, 2 * width, 1)
        self.first_out = nn.Conv2d(width, width, 1)
        # One product gives the condition of all: width for the vertical stack, 2 * width for each horizontal layer.
        self.condition = nn.Conv2d(conditioning, width + (layers + 1) * 2 * width, 1)
        self.layers = nn.ModuleList(PixelLayer(width) for _ in range(layers))
        self.head = SymbolHead(width, embedding, likelihood)

    def stacks(self, embedded: Tensor, conditioning: Tensor) -> Tensor:
        """Embedded bins ``B x 2E x h x w`` to features ``B x width x h x w`` that know earlier cells alone."""
        sizes = [self.width] + [2 * self.width] * (len(self.layers) + 1)
        first, *conditions = torch.split(self.condition(conditioning), sizes, dim=1)
        rows, columns = FIRST_ROWS, FIRST_COLUMNS
        above = self.first_vertical(F.pad(embedded, (columns, columns, rows, -1))) + first
        beside = self.first_horizontal(F.pad(embedded, (columns, -1, 0, 0)))
        left: Tensor = self.first_out(F.glu(beside + self.first_link(above) + conditions[0], dim=1))
        for layer, condition in zip(self.layers, conditions[1:], strict=True):
            above, left = layer(above, left, condition)
        return left

    def from_embedded(self, embedded: Tensor, conditioning: Tensor, known: Tensor | None = None) -> Tensor:
        """The same as :meth:`forward` for bins that are embedded already, so that gradients can be asked for."""
        left = self.stacks(embedded if known is None else embedded * known, conditioning)
        raw = torch.stack(self.head(left, embedded[:, : self.embedding_size]), dim=1)  # B x 2 x K x h x w
        return raw.movedim(2, -1)

    def forward(self, bins: Tensor, conditioning: Tensor, known: Tensor | None = None) -> Tensor:
        """Bins (Cr, Cb) ``B x 2 x h x w`` and conditioning ``B x D x h x w`` to raw likelihoods ``B x 2 x h x w x K``.

        Teacher-forced: the outputs at a cell depend on the bins of earlier cells, and Cb's on the cell's own Cr.
        ``known`` ``B x 1 x h x w`` is 0 at cells that later cells are not told of, 1 elsewhere; all are known without.
        """
        return self.from_embedded(self.embedding(bins), conditioning, known)
