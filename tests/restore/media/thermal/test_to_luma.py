from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from restore.colour import FloatArray
from restore.media.thermal import ThermalFrame, to_luma
from restore.media.thermal.local_contrast import LocalContrast
from restore.media.thermal.range import SteadyRange
from restore.media.thermal.source import StillSource
from restore.temporal import find_shot_starts

Counts = NDArray[np.uint16]
FRAME = 0.1  # seconds


def background(seed: int = 0) -> Counts:
    """Ground of some texture, in counts of a sensor."""
    y, x = np.mgrid[:96, :128]
    noise = np.random.default_rng(seed).normal(0, 4, (96, 128))
    return np.asarray(20000 + 2 * y + 80 * np.sin(x / 9) + noise, np.uint16)


def with_hot_object(counts: Counts, hotter: int = 3000) -> tuple[Counts, NDArray[np.bool_]]:
    """An object over a tenth of the picture, far hotter than anything; and where the background is."""
    changed = counts.copy()
    changed[30:66, 40:75] += np.uint16(hotter)
    return changed, changed == counts


def naive(counts: Counts) -> FloatArray:
    """What peers do: each frame by its own percentiles."""
    low, high = np.percentile(counts, (1, 99))
    return np.asarray(np.clip((counts - low) / (high - low), 0, 1), np.float32)


@pytest.mark.parametrize("method", ["percentile", "local"])
def test_a_hot_object_does_not_make_the_picture_pump(method: str) -> None:
    steady, local = SteadyRange(16), LocalContrast()

    def shown(counts: Counts, *, first: bool = False) -> FloatArray:
        luma = steady(counts, FRAME, starts_shot=first)
        return local(luma, FRAME, starts_shot=first) if method == "local" else luma

    before = shown(background(), first=True)
    hot, behind = with_hot_object(background())
    if method == "local":  # tiles that the object lies in may change
        behind[8:88, 24:88] = False
    changes = [float(np.abs(shown(hot) - before)[behind].mean()) for _ in range(30)]
    assert max(changes) < 0.03
    assert changes[0] < 0.01
    assert np.abs(naive(hot) - naive(background()))[behind].mean() > 0.3


def recording(*, warming: float = 1.5) -> list[tuple[Counts, NDArray[np.bool_]]]:
    """Six seconds of a scene that warms slowly, with a hot object in the middle third; and where background is."""
    frames = []
    for number in range(60):
        counts = np.asarray(background(number) + warming * number, np.uint16)
        frames.append(with_hot_object(counts) if 20 <= number < 40 else (counts, np.ones_like(counts, bool)))
    return frames


def ranged(pictures: list[Counts], method: str = "percentile") -> list[FloatArray]:
    """Through the stage as recordings go, with its own detector of cuts."""
    frames = [ThermalFrame(picture, number) for number, picture in enumerate(pictures)]
    shape = pictures[0].shape
    source = StillSource(Path("toy"), "toy", shape, 16, time_base=Fraction(1, 10), frame=frames[0])
    steady = to_luma(frames, source, black_hot=False, method=method, find_shot_starts=find_shot_starts)
    return [luma for _, luma in steady]


def movement(lumas: list[FloatArray], frames: list[tuple[Counts, NDArray[np.bool_]]]) -> tuple[float, float]:
    """Codes of 255 by which the background's level moves from frame to frame at most, and over all frames."""
    everywhere = np.logical_and.reduce([behind for _, behind in frames])
    levels = [255 * float(luma[everywhere].mean()) for luma in lumas]
    return float(np.abs(np.diff(levels)).max()), float(np.ptp(levels))


def test_a_recording_holds_still_while_things_come_and_go_and_it_warms() -> None:
    """The scene itself warms by a quarter of its range, which is shown, not hidden; nothing jumps."""
    frames = recording()
    step, whole = movement(ranged([counts for counts, _ in frames]), frames)
    naive_step, naive_whole = movement([naive(counts) for counts, _ in frames], frames)
    assert step < 1.5
    assert naive_step > 60
    assert whole < 0.6 * naive_whole


def test_without_warming_the_background_stays_where_it_is() -> None:
    frames = recording(warming=0)
    step, whole = movement(ranged([counts for counts, _ in frames]), frames)
    assert step < 1
    assert whole < 4


@pytest.mark.parametrize("method", ["percentile", "local"])
def test_a_cut_changes_the_range_at_once(method: str) -> None:
    """Each shot is what it is alone: nothing of the one before is left in its range, from its first frame on."""
    first = [counts for counts, _ in recording()[:25]]
    second = [np.asarray(30000 - 2 * (counts[::-1, ::-1].astype(int) - 20000), np.uint16) for counts in first]
    both = ranged(first + second, method)
    for got, alone in zip(both, ranged(first, method) + ranged(second, method), strict=True):
        np.testing.assert_array_equal(got, alone)


def test_a_shutter_between_is_no_new_scene() -> None:
    """Cameras close a shutter to calibrate: a flat frame, and the scene goes on as it was, on the same range."""
    frames = recording(warming=0)[:20]
    pictures = [counts for counts, _ in frames]
    pictures[10] = np.full_like(pictures[10], 20100)
    lumas = ranged(pictures)
    level = [255 * float(luma.mean()) for luma in lumas]
    assert abs(level[11] - level[9]) < 6


def test_what_is_hot_is_brighter_and_never_cut_off() -> None:
    steady = SteadyRange(16)
    steady(background(), 0.0, starts_shot=True)
    hot, behind = with_hot_object(background())
    luma = steady(hot, FRAME, starts_shot=False)
    assert luma[~behind].min() > luma[behind].max()
    assert luma.max() < 1
    hotter, _ = with_hot_object(background(), 6000)
    assert (steady(hotter, FRAME, starts_shot=False)[~behind] > luma[~behind]).all()


def test_the_curve_rises_everywhere() -> None:
    steady = SteadyRange(16)
    steady(background(), 0.0, starts_shot=True)
    curve = steady.curve()
    assert (np.diff(curve) >= 0).all()
    assert (np.diff(curve[18000:22000]) > 0).all()
    assert 0 <= curve.min() < 0.05
    assert 0.95 < curve.max() <= 1


def test_a_cut_starts_the_range_anew_and_a_wholly_other_picture_too() -> None:
    other = (background().astype(int) * 4 - 60000).astype(np.uint16)
    for starts_shot, counts in ((True, other), (False, background() + np.uint16(9000))):
        steady, alone = SteadyRange(16), SteadyRange(16)
        steady(background(), FRAME, starts_shot=True)
        luma = steady(counts, FRAME, starts_shot=starts_shot)
        np.testing.assert_array_equal(luma, alone(counts, FRAME, starts_shot=True))


def test_the_range_follows_a_scene_that_changes_for_good() -> None:
    steady = SteadyRange(16)
    steady(background(), FRAME, starts_shot=True)
    wider = np.asarray(20000 + 3 * (background().astype(int) - 20000), np.uint16)
    for _ in range(600):  # a minute
        luma = steady(wider, FRAME, starts_shot=False)
    alone = SteadyRange(16)(wider, FRAME, starts_shot=True)
    assert np.abs(luma - alone).mean() < 0.02


def test_dead_lines_and_bars_do_not_set_the_range() -> None:
    alone = SteadyRange(16)(background(), 0.0, starts_shot=True)
    framed = np.pad(background(), ((3, 5), (20, 20)))
    steady = SteadyRange(16)
    luma = steady(np.asarray(framed, np.uint16), 0.0, starts_shot=True)
    np.testing.assert_array_equal(luma[3:-5, 20:-20], alone)
    bars = np.asarray(framed + np.random.default_rng(0).integers(0, 3, framed.shape), np.uint16)  # through a codec
    assert np.abs(SteadyRange(16)(bars, 0.0, starts_shot=True)[3:-5, 20:-20] - alone).max() < 0.02


def test_a_flat_picture_has_a_range_too() -> None:
    for value in (0, 20000, 65535):
        luma = SteadyRange(16)(np.full((48, 64), value, np.uint16), 0.0, starts_shot=True)
        assert np.isfinite(luma).all()
        assert np.ptp(luma) == 0


def test_noise_is_not_made_contrast() -> None:
    flat = np.asarray(20000 + np.random.default_rng(0).normal(0, 1.5, (64, 64)), np.uint16)
    luma = SteadyRange(16)(flat, 0.0, starts_shot=True)
    assert luma.std() < 0.06
    assert abs(float(luma.mean()) - 0.5) < 0.1


def test_local_contrast_shows_what_is_faint() -> None:
    y, x = np.mgrid[:96, :128]
    luma = np.where(x < 64, 0.2, 0.8).astype(np.float32)
    faint = np.asarray(0.03 * np.sin(x / 3) * np.cos(y / 4), np.float32)
    raised = LocalContrast()(luma + faint, 0.0, starts_shot=True)
    inside = np.s_[20:76, 10:50]
    assert raised[inside].std() > 1.8 * faint[inside].std()
    assert 0 <= raised.min() <= raised.max() <= 1
