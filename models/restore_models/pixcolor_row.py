"""The horizontal half of a cached draw, for CPUs: one row of cells, compiled.

A cell is some hundred products of a short vector and a small matrix, one after the other. Started one by one by a
tensor library, each costs more to start than to work out. Here they are one loop, compiled at the first draw (some
seconds, kept on disk for the next process). Weights are read as the float32 they are trained in, and all sums are in
float64, in an order that depends on nothing: a grid's draw is the same to the last bit whatever is drawn beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor, nn

from restore_models.pixcolor_pixelcnn import PixelCNN, PixelLayer

Floats = NDArray[np.float32]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Machine code, kept on disk where there is a place for it."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        machine_code: Callable[..., Any] = njit(cache=True, **options)(function)
    except RuntimeError:  # neither beside the source nor in the user's cache folder may be written
        machine_code = njit(**options)(function)
    return machine_code


class CompiledRow(NamedTuple):
    """Matrices ``inputs x outputs`` and offsets of what runs once a cell; C is the width, L the residual layers."""

    tables: Floats
    """``2 x BINS x E``"""
    first: Floats
    """``FIRST_COLUMNS * 2E x 2C``"""
    first_out: Floats
    first_offset: Floats
    from_left: Floats
    """``L x C x 2C``"""
    from_here: Floats
    """``L x C x 2C``"""
    out: Floats
    """``L x C x C``"""
    features: Floats
    features_offset: Floats
    red: Floats
    """``C x BINS``"""
    red_offset: Floats
    hidden: Floats
    hidden_offset: Floats
    red_effect: NDArray[np.float64]
    """``BINS x C``: what Cr adds to Cb's hidden layer."""
    blue: Floats
    blue_offset: Floats

    def draw(
        self,
        start: Tensor,
        told: Tensor,
        noise: Tensor,
        given: Tensor,
        columns: Collection[int],
        *,
        temperature: float,
        threads: int,
        bins: Tensor,
        symbols: Tensor,
        log_likelihood: Tensor,
    ) -> None:
        """Draws the cells of ``columns`` that are not ``given`` (``w x N``) of one row of N grids.

        ``start`` (``w x N x 2C``) and ``told`` (``w x L x N x 2C``) are what condition and rows above say to the first
        and the residual layers, ``noise`` is ``w x 2 x N``; all float64. Writes ``bins`` (``w x 2 x N``) and
        ``symbols`` (``w + 2 * FIRST_COLUMNS x N x 2E``), which hold the given cells, and adds to ``log_likelihood``
        (``N``). Grids are shared out among ``threads``.
        """
        places = np.array(sorted(columns), np.int64)
        known = start.numpy(), told.numpy(), noise.numpy(), given.numpy()
        results = bins.numpy(), symbols.numpy(), log_likelihood.numpy()

        def share(grids: tuple[int, int]) -> None:
            draw_cells(self, *known, places, temperature, *grids, *results)

        ends = [len(log_likelihood) * part // threads for part in range(threads + 1)]
        shares = [(first, end) for first, end in pairwise(ends) if first < end]
        if len(shares) == 1:
            share(shares[0])
        else:
            with ThreadPoolExecutor(len(shares)) as pool:
                list(pool.map(share, shares))


def compiled_row(network: PixelCNN) -> CompiledRow:
    """A network's weights, laid out. The head is to be a softmax."""

    def plain(values: Tensor | None) -> Floats:
        assert values is not None
        return np.ascontiguousarray(values.detach().float().cpu().numpy())

    def matrix(conv: nn.Conv2d) -> Floats:
        return plain(conv.weight.permute(2, 3, 1, 0).flatten(0, 2))

    layers = [layer for layer in network.layers if isinstance(layer, PixelLayer)]
    beside = np.stack([matrix(layer.horizontal) for layer in layers])  # L x 2C x 2C, the left cell's half first
    head = network.head
    return CompiledRow(
        tables=plain(network.embedding.tables),
        first=matrix(network.first_horizontal),
        first_out=matrix(network.first_out),
        first_offset=plain(network.first_out.bias),
        from_left=np.ascontiguousarray(beside[:, : network.width]),
        from_here=np.ascontiguousarray(beside[:, network.width :]),
        out=np.stack([matrix(layer.out) for layer in layers]),
        features=matrix(head.features),
        features_offset=plain(head.features.bias),
        red=matrix(head.red),
        red_offset=plain(head.red.bias),
        hidden=matrix(head.hidden),
        hidden_offset=plain(head.hidden.bias),
        red_effect=plain(network.embedding.tables[0]).astype(np.float64) @ matrix(head.given_red).astype(np.float64),
        blue=matrix(head.blue),
        blue_offset=plain(head.blue.bias),
    )


@compiled
def add_product(total: Any, vector: Any, matrix: Any) -> None:
    """``total += vector @ matrix``, four inputs at a time."""
    inputs = len(vector)
    whole = inputs - inputs % 4
    for i in range(0, whole, 4):
        a, b, c, d = vector[i], vector[i + 1], vector[i + 2], vector[i + 3]
        for j in range(len(total)):
            total[j] += (a * matrix[i, j] + b * matrix[i + 1, j]) + (c * matrix[i + 2, j] + d * matrix[i + 3, j])
    for i in range(whole, inputs):
        for j in range(len(total)):
            total[j] += vector[i] * matrix[i, j]


@compiled
def gate(pairs: Any, result: Any) -> None:
    """The gated linear unit: ``2C`` to ``C``."""
    width = len(result)
    for j in range(width):
        result[j] = pairs[j] / (1.0 + math.exp(-pairs[width + j]))


@compiled
def copy(values: Any, result: Any) -> None:
    for j in range(len(result)):
        result[j] = values[j]


@compiled
def rectify(values: Any, result: Any) -> None:
    for j in range(len(result)):
        result[j] = max(values[j], 0.0)


@compiled
def affine(vector: Any, matrix: Any, offset: Any, result: Any) -> None:
    copy(offset, result)
    add_product(result, vector, matrix)


@compiled
def draw_symbol(raw: Any, number: float, temperature: float) -> tuple[int, float]:
    """A bin by the inverse of the cumulative distribution, or the likeliest where ``temperature`` is 0; and its nats.

    The nats are those of the distribution as it is, at temperature 1.
    """
    likeliest = 0
    for j in range(len(raw)):
        if raw[j] > raw[likeliest]:
            likeliest = j
    drawn, top = likeliest, raw[likeliest]
    total = tempered = 0.0
    for j in range(len(raw)):
        total += math.exp(raw[j] - top)
    if temperature > 0:
        for j in range(len(raw)):
            tempered += math.exp((raw[j] - top) / temperature)
        drawn, below = -1, 0.0
        while below <= number * tempered and drawn < len(raw) - 1:
            drawn += 1
            below += math.exp((raw[drawn] - top) / temperature)
    return drawn, raw[drawn] - top - math.log(total)


@compiled
def draw_cells(
    weights: Any,
    start: Any,
    told: Any,
    noise: Any,
    given: Any,
    columns: Any,
    temperature: float,
    first: int,
    end: int,
    bins: Any,
    symbols: Any,
    log_likelihood: Any,
) -> None:
    """:meth:`CompiledRow.draw` for the grids from ``first`` up to ``end``."""
    depth, width, _ = weights.out.shape
    embedding = weights.tables.shape[2]
    reach = weights.first.shape[0] // (2 * embedding)
    lefts = np.zeros((depth, end, width))
    here = np.zeros((end, width))
    pairs, gated, hidden = np.zeros(2 * width), np.zeros(width), np.zeros(width)
    raw = np.zeros(weights.red.shape[1])
    for column in columns:
        for grid in range(first, end):
            copy(start[column, grid], pairs)
            for before in range(reach):
                taps = weights.first[2 * embedding * before : 2 * embedding * (before + 1)]
                add_product(pairs, symbols[column + before, grid], taps)
            gate(pairs, gated)
            affine(gated, weights.first_out, weights.first_offset, here[grid])
        for layer in range(depth):
            for grid in range(first, end):
                copy(told[column, layer, grid], pairs)
                add_product(pairs, lefts[layer, grid], weights.from_left[layer])
                add_product(pairs, here[grid], weights.from_here[layer])
                gate(pairs, gated)
                copy(here[grid], lefts[layer, grid])
                add_product(here[grid], gated, weights.out[layer])
        for grid in range(first, end):
            if given[column, grid]:
                continue
            rectify(here[grid], gated)
            affine(gated, weights.features, weights.features_offset, hidden)
            rectify(hidden, gated)  # the features of both symbols
            affine(gated, weights.red, weights.red_offset, raw)
            red, red_nats = draw_symbol(raw, noise[column, 0, grid], temperature)
            affine(gated, weights.hidden, weights.hidden_offset, hidden)
            for j in range(width):
                hidden[j] += weights.red_effect[red, j]
            rectify(hidden, gated)
            affine(gated, weights.blue, weights.blue_offset, raw)
            blue, blue_nats = draw_symbol(raw, noise[column, 1, grid], temperature)
            log_likelihood[grid] += red_nats + blue_nats
            bins[column, 0, grid], bins[column, 1, grid] = red, blue
            for j in range(embedding):
                symbols[column + reach, grid, j] = weights.tables[0, red, j]
                symbols[column + reach, grid, embedding + j] = weights.tables[1, blue, j]
