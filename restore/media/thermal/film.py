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
from restore.media.thermal.palette_inverse import rgb_of_ycbcr, ycbcr_inverse
from restore.media.thermal.source import ThermalFrame, ThermalSource
from restore.media.thermal.stills import choose_palette

Codes = NDArray[np.uint8]

HEAD_FRAMES = 6
"""First frames, by which gray, a palette and ordinary colour are told apart."""


class ThermalFilm(ThermalSource):
    """A film of gray or false colours."""

    def read(self) -> Iterator[ThermalFrame]:
        """Yields gray as it is, and false colours as steps of their palette."""
        assert self.film is not None
        if self.palette is None:
            for frame in self.film.frames():
                yield ThermalFrame(frame.luma_codes(), frame.pts)
            return
        layout = self.film.layout
        inverse = ycbcr_inverse(self.palette, full_range=layout.full_range, matrix=layout.matrix)
        for frame in self.film.frames():
            yield ThermalFrame(inverse(*codes_of(frame, layout)), frame.pts)


def open_film(path: Path, *, palette: str, threads: int | None) -> ThermalFilm:
    """Opens a film that FFmpeg reads.

    Raises ``InputError`` for what is no film or an ordinary colour film, ``DamagedMediaError`` for a broken one.
    """
    name = palette_of(path, palette, threads)
    film = FilmSource(path, threads=threads)
    layout = film.layout
    depth = 8 if name else layout.bit_depth
    return ThermalFilm(
        path, f"{layout.bit_depth}-bit film", (layout.height, layout.width), depth,
        is_recording=True, rate=layout.average_rate, time_base=layout.time_base,
        frame_count_estimate=layout.frame_count_estimate,
        polarity="white" if name or (depth > 8 and not layout.has_chroma) else None,
        palette=name, metadata=dict(film.container.metadata), decisions=film.decisions, warnings=film.warnings,
        film=film,
    )  # fmt: skip


def palette_of(path: Path, palette: str, threads: int | None) -> str | None:
    """Returns a film's palette by its first frames; None where it is gray."""
    with FilmSource(path, threads=threads) as film:
        if not film.layout.has_chroma:
            return None
        size = f"{film.layout.width}x{film.layout.height}"
        pictures = [rgb_of(frame, film.layout) for frame in islice(film.frames(), HEAD_FRAMES)]
        otherwise = f"an ordinary colour film of {size}, not a thermal one: it holds no sensor's values"
        return choose_palette(pictures, palette, otherwise)


def codes_of(frame: SourceFrame, layout: FilmLayout) -> tuple[Codes, Codes, Codes]:
    """Returns Y, Cb and Cr of one size, ``H x W``, in 8 bits."""
    luma = frame.luma_codes()
    chroma = (cv2.resize(plane_view(frame.frame, index), luma.shape[::-1]) for index in (CB, CR))
    luma, cb, cr = (to_8_bits(plane, layout.bit_depth) for plane in (luma, *chroma))
    return luma, cb, cr


def to_8_bits(plane: NDArray[Any], bit_depth: int) -> Codes:
    if bit_depth == 8:
        return np.asarray(plane, np.uint8)
    shift = bit_depth - 8
    return np.asarray(np.minimum((plane.astype(np.int32) + (1 << shift >> 1)) >> shift, 255), np.uint8)


def rgb_of(frame: SourceFrame, layout: FilmLayout) -> NDArray[np.uint8]:
    """Returns a frame as RGB ``H x W x 3``."""
    codes = np.stack(codes_of(frame, layout), axis=-1).reshape(-1, 3)
    rgb = rgb_of_ycbcr(codes, full_range=layout.full_range, matrix=layout.matrix)
    return rgb.reshape(layout.height, layout.width, 3)
