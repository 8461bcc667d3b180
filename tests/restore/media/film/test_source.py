"""Reading films: formats, times, damage and refusals."""

from __future__ import annotations

import os
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from restore.colour import Matrix
from restore.errors import DamagedMediaError, InputError, OptionError
from restore.media.film.source import FilmSource
from tests.restore.media.clips import FRAMES, ffmpeg, make_clip, make_sound_clip, picture, seconds_of, tone


def raw_luma(path: Path, *, bytes_per_sample: int, width: int, height: int) -> np.ndarray:
    """Luma as the ffmpeg program decodes it, ``frames x H x W``; planar 4:2:0, 4:2:2 or 4:4:4."""
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:v:0",
        "-f",
        "rawvideo",
        "-fps_mode",
        "passthrough",
        "-",
    ]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    kind = np.dtype("<u2" if bytes_per_sample == 2 else "u1")
    frames = np.frombuffer(data, kind).reshape(FRAMES, -1)
    return frames[:, : width * height].reshape(FRAMES, height, width)


@pytest.mark.parametrize(
    ("pix_fmt", "size", "depth", "subsampling"),
    [
        ("yuv420p", "64x48", 8, (1, 1)),
        ("yuv420p", "65x49", 8, (1, 1)),
        ("yuv422p", "64x48", 8, (1, 0)),
        ("yuv444p", "63x47", 8, (0, 0)),
        ("yuv420p10le", "66x50", 10, (1, 1)),
        ("yuv422p12le", "64x48", 12, (1, 0)),
        ("yuv411p", "64x48", 8, (2, 0)),
        ("gray", "65x49", 8, (1, 1)),
        ("gray16le", "64x48", 16, (1, 1)),
    ],
)
def test_luma_is_what_ffmpeg_decodes(
    tmp_path: Path, pix_fmt: str, size: str, depth: int, subsampling: tuple[int, int]
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", size=size, pix_fmt=pix_fmt)
    width, height = map(int, size.split("x"))
    truth = raw_luma(clip, bytes_per_sample=1 + (depth > 8), width=width, height=height)
    with FilmSource(clip) as film:
        layout = film.layout
        assert (layout.width, layout.height, layout.pix_fmt) == (width, height, pix_fmt)
        assert (layout.bit_depth, layout.subsampling) == (depth, subsampling)
        assert layout.has_chroma == (not pix_fmt.startswith("gray"))
        for frame in film.frames():
            assert frame.luma_codes().dtype == (np.uint8 if depth == 8 else np.uint16)
            np.testing.assert_array_equal(frame.luma_codes(), truth[frame.index])
    assert frame.index == FRAMES - 1


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "planar"),
    [("nv12", "rawvideo", "yuv420p"), ("uyvy422", "rawvideo", "yuv422p"), ("bgr24", "rawvideo", "yuv444p")],
)
def test_other_layouts_become_planar(tmp_path: Path, pix_fmt: str, codec: str, planar: str) -> None:
    clip = make_clip(tmp_path / "clip.nut", "-c:v", codec, pix_fmt=pix_fmt)
    with FilmSource(clip) as film:
        frames = [frame.luma_codes().copy() for frame in film.frames()]
        assert film.layout.pix_fmt == planar
        assert any(pix_fmt in decision for decision in film.decisions)
    if pix_fmt == "nv12":
        np.testing.assert_array_equal(frames, raw_luma(clip, bytes_per_sample=1, width=64, height=48))
    if pix_fmt == "bgr24":
        assert film.layout.full_range
        assert film.layout.matrix is Matrix.BT601
        command = ["ffmpeg", "-v", "error", "-i", str(clip), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        rgb = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8)
        luma = rgb.reshape(FRAMES, 48, 64, 3) @ np.array([0.299, 0.587, 0.114])
        np.testing.assert_allclose(frames, luma, atol=0.51)


def test_bottom_up_frames_are_turned_round(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    truth = raw_luma(clip, bytes_per_sample=1, width=64, height=48)
    with FilmSource(clip, filter_chain="vflip") as film:
        for frame in film.frames():
            np.testing.assert_array_equal(frame.luma_codes(), truth[frame.index, ::-1])


@pytest.mark.parametrize(
    ("size", "options", "matrix", "full_range"),
    [
        ("64x48", [], Matrix.BT601, False),
        ("1280x32", [], Matrix.BT709, False),
        ("64x48", ["-colorspace", "bt709"], Matrix.BT709, False),
        ("64x48", ["-colorspace", "bt2020nc", "-color_range", "pc"], Matrix.BT2020, True),
    ],
)
def test_matrix_is_tagged_or_by_size(
    tmp_path: Path, size: str, options: list[str], matrix: Matrix, full_range: bool
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", "-c:v", "ffv1", *options, size=size, frames=2)
    with FilmSource(clip) as film:
        assert (film.layout.matrix, film.layout.full_range) == (matrix, full_range)
        assert 2 not in (film.layout.tags.colorspace, film.layout.tags.primaries, film.layout.tags.trc)
        assert any(matrix.name in decision for decision in film.decisions)


def test_times_of_a_variable_rate(tmp_path: Path) -> None:
    clip = tmp_path / "vfr.mp4"
    ffmpeg(
        *picture(), "-vf", "setpts=(N*N+3)*40/TB/1000", "-fps_mode", "passthrough", "-enc_time_base", "1/1000",
        "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", clip,
    )  # fmt: skip
    expected = [Fraction((n * n + 3) * 40, 1000) for n in range(FRAMES)]
    assert seconds_of(clip) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("raw.h264", ["-c:v", "libx264", "-bf", "2"]),
        ("raw.m2v", ["-c:v", "mpeg2video", "-bf", "2"]),
        ("packed.avi", ["-c:v", "mpeg4", "-bf", "2"]),
        ("b_frames.avi", ["-c:v", "libx264", "-bf", "2"]),
    ],
)
def test_times_are_made_where_the_file_has_none(tmp_path: Path, name: str, options: list[str]) -> None:
    clip = make_clip(tmp_path / name, *options)
    assert seconds_of(clip) == [Fraction(n, 25) for n in range(FRAMES)]


def test_dropped_frames_of_an_avi_keep_their_place(tmp_path: Path) -> None:
    clip = make_clip(
        tmp_path / "drop.avi", "-c:v", "mpeg4", "-vf", "select=not(between(n\\,5\\,9))", "-fps_mode", "passthrough"
    )
    assert seconds_of(clip) == [Fraction(n, 25) for n in (0, 1, 2, 3, 4, 10, 11)]
    with FilmSource(clip) as film:
        list(film.frames())
        assert not film.warnings


def test_start_time_is_kept(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "late.mp4", "-output_ts_offset", "5")
    assert seconds_of(clip)[0] == 5


def test_a_part_begins_where_the_film_began(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", "-g", "5", "-output_ts_offset", "5")
    with FilmSource(clip) as film:
        whole = [frame.luma_codes().copy() for frame in film.frames()]
    with FilmSource(clip, start_seconds=0.12, duration_seconds=0.2) as film:
        part = [(frame.pts * film.layout.time_base, frame.luma_codes().copy()) for frame in film.frames()]
        assert film.layout.frame_count_estimate == 5
        assert not film.warnings
    assert [seconds for seconds, _ in part] == [5 + Fraction(n, 25) for n in range(5)]
    for offset, (_, luma) in enumerate(part):
        np.testing.assert_array_equal(luma, whole[3 + offset])


def test_the_length_of_a_part_of_a_late_film(tmp_path: Path) -> None:
    """The estimate counts from where the film begins, not from zero on the file's clock."""
    clip = make_clip(tmp_path / "late.mp4", "-output_ts_offset", "5")
    with FilmSource(clip, duration_seconds=0.2) as film:
        assert film.layout.frame_count_estimate == sum(1 for _ in film.frames()) == 5
        assert film.layout.duration_seconds == pytest.approx(0.2)


def test_a_part_behind_the_end_is_refused(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    with pytest.raises(OptionError, match="no frame in the chosen part"):
        FilmSource(clip, start_seconds=10)


@pytest.mark.parametrize("reading", [{"start_seconds": -1.0}, {"duration_seconds": 0.0}, {"deinterlace": "maybe"}])
def test_impossible_options_are_refused(tmp_path: Path, reading: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        FilmSource(tmp_path / "never looked at", **reading)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "name", "kind", "says"),
    [
        (None, "missing.mp4", InputError, "does not exist"),
        (b"", "empty.mp4", InputError, "empty"),
        (b"no film at all\n" * 50, "notes.mp4", InputError, "not a film"),
        (b"no film at all\n" * 50, "notes.txt", InputError, "not a film"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41\0\0\0\x08free", "cut.mp4", DamagedMediaError, "damaged"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes | None, name: str, kind: type[InputError], says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        FilmSource(path)
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder"):
        FilmSource(tmp_path)


def test_a_pipe_is_refused_before_it_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mkv")
    with pytest.raises(InputError, match="no plain file"):
        FilmSource(tmp_path / "pipe.mkv")


def test_sound_and_pictures_are_no_films(tmp_path: Path) -> None:
    ffmpeg(*picture(frames=1), tmp_path / "still.png")
    with pytest.raises(InputError, match="photos"):
        FilmSource(tmp_path / "still.png")
    cover: list[str | Path] = [
        "-i",
        tmp_path / "still.png",
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "copy",
        "-disposition:v",
        "attached_pic",
    ]
    ffmpeg(*tone(), *cover, tmp_path / "song.mp3")
    with pytest.raises(InputError, match="no video stream"):
        FilmSource(tmp_path / "song.mp3")


def test_missing_index(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    with pytest.raises(DamagedMediaError, match="another copy"):
        FilmSource(clip)


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.avi"])
def test_a_truncated_film_is_read_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    options = {"cut.mp4": ["-movflags", "+faststart"], "cut.mkv": [], "cut.avi": ["-c:v", "mjpeg"]}[name]
    clip = make_clip(tmp_path / name, *options, "-g", "1", frames=25)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    with FilmSource(clip) as film:
        count = sum(1 for _ in film.frames())
        assert 10 <= count < 20
        (warning,) = film.warnings
        assert f"{count} frames decoded of an announced 25" in warning


def test_damage_in_the_middle_is_survived(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", "-g", "4", frames=25)
    data = bytearray(clip.read_bytes())
    middle = data.index(b"mdat") + 3000
    data[middle : middle + 600] = np.random.default_rng(5).integers(0, 255, 600).astype(np.uint8).tobytes()
    clip.write_bytes(data)
    with FilmSource(clip) as film:
        assert sum(1 for _ in film.frames()) >= 15
        assert film.warnings


def test_frames_of_another_size_are_scaled(tmp_path: Path) -> None:
    for number, size in enumerate(["64x48", "96x64"]):
        make_clip(tmp_path / f"{number}.ts", size=size, frames=6)
    both = tmp_path / "both.ts"
    both.write_bytes((tmp_path / "0.ts").read_bytes() + (tmp_path / "1.ts").read_bytes())
    with FilmSource(both) as film:
        shapes = {frame.luma_codes().shape for frame in film.frames()}
        assert shapes == {(48, 64)}
        assert any("another size" in warning for warning in film.warnings)


def test_interlaced_film(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "fields.mpg", "-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-q:v", "2")
    plain = seconds_of(clip, deinterlace="off")
    with FilmSource(clip, deinterlace="off") as film:
        woven = [frame.luma_codes().copy() for frame in film.frames()]
        assert film.layout.interlaced
    with FilmSource(clip) as film:
        assert any("bwdif" in decision for decision in film.decisions)
        frames = list(film.frames())
        assert not film.layout.interlaced
        assert [frame.pts * film.layout.time_base for frame in frames] == plain
        assert any(np.any(frame.luma_codes() != luma) for frame, luma in zip(frames, woven, strict=True))


def test_progressive_film_is_not_deinterlaced_unless_asked(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    with FilmSource(clip) as film:
        assert not any("bwdif" in decision for decision in film.decisions)
    with FilmSource(clip, deinterlace="auto") as film:
        assert film.warnings == []
    with FilmSource(clip, deinterlace="on") as film:
        assert any("changes luma" in warning for warning in film.warnings)
        assert any("bwdif" in decision for decision in film.decisions)


def test_the_larger_of_two_films_is_read(tmp_path: Path) -> None:
    clip = tmp_path / "two.mkv"
    ffmpeg(
        *picture("64x48"),
        *picture("96x64"),
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "ffv1",
        "-disposition:v",
        "default",
        clip,
    )
    with FilmSource(clip) as film:
        assert film.layout.width == 96
        assert any("#1 is coloured, #0 copied" in decision for decision in film.decisions)


def test_rotation_and_pixel_shape(tmp_path: Path, shared_data: Path) -> None:
    with FilmSource(shared_data / "formats/video/nasa_13013_rotated.mp4") as film:
        assert film.layout.rotation == 90
        assert film.layout.display_matrix is not None
    clip = make_sound_clip(tmp_path / "wide.mp4", "-vf", "setsar=16/11")
    with FilmSource(clip) as film:
        assert film.layout.sample_aspect_ratio == Fraction(16, 11)
        assert film.layout.rotation == 0


def test_frames_can_be_read_once(tmp_path: Path) -> None:
    with FilmSource(make_clip(tmp_path / "clip.mp4")) as film:
        assert sum(1 for _ in film.frames()) == FRAMES
        with pytest.raises(InputError, match="open it again"):
            next(film.frames())
