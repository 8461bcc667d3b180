"""What a user can choose: how it looks, how it is encoded, how it runs, and one small class for each kind of source.

Every value is checked when it is given. All raise ``OptionError``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, is_dataclass
from math import inf
from pathlib import Path
from typing import Any

from restore.errors import OptionError
from restore.media.film.filters import RESTORE_PRESETS
from restore.media.thermal import PALETTES
from restore.paint.sampling import DEFAULT_SEED, check_temperature
from restore.temporal import Strength
from restore.upsample import UPSAMPLE_METHODS

MOST_SAMPLES = 64
"""Of one picture in one run: what a contact sheet can show."""

STRENGTHS = tuple(strength.value for strength in Strength)
DEINTERLACE = ("auto", "on", "off")
LUMAS = ("generated", "thermal", "blend")
POLARITIES = ("auto", "white", "black")
LIGHTS = {"day": 1.0, "night": -1.0}
RANGES = ("percentile", "local")
STILL_FORMATS = ("png", "jpeg")


def check_choice(name: str, value: object, known: tuple[str | None, ...]) -> None:
    if value not in known:
        raise OptionError(f"unknown {name} {value!r}; use {', '.join(item for item in known if item)}")


def check_at_least_one(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise OptionError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Look:
    """What decides the colours."""

    model: str | None = None
    """A shipped model's name, a ``.safetensors`` file, or an ``.onnx`` file with its TOML; None takes the default."""

    working_size: int | None = None
    """Pixels of the short side that the network sees; None takes the model's own."""

    seed: int | None = None
    """Of a model that samples; of several samples the first one's, the others follow."""

    temperature: float | None = None
    """Of a model that samples: below 1 colours are likelier and calmer."""

    samples: int = 1
    """Colourings of each photo, by a model that samples; more than one also give a contact sheet."""

    saturation: float = 1.0
    """Factor on the chroma."""

    temporal: str = "light"
    """How much the colour is held still over time: off, light or strong."""

    upsampling: str = "guided"
    """How small chroma follows the picture's edges: guided or bilinear."""

    def __post_init__(self) -> None:
        check_choice("temporal strength", self.temporal, STRENGTHS)
        check_choice("upsampling", self.upsampling, tuple(UPSAMPLE_METHODS))
        check_at_least_one("working_size", self.working_size)
        if not 0 <= self.saturation < inf:
            raise OptionError(f"saturation is a factor of 0 or more, not {self.saturation}")
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise OptionError(f"{self.samples} samples; ask for 1 to {MOST_SAMPLES} at a time, and use another seed")
        if not 0 <= self.seeds[0] <= self.seeds[-1] < 1 << 64:
            raise OptionError(f"a seed is a whole number from 0 to 2^64 - 1, not {self.seed}")
        if self.temperature is not None:
            check_temperature(self.temperature)

    @property
    def strength(self) -> Strength:
        return Strength(self.temporal)

    @property
    def seeds(self) -> range:
        """One for each colouring."""
        first = DEFAULT_SEED if self.seed is None else self.seed
        return range(first, first + self.samples)


@dataclass(frozen=True)
class Encoding:
    """How films and recordings are encoded; None takes the near-transparent default."""

    codec: str | None = None
    """h264, hevc, av1, ffv1, prores, h264_nvenc, hevc_nvenc or av1_nvenc."""

    crf: float | None = None
    """Constant quality, lower is better; 0 is lossless for h264."""

    preset: str | None = None
    pix_fmt: str | None = None
    """None keeps the source's depth and subsampling."""


@dataclass(frozen=True)
class Run:
    """Where and how the work is done. Of these, only device, engine, precision and threads can change a bit."""

    device: str = "auto"
    engine: str = "auto"
    precision: str = "auto"
    batch: int | None = None
    """Pictures that go through the network at once; None chooses by memory."""

    threads: int | None = None
    """Of network, decoder and encoder; None leaves each its own choice."""

    jobs: int = 1
    """Processes of this machine that share the work."""

    cluster: str | None = None
    """Address of a Dask scheduler whose workers do the work, as ``tcp://host:8786``."""

    overwrite: bool = False
    """Replace results that are there."""

    restart: bool = False
    """Forget what an earlier run finished."""

    def __post_init__(self) -> None:
        check_at_least_one("batch", self.batch)
        check_at_least_one("threads", self.threads)
        check_at_least_one("jobs", self.jobs)
        if self.cluster is not None and self.jobs > 1:
            raise OptionError("a cluster has the workers that were started for it; leave `jobs` out")


@dataclass(frozen=True)
class UnitLengths:
    """Frames in a part of a film: what a dying process loses at most, against a key frame at each border."""

    shortest: int = 240
    """A unit ends at the first cut after so many frames."""

    longest: int = 480
    """A unit ends here where no cut comes."""

    context: int = 24
    """Frames before a unit that the temporal pass sees where no cut is between."""

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest or not 0 <= self.context <= self.longest:
            raise ValueError(f"no such units: {self}")


@dataclass(frozen=True)
class Options:
    """What all kinds of sources share."""

    look: Look = field(default_factory=Look)
    run: Run = field(default_factory=Run)

    def identity(self) -> dict[str, Any]:
        """Returns what changes a bit of a result; who runs it and how is told apart elsewhere."""
        chosen = {key: value for key, value in as_json(self).items() if key != "run"}
        if isinstance(chosen["look"], dict):
            chosen["look"] = {key: value for key, value in chosen["look"].items() if key not in OF_THE_PAINTER}
        return {key: value for key, value in chosen.items() if key not in OF_NO_BIT}


OF_THE_PAINTER = ("model", "working_size")
"""What a painter's own identity says better."""

OF_NO_BIT = ("temporal_debug", "recursive", "still_format")


@dataclass(frozen=True)
class FilmOptions(Options):
    """How films are coloured; the defaults keep everything of the original."""

    encoding: Encoding = field(default_factory=Encoding)
    deinterlace: str = "auto"
    filter_chain: str | None = None
    """An FFmpeg filter chain that runs before colouring; it changes luma."""

    restore_preset: str | None = None
    """Key of :data:`restore.media.film.filters.RESTORE_PRESETS`; not together with ``filter_chain``."""

    start_seconds: float | None = None
    duration_seconds: float | None = None
    compare: bool = False
    """Gray and colour side by side."""

    temporal_debug: Path | None = None
    """A film to write beside, of what the temporal pass saw and did."""

    recursive: bool = True
    """Go into the folders inside a folder."""

    units: UnitLengths = field(default_factory=UnitLengths)

    def __post_init__(self) -> None:
        check_choice("deinterlace", self.deinterlace, DEINTERLACE)
        if self.look.samples > 1:
            raise OptionError("a film has one colouring; use another seed for another one")
        if self.temporal_debug is not None and self.look.temporal == "off":
            raise OptionError("there is no temporal pass to look at; use `temporal_debug` with light or strong")
        if self.temporal_debug is not None and (self.run.jobs > 1 or self.run.cluster is not None):
            raise OptionError("`temporal_debug` looks at one process; leave `jobs` and `cluster` out")
        if self.restore_preset is not None and self.filter_chain is not None:
            raise OptionError("give `filter_chain` or `restore_preset`, not both; a preset can be written as a chain")
        check_choice("preset", self.restore_preset, (None, *RESTORE_PRESETS))

    @property
    def chain(self) -> str | None:
        """The filter chain that runs before colouring."""
        return self.filter_chain if self.restore_preset is None else RESTORE_PRESETS[self.restore_preset]


@dataclass(frozen=True)
class PhotoOptions(Options):
    """How photos are coloured; the defaults keep everything of the original."""

    recursive: bool = True
    """Go into the folders inside a folder."""


@dataclass(frozen=True)
class ThermalOptions(Options):
    """How thermal pictures and recordings are coloured."""

    encoding: Encoding = field(default_factory=Encoding)
    luma: str | None = None
    """generated, thermal or blend (half of each); None is generated where the model makes luma, else thermal."""

    polarity: str = "auto"
    """auto, white or black: which end of the values is hot."""

    light: str = "auto"
    """auto, day or night: what the scene is painted as. Auto guesses, once for a file, so that a recording keeps it."""

    range: str = "percentile"
    """percentile, or local contrast on top of it."""

    palette: str = "auto"
    """Of false colours: auto, gray, or a name in :data:`restore.media.thermal.PALETTES`."""

    keep_raw: bool = False
    """Write the sensor's values, and temperatures where they can be known, beside the picture."""

    still_format: str = "png"
    recursive: bool = True
    """Go into the folders inside a folder."""

    units: UnitLengths = field(default_factory=UnitLengths)

    def __post_init__(self) -> None:
        check_choice("luma", self.luma, (None, *LUMAS))
        check_choice("polarity", self.polarity, POLARITIES)
        check_choice("light", self.light, ("auto", *LIGHTS))
        check_choice("range", self.range, RANGES)
        check_choice("palette", self.palette, ("auto", "gray", *PALETTES))
        check_choice("format", self.still_format, STILL_FORMATS)
        if self.look.samples > 1:
            raise OptionError("a thermal picture has one colouring; use another seed for another one")


def as_json(value: Any) -> Any:
    """Returns anything that a report or journal holds, as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        return as_json(asdict(value))
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
