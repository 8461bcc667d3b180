"""What is written of a thermal file: the picture or film, and beside it the sensor's values and temperatures."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from restore.colour import CodeArray, FloatArray, Matrix, codes_from_chroma, rgb_from_luma_chroma
from restore.jobs.thermal_stages import Shown, ThermalOptions, chroma_at
from restore.media.files import write_beside
from restore.media.film.codecs import Encoding
from restore.media.film.colour_tags import LIMITED_RANGE
from restore.media.film.frames import FilmLayout
from restore.media.film.pixel_formats import PlanarFormat, is_planar_name
from restore.media.film.sink import FilmSink
from restore.media.film.source import FilmSource
from restore.media.photo.metadata import mark_machine_made
from restore.media.thermal import ThermalFrame, ThermalSource

__all__ = ["Planes", "RawWriter", "as_film", "film_planes", "film_sink", "raw_paths", "write_still"]

Planes = tuple[CodeArray, CodeArray, CodeArray]

FILM_NOTE = "The colour of this recording is machine-made; it shows heat, not light."
JPEG_QUALITY = 95
XMP_KEY = "XML:com.adobe.xmp"
PICTURE_DEPTH = 8
"""Bits of the film's luma where --pix-fmt does not ask for more: it is a rendering, not the sensor's values."""

LARGE = 1 << 27
"""Bytes of a recording from which its TIFFs are BigTIFF: a CSQ grows tenfold as temperatures, and TIFF ends at 4 GB."""


def write_still(path: Path, picture: Shown, *, upsampling: str) -> None:
    """An 8-bit RGB PNG or JPEG, by the name's ending, marked as machine-made. Raises ``OutputError``, ``DiskError``."""
    chroma = chroma_at(picture, picture.luma.shape, upsampling=upsampling, matrix=Matrix.BT601)
    rgb = np.rint(rgb_from_luma_chroma(picture.luma, chroma) * 255).astype(np.uint8)
    mark, _ = mark_machine_made(None)
    content = io.BytesIO()
    if path.suffix.lower() == ".png":
        notes = PngInfo()
        notes.add_itxt(XMP_KEY, mark.decode("utf-8"))
        Image.fromarray(rgb).save(content, "PNG", pnginfo=notes)
    else:
        Image.fromarray(rgb).save(content, "JPEG", quality=JPEG_QUALITY, subsampling=0, xmp=mark)
    with write_beside(path) as file:
        file.write(content.getvalue())


def raw_paths(result: Path) -> dict[str, Path]:
    """What may lie beside a result, by kind."""
    return {kind: result.with_name(f"{result.stem}.{kind}.tiff") for kind in ("raw", "celsius")}


class RawWriter:
    """TIFFs beside a result, a page a frame: ``NAME.raw.tiff`` as recorded, ``NAME.celsius.tiff`` as float32.

    A temperature that the constants do not give is NaN. They appear under their names when the block ends well, and
    not where it is left early.
    """

    def __init__(self, result: Path, source: ThermalSource, *, has_temperatures: bool) -> None:
        self.paths = raw_paths(result)
        if not has_temperatures:
            del self.paths["celsius"]
        self.recording = source.is_recording
        self.large = source.is_recording and source.path.stat().st_size > LARGE
        self.stack = ExitStack()
        self.files: dict[str, tifffile.TiffWriter] = {}

    def __enter__(self) -> RawWriter:
        with ExitStack() as stack:
            for kind, path in self.paths.items():
                file = stack.enter_context(write_beside(path))
                self.files[kind] = stack.enter_context(tifffile.TiffWriter(file, bigtiff=self.large))
            self.stack = stack.pop_all()
        return self

    def write(self, frame: ThermalFrame) -> None:
        self.add("raw", np.ascontiguousarray(frame.raw), "values of the sensor as recorded")
        if "celsius" in self.files:
            shape = frame.raw.shape
            celsius = frame.radiometry.celsius(frame.raw) if frame.radiometry else np.full(shape, np.nan, np.float32)
            self.add("celsius", celsius, "degrees Celsius, by the constants in the file")

    def add(self, kind: str, values: NDArray[Any], description: str) -> None:
        # Each page its own series: rising frames need no count in advance, and memory stays that of one frame.
        self.files[kind].write(
            values, photometric="minisblack", compression="zlib", predictor=True, description=description,
            metadata=None, contiguous=False,
        )  # fmt: skip

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.__exit__(kind, error, trace)


@contextmanager
def as_film(source: ThermalSource, options: ThermalOptions) -> Iterator[FilmSource]:
    """The recording as the sink wants to see it: as a film of a rendered, not a sensor's, format.

    A recording that FFmpeg does not read is stood for by a film of one empty frame, with its size, clock and name.
    """
    asked = options.pix_fmt is not None and is_planar_name(options.pix_fmt)  # the sink refuses other names
    depth = PlanarFormat.parse(options.pix_fmt or "").bit_depth if asked else PICTURE_DEPTH
    with ExitStack() as stack:
        film = source.film
        if film is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rechroma-"))
            film = stack.enter_context(FilmSource(empty_film(Path(folder) / "empty.mkv", source)))
            film.path, film.decisions = source.path, []
            timing = {"average_rate": source.rate, "time_base": Fraction(source.time_base), "duration_seconds": None}
            film.layout = replace(film.layout, **timing)  # type: ignore[arg-type]
        tags = replace(film.layout.tags, color_range=LIMITED_RANGE)
        pix_fmt = PlanarFormat(depth, (1, 1)).name
        film.layout = replace(
            film.layout, pix_fmt=pix_fmt, bit_depth=depth, subsampling=(1, 1), full_range=False, tags=tags
        )
        yield film


def empty_film(path: Path, source: ThermalSource) -> Path:
    height, width = source.shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=source.rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(width, height, "yuv420p")))
        container.mux(stream.encode(None))
    return path


def film_sink(path: Path, film: FilmSource, options: ThermalOptions) -> FilmSink:
    """Raises ``OutputError`` and ``EncoderError`` for what cannot be written."""
    encode = Encoding(
        codec=options.codec, crf=options.crf, preset=options.preset, pix_fmt=options.pix_fmt,
        threads=options.threads, comment=FILM_NOTE, allow_loss=True,
    )  # fmt: skip
    return FilmSink(path, film, encode)


def film_planes(picture: Shown, film: FilmLayout, sink: FilmSink, *, upsampling: str) -> Planes:
    """A finished picture as codes of Y, Cb and Cr."""
    chroma = chroma_at(picture, sink.chroma_shape, upsampling=upsampling, matrix=film.matrix)
    cb, cr = codes_from_chroma(chroma, bit_depth=sink.bit_depth, full_range=False)
    return luma_codes(picture.luma, film.bit_depth), cb, cr


def luma_codes(luma: FloatArray, bit_depth: int) -> CodeArray:
    """Luma in [0, 1] to limited-range codes."""
    shift = bit_depth - 8
    codes = np.rint(luma * np.float32(219 << shift)) + (16 << shift)
    return np.asarray(codes, np.uint8) if bit_depth == 8 else np.asarray(codes, np.uint16)
