"""Clips of a set: files, folders, and tar shards, which are unpacked because films are sought in."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = {".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".mxf", ".y4m"}


def is_clip(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def clip_files(paths: Sequence[Path], scratch: Path) -> Iterator[Path]:
    """Every clip, in order; those of tar files are unpacked into ``scratch``, which must outlive their use.

    Raises ``FileNotFoundError`` for a path that is absent and ``ValueError`` for a set without clips.
    """
    found = False
    for number, path in enumerate(paths):
        if path.is_dir():
            clips = sorted(file for file in path.rglob("*") if is_clip(file))
        elif path.suffix.lower() == ".tar":
            clips = list(unpacked(path, scratch / str(number)))
        else:
            clips = [path]
        found = found or bool(clips)
        yield from clips
    if not found:
        raise ValueError(f"no clips in {', '.join(map(str, paths))}")


def unpacked(tar_file: Path, scratch: Path) -> Iterator[Path]:
    """The clips of a tar, each in a folder of its own: whatever a member is called, it cannot lead elsewhere."""
    with tarfile.open(tar_file) as tar:
        for number, member in enumerate(tar):
            data = tar.extractfile(member) if is_clip(Path(member.name)) and member.isfile() else None
            if data is not None:
                clip = scratch / str(number) / Path(member.name).name
                clip.parent.mkdir(parents=True)
                with data, clip.open("wb") as file:
                    shutil.copyfileobj(data, file)
                yield clip


def in_pairs(clips: Sequence[Path]) -> list[list[Path]]:
    """Neighbours two by two, to be joined; an odd last one stays alone."""
    return [list(clips[start : start + 2]) for start in range(0, len(clips), 2)]
