"""The whole pipeline on small films: luma to the bit, real chroma, a report, and nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from restore.colour import CodeArray
from restore.errors import InputError, OptionError, OutputError
from restore.jobs.films import colorize_video
from restore.jobs.report import file_sha256, report_path
from restore.media.film.frames import plane_view
from restore.options import FilmOptions
from restore.paint.network import Colorizer
from tests.tools import film_options

RATE = 12
FRAMES = 20
LOSSLESS = film_options(codec="ffv1")

MakeFilm = Callable[..., Path]


@pytest.fixture
def make_film(tmp_path: Path) -> MakeFilm:
    """Writes a gray FFV1 film of a drifting texture."""

    def make(
        *, width: int = 96, height: int = 64, pix_fmt: str = "gray", frames: int = FRAMES, rotation: int = 0
    ) -> Path:
        depth = 10 if "10" in pix_fmt else 8
        rng = np.random.default_rng(2)
        texture = rng.random((height // 8 + 1, (width + frames) // 8 + 2)).repeat(8, 0).repeat(8, 1)
        codes = (16 + texture * 219).astype(np.uint16) << (depth - 8)
        path = tmp_path / f"film-{pix_fmt}-{width}x{height}.mkv"
        with av.open(str(path), "w") as film:
            stream = film.add_stream("ffv1", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
            if rotation:
                stream.set_display_rotation(rotation)
            for number in range(frames):
                luma = np.ascontiguousarray(codes[:height, number : number + width])
                if depth == 8:
                    gray = av.VideoFrame.from_ndarray(luma.astype(np.uint8), format="gray")
                else:
                    gray = av.VideoFrame.from_ndarray(luma, format="gray10le")
                frame = gray if pix_fmt.startswith("gray") else gray.reformat(format=pix_fmt)
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                film.mux(stream.encode(frame))
            film.mux(stream.encode(None))
        return path

    return make


def planes(path: Path) -> tuple[list[CodeArray], list[CodeArray]]:
    """Luma and, where there is one, Cb of every frame."""
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
    return [plane_view(frame, 0) for frame in frames], [
        plane_view(frame, 1) for frame in frames if len(frame.planes) > 1
    ]


@pytest.mark.parametrize(
    ("pix_fmt", "expected"), [("gray", "yuv420p"), ("gray10le", "yuv420p10le"), ("yuv422p", "yuv422p")]
)
@pytest.mark.parametrize("options", [LOSSLESS, film_options(codec="h264", crf=0, preset="ultrafast")])
def test_luma_is_kept_to_the_bit_and_chroma_is_made(
    make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path, pix_fmt: str, expected: str, options: FilmOptions
) -> None:
    source = make_film(pix_fmt=pix_fmt)
    report = colorize_video(source, tmp_path / "out.mkv", model=toy_colorizer, options=options)
    luma_before, _ = planes(source)
    luma_after, chroma = planes(report.written[0])
    assert report.frames == len(luma_after) == FRAMES
    assert all(np.array_equal(before, after) for before, after in zip(luma_before, luma_after, strict=True))
    assert int(np.ptp(np.stack(chroma))) > (20 if "10" not in pix_fmt else 80)
    with av.open(str(report.written[0])) as film:
        written = film.streams.video[0].codec_context.pix_fmt or ""
    assert written.replace("yuvj", "yuv") == expected  # j: the old name of full range


def test_the_report_says_what_was_done(make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    source = make_film()
    seen: list[int] = []
    colorize_video(
        source,
        tmp_path / "out.mkv",
        model=toy_colorizer,
        options=LOSSLESS,
        progress=lambda done, _: seen.append(done),
    )
    report = json.loads(report_path(tmp_path / "out.mkv").read_text(encoding="utf-8"))
    assert report["counts"]["frames"] == FRAMES
    assert report["files"][0]["source_sha256"] == file_sha256(source)
    assert report["model"]["weights_sha256"] == toy_colorizer.weights_sha256
    assert report["digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert report["options"]["encoding"]["codec"] == "ffv1"
    assert seen == list(range(1, FRAMES + 1))
    with av.open(str(tmp_path / "out.mkv")) as film:
        assert "machine-made" in film.metadata["COMMENT"]


def test_start_and_duration_take_a_part(make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    source = make_film()
    options = film_options(codec="ffv1", start_seconds=0.5, duration_seconds=0.5)
    report = colorize_video(source, tmp_path / "out.mkv", model=toy_colorizer, options=options)
    luma_before, _ = planes(source)
    luma_after, _ = planes(report.written[0])
    assert report.frames == RATE // 2
    assert np.array_equal(luma_after[0], luma_before[RATE // 2])


@pytest.mark.parametrize("width", [96, 95])
def test_compare_shows_gray_and_colour_side_by_side(
    make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path, width: int
) -> None:
    source = make_film(width=width, frames=4)
    options = film_options(codec="ffv1", compare=True)
    report = colorize_video(source, tmp_path / "out.mkv", model=toy_colorizer, options=options)
    luma_before, _ = planes(source)
    luma_after, chroma = planes(report.written[0])
    assert np.array_equal(luma_after[2], np.hstack([luma_before[2], luma_before[2]]))
    half = chroma[2].shape[1] // 2
    assert (chroma[2][:, :half] == 128).all()
    assert int(np.ptp(chroma[2][:, half:])) > 20


def test_a_rotated_film_is_coloured_upright(make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    """A network is not blind to rotation, so the network must see what a viewer sees."""
    seen: list[tuple[int, ...]] = []
    predict = toy_colorizer.predict

    class Spy(Colorizer):
        def __init__(self) -> None:
            self.__dict__.update(toy_colorizer.__dict__)

        def predict(self, prepared):  # type: ignore[no-untyped-def]
            seen.extend(luma.shape for luma in prepared)
            return predict(prepared)

    source = make_film(width=128, height=64, rotation=90, frames=3)
    report = colorize_video(source, tmp_path / "out.mkv", model=Spy(), options=LOSSLESS)
    assert set(seen) == {(128, 64)}
    _, chroma = planes(report.written[0])
    assert chroma[0].shape == (32, 64)


def test_no_saturation_is_gray(make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    options = film_options(codec="ffv1", saturation=0)
    report = colorize_video(make_film(frames=3), tmp_path / "out.mkv", model=toy_colorizer, options=options)
    _, chroma = planes(report.written[0])
    assert all((plane == 128).all() for plane in chroma)


def test_a_run_that_breaks_leaves_nothing(make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    def interrupt(done: int, _total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    folder = tmp_path / "results"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        colorize_video(make_film(), folder / "out.mkv", model=toy_colorizer, options=LOSSLESS, progress=interrupt)
    assert list(folder.iterdir()) == []


def test_an_existing_result_is_not_replaced_unasked(
    make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path
) -> None:
    target = tmp_path / "out.mkv"
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match="use `overwrite`"):
        colorize_video(make_film(), target, model=toy_colorizer, options=LOSSLESS)
    assert target.read_bytes() == b"precious"


def test_options_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(OptionError, match="not both"):
        film_options(filter_chain="hflip", restore_preset="film")
    with pytest.raises(OptionError, match="no temporal pass"):
        film_options(temporal="off", temporal_debug=Path("debug.mp4"))
    with pytest.raises(OptionError, match="unknown preset 'vhs'; use film"):
        film_options(restore_preset="vhs")


@pytest.mark.parametrize("wrong", [{"temporal": "extreme"}, {"upsampling": "magic"}, {"saturation": -1.0}])
def test_values_nobody_knows_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        film_options(**wrong)


def test_a_missing_source_is_an_input_error(toy_colorizer: Colorizer, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        colorize_video(tmp_path / "absent.mp4", model=toy_colorizer)


def test_the_film_preset_runs_and_is_recorded(make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    options = film_options(codec="ffv1", restore_preset="film")
    report = colorize_video(make_film(), tmp_path / "out.mkv", model=toy_colorizer, options=options)
    assert report.frames == FRAMES
    assert "deflicker" in report.files[0]["filters"]


def test_a_debug_film_is_written_beside(make_film: MakeFilm, toy_colorizer: Colorizer, tmp_path: Path) -> None:
    debug = tmp_path / "debug.mp4"
    with_debug, without = film_options(codec="ffv1", temporal_debug=debug), LOSSLESS
    results = [
        colorize_video(make_film(), tmp_path / f"out-{number}.mkv", model=toy_colorizer, options=options).written[0]
        for number, options in enumerate((with_debug, without))
    ]
    with av.open(str(debug)) as film:
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(pictures) == FRAMES
    assert [np.array_equal(*pair) for pair in zip(planes(results[0])[1], planes(results[1])[1], strict=True)] == [
        True
    ] * FRAMES
