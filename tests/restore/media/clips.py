"""Small films for tests, made with the ffmpeg command line program, and the way through source and sink."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from restore.media.film.codecs import Encoding
from restore.media.film.sink import FilmSink
from restore.media.film.source import FilmSource
from tests.tools import missing

FRAMES = 12
RATE = 25
FASTEST: dict[str, Any] = {"preset": "ultrafast"}
LOSSLESS: dict[str, Any] = {"preset": "ultrafast", "crf": 0}


MADE: dict[tuple[str, ...], bytes] = {}
"""Files that need no other, by the arguments that make them: a program is started once for all tests of one clip."""


def ffmpeg(*arguments: str | Path) -> None:
    """Runs ffmpeg; the test is skipped where it is not installed."""
    *rest, output = arguments
    key = (*map(str, rest), Path(output).suffix)
    if key in MADE:
        Path(output).write_bytes(MADE[key])
        return
    if shutil.which("ffmpeg") is None:
        missing("the ffmpeg program makes this test's clips, and is not installed")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
    if not any(Path(argument).is_absolute() for argument in rest):
        MADE[key] = Path(output).read_bytes()


def picture(size: str = "64x48", frames: int = FRAMES, rate: int = RATE) -> list[str]:
    """A moving test picture of any size as ffmpeg input."""
    width, height = map(int, size.split("x"))
    even = f"{width + width % 2}x{height + height % 2}"  # testsrc2 makes no other
    source = f"testsrc2=size={even}:rate={rate}:duration={frames / rate},format=yuv444p,crop={width}:{height}"
    return ["-f", "lavfi", "-i", source]


def tone(frames: int = FRAMES) -> list[str]:
    """Sound of the same length."""
    return ["-f", "lavfi", "-i", f"sine=frequency=440:duration={frames / RATE}"]


def make_clip(
    path: Path, *options: str | Path, size: str = "64x48", frames: int = FRAMES, pix_fmt: str = "yuv420p"
) -> Path:
    """A silent clip; ``options`` come before the output's name."""
    codec = [] if "-c:v" in options else ["-c:v", "ffv1" if path.suffix == ".mkv" else "libx264"]
    ffmpeg(*picture(size, frames), *codec, "-pix_fmt", pix_fmt, *options, path)
    return path


def make_sound_clip(path: Path, *options: str | Path, inputs: tuple[str | Path, ...] = ()) -> Path:
    """A clip with H.264 and AAC, and what further ``inputs`` and ``options`` add."""
    ffmpeg(
        *picture(), *tone(), *inputs, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
        "-c:a", "aac", *options, path,
    )  # fmt: skip
    return path


def make_subtitles(path: Path) -> Path:
    """Two lines of SubRip within the length of a clip."""
    path.write_text("1\n00:00:00,040 --> 00:00:00,160\nFirst\n\n2\n00:00:00,200 --> 00:00:00,400\nSecond\n")
    return path


def make_chapters(path: Path) -> Path:
    """Two chapters and a title, as FFmpeg's metadata file."""
    path.write_text(
        ";FFMETADATA1\ntitle=Winter\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=200\ntitle=Snow\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=200\nEND=480\ntitle=Thaw\n"
    )
    return path


def colour(source: Path, output: Path, *, reading: dict[str, Any] | None = None, **encoding: Any) -> FilmSink:
    """The whole way with a constant colour in place of a network; the closed sink."""
    with (
        FilmSource(source, **(reading or {})) as film,
        FilmSink(output, film.layout, film.copied, Encoding(**encoding)) as sink,
    ):
        kind = np.uint8 if sink.bit_depth == 8 else np.uint16
        plane = np.full(sink.chroma_shape, (1 << (sink.bit_depth - 1)) + 5, kind)
        for frame in film.frames():
            sink.write(frame, (plane, plane))
    return sink


def seconds_of(source: Path, **reading: Any) -> list[Fraction]:
    """The time of every frame."""
    with FilmSource(source, **reading) as film:
        return [frame.pts * film.layout.time_base for frame in film.frames()]
