"""Chroma that is carried from one frame through others: it arrives where it belongs, unblurred, or is not trusted."""

from __future__ import annotations

import cv2
import numpy as np

from restore.colour import FloatArray
from restore.temporal.carry import Carrier

HEIGHT, WIDTH, STRIDE = 96, 160, 4
FRAMES = 12


def cloud(seed: int, width: int = WIDTH) -> FloatArray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((HEIGHT, width)).astype(np.float32), (0, 0), 3)
    return np.asarray((noise - noise.min()) / (noise.max() - noise.min()), np.float32)


def stripes(offset: int) -> FloatArray:
    """Chroma ``2 x h x w`` that changes sign every 16 pixels, ``offset`` pixels into it."""
    side = np.where((np.arange(WIDTH) + offset) // 16 % 2, 0.2, -0.2).astype(np.float32)
    cells = side.reshape(WIDTH // STRIDE, STRIDE).mean(axis=1)
    plane = np.broadcast_to(cells, (HEIGHT // STRIDE, WIDTH // STRIDE))
    return np.stack([plane, -plane])


def test_nothing_moves_where_nothing_moves() -> None:
    luma, chroma = cloud(0), stripes(3)
    carrier = Carrier(luma, chroma)
    for _ in range(3):
        carried = carrier.carry(luma)
        assert np.array_equal(carried.chroma, chroma)
        assert (carried.trust == 1).all()


def test_colour_follows_a_pan_and_stays_sharp() -> None:
    scene = cloud(1, WIDTH + 4 * FRAMES)
    carrier = Carrier(scene[:, :WIDTH], stripes(0))
    for number in range(1, FRAMES):
        carried = carrier.carry(np.ascontiguousarray(scene[:, 4 * number : 4 * number + WIDTH]))
    known = np.s_[:, 2:-2, 2 : (WIDTH - 4 * FRAMES) // STRIDE - 2]
    wrong = np.abs(carried.chroma - stripes(4 * (FRAMES - 1)))[known]
    assert np.median(wrong) < 0.01
    assert wrong.mean() < 0.03
    assert carried.trust[2:-2, 2 : (WIDTH - 4 * FRAMES) // STRIDE - 2].mean() > 0.9


def test_what_was_outside_is_not_trusted() -> None:
    scene = cloud(2, WIDTH + 4 * FRAMES)
    carrier = Carrier(scene[:, :WIDTH], stripes(0))
    for number in range(1, FRAMES):
        carried = carrier.carry(np.ascontiguousarray(scene[:, 4 * number : 4 * number + WIDTH]))
    new = carried.trust[:, -8:]  # 44 of 160 pixels came in
    assert new.mean() < 0.35
    assert carried.trust[:, :-14].mean() > 0.85


def test_what_changes_is_not_trusted_and_heals() -> None:
    luma, other = cloud(3), cloud(4)
    changed = luma.copy()
    changed[24:72, 40:100] = other[24:72, 40:100]
    carrier = Carrier(luma, stripes(0))
    inside = np.s_[9:15, 13:22]
    assert carrier.carry(changed).trust[inside].mean() < 0.6
    for _ in range(2):
        healed = carrier.carry(luma)
    assert healed.trust[inside].mean() > 0.9
    assert np.abs(healed.chroma - stripes(0))[:, 9:15, 13:22].mean() < 0.05


def test_exposure_is_no_change() -> None:
    luma = cloud(5)
    carrier = Carrier(luma, stripes(0))
    carried = carrier.carry((0.2 + 0.5 * luma).astype(np.float32))
    assert carried.trust.mean() > 0.98
    assert np.abs(carried.chroma - stripes(0)).max() < 0.05


def test_tiny_pictures() -> None:
    carrier = Carrier(np.full((8, 4), 0.5, np.float32), np.full((2, 2, 1), 0.1, np.float32))
    carried = carrier.carry(np.full((8, 4), 0.6, np.float32))
    assert np.abs(carried.chroma - 0.1).max() < 1e-6
