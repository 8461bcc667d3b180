"""Rechroma: colour for old film and photos, with nothing of the original lost.

>>> from restore import Colorizer, colorize_photos, colorize_video
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restore.errors import RechromaError
    from restore.jobs.films import VideoOptions, VideoReport, colorize_video
    from restore.jobs.photos import PhotoOptions, PhotosReport, colorize_photos
    from restore.jobs.thermal import ThermalOptions, ThermalReport, colorize_thermal
    from restore.paint.network import Colorizer
    from restore.verify.film import verify_video

__all__ = [
    "Colorizer",
    "PhotoOptions",
    "PhotosReport",
    "RechromaError",
    "ThermalOptions",
    "ThermalReport",
    "VideoOptions",
    "VideoReport",
    "colorize_photos",
    "colorize_thermal",
    "colorize_video",
    "verify_video",
]

HOMES = {
    "Colorizer": "restore.paint.network",
    "PhotoOptions": "restore.jobs.photos",
    "PhotosReport": "restore.jobs.photos",
    "RechromaError": "restore.errors",
    "ThermalOptions": "restore.jobs.thermal",
    "ThermalReport": "restore.jobs.thermal",
    "VideoOptions": "restore.jobs.films",
    "VideoReport": "restore.jobs.films",
    "colorize_photos": "restore.jobs.photos",
    "colorize_thermal": "restore.jobs.thermal",
    "colorize_video": "restore.jobs.films",
    "verify_video": "restore.verify.film",
}


def __getattr__(name: str) -> Any:
    """Loads a public name at its first use, so that ``rechroma --help`` does not wait for torch (PEP 562)."""
    if name not in HOMES:
        raise AttributeError(f"module 'restore' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)
