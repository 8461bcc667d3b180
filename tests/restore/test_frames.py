"""Batches: order, size, and the cut where pictures change size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from restore.colour import FloatArray
from restore.frames import batch


@dataclass(frozen=True)
class Numbered:
    number: int
    luma: FloatArray


def frames(*widths: int) -> Iterator[Numbered]:
    for number, width in enumerate(widths):
        yield Numbered(number, np.zeros((4, width), np.float32))


@pytest.mark.parametrize(
    ("widths", "size", "expected"),
    [
        ([], 3, []),
        ([8, 8, 8, 8, 8], 2, [[0, 1], [2, 3], [4]]),
        ([8, 8, 6, 6, 6, 8], 2, [[0, 1], [2, 3], [4], [5]]),
        ([8, 6, 8], 4, [[0], [1], [2]]),
        ([8, 8, 8], 1, [[0], [1], [2]]),
    ],
)
def test_values(widths: list[int], size: int, expected: list[list[int]]) -> None:
    assert [[frame.number for frame in group] for group in batch(frames(*widths), size)] == expected


def test_is_lazy() -> None:
    source = frames(8, 8, 8, 8)
    next(batch(source, 2))
    assert next(source).number == 2


def test_exceptions() -> None:
    with pytest.raises(ValueError, match="size = 0"):
        batch(frames(8), 0)
