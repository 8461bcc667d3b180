"""The flow from a source to what is written, on films, photos and thermal pictures without files."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

import cv2
import numpy as np
import pytest

from restore.colour import FloatArray, Matrix, pull_into_gamut
from restore.errors import DamagedMediaError, DeviceError
from restore.frames import ORIENTATIONS, Canvas, Frame, Painted, Unit, upright
from restore.jobs.film_units import FIRST_UNIT, Stretch
from restore.options import Look, UnitLengths
from restore.paint.painter import Painter
from restore.paint.thermal import ThermalPainter
from restore.pipeline import colour, enlarge, prepare
from restore.temporal import Strength
from tests.painters import BROWN, Brown, TopIsBlue, ToyTranslator

LENGTHS = UnitLengths(shortest=4, longest=8, context=3)
LOOK = Look()
AS_THE_SOURCE = Canvas()


@dataclass(frozen=True)
class ToyPicture:
    index: int
    luma: FloatArray
    orientation: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        return self.luma.shape

    def luma_at(self, shape: tuple[int, ...] | None) -> FloatArray:
        if shape is None or shape == self.luma.shape:
            return self.luma
        return np.asarray(cv2.resize(self.luma, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


@dataclass
class Part:
    """Pictures of any source; it breaks before picture ``breaks_at``."""

    lumas: list[FloatArray]
    strength: Strength = Strength.OFF
    context: int = LENGTHS.context
    orientations: Sequence[int] = ()
    breaks_at: int | None = None
    threads: set[int] = field(default_factory=set)
    is_closed: bool = False
    decoded: int = 0

    def pictures(self) -> Iterator[ToyPicture]:
        try:
            for index, luma in enumerate(self.lumas):
                self.threads.add(threading.get_ident())
                if index == self.breaks_at:
                    raise DamagedMediaError("the source is damaged")
                self.decoded += 1
                yield ToyPicture(index, luma, self.orientations[index] if self.orientations else 1)
        finally:
            self.is_closed = True

    def mark(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Photos are shots of their own; nobody looks."""
        return frames


@dataclass
class FilmPart(Part):
    """A stretch of a film or thermal recording."""

    strength: Strength = Strength.LIGHT
    stretch: Stretch = field(default_factory=lambda: Stretch(0, FIRST_UNIT, 0))

    def mark(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        return self.stretch.mark(frames, LENGTHS)


def texture(height: int, width: int, seed: int = 0) -> FloatArray:
    cloud = cv2.GaussianBlur(np.random.default_rng(seed).random((height, width)).astype(np.float32), (0, 0), 2)
    return np.asarray((cloud - cloud.min()) / (cloud.max() - cloud.min()), np.float32)


def drift(frames: int, seed: int = 0) -> list[FloatArray]:
    scene = texture(64, 96 + frames, seed)
    return [np.ascontiguousarray(scene[:, index : index + 96]) for index in range(frames)]


def film(frames: int = 12) -> FilmPart:
    return FilmPart(drift(frames))


def photos() -> Part:
    """One picture for each orientation; sizes are mixed."""
    sizes = [(64, 96), (40, 48), (30, 60)]
    lumas = [texture(*sizes[index % 3], seed=index) for index in range(len(ORIENTATIONS))]
    return Part(lumas, orientations=list(ORIENTATIONS))


def thermal_painter() -> ThermalPainter:
    return ThermalPainter(
        ToyTranslator(), model="toy", name="toy", weights_sha256="0", device="cpu", precision="fp32", working_size=64
    )


def run(
    part: Part, painter: Painter = BROWN, canvas: Canvas = AS_THE_SOURCE, look: Look = LOOK, *, ahead: int = 4
) -> list[tuple[Frame, Painted]]:
    return list(colour(part, painter, canvas, lambda painted: enlarge(painted, look, canvas), ahead=ahead))


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


class Varied(Brown):
    """Each picture has a tone of its own, so that the temporal pass has something to do."""

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
        chromas = super().predict(prepared)
        return [chroma * np.float32(0.5 + luma.mean()) for luma, chroma in zip(prepared, chromas, strict=True)]


class Bold(Brown):
    """Colours that no display shows on white."""

    def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
        return [4 * chroma for chroma in super().predict(prepared)]


# Order


@pytest.mark.parametrize("ahead", [0, 1, 4])
@pytest.mark.parametrize("frames", [0, 1, 3, 12])
def test_every_frame_of_a_film_comes_once_and_in_order(frames: int, ahead: int) -> None:
    part = film(frames)
    coloured = run(part, ahead=ahead)
    assert [frame.index for frame, _ in coloured] == list(range(frames))
    assert all(painted.frame is frame for frame, painted in coloured)
    assert all(frame.picture.luma is part.lumas[frame.index] for frame, _ in coloured)
    assert part.is_closed
    assert not prefetch_threads()


def test_photos_of_mixed_sizes_come_in_order() -> None:
    part = photos()
    coloured = run(part, TopIsBlue())
    assert [frame.index for frame, _ in coloured] == list(range(len(part.lumas)))
    assert [painted.luma.shape for _, painted in coloured] == [luma.shape for luma in part.lumas]


def test_a_frame_that_is_painted_several_times_comes_several_times() -> None:
    class Twice(Brown):
        def paint(self, frames: Sequence[Frame]) -> list[Painted]:
            return [replace(painted, seed=seed) for painted in super().paint(frames) for seed in (1, 2)]

    coloured = run(Part(drift(3)), Twice())
    assert [(frame.index, painted.seed) for frame, painted in coloured] == [
        (index, seed) for index in range(3) for seed in (1, 2)
    ]


def test_threads_change_no_bit() -> None:
    here, ahead = run(film(), Varied(), ahead=0), run(film(), Varied(), ahead=4)
    for (_, one), (_, other) in zip(here, ahead, strict=True):
        assert np.array_equal(one.chroma, other.chroma)
        assert np.array_equal(one.luma, other.luma)


def test_context_is_looked_at_and_not_written() -> None:
    lumas = drift(12)
    start = Unit(8, after_cut=False)
    stretch = Stretch(0, start, 8)
    joined = run(FilmPart(lumas, stretch=stretch), Varied())
    assert [frame.index for frame, _ in joined] == list(range(8, 12))
    assert [frame.unit for frame, _ in joined] == [start] * 4
    whole = {frame.index: painted for frame, painted in run(FilmPart(lumas), Varied())}
    assert all(np.array_equal(painted.chroma, whole[frame.index].chroma) for frame, painted in joined)
    alone = run(FilmPart(lumas, stretch=replace(stretch, start=Unit(8, after_cut=True))), Varied())
    assert not np.array_equal(alone[0][1].chroma, joined[0][1].chroma)


def test_the_watcher_sees_each_frame_after_the_temporal_pass() -> None:
    seen: list[Painted] = []

    def watch(frames: Iterator[Painted]) -> Iterator[Painted]:
        for painted in frames:
            seen.append(painted)
            yield painted

    coloured = list(colour(film(), Varied(), AS_THE_SOURCE, lambda painted: painted, watch=watch))
    assert [painted.frame for painted in seen] == [frame for frame, _ in coloured]
    assert all(painted.trace is not None for painted in seen)
    assert any(painted.trace and not np.array_equal(painted.trace.raw, painted.chroma) for painted in seen)


# Pictures


def test_luma_is_the_sources_own() -> None:
    part = photos()
    for frame, painted in run(part, TopIsBlue()):
        assert np.array_equal(painted.luma, part.lumas[frame.index])


def test_chroma_lies_as_the_picture_is_stored() -> None:
    """The upper half is blue as it is shown, whatever the orientation."""
    part = photos()
    for frame, painted in run(part, TopIsBlue()):
        assert painted.chroma.shape == (2, *part.lumas[frame.index].shape)
        blue = upright(painted.chroma, frame.orientation)[0]
        quarter = blue.shape[0] // 4
        assert blue[:quarter].mean() > 0.15
        assert blue[-quarter:].mean() < -0.15


def test_chroma_has_the_shape_that_the_sink_writes() -> None:
    half = Canvas(guide_shape=(32, 48), chroma_shape=(32, 48))
    assert {painted.chroma.shape for _, painted in run(film(), canvas=half)} == {(2, 32, 48)}
    full_luma = Canvas(chroma_shape=(32, 48))
    for _, painted in run(film(), canvas=full_luma):
        assert painted.chroma.shape == (2, 32, 48)
        assert painted.luma.shape == (64, 96)


def test_saturation_is_a_factor() -> None:
    for factor in (0.0, 0.5, 2.0):
        changed = run(photos(), TopIsBlue(), look=Look(saturation=factor))
        for (_, painted), (_, other) in zip(run(photos(), TopIsBlue()), changed, strict=True):
            np.testing.assert_allclose(other.chroma, factor * painted.chroma, atol=1e-6)


def test_chroma_stays_in_the_gamut_of_the_matrix() -> None:
    white = [np.ones((64, 96), np.float32)]
    ((_, free),) = run(Part(white), Bold())
    ((_, pulled),) = run(Part(white), Bold(), Canvas(matrix=Matrix.BT709))
    assert np.abs(free.chroma).max() > 0.3
    assert np.abs(pulled.chroma).max() < 0.01
    assert np.array_equal(pulled.chroma, pull_into_gamut(white[0], free.chroma, Matrix.BT709))


@pytest.mark.parametrize("strength", [Strength.OFF, Strength.LIGHT])
def test_which_luma_is_shown(strength: Strength) -> None:
    """The toy network answers with the negative."""
    luma = texture(64, 96)
    shown = {}
    for name in ("source", "generated", "blend"):
        ((_, painted),) = run(FilmPart([luma], strength=strength), thermal_painter(), Canvas(luma=name))
        assert painted.generated_luma is None
        shown[name] = painted.luma
    assert np.array_equal(shown["source"], luma)
    np.testing.assert_allclose(shown["generated"], 1 - luma, atol=1e-5)
    np.testing.assert_allclose(shown["blend"], 0.5, atol=1e-5)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_generated_luma_lies_as_the_picture_is_stored(orientation: int) -> None:
    luma = texture(64, 96)
    part = Part([luma], orientations=[orientation])
    ((_, painted),) = run(part, thermal_painter(), Canvas(luma="generated"))
    np.testing.assert_allclose(painted.luma, 1 - luma, atol=1e-5)


def test_luma_that_nobody_sees_is_not_steadied() -> None:
    def luma_seen(name: str) -> list[bool]:
        seen: list[bool] = []

        def watch(frames: Iterator[Painted]) -> Iterator[Painted]:
            for painted in frames:
                seen.append(painted.generated_luma is not None)
                yield painted

        canvas = Canvas(luma=name)
        list(colour(film(3), thermal_painter(), canvas, partial(enlarge, look=LOOK, canvas=canvas), watch=watch))
        return seen

    assert luma_seen("source") == [False] * 3
    assert luma_seen("blend") == [True] * 3


def test_a_small_picture_is_seen_in_its_own_size() -> None:
    """Where the guide is shrunk below the size that the network could see."""
    picture = ToyPicture(3, texture(40, 60))
    frame = prepare(picture, BROWN, Canvas(guide_shape=(20, 30)))
    assert (frame.guide.shape, frame.luma.shape) == ((20, 30), (32, 48))
    assert (frame.index, frame.picture) == (3, picture)
    turned = prepare(ToyPicture(0, texture(40, 60), orientation=6), BROWN, AS_THE_SOURCE)
    assert (turned.guide.shape, turned.luma.shape) == ((40, 60), (48, 32))


# Threads and errors


def test_the_source_is_read_on_a_thread_of_its_own_unless_nothing_runs_ahead() -> None:
    ahead, here = film(), film()
    run(ahead, ahead=2)
    run(here, ahead=0)
    assert len(ahead.threads) == 1
    assert threading.get_ident() not in ahead.threads
    assert here.threads == {threading.get_ident()}


@pytest.mark.parametrize("ahead", [0, 4])
@pytest.mark.parametrize("taken", [0, 1, 5])
def test_whoever_leaves_early_leaves_no_thread_and_no_open_source(ahead: int, taken: int) -> None:
    part = film(400)
    with closing(colour(part, BROWN, AS_THE_SOURCE, lambda painted: painted, ahead=ahead)) as coloured:
        for _ in range(taken):
            next(coloured)
    assert not prefetch_threads()
    assert part.is_closed == (taken > 0)
    assert part.decoded < 100


@pytest.mark.parametrize("ahead", [0, 4])
def test_an_error_of_the_source_comes_out(ahead: int) -> None:
    part = film()
    part.breaks_at = 6
    with pytest.raises(DamagedMediaError, match="the source is damaged"):
        run(part, ahead=ahead)
    assert not prefetch_threads()


def test_photos_before_an_error_of_the_source_are_given_where_their_batch_is_full() -> None:
    part = Part(drift(12), breaks_at=BROWN.batch + 1)
    coloured = colour(part, BROWN, AS_THE_SOURCE, lambda painted: painted)
    assert [next(coloured)[0].index for _ in range(BROWN.batch)] == list(range(BROWN.batch))
    with pytest.raises(DamagedMediaError):
        next(coloured)


@pytest.mark.parametrize("ahead", [0, 4])
def test_an_error_of_the_painter_comes_out(ahead: int) -> None:
    class Broken(Brown):
        def predict(self, prepared: Sequence[FloatArray]) -> list[FloatArray]:
            raise DeviceError(f"no memory left for {len(prepared)}")

    part = film()
    with pytest.raises(DeviceError, match="no memory left"):
        run(part, Broken(), ahead=ahead)
    assert part.is_closed
    assert not prefetch_threads()


@pytest.mark.parametrize("ahead", [0, 4])
def test_an_error_of_what_is_made_of_a_frame_comes_out(ahead: int) -> None:
    def finish(painted: Painted) -> Painted:
        raise OSError(f"disk full at {painted.luma.shape}")

    part = film()
    with pytest.raises(OSError, match="disk full"):
        list(colour(part, BROWN, AS_THE_SOURCE, finish, ahead=ahead))
    assert part.is_closed
    assert not prefetch_threads()
