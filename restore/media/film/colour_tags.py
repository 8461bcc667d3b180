"""Colour description of a film: what its tags mean, and which ones to set where they are missing.

Numbers are those of ITU-T H.273, which FFmpeg and the containers share.
"""

from __future__ import annotations

from dataclasses import dataclass

import av

from restore.colour import Matrix

UNSPECIFIED = 2
LIMITED_RANGE, FULL_RANGE = 1, 2
BT709, BT470BG, BT601_525, BT2020, BT2020_CONSTANT = 1, 5, 6, 9, 10  # matrix and primaries share numbers
TRC_BT709, TRC_BT601, TRC_BT2020_10, TRC_BT2020_12, TRC_PQ, TRC_HLG = 1, 6, 14, 15, 16, 18
MATRICES = {
    BT709: Matrix.BT709,
    BT470BG: Matrix.BT601,
    BT601_525: Matrix.BT601,
    BT2020: Matrix.BT2020,
    BT2020_CONSTANT: Matrix.BT2020,
}
PAL_HEIGHTS = (576, 288)
SD_LINES, HD_WIDTH = 576, 1280


@dataclass(frozen=True)
class ColourTags:
    """FFmpeg's integers; 2 is "unspecified", 0 for range."""

    colorspace: int = UNSPECIFIED
    """Matrix of R, G, B to Y, Cb, Cr."""

    primaries: int = UNSPECIFIED
    trc: int = UNSPECIFIED
    """Transfer characteristic (gamma, PQ, HLG)."""

    color_range: int = 0
    """1 limited, 2 full."""

    @classmethod
    def of(cls, frame: av.VideoFrame) -> ColourTags:
        return cls(frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)

    @property
    def matrix(self) -> Matrix:
        return MATRICES[self.colorspace]

    @property
    def full_range(self) -> bool:
        return self.color_range == FULL_RANGE

    def stamp(self, target: av.VideoFrame | av.video.codeccontext.VideoCodecContext) -> None:
        """Writes the tags on a frame or an encoder."""
        target.colorspace, target.color_range = self.colorspace, self.color_range
        target.color_primaries, target.color_trc = self.primaries, self.trc


def is_small(width: int, height: int) -> bool:
    """Whether an untagged picture of this size is BT.601, as players take it, and not BT.709."""
    return height <= SD_LINES and width < HD_WIDTH


def complete_tags(tags: ColourTags, *, width: int, height: int, pix_fmt: str) -> tuple[ColourTags, list[str]]:
    """Returns the tags with every gap filled, and one line for each gap.

    Untagged pictures are BT.601 up to 576 lines and below 1280 columns, and BT.709 above; whatever is tagged decides
    about the rest. Untagged gray is full range, as FFmpeg makes it.
    """
    decisions = []
    home = BT709
    if BT2020 in (tags.primaries, tags.colorspace) or tags.trc in (TRC_PQ, TRC_HLG, TRC_BT2020_10, TRC_BT2020_12):
        home = BT2020
    elif tags.colorspace in (BT470BG, BT601_525) or tags.primaries in (BT470BG, BT601_525):
        home = tags.colorspace if tags.colorspace in (BT470BG, BT601_525) else tags.primaries
    elif tags.colorspace != BT709 and tags.primaries != BT709 and is_small(width, height):
        home = BT470BG if height in PAL_HEIGHTS else BT601_525

    colorspace = tags.colorspace
    if colorspace not in MATRICES:
        colorspace = home
        said = "untagged" if tags.colorspace in (0, UNSPECIFIED) else f"tagged with number {tags.colorspace}"
        decisions.append(f"matrix {MATRICES[home].name} for {width}x{height} ({said})")
    else:
        decisions.append(f"matrix {MATRICES[colorspace].name} (tagged)")
    primaries = tags.primaries
    if primaries in (0, UNSPECIFIED):
        primaries = home
        decisions.append(f"primaries set to number {primaries} (untagged)")
    trc = tags.trc
    if trc in (0, UNSPECIFIED):
        trc = {BT2020: TRC_BT2020_10, BT709: TRC_BT709}.get(home, TRC_BT601)
        decisions.append(f"transfer set to number {trc} (untagged)")
    color_range = tags.color_range
    if pix_fmt.startswith("yuvj"):
        color_range = FULL_RANGE
    elif color_range not in (LIMITED_RANGE, FULL_RANGE):
        color_range = FULL_RANGE if pix_fmt.startswith("gray") else LIMITED_RANGE
        decisions.append(f"range {'full' if color_range == FULL_RANGE else 'limited'} (untagged)")
    return ColourTags(colorspace, primaries, trc, color_range), decisions
