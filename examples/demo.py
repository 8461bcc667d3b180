"""Makes a short gray film and a few gray photos from scikit-image's pictures, and colours them.

    python examples/demo.py FOLDER

The pictures that scikit-image carries are in colour; they are turned gray here, so that the truth is known.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from restore import Colorizer, FilmOptions, PhotoOptions, Run, colorize_photos, colorize_video

Picture = NDArray[np.uint8]

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
FILM_SIZE = (320, 240)  # width, height
FRAMES_A_SHOT = 36
RATE = 24


def gray(rgb: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def slow_zoom(picture: Picture) -> Iterator[Picture]:
    """One shot: the camera moves in on the middle of a photo and a little to the right."""
    height, width = picture.shape
    wide, high = FILM_SIZE
    cover = max(wide / width, high / height)
    for step in range(FRAMES_A_SHOT):
        progress = step / FRAMES_A_SHOT
        scale = cover * (1.05 + 0.35 * progress)
        left = wide / 2 - scale * width * (0.5 + 0.01 * progress)
        top = high / 2 - scale * height * 0.5
        place = np.array([[scale, 0, left], [0, scale, top]])
        yield np.asarray(cv2.warpAffine(picture, place, FILM_SIZE, flags=cv2.INTER_AREA), np.uint8)


def write_film(path: Path) -> None:
    """Three shots with hard cuts, as gray H.264."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE, options={"crf": "16"})
        stream.width, stream.height = FILM_SIZE
        stream.pix_fmt = "gray"
        number = 0
        for name in PHOTOS[:3]:
            for picture in slow_zoom(gray(getattr(data, name)())):
                frame = av.VideoFrame.from_ndarray(picture, format="gray")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                film.mux(stream.encode(frame))
                number += 1
        film.mux(stream.encode(None))


def main(folder: Path) -> None:
    before, after = folder / "before", folder / "after"
    before.mkdir(parents=True, exist_ok=True)
    for name in PHOTOS:
        Image.fromarray(gray(getattr(data, name)())).save(before / f"{name}.jpg", quality=95)
    write_film(before / "film.mp4")

    colorizer = Colorizer()
    stills = [before / f"{name}.jpg" for name in PHOTOS]
    colorize_photos(stills, after, model=colorizer, options=PhotoOptions(run=Run(overwrite=True)))
    options = FilmOptions(compare=True, run=Run(overwrite=True))
    colorize_video(before / "film.mp4", after / "film.mp4", model=colorizer, options=options)
    print(f"gray pictures and film: {before}")
    print(f"in colour:              {after}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
