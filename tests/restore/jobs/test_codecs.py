"""Films of every codec, killed in the middle of a unit: what is joined is what an uninterrupted run writes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from restore.jobs.job import JOURNAL, job_folder, read_journal
from restore.jobs.report import file_sha256
from restore.verify import verify_any
from tests.restore.jobs.killer import Killer
from tests.restore.media.clips import ffmpeg, make_subtitles

FRAMES = 14
KILLED_AT = 11  # the units before are whole, the one of this frame is lost

CODECS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264 with four threads": (".mkv", {"codec": "h264", "threads": 4, "preset": "medium"}),
    "hevc": (".mkv", {}),
    "hevc with four threads": (".mp4", {"codec": "hevc", "threads": 4, "preset": "medium"}),
    "av1 with four threads": (".mkv", {"codec": "av1", "preset": "10", "threads": 4}),
    "ffv1": (".mkv", {"preset": None, "threads": 4}),
    "prores": (".mkv", {"preset": None, "pix_fmt": "yuv422p10le"}),
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children are forked, so that torch loads once")


@pytest.fixture(scope="module")
def killer(toy_model: Path) -> Killer:
    return Killer("film", toy_model)


@pytest.fixture(scope="module")
def film(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real shot with unevenly spaced frames, sound, subtitles and a chapter's worth of tags."""
    folder = tmp_path_factory.mktemp("codecs")
    graph = "trim=end_frame=14,setpts=PTS-STARTPTS,scale=96:64,setsar=1,setpts=PTS+mod(N\\,3)*0.01/TB,format=yuv420p"
    ffmpeg(
        "-i", shared_data / "clips" / "davis_dog.mp4", "-f", "lavfi", "-i", "sine=frequency=300:duration=1",
        "-i", make_subtitles(folder / "lines.srt"), "-map", "0:v", "-map", "1:a", "-map", "2:s", "-vf", graph,
        "-t", "0.6", "-fps_mode", "passthrough", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-c:a", "aac",
        "-c:s", "srt", folder / "film.mkv",
    )  # fmt: skip
    return folder / "film.mkv"


def packets(path: Path) -> list[tuple[int, int | None, int | None, int]]:
    with av.open(str(path)) as found:
        return [(each.stream.index, each.pts, each.dts, each.size) for each in found.demux() if each.size]


def whole_and_killed(killer: Killer, film: Path, folder: Path, name: str) -> tuple[Path, Path]:
    """One film coloured twice: without a break, and killed in its middle and gone on with."""
    suffix, options = CODECS[name]
    options = {"codec": name, **options}
    source = film
    if suffix == ".mp4":  # which holds no SubRip
        source = folder / "film.mp4"
        ffmpeg("-i", film, "-map", "0:v", "-map", "0:a", "-c", "copy", source)
    whole, target = folder / f"whole{suffix}", folder / f"killed{suffix}"
    assert killer.run(source, whole, **options) == 0
    assert killer.run(source, target, kill_at=KILLED_AT, **options) == -signal.SIGKILL
    assert not target.exists()
    finished = [entry["unit"]["frames"] for entry in read_journal(job_folder(target) / JOURNAL).entries]
    assert 0 < sum(finished) < KILLED_AT
    assert killer.run(source, target, **options) == 0
    assert verify_any(source, target).problems == []
    assert sorted(path.name for path in folder.glob("killed*")) == [target.name, f"{target.name}.json"]
    return whole, target


@pytest.mark.parametrize("name", list(CODECS))
def test_a_killed_film_goes_on_to_the_same_bytes(killer: Killer, film: Path, tmp_path: Path, name: str) -> None:
    whole, target = whole_and_killed(killer, film, tmp_path, name)
    assert packets(target) == packets(whole)
    assert file_sha256(target) == file_sha256(whole)
