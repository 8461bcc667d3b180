"""What can be chosen of a film's colouring."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from restore.errors import OptionError
from restore.jobs.film_units import UnitLengths
from restore.media.film.filters import RESTORE_PRESETS
from restore.temporal import Strength
from restore.upsample import UPSAMPLE_METHODS

__all__ = ["VideoOptions"]


@dataclass(frozen=True)
class VideoOptions:
    """What a user can choose; the defaults keep everything of the original."""

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    deinterlace: str = "auto"
    filter_chain: str | None = None
    restore_preset: str | None = None
    """Key of :data:`restore.media.film.filters.RESTORE_PRESETS`; not together with ``filter_chain``."""
    start_seconds: float | None = None
    duration_seconds: float | None = None
    compare: bool = False
    temporal: str = "light"
    """off, light or strong."""
    temporal_debug: Path | None = None
    """A film to write beside, of what the temporal pass saw and did."""
    seed: int | None = None
    temperature: float | None = None
    """Of a model that samples; its own defaults where not given."""
    saturation: float = 1.0
    upsampling: str = "guided"
    threads: int | None = None
    overwrite: bool = False
    restart: bool = False
    """Forget what an earlier run finished of this output."""
    units: UnitLengths = field(default_factory=UnitLengths)
    """How much is done before it is kept."""

    def __post_init__(self) -> None:
        strengths = [strength.value for strength in Strength]
        if self.temporal not in strengths:
            raise OptionError(f"unknown temporal strength {self.temporal!r}; use {', '.join(strengths)}")
        if self.temporal_debug is not None and self.temporal == "off":
            raise OptionError("there is no temporal pass to look at; use --temporal-debug with light or strong")
        if self.upsampling not in UPSAMPLE_METHODS:
            raise OptionError(f"unknown upsampling {self.upsampling!r}; use {', '.join(UPSAMPLE_METHODS)}")
        if not 0 <= self.saturation < inf:
            raise OptionError(f"saturation is a factor of 0 or more, not {self.saturation}")

    def chain(self) -> str | None:
        """The filter chain to run before colouring. Raises ``OptionError``."""
        if self.restore_preset is None:
            return self.filter_chain
        if self.filter_chain is not None:
            raise OptionError("give --filter or --restore, not both; a preset can be written out as a chain")
        if self.restore_preset not in RESTORE_PRESETS:
            raise OptionError(f"unknown preset {self.restore_preset!r}; known are {', '.join(RESTORE_PRESETS)}")
        return RESTORE_PRESETS[self.restore_preset]
