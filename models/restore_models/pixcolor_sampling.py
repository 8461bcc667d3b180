"""Sampling a PixelCNN: the naive loop, and the same draws from cached activations (Ramachandran 2017).

The naive loop runs the whole network for every symbol. Of that, all but one cell's worth was known before: the
vertical stack changes once a row, so it runs once a row, all columns at once; the horizontal stack runs once a cell and
keeps what its right neighbour will ask for. Caches hold one row of the vertical stack and one cell of the horizontal
one, whatever the grid's height.

Symbols are drawn by inverting the cumulative distribution at a number that belongs to the symbol's place
(:mod:`restore_models.pixcolor_noise`). Bins are ordered, so a slightly other distribution gives the same bin or its
neighbour: key frames of a shot, drawn with the same numbers, look alike.

Matrix products round differently for different batch sizes. In float32 a draw that falls within some 1e-6 of the edge
between two bins may then go either way, about once in 500 pictures, and everything after it follows; in float64 once in
ten billion. Batch sizes must not show in results, so float64 is the default: the products are small, and it costs
little.

Cells may be given (a film's colours that are there already): they are taken as they are, and the others are drawn in
their place in the raster, knowing the given cells before them. A row's given cells are passed over but for those
within reach of a drawn one to their right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restore_models.pixcolor_bins import BINS
from restore_models.pixcolor_likelihood import Likelihood
from restore_models.pixcolor_pixelcnn import FIRST_COLUMNS, FIRST_ROWS, PixelCNN, PixelLayer

if TYPE_CHECKING:
    from restore_models.pixcolor_row import CompiledRow

COLDEST = 1e-3  # below this temperature the likeliest bin is taken
FEW_GRIDS = 8  # up to so many, a CPU draws a row by one compiled loop; from there on products of matrices are faster


@dataclass(frozen=True)
class Draw:
    """N sampled grids."""

    bins: Tensor
    """``N x 2 x h x w``, int64, channels (Cr, Cb)."""
    log_likelihood: Tensor
    """``N``, nats of what was drawn under the untempered model; for choosing the likeliest of several."""


@dataclass(frozen=True)
class Given:
    """Cells that are not drawn."""

    bins: Tensor
    """``N x 2 x h x w``, int64, channels (Cr, Cb); of any value where cells are to be drawn."""
    mask: Tensor
    """``N x h x w``, bool: true where ``bins`` holds."""


def check_temperature(temperature: float) -> None:
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"a temperature is a number from 0, where the likeliest bin wins, not {temperature}")


def draw_bins(log_probabilities: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """Bins ``...`` for ``... x BINS`` log-probabilities and ``...`` uniform numbers in (0, 1)."""
    if temperature < COLDEST:
        return log_probabilities.argmax(dim=-1)
    cumulative = torch.softmax(log_probabilities / temperature, dim=-1).cumsum(dim=-1)
    return (cumulative <= noise.unsqueeze(-1)).sum(dim=-1).clamp_(max=BINS - 1)


@torch.inference_mode()
def sample_naively(
    network: PixelCNN, conditioning: Tensor, noise: Tensor, *, temperature: float = 1.0, given: Given | None = None
) -> Draw:
    """The definition: the whole network once a symbol. ``N x D x h x w`` and ``N x 2 x h x w``, in the network's dtype.

    For tests and measurements; :class:`CachedSampler` gives the same bins.
    """
    check_temperature(temperature)
    bins = torch.zeros(noise.shape, dtype=torch.long, device=noise.device)
    total = torch.zeros(len(bins), dtype=conditioning.dtype, device=noise.device)
    _, channels, height, width = noise.shape
    for row in range(height):
        for column in range(width):
            for channel in range(channels):
                raw = network(bins, conditioning)[:, channel, row, column]
                log_probabilities = network.likelihood.log_probabilities(raw)
                drawn = draw_bins(log_probabilities, noise[:, channel, row, column], temperature)
                likelihood = log_probabilities.gather(-1, drawn[:, None])[:, 0]
                if given is not None:
                    fixed = given.mask[:, row, column]
                    drawn = torch.where(fixed, given.bins[:, channel, row, column], drawn)
                    likelihood = likelihood.masked_fill(fixed, 0)
                bins[:, channel, row, column] = drawn
                total += likelihood
    return Draw(bins, total)


def matrix(conv: nn.Conv2d, dtype: torch.dtype) -> Tensor:
    """A convolution's weights as ``(taps * inputs) x outputs``, taps in raster order."""
    return conv.weight.detach().to(dtype).permute(2, 3, 1, 0).flatten(0, 2).contiguous()


def bias(conv: nn.Conv2d, dtype: torch.dtype) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach().to(dtype)


def affine(features: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
    """Features ``w x N x inputs`` to ``w x N x outputs``."""
    return torch.addmm(offsets, features.flatten(0, 1), weights).reshape(*features.shape[:2], -1)


class CachedSampler:
    """A PixelCNN's weights, laid out for drawing cell by cell, and the draw.

    Row tensors are ``w x N x channels``: a column is one contiguous slice, a shift along the row is a slice too.
    """

    def __init__(self, network: PixelCNN, *, dtype: torch.dtype = torch.float64) -> None:
        self.dtype = dtype
        self.width = network.width
        self.likelihood: Likelihood = network.likelihood
        self.tables = network.embedding.tables.detach().to(dtype)  # 2 x BINS x E
        self.first_vertical = matrix(network.first_vertical, dtype)
        self.first_horizontal = matrix(network.first_horizontal, dtype)
        self.first_link = matrix(network.first_link, dtype)
        self.first_out = matrix(network.first_out, dtype), bias(network.first_out, dtype)
        layers = [layer for layer in network.layers if isinstance(layer, PixelLayer)]
        self.depth = len(layers)
        self.vertical = [(matrix(layer.vertical, dtype), bias(layer.vertical, dtype)) for layer in layers]
        self.link = [matrix(layer.link, dtype) for layer in layers]
        # The links' offsets go with the condition's, whose product comes first.
        links = [bias(conv, dtype) for conv in (network.first_link, *(layer.link for layer in layers))]
        offsets = bias(network.condition, dtype) + F.pad(torch.cat(links), (self.width, 0))
        self.conditions = matrix(network.condition, dtype), offsets
        self.from_left = torch.stack([matrix(layer.horizontal, dtype)[: self.width] for layer in layers])
        self.from_here = [matrix(layer.horizontal, dtype)[self.width :].contiguous() for layer in layers]
        self.out = [matrix(layer.out, dtype) for layer in layers]
        head = network.head
        self.features = matrix(head.features, dtype), bias(head.features, dtype)
        self.red = matrix(head.red, dtype), bias(head.red, dtype)
        self.hidden = matrix(head.hidden, dtype), bias(head.hidden, dtype)
        # What Cr adds to Cb's hidden layer is one row of a table.
        self.red_effect = self.tables[0] @ matrix(head.given_red, dtype)  # BINS x width
        self.blue = matrix(head.blue, dtype), bias(head.blue, dtype)
        self.row: CompiledRow | None = None
        if self.likelihood is Likelihood.SOFTMAX and dtype == torch.float64:
            from restore_models.pixcolor_row import compiled_row  # loads a compiler, which other models do without

            self.row = compiled_row(network)

    @torch.inference_mode()
    def __call__(
        self, conditioning: Tensor, noise: Tensor, *, temperature: float = 1.0, given: Given | None = None
    ) -> Draw:
        """Conditioning ``N x D x h x w`` and noise ``N x 2 x h x w``, of any dtype, to N grids.

        On a CUDA device one row is captured as a CUDA graph and replayed for all; there ``given`` cells save no time.
        """
        check_temperature(temperature)
        if len(noise) != len(conditioning) or noise.shape[2:] != conditioning.shape[2:]:
            raise ValueError(f"noise {tuple(noise.shape)} does not fit conditioning {tuple(conditioning.shape)}")
        if given is not None and (given.bins.shape != noise.shape or given.mask.shape != noise[:, 0].shape):
            raise ValueError(f"{given.bins.shape = }, {given.mask.shape = } do not fit noise {tuple(noise.shape)}")
        rows = RowByRow(self, conditioning, temperature, some_given=given is not None)
        conditions = conditioning.permute(2, 3, 0, 1)  # h x w x N x D
        numbers = noise.permute(2, 3, 1, 0)  # h x w x 2 x N
        advance = captured(rows) if conditioning.is_cuda else rows.advance
        drawn = []
        for row, (condition, number) in enumerate(zip(conditions, numbers, strict=True)):
            rows.condition.copy_(condition)
            rows.noise.copy_(number)
            if given is not None:
                rows.take(given, row, pass_over=not conditioning.is_cuda)
            advance()
            drawn.append(rows.bins.clone())
        bins = torch.stack(drawn).permute(3, 2, 0, 1).contiguous()  # N x 2 x h x w
        return Draw(bins, rows.log_likelihood.clone())


class RowByRow:
    """The caches of one draw. Inputs, caches and results are buffers that :meth:`advance` writes in place.

    That is what a captured CUDA graph needs; nothing in it depends on the row's number or on drawn values.
    """

    def __init__(
        self, sampler: CachedSampler, conditioning: Tensor, temperature: float, *, some_given: bool = False
    ) -> None:
        grids, channels, _, columns = conditioning.shape
        device = conditioning.device
        self.sampler = sampler
        self.temperature = temperature

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(*shape, dtype=sampler.dtype, device=device)

        symbol = 2 * sampler.tables.shape[-1]
        self.condition = zeros(columns, grids, channels)
        self.noise = zeros(columns, 2, grids)
        self.bins = torch.zeros(columns, 2, grids, dtype=torch.long, device=device)
        self.log_likelihood = zeros(grids)
        self.columns: Collection[int] = range(columns)  # those that go through the stacks,
        self.drawn: Collection[int] = self.columns  # and those of them that are drawn
        self.given = torch.zeros_like(self.bins) if some_given else None
        self.mask = torch.zeros(columns, grids, dtype=torch.bool, device=device)
        # Zero padding as the convolutions have it, beside and above the picture.
        self.symbols = zeros(FIRST_ROWS, columns + 2 * FIRST_COLUMNS, grids, symbol)
        self.above = zeros(sampler.depth, columns + 2, grids, sampler.width)
        self.row = sampler.row if device.type == "cpu" and grids <= FEW_GRIDS else None

    def take(self, given: Given, row: int, *, pass_over: bool) -> None:
        """The next row's given cells; ``pass_over`` leaves out the work on those that no drawn cell hears of."""
        assert self.given is not None
        self.given.copy_(given.bins[:, :, row].permute(2, 1, 0))
        self.mask.copy_(given.mask[:, row].T)
        if pass_over:
            # Layer L of a cell hears of layer L - 1 of its left neighbour: what is wrong moves on one layer a cell,
            # and has left the last one after as many cells as there are layers.
            drawn = (~given.mask[:, row]).any(dim=0)
            reach = F.pad(drawn.float()[None, None], (0, self.sampler.depth))
            heard = F.max_pool1d(reach, self.sampler.depth + 1, stride=1)[0, 0] > 0
            self.columns = heard.nonzero()[:, 0].tolist()
            self.drawn = set(drawn.nonzero()[:, 0].tolist())

    def reset(self) -> None:
        for cache in (self.symbols, self.above, self.log_likelihood):
            cache.zero_()

    def advance(self) -> None:
        """Draws one row from ``condition`` and ``noise`` into ``bins``, and moves the caches on."""
        start, told = self.look_up()
        symbols = self.given_symbols()
        if self.row is None:
            self.draw_row(start, told, symbols)
        else:
            self.row.draw(
                start,
                told,
                self.noise,
                self.mask,
                self.columns,
                temperature=self.temperature if self.temperature >= COLDEST else 0.0,
                threads=torch.get_num_threads(),
                bins=self.bins,
                symbols=symbols,
                log_likelihood=self.log_likelihood,
            )
        self.symbols.copy_(torch.cat([self.symbols[1:], symbols[None]]))

    def look_up(self) -> tuple[Tensor, Tensor]:
        """The vertical stack for one row: what it and the condition tell each horizontal layer.

        Gives ``w x N x 2C`` for the first layer and ``w x L x N x 2C`` for the residual ones.
        """
        sampler, width = self.sampler, self.sampler.width
        columns = len(self.condition)
        conditions = affine(self.condition, *sampler.conditions)  # w x N x all layers' channels
        first, *beside = torch.split(conditions, [width] + [2 * width] * (sampler.depth + 1), dim=-1)
        shifts = range(2 * FIRST_COLUMNS + 1)
        taps = [row[shift : shift + columns] for row in self.symbols for shift in shifts]
        above = torch.cat(taps, dim=-1) @ sampler.first_vertical + first  # w x N x C
        start = above @ sampler.first_link + beside[0]
        told = torch.empty(columns, sampler.depth, above.shape[1], 2 * width, dtype=above.dtype, device=above.device)
        for index in range(sampler.depth):
            active = F.pad(F.relu(above), (0, 0, 0, 0, 1, 1))
            pair = (self.above[index], active)
            taps = [row[shift : shift + columns] for row in pair for shift in range(3)]
            above = above + affine(torch.cat(taps, dim=-1), *sampler.vertical[index])
            self.above[index].copy_(active)
            torch.add(above @ sampler.link[index], beside[index + 1], out=told[:, index])
        return start, told

    def given_symbols(self) -> Tensor:
        """The row's embedded symbols as far as they are given, ``(w + 2 * FIRST_COLUMNS) x N x 2E``."""
        symbols = torch.zeros_like(self.symbols[0])
        if self.given is not None:
            self.bins.copy_(self.given)
            columns = slice(FIRST_COLUMNS, FIRST_COLUMNS + len(self.given))
            symbols[columns] = self.embedded(self.given[:, 0], self.given[:, 1])
        return symbols

    def draw_row(self, start: Tensor, told: Tensor, symbols: Tensor) -> None:
        """The horizontal stack and both draws, cell by cell. Fills in the row's embedded symbols."""
        sampler = self.sampler
        self.distributions: list[Tensor] = []
        lefts = told.new_zeros(sampler.depth, start.shape[1], sampler.width)
        for column in self.columns:
            window = torch.cat(list(symbols[column : column + FIRST_COLUMNS]), dim=-1)
            gated = F.glu(torch.addmm(start[column], window, sampler.first_horizontal), dim=-1)
            here = torch.addmm(sampler.first_out[1], gated, sampler.first_out[0])  # N x C
            heard = torch.baddbmm(told[column], lefts, sampler.from_left)  # L x N x 2C
            passed = []
            for outer, inner, out in zip(heard.unbind(), sampler.from_here, sampler.out, strict=True):
                passed.append(here)
                gated = F.glu(torch.addmm(outer, here, inner), dim=-1)
                here = torch.addmm(here, gated, out)
            lefts = torch.stack(passed)
            if column in self.drawn:
                symbols[column + FIRST_COLUMNS] = self.draw_cell(here, column)
        self.count_likelihood()

    def draw_cell(self, here: Tensor, column: int) -> Tensor:
        """Cr, then Cb; gives the cell's embedding ``N x 2E``."""
        sampler = self.sampler
        features = F.relu(torch.addmm(sampler.features[1], F.relu(here), sampler.features[0]))
        red = self.draw_symbol(torch.addmm(sampler.red[1], features, sampler.red[0]), column, 0)
        hidden = torch.addmm(sampler.hidden[1], features, sampler.hidden[0]) + sampler.red_effect[red]
        blue = self.draw_symbol(torch.addmm(sampler.blue[1], F.relu(hidden), sampler.blue[0]), column, 1)
        return self.embedded(red, blue)

    def embedded(self, red: Tensor, blue: Tensor) -> Tensor:
        """Bins ``...`` to ``... x 2E``."""
        tables = self.sampler.tables
        return torch.cat([tables[0][red], tables[1][blue]], dim=-1)

    def draw_symbol(self, raw: Tensor, column: int, channel: int) -> Tensor:
        log_probabilities = self.sampler.likelihood.log_probabilities(raw)
        self.distributions.append(log_probabilities)
        drawn = draw_bins(log_probabilities, self.noise[column, channel], self.temperature)
        if self.given is not None:
            drawn = torch.where(self.mask[column], self.given[column, channel], drawn)
        self.bins[column, channel] = drawn
        return drawn

    def count_likelihood(self) -> None:
        """Adds that of the row, once for all of its cells: one by one it would take a tenth of the time."""
        if not self.drawn:
            return
        bins, mask = self.bins, self.mask
        if len(self.drawn) < len(bins):  # never in a captured graph, which can take no index from the host
            columns = sorted(self.drawn)
            bins, mask = bins[columns], mask[columns]
        log_probabilities = torch.stack(self.distributions)  # 2 * cells x N x BINS
        likelihood = log_probabilities.gather(-1, bins.flatten(0, 1).unsqueeze(-1))[..., 0]
        if self.given is not None:
            likelihood = likelihood.masked_fill(mask.repeat_interleave(2, dim=0), 0)
        self.log_likelihood += likelihood.sum(dim=0)


def captured(rows: RowByRow) -> Callable[[], None]:
    """One row as a CUDA graph: a thousand small kernels started by one call."""
    device = rows.noise.device
    with torch.cuda.device(device):
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries set themselves up before the capture
            rows.advance()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            rows.advance()
    rows.reset()
    return graph.replay
