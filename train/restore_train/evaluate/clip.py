"""Colour films as truth: decoded colour frame by frame, and what models make of their gray; for the evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, tee
from pathlib import Path

import numpy as np

from restore.colour import FloatArray, chroma_from_codes, luma_from_codes, rgb_from_luma_chroma
from restore.errors import InputError
from restore.jobs.films import VideoOptions, chroma_planes, plane_shape, prepared_frames
from restore.media.film.frames import CB, CR, FilmLayout, SourceFrame, plane_view
from restore.media.film.source import FilmSource
from restore.paint.network import Colorizer
from restore.paint.painter import coloured_frames, open_painter
from restore.temporal import Strength, find_shot_starts, smooth_chroma

__all__ = ["ColourClip"]


class ColourClip:
    """One colour film, or several of one format joined by hard cuts; read again for every use, never held.

    Raises ``InputError`` for a film without colour, or films that cannot be joined.
    """

    def __init__(self, paths: Sequence[Path], *, frames: int | None = None, threads: int | None = None) -> None:
        """``frames`` is how many of each film are read, from its start; None reads all."""
        self.paths = list(paths)
        self.name = " + ".join(path.stem for path in self.paths)
        self._limit = frames
        self._threads = threads
        formats = [self._format_of(path) for path in self.paths]
        self.layout = formats[0]
        for path, other in zip(self.paths, formats, strict=True):
            if not other.has_chroma:
                raise InputError(f"{path} has no colour to compare with; leave it out")
            if traits(other) != traits(self.layout):
                raise InputError(f"{path} and {self.paths[0]} differ in size or format and cannot be joined")

    def _open(self, path: Path) -> FilmSource:
        return FilmSource(path, threads=self._threads)

    def _format_of(self, path: Path) -> FilmLayout:
        with self._open(path) as film:
            return film.layout

    def _source_frames(self) -> Iterator[tuple[SourceFrame, bool]]:
        """Every frame, and whether it is a film's first."""
        for path in self.paths:
            with self._open(path) as film:
                for index, frame in enumerate(islice(film.frames(), self._limit)):
                    yield frame, index == 0

    def truth(self) -> Iterator[tuple[FloatArray, FloatArray, bool]]:
        """Luma ``H x W``, the true chroma ``2 x h x w`` at its planes' size, and whether the frame starts a shot."""
        depth, full = self.layout.bit_depth, self.layout.full_range
        frames, looked_at = tee(self._source_frames())  # the detector reads two frames ahead
        lumas = (luma_from_codes(frame.luma_codes(), bit_depth=depth, full_range=full) for frame, _ in looked_at)
        for (frame, joined), cut in zip(frames, find_shot_starts(lumas), strict=True):
            luma = luma_from_codes(frame.luma_codes(), bit_depth=depth, full_range=full)
            planes = [plane_view(frame.frame, index) for index in (CB, CR)]
            chroma = [chroma_from_codes(plane, bit_depth=depth, full_range=full) for plane in planes]
            yield luma, np.stack(chroma), joined or cut

    def coloured(
        self, colorizer: Colorizer, strengths: Sequence[str], *, saturation: float = 1.0
    ) -> Iterator[list[FloatArray]]:
        """Chroma ``2 x h x w`` of every frame as an encoder would get it, once for each temporal strength.

        The pipeline's own stages, fed with the luma alone; the network runs once for all strengths.
        """
        depth, full = self.layout.bit_depth, self.layout.full_range
        frames = (frame for frame, _ in self._source_frames())
        prepared = prepared_frames(frames, colorizer, self.layout, plane_shape(self.layout))
        predicted = coloured_frames(prepared, open_painter(colorizer), colorizer.largest_batch)
        options = VideoOptions(saturation=saturation)
        films = [
            chroma_planes(smooth_chroma(branch, strength=Strength(strength)), options, self.layout, depth)
            for branch, strength in zip(tee(predicted, len(strengths)), strengths, strict=True)
        ]
        for results in zip(*films, strict=True):
            yield [
                np.stack([chroma_from_codes(plane, bit_depth=depth, full_range=full) for plane in planes])
                for _, planes in results
            ]

    def rgb(self, luma: FloatArray, chroma: FloatArray) -> FloatArray:
        """Luma ``H x W`` and chroma ``2 x H x W`` to RGB ``H x W x 3`` in [0, 1], by the film's matrix."""
        return rgb_from_luma_chroma(luma, chroma, self.layout.matrix)


def traits(layout: FilmLayout) -> tuple[object, ...]:
    """What joined films must have in common."""
    return layout.width, layout.height, layout.pix_fmt, layout.full_range, layout.matrix, layout.rotation
