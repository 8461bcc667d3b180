"""A recording that dies at any point goes on to the bytes of an uninterrupted run, raw values and report too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from restore.errors import OptionError
from restore.frames import Frame, Painted
from restore.jobs.job import job_folder
from restore.jobs.report import Report, file_sha256
from restore.jobs.status import job_status
from restore.jobs.thermal import colorize_thermal
from restore.media.thermal.palettes import palette_colours
from restore.options import ThermalOptions, UnitLengths
from restore.paint.thermal import ThermalPainter
from tests.media import write_film
from tests.painters import ToyTranslator
from tests.restore.media.thermal.made import Counts, fff, flir_jpeg, scene
from tests.tools import change, thermal_options

FRAMES, CUT = 40, 15
OPTIONS = thermal_options(
    preset="veryfast", threads=1, keep_raw=True, units=UnitLengths(shortest=4, longest=6, context=3)
)


class Mortal(ThermalPainter):
    """Dies when it is asked for more frames than it lives for."""

    def __init__(self, frames: int | None = None) -> None:
        super().__init__(ToyTranslator(), name="toy", weights_sha256="0", device="cpu", batch=2)
        self.frames_left, self.painted = frames, 0

    def paint(self, frames: Sequence[Frame]) -> list[Painted]:
        self.painted += len(frames)
        if self.frames_left is not None and self.painted > self.frames_left:
            raise KeyboardInterrupt
        return super().paint(frames)


def warming(number: int) -> Counts:
    """A scene whose range moves all the time, and is another behind a cut."""
    counts = scene(number % 20).astype(int) + 25 * number
    if number >= CUT:
        counts = 21000 - (counts[::-1, ::-1] - 18000) * 2
    return np.asarray(counts, np.uint16)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "run.seq"
    path.write_bytes(b"".join(fff(warming(number), milliseconds=100 * number) for number in range(FRAMES)))
    return path


def coloured(source: Path, out: Path, painter: ThermalPainter, options: ThermalOptions = OPTIONS) -> Report:
    return colorize_thermal([source], out, model=painter, options=options)


def told(report: Path) -> dict[str, Any]:
    """What the report says, but for places and how long it took."""
    found = json.loads(report.read_text())
    (entry,) = found["files"]
    return {key: value for key, value in entry.items() if key not in ("seconds", "outputs", "kept")}


@pytest.mark.parametrize(
    ("lives", "chosen"),
    [(26, {}), (34, {"range": "local", "temporal": "strong"}), (20, {"temporal": "off", "luma": "thermal"})],
)
def test_a_recording_that_dies_goes_on_to_the_same_bytes(
    tmp_path: Path, recording: Path, lives: int, chosen: dict[str, Any]
) -> None:
    options = change(OPTIONS, **chosen)
    coloured(recording, tmp_path / "whole.mkv", Mortal(), options)
    target = tmp_path / "died.mkv"
    with pytest.raises(KeyboardInterrupt) as death:
        coloured(recording, target, Mortal(lives), options)
    assert "run the same command again" in death.value.__notes__[0]
    assert not target.exists()
    for kept in tmp_path.glob("died.*.tiff"):  # reading may have come to its end, a few frames ahead
        assert file_sha256(kept) == file_sha256(tmp_path / kept.name.replace("died", "whole"))
    status = job_status(target)
    assert 0 < status.done < FRAMES
    assert status.total == FRAMES
    second = Mortal()
    coloured(recording, target, second, options)
    assert second.painted < FRAMES  # what is finished is not painted again
    assert file_sha256(target) == file_sha256(tmp_path / "whole.mkv")
    for kind in ("raw", "celsius"):
        assert file_sha256(tmp_path / f"died.{kind}.tiff") == file_sha256(tmp_path / f"whole.{kind}.tiff")
    assert told(tmp_path / "died.mkv.json") == told(tmp_path / "whole.mkv.json")
    assert not job_folder(target).exists()
    assert not list(tmp_path.glob(".*"))


def test_false_colours_go_on_too(tmp_path: Path) -> None:
    colours = np.rint(palette_colours("ironbow")).astype(np.uint8)
    steps = [np.clip((warming(number) - 17000.0) / 16, 0, 255).astype(np.uint8) for number in range(FRAMES)]
    source = write_film(tmp_path / "iron.mp4", [colours[each] for each in steps], codec="libx264", pix_fmt="yuv420p")
    options = change(OPTIONS, keep_raw=False)
    coloured(source, tmp_path / "whole.mp4", Mortal(), options)
    with pytest.raises(KeyboardInterrupt):
        coloured(source, tmp_path / "died.mp4", Mortal(30), options)
    coloured(source, tmp_path / "died.mp4", Mortal(), options)
    assert file_sha256(tmp_path / "died.mp4") == file_sha256(tmp_path / "whole.mp4")


def test_what_changed_is_named_and_restart_forgets(tmp_path: Path, recording: Path) -> None:
    target = tmp_path / "out.mkv"
    with pytest.raises(KeyboardInterrupt):
        coloured(recording, target, Mortal(26))
    other = change(OPTIONS, luma="blend")
    with pytest.raises(OptionError, match=r"options\.luma was None, is blend; run it as before, or use `restart`"):
        coloured(recording, target, Mortal(), other)
    again = Mortal()
    coloured(recording, target, again, change(other, restart=True))
    assert again.painted >= FRAMES


def test_killed_before_it_was_said(tmp_path: Path, recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The film has its name, but neither report nor a cleared job folder: it is not made again, and all is said."""
    out = tmp_path / "out"
    colorize_thermal([recording], tmp_path / "whole", model=Mortal(), options=OPTIONS)
    monkeypatch.setattr("restore.jobs.job.Job.done", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        colorize_thermal([recording], out, model=Mortal(), options=OPTIONS)
    monkeypatch.undo()
    (film,) = out.glob("*.mkv")
    made = film.stat().st_mtime_ns
    painter = Mortal()
    colorize_thermal([recording], out, model=painter, options=OPTIONS)
    assert (painter.painted, film.stat().st_mtime_ns) == (0, made)
    assert told(out / "rechroma-report.json") == told(tmp_path / "whole" / "rechroma-report.json")
    assert tifffile.imread(out / "run.raw.tiff", key=slice(None)).shape == (FRAMES, 48, 64)
    assert not job_folder(film).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.restore.jobs import test_thermal_recording as here
class Killed(here.Mortal):
    def paint(self, frames):
        if self.painted + len(frames) > self.frames_left:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().paint(frames)
here.colorize_thermal([Path(sys.argv[1])], sys.argv[2], model=Killed(int(sys.argv[3])), options=here.OPTIONS)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_batch_that_is_killed(tmp_path: Path, recording: Path) -> None:
    """Finished files stay as they are and are in the report; nothing half-written has a final name."""
    folder, out, whole = tmp_path / "in", tmp_path / "out", tmp_path / "whole"
    folder.mkdir()
    for number in range(3):
        (folder / f"a{number}.jpg").write_bytes(flir_jpeg(fff(scene(number))))
    recording.rename(folder / "b.seq")
    colorize_thermal([folder], whole, model=Mortal(), options=OPTIONS)
    command = [sys.executable, "-c", KILLED, str(folder), str(out), "30"]
    code = subprocess.run(command, cwd=Path(__file__).parents[3], env={**os.environ, "OMP_NUM_THREADS": "1"}).returncode
    assert code == -signal.SIGKILL
    assert {path.name for path in out.iterdir() if not path.name.startswith(".")} == {
        *(f"a{number}{ending}" for number in range(3) for ending in (".png", ".raw.tiff", ".celsius.tiff")),
        "b.mkv.job",
    }
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("a*")}
    painter = Mortal()
    report = colorize_thermal([folder], out, model=painter, options=OPTIONS)
    assert (len(report.written), len(report.skipped)) == (1, 3)
    assert painter.painted < FRAMES
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("a*")} == before
    assert {path.name for path in out.iterdir()} == {path.name for path in whole.iterdir()}
    for path in whole.iterdir():
        if path.suffix != ".json":
            assert file_sha256(out / path.name) == file_sha256(path), path.name
    entries = json.loads((out / "rechroma-report.json").read_text())["files"]
    assert [Path(entry["source"]).name for entry in entries] == ["a0.jpg", "a1.jpg", "a2.jpg", "b.seq"]
