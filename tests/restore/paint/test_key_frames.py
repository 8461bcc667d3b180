"""A film by a model that samples: drawn once a shot, carried along the motion, mended where something new shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from restore.colour import FloatArray
from restore.errors import ModelError, OptionError
from restore.paint.key_frames import CLOSEST, PATIENCE, KeyFramePainter
from restore.paint.network import Colorizer
from restore.paint.painter import FramePainter, coloured_frames, open_painter

HEIGHT, WIDTH = 64, 100  # the network pads the width to 128
BRIGHT, DARK = 0.2, -0.1  # chroma of what is light and what is dark, by the artist below


@dataclass(frozen=True)
class Frame:
    luma: FloatArray


def cloud(seed: int, height: int, width: int) -> FloatArray:
    """Soft texture in [0, 0.4]."""
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.asarray((soft - soft.min()) / (soft.max() - soft.min()) * 0.4, np.float32)


def moving_square(frames: int) -> Iterator[Frame]:
    """A light square that goes right by 2 pixels a frame, over a dark ground."""
    ground, square = cloud(0, HEIGHT, WIDTH), cloud(1, 32, 32) + 0.6
    for number in range(frames):
        luma = ground.copy()
        luma[16:48, 8 + 2 * number : 40 + 2 * number] = square
        yield Frame(luma)


def pan(frames: int, step: int, seed: int = 2) -> Iterator[Frame]:
    scene = cloud(seed, HEIGHT, WIDTH + frames * step) * 2
    for number in range(frames):
        yield Frame(np.ascontiguousarray(scene[:, number * step : number * step + WIDTH]))


def paint(painter: KeyFramePainter, frames: Sequence[Frame], *, size: int = 4) -> list[FloatArray]:
    """One shot, in lists of ``size``."""
    chromas = []
    for start in range(0, len(frames), size):
        several = frames[start : start + size]
        chromas += [each.chroma for each in painter.paint(several, [start + i == 0 for i in range(len(several))])]
    return chromas


class Artist:
    """Draws what is light in one colour and what is dark in another, but nothing twice; keeps book of key frames."""

    def __init__(self, painter: KeyFramePainter, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: list[NDArray[np.bool_] | None] = []
        self.painter = painter
        monkeypatch.setattr(painter, "draw", self.draw)

    def draw(
        self, luma: FloatArray, chroma: FloatArray | None = None, kept: NDArray[np.bool_] | None = None
    ) -> FloatArray:
        assert (chroma is None) == (kept is None)
        self.kept.append(kept)
        small = np.asarray(cv2.resize(luma, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA), np.float32)
        plane = np.where(self.painter.coarsened(small[None])[0] > 0.5, BRIGHT, DARK).astype(np.float32)
        if kept is not None:
            plane *= 0
        return np.stack([plane, -plane])


@pytest.fixture
def painter(sampling_colorizer: Colorizer) -> KeyFramePainter:
    return KeyFramePainter(sampling_colorizer, seed=3)


def test_a_static_scene_has_one_colour_to_the_bit(painter: KeyFramePainter) -> None:
    frames = list(moving_square(1)) * 8
    first, *others = paint(painter, frames)
    assert first.shape == (2, HEIGHT // 4, WIDTH // 4)
    assert first.std() > 1e-3
    assert all(np.array_equal(first, other) for other in others)


def test_a_square_takes_its_colour_along(painter: KeyFramePainter, monkeypatch: pytest.MonkeyPatch) -> None:
    artist = Artist(painter, monkeypatch)
    frames = list(moving_square(13))
    last = paint(painter, frames)[-1]
    assert len(artist.kept) <= 2
    assert np.abs(last[0, 5:11, 9:15] - BRIGHT).max() < 0.08  # pixels 32 to 64
    assert last[0, 5:11, 2:6].max() < 0.05  # where it was
    assert np.abs(last[0, 5:11, 18:] - DARK).max() < 0.03  # where it has not been
    assert np.abs(last[1] + last[0]).max() < 0.15  # the two planes travel together


def test_what_comes_into_the_picture_is_drawn_and_the_rest_stays(
    painter: KeyFramePainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    artist = Artist(painter, monkeypatch)
    paint(painter, list(pan(24, 3)))
    assert 2 <= len(artist.kept) <= 24 / CLOSEST
    first, *later = artist.kept
    assert first is None
    for kept in later:
        assert kept is not None
        ours = kept[:, : WIDTH // 8]
        assert ours[:, :8].mean() > 0.9  # what moved on
        assert ours[:, -1].mean() < 0.5  # what was not there before


def test_no_new_key_frame_while_little_is_uncovered(painter: KeyFramePainter, monkeypatch: pytest.MonkeyPatch) -> None:
    artist = Artist(painter, monkeypatch)
    paint(painter, list(pan(5, 3)))
    assert len(artist.kept) == 1
    assert 0 < painter.uncovered < PATIENCE


def test_a_key_frame_keeps_the_chroma_of_carried_cells(painter: KeyFramePainter) -> None:
    first, *before, last = pan(9, 3)
    painter.paint([first], [True])
    painter.uncovered = -9.0
    painter.paint(before, [False] * len(before))
    calm = copy(painter)
    calm.carrier = deepcopy(painter.carrier)
    painter.uncovered = PATIENCE  # so that the next one is a key frame
    drawn, carried = (each.paint([last], [False])[0].chroma for each in (painter, calm))
    assert painter.age == 0 < calm.age
    new = WIDTH // 4 - 8 * 3 // 4  # the first column that came in
    assert carried.std() > 0.01
    assert np.abs(drawn - carried)[:, :, : new - 4].mean() < 0.005
    assert np.abs(drawn - carried)[:, :, new:].mean() > 0.005


def test_after_a_cut_nothing_is_left_of_what_was_before(sampling_colorizer: Colorizer) -> None:
    one, two = list(pan(6, 2, seed=5)), list(moving_square(6))
    both = KeyFramePainter(sampling_colorizer)
    both.paint(one, [True] + [False] * 5)
    alone = KeyFramePainter(sampling_colorizer)
    starts = [True] + [False] * 5
    for behind, single in zip(both.paint(two, starts), alone.paint(two, starts), strict=True):
        assert np.array_equal(behind.chroma, single.chroma)


def test_frames_that_nobody_wants_only_lead_the_way(sampling_colorizer: Colorizer) -> None:
    frames = list(pan(16, 4))
    starts = [True] + [False] * 7
    whole, resumed = KeyFramePainter(sampling_colorizer), KeyFramePainter(sampling_colorizer)
    whole.paint(frames[:8], starts)
    assert resumed.paint(frames[:8], starts, wanted=False) == []
    expected = whole.paint(frames[8:], [False] * 8)
    for one, other in zip(expected, resumed.paint(frames[8:], [False] * 8), strict=True):
        assert np.array_equal(one.chroma, other.chroma)


def test_cuts_are_found_where_nobody_knows_them(sampling_colorizer: Colorizer) -> None:
    film = list(moving_square(8)) + list(pan(8, 2, seed=5))
    joined = list(coloured_frames(film, KeyFramePainter(sampling_colorizer), 4))
    alone = list(coloured_frames(film[8:], KeyFramePainter(sampling_colorizer), 4))
    assert [frame.payload for frame in joined] == film
    for one, other in zip(joined[8:], alone, strict=True):
        assert np.array_equal(one.chroma, other.chroma)


def test_seeds_and_sizes(sampling_colorizer: Colorizer) -> None:
    frames = list(moving_square(1))
    one, two = (KeyFramePainter(sampling_colorizer, seed=seed).paint(frames, [True])[0].chroma for seed in (1, 2))
    assert np.abs(one - two).max() > 1e-3
    small = Frame(np.full((4, 8), 0.5, np.float32))
    painted = KeyFramePainter(sampling_colorizer).paint([small, small, *frames], [True, False, False])
    assert [each.chroma.shape for each in painted] == [(2, 1, 2)] * 2 + [(2, HEIGHT // 4, WIDTH // 4)]


def test_the_painter_goes_by_the_model(toy_colorizer: Colorizer, sampling_colorizer: Colorizer) -> None:
    assert isinstance(open_painter(toy_colorizer), FramePainter)
    assert isinstance(open_painter(sampling_colorizer), KeyFramePainter)
    with pytest.raises(ModelError, match="one colouring only"):
        open_painter(toy_colorizer, seed=1)
    with pytest.raises(OptionError, match="temperature"):
        open_painter(sampling_colorizer, temperature=-1)
