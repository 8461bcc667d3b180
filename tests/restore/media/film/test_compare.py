"""Side by side, odd widths included."""

from __future__ import annotations

import numpy as np
import pytest

from restore.media.film.compare import beside_gray


@pytest.mark.parametrize(("width", "chroma_width", "wide_chroma"), [(6, 3, 6), (5, 3, 5), (5, 5, 10)])
def test_gray_is_left_and_colour_right(width: int, chroma_width: int, wide_chroma: int) -> None:
    luma = np.arange(4 * width, dtype=np.uint8).reshape(4, width)
    cb = np.full((2, chroma_width), 7, np.uint8)
    cr = np.full((2, chroma_width), 9, np.uint8)
    both, wide_cb, wide_cr = beside_gray(luma, cb, cr, bit_depth=8, chroma_shape=(2, wide_chroma))
    assert np.array_equal(both[:, :width], both[:, width:])
    assert wide_cb.shape == wide_cr.shape == (2, wide_chroma)
    assert (wide_cb[:, :-chroma_width] == 128).all()
    assert (wide_cb[:, -chroma_width:] == 7).all()
    assert (wide_cr[:, -chroma_width:] == 9).all()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_turned_picture_is_side_by_side_where_it_is_shown(turns: int) -> None:
    luma, chroma = np.zeros((4, 6), np.uint8), np.full((2, 3), 7, np.uint8)
    shape = (2, 6) if turns % 2 == 0 else (4, 3)
    _, cb, _ = beside_gray(luma, chroma, chroma, bit_depth=8, chroma_shape=shape, orientation=(1, 8, 3, 6)[turns])
    left, right = np.hsplit(np.rot90(cb, turns), 2)
    assert (left == 128).all()
    assert (right == 7).all()
