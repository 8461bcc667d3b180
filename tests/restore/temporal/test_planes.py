"""What holds planes still, on a made-up film: tone, average, spread, what was hidden, a luma along the same motion."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from restore.colour import FloatArray
from restore.frames import Painted
from restore.temporal import Strength, smooth_chroma
from restore.temporal.flow import MotionPicture, flow_luma, link_neighbours
from restore.temporal.planes import PlaneFilter, Settings

HEIGHT, WIDTH = 96, 160
GRID = HEIGHT // 4, WIDTH // 4
ACTIVE = [Strength.LIGHT, Strength.STRONG]


def texture(seed: int, size: tuple[int, int] = (HEIGHT, WIDTH + 120)) -> FloatArray:
    """Structure at several sizes in [0.2, 0.8]."""
    generator = np.random.default_rng(seed)
    layers = [
        cv2.resize(generator.random((rows, 2 * rows)), size[::-1], interpolation=cv2.INTER_CUBIC) for rows in (6, 20)
    ]
    picture = np.mean(layers, axis=0)
    return np.asarray(0.2 + 0.6 * (picture - picture.min()) / np.ptp(picture), np.float32)


BACKGROUND, OBJECT = texture(0), texture(1, (40, 40))


def on_grid(plane: FloatArray) -> FloatArray:
    return np.asarray(cv2.resize(plane, GRID[::-1], interpolation=cv2.INTER_AREA), np.float32)


def scene(number: int, *, left: int | None, speed: int = 2) -> tuple[FloatArray, FloatArray]:
    """Luma and the true chroma ``2 x h x w`` of a frame: a background that drifts, with stripes of colour on it, and a
    red object at column ``left`` where one is given."""
    shift = speed * number % 120
    luma = BACKGROUND[:, shift : shift + WIDTH].copy()
    columns = np.arange(shift, shift + WIDTH, dtype=np.float32)
    cb = np.broadcast_to(0.1 * np.sin(columns / 15), luma.shape).astype(np.float32).copy()
    cr = np.full_like(luma, -0.05)
    if left is not None:
        first, last = max(left, 0), min(left + 40, WIDTH)
        if first < last:
            luma[30:70, first:last] = OBJECT[:, first - left : last - left]
            cb[30:70, first:last], cr[30:70, first:last] = -0.1, 0.25
    return luma, np.stack([on_grid(cb), on_grid(cr)])


def chromas(frames: list[Painted], strength: Strength) -> list[FloatArray]:
    return [frame.chroma for frame in smooth_chroma(frames, strength=strength)]


def error(first: list[FloatArray], second: list[FloatArray]) -> float:
    return float(np.mean([np.abs(a - b).mean() for a, b in zip(first, second, strict=True)]))


def spread(chroma: FloatArray) -> float:
    return float(np.hypot(*chroma.std(axis=(1, 2))))


@pytest.mark.parametrize("strength", ACTIVE)
def test_noise_over_a_moving_picture_is_averaged_along_its_motion(strength: Strength) -> None:
    """An unaligned mean would blur the stripes of colour; this one removes noise and keeps them."""
    generator = np.random.default_rng(5)
    film = [scene(number, left=None) for number in range(24)]
    truth = [chroma for _, chroma in film]
    noisy = [chroma + generator.normal(0, 0.02, chroma.shape).astype(np.float32) for chroma in truth]
    smoothed = chromas([Painted(luma, raw) for (luma, _), raw in zip(film, noisy, strict=True)], strength)
    assert error(smoothed, truth) < 0.5 * error(noisy, truth)
    steps = [np.abs(after - before).mean() for before, after in pairwise(smoothed)]
    raw_steps = [np.abs(after - before).mean() for before, after in pairwise(noisy)]
    assert np.mean(steps) < 0.35 * np.mean(raw_steps)


@pytest.mark.parametrize("strength", ACTIVE)
def test_an_object_that_leaves_and_returns_keeps_its_colour(strength: Strength) -> None:
    """Meanwhile the network's tone wanders, and stays where it went: half of that, at most, is seen."""
    film, truth = [], []
    for number in range(132):
        left = 60 + 5 * min(max(number - 80, 0), max(120 - number, 0))  # out of the picture around frame 100
        luma, chroma = scene(number, left=left, speed=0)
        truth.append(chroma)
        film.append(Painted(luma, chroma + np.float32(0.05 * np.clip((number - 90) / 20, 0, 1))))
    smoothed = chromas(film, strength)
    inner = np.s_[:, 10:15, 18:22]
    before, after = smoothed[40][inner].mean(axis=(1, 2)), smoothed[126][inner].mean(axis=(1, 2))
    raw_before, raw_after = film[40].chroma[inner].mean(axis=(1, 2)), film[126].chroma[inner].mean(axis=(1, 2))
    assert np.hypot(*(after - before)) < 0.5 * np.hypot(*(raw_after - raw_before))
    assert after[1] - after[0] == pytest.approx(truth[126][inner].mean(axis=(1, 2)) @ (-1, 1), abs=0.03)  # still red


@pytest.mark.parametrize("strength", ACTIVE)
def test_no_smear_where_an_object_passed(strength: Strength) -> None:
    """What it uncovers is at once as the network sees it, and what it covers too."""
    film = [scene(number, left=-40 + 8 * number, speed=0) for number in range(24)]
    smoothed = chromas([Painted(luma, chroma) for luma, chroma in film], strength)
    for number in range(8, 18):
        left = (-40 + 8 * number) // 4
        _, truth = film[number]
        behind, within = np.s_[1, 9:16, left - 5 : left - 2], np.s_[1, 9:16, left + 3 : left + 7]
        assert np.abs(smoothed[number][behind] - truth[behind]).mean() < 0.05  # the object's red is 0.3 away
        assert smoothed[number][within].mean() > 0.17


def test_a_few_wrong_frames_at_the_start_set_no_tone() -> None:
    """The future counts: four greenish frames of forty do not colour the shot."""
    film, wrong = [], np.array([-0.06, -0.06], np.float32)[:, None, None]
    truth = []
    for number in range(40):
        luma, chroma = scene(number, left=60)
        truth.append(chroma)
        film.append(Painted(luma, chroma + wrong if number < 4 else chroma))
    smoothed = chromas(film, Strength.LIGHT)
    casts = [np.abs((got - true).mean(axis=(1, 2))).max() for got, true in zip(smoothed, truth, strict=True)]
    assert casts[0] < 0.6 * 0.06
    assert casts[-1] < 0.2 * 0.06


def test_colourfulness_is_given_back() -> None:
    """Answers that differ in hue average to gray; the film is as colourful as the answers, not as their mean."""
    generator = np.random.default_rng(3)
    luma, _ = scene(0, left=60)
    pattern = np.asarray(cv2.GaussianBlur(generator.normal(0, 1, (*GRID, 2)), (0, 0), 3) * 0.3, np.float32)
    pattern = np.moveaxis(pattern, -1, 0)
    film = []
    for _ in range(30):
        noise = np.moveaxis(cv2.GaussianBlur(generator.normal(0, 1, (*GRID, 2)), (0, 0), 3) * 0.15, -1, 0)
        film.append(Painted(luma, pattern + noise.astype(np.float32)))
    raw = [frame.chroma for frame in film]
    unscaled = np.mean(raw, axis=0)
    assert spread(unscaled) < 0.93 * np.mean([spread(chroma) for chroma in raw])
    smoothed = chromas(film, Strength.LIGHT)
    assert np.mean([spread(chroma) for chroma in smoothed]) == pytest.approx(
        np.mean([spread(chroma) for chroma in raw]), rel=0.03
    )


@pytest.mark.parametrize("strength", ACTIVE)
def test_a_models_own_luma_is_held_along_the_same_motion(strength: Strength) -> None:
    """A thermal film's generated luma, at another size than the chroma, loses its flicker and keeps its place."""
    generator = np.random.default_rng(9)
    film, truth = [], []
    for number in range(20):
        luma, chroma = scene(number, left=None)
        own = np.asarray(cv2.resize(1 - luma, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA), np.float32)
        truth.append(own)
        noise = generator.normal(0, 0.05, own.shape) + generator.normal(0, 0.02)
        film.append(Painted(luma, chroma, generated_luma=np.clip(own + noise, 0, 1).astype(np.float32)))
    smoothed = [frame.generated_luma for frame in smooth_chroma(film, strength=strength)]
    assert all(
        own is not None and own.shape == truth[0].shape and own.min() >= 0 and own.max() <= 1 for own in smoothed
    )
    raw = [frame.generated_luma for frame in film]
    assert error(smoothed, truth) < 0.6 * error(raw, truth)  # type: ignore[arg-type]
    without = chromas([replace(frame, generated_luma=None) for frame in film], strength)
    for chroma, frame in zip(without, smooth_chroma(film, strength=strength), strict=True):
        assert np.array_equal(chroma, frame.chroma)


def test_the_filter_holds_no_more_than_its_future() -> None:
    settings = Settings(tone_ahead=5, tone_memory=0.99, average_ahead=3, decay=0.9)
    planes, previous = PlaneFilter(settings), None
    for number in range(40):
        luma, chroma = scene(number, left=None)
        picture = MotionPicture.of(flow_luma(luma), GRID)
        planes.push(chroma, link_neighbours(previous, picture) if previous is not None else None)
        previous = picture
        assert len(planes) <= 6
        if planes.ready:
            assert planes.pop().shape == chroma.shape
    assert len(planes) == 5
