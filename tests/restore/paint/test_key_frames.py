"""A film by a model that samples: drawn once a shot, carried along the motion, mended where something new shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from restore.colour import FloatArray
from restore.errors import ModelError, OptionError
from restore.frames import Frame, Painted, Role
from restore.jobs.film_units import FIRST_UNIT, mark_units
from restore.options import UnitLengths
from restore.paint.key_frames import MIN_KEY_FRAME_DISTANCE, UNCOVERED_LIMIT, KeyFramePainter
from restore.paint.network import Colorizer
from restore.paint.recipe import painter_for
from restore.paint.sampling import SamplingPainter

HEIGHT, WIDTH = 64, 100  # the network pads the width to 128
BRIGHT, DARK = 0.2, -0.1  # chroma of what is light and what is dark, by the artist below


def frame(luma: FloatArray) -> Frame:
    return Frame(picture=None, guide=luma, luma=luma)


def one_shot(frames: Sequence[Frame], *, starts: bool = True, role: Role = Role.WRITTEN) -> list[Frame]:
    """Returns copies of frames that follow each other in a shot, whose first one ``starts`` it."""
    return [replace(one, starts_shot=starts and index == 0, role=role) for index, one in enumerate(frames)]


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
        yield frame(luma)


def pan(frames: int, step: int, seed: int = 2) -> Iterator[Frame]:
    scene = cloud(seed, HEIGHT, WIDTH + frames * step) * 2
    for number in range(frames):
        yield frame(np.ascontiguousarray(scene[:, number * step : number * step + WIDTH]))


def paint(painter: KeyFramePainter, frames: Sequence[Frame], *, size: int = 4) -> list[FloatArray]:
    """Paints one shot, in lists of ``size``."""
    shot = one_shot(frames)
    return [
        painted.chroma for start in range(0, len(shot), size) for painted in painter.paint(shot[start : start + size])
    ]


class Artist:
    """Draws what is light in one colour and what is dark in another, but nothing twice; notes the key frames."""

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
    assert 2 <= len(artist.kept) <= 24 / MIN_KEY_FRAME_DISTANCE
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
    assert 0 < painter.uncovered < UNCOVERED_LIMIT


def test_a_key_frame_keeps_the_chroma_of_carried_cells(painter: KeyFramePainter) -> None:
    first, *before, last = pan(9, 3)
    painter.paint(one_shot([first]))
    painter.uncovered = -9.0
    painter.paint(one_shot(before, starts=False))
    calm = copy(painter)
    calm.carrier = deepcopy(painter.carrier)
    painter.uncovered = UNCOVERED_LIMIT  # so that the next one is a key frame
    drawn, carried = (one.paint(one_shot([last], starts=False))[0].chroma for one in (painter, calm))
    assert painter.age == 0 < calm.age
    new = WIDTH // 4 - 8 * 3 // 4  # the first column that came in
    assert carried.std() > 0.01
    assert np.abs(drawn - carried)[:, :, : new - 4].mean() < 0.005
    assert np.abs(drawn - carried)[:, :, new:].mean() > 0.005


def test_after_a_cut_nothing_is_left_of_what_was_before(sampling_colorizer: Colorizer) -> None:
    one, two = list(pan(6, 2, seed=5)), list(moving_square(6))
    both = KeyFramePainter(sampling_colorizer)
    both.paint(one_shot(one))
    alone = KeyFramePainter(sampling_colorizer)
    for after, single in zip(both.paint(one_shot(two)), alone.paint(one_shot(two)), strict=True):
        assert np.array_equal(after.chroma, single.chroma)


def test_frames_that_only_lead_are_followed_and_not_painted(sampling_colorizer: Colorizer) -> None:
    frames = list(pan(16, 4))
    whole, resumed = KeyFramePainter(sampling_colorizer), KeyFramePainter(sampling_colorizer)
    whole.paint(one_shot(frames[:8]))
    assert resumed.paint(one_shot(frames[:8], role=Role.LEAD)) == []
    following = one_shot(frames[8:], starts=False)
    for one, other in zip(whole.paint(following), resumed.paint(following), strict=True):
        assert np.array_equal(one.chroma, other.chroma)


def test_lists_of_any_length_give_the_same_bits(sampling_colorizer: Colorizer) -> None:
    frames = list(pan(9, 3))
    several = [paint(KeyFramePainter(sampling_colorizer), frames, size=size) for size in (1, 4, 9)]
    for one, two, three in zip(*several, strict=True):
        assert np.array_equal(one, two)
        assert np.array_equal(one, three)


def test_cuts_are_found_where_the_film_is_parted(sampling_colorizer: Colorizer) -> None:
    """The painter takes them from the marks that the units are found by."""
    film = list(moving_square(8)) + list(pan(8, 2, seed=5))

    def painted(frames: Sequence[Frame]) -> list[Painted]:
        marked = list(mark_units((replace(one) for one in frames), FIRST_UNIT, UnitLengths()))
        return KeyFramePainter(sampling_colorizer).paint(marked)

    joined, alone = painted(film), painted(film[8:])
    assert [one.starts_shot for one in joined] == [index in (0, 8) for index in range(16)]
    for one, other in zip(joined[8:], alone, strict=True):
        assert np.array_equal(one.chroma, other.chroma)


def test_seeds_and_sizes(sampling_colorizer: Colorizer) -> None:
    frames = list(moving_square(1))
    one, two = (KeyFramePainter(sampling_colorizer, seed=seed).paint(one_shot(frames))[0].chroma for seed in (1, 2))
    assert np.abs(one - two).max() > 1e-3
    small = frame(np.full((4, 8), 0.5, np.float32))
    painted = KeyFramePainter(sampling_colorizer).paint(one_shot([small, small, *frames]))
    assert [one.chroma.shape for one in painted] == [(2, 1, 2)] * 2 + [(2, HEIGHT // 4, WIDTH // 4)]


def test_the_painter_depends_on_the_model_and_the_source(
    toy_colorizer: Colorizer, sampling_colorizer: Colorizer
) -> None:
    assert painter_for("film", toy_colorizer) is toy_colorizer
    assert painter_for("photos", toy_colorizer) is toy_colorizer
    assert isinstance(painter_for("film", sampling_colorizer), KeyFramePainter)
    assert isinstance(painter_for("thermal", sampling_colorizer), KeyFramePainter)
    assert isinstance(painter_for("photos", sampling_colorizer), SamplingPainter)
    with pytest.raises(ModelError, match="one colouring only"):
        painter_for("film", toy_colorizer, seeds=(1,))
    with pytest.raises(ModelError, match="one colouring only"):
        painter_for("photos", toy_colorizer, temperature=1)
    with pytest.raises(OptionError, match="temperature"):
        painter_for("film", sampling_colorizer, temperature=-1)
