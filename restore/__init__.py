"""Rechroma: colour for old film, photos and thermal recordings, with nothing of the original lost.

>>> from restore import FilmOptions, Look, colorize_video
>>> colorize_video("old.mp4", options=FilmOptions(look=Look(saturation=1.2)))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restore.errors import RechromaError
    from restore.jobs.films import colorize_films, colorize_video
    from restore.jobs.photos import colorize_photos
    from restore.jobs.report import Report
    from restore.jobs.thermal import colorize_thermal
    from restore.options import Encoding, FilmOptions, Look, PhotoOptions, Run, ThermalOptions
    from restore.paint.network import Colorizer
    from restore.verify import verify_any
    from restore.verify.verification import Verification

__all__ = [
    "Colorizer",
    "Encoding",
    "FilmOptions",
    "Look",
    "PhotoOptions",
    "RechromaError",
    "Report",
    "Run",
    "ThermalOptions",
    "Verification",
    "colorize_films",
    "colorize_photos",
    "colorize_thermal",
    "colorize_video",
    "verify_any",
]

HOMES = {
    "restore.errors": ("RechromaError",),
    "restore.jobs.films": ("colorize_films", "colorize_video"),
    "restore.jobs.photos": ("colorize_photos",),
    "restore.jobs.report": ("Report",),
    "restore.jobs.thermal": ("colorize_thermal",),
    "restore.options": ("Encoding", "FilmOptions", "Look", "PhotoOptions", "Run", "ThermalOptions"),
    "restore.paint.network": ("Colorizer",),
    "restore.verify": ("verify_any",),
    "restore.verify.verification": ("Verification",),
}


def __getattr__(name: str) -> Any:
    """Loads a public name at its first use, so that ``rechroma --help`` does not wait for torch (PEP 562)."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'restore' has no attribute {name!r}")
