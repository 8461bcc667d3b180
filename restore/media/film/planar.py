"""From what decoders and filters give to upright planar frames of one size and format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from restore.errors import InputError
from restore.media.film.colour_tags import BT709, BT2020, FULL_RANGE, HD_WIDTH, SD_LINES, UNSPECIFIED
from restore.media.film.filters import FilterChain, FilterStep
from restore.media.film.pixel_formats import PlanarFormat, is_planar_name, nearest_planar

__all__ = ["PlanarFrames"]


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
        """The same frames; those that fit already pass untouched. Raises ``InputError`` for frames on a device."""
        for frame in frames:
            if self.format is None:
                self.settle(frame)
            yield self.fitted(frame)

    def settle(self, frame: av.VideoFrame) -> None:
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

    def fitted(self, frame: av.VideoFrame) -> av.VideoFrame:
        assert self.format is not None
        same_size = (frame.width, frame.height) == self.size
        same_format = is_planar_name(frame.format.name) and PlanarFormat.parse(frame.format.name) == self.format
        if not (same_size and same_format):
            self.resized += not same_size
            frame = self.converted(frame, self.format)
        if frame.planes[0].line_size < 0:  # a bottom-up picture, as in some AVIs or behind vflip
            frame = turned_round(frame)
        return frame

    def converted(self, frame: av.VideoFrame, target: PlanarFormat) -> av.VideoFrame:
        """Through swscale: exact for luma that is only stored otherwise, rounded once for RGB and other sizes."""
        width, height = self.size
        pts, time_base = frame.pts, frame.time_base
        if frame.format.is_rgb or frame.format.has_palette or frame.format.name.startswith("xyz"):
            # Full range keeps all codes of the source; the matrix is the one that untagged films of this size get.
            high = height > SD_LINES or width >= HD_WIDTH
            matrix = Colorspace.ITU709 if high else Colorspace.ITU601
            if frame.color_primaries == BT2020:
                matrix = Colorspace.BT2020
            frame = self.reformatter.reformat(
                frame, width, height, target.name,
                src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.JPEG, dst_colorspace=matrix,
                interpolation="BICUBIC", threads=1,
            )  # fmt: skip
            frame.colorspace = {Colorspace.ITU709: BT709, Colorspace.BT2020: BT2020}.get(matrix, UNSPECIFIED)
            frame.color_range = FULL_RANGE
        else:
            tags = frame.colorspace, frame.color_range
            kept = frame.color_range or ColorRange.MPEG
            frame = self.reformatter.reformat(
                frame, width, height, target.name,
                src_color_range=kept, dst_color_range=kept, interpolation="BICUBIC", threads=1,
            )  # fmt: skip
            frame.colorspace, frame.color_range = tags
        frame.pts, frame.time_base = pts, time_base
        return frame


def turned_round(frame: av.VideoFrame) -> av.VideoFrame:
    """The same picture with its lines stored from top to bottom."""
    chain = FilterChain([FilterStep("copy", "")], sample_aspect_ratio=Fraction(1))
    return next(chain.apply([frame]))
