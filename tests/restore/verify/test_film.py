"""The proof itself: what it must notice."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from restore.errors import InputError, VerificationError
from restore.verify import verify_any
from restore.verify.film import verify_video
from tests.restore.media.clips import FASTEST, FRAMES, colour, ffmpeg, make_clip, make_sound_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sound_clip(tmp_path_factory.mktemp("verify") / "clip.mp4", "-metadata", "title=Winter")


def altered(clip: Path, path: Path, *options: str) -> Path:
    """A copy of the clip with something changed."""
    ffmpeg("-i", clip, "-map", "0", "-c", "copy", *options, path)
    return path


def test_a_plain_copy_is_proved(clip: Path, tmp_path: Path) -> None:
    report = verify_video(clip, altered(clip, tmp_path / "copy.mp4"), max_luma_difference=0)
    assert report.ok, report.problems
    assert (report.facts["frames_in"], report.facts["frames_out"], report.luma_max_difference) == (FRAMES, FRAMES, 0)
    assert [(stream.name, stream.identical) for stream in report.facts["streams"]] == [("audio stream #1 (aac)", True)]
    assert asdict(report)["problems"] == []
    assert any("frames" in line for line in report.lines())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-map", "-0:a"], "audio stream #1 .aac. is missing"),
        (["-c:a", "aac", "-b:a", "32k"], "audio stream #1 .aac. was changed"),
        (["-frames:v", "9"], "9 frames instead of 12"),
        (["-bsf:v", "setts=ts=TS*2"], "timestamps differ"),
        (["-bsf:a", "setts=ts=TS+20000"], "begins or ends at another time"),
        (["-c:v", "libx264", "-vf", "scale=32:24"], "another size"),
        (["-c:v", "libx264", "-vf", "setsar=2"], "pixel aspect ratio is 2"),
        (["-c:v", "libx264", "-colorspace", "bt709"], "matrix tag is 1"),
    ],
)
def test_losses_are_noticed(clip: Path, tmp_path: Path, options: list[str], says: str) -> None:
    report = verify_any(clip, altered(clip, tmp_path / "changed.mp4", *options))
    assert not report.ok
    assert any(re.search(says, problem) for problem in report.problems), report.problems
    assert any(line.startswith("PROBLEM") for line in report.lines())


def test_luma_differences_count_only_above_a_limit(clip: Path, tmp_path: Path) -> None:
    changed = altered(clip, tmp_path / "changed.mp4", "-c:v", "libx264", "-qp", "30", "-bf", "0")
    report = verify_video(clip, changed)
    assert report.ok, report.problems
    assert report.luma_max_difference is not None
    assert report.luma_mean_difference is not None
    assert 0 < report.luma_mean_difference < report.luma_max_difference
    assert not verify_video(clip, changed, max_luma_difference=0).ok
    assert verify_video(clip, changed, max_luma_difference=255).ok


def test_one_changed_sample_is_found(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    changed = tmp_path / "changed.mkv"
    ffmpeg("-i", clip, "-vf", "drawbox=x=63:y=47:w=1:h=1:color=white:enable=eq(n\\,11)", "-c:v", "ffv1", changed)
    report = verify_video(clip, changed, max_luma_difference=0)
    assert report.luma_max_difference is not None
    assert report.luma_max_difference > 0
    assert len(report.problems) == 1


def test_deeper_luma_is_compared_after_its_shift(tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "clip.mkv"), tmp_path / "out.mkv"
    colour(clip, out, codec="ffv1", pix_fmt="yuv420p10le")
    report = verify_video(clip, out, max_luma_difference=0)
    assert report.ok, report.problems


def test_lost_tags_are_listed(clip: Path, tmp_path: Path) -> None:
    report = verify_video(clip, altered(clip, tmp_path / "bare.mp4", "-map_metadata", "-1"))
    assert report.ok, report.problems
    assert report.facts["tags_missing"] == ["title"]


def test_bad_arguments(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="original itself"):
        verify_any(clip, clip)
    with pytest.raises(InputError, match="does not exist"):
        verify_any(clip, tmp_path / "missing.mp4")


def test_sound_that_starts_before_zero_in_both_is_no_shift(tmp_path: Path) -> None:
    """Matroska has negative times for Opus, though for nothing else."""
    opus, out = tmp_path / "opus.mkv", tmp_path / "out.mkv"
    make_sound_clip(opus, "-c:a", "libopus")
    colour(opus, out, **FASTEST)
    report = verify_video(opus, out)
    assert report.ok, report.problems
    assert report.facts["time_shift_seconds"] == 0
