"""Colour films as truth: decoded colour frame by frame, and what models make of their gray."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from itertools import islice, tee
from pathlib import Path

import numpy as np

from restore.colour import (
    CodeArray,
    FloatArray,
    chroma_from_codes,
    codes_from_chroma,
    luma_from_codes,
    rgb_from_luma_chroma,
)
from restore.errors import InputError
from restore.frames import Painted
from restore.jobs.film_units import FIRST_UNIT, mark_units
from restore.jobs.films import film_canvas
from restore.media.film.frames import CB, CR, FilmLayout, SourceFrame, plane_view
from restore.media.film.source import FilmSource
from restore.options import Look, UnitLengths
from restore.paint.network import Colorizer
from restore.paint.recipe import painter_for
from restore.pipeline import enlarge, paint, prepare
from restore.temporal import Strength, find_shot_starts, smooth_chroma
from restore_train.evaluate.films import TrueFrame

STRENGTHS = ("off", "light", "strong")


class FilmClip:
    """One colour film, or several of one format joined by hard cuts; read again for every use, never all in memory.

    Raises ``InputError`` for a film without colour, or films that cannot be joined.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        colorizers: Mapping[str, Colorizer],
        *,
        frames: int | None = None,
        strengths: Sequence[str] = STRENGTHS,
        saturation: float = 1.0,
    ) -> None:
        """``frames`` is how many of each film are read, from its start; None reads all."""
        self.paths, self.colorizers, self.strengths, self.saturation = paths, colorizers, strengths, saturation
        self.name = " + ".join(path.stem for path in paths)
        self.labels = [f"{name}, {strength}" for name in colorizers for strength in strengths]
        self.unsteadied = [f"{name}, off" for name in colorizers if "off" in strengths]
        self._limit = frames
        layouts = [layout_of(path) for path in paths]
        self.layout = layouts[0]
        for path, layout in zip(paths, layouts, strict=True):
            if not layout.has_chroma:
                raise InputError(f"{path} has no colour to compare with; leave it out")
            if traits(layout) != traits(self.layout):
                raise InputError(f"{path} and {paths[0]} differ in size or format and cannot be joined")

    def _source_frames(self) -> Iterator[tuple[SourceFrame, bool]]:
        """Yields every frame, and whether it is a film's first."""
        for path in self.paths:
            with FilmSource(path) as film:
                for index, frame in enumerate(islice(film.frames(), self._limit)):
                    yield frame, index == 0

    def _luma(self, frame: SourceFrame) -> FloatArray:
        layout = self.layout
        return luma_from_codes(frame.luma_codes(), bit_depth=layout.bit_depth, full_range=layout.full_range)

    def _chroma(self, planes: Sequence[CodeArray]) -> FloatArray:
        layout = self.layout
        codes = [chroma_from_codes(p, bit_depth=layout.bit_depth, full_range=layout.full_range) for p in planes]
        return np.stack(codes)

    def truth(self) -> Iterator[TrueFrame]:
        """Yields every frame with the true chroma at its planes' size."""
        frames, watched = tee(self._source_frames())  # the detector reads two frames ahead
        cuts = find_shot_starts(self._luma(frame) for frame, _ in watched)
        for (frame, starts_film), cut in zip(frames, cuts, strict=True):
            chroma = self._chroma([plane_view(frame.frame, index) for index in (CB, CR)])
            yield TrueFrame(self._luma(frame), chroma, starts_film or cut)

    def coloured(self) -> Iterator[dict[str, FloatArray]]:
        """Yields the chroma ``2 x h x w`` of every frame as an encoder gets it, by every model at every strength.

        The pipeline's own stages make it from the luma alone; a network runs once for all strengths.
        """
        films = [film for colorizer in self.colorizers.values() for film in self._films_of(colorizer)]
        for chromas in zip(*films, strict=True):
            yield dict(zip(self.labels, chromas, strict=True))

    def _films_of(self, colorizer: Colorizer) -> list[Iterator[FloatArray]]:
        layout, painter, look = self.layout, painter_for("film", colorizer), Look(saturation=self.saturation)
        canvas = film_canvas(layout, layout.subsampling)
        prepared = (prepare(frame, painter, canvas) for frame, _ in self._source_frames())
        painted = paint(mark_units(prepared, FIRST_UNIT, UnitLengths()), painter, canvas)

        def as_encoded(frame: Painted) -> FloatArray:
            chroma = enlarge(frame, look, canvas).chroma
            codes = codes_from_chroma(chroma, bit_depth=layout.bit_depth, full_range=layout.full_range)
            return self._chroma(list(codes))

        return [
            map(as_encoded, smooth_chroma(map(copy, branch), strength=Strength(name)))
            for branch, name in zip(tee(painted, len(self.strengths)), self.strengths, strict=True)
        ]

    def rgb(self, luma: FloatArray, chroma: FloatArray) -> FloatArray:
        """Converts luma ``H x W`` and chroma ``2 x H x W`` to RGB ``H x W x 3`` in [0, 1], by the film's matrix."""
        return rgb_from_luma_chroma(luma, chroma, self.layout.matrix)


def layout_of(path: Path) -> FilmLayout:
    with FilmSource(path) as film:
        return film.layout


def traits(layout: FilmLayout) -> tuple[object, ...]:
    """Returns what joined films must have in common."""
    return layout.width, layout.height, layout.pix_fmt, layout.full_range, layout.matrix, layout.rotation
