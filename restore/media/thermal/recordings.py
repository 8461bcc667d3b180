"""Recordings that FFmpeg reads: gray of 8 to 16 bits, and false colours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.colour import chroma_from_codes, luma_from_codes, rgb_from_luma_chroma
from restore.media.planes import CB, CR, plane_view
from restore.media.thermal.frame import RawArray, ThermalFrame, ThermalSource
from restore.media.thermal.stills import chosen_palette, gray_of_rgb
from restore.media.video_source import SourceFrame, VideoFormat, VideoSource

__all__ = ["open_recording"]

LOOKED_AT = 6
"""First frames that tell gray, a palette and ordinary colour apart."""


def open_recording(path: Path, *, palette: str, threads: int | None) -> ThermalSource:
    """Raises ``InputError`` for what is no film or an ordinary colour film, ``DamagedMediaError`` for a broken one."""
    name = palette_of(path, palette, threads)
    film = VideoSource(path, threads=threads)
    layout = film.format
    depth = 8 if name else layout.bit_depth
    return ThermalSource(
        path, f"{layout.bit_depth}-bit film", (layout.height, layout.width), depth, read_film,
        is_recording=True, rate=layout.average_rate, time_base=layout.time_base,
        polarity="white" if name or (depth > 8 and not layout.has_chroma) else None,
        palette=name, metadata=dict(film.container.metadata), decisions=film.decisions, warnings=film.warnings,
        film=film,
    )  # fmt: skip


def palette_of(path: Path, palette: str, threads: int | None) -> str | None:
    """The film's palette by its first frames; None where it is gray."""
    with VideoSource(path, threads=threads) as film:
        if not film.format.has_chroma:
            return None
        size = f"{film.format.width}x{film.format.height}"
        pictures = [rgb_of(frame, film.format) for frame in islice(film.frames(), LOOKED_AT)]
        return chosen_palette(pictures, palette, f"an ordinary colour film of {size}")


def read_film(source: ThermalSource) -> Iterator[ThermalFrame]:
    film = source.film
    assert film is not None
    for frame in film.frames():
        raw: RawArray = frame.luma_codes()
        if source.palette is not None:
            raw = gray_of_rgb(rgb_of(frame, film.format), source.palette)
        yield ThermalFrame(raw, frame.pts)


def rgb_of(frame: SourceFrame, layout: VideoFormat) -> NDArray[np.uint8]:
    """A frame's picture, ``H x W x 3``."""
    depth, full = layout.bit_depth, layout.full_range
    luma = luma_from_codes(frame.luma_codes(), bit_depth=depth, full_range=full)
    chroma = [
        cv2.resize(
            chroma_from_codes(plane_view(frame.frame, index), bit_depth=depth, full_range=full), luma.shape[::-1]
        )
        for index in (CB, CR)
    ]
    rgb = rgb_from_luma_chroma(luma, np.stack(chroma).astype(np.float32), layout.matrix)
    return np.rint(rgb * 255).astype(np.uint8)
