"""Luma that a JPEG encoder turns into the very coefficients that it was decoded from.

Decoded luma, encoded again with its own quantization table, comes back to its own coefficients, save where the decoder
clipped a block at black or white: what was cut off is missing from the coefficients, and the block comes out up to
16 codes darker or lighter (13 archival photographs; 2 to 25 % of blocks touch black or white). For such blocks the
picture that once was encoded is looked for. It lies in [0, 255], and its coefficients round to the file's: two convex
sets, between which projections go to and fro (Youla & Webb 1982, doi:10.1109/TMI.1982.4307555).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["encodable_luma", "from_blocks", "to_blocks"]

# Coefficients in zigzag order are decoded in these groups, because one group alone rarely leaves [0, 255].
GROUPS = ((0, 1), (1, 3), (3, 10), (10, 64))
BLOCKS_AT_A_TIME = 8192
PRODUCT_ROWS = 32
COEFFICIENT_STEPS = 10
PIXEL_STEPS = (0.25, 0.4, 0.45) * 12  # half widths, in quantization steps, of the cell projected to; 0.5 is its border


def dct_matrix() -> NDArray[np.float32]:
    """``64 x 64``, orthonormal: coefficients in natural order = matrix @ pixels (T.81, A.3.3)."""
    place = np.arange(8)
    rows = np.cos((2 * place[None] + 1) * place[:, None] * np.pi / 16) / 2
    rows[0] /= np.sqrt(2)
    return np.kron(rows, rows).astype(np.float32)


DCT = dct_matrix()


def to_blocks(plane: NDArray[Any]) -> NDArray[Any]:
    """``H x W``, multiples of 8, to ``N x 64``."""
    height, width = plane.shape
    return plane.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2).reshape(-1, 64)


def from_blocks(blocks: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """``N x 64`` to ``H x W``."""
    return blocks.reshape(height // 8, width // 8, 8, 8).swapaxes(1, 2).reshape(height, width)


def product(rows: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """``N x 64`` times ``64 x 64``, in pieces so small that BLAS does not share them out among threads.

    Photos already run side by side; with threads of its own, one such product took 40 times as long on busy cores.
    """
    padded = np.zeros((-(-len(rows) // PRODUCT_ROWS), PRODUCT_ROWS, 64), np.float32)
    padded.reshape(-1, 64)[: len(rows)] = rows
    return np.asarray((padded @ matrix).reshape(-1, 64)[: len(rows)])


def forward(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pixels ``N x 64`` around 0 to coefficients in natural order."""
    return product(pixels, DCT.T)


def backward(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    return product(coefficients, DCT)


def encodable_luma(
    luma: NDArray[np.uint8], table: NDArray[np.float32], decode_group: Callable[[int, int], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Decoded luma ``H x W`` (multiples of 8) to luma that encodes to the coefficients it came from.

    ``table`` holds the 64 quantization steps in natural order. ``decode_group(first, end)`` decodes the file with only
    these coefficients, around 128. Blocks that come back as they are stay as they are; one for which nothing better is
    found keeps its pixels.
    """
    blocks = to_blocks(luma)
    clipped = np.flatnonzero(((blocks == 0) | (blocks == 255)).any(axis=1))
    wrong = clipped[encoding_errors(centred(blocks[clipped]), centred(blocks[clipped]), table) > 0]
    if not wrong.size:
        return luma
    unclipped = np.zeros((len(wrong), 64), np.float32)
    for first, end in GROUPS:
        unclipped += centred(to_blocks(decode_group(first, end))[wrong])
    mended = blocks.copy()
    for start in range(0, len(wrong), BLOCKS_AT_A_TIME):
        part = slice(start, start + BLOCKS_AT_A_TIME)
        found = mend(centred(blocks[wrong[part]]), unclipped[part], table)
        mended[wrong[part]] = (found + 128).astype(np.uint8)
    return np.asarray(from_blocks(mended, *luma.shape), np.uint8)


def centred(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(blocks, np.float32) - 128


def encoding_errors(
    pixels: NDArray[np.float32], wanted: NDArray[np.float32], table: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Largest difference to ``wanted`` in each block after encoding and decoding; all ``N x 64``, around 0."""
    coefficients = np.rint(forward(pixels) / table) * table
    decoded = np.clip(np.rint(backward(coefficients)), -128, 127)
    return np.asarray(np.abs(decoded - wanted).max(axis=1, initial=0), np.float32)


def mend(
    wanted: NDArray[np.float32], unclipped: NDArray[np.float32], table: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Pixels ``N x 64`` in [-128, 127] that decode to ``wanted``, or as close to it as was found."""
    at_black, at_white = wanted == -128, wanted == 127
    lowest, highest = np.where(at_black, -np.inf, wanted), np.where(at_white, np.inf, wanted)

    # The coefficients: those whose picture is `wanted` where that was not clipped, and beyond it where it was.
    coefficients = np.rint(forward(np.clip(unclipped, lowest, highest)) / table)
    for _ in range(COEFFICIENT_STEPS):
        coefficients = np.rint(forward(np.clip(backward(coefficients * table), lowest, highest)) / table)

    best, best_error = wanted.copy(), encoding_errors(wanted, wanted, table)
    pixels, open_blocks = np.clip(backward(coefficients * table), -128, 127), np.arange(len(wanted))
    for half_width in PIXEL_STEPS:
        goal = coefficients[open_blocks]
        cell = np.clip(forward(pixels) / table, goal - half_width, goal + half_width)
        pixels = np.clip(backward(cell * table), -128, 127)
        rounded = np.rint(pixels)
        error = encoding_errors(rounded, wanted[open_blocks], table)
        better = error < best_error[open_blocks]
        best[open_blocks[better]], best_error[open_blocks[better]] = rounded[better], error[better]
        unfinished = best_error[open_blocks] > 0
        pixels, open_blocks = pixels[unfinished], open_blocks[unfinished]
        if not open_blocks.size:
            break
    return best
