"""A film of what the temporal pass saw and did: before, after, confidence of the motion, and what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from restore.colour import FloatArray, Matrix, rgb_from_luma_chroma
from restore.frames import Painted
from restore.media.files import PartialFile, output_errors
from restore.media.film.decoding import media_url

CHANGE_GAIN = 4
"""How much larger the change is shown than it is."""

MIDDLE = np.float32(0.5)
"""Luma under the change, which is colour alone."""

CUT_BORDER = 6
"""Pixels of the red frame around the first frame of a shot."""

RED, WHITE = (255, 0, 0), (255, 255, 255)
CAPTIONS = ("before", "after", "confidence", f"change x {CHANGE_GAIN}")
CAPTION_PLACE, CAPTION_SIZE = (8, 18), 0.5

Picture = NDArray[np.uint8]


def enlarge(plane: FloatArray, like: FloatArray) -> FloatArray:
    return np.asarray(cv2.resize(plane, like.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def coloured(luma: FloatArray, chroma: FloatArray, matrix: Matrix) -> FloatArray:
    """Converts luma ``h x w`` and small chroma ``2 x h' x w'`` to RGB ``h x w x 3`` in [0, 1]."""
    return rgb_from_luma_chroma(luma, np.stack([enlarge(plane, luma) for plane in chroma]), matrix)


def debug_picture(frame: Painted, number: int, matrix: Matrix = Matrix.BT709) -> Picture:
    """Draws four panels, RGB ``2h x 2w x 3``, of a frame with a trace; its luma is ``h x w``.

    Above the colour before and after, below the confidence (white is sure) and the change as colour. A red frame
    stands around the first frame of a shot.
    """
    assert frame.trace is not None
    luma, change = frame.luma, frame.chroma - frame.trace.raw
    confidence = enlarge(frame.trace.confidence, luma)
    panels = [
        coloured(luma, frame.trace.raw, matrix),
        coloured(luma, frame.chroma, matrix),
        np.repeat(confidence[..., None], 3, axis=2),
        coloured(np.full_like(luma, MIDDLE), change * CHANGE_GAIN, matrix),
    ]
    pictures = [np.ascontiguousarray(np.rint(panel * 255).astype(np.uint8)) for panel in panels]
    captions = (f"{number}: {CAPTIONS[0]}", *CAPTIONS[1:])
    for picture, caption in zip(pictures, captions, strict=True):
        for colour, width in (((0, 0, 0), 3), (WHITE, 1)):
            cv2.putText(
                picture, caption, CAPTION_PLACE, cv2.FONT_HERSHEY_SIMPLEX, CAPTION_SIZE, colour, width, cv2.LINE_AA
            )
    whole = np.vstack([np.hstack(pictures[:2]), np.hstack(pictures[2:])])
    if frame.trace.starts_shot:
        height, width = whole.shape[:2]
        cv2.rectangle(whole, (0, 0), (width - 1, height - 1), RED, CUT_BORDER)
    return whole


class DebugFilm:
    """Writes debug pictures as H.264; the film appears under its name when it is complete, if it has a picture.

    Raises ``OutputError``, ``DiskError`` or ``EncoderError`` for a film that cannot be written.
    """

    def __init__(self, target: Path, *, source: Path, rate: Fraction, matrix: Matrix) -> None:
        self._file = PartialFile(target, source=source)
        self._rate, self._matrix = rate, matrix
        self._film: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._count = 0

    def __enter__(self) -> DebugFilm:
        self._file.create()
        with output_errors(self._file.target):
            self._film = av.open(media_url(self._file.path), "w")
        return self

    def watch(self, frames: Iterable[Painted]) -> Iterator[Painted]:
        """Passes frames through, and writes them."""
        for frame in frames:
            self.write(frame)
            yield frame

    def write(self, frame: Painted) -> None:
        """Adds a frame; it must have a trace."""
        assert self._film is not None
        picture = debug_picture(frame, self._count, self._matrix)
        with output_errors(self._file.target):
            if self._stream is None:
                self._stream = self._film.add_stream("libx264", rate=self._rate, options={"crf": "18"})
                self._stream.height, self._stream.width = (side + side % 2 for side in picture.shape[:2])
                self._stream.pix_fmt = "yuv420p"
            if (self._stream.height, self._stream.width) != picture.shape[:2]:
                picture = np.asarray(cv2.resize(picture, (self._stream.width, self._stream.height)), np.uint8)
            self._film.mux(self._stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._film is not None
        try:
            with output_errors(self._file.target):
                if kind is None and self._stream is not None:
                    self._film.mux(self._stream.encode(None))
                self._film.close()
            if kind is None and self._stream is not None:
                self._file.commit()
        finally:
            self._file.discard()
