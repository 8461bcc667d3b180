"""The debug film: four panels a frame, cuts framed, nothing half-written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from restore.colour import Matrix
from restore.errors import OutputError
from restore.frames import Painted
from restore.media.film.debug import CHANGE_GAIN, DebugFilm, debug_picture
from restore.temporal import Strength, smooth_chroma

HEIGHT, WIDTH = 64, 96


def steadied(frames: int = 5) -> list[Painted]:
    generator = np.random.default_rng(0)
    luma = generator.random((HEIGHT, WIDTH), np.float32)
    film = [Painted(luma, generator.normal(0, 0.05, (2, 16, 24)).astype(np.float32)) for _ in range(frames)]
    return list(smooth_chroma(film, strength=Strength.LIGHT))


def test_panels() -> None:
    first, second = (debug_picture(frame, number) for number, frame in enumerate(steadied()[:2]))
    assert second.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    border = np.s_[0, 2:-2]
    assert (first[border] == (255, 0, 0)).all()
    assert not (second[border] == (255, 0, 0)).all()
    confidence = second[HEIGHT + 24 : -4, 4 : WIDTH - 4]
    assert (confidence == 255).mean() > 0.9  # a still picture: the motion is sure
    change = second[HEIGHT + 24 : -4, WIDTH + 4 : -4].astype(int)
    assert np.ptp(change, axis=-1).mean() > 5  # noise was taken out


def test_change_is_shown_enlarged() -> None:
    frame = steadied()[1]
    assert frame.trace is not None
    frame.chroma = frame.trace.raw + np.array([0.05, 0], np.float32)[:, None, None]
    shown = debug_picture(frame, 1, Matrix.BT601)[HEIGHT + 40, WIDTH + 40].astype(int)
    assert shown[2] - 127.5 == pytest.approx(0.05 * CHANGE_GAIN * 1.772 * 255, abs=2)


def test_film(tmp_path: Path) -> None:
    source = tmp_path / "source.mkv"
    source.write_bytes(b"-")
    frames = steadied()
    with DebugFilm(tmp_path / "debug.mp4", source=source, rate=Fraction(12), matrix=Matrix.BT709) as film:
        passed = list(film.watch(frames))
        assert not (tmp_path / "debug.mp4").exists()
    assert all(one is other for one, other in zip(passed, frames, strict=True))
    with av.open(str(tmp_path / "debug.mp4")) as written:
        pictures = [frame.to_ndarray(format="rgb24") for frame in written.decode(video=0)]
    assert len(pictures) == 5
    assert pictures[0].shape == (2 * HEIGHT, 2 * WIDTH, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["debug.mp4", "source.mkv"]


def test_a_film_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source.mkv"
    source.write_bytes(b"-")
    target, frame = tmp_path / "debug.mp4", steadied(1)[0]

    def broken() -> None:
        with DebugFilm(target, source=source, rate=Fraction(12), matrix=Matrix.BT709) as film:
            film.write(frame)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert [path.name for path in tmp_path.iterdir()] == ["source.mkv"]
    with pytest.raises(OutputError, match="does not exist"):
        DebugFilm(tmp_path / "absent" / "debug.mp4", source=source, rate=Fraction(12), matrix=Matrix.BT709)


def test_a_run_that_colours_nothing_names_no_film(tmp_path: Path) -> None:
    """As where an earlier run finished every unit: an empty file would be no film, and would replace that run's."""
    (tmp_path / "source.mkv").write_bytes(b"-")
    (tmp_path / "debug.mp4").write_bytes(b"of the run before")
    with DebugFilm(
        tmp_path / "debug.mp4", source=tmp_path / "source.mkv", rate=Fraction(12), matrix=Matrix.BT709
    ) as film:
        assert not list(film.watch([]))
    assert (tmp_path / "debug.mp4").read_bytes() == b"of the run before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["debug.mp4", "source.mkv"]
