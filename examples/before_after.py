"""Renders the README's picture: gray, ours and truth for scikit-image's own photographs.

python examples/before_after.py [OUTPUT.jpg]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import data

from restore_train.evaluate.photos import open_colouring

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
HEIGHT = 200
GAP = 6
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601


def main(output: Path) -> None:
    colour = open_colouring("pix2pix")
    groups = []
    for name in PHOTOS:
        truth = np.asarray(getattr(data, name)(), np.float32) / np.float32(255)
        width = round(truth.shape[1] * HEIGHT / truth.shape[0])
        luma = np.asarray(truth @ LUMA, np.float32)
        triple = (np.repeat(luma[..., None], 3, axis=2), colour(luma), truth)
        tiles = [cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA) for picture in triple]
        groups.append(np.hstack(tiles))
    widest = max(group.shape[1] for group in groups)
    rows = []
    for group in groups:
        side = (widest - group.shape[1]) // 2
        rows.append(np.pad(group, ((0, GAP), (side, widest - group.shape[1] - side), (0, 0)), constant_values=1))
    Image.fromarray(np.rint(np.vstack(rows)[:-GAP] * 255).astype(np.uint8)).save(output, quality=80, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("before_after.jpg"))
