"""The temporal pass unit by unit: what is context stays unwritten, and a unit sees no more than it may."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from restore.colour import FloatArray
from restore.frames import Frame, Painted, Role, Unit
from restore.temporal import Strength, smooth, smooth_chroma

CONTEXT = 4


def shot(frames: int, seed: int) -> list[FloatArray]:
    """Returns luma of a drifting cloud."""
    cloud = cv2.GaussianBlur(np.random.default_rng(seed).random((48, 64 + frames)).astype(np.float32), (0, 0), 1)
    cloud = (cloud - cloud.min()) / (cloud.max() - cloud.min())
    return [np.ascontiguousarray(cloud[:, index : index + 64]) for index in range(frames)]


def painted(luma: FloatArray, index: int, unit: Unit | None, *, role: Role = Role.WRITTEN) -> Painted:
    """Returns a frame whose colour flickers, and whose shot the plan knows where it has a unit."""
    starts_shot = None if unit is None else unit.after_cut and index == unit.first
    frame = Frame(picture=None, guide=luma, luma=luma, index=index, unit=unit, starts_shot=starts_shot, role=role)
    tone = np.random.default_rng(index).normal(0, 0.05, (2, 1, 1))
    chroma = np.broadcast_to(tone, (2, 12, 16)) + luma[::4, ::4] * 0.1
    return Painted(luma, chroma.astype(np.float32), frame=frame, starts_shot=starts_shot)


def film(*units: Unit, end: int) -> list[Painted]:
    """Returns one shot after another: a new one where a unit starts after a cut."""
    frames: list[Painted] = []
    for number, unit in enumerate(units):
        stop = units[number + 1].first if number + 1 < len(units) else end
        if unit.after_cut:
            scene = shot(end - unit.first, seed=unit.first)
            scene_start = unit.first
        frames += [painted(scene[index - scene_start], index, unit) for index in range(unit.first, stop)]
    return frames


def as_context(frames: list[Painted], role: Role = Role.CONTEXT) -> list[Painted]:
    """Returns the frames as a run has them that does not write them, and does not know their shots."""
    return [painted(one.luma, index_of(one), None, role=role) for one in frames]


def index_of(one: Painted) -> int:
    assert one.frame is not None
    return one.frame.index


def indices(frames: list[Painted]) -> list[int]:
    return [index_of(one) for one in frames]


def same(one: list[Painted], other: list[Painted]) -> bool:
    return indices(one) == indices(other) and all(
        np.array_equal(first.chroma, second.chroma) for first, second in zip(one, other, strict=True)
    )


FIRST, WITHOUT_CUT, AFTER_CUT = Unit(0, after_cut=True), Unit(12, after_cut=False), Unit(20, after_cut=True)
END = 26


def three_units() -> list[Painted]:
    return film(FIRST, WITHOUT_CUT, AFTER_CUT, end=END)


@pytest.mark.parametrize("strength", list(Strength))
def test_what_is_only_context_is_not_given(strength: Strength) -> None:
    frames = three_units()
    given = list(smooth([*as_context(frames[8:12]), *frames[12:]], strength, CONTEXT))
    assert indices(given) == list(range(12, END))


def test_a_unit_in_the_middle_may_be_context_too() -> None:
    """As where a worker makes the others."""
    frames = three_units()
    for one in frames[12:20]:
        assert one.frame is not None
        one.frame.role = Role.CONTEXT
    given = list(smooth(frames, Strength.LIGHT, CONTEXT))
    whole = list(smooth(three_units(), Strength.LIGHT, CONTEXT))
    assert same(given, whole[:12] + whole[20:])


@pytest.mark.parametrize("strength", [Strength.LIGHT, Strength.STRONG])
def test_a_unit_depends_on_its_context_and_on_nothing_before_it(strength: Strength) -> None:
    whole = list(smooth(three_units(), strength, CONTEXT))
    frames = three_units()
    assert same(list(smooth([*as_context(frames[8:12]), *frames[12:]], strength, CONTEXT)), whole[12:])
    more = list(smooth([*as_context(frames[2:12]), *three_units()[12:]], strength, CONTEXT))
    assert same(more, whole[12:])  # more than it may see is not looked at
    less = list(smooth([*as_context(frames[10:12]), *three_units()[12:]], strength, CONTEXT))
    assert not same(less, whole[12:])


def test_a_unit_after_a_cut_needs_nothing_of_what_was_before() -> None:
    whole = list(smooth(three_units(), Strength.LIGHT, CONTEXT))
    assert same(list(smooth(three_units()[20:], Strength.LIGHT, CONTEXT)), whole[20:])


def test_a_unit_sees_the_start_of_the_next_where_no_cut_is() -> None:
    """So the border does not show: the frames before it come out as if there were none."""
    strength = Strength.LIGHT
    one_unit = list(smooth(film(FIRST, end=20), strength, CONTEXT))
    two_units = list(smooth(film(FIRST, WITHOUT_CUT, end=20), strength, CONTEXT))
    assert same(two_units[:12], one_unit[:12])
    assert not same(two_units[:12], list(smooth(film(FIRST, end=12), strength, CONTEXT)))


def test_without_units_it_is_one_pass() -> None:
    frames = film(FIRST, end=10)
    for one in frames:
        assert one.frame is not None
        one.frame.unit = None
    expected = [one.chroma for one in smooth_chroma(film(FIRST, end=10), strength=Strength.LIGHT)]
    given = [one.chroma for one in smooth(frames, Strength.LIGHT, CONTEXT)]
    assert all(np.array_equal(one, other) for one, other in zip(given, expected, strict=True))


def test_context_of_none_is_possible() -> None:
    given = list(smooth(three_units(), Strength.LIGHT, 0))
    assert indices(given) == list(range(END))
    assert same(list(smooth(three_units()[12:], Strength.LIGHT, 0)), given[12:])


@pytest.mark.parametrize("strength", [Strength.LIGHT, Strength.STRONG])
def test_what_is_read_ahead_is_bounded(strength: Strength) -> None:
    """Within a unit, the look-ahead; at a border without a cut, as much again of the unit after it."""
    read = 0

    def watched() -> Iterator[Painted]:
        nonlocal read
        for one in film(FIRST, WITHOUT_CUT, end=50):
            read += 1
            yield one

    for given, _ in enumerate(smooth(watched(), strength, CONTEXT), 1):
        assert read <= given + (1 if given > WITHOUT_CUT.first else 2) * strength.look_ahead + 1


def test_off_gives_what_it_was_given() -> None:
    frames = three_units()
    given = list(smooth(iter(frames), Strength.OFF, CONTEXT))
    assert all(one is other for one, other in zip(given, frames, strict=True))


def test_pictures_are_let_go_once_their_frame_was_given() -> None:
    """What the pass looks at afterwards are copies without them; only a unit's first may stay to its end."""
    alive: set[int] = set()

    class Page:
        def __init__(self, number: int) -> None:
            self.number = number
            alive.add(number)

        def __del__(self) -> None:
            alive.discard(self.number)

    def pages() -> Iterator[Painted]:
        frames = film(FIRST, WITHOUT_CUT, end=30)
        while frames:
            one = frames.pop(0)
            assert one.frame is not None
            one.frame.picture = Page(one.frame.index)
            yield one

    strength = Strength.LIGHT
    for count, given in enumerate(smooth(pages(), strength, context=10), 1):
        assert index_of(given) == count - 1
        assert len([number for number in alive if number < count - 1]) <= 1
