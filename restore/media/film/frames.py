"""Frames of a film: what all of them have in common, their planes as arrays, and how every frame becomes planar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from restore.colour import CodeArray, FloatArray, Matrix, luma_from_codes
from restore.errors import InputError
from restore.frames import orientation_of_rotation
from restore.media.film.colour_tags import BT709, BT2020, FULL_RANGE, UNSPECIFIED, ColourTags, is_small
from restore.media.film.filters import FilterChain, FilterStep
from restore.media.film.pixel_formats import PlanarFormat, is_planar_name, nearest_planar

LUMA, CB, CR = 0, 1, 2


@dataclass(frozen=True)
class FilmLayout:
    """What all frames of a film have in common."""

    width: int
    """Columns of a frame, after filters, before rotation."""

    height: int
    """Rows of a frame, after filters, before rotation."""

    pix_fmt: str
    """Planar FFmpeg name, as ``yuv420p10le`` or ``gray``."""

    average_rate: Fraction
    """Frames a second; frames need not be evenly spaced."""

    time_base: Fraction
    """Seconds to a tick of ``SourceFrame.pts``."""

    tags: ColourTags
    """Complete: gaps are filled."""

    rotation: int = 0
    """Degrees to turn a frame counter-clockwise for display."""

    display_matrix: tuple[int, ...] | None = None
    """The nine numbers of which ``rotation`` is made, flips included, as FFmpeg stores them."""

    sample_aspect_ratio: Fraction = Fraction(1)
    """Width to height of a pixel; 1 where unknown."""

    hdr_metadata: bool = False
    """Frames say how bright the mastering display was, or change the picture for HDR displays."""

    interlaced: bool = False
    """Frames still hold two fields."""

    field_order: int = 0
    """AVFieldOrder of the stream; 0 unknown, 1 progressive."""

    frame_count_estimate: int | None = None
    """None where the file does not say it in advance."""

    duration_seconds: float | None = None
    """Length of the part that will be read."""

    @property
    def planar(self) -> PlanarFormat:
        return PlanarFormat.parse(self.pix_fmt)

    @property
    def bit_depth(self) -> int:
        """8 to 16."""
        return self.planar.bit_depth

    @property
    def subsampling(self) -> tuple[int, int]:
        """log2 of luma samples to a chroma sample, across and down; (1, 1) for gray."""
        return self.planar.subsampling

    @property
    def has_chroma(self) -> bool:
        """Whether the source has chroma planes, coloured or not."""
        return not self.planar.gray

    @property
    def full_range(self) -> bool:
        """Whether luma codes use the whole range, not 16-235 of 256."""
        return self.tags.full_range

    @property
    def matrix(self) -> Matrix:
        """Matrix of the colour to be made; tagged, or by size."""
        return self.tags.matrix

    @property
    def orientation(self) -> int:
        """As EXIF numbers it: 1, 3, 6 or 8."""
        return orientation_of_rotation(self.rotation)


@dataclass
class SourceFrame:
    """One decoded picture; its luma is never copied on the way to the encoder's own plane."""

    frame: av.VideoFrame
    index: int
    """0 for the first frame that is read."""

    layout: FilmLayout

    @property
    def pts(self) -> int:
        """Time of presentation in ticks of ``FilmLayout.time_base``."""
        assert self.frame.pts is not None
        return self.frame.pts

    def luma_codes(self) -> CodeArray:
        """Returns a ``H x W`` uint8 or uint16 view of the Y plane, lines possibly padded."""
        return plane_view(self.frame, LUMA)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.frame.height, self.frame.width

    @property
    def orientation(self) -> int:
        """EXIF 1 to 8: from stored to upright."""
        return self.layout.orientation

    def luma_at(self, shape: tuple[int, ...] | None) -> FloatArray:
        """Returns luma ``H x W`` in [0, 1] as stored; shrunk to ``shape`` where it is given."""
        codes: Any = self.luma_codes()
        if shape is not None and codes.shape != shape:
            codes = cv2.resize(codes, shape[::-1], interpolation=cv2.INTER_AREA)
        return luma_from_codes(codes, bit_depth=self.layout.bit_depth, full_range=self.layout.full_range)


def plane_view(frame: av.VideoFrame, index: int) -> CodeArray:
    """Returns plane 0 (Y), 1 (Cb) or 2 (Cr) of a planar frame, ``rows x columns`` uint8 or little-endian uint16.

    A view of the frame's own memory: writing to it changes the frame (call ``make_writable`` first).
    """
    planar = PlanarFormat.parse(frame.format.name)
    plane = frame.planes[index]
    rows, columns = (frame.height, frame.width) if index == LUMA else planar.chroma_size(frame.width, frame.height)
    if plane.line_size <= 0:
        raise ValueError(f"the plane's lines run upwards: {plane.line_size = }")
    dtype = np.dtype("u1") if planar.bit_depth == 8 else np.dtype("<u2")
    lines: NDArray[Any] = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return lines[:rows, :columns]


def fill_plane(frame: av.VideoFrame, index: int, codes: CodeArray) -> None:
    """Overwrites a plane with codes of its exact shape. Raises ``ValueError`` for another shape or a wider type."""
    view = plane_view(frame, index)
    if codes.shape != view.shape:
        raise ValueError(f"plane {index} has shape {view.shape}, not {codes.shape}")
    np.copyto(view, codes, casting="safe")


class PlanarFrames:
    """Gives every frame the planar format and the size of the first one."""

    def __init__(self) -> None:
        self.format: PlanarFormat | None = None
        self.decisions: list[str] = []
        self.resized = 0
        """Frames of another size than the first, scaled to it."""
        self.size = (0, 0)
        self.reformatter = VideoReformatter()

    def apply(self, frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """Yields the same frames; those that fit already pass untouched.

        Raises ``InputError`` for frames in a device's memory.
        """
        for frame in frames:
            planar = self.format or self.fix_format(frame)
            same_size = (frame.width, frame.height) == self.size
            if (
                not same_size
                or not is_planar_name(frame.format.name)
                or PlanarFormat.parse(frame.format.name) != planar
            ):
                self.resized += not same_size
                frame = self.convert(frame, planar)
            yield upright(frame) if frame.planes[0].line_size < 0 else frame

    def fix_format(self, frame: av.VideoFrame) -> PlanarFormat:
        """Takes size and format from the first frame."""
        name = frame.format.name
        try:
            self.format = nearest_planar(frame.format)
        except ValueError as error:
            raise InputError(f"frames of format {name} cannot be read: {error}") from error
        self.size = (frame.width, frame.height)
        if not is_planar_name(name):
            alpha = any(component.is_alpha for component in frame.format.components)
            lost = "; its transparency is not kept" if alpha else ""
            self.decisions.append(f"{name} is read as {self.format.name}{lost}")
        return self.format

    def convert(self, frame: av.VideoFrame, target: PlanarFormat) -> av.VideoFrame:
        """Converts by swscale: exact for luma that is only stored otherwise, rounded once for RGB and other sizes."""
        pts, time_base = frame.pts, frame.time_base
        if frame.format.is_rgb or frame.format.has_palette or frame.format.name.startswith("xyz"):
            # Full range keeps all codes of the source; the matrix is the one that untagged films of this size get.
            tags, matrix = (UNSPECIFIED, FULL_RANGE), Colorspace.ITU601
            if frame.color_primaries == BT2020:
                tags, matrix = (BT2020, FULL_RANGE), Colorspace.BT2020
            elif not is_small(*self.size):
                tags, matrix = (BT709, FULL_RANGE), Colorspace.ITU709
            ranges: dict[str, Any] = {
                "src_color_range": ColorRange.JPEG, "dst_color_range": ColorRange.JPEG, "dst_colorspace": matrix,
            }  # fmt: skip
        else:
            tags = frame.colorspace, frame.color_range
            color_range = frame.color_range or ColorRange.MPEG
            ranges = {"src_color_range": color_range, "dst_color_range": color_range}
        frame = self.reformatter.reformat(frame, *self.size, target.name, interpolation="BICUBIC", threads=1, **ranges)
        frame.colorspace, frame.color_range = tags
        frame.pts, frame.time_base = pts, time_base
        return frame


def upright(frame: av.VideoFrame) -> av.VideoFrame:
    """Turns the lines of a bottom-up frame, as in some AVIs or after vflip, so that they run from top to bottom."""
    chain = FilterChain([FilterStep("copy", "")], sample_aspect_ratio=Fraction(1))
    return next(chain.apply([frame]))
