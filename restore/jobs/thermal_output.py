"""What is written of a thermal file: the picture or film, and beside it the sensor's values and temperatures."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from restore.colour import CodeArray, FloatArray, Matrix, codes_from_chroma, rgb_from_luma_chroma
from restore.jobs.thermal_stages import Shown, ThermalOptions, chroma_at
from restore.media.files import write_beside
from restore.media.film.codecs import Encoding
from restore.media.film.colour_tags import LIMITED_RANGE, ColourTags, complete_tags
from restore.media.film.containers import CopiedStreams
from restore.media.film.frames import FilmLayout
from restore.media.film.pixel_formats import PlanarFormat, is_planar_name
from restore.media.film.sink import FilmSink
from restore.media.photo.metadata import mark_machine_made
from restore.media.thermal import ThermalFrame, ThermalSource

__all__ = ["Planes", "RawWriter", "film_planes", "film_sink", "raw_paths", "write_still"]

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


def film_layout(source: ThermalSource, options: ThermalOptions) -> FilmLayout:
    """Returns the layout of a recording's film: of a rendered picture, not of the sensor's values."""
    asked = options.pix_fmt is not None and is_planar_name(options.pix_fmt)  # the sink refuses other names
    depth = PlanarFormat.parse(options.pix_fmt or "").bit_depth if asked else PICTURE_DEPTH
    pix_fmt = PlanarFormat(depth, (1, 1)).name
    if source.film is not None:
        layout = source.film.layout
        return replace(layout, pix_fmt=pix_fmt, tags=replace(layout.tags, color_range=LIMITED_RANGE))
    height, width = source.shape
    tags, _ = complete_tags(ColourTags(color_range=LIMITED_RANGE), width=width, height=height, pix_fmt=pix_fmt)
    return FilmLayout(width, height, pix_fmt, source.rate, Fraction(source.time_base), tags)


def film_sink(path: Path, source: ThermalSource, options: ThermalOptions) -> FilmSink:
    """Returns what writes a recording, with the sound and tags of one that FFmpeg reads.

    Raises ``OutputError`` and ``EncoderError`` for what cannot be written.
    """
    copied = source.film.copied if source.film is not None else CopiedStreams(source.path)
    encode = Encoding(
        codec=options.codec, crf=options.crf, preset=options.preset, pix_fmt=options.pix_fmt,
        threads=options.threads, comment=FILM_NOTE, allow_loss=True,
    )  # fmt: skip
    return FilmSink(path, film_layout(source, options), copied, encode)


def film_planes(picture: Shown, sink: FilmSink, *, upsampling: str) -> Planes:
    """A finished picture as codes of Y, Cb and Cr."""
    chroma = chroma_at(picture, sink.chroma_shape, upsampling=upsampling, matrix=sink.layout.matrix)
    cb, cr = codes_from_chroma(chroma, bit_depth=sink.bit_depth, full_range=False)
    return luma_codes(picture.luma, sink.layout.bit_depth), cb, cr


def luma_codes(luma: FloatArray, bit_depth: int) -> CodeArray:
    """Luma in [0, 1] to limited-range codes."""
    shift = bit_depth - 8
    codes = np.rint(luma * np.float32(219 << shift)) + (16 << shift)
    return np.asarray(codes, np.uint8) if bit_depth == 8 else np.asarray(codes, np.uint16)
