"""What is written of a thermal picture: the coloured still, and TIFFs of the sensor's values and temperatures."""

from __future__ import annotations

import io
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from restore.colour import FloatArray, rgb_from_luma_chroma
from restore.media.files import write_beside
from restore.media.photo.metadata import mark_machine_made
from restore.media.thermal.source import ThermalFrame, ThermalSource

JPEG_QUALITY = 95
XMP_KEY = "XML:com.adobe.xmp"
LARGE = 1 << 27
"""Bytes of a recording from which its TIFFs are BigTIFF: a CSQ grows tenfold as temperatures, and TIFF ends at 4 GB."""


def encode_still(suffix: str, luma: FloatArray, chroma: FloatArray) -> bytes:
    """Encodes luma ``H x W`` and chroma ``2 x H x W`` in gamut as an 8-bit RGB PNG or JPEG, by a name's ending.

    The file says that it is machine-made.
    """
    rgb = np.rint(rgb_from_luma_chroma(luma, chroma) * 255).astype(np.uint8)
    mark, _ = mark_machine_made(None)
    content = io.BytesIO()
    if suffix.lower() == ".png":
        notes = PngInfo()
        notes.add_itxt(XMP_KEY, mark.decode("utf-8"))
        Image.fromarray(rgb).save(content, "PNG", pnginfo=notes)
    else:
        Image.fromarray(rgb).save(content, "JPEG", quality=JPEG_QUALITY, subsampling=0, xmp=mark)
    return content.getvalue()


def raw_paths(result: Path) -> dict[str, Path]:
    """Returns by kind the TIFFs that may be written beside a result."""
    return {kind: result.with_name(f"{result.stem}.{kind}.tiff") for kind in ("raw", "celsius")}


class RawWriter:
    """Writes TIFFs beside a result, a page a frame: ``NAME.raw.tiff`` as recorded, ``NAME.celsius.tiff`` as float32.

    A temperature that the constants do not give is NaN. The files get their names when the block ends well, and are
    removed when it ends early. Raises ``OutputError`` and ``DiskError``.
    """

    def __init__(self, result: Path, source: ThermalSource, *, has_temperatures: bool) -> None:
        self.paths = raw_paths(result)
        if not has_temperatures:
            del self.paths["celsius"]
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
        """Adds a page to each file."""
        self.add_page("raw", np.ascontiguousarray(frame.raw), "values of the sensor as recorded")
        if "celsius" in self.files:
            shape = frame.raw.shape
            celsius = frame.radiometry.celsius(frame.raw) if frame.radiometry else np.full(shape, np.nan, np.float32)
            self.add_page("celsius", celsius, "degrees Celsius, by the constants in the file")

    def add_page(self, kind: str, values: NDArray[Any], description: str) -> None:
        # Each page its own series: the number of frames need not be known, and memory stays that of one frame.
        self.files[kind].write(
            values, photometric="minisblack", compression="zlib", predictor=True, description=description,
            metadata=None, contiguous=False,
        )  # fmt: skip

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.__exit__(kind, error, trace)
