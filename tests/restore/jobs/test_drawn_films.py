"""Films by a model that samples: wherever a run ends, the next one brings the same film, to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from restore.errors import ModelError, OptionError
from restore.frames import Frame, Painted, Role
from restore.jobs.films import colorize_video
from restore.jobs.job import UNITS, job_folder
from restore.jobs.report import file_sha256
from restore.options import UnitLengths
from restore.paint.key_frames import KeyFramePainter
from restore.paint.network import Colorizer
from tests.media import write_shots
from tests.tools import film_options

SHOT, STEP = 14, 3  # frames, and pixels from one to the next
OPTIONS = film_options(codec="ffv1", seed=5, threads=1, units=UnitLengths(shortest=3, longest=6, context=4))


class StopError(Exception):
    pass


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots of clouds that drift so fast that each needs new key frames; both are longer than a unit."""
    return write_shots(tmp_path_factory.mktemp("film") / "film.mkv", (SHOT, SHOT), step=STEP)


@pytest.fixture(scope="module")
def whole(film: Path, sampling_colorizer: Colorizer) -> str:
    """SHA-256 of an uninterrupted run's result."""
    target = film.with_name("whole.mkv")
    report = colorize_video(film, target, model=sampling_colorizer, options=OPTIONS)
    assert report.frames == 2 * SHOT
    assert any("seed 5" in decision for decision in report.files[0]["decisions"])
    return file_sha256(target)


def run(film: Path, target: Path, colorizer: Colorizer, stop_after: int | None = None) -> None:
    def progress(done: int, _: int | None) -> None:
        if done == stop_after:
            raise StopError

    colorize_video(film, target, model=colorizer, options=OPTIONS, progress=progress)


@pytest.mark.parametrize("frames", [9, 20])
def test_an_interrupted_film_comes_out_the_same(
    film: Path, whole: str, sampling_colorizer: Colorizer, tmp_path: Path, frames: int
) -> None:
    target = tmp_path / "out.mkv"
    with pytest.raises(StopError):
        run(film, target, sampling_colorizer, frames)
    run(film, target, sampling_colorizer)
    assert file_sha256(target) == whole


def test_a_unit_in_the_middle_of_a_shot_is_done_again(
    film: Path, whole: str, sampling_colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.mkv"
    with pytest.raises(StopError):
        run(film, target, sampling_colorizer, 2 * SHOT)
    units = sorted((job_folder(target) / UNITS).iterdir())
    assert [int(unit.name.split(".")[0]) for unit in units[:3]] == [0, 6, 12]
    units[1].write_bytes(b"damaged")
    seen: list[tuple[int, Role]] = []
    paint = KeyFramePainter.paint

    def watching(self: KeyFramePainter, frames: Sequence[Frame]) -> list[Painted]:
        seen.extend((frame.index, frame.role) for frame in frames)
        return paint(self, frames)

    monkeypatch.setattr(KeyFramePainter, "paint", watching)
    run(film, target, sampling_colorizer)
    assert file_sha256(target) == whole
    roles = [role for index, role in seen if index < 12]
    assert seen[0][0] == 0  # from the shot's first frame on, although its unit is there
    assert roles[:12] == [Role.LEAD] * 2 + [Role.CONTEXT] * 4 + [Role.WRITTEN] * 6
    assert set(roles[12:]) == {Role.LEAD}  # followed again on the way to the last unit, which is missing too


def test_another_seed_is_another_film(film: Path, sampling_colorizer: Colorizer, tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    with pytest.raises(StopError):
        run(film, target, sampling_colorizer, 10)
    other = film_options(codec="ffv1", seed=6, threads=1, units=OPTIONS.units)
    with pytest.raises(OptionError, match="seed was 5, is 6"):
        colorize_video(film, target, model=sampling_colorizer, options=other)


def test_without_the_temporal_pass_cuts_count_all_the_same(
    film: Path, sampling_colorizer: Colorizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[bool | None] = []
    paint = KeyFramePainter.paint

    def watching(self: KeyFramePainter, frames: Sequence[Frame]) -> list[Painted]:
        starts.extend(frame.starts_shot for frame in frames)
        return paint(self, frames)

    monkeypatch.setattr(KeyFramePainter, "paint", watching)
    options = film_options(codec="ffv1", temporal="off", threads=1)
    colorize_video(film, tmp_path / "out.mkv", model=sampling_colorizer, options=options)
    assert [index for index, begins in enumerate(starts) if begins] == [0, SHOT]


def test_a_model_with_one_answer_takes_no_seed(film: Path, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="one colouring only"):
        colorize_video(film, tmp_path / "out.mkv", model=toy_colorizer, options=OPTIONS)
    assert list(tmp_path.iterdir()) == []
