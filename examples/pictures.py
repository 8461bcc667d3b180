"""Renders the pictures of README and docs, all but the first: a film, photos, several colourings, a thermal scene.

python examples/pictures.py [FOLDER]

Film and photos come from pictures that scikit-image carries, the thermal scene is made here out of numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from examples.demo import gray, write_film
from restore import Look, PhotoOptions, ThermalOptions, colorize_photos, colorize_thermal, colorize_video

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]

GAP = 6
FILM_FRAMES = (4, 30, 40, 66, 76, 102)  # two of each shot
HEIGHT, WIDTH = 384, 512  # of the thermal sensor


def row(pictures: list[Picture], height: int) -> Picture:
    """Puts pictures beside each other at one height, with white between them."""
    tiles = []
    for picture in pictures:
        width = round(picture.shape[1] * height / picture.shape[0])
        tile = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        tiles.append(np.pad(tile, ((0, 0), (0, GAP), (0, 0)), constant_values=255))
    return np.asarray(np.hstack(tiles)[:, :-GAP], np.uint8)


def save(path: Path, rows: list[Picture]) -> None:
    """Writes rows under each other as a JPEG."""
    widest = max(each.shape[1] for each in rows)
    padded = []
    for each in rows:
        side = (widest - each.shape[1]) // 2
        padded.append(np.pad(each, ((0, GAP), (side, widest - each.shape[1] - side), (0, 0)), constant_values=255))
    Image.fromarray(np.vstack(padded)[:-GAP]).save(path, quality=85, optimize=True)
    print(f"{path}: {path.stat().st_size // 1000} kB")


def read(path: Path) -> Picture:
    return np.asarray(Image.open(path).convert("RGB"), np.uint8)


def frames_of(path: Path) -> list[Picture]:
    with av.open(str(path)) as film:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in film.decode(video=0)]


def film_picture(work: Path, folder: Path) -> None:
    """Frames of a film of three shots, and the same frames in colour."""
    write_film(work / "film.mp4")
    colorize_video(work / "film.mp4", work / "film.colour.mp4")
    before, after = frames_of(work / "film.mp4"), frames_of(work / "film.colour.mp4")
    save(folder / "film.jpg", [row([film[number] for number in FILM_FRAMES], 110) for film in (before, after)])


def photos_picture(work: Path, folder: Path) -> None:
    """A photograph that was gray from the beginning."""
    Image.fromarray(data.camera()).save(work / "camera.png")
    colorize_photos([work / "camera.png"], work / "colour")
    save(folder / "photos.jpg", [row([read(work / "camera.png"), read(work / "colour" / "camera.png")], 320)])


def samples_picture(work: Path, folder: Path) -> None:
    """The contact sheet of four seeded colourings."""
    Image.fromarray(gray(data.coffee())).save(work / "coffee.jpg", quality=95)
    options = PhotoOptions(look=Look(model="pixcolor", samples=4, seed=7))
    colorize_photos([work / "coffee.jpg"], work / "samples", options=options)
    save(folder / "samples.jpg", [row([read(work / "samples" / "coffee.seeds-7-10.jpg")], 440)])


def clouds(rng: np.random.Generator, octaves: dict[int, float]) -> Plane:
    """Random values around 0 that change over so many pixels, by so much."""
    total = np.zeros((HEIGHT, WIDTH), np.float32)
    for size, gain in octaves.items():
        coarse = rng.normal(0, gain, (HEIGHT // size, WIDTH // size)).astype(np.float32)
        total += cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return total


def fill(scene: Plane, corners: list[tuple[int, int]], kelvin: float | Plane) -> None:
    """Gives a polygon a temperature."""
    inside = np.zeros(scene.shape, np.uint8)
    cv2.fillPoly(inside, [np.array(corners, np.int32)], 1)
    scene[:] = np.where(inside == 1, kelvin, scene)


def plant(scene: Plane, centre: tuple[int, int], radii: tuple[int, int], leaves: Plane) -> None:
    """Puts a tree's crown there."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    distance = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1]) + 0.22 * leaves
    share = np.clip(12 * (1 - distance), 0, 1)
    scene[:] = scene * (1 - share) + (280.5 + 1.2 * leaves) * share


def park(scene: Plane, x: int, y: int, scale: float) -> None:
    """Puts a car there, seen from behind: cool glass, warm tyres, a hot exhaust."""

    def at(*points: tuple[int, int]) -> list[tuple[int, int]]:
        return [(int(x + scale * right), int(y + scale * down)) for right, down in points]

    fill(scene, at((-34, 0), (-26, -26), (26, -26), (34, 0), (38, 30), (-38, 30)), 286)
    fill(scene, at((-27, -2), (-21, -22), (21, -22), (27, -2)), 276)
    for left in (-36, 22):
        fill(scene, at((left, 24), (left + 14, 24), (left + 14, 38), (left, 38)), 297)
    fill(scene, at((-20, 30), (20, 30), (20, 36), (-20, 36)), 303)


def stand(scene: Plane, x: int, y: int, scale: float) -> None:
    """Puts a person there."""

    def at(right: int, down: int) -> tuple[int, int]:
        return int(x + scale * right), int(y + scale * down)

    cv2.circle(scene, at(0, -58), int(8 * scale), 307.0, -1)
    cv2.ellipse(scene, at(0, -24), (int(12 * scale), int(28 * scale)), 0, 0, 360, 300.0, -1)
    for side in (-1, 1):
        cv2.line(scene, at(4 * side, 0), at(9 * side, 48), 298.0, int(9 * scale))


def street() -> Plane:
    """A street as a thermal camera sees it, in kelvin: cold sky, warm walls and road, hot people and cars."""
    rng = np.random.default_rng(5)
    y = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)[0]
    scene = np.asarray(255 + 14 * (y / 190) ** 1.5 + clouds(rng, {90: 1.2, 45: 0.6}), np.float32)
    leaves = clouds(rng, {32: 0.8, 14: 0.8, 7: 0.6, 3: 0.4})
    plant(scene, (120, 178), (200, 34), leaves)
    plant(scene, (400, 172), (170, 50), leaves)
    fill(scene, [(0, 40), (130, 96), (130, 214), (0, 236)], 286 + 0.4 * leaves)
    for column in range(4):
        for line in range(3):
            x, top = 14 + 29 * column, 70 + 11 * column + (40 - 3 * column) * line
            warmth = 290 if (column + line) % 3 else 281
            fill(scene, [(x, top), (x + 13, top), (x + 13, top + 20), (x, top + 20)], warmth)
    below = (y - 214) / 170
    fill(scene, [(0, 214), (511, 214), (511, 383), (0, 383)], 285 + 2 * below + clouds(rng, {20: 0.5, 6: 0.3}))
    fill(scene, [(60, 383), (242, 214), (290, 214), (511, 383)], 290 + 1.5 * below + 0.3 * leaves)
    fill(scene, [(0, 383), (0, 330), (225, 214), (242, 214), (60, 383)], 288 + 0.2 * leaves)
    fill(scene, [(440, 120), (456, 120), (456, 262), (440, 262)], 283)
    plant(scene, (452, 96), (96, 92), leaves)
    park(scene, 300, 262, 1)
    park(scene, 262, 222, 0.38)
    for place in ((110, 282, 1.05), (168, 258, 0.75), (420, 290, 1.1)):
        stand(scene, *place)
    fill(scene, [(196, 70), (200, 70), (200, 230), (196, 230)], 282)
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), 1.1) + rng.normal(0, 0.06, scene.shape), np.float32)


def thermal_picture(work: Path, folder: Path) -> None:
    """Heat as it is, painted as by day and as by night, and half heat, half day."""
    tifffile.imwrite(work / "street.tiff", np.rint(street() * 100).astype(np.uint16))  # as sensors do: kelvin / 100
    looks = {
        "heat": ThermalOptions(luma="thermal", look=Look(saturation=0)),
        "day": ThermalOptions(light="day"),
        "night": ThermalOptions(light="night"),
        "blend": ThermalOptions(light="day", luma="blend"),
    }
    pictures = []
    for name, options in looks.items():
        colorize_thermal([work / "street.tiff"], work / f"{name}.png", options=options)
        pictures.append(read(work / f"{name}.png"))
    save(folder / "thermal.jpg", [row(pictures, 190)])


def main(folder: Path) -> None:
    with TemporaryDirectory() as work:
        for number, render in enumerate((thermal_picture, film_picture, photos_picture, samples_picture)):
            place = Path(work) / str(number)
            place.mkdir()
            render(place, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
