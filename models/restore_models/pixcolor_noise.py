"""Random numbers that belong to a place, not to a moment: Philox 4x32-10 (Salmon 2011), keyed by the seed.

Whoever asks, in whatever order, batch or thread: the same (seed, picture, row, column, channel) gives the same number.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

ROUNDS = 10
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (np.uint32(0x9E3779B9), np.uint32(0xBB67AE85))
LOW_WORD = np.uint64(0xFFFFFFFF)
WORD_BITS = np.uint64(32)
NOISE_BITS = 23  # (n + 1/2) / 2^23 is exact in float32 and never 0 or 1


def high_low(multiplier: np.uint64, word: Words) -> tuple[Words, Words]:
    product = word.astype(np.uint64) * multiplier
    return (product >> WORD_BITS).astype(np.uint32), (product & LOW_WORD).astype(np.uint32)


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[Words, Words]) -> tuple[Words, Words, Words, Words]:
    """Four random words for every counter of four words, under keys of two; all arrays broadcast."""
    word0, word1, word2, word3 = np.broadcast_arrays(*counter)
    key0, key1 = key
    with np.errstate(over="ignore"):  # keys wrap around at 2^32 by design
        for _ in range(ROUNDS):
            high0, low0 = high_low(MULTIPLIERS[0], word0)
            high1, low1 = high_low(MULTIPLIERS[1], word2)
            word0, word1, word2, word3 = high1 ^ word1 ^ key0, low1, high0 ^ word3 ^ key1, low0
            key0, key1 = key0 + KEY_STEPS[0], key1 + KEY_STEPS[1]
    return word0, word1, word2, word3


def halves(numbers: Sequence[int], what: str) -> tuple[Words, Words]:
    """Low and high words ``N x 1 x 1`` of numbers below 2^64."""
    for number in numbers:
        if not 0 <= number < 1 << 64:
            raise ValueError(f"a {what} is a whole number from 0 to 2^64 - 1, not {number}")
    wide = np.array(numbers, np.uint64)[:, None, None]
    return (wide & LOW_WORD).astype(np.uint32), (wide >> WORD_BITS).astype(np.uint32)


def symbol_noise(seeds: Sequence[int], pictures: Sequence[int], height: int, width: int) -> NDArray[np.float32]:
    """Uniform numbers in (0, 1), ``N x 2 x height x width`` for N pairs of seed and picture number; channels Cr, Cb."""
    if len(seeds) != len(pictures):
        raise ValueError(f"one seed a picture, not {len(seeds)} seeds for {len(pictures)} pictures")
    rows = np.arange(height, dtype=np.uint32)[:, None]
    columns = np.arange(width, dtype=np.uint32)
    words = philox((*halves(pictures, "picture number"), rows, columns), halves(seeds, "seed"))
    bits = np.stack(words[:2], axis=1) >> np.uint32(32 - NOISE_BITS)
    return (bits.astype(np.float32) + np.float32(0.5)) / np.float32(1 << NOISE_BITS)
