"""Films that would take all memory, and disks that fail while a film is read."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from restore.errors import DeviceError, InputError
from restore.media.film import decoding
from restore.media.film.decoding import Damage, read_packets
from restore.media.film.source import FilmSource
from tests.restore.media.clips import FRAMES, make_clip


def test_frames_too_large_to_be_true_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clip(tmp_path / "clip.mkv", size="128x96")
    monkeypatch.setattr(decoding, "MOST_PIXELS", 128 * 96 - 1)
    with pytest.raises(InputError, match=r"128x96.*decompression bomb"):
        FilmSource(clip)
    with pytest.raises(InputError, match=r"128x96.*decompression bomb"):
        FilmSource(clip, film=0)
    monkeypatch.setattr(decoding, "MOST_PIXELS", 128 * 96)
    with FilmSource(clip) as film:
        assert sum(1 for _ in film.frames()) == FRAMES


def test_frames_that_grow_behind_a_small_header_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two streams one behind the other, the second of four times the size."""
    parts = [make_clip(tmp_path / f"{size}.ts", size=size) for size in ("64x48", "128x96")]
    (tmp_path / "grows.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    monkeypatch.setattr(decoding, "MOST_PIXELS", 128 * 96 - 1)
    with FilmSource(tmp_path / "grows.ts", threads=1) as film:
        sizes = {(frame.frame.width, frame.frame.height) for frame in film.frames()}
        assert sizes == {(64, 48)}
        assert film.damage.frames == FRAMES
        assert "truncated or damaged" in film.warnings[0]


class FailingFile:
    """A file on a disk that fails from some place on, as PyAV reads it."""

    def __init__(self, path: Path, good_bytes: int) -> None:
        self.file, self.good_bytes, self.name = path.open("rb"), good_bytes, str(path)

    def read(self, size: int) -> bytes:
        if self.file.tell() >= self.good_bytes:
            raise OSError(errno.EIO, "Input/output error")
        return self.file.read(min(size, self.good_bytes - self.file.tell()))

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()


def test_a_read_error_is_no_damage_of_the_film(tmp_path: Path) -> None:
    """What the disk does not give now it may give when asked again; a film without it would be another film."""
    clip = make_clip(tmp_path / "clip.mkv", size="320x240", frames=40)
    file = FailingFile(clip, clip.stat().st_size // 2)
    with av.open(file, "r") as container:
        found = read_packets(container, [container.streams.video[0]], Damage())
        with pytest.raises(InputError, match=r"clip.mkv cannot be read on: Input/output error"):
            list(found)
    file.file.close()


def test_no_memory_for_a_frame() -> None:
    class Decoder:
        width, height = 6000, 4000

        def decode(self, _: Any) -> Iterator[av.VideoFrame]:
            raise av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory")

    with pytest.raises(DeviceError, match="6000x4000"):
        decoding.decode_packet(Decoder(), None, Damage())  # type: ignore[arg-type]


@pytest.mark.parametrize("duration", ["00:00:1/0", "00:00:1e999999999", "1e9:00:00", "", "00:00", "::"])
def test_a_duration_that_is_none(duration: str) -> None:
    """Python's fractions divide by zero, and fill all memory, when a file asks for it."""
    stream: Any = SimpleNamespace(metadata={"DURATION": duration})
    assert decoding.announced_end(stream) is None


def test_a_name_longer_than_names_can_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="File name too long"):
        FilmSource(tmp_path / ("a" * 300 + ".mkv"))
