"""A recipe: one TOML file that says all there is to say about how a model is trained."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["Adversarial", "Data", "Network", "Phase", "Recipe", "Regression", "load_recipe"]

T = TypeVar("T")

OBJECTIVES = ("smooth_l1", "log_mse")


@dataclass(frozen=True)
class Data:
    """Photos to train on; paths are relative to the data folder given at the start."""

    photos: tuple[str, ...]
    """Tar shards and folders."""
    wear: float
    """Share of crops with film wear."""
    index: str | None = None
    """Tab-separated ``name``, ``set``."""
    weights: dict[str, float] = field(default_factory=dict)
    """How often a photo of a set is drawn, beside 1."""


@dataclass(frozen=True)
class Network:
    """Sizes of the generator and what it starts from."""

    decoder_channels: tuple[int, int, int, int]
    backbone: str | None = None
    """Pretrained encoder (safetensors), relative to the data folder; random where absent."""
    frozen_blocks: int = 0
    """The first blocks of the encoder keep their pretrained weights: general edges, and half the cost of a step."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What every phase of a training run says."""

    steps: int
    batch: int
    crop: int
    smallest: int
    largest: int
    """Of crops; see :class:`restore_train.photoset.Crops`."""
    lr: float
    encoder_lr: float
    objective: str = "smooth_l1"
    """The content loss; ``log_mse`` takes neither ``gain`` nor ``beta``. See :mod:`restore_train.losses`."""
    gain: float = 0.0
    """Extra weight of coloured pixels; see :func:`restore_train.losses.colour_weights`."""
    beta: float = 0.05
    """Where smooth L1 turns from quadratic to linear, in chroma units."""
    warmup_steps: int = 200
    decay_steps: int = 0
    """The learning rate is constant, then falls linearly to zero over the last ``decay_steps``."""
    ema: float = 0.999
    """Decay of the weights' running average, which is what is kept."""


@dataclass(frozen=True, kw_only=True)
class Regression(Phase):
    """Plain supervised training: the L1 phase of Pix2Pix. It may come several times, on other crops and objectives."""

    colourfulness: float = 0.0
    """Weight of the pictures' colourfulness, which is rewarded."""


@dataclass(frozen=True, kw_only=True)
class Adversarial(Phase):
    """The short conditional GAN phase on top of the same content loss."""

    discriminator_lr: float
    content_weight: float
    """Lambda of Isola 2017, equation 4: weight of the content loss beside the adversarial one."""
    discriminator_steps: int
    """The discriminator learns alone for this many steps before the generator listens to it."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, beside the machine's rounding."""

    name: str
    seed: int
    data: Data
    network: Network
    regression: Regression
    refinement: Regression | None = None
    tuning: Regression | None = None
    adversarial: Adversarial | None = None
    finishing: Regression | None = None

    def phases(self) -> dict[str, Phase]:
        """The phases in their order, by name."""
        named: dict[str, Phase | None] = {
            "regression": self.regression,
            "refinement": self.refinement,
            "tuning": self.tuning,
            "adversarial": self.adversarial,
            "finishing": self.finishing,
        }
        return {name: phase for name, phase in named.items() if phase is not None}


def section(kind: type[T], values: dict[str, Any], where: str) -> T:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(values) - known:
        raise ValueError(f"{where}: unknown keys {sorted(unknown)}; known are {sorted(known)}")
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    if frozen.get("objective", OBJECTIVES[0]) not in OBJECTIVES:
        raise ValueError(f"{where}: unknown objective {frozen['objective']!r}; known are {', '.join(OBJECTIVES)}")
    try:
        return kind(**frozen)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe. Raises ``ValueError`` that names the section and the key at fault."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not TOML: {error}") from error
    parts: dict[str, type[Any]] = {
        "data": Data,
        "network": Network,
        "regression": Regression,
        "refinement": Regression,
        "tuning": Regression,
        "adversarial": Adversarial,
        "finishing": Regression,
    }
    for name, kind in parts.items():
        if name in values:
            values[name] = section(kind, values[name], f"{path.name} [{name}]")
    return section(Recipe, values, path.name)
