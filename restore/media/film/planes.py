"""Planes of a frame as numpy arrays, without copying, whatever the padding of their lines."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from restore.colour import CodeArray
from restore.media.film.pixel_formats import PlanarFormat

__all__ = ["fill_plane", "plane_view"]

LUMA, CB, CR = 0, 1, 2


def plane_view(frame: av.VideoFrame, index: int) -> CodeArray:
    """Plane 0 (Y), 1 (Cb) or 2 (Cr) of a planar frame, ``rows x columns`` uint8 or little-endian uint16.

    A view of the frame's own memory: writing to it changes the frame (call ``make_writable`` first).
    """
    layout = PlanarFormat.parse(frame.format.name)
    plane = frame.planes[index]
    rows, columns = (frame.height, frame.width) if index == LUMA else layout.chroma_size(frame.width, frame.height)
    if plane.line_size <= 0:
        raise ValueError(f"the plane's lines run upwards: {plane.line_size = }")
    dtype = np.dtype("u1") if layout.bit_depth == 8 else np.dtype("<u2")
    lines: NDArray[Any] = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return lines[:rows, :columns]


def fill_plane(frame: av.VideoFrame, index: int, codes: CodeArray) -> None:
    """Overwrites a plane with codes of its exact shape. Raises ``ValueError`` for another shape or a wider type."""
    view = plane_view(frame, index)
    if codes.shape != view.shape:
        raise ValueError(f"plane {index} has shape {view.shape}, not {codes.shape}")
    np.copyto(view, codes, casting="safe")
