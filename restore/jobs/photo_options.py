"""What a user can choose for photos."""

from __future__ import annotations

from dataclasses import dataclass

from restore.errors import OptionError
from restore.paint.sampling import DEFAULT_SEED, DEFAULT_TEMPERATURE, check_temperature
from restore.upsample import UPSAMPLE_METHODS

__all__ = ["MOST_SAMPLES", "PhotoOptions"]

MOST_SAMPLES = 64
"""Of one picture in one run: what a contact sheet can show."""


@dataclass(frozen=True)
class PhotoOptions:
    """What a user can choose; the defaults keep everything of the original."""

    samples: int = 1
    """Colourings of each picture, by a model that samples; more than one also give a contact sheet."""

    seed: int | None = None
    """Of the first colouring; the others have those behind it."""

    temperature: float | None = None
    """Of the draws; below 1 they are likelier and calmer."""

    saturation: float = 1.0
    upsampling: str = "guided"
    threads: int | None = None
    """Pictures decoded and encoded side by side; the number of cores where not given."""

    overwrite: bool = False
    """Do finished pictures again."""

    restart: bool = False
    """Forget what an earlier run of the same batch finished; with ``overwrite`` it is done again."""

    recursive: bool = True
    """Go into the folders inside a folder."""

    @property
    def asks_for_draws(self) -> bool:
        """Whether a model with one answer would not do."""
        return self.samples > 1 or self.seed is not None or self.temperature is not None

    @property
    def seeds(self) -> range:
        """One for each colouring."""
        first = DEFAULT_SEED if self.seed is None else self.seed
        return range(first, first + self.samples)

    @property
    def drawn_at(self) -> float:
        """The temperature, where it is not given, too."""
        return DEFAULT_TEMPERATURE if self.temperature is None else self.temperature

    def check(self) -> None:
        """Raises ``OptionError``."""
        if self.upsampling not in UPSAMPLE_METHODS:
            raise OptionError(f"unknown upsampling {self.upsampling!r}; choose one of {', '.join(UPSAMPLE_METHODS)}")
        if self.threads is not None and self.threads < 1:
            raise OptionError(f"at least one picture has to be worked on at a time, not {self.threads}")
        if not 0 <= self.saturation < float("inf"):
            raise OptionError(f"saturation is a factor of 0 or more, not {self.saturation}")
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise OptionError(
                f"{self.samples} samples; ask for 1 to {MOST_SAMPLES} at a time, and begin at another --seed"
            )
        if not 0 <= self.seeds[0] <= self.seeds[-1] < 1 << 64:
            raise OptionError(f"a seed is a whole number from 0 to 2^64 - 1, not {self.seed}")
        check_temperature(self.drawn_at)
