"""The whole way from a film to a film: luma, colour tags, and how a run may fail."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from restore.errors import DiskError, OutputError
from restore.media.film.codecs import Encoding
from restore.media.film.colour_tags import LIMITED_RANGE, ColourTags, complete_tags
from restore.media.film.containers import CopiedStreams
from restore.media.film.frames import FilmLayout, plane_view
from restore.media.film.sink import FilmSink
from restore.media.film.source import FilmSource
from restore.verify.film import verify_video
from tests.restore.media.clips import (
    FASTEST,
    FRAMES,
    LOSSLESS,
    colour,
    make_clip,
    make_sound_clip,
    seconds_of,
)


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "size", "suffix"),
    [
        ("ffv1", "yuv420p", "65x49", ".mkv"),
        ("ffv1", "yuv422p10le", "64x48", ".mkv"),
        ("ffv1", "yuv420p12le", "64x48", ".mkv"),
        ("ffv1", "yuv444p", "63x47", ".mp4"),
        ("ffv1", "gray16le", "64x48", ".mkv"),
        ("h264", "yuv420p", "64x48", ".mp4"),
        ("h264", "yuv420p10le", "64x48", ".mkv"),
        ("h264", "yuv422p", "64x48", ".mp4"),
        ("h264", "yuv420p", "65x49", ".mp4"),
        ("h264", "gray", "64x48", ".mov"),
        ("hevc", "yuv420p12le", "64x48", ".mp4"),
    ],
)
def test_luma_survives_bit_for_bit(tmp_path: Path, codec: str, pix_fmt: str, size: str, suffix: str) -> None:
    clip = make_clip(tmp_path / "clip.mkv", size=size, pix_fmt=pix_fmt)
    out = tmp_path / f"out{suffix}"
    colour(clip, out, codec=codec, **({} if codec == "ffv1" else LOSSLESS))
    report = verify_video(clip, out, max_luma_difference=0)
    assert report.ok, report.problems
    assert (report.luma_max_difference, report.facts["frames_out"]) == (0, FRAMES)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mp4"), ("hevc", ".mp4"), ("av1", ".webm"), ("prores", ".mov")]
)
def test_lossy_codecs_are_near_transparent(tmp_path: Path, codec: str, suffix: str, capfd: Any) -> None:
    clip = make_clip(tmp_path / "clip.mkv", size="160x120")
    out = tmp_path / f"out{suffix}"
    colour(clip, out, codec=codec)
    report = verify_video(clip, out)
    assert report.ok, report.problems
    assert report.luma_mean_difference is not None
    assert 0 < report.luma_mean_difference < (2 if codec != "prores" else 8)
    assert capfd.readouterr() == ("", ""), "encoders write nothing on the terminal"


def test_chroma_is_what_was_given(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "clip.mkv", pix_fmt="yuv420p10le"), tmp_path / "out.mkv"
    with FilmSource(clip) as film, FilmSink(out, film.layout, film.copied, Encoding(codec="ffv1")) as sink:
        rng = np.random.default_rng(1)
        planes = [rng.integers(64, 960, (2, *sink.chroma_shape), np.uint16) for _ in range(FRAMES)]
        for frame, (cb, cr) in zip(film.frames(), planes, strict=True):
            sink.write(frame, (cb, cr))
    with FilmSource(out) as film:
        for frame in film.frames():
            np.testing.assert_array_equal(plane_view(frame.frame, 1), planes[frame.index][0])
            np.testing.assert_array_equal(plane_view(frame.frame, 2), planes[frame.index][1])


def test_pictures_made_elsewhere(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "clip.mkv"), tmp_path / "out.mkv"
    with (
        FilmSource(clip) as film,
        FilmSink(out, replace(film.layout, width=128), film.copied, Encoding(codec="ffv1")) as sink,
    ):
        assert sink.chroma_shape == (24, 64)
        neutral = np.full(sink.chroma_shape, 128, np.uint8)
        for frame in film.frames():
            wide: Any = np.hstack([frame.luma_codes()] * 2)
            sink.encode(sink.picture_of_planes(wide, (neutral, neutral), pts=frame.pts))
    assert seconds_of(out) == pytest.approx(seconds_of(clip), abs=1e-3)
    with FilmSource(out) as film:
        luma = next(film.frames()).luma_codes()
        np.testing.assert_array_equal(luma[:, :64], luma[:, 64:])


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_a_layout_without_a_film(tmp_path: Path, suffix: str) -> None:
    """As a thermal recording that FFmpeg does not read: nothing to copy, times in a clock of its own."""
    (tmp_path / "heat.csq").write_bytes(b"-")
    tags, _ = complete_tags(ColourTags(color_range=LIMITED_RANGE), width=64, height=48, pix_fmt="yuv420p")
    layout = FilmLayout(64, 48, "yuv420p", Fraction(9), Fraction(1, 1000), tags)
    out, times = tmp_path / f"out{suffix}", [0, 111, 222, 400]
    with FilmSink(out, layout, CopiedStreams(tmp_path / "heat.csq"), Encoding(comment="of heat", **LOSSLESS)) as sink:
        neutral = np.full(sink.chroma_shape, 128, np.uint8)
        for number, pts in enumerate(times):
            luma = np.full((48, 64), 30 + number, np.uint8)
            sink.encode(sink.picture_of_planes(luma, (neutral, neutral), pts=pts))
    assert sink.packets_copied == {}
    assert files_in(tmp_path) == {"heat.csq", out.name}
    with FilmSource(out) as film:
        lumas = [int(frame.luma_codes()[0, 0]) for frame in film.frames()]
        assert (
            film.container.metadata[next(key for key in film.container.metadata if key.lower() == "comment")]
            == "of heat"
        )
    assert lumas == [30, 31, 32, 33]
    assert seconds_of(out) == pytest.approx([pts / 1000 for pts in times], abs=1e-3)


@pytest.mark.parametrize("shape", [(48, 64), (24, 31)])
def test_planes_of_a_wrong_shape(tmp_path: Path, shape: tuple[int, int]) -> None:
    clip, out = make_clip(tmp_path / "clip.mkv"), tmp_path / "out.mkv"
    plane = np.zeros(shape, np.uint8)
    with (
        FilmSource(clip) as film,
        pytest.raises(ValueError, match="shape"),
        FilmSink(out, film.layout, film.copied) as sink,
    ):
        sink.write(next(film.frames()), (plane, plane))
    assert files_in(tmp_path) == {"clip.mkv"}


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mp4"), ("hevc", ".mkv"), ("ffv1", ".mkv"), ("prores", ".mov")]
)
def test_colour_tags_are_kept_and_set(tmp_path: Path, codec: str, suffix: str) -> None:
    tagged = make_clip(
        tmp_path / "hlg.mkv", "-c:v", "ffv1", "-vf",
        "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67:range=tv", pix_fmt="yuv420p10le",
    )  # fmt: skip
    colour(tagged, tmp_path / f"hlg_out{suffix}", codec=codec)
    with FilmSource(tmp_path / f"hlg_out{suffix}") as film:
        assert (film.layout.tags.colorspace, film.layout.tags.primaries, film.layout.tags.trc) == (9, 9, 18)
    plain = make_clip(tmp_path / "plain.mkv", "-c:v", "ffv1", size="1280x64", frames=2)
    colour(plain, tmp_path / f"plain_out{suffix}", codec=codec)
    with av.open(str(tmp_path / f"plain_out{suffix}")) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)


def test_full_range_is_kept(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "clip.mov", "-c:v", "mjpeg", pix_fmt="yuvj420p"), tmp_path / "out.mp4"
    colour(clip, out, **LOSSLESS)
    report = verify_video(clip, out, max_luma_difference=0)
    assert report.ok, report.problems
    with FilmSource(out) as film:
        assert film.layout.full_range


def test_interlaced_film_stays_so_when_asked(tmp_path: Path) -> None:
    clip, out = tmp_path / "fields.mpg", tmp_path / "out.mkv"
    make_clip(clip, "-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-q:v", "2")
    colour(clip, out, reading={"deinterlace": "off"}, **LOSSLESS)
    assert verify_video(clip, out, max_luma_difference=0).ok
    with FilmSource(out, deinterlace="off") as film:
        assert film.layout.interlaced


def test_a_truncated_film_is_written_as_far_as_it_goes(tmp_path: Path) -> None:
    clip = make_sound_clip(tmp_path / "cut.mp4", "-movflags", "+faststart", "-g", "1")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    with FilmSource(clip) as film:
        frames = list(film.frames())
    assert any("truncated" in warning for warning in film.warnings)
    sink = colour(clip, tmp_path / "out.mp4", **FASTEST)
    assert len(frames) == sink.frames_written
    assert 3 < sink.frames_written < FRAMES
    assert len(seconds_of(tmp_path / "out.mp4")) == sink.frames_written


def same_file(clip: Path) -> Path:
    return clip


def symbolic_link(clip: Path) -> Path:
    link = clip.with_name("link.mkv")
    link.symlink_to(clip)
    return link


def hard_link(clip: Path) -> Path:
    link = clip.with_name("hard.mkv")
    os.link(clip, link)
    return link


@pytest.mark.parametrize("name_of", [same_file, symbolic_link, hard_link])
def test_output_over_input(tmp_path: Path, name_of: Any) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    before = clip.read_bytes()
    with FilmSource(clip) as film, pytest.raises(OutputError, match="input itself"):
        FilmSink(name_of(clip), film.layout, film.copied)
    assert clip.read_bytes() == before


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    with FilmSource(clip) as film:
        with pytest.raises(OutputError, match="does not exist"):
            FilmSink(tmp_path / "missing" / "out.mkv", film.layout, film.copied)
        with pytest.raises(OutputError, match="folder"):
            FilmSink(tmp_path, film.layout, film.copied)


def test_a_failed_run_leaves_the_old_result(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "clip.mkv"), tmp_path / "out.mkv"
    out.write_bytes(b"an older result")
    plane = np.full((24, 32), 128, np.uint8)

    def run() -> None:
        with FilmSource(clip) as film, FilmSink(out, film.layout, film.copied) as sink:
            for frame in film.frames():
                sink.write(frame, (plane, plane))
                (partial,) = files_in(tmp_path) - {"clip.mkv", "out.mkv"}
                assert partial.startswith(".out.mkv.")
                assert partial.endswith(".part.mkv")
                if frame.index == 5:
                    raise RuntimeError("the network broke")

    with pytest.raises(RuntimeError, match="network broke"):
        run()
    assert out.read_bytes() == b"an older result"
    assert files_in(tmp_path) == {"clip.mkv", "out.mkv"}


def test_a_full_disk(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    clip, out = make_clip(tmp_path / "clip.mkv", size="160x120", frames=25), tmp_path / "out.mkv"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # writes beyond fail with EFBIG, as on a full disk
    try:
        with pytest.raises(DiskError, match="make room") as caught:
            colour(clip, out, codec="ffv1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.__cause__.errno == errno.EFBIG  # type: ignore[union-attr]
    assert files_in(tmp_path) == {"clip.mkv"}


@pytest.mark.parametrize("codec", ["h264", "hevc", "ffv1"])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_films(tmp_path: Path, codec: str, frames: int) -> None:
    clip = make_clip(tmp_path / "clip.mkv", frames=frames)
    for suffix in (".mkv", ".mp4"):
        colour(clip, tmp_path / f"out{suffix}", codec=codec)
        expected = [Fraction(n, 25) for n in range(frames)]
        assert seconds_of(tmp_path / f"out{suffix}") == pytest.approx(expected, abs=1e-3)
