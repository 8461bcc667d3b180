"""Planar pixel formats: their names, and which one holds a decoder's picture without loss of luma.

The program works on separate Y, Cb and Cr planes of 8 to 16 bits, little-endian. FFmpeg names them
``yuv420p``, ``yuv422p10le``, ``gray12le`` and so on; everything here is arithmetic on those names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from av.video.format import VideoFormat as AvFormat

# log2 of how many luma samples share a chroma sample, (across, down), by FFmpeg's family name.
FAMILIES = {
    "444": (0, 0),
    "440": (0, 1),
    "422": (1, 0),
    "420": (1, 1),
    "411": (2, 0),
    "410": (2, 2),
}
GRAY_SUBSAMPLING = (1, 1)
DEPTHS = (8, 9, 10, 12, 14, 16)
PLANAR_NAME = re.compile(r"(?:yuvj?(?P<family>\d{3})p|gray)(?P<depth>\d+)?(?:le)?")


@dataclass(frozen=True)
class PlanarFormat:
    """Planes of luma and, unless gray, of chroma."""

    bit_depth: int
    """8, 9, 10, 12, 14 or 16."""

    subsampling: tuple[int, int]
    """log2 of luma samples to a chroma sample, across and down; (1, 1) for gray, as its colour will be."""

    gray: bool = False
    """No chroma planes at all."""

    @property
    def name(self) -> str:
        """FFmpeg's name, as ``yuv422p10le``."""
        suffix = "" if self.bit_depth == 8 else f"{self.bit_depth}le"
        if self.gray:
            return f"gray{suffix}"
        family = next(family for family, shifts in FAMILIES.items() if shifts == self.subsampling)
        return f"yuv{family}p{suffix}"

    def chroma_size(self, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of a chroma plane below ``width x height`` luma; odd sizes round up."""
        across, down = self.subsampling
        return -(-height >> down), -(-width >> across)

    @classmethod
    def parse(cls, name: str) -> PlanarFormat:
        """Returns the format that FFmpeg calls ``name``; ``yuvj420p`` is 4:2:0 like ``yuv420p``.

        Raises ``ValueError`` for anything packed, semi-planar, RGB, big-endian or with alpha.
        """
        match = PLANAR_NAME.fullmatch(name)
        depth = int(match["depth"] or 8) if match else 0
        if match is None or depth not in DEPTHS or (match["family"] and match["family"] not in FAMILIES):
            raise ValueError(f"not a planar pixel format: {name!r}")
        if match["family"] is None:
            return cls(depth, GRAY_SUBSAMPLING, gray=True)
        return cls(depth, FAMILIES[match["family"]])


def is_planar_name(name: str) -> bool:
    """Whether a frame of this format can be worked on as it is."""
    try:
        PlanarFormat.parse(name)
    except ValueError:
        return False
    return True


def nearest_planar(source: AvFormat) -> PlanarFormat:
    """Returns the planar format of at least the depth and chroma of ``source``.

    Raises ``ValueError`` for pictures that live in a device's memory.
    """
    if is_planar_name(source.name):
        return PlanarFormat.parse(source.name)
    if not source.components:
        raise ValueError(f"no pixels to read in {source.name!r}")
    bits = max(component.bits for component in source.components)
    depth = next((depth for depth in DEPTHS if depth >= bits), DEPTHS[-1])  # float samples have 32 bits
    if source.is_rgb or source.has_palette or source.is_bayer or source.name.startswith("xyz"):
        return PlanarFormat(depth, (0, 0))
    if len(source.components) < 3:  # luma alone, or luma and alpha
        return PlanarFormat(depth, GRAY_SUBSAMPLING, gray=True)
    # Eight luma samples a side tell 1, 2 and 4 to a chroma sample apart.
    shifts = ((8 // source.chroma_width(8)).bit_length() - 1, (8 // source.chroma_height(8)).bit_length() - 1)
    return PlanarFormat(depth, shifts if shifts in FAMILIES.values() else (0, 0))
