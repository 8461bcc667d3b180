"""Clips of a set: files, folders, and tar shards, which are unpacked because films are sought in."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["clip_files", "in_pairs"]

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
            folder = scratch / str(number)
            with tarfile.open(path) as tar:
                members = [member for member in tar if member.isfile() and is_clip(Path(member.name))]
                tar.extractall(folder, members, filter="data")
            clips = [folder / member.name for member in members]
        else:
            clips = [path]
        found = found or bool(clips)
        yield from clips
    if not found:
        raise ValueError(f"no clips in {', '.join(map(str, paths))}")


def in_pairs(clips: Sequence[Path]) -> list[list[Path]]:
    """Neighbours two by two, to be joined; an odd last one stays alone."""
    return [list(clips[start : start + 2]) for start in range(0, len(clips), 2)]
