"""One contact sheet a picture: the gray original and every colouring, each with its seed; the likeliest is marked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore.colour import FloatArray, rgb_from_luma_chroma
from restore.media.photo.metadata import mark_machine_made
from restore.upsample import upsample_chroma

LARGEST_TILE, SMALLEST_TILE = 400, 80
"""Pixels on a picture's longer side."""

SHEET_SIDE = 1600
"""Pixels that a row of tiles may take, while they are not too small for it."""

GAP, LABEL = 6, 22
"""Pixels between tiles, and of the line under one."""

FONT, FONT_SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
PAPER, INK, MARK = 24, (230, 230, 230), (255, 200, 60)
QUALITY = 92

Picture = NDArray[np.uint8]


def contact_sheet(luma: FloatArray, colourings: Sequence[tuple[str, FloatArray]], likeliest: int) -> bytes:
    """Encodes the upright luma ``H x W`` in [0, 1], and every (label, small chroma ``2 x h x w``) beside it.

    At most some 1600 pixels wide, unless there are very many; ``likeliest`` is an index.
    """
    columns = ceil(sqrt(len(colourings) + 1))
    side = min(max(SHEET_SIDE // columns - 2 * GAP, SMALLEST_TILE), LARGEST_TILE)
    scale = min(1.0, side / max(luma.shape))
    size = max(round(luma.shape[1] * scale), 1), max(round(luma.shape[0] * scale), 1)
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.float32)
    labels = ["gray", *(label for label, _ in colourings)]
    labels[likeliest + 1] += ", likeliest"
    chromas = [np.zeros((2, 1, 1), np.float32), *(chroma for _, chroma in colourings)]
    width = max(size[0], *map(text_width, labels)) + 2 * GAP
    tiles = [
        tile(rgb_from_luma_chroma(small, upsample_chroma(chroma, small)), label, width, marked=index == likeliest + 1)
        for index, (label, chroma) in enumerate(zip(labels, chromas, strict=True))
    ]
    tiles += [np.full_like(tiles[0], PAPER)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    return jpeg(np.vstack(rows))


def tile(picture: FloatArray, label: str, width: int, *, marked: bool) -> Picture:
    """Returns RGB ``h x w x 3`` in [0, 1] above its label, on paper so many pixels wide."""
    height = picture.shape[0]
    paper = np.full((height + GAP + LABEL, width, 3), PAPER, np.uint8)
    left, right = GAP, GAP + picture.shape[1]
    paper[GAP : GAP + height, left:right] = np.rint(picture * 255).astype(np.uint8)
    if marked:
        cv2.rectangle(paper, (left - 2, GAP - 2), (right + 1, GAP + height + 1), MARK, 2)
    place = left, GAP + height + LABEL - 7
    cv2.putText(paper, label, place, FONT, FONT_SIZE, MARK if marked else INK, 1, cv2.LINE_AA)
    return paper


def text_width(label: str) -> int:
    """Returns the pixels that a label takes."""
    return int(cv2.getTextSize(label, FONT, FONT_SIZE, 1)[0][0])


def jpeg(sheet: Picture) -> bytes:
    """Encodes the sheet, marked as machine-made, as every result is."""
    options: dict[str, Any] = {"quality": QUALITY, "subsampling": "4:4:4", "xmp": mark_machine_made(None)[0]}
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "JPEG", **options)
    return buffer.getvalue()
