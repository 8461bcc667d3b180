"""Small films for tests of jobs, and processes to kill."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

__all__ = ["child_processes", "write_shots"]

HEIGHT, WIDTH = 64, 96


def write_shots(path: Path, shots: Sequence[int], *, step: int = 3) -> Path:
    """Gray clouds, lossless: so many frames a shot, each drifting ``step`` pixels a frame."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for seed, frames in enumerate(shots):
            noise = np.random.default_rng(seed).random((HEIGHT, WIDTH + step * frames)).astype(np.float32)
            scene = cv2.GaussianBlur(noise, (0, 0), 2)
            scene = ((scene - scene.min()) * (255 / np.ptp(scene))).astype(np.uint8)
            for number in range(frames):
                picture = np.ascontiguousarray(scene[:, step * number : step * number + WIDTH])
                out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        out.mux(stream.encode(None))
    return path


def child_processes(parent: int, command: str) -> set[int]:
    """Running children whose command line holds ``command``; on Linux."""
    children: set[int] = set()
    for task in Path(f"/proc/{parent}/task").iterdir():
        for child in (task / "children").read_text().split():
            if command in Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace"):
                children.add(int(child))
    return children
