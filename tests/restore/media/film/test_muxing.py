"""What goes along with the picture: times, sound, subtitles, chapters, tags, and what a container can hold."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from restore.errors import EncoderError, InputError
from restore.media.film.codecs import Encoding
from restore.media.film.containers import default_output_path
from restore.media.film.sink import FilmSink
from restore.media.film.source import FilmSource
from restore.verify.film import verify_video
from tests.restore.media.clips import (
    FASTEST,
    FRAMES,
    LOSSLESS,
    colour,
    ffmpeg,
    make_chapters,
    make_clip,
    make_sound_clip,
    make_subtitles,
    picture,
    seconds_of,
    tone,
)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_times_of_a_variable_rate(tmp_path: Path, suffix: str) -> None:
    clip, out = tmp_path / "vfr.mp4", tmp_path / f"out{suffix}"
    ffmpeg(
        *picture(), "-vf", "setpts=(N*N+3)*40/TB/1000", "-fps_mode", "passthrough", "-enc_time_base", "1/1000",
        "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", clip,
    )  # fmt: skip
    colour(clip, out, **FASTEST)
    assert seconds_of(out) == pytest.approx(seconds_of(clip), abs=1e-3)
    assert seconds_of(out)[1] - seconds_of(out)[0] == pytest.approx(0.04, abs=1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_a_late_start_is_kept(tmp_path: Path, suffix: str) -> None:
    clip = make_sound_clip(tmp_path / "late.mp4", "-output_ts_offset", "5")
    out = tmp_path / f"out{suffix}"
    colour(clip, out, preset="medium")
    report = verify_video(clip, out)
    assert report.ok, report.problems
    assert seconds_of(out)[0] == pytest.approx(5)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_sound_that_starts_before_zero(tmp_path: Path, suffix: str) -> None:
    clip, out = make_sound_clip(tmp_path / "clip.mp4"), tmp_path / f"out{suffix}"
    sink = colour(clip, out, preset="medium")
    report = verify_video(clip, out)
    assert report.ok, report.problems
    (audio,) = report.facts["streams"]
    assert audio.identical
    assert sink.packets_copied == {1: audio.packets_in}
    assert (report.facts["time_shift_seconds"] > 0) == (suffix == ".mkv")


@pytest.mark.parametrize("name", ["raw.h264", "raw.m2v", "packed.avi"])
def test_films_without_times(tmp_path: Path, name: str) -> None:
    codec = {"raw.h264": "libx264", "raw.m2v": "mpeg2video", "packed.avi": "mpeg4"}[name]
    clip = make_clip(tmp_path / name, "-c:v", codec, "-bf", "2")
    out = default_output_path(clip)
    assert out == tmp_path / f"{clip.stem}.colour.mkv"
    colour(clip, out, **FASTEST)
    assert seconds_of(out) == pytest.approx([Fraction(n, 25) for n in range(FRAMES)], abs=1e-3)


def test_transport_stream_with_sound(tmp_path: Path) -> None:
    clip = make_sound_clip(tmp_path / "clip.ts")
    for suffix in (".mkv", ".mp4", ".ts"):
        out = tmp_path / f"out{suffix}"
        sink = colour(clip, out, comment="machine-made", **LOSSLESS)
        report = verify_video(clip, out, max_luma_difference=0)
        assert report.ok, (suffix, report.problems)
        assert any("machine-made" in warning for warning in sink.warnings) == (suffix == ".ts")


def test_rotation_and_pixel_shape(tmp_path: Path, shared_data: Path) -> None:
    clip = shared_data / "formats/video/nasa_13013_rotated.mp4"
    for suffix in (".mp4", ".mkv", ".mov"):
        out = tmp_path / f"out{suffix}"
        colour(clip, out, **FASTEST)
        assert verify_video(clip, out).ok, suffix
    with FilmSource(clip) as film, pytest.raises(EncoderError, match=r"rotation; use \.mkv"):
        FilmSink(tmp_path / "out.ts", film.layout, film.copied)
    wide = make_sound_clip(tmp_path / "wide.mp4", "-vf", "setsar=16/11")
    for suffix in (".mp4", ".mkv", ".mov", ".ts"):
        colour(wide, tmp_path / f"wide_out{suffix}", **FASTEST)
        with FilmSource(tmp_path / f"wide_out{suffix}") as film:
            assert film.layout.sample_aspect_ratio == Fraction(16, 11)


@pytest.mark.parametrize(("codec", "suffix"), [("ffv1", ".mkv"), ("prores", ".mkv"), ("av1", ".webm")])
def test_pixel_shape_of_codecs_that_do_not_hold_it(tmp_path: Path, codec: str, suffix: str) -> None:
    """PyAV cannot write it to Matroska, where it stands as a whole number of shown pixels."""
    clip, out = tmp_path / "clip.mkv", tmp_path / f"out{suffix}"
    make_clip(clip, "-vf", "setsar=16/11", "-metadata:s:v", "title=Reel 1", size="180x144")
    colour(clip, out, codec=codec)
    report = verify_video(clip, out)
    assert report.ok, report.problems
    with av.open(str(out)) as container:
        film = container.streams.video[0]
        assert film.sample_aspect_ratio == Fraction(262, 180)
        assert film.metadata["title"] == "Reel 1"


def make_rich_mkv(folder: Path) -> Path:
    """Sound, subtitles, chapters, a font, cover art and odd tags."""
    subtitles, chapters = make_subtitles(folder / "in.srt"), make_chapters(folder / "in.txt")
    font, cover = folder / "in.ttf", folder / "in.png"
    font.write_bytes(b"\0\1\0\0not much of a font")
    ffmpeg(*picture(frames=1), cover)
    rich = folder / "rich.mkv"
    ffmpeg(
        *picture(), *tone(), "-i", subtitles, "-i", chapters,
        "-map", "0", "-map", "1", "-map", "2", "-map_metadata", "3",
        "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-c:s", "srt",
        "-metadata", "ARCHIVE_NUMBER=17", "-metadata:s:a:0", "language=deu", "-metadata:s:s:0", "title=Signs",
        "-disposition:s:0", "forced", "-disposition:v:0", "default",
        "-attach", font, "-metadata:s:3", "mimetype=application/x-truetype-font",
        "-attach", cover, "-metadata:s:4", "mimetype=image/png", "-metadata:s:4", "filename=cover.png", rich,
    )  # fmt: skip
    for path in (subtitles, chapters, font, cover):
        path.unlink()
    return rich


def test_everything_in_a_matroska_file_goes_along(tmp_path: Path) -> None:
    rich = make_rich_mkv(tmp_path)
    out = default_output_path(rich)
    assert out.name == "rich.colour.mkv"
    colour(rich, out, comment="The colour is machine-made.", **LOSSLESS)
    report = verify_video(rich, out, max_luma_difference=0)
    assert report.ok, report.problems
    assert not report.facts["tags_missing"]
    assert [stream.name.split()[0] for stream in report.facts["streams"]] == [
        "audio",
        "subtitle",
        "attachment",
        "cover",
    ]
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "Winter"
        assert container.metadata["ARCHIVE_NUMBER"] == "17"
        assert container.metadata["COMMENT"] == "The colour is machine-made."
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["Snow", "Thaw"]
        assert container.streams.audio[0].language in ("deu", "ger")
        assert container.streams.subtitles[0].metadata["title"] == "Signs"
        assert container.streams.subtitles[0].disposition & av.stream.Disposition.forced
        assert container.streams.attachments[0].data == b"\0\1\0\0not much of a font"


def test_a_container_that_cannot_hold_a_stream(tmp_path: Path) -> None:
    rich = make_rich_mkv(tmp_path)
    out = tmp_path / "out.mp4"
    with FilmSource(rich) as film:
        with pytest.raises(EncoderError, match=r"subtitle stream #2 \(subrip\).*attachment.*use \.mkv"):
            FilmSink(out, film.layout, film.copied)
        assert not out.exists()
        sink = FilmSink(out, film.layout, film.copied, Encoding(allow_loss=True))
        assert any("subtitle stream #2" in warning for warning in sink.warnings)
    sink = colour(rich, out, allow_loss=True, **FASTEST)
    report = verify_video(rich, out)
    assert not report.ok
    assert any("subtitle" in problem and "missing" in problem for problem in report.problems)


@pytest.mark.parametrize(
    ("name", "codec", "says"),
    [
        ("out.webm", "h264", "cannot hold h264; use .mkv"),
        ("out.mp4", "prores", "cannot hold prores; use .mkv or .mov"),
        ("out.avi", "h264", "AVI keeps no times"),
        ("out.xyz", "h264", "use one of .mkv"),
        ("out", "h264", "use one of .mkv"),
    ],
)
def test_a_container_that_cannot_hold_the_codec(tmp_path: Path, name: str, codec: str, says: str) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    with FilmSource(clip) as film, pytest.raises(EncoderError, match=says):
        FilmSink(tmp_path / name, film.layout, film.copied, Encoding(codec=codec))


def test_chapters_cover_and_tags_in_mp4(tmp_path: Path) -> None:
    chapters, cover = make_chapters(tmp_path / "in.txt"), tmp_path / "in.jpg"
    ffmpeg(*picture(frames=1), cover)
    clip = tmp_path / "clip.mp4"
    ffmpeg(
        *picture(), *tone(), "-i", cover, "-i", chapters, "-map", "0", "-map", "1", "-map", "2", "-map_metadata", "3",
        "-c:v:0", "libx264", "-pix_fmt", "yuv420p", "-c:v:1", "copy", "-disposition:v:1", "attached_pic",
        "-metadata", "comment=Found in a barn.", clip,
    )  # fmt: skip
    for suffix in (".mp4", ".mkv"):
        out = tmp_path / f"out{suffix}"
        colour(clip, out, comment="Machine-made colour.", **FASTEST)
        report = verify_video(clip, out)
        assert report.ok, (suffix, report.problems)
        assert {stream.name.split()[0] for stream in report.facts["streams"]} == {"audio", "cover"}
        with av.open(str(out)) as container:
            comment = next(value for key, value in container.metadata.items() if key.lower() == "comment")
            assert comment == "Found in a barn. Machine-made colour."
            assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["Snow", "Thaw"]


def test_unusual_tags_in_mp4(tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.mov", tmp_path / "out.mov"
    make_sound_clip(
        clip, "-movflags", "use_metadata_tags", "-metadata", "com.archive.reel=4", "-timecode", "01:00:00:00"
    )
    colour(clip, out, **FASTEST)
    report = verify_video(clip, out)
    assert report.ok, report.problems
    with av.open(str(out)) as container:
        assert container.metadata["com.archive.reel"] == "4"
        assert container.streams.video[0].metadata["timecode"] == "01:00:00:00"


def test_two_films_in_one_file(tmp_path: Path, shared_data: Path) -> None:
    clip, out = shared_data / "formats/video/nasa_13013.mp4", tmp_path / "out.mp4"
    sink = colour(clip, out, reading={"duration_seconds": 0.4}, **FASTEST)
    assert sorted(sink.packets_copied) == [0, 1, 2, 4, 5]
    with av.open(str(out)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio", "subtitle"] * 2
        assert [stream.width for stream in container.streams.video] == [320, 480]
        assert sum(1 for packet in container.demux(video=0) if packet.size) == 10


def test_a_part_takes_its_part_of_the_rest(tmp_path: Path) -> None:
    chapters = make_chapters(tmp_path / "in.txt")
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.mkv"
    make_sound_clip(clip, "-map", "0", "-map", "1", "-map_metadata", "2", "-g", "3", inputs=("-i", chapters))
    colour(clip, out, reading={"start_seconds": 0.24, "duration_seconds": 0.16}, **FASTEST)
    assert seconds_of(out) == pytest.approx([Fraction(n, 25) for n in range(4)], abs=2e-3)
    with av.open(str(out)) as container:
        sound = [float((packet.pts or 0) * packet.time_base) for packet in container.demux(audio=0) if packet.size]
        assert 5 <= len(sound) <= 8
        assert -0.03 < sound[0] < 0.03
        (chapter,) = container.chapters()
        time_base = chapter["time_base"] or Fraction(0)
        assert [chapter["start"] * time_base, chapter["end"] * time_base] == [Fraction(0), Fraction(4, 25)]


def test_a_part_of_an_avi_near_its_beginning(tmp_path: Path) -> None:
    """AVI refuses to seek to what lies before it."""
    clip, out = tmp_path / "clip.avi", tmp_path / "out.mkv"
    ffmpeg(*picture(), *tone(), "-c:v", "mpeg4", "-c:a", "libmp3lame", clip)
    colour(clip, out, reading={"start_seconds": 0.2, "duration_seconds": 0.2}, **FASTEST)
    assert len(seconds_of(out)) == 5
    with av.open(str(out)) as container:
        assert any(packet.size for packet in container.demux(audio=0))


def test_windows_sound_is_not_lost(tmp_path: Path) -> None:
    clip = make_sound_clip(tmp_path / "clip.wmv", "-c:v", "wmv2", "-c:a", "wmav2")
    says = r"audio stream #1 \(wmav2\); use \.asf with codec ffv1"
    with FilmSource(clip) as film, pytest.raises(EncoderError, match=says):
        FilmSink(tmp_path / "out.mkv", film.layout, film.copied)
    out = tmp_path / "out.asf"
    colour(clip, out, codec="ffv1")
    report = verify_video(clip, out, max_luma_difference=0)
    assert report.ok, report.problems
    with av.open(str(out)) as film:
        assert sum(frame.samples for frame in film.decode(audio=0)) > 0


def test_default_output_path(tmp_path: Path) -> None:
    mp4 = make_sound_clip(tmp_path / "a.b.mp4")
    assert default_output_path(mp4) == tmp_path / "a.b.colour.mp4"
    assert default_output_path(mp4, "prores").suffix == ".mkv"
    ts = make_sound_clip(tmp_path / "clip.ts")
    assert default_output_path(ts).suffix == ".mkv"
    webm = make_clip(tmp_path / "clip.webm", "-c:v", "libvpx-vp9", "-cpu-used", "8")
    assert default_output_path(webm).suffix == ".mkv"
    assert default_output_path(webm, "av1").suffix == ".webm"
    wmv = make_sound_clip(tmp_path / "clip.wmv", "-c:v", "wmv2", "-c:a", "wmav2")
    assert default_output_path(wmv, "ffv1").suffix == ".wmv", "no other container takes Windows Media Audio"
    with pytest.raises(EncoderError, match="unknown codec"):
        default_output_path(mp4, "divx")
    with pytest.raises(InputError):
        default_output_path(tmp_path / "missing.mp4")


REAL_FILES = (
    "bt2020_10bit.mp4",
    "bt709_full_range.mp4",
    "nasa_13013.mp4",
    "nasa_13013_hdr.mp4",
    "nasa_13013_rotated.mp4",
    "testsrc2_12bit_hdr.mp4",
    "testsrc2_mpeg4.avi",
)


@pytest.mark.parametrize("name", REAL_FILES)
def test_real_files(tmp_path: Path, shared_data: Path, name: str) -> None:
    clip = shared_data / "formats/video" / name
    out = tmp_path / default_output_path(clip).name
    colour(clip, out, **LOSSLESS)
    report = verify_video(clip, out, max_luma_difference=0)
    assert report.ok, report.problems
    assert not report.warnings
