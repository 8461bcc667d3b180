"""Which names in an output folder are taken, as its disk tells names apart.

Many disks take ``Photo.JPG`` and ``photo.jpg`` for one name (those of Windows and macOS, memory cards), and some take a
letter with its accent and the two as separate characters for one. Where names might be one, the disk is asked.
"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory


def folded(name: str) -> str:
    """A key that is equal for all names that some disk takes for one: Unicode's case folding and composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


class TakenNames:
    """Relative places, each with the input whose result it will be."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.taken: dict[str, list[tuple[Path, Path]]] = defaultdict(list)

    def holder(self, place: Path) -> Path | None:
        """The input that has this place already."""
        for other, source in self.taken.get(folded(os.fspath(place)), ()):
            if are_one_place(self.out, other, place):
                return source
        return None

    def take(self, place: Path, source: Path) -> None:
        self.taken[folded(os.fspath(place))].append((place, source))


def are_one_place(out: Path, first: Path, second: Path) -> bool:
    """Whether two relative places that are alike when folded are the same file in ``out``."""
    pairs = zip(first.parts, second.parts, strict=True)
    return all(one == other or are_one_name(out, one, other) for one, other in pairs)


def are_one_name(out: Path, first: str, second: str) -> bool:
    """Asks the disk; where it cannot be asked they are one, so that nothing is lost."""
    folder = next((parent for parent in (out, *out.absolute().parents) if parent.is_dir()), Path())
    try:
        with TemporaryDirectory(dir=folder, prefix=".rechroma-") as empty:
            Path(empty, first).touch()
            return Path(empty, second).exists()
    except OSError:
        return True


class FileSet:
    """A set of files, whatever names they are called by."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[str]] = defaultdict(list)

    def add(self, path: Path) -> bool:
        """Adds a file; True where it was not in the set."""
        real = os.path.realpath(path)
        is_new = not self.contains(real)
        if is_new:
            self.by_name[folded(real)].append(real)
        return is_new

    def __contains__(self, path: Path) -> bool:
        return self.contains(os.path.realpath(path))

    def contains(self, real: str) -> bool:
        return any(real == other or is_same_file(real, other) for other in self.by_name.get(folded(real), ()))


def is_same_file(first: str, second: str) -> bool:
    try:
        return Path(first).samefile(second)
    except OSError:
        return False
