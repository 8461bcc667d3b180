"""Processes that are killed at any moment, and the films and folders that come out all the same."""

from __future__ import annotations

import io
import json
import random
import signal
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from restore.jobs.job import job_folder
from restore.jobs.report import file_sha256
from restore.verify import verify_any
from restore.verify.photo import verify_photo
from tests.restore.jobs.killer import Killer
from tests.restore.media.clips import ffmpeg

KILLS = 8
MANY_KILLS = 200
FRAMES = 32
PHOTOS = 30

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="children are forked, so that torch loads once")


class Nightmare(Killer):
    """Kills at random moments."""

    def whole_seconds(self, source: Path, target: Path) -> float:
        """Of an uninterrupted run."""
        started = time.monotonic()
        assert self.run(source, target) == 0
        return time.monotonic() - started

    def kill_often(self, source: Path, target: Path, *, kills: int, whole: float, seed: int) -> int:
        """Kills a job at random moments until it is done, over and over, then lets it finish. How often it was killed.

        A finished job begins anew at the next name, so that kills fall on every phase; all results are compared.
        """
        chance = random.Random(seed)
        count = rounds = 0
        while count < kills:
            code = self.run(source, round_of(target, rounds), chance.uniform(0, 0.5 * whole))
            assert code in (0, -signal.SIGKILL)
            count += code != 0
            rounds += code == 0
            if code == 0:  # too late: the machine may be less busy than when the whole run was timed
                whole = max(0.9 * whole, 0.05)
        assert self.run(source, round_of(target, rounds)) == 0
        return rounds + 1


def round_of(target: Path, number: int) -> Path:
    return target.with_name(f"{target.stem}-{number}{target.suffix}")


@pytest.fixture(params=["film", "album"])
def killer(request: pytest.FixtureRequest, toy_model: Path) -> Nightmare:
    return Nightmare(request.param, toy_model)


@pytest.fixture(scope="module")
def film(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two real shots with a cut between, unevenly spaced frames, B-frames, and sound."""
    path = tmp_path_factory.mktemp("kills") / "film.mp4"
    clips = [shared_data / "clips" / f"davis_{name}.mp4" for name in ("motocross-jump", "dog")]
    small = f"trim=end_frame={FRAMES // 2},setpts=PTS-STARTPTS,scale=96:64,setsar=1"
    graph = f"[0:v]{small}[a];[1:v]{small}[b];[a][b]concat,setpts=PTS+mod(N\\,3)*0.01/TB,format=gray,format=yuv420p[v]"
    ffmpeg(
        "-i", clips[0], "-i", clips[1], "-f", "lavfi", "-i", "sine=frequency=300:duration=3",
        "-filter_complex", graph, "-map", "[v]", "-map", "2:a", "-shortest", "-fps_mode", "passthrough",
        "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-c:a", "aac", path,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    for number in range(PHOTOS):
        shade = np.random.default_rng(number).normal(128, 30, (96, 144)).clip(0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(shade).save(buffer, ("PNG", "JPEG")[number % 2])
        (folder / f"{number:02}.{('png', 'jpg')[number % 2]}").write_bytes(buffer.getvalue())
    (folder / "15bad.jpg").write_bytes(b"not a picture")
    return folder


def packet_times(path: Path) -> list[tuple[int, int | None, int | None]]:
    with av.open(str(path)) as film:
        return [(packet.stream.index, packet.pts, packet.dts) for packet in film.demux() if packet.size]


def check_film(killer: Nightmare, film: Path, folder: Path, kills: int, seed: int) -> None:
    whole = folder / "whole.mp4"
    seconds = killer.whole_seconds(film, whole)
    rounds = killer.kill_often(film, folder / "out.mp4", kills=kills, whole=seconds, seed=seed)
    for number in range(rounds):
        target = round_of(folder / "out.mp4", number)
        assert file_sha256(target) == file_sha256(whole)
        report = json.loads(target.with_name(f"{target.name}.json").read_text(encoding="utf-8"))
        assert report["counts"]["frames"] == FRAMES
        assert not job_folder(target).exists()
    assert packet_times(target) == packet_times(whole)
    assert verify_any(film, target).problems == []


def check_album(killer: Nightmare, album: Path, folder: Path, kills: int, seed: int) -> None:
    whole = folder / "whole"
    seconds = killer.whole_seconds(album, whole)
    rounds = killer.kill_often(album, folder / "out", kills=kills, whole=seconds, seed=seed)
    for number in range(rounds):
        target = round_of(folder / "out", number)
        assert {path.name for path in target.iterdir()} == {path.name for path in whole.iterdir()}
        report = json.loads((target / "rechroma-report.json").read_text(encoding="utf-8"))
        assert report["counts"] == {"files": PHOTOS, "frames": PHOTOS, "skipped": 0, "failed": 1}
        for path in whole.glob("[0-9]*"):
            assert file_sha256(target / path.name) == file_sha256(path)
    assert all(verify_photo(album / path.name, path).problems == [] for path in target.glob("0*.*"))


CHECKS = {"film": check_film, "album": check_album}


def test_the_result_is_the_same_however_often_it_is_killed(
    killer: Nightmare, film: Path, album: Path, tmp_path: Path
) -> None:
    source = {"film": film, "album": album}[killer.work]
    CHECKS[killer.work](killer, source, tmp_path, KILLS, seed=7)


@pytest.mark.slow
def test_two_hundred_kills(killer: Nightmare, film: Path, album: Path, tmp_path: Path) -> None:
    source = {"film": film, "album": album}[killer.work]
    CHECKS[killer.work](killer, source, tmp_path, MANY_KILLS, seed=8)
