"""Recordings that FFmpeg reads: gray of 8 to 16 bits, and false colours."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.media.film.frames import CB, CR, FilmLayout, SourceFrame, plane_view
from restore.media.film.source import FilmSource
from restore.media.thermal.frame import ThermalFrame, ThermalSource
from restore.media.thermal.palette_inverse import rgb_of_ycbcr, ycbcr_inverse
from restore.media.thermal.stills import chosen_palette

__all__ = ["open_recording"]

Codes = NDArray[np.uint8]

LOOKED_AT = 6
"""First frames that tell gray, a palette and ordinary colour apart."""


def open_recording(path: Path, *, palette: str, threads: int | None) -> ThermalSource:
    """Raises ``InputError`` for what is no film or an ordinary colour film, ``DamagedMediaError`` for a broken one."""
    name = palette_of(path, palette, threads)
    film = FilmSource(path, threads=threads)
    layout = film.layout
    depth = 8 if name else layout.bit_depth
    return ThermalSource(
        path, f"{layout.bit_depth}-bit film", (layout.height, layout.width), depth, read_film,
        is_recording=True, rate=layout.average_rate, time_base=layout.time_base,
        frame_count_estimate=layout.frame_count_estimate,
        polarity="white" if name or (depth > 8 and not layout.has_chroma) else None,
        palette=name, metadata=dict(film.container.metadata), decisions=film.decisions, warnings=film.warnings,
        film=film,
    )  # fmt: skip


def palette_of(path: Path, palette: str, threads: int | None) -> str | None:
    """The film's palette by its first frames; None where it is gray."""
    with FilmSource(path, threads=threads) as film:
        if not film.layout.has_chroma:
            return None
        size = f"{film.layout.width}x{film.layout.height}"
        pictures = [rgb_of(frame, film.layout) for frame in islice(film.frames(), LOOKED_AT)]
        otherwise = f"an ordinary colour film of {size}, not a thermal one: it holds no sensor's values"
        return chosen_palette(pictures, palette, otherwise)


def read_film(source: ThermalSource) -> Iterator[ThermalFrame]:
    film = source.film
    assert film is not None
    if source.palette is None:
        for frame in film.frames():
            yield ThermalFrame(frame.luma_codes(), frame.pts)
        return
    layout = film.layout
    inverse = ycbcr_inverse(source.palette, full_range=layout.full_range, matrix=layout.matrix)
    for frame in film.frames():
        yield ThermalFrame(inverse(*codes_of(frame, layout)), frame.pts)


def codes_of(frame: SourceFrame, layout: FilmLayout) -> tuple[Codes, Codes, Codes]:
    """Y, Cb and Cr of one size, ``H x W``, in 8 bits."""
    luma = frame.luma_codes()
    chroma = (cv2.resize(plane_view(frame.frame, index), luma.shape[::-1]) for index in (CB, CR))
    luma, cb, cr = (in_8_bits(plane, layout.bit_depth) for plane in (luma, *chroma))
    return luma, cb, cr


def in_8_bits(plane: NDArray[Any], bit_depth: int) -> Codes:
    if bit_depth == 8:
        return np.asarray(plane, np.uint8)
    shift = bit_depth - 8
    return np.asarray(np.minimum((plane.astype(np.int32) + (1 << shift >> 1)) >> shift, 255), np.uint8)


def rgb_of(frame: SourceFrame, layout: FilmLayout) -> NDArray[np.uint8]:
    """A frame's picture, ``H x W x 3``."""
    codes = np.stack(codes_of(frame, layout), axis=-1).reshape(-1, 3)
    rgb = rgb_of_ycbcr(codes, full_range=layout.full_range, matrix=layout.matrix)
    return rgb.reshape(layout.height, layout.width, 3)
