"""Pictures in files to registered pairs in files: what ``rechroma align`` does, and what thermal training reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.errors import InputError
from restore.media.files import write_beside
from restore_train.align.register import Alignment, AlignmentError, align, warp_thermal

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}
DARK, BRIGHT = 0.5, 99.5  # percentiles of a thermal picture that become black and white
SMALLEST_SIDE = 64  # pixels of what both pictures share


@dataclass(frozen=True)
class RegisteredPair:
    """A pair in files."""

    visible: Path
    thermal: Path
    alignment: Alignment
    size: tuple[int, int]
    """Width and height of the pair, in pixels of the visible picture."""

    def __str__(self) -> str:
        alignment = self.alignment
        return (
            f"{alignment.residual:.2f} pixels left (median of blocks, at 512 wide), edges agree in "
            f"{100 * alignment.clear_share:.0f} % of blocks, {100 * alignment.overlap:.0f} % shared, "
            f"{self.size[0]} x {self.size[1]}"
        )


def match_files(visible: Path, thermal: Path) -> list[tuple[str, Path, Path]]:
    """Returns name, visible and thermal file of each pair: two files, or all pictures of two folders with equal names.

    Raises ``InputError`` where one is missing, a file meets a folder, or no two names are the same.
    """
    for path in (visible, thermal):
        if not path.exists():
            raise InputError(f"{path} does not exist")
    if visible.is_dir() != thermal.is_dir():
        raise InputError("give two files or two folders, not one of each")
    if not visible.is_dir():
        return [(visible.stem, visible, thermal)]
    by_name = {file.stem: file for file in sorted(thermal.iterdir()) if file.suffix.lower() in SUFFIXES}
    pairs = [
        (file.stem, file, by_name[file.stem])
        for file in sorted(visible.iterdir())
        if file.suffix.lower() in SUFFIXES and file.stem in by_name
    ]
    if not pairs:
        raise InputError(f"no picture of {visible} has the name of one in {thermal}; name both alike")
    return pairs


def align_files(name: str, visible: Path, thermal: Path, folder: Path) -> RegisteredPair:
    """Registers two files and writes ``NAME.visible.png`` and ``NAME.thermal.png`` into ``folder``.

    Both show what the two pictures share, on the visible one's pixels; of it only the heat is stretched. Raises
    ``InputError`` for a file that cannot be read, ``AlignmentError`` for a pair that does not fit, ``OutputError``.
    """
    colour = read(visible, cv2.IMREAD_COLOR)
    heat = read(thermal, cv2.IMREAD_UNCHANGED)
    plane = stretch(heat if heat.ndim == 2 else cv2.cvtColor(heat[..., :3], cv2.COLOR_BGR2GRAY))
    luma = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY).astype(np.float32) / np.float32(255)
    alignment = align(np.asarray(luma, np.float32), plane)
    warped, inside = warp_thermal(plane, alignment.homography, *luma.shape)
    top, bottom, left, right = inner_rectangle(inside)
    if min(bottom - top, right - left) < SMALLEST_SIDE:
        raise AlignmentError(f"the pictures share {right - left} x {bottom - top} pixels; {SMALLEST_SIDE} are needed")
    paths = [folder / f"{name}.{kind}.png" for kind in ("visible", "thermal")]
    codes = np.rint(warped * 255).astype(np.uint8)
    for path, picture in zip(paths, (colour, codes), strict=True):
        write(path, np.ascontiguousarray(picture[top:bottom, left:right]))
    return RegisteredPair(paths[0], paths[1], alignment, (right - left, bottom - top))


def align_pairs(
    pairs: Sequence[tuple[str, Path, Path]], folder: Path
) -> Iterator[tuple[str, RegisteredPair | InputError]]:
    """Registers pairs and yields for each its name, and what was written or why it was refused."""
    for name, visible, thermal in pairs:
        try:
            yield name, align_files(name, visible, thermal, folder)
        except InputError as error:
            yield name, error


def read(path: Path, flags: int) -> NDArray[np.uint8]:
    try:
        encoded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    picture = cv2.imdecode(encoded, flags) if encoded.size else None
    if picture is None:
        raise InputError(f"{path} is not a picture that can be decoded")
    return np.asarray(picture)


def write(path: Path, picture: NDArray[np.uint8]) -> None:
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    with write_beside(path) as file:
        file.write(encoded)


def stretch(heat: NDArray[np.number]) -> NDArray[np.float32]:
    """Stretches a thermal picture of any depth between its percentiles, to [0, 1]."""
    plane = heat.astype(np.float32)
    dark, bright = np.percentile(plane, (DARK, BRIGHT)).astype(np.float32)
    return np.asarray(np.clip((plane - dark) / max(bright - dark, 1e-6), 0, 1), np.float32)


def inner_rectangle(inside: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Returns rows ``top:bottom`` and columns ``left:right`` that are inside, taking off the worst side in turn."""
    top, bottom, left, right = 0, inside.shape[0], 0, inside.shape[1]
    while top < bottom and left < right:
        part = inside[top:bottom, left:right]
        outside = [1 - float(line.mean()) for line in (part[0], part[-1], part[:, 0], part[:, -1])]
        worst = int(np.argmax(outside))
        if outside[worst] == 0:
            break
        top, bottom = top + (worst == 0), bottom - (worst == 1)
        left, right = left + (worst == 2), right - (worst == 3)
    return top, bottom, left, right
