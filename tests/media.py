"""Small films, pictures and tars that tests write themselves, without any program."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image

HEIGHT, WIDTH = 64, 96  # of shots
QUARTER_TURN = (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)

Codes = np.ndarray[tuple[int, ...], np.dtype[Any]]


def write_film(
    path: Path,
    pictures: Sequence[Codes],
    *,
    codec: str = "ffv1",
    pix_fmt: str = "gray",
    rate: int = 10,
    source_format: str | None = None,
    turned: bool = False,
) -> Path:
    """Writes a film of the pictures, gray and lossless where nothing else is asked for.

    Arrays with three axes are ``rgb24``, others are in the film's own format, where ``source_format`` does not say
    otherwise. A ``turned`` film is to be shown on its side.
    """
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        frames = [
            av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture), format=source_format or ("rgb24" if picture.ndim == 3 else pix_fmt)
            )
            for picture in pictures
        ]
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, pix_fmt
        if turned:
            stream.set_display_matrix(QUARTER_TURN)
        for frame in frames:
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def write_shots(path: Path, shots: Sequence[int], *, step: int = 3) -> Path:
    """Writes gray clouds, lossless: so many frames a shot, each drifting ``step`` pixels a frame."""
    pictures = []
    for seed, frames in enumerate(shots):
        noise = np.random.default_rng(seed).random((HEIGHT, WIDTH + step * frames)).astype(np.float32)
        scene = cv2.GaussianBlur(noise, (0, 0), 2)
        scene = ((scene - scene.min()) * (255 / np.ptp(scene))).astype(np.uint8)
        pictures += [scene[:, step * number : step * number + WIDTH] for number in range(frames)]
    return write_film(path, pictures)


def noise_film(path: Path, frames: int, *, seed: int = 5, height: int = 48, width: int = 64) -> Path:
    """Writes gray noise, lossless: no two frames are alike, so each is a shot of its own or none is."""
    shade = np.random.default_rng(seed).normal(128, 30, (frames, height, width)).clip(0, 255).astype(np.uint8)
    return write_film(path, list(shade))


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), seed: int = 0, **options: object) -> bytes:
    """Returns a gray picture of gentle noise as a file's bytes; ``size`` is height and width."""
    buffer = io.BytesIO()
    shade = np.random.default_rng(seed).normal(128, 15, size).clip(30, 225).astype(np.uint8)
    Image.fromarray(shade).save(buffer, kind, **options)
    return buffer.getvalue()


def shard(path: Path, members: Mapping[str, bytes]) -> None:
    """Writes a plain tar."""
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
