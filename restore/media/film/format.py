"""What a sink and the stages between need to know of a film, and its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av

from restore.colour import CodeArray, Matrix
from restore.media.film.colour_tags import ColourTags
from restore.media.film.planes import plane_view

__all__ = ["SourceFrame", "VideoFormat"]


@dataclass(frozen=True)
class VideoFormat:
    """What all frames of a film have in common."""

    width: int
    """Columns of a frame, after filters, before rotation."""

    height: int
    """Rows of a frame, after filters, before rotation."""

    pix_fmt: str
    """Planar FFmpeg name, as ``yuv420p10le`` or ``gray``."""

    bit_depth: int
    """8 to 16."""

    full_range: bool
    """Luma codes use the whole range, not 16-235 of 256."""

    matrix: Matrix
    """Of the colour to be made; tagged, or by size."""

    subsampling: tuple[int, int]
    """log2 of luma samples to a chroma sample, across and down; (1, 1) for gray."""

    has_chroma: bool
    """The source has chroma planes, coloured or not."""

    average_rate: Fraction
    """Frames a second; frames need not be evenly spaced."""

    time_base: Fraction
    """Seconds to a tick of ``SourceFrame.pts``."""

    rotation: int
    """Degrees to turn a frame counter-clockwise for display."""

    display_matrix: tuple[int, ...] | None
    """The nine numbers behind ``rotation``, flips included, as FFmpeg stores them."""

    sample_aspect_ratio: Fraction
    """Width to height of a pixel; 1 where unknown."""

    tags: ColourTags
    """Complete: gaps are filled."""

    hdr_metadata: bool
    """Frames say how bright the mastering display was, or change the picture for HDR displays."""

    interlaced: bool
    """Frames still hold two fields each."""

    field_order: int
    """AVFieldOrder of the stream; 0 unknown, 1 progressive."""

    frame_count_estimate: int | None
    """None where it cannot be told in advance."""

    duration_seconds: float | None
    """Of what will be read."""


@dataclass
class SourceFrame:
    """One decoded picture; its luma is never copied on the way to the encoder's own plane."""

    frame: av.VideoFrame
    index: int
    """0 for the first frame that is read."""

    @property
    def pts(self) -> int:
        """Time of presentation in ticks of ``VideoFormat.time_base``."""
        assert self.frame.pts is not None
        return self.frame.pts

    def luma_codes(self) -> CodeArray:
        """``H x W`` uint8 or uint16 view of the Y plane, lines possibly padded."""
        return plane_view(self.frame, 0)
