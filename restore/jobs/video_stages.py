"""The middle of a film's pipeline: from decoded frames to what the network sees, and from chroma to planes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from restore.colour import FloatArray, codes_from_chroma, luma_from_codes, pull_into_gamut
from restore.jobs.film_stages import FilmStages
from restore.jobs.report import MACHINE_MADE
from restore.media.film.codecs import Encoding
from restore.media.film.compare import beside_gray
from restore.media.film.debug import DebugFilm
from restore.media.film.frames import FilmLayout, SourceFrame
from restore.media.film.sink import FilmSink
from restore.media.film.source import FilmSource
from restore.options import VideoOptions
from restore.paint.network import Colorizer
from restore.paint.painter import open_painter
from restore.temporal import ChromaFrame, Strength
from restore.upsample import upsample_chroma

__all__ = [
    "PreparedFrame",
    "chroma_planes",
    "film_stages",
    "open_film",
    "open_sink",
    "plane_shape",
    "prepared_frames",
    "quarter_turns",
]

Planes = tuple[Any, Any]
"""Codes of Cb and Cr, uint8 or uint16, at the size of the output's chroma planes."""


@dataclass(frozen=True)
class PreparedFrame:
    """A source frame on its way, with its luma in the two sizes that the middle of the pipeline works at."""

    source: SourceFrame
    guide: FloatArray
    """``H x W`` in [0, 1], at the chroma planes' size."""
    luma: FloatArray
    """``h x w`` in [0, 1], upright, as the network sees it."""


def quarter_turns(rotation: float) -> int:
    """Counter-clockwise quarter turns that show a frame upright; other angles count as none."""
    return round(rotation / 90) % 4 if rotation % 90 == 0 else 0


def plane_shape(layout: FilmLayout, subsampling: tuple[int, int] | None = None) -> tuple[int, int]:
    """Height and width of the chroma planes; ``subsampling`` (log2 of width and height) where not the source's own."""
    across, down = subsampling if subsampling is not None else layout.subsampling
    return -(-layout.height >> down), -(-layout.width >> across)


def prepared_frames(
    frames: Iterable[SourceFrame], colorizer: Colorizer, layout: FilmLayout, shape: tuple[int, int]
) -> Iterator[PreparedFrame]:
    """Border from codes to luma. ``shape`` is that of the chroma planes to be made."""
    turns = quarter_turns(layout.rotation)
    for frame in frames:
        codes = frame.luma_codes()
        small: Any = codes if codes.shape == shape else cv2.resize(codes, shape[::-1], interpolation=cv2.INTER_AREA)
        guide = luma_from_codes(small, bit_depth=layout.bit_depth, full_range=layout.full_range)
        seen = guide
        if min(shape) < min(colorizer.working_size, *codes.shape):
            seen = luma_from_codes(codes, bit_depth=layout.bit_depth, full_range=layout.full_range)
        yield PreparedFrame(frame, guide, colorizer.prepare(np.ascontiguousarray(np.rot90(seen, turns))))


def chroma_planes(
    frames: Iterable[ChromaFrame], options: VideoOptions, layout: FilmLayout, bit_depth: int
) -> Iterator[tuple[SourceFrame, Planes]]:
    """Border back to codes: enlarge along the luma's edges, keep inside the gamut, quantise."""
    turns = quarter_turns(layout.rotation)
    for frame in frames:
        assert isinstance(frame.payload, PreparedFrame)
        guide = frame.payload.guide
        small = np.ascontiguousarray(np.rot90(frame.chroma, -turns, axes=(1, 2)))
        chroma = upsample_chroma(small, guide, method=options.upsampling)
        if options.saturation != 1.0:
            chroma *= np.float32(options.saturation)
        chroma = pull_into_gamut(guide, chroma, layout.matrix)
        cb, cr = codes_from_chroma(chroma, bit_depth=bit_depth, full_range=layout.full_range)
        yield frame.payload.source, (cb, cr)


def open_film(source: Path, options: VideoOptions) -> FilmSource:
    """A source as the options want it read. Raises as :class:`FilmSource`."""
    return FilmSource(
        source,
        deinterlace=options.deinterlace,
        filter_chain=options.chain(),
        start_seconds=options.start_seconds,
        duration_seconds=options.duration_seconds,
        threads=options.threads,
    )


def open_sink(target: Path, film: FilmSource, options: VideoOptions) -> FilmSink:
    """What writes the result, not entered yet. Raises as :class:`FilmSink`."""
    encode = Encoding(
        codec=options.codec,
        crf=options.crf,
        preset=options.preset,
        pix_fmt=options.pix_fmt,
        threads=options.threads,
        comment=MACHINE_MADE,
    )
    layout = film.layout
    if options.compare:
        is_wide = quarter_turns(layout.rotation) % 2 == 0
        layout = replace(layout, width=layout.width * (1 + is_wide), height=layout.height * (2 - is_wide))
    return FilmSink(target, layout, film.copied, encode)


def film_stages(
    colorizer: Colorizer,
    options: VideoOptions,
    layout: FilmLayout,
    sink: FilmSink,
    batch_size: int,
    debug_film: DebugFilm | None = None,
) -> FilmStages[PreparedFrame]:
    """The middle of the pipeline, which neither decodes nor encodes; ``debug_film`` sees what this run does."""

    def finish(steady: Iterable[ChromaFrame]) -> Iterator[tuple[SourceFrame, Planes]]:
        watched = debug_film.watch(steady) if debug_film is not None else steady
        return chroma_planes(watched, options, layout, sink.bit_depth)

    def picture(frame: SourceFrame, planes: Planes) -> av.VideoFrame:
        if not options.compare:
            return sink.picture(frame, planes)
        luma, cb, cr = beside_gray(
            frame.luma_codes(),
            *planes,
            bit_depth=sink.bit_depth,
            chroma_shape=sink.chroma_shape,
            turns=quarter_turns(layout.rotation),
        )
        return sink.picture_of_planes(luma, (cb, cr), pts=frame.pts, duration=frame.frame.duration)

    return FilmStages(
        prepare=lambda frames: prepared_frames(frames, colorizer, layout, plane_shape(layout, sink.subsampling)),
        painter=lambda: open_painter(colorizer, seed=options.seed, temperature=options.temperature),
        finish=finish,
        picture=picture,
        strength=Strength(options.temporal),
        batch=batch_size,
    )
