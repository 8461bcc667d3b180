"""Filter chains: parsing, what they may change, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from restore.errors import OptionError
from restore.media.film.filters import RESTORE_PRESETS, FilterStep, parse_chain
from restore.media.film.source import FilmSource
from tests.restore.media.clips import FRAMES, make_clip, make_sound_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("filters") / "clip.mp4")


def test_parse_chain_takes_off_one_level_of_quotes() -> None:
    assert parse_chain(r"deflicker=size=5, crop=w=32:h=16 ,scale@big=w='min(64,iw)':h=-1,select=eq(n\,3)") == [
        FilterStep("deflicker", "size=5"),
        FilterStep("crop", "w=32:h=16"),
        FilterStep("scale", "w=min(64,iw):h=-1"),
        FilterStep("select", "eq(n,3)"),
    ]


@pytest.mark.parametrize(
    ("chain", "says"),
    [
        ("nosuchfilter=1", "nosuchfilter"),
        ("split[a][b];[a][b]hstack", "one plain chain"),
        ("setpts=2*PTS", "sound"),
        ("reverse", "memory"),
        ("trim=end=1", "duration of the part"),
        ("crop=w=9999", "refuses"),
        ("crop=nosuchoption=1", "refuses"),
        ("hstack", "refuses"),
        ("volume=2", "refuses"),
        ("split", "refuses"),
        ("select=0", "no frame"),
        ("", "unknown filter"),
    ],
)
def test_bad_chains_are_refused(clip: Path, chain: str, says: str) -> None:
    with pytest.raises(OptionError, match=says) as caught:
        FilmSource(clip, filter_chain=chain or ",")
    assert "\n" not in str(caught.value)


def test_a_crop_gives_another_size(clip: Path) -> None:
    with FilmSource(clip, filter_chain="crop=w=32:h=16") as film:
        frames = list(film.frames())
        assert (film.layout.width, film.layout.height) == (32, 16)
        assert {frame.luma_codes().shape for frame in frames} == {(16, 32)}
        assert len(frames) == FRAMES
        assert any("crop" in decision for decision in film.decisions)


def test_a_rate_filter_gives_other_times(clip: Path) -> None:
    with FilmSource(clip, filter_chain="fps=50") as film:
        seconds = [frame.pts * film.layout.time_base for frame in film.frames()]
        assert film.layout.frame_count_estimate is None
    assert seconds == [Fraction(n, 50) for n in range(2 * FRAMES)]


@pytest.mark.parametrize(
    ("chain", "expected"),
    [("scale=w=iw/2:h=ih", Fraction(2)), ("crop=w=32", Fraction(1)), ("setsar=16/11", Fraction(16, 11))],
)
def test_pixel_shape_behind_a_chain(clip: Path, chain: str, expected: Fraction) -> None:
    with FilmSource(clip, filter_chain=chain) as film:
        assert film.layout.sample_aspect_ratio == expected


def test_pixel_shape_goes_into_a_chain(tmp_path: Path) -> None:
    wide = make_sound_clip(tmp_path / "wide.mp4", "-vf", "setsar=64/45")
    with FilmSource(wide, filter_chain="crop=w=32") as film:
        assert film.layout.sample_aspect_ratio == Fraction(64, 45)


@pytest.mark.parametrize("preset", RESTORE_PRESETS)
def test_presets_keep_every_frame_and_time(clip: Path, preset: str) -> None:
    with FilmSource(clip) as film:
        plain = [(frame.pts * film.layout.time_base, frame.luma_codes().copy()) for frame in film.frames()]
    with FilmSource(clip, filter_chain=RESTORE_PRESETS[preset]) as film:
        filtered = [(frame.pts * film.layout.time_base, frame.luma_codes().copy()) for frame in film.frames()]
    assert [seconds for seconds, _ in filtered] == [seconds for seconds, _ in plain]
    assert any(np.any(after != before) for (_, before), (_, after) in zip(plain, filtered, strict=True))


@pytest.mark.parametrize(
    "chain", ["nlmeans=s=2", "deband", "removegrain=m0=1", "deflicker", "atadenoise", "transpose", "tmedian"]
)
def test_known_restoration_filters_run(clip: Path, chain: str) -> None:
    with FilmSource(clip, filter_chain=chain) as film:
        assert sum(1 for _ in film.frames()) > 0
