"""The temporal pass on real motion with a made-up flickering colorizer whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from restore.colour import FloatArray
from restore.frames import Frame, Painted
from restore.temporal import Strength, estimate_flow, flow_confidence, smooth_chroma, warp
from restore.temporal.flow import resize_flow, shrink_luma
from tests.restore.temporal.conftest import Clip

ReadClip = Callable[[str, int], Clip]
ACTIVE = [Strength.LIGHT, Strength.STRONG]
FRAMES = 16


def flickering(clip: Clip, seed: int = 0) -> list[Painted]:
    """True chroma, its hue turned and its tone shifted at random in every frame, and blotches on top."""
    generator = np.random.default_rng(seed)
    frames = []
    for number, (luma, chroma) in enumerate(clip):
        angle = generator.normal(0, 0.15)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shift = generator.normal(0, 0.02, (2, 1, 1))
        blotches = [cv2.resize(generator.normal(0, 0.02, (6, 10)), chroma.shape[:0:-1]) for _ in range(2)]
        answer = np.tensordot(turn, chroma, 1) + shift + np.stack(blotches)
        frame = Frame(picture=None, guide=luma, luma=luma, index=number)
        frames.append(Painted(luma, answer.astype(np.float32), frame=frame))
    return frames


def index_of(painted: Painted) -> int:
    assert painted.frame is not None
    return painted.frame.index


def chromas(frames: list[Painted], strength: Strength) -> list[FloatArray]:
    return [frame.chroma for frame in smooth_chroma(frames, strength=strength)]


def flicker(lumas: list[FloatArray], chroma: list[FloatArray]) -> float:
    """Mean |chroma - warped previous chroma| where the flow is trusted."""
    differences = []
    for index in range(1, len(lumas)):
        now, before = lumas[index], lumas[index - 1]
        back, onward = estimate_flow(now, before), estimate_flow(before, now)
        grid = chroma[0].shape[1:]
        trusted = shrink_luma(flow_confidence(now, before, back, onward), *grid) > 0.5
        previous = warp(np.ascontiguousarray(np.moveaxis(chroma[index - 1], 0, -1)), resize_flow(back, *grid))
        differences.append(np.abs(np.moveaxis(chroma[index], 0, -1) - previous)[trusted].mean())
    return float(np.mean(differences))


def mean_squared_error(first: list[FloatArray], second: list[FloatArray]) -> float:
    return float(np.mean([((a - b) ** 2).mean() for a, b in zip(first, second, strict=True)]))


def saturation(chroma: list[FloatArray]) -> float:
    return float(np.mean([np.hypot(*frame) for frame in chroma]))


@pytest.mark.parametrize("strength", ACTIVE)
@pytest.mark.parametrize("name", ["dog", "motocross-jump", "libby"])
def test_flicker_halves_and_the_colour_comes_nearer(read_clip: ReadClip, name: str, strength: Strength) -> None:
    clip = read_clip(f"clips/davis_{name}.mp4", FRAMES)
    lumas, truth = [luma for luma, _ in clip], [chroma for _, chroma in clip]
    frames = flickering(clip)
    raw, smoothed = [frame.chroma for frame in frames], chromas(frames, strength)
    assert flicker(lumas, smoothed) < 0.4 * flicker(lumas, raw)
    assert mean_squared_error(smoothed, truth) < mean_squared_error(raw, truth)


@pytest.mark.parametrize("strength", ACTIVE)
def test_steady_colour_is_kept(read_clip: ReadClip, strength: Strength) -> None:
    """A perfect colorizer loses next to nothing: no smearing, no graying."""
    clip = read_clip("clips/davis_libby.mp4", FRAMES)
    truth = [chroma for _, chroma in clip]
    smoothed = chromas([Painted(luma, chroma) for luma, chroma in clip], strength)
    assert mean_squared_error(smoothed, truth) < 10 ** (-4.0)  # 40 dB
    assert saturation(smoothed) > 0.98 * saturation(truth)


@pytest.mark.parametrize("strength", ACTIVE)
def test_nothing_crosses_a_cut(read_clip: ReadClip, strength: Strength) -> None:
    first = flickering(read_clip("clips/davis_dog.mp4", FRAMES)[:9], seed=1)
    second = flickering(read_clip("clips/davis_libby.mp4", FRAMES)[:9], seed=2)
    joined = chromas([*first, *second], strength)
    for got, expected in zip(joined, chromas(first, strength) + chromas(second, strength), strict=True):
        assert np.array_equal(got, expected)


def test_shots_that_are_known_are_not_looked_for(read_clip: ReadClip) -> None:
    """What the caller says holds, where it is what the pass would have found and where it is not."""
    film = flickering(read_clip("clips/davis_dog.mp4", FRAMES)[:8]) + flickering(
        read_clip("clips/davis_libby.mp4", FRAMES)[:8]
    )

    def with_starts(starts: list[int]) -> list[FloatArray]:
        frames = [replace(frame, starts_shot=index in starts) for index, frame in enumerate(film)]
        return chromas(frames, Strength.LIGHT)

    for got, expected in zip(with_starts([0, 8]), chromas(film, Strength.LIGHT), strict=True):
        assert np.array_equal(got, expected)
    apart = chromas(film[:3], Strength.LIGHT) + chromas(film[3:8], Strength.LIGHT) + chromas(film[8:], Strength.LIGHT)
    for got, expected in zip(with_starts([0, 3, 8]), apart, strict=True):
        assert np.array_equal(got, expected)


def test_what_is_known_comes_after_what_is_not(read_clip: ReadClip) -> None:
    """As with context before a stretch: one shot, and every frame comes out in order."""
    film = flickering(read_clip("clips/davis_dog.mp4", FRAMES)[:12])
    mixed = [replace(frame, starts_shot=None if index < 5 else False) for index, frame in enumerate(film)]
    smoothed = list(smooth_chroma(mixed, strength=Strength.LIGHT))
    assert [index_of(frame) for frame in smoothed] == list(range(12))
    for frame, expected in zip(smoothed, chromas(film, Strength.LIGHT), strict=True):
        assert np.array_equal(frame.chroma, expected)


def test_new_size_starts_a_shot(read_clip: ReadClip) -> None:
    large = flickering(read_clip("clips/davis_dog.mp4", FRAMES)[:6])
    small = [Painted(shrink_luma(f.luma, 64, 114), f.chroma[:, ::2, ::2].copy()) for f in large]
    joined = chromas([*large, *small], Strength.LIGHT)
    for got, expected in zip(joined, chromas(large, Strength.LIGHT) + chromas(small, Strength.LIGHT), strict=True):
        assert np.array_equal(got, expected)


def test_what_comes_new_keeps_its_own_prediction(read_clip: ReadClip) -> None:
    """A square that appears in a still picture gets its full colour in its first frame."""
    luma, _ = read_clip("clips/davis_dog.mp4", FRAMES)[0]
    with_square = luma.copy()
    with_square[40:80, 80:140] = np.random.default_rng(0).random((40, 60))
    gray = np.zeros((2, 32, 57), np.float32)
    red = gray.copy()
    red[1, 10:20, 20:35] = 0.4
    frames = [Painted(luma, gray)] * 6 + [Painted(with_square, red)] * 6
    smoothed = chromas(frames, Strength.STRONG)
    inside = np.s_[1, 12:18, 22:33]
    assert smoothed[6][inside].mean() > 0.3
    assert smoothed[5][inside].mean() < 0.1


def test_still_picture_averages_shifts_out(read_clip: ReadClip) -> None:
    luma, chroma = read_clip("clips/davis_libby.mp4", FRAMES)[0]
    shifts = np.random.default_rng(4).normal(0, 0.03, (12, 2, 1, 1)).astype(np.float32)
    smoothed = chromas([Painted(luma, chroma + shift) for shift in shifts], Strength.STRONG)
    tones = np.array([frame.mean(axis=(1, 2)) for frame in smoothed])
    assert tones.std(axis=0).max() < 0.2 * shifts.std()


def test_off_passes_frames_through(read_clip: ReadClip) -> None:
    frames = flickering(read_clip("clips/davis_dog.mp4", FRAMES)[:3])
    passed = smooth_chroma(iter(frames), strength=Strength.OFF)
    assert next(passed) is frames[0]
    assert [index_of(frame) for frame in passed] == [1, 2]


@pytest.mark.parametrize("strength", ACTIVE)
def test_order_frames_and_bounded_look_ahead(read_clip: ReadClip, strength: Strength) -> None:
    clip = read_clip("clips/davis_dog.mp4", FRAMES)
    pulled = 0

    def counted() -> Iterator[Painted]:
        nonlocal pulled
        for frame in flickering(clip) + flickering(clip):
            pulled += 1
            yield frame

    for given, frame in enumerate(smooth_chroma(counted(), strength=strength)):
        assert index_of(frame) == given % FRAMES
        assert frame.luma is clip[given % FRAMES][0]
        assert pulled - given <= strength.look_ahead + 1 <= 17
    assert given == 2 * FRAMES - 1


def test_deterministic(read_clip: ReadClip) -> None:
    frames = flickering(read_clip("clips/davis_motocross-jump.mp4", FRAMES)[:8])
    for first, second in zip(chromas(frames, Strength.STRONG), chromas(frames, Strength.STRONG), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_films(frames: int) -> None:
    luma = np.random.default_rng(3).random((12, 20), np.float32)
    film = [Painted(luma, np.full((2, 3, 5), 0.1, np.float32))] * frames
    for strength in Strength:
        smoothed = chromas(film, strength)
        assert len(smoothed) == frames
        for chroma in smoothed:
            np.testing.assert_allclose(chroma, 0.1, atol=1e-4)
