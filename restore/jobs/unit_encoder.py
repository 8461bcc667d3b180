"""An encoder for one unit of a film: the sink's own settings, no container, and packets that go to a unit file."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av

from restore.jobs.unit_file import UnitFile
from restore.media.files import output_errors
from restore.media.film.sink import FilmSink

__all__ = ["UnitEncoder"]


class UnitEncoder:
    """Encodes pictures that :meth:`FilmSink.picture` made, from a key frame on, into a file of their own.

    Raises ``DiskError`` and ``EncoderError``.
    """

    def __init__(self, sink: FilmSink, path: Path) -> None:
        self.target = sink.file.target
        self.frames = 0
        with output_errors(self.target):
            # Never started, so nothing is written: it only tells the encoder what the final container will want of it.
            self.container = av.open(BytesIO(), "w", format=sink.plan.container.muxer)
            self.stream = sink.add_film(self.container)
            context = self.stream.codec_context
            self.file = UnitFile(path, time_base=Fraction(context.time_base), extradata=context.extradata)

    def encode(self, picture: av.VideoFrame) -> None:
        with output_errors(self.target):
            for packet in self.stream.encode(picture):
                self.file.write(packet)
        self.frames += 1

    def finish(self) -> str:
        """Writes what the encoder still holds; hex SHA-256 of the file, which has its name now."""
        with output_errors(self.target):
            for packet in self.stream.encode(None):
                self.file.write(packet)
            return self.file.commit()

    def close(self) -> None:
        """Lets go of encoder and file; an unfinished file vanishes."""
        self.container.close()
        self.file.discard()
