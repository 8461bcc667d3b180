"""Contact sheets: gray, ours and the truth side by side, worst first, so that nobody sees only the lucky ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.float32]
Page = NDArray[np.uint8]

TILE = (144, 108)  # width and height that each picture is fitted into
COLUMNS = 4
ROWS = 14
LABEL_HEIGHT = 14
GAP = 3
JPEG_SIDE = 640  # pixels, at most
JPEG_QUALITY = 90


def tile(picture: Rgb) -> Page:
    """Fits a picture into ``TILE`` on black."""
    height, width = picture.shape[:2]
    scale = min(TILE[0] / width, TILE[1] / height)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(np.clip(picture, 0, 1), size, interpolation=cv2.INTER_AREA)
    canvas = np.zeros((TILE[1], TILE[0], 3), np.uint8)
    top, left = (TILE[1] - size[1]) // 2, (TILE[0] - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = np.rint(small * 255).astype(np.uint8)
    return canvas


def group(label: str, pictures: Sequence[Rgb]) -> Page:
    """Draws pictures in a row under their label."""
    strip = np.hstack([tile(picture) for picture in pictures])
    head = np.zeros((LABEL_HEIGHT, strip.shape[1], 3), np.uint8)
    white = (255, 255, 255)
    cv2.putText(head, label, (2, LABEL_HEIGHT - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.33, white, 1, cv2.LINE_AA)
    framed = np.vstack([head, strip])
    return np.asarray(cv2.copyMakeBorder(framed, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT), np.uint8)


def contact_sheets(groups: Iterable[tuple[str, Sequence[Rgb]]]) -> Iterator[Page]:
    """Yields pages ``H x W x 3`` (RGB, 8 bit) of labelled groups of RGB pictures in [0, 1], in their order.

    All groups have the same number of pictures; a page has ``ROWS x COLUMNS`` groups, and no more are in memory.
    """
    coming = iter(groups)
    while cells := [group(label, pictures) for label, pictures in islice(coming, ROWS * COLUMNS)]:
        cells += [np.zeros_like(cells[0])] * (-len(cells) % COLUMNS)
        yield np.vstack([np.hstack(cells[row : row + COLUMNS]) for row in range(0, len(cells), COLUMNS)])


def jpeg(picture: Rgb) -> bytes:
    """Encodes RGB ``H x W x 3`` in [0, 1] as a JPEG with full chroma, at most 640 pixels a side."""
    height, width = picture.shape[:2]
    scale = min(1.0, JPEG_SIDE / max(height, width))
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    bgr = np.rint(np.clip(picture[..., ::-1], 0, 1) * 255).astype(np.uint8)
    chroma = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *chroma])
    return bytes(encoded)
