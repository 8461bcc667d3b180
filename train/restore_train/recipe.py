"""A recipe: one TOML file that says all there is to say about how a model is trained."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from restore_train.losses import CONTENT_LOSSES
from restore_train.thermal_losses import THERMAL_LOSSES

T = TypeVar("T")

LOSSES: Mapping[str, Sequence[str]] = {
    "pix2pix": CONTENT_LOSSES,
    "pixcolor": ("pixelcnn", "post_head", "refinement"),
    "thermal": THERMAL_LOSSES,
    "irtranslate": ("squared_error", "log_likelihood"),
}
"""What a phase may name, by kind of network: :mod:`restore_train.losses`, :mod:`restore_train.pixcolor_training`,
:mod:`restore_train.thermal_losses`."""
GAMES = ("least-squares", "wasserstein")
SOURCES = ("photos", "pairs")


@dataclass(frozen=True)
class Data:
    """Photos to train on; paths are relative to the data folder given at the start."""

    photos: tuple[str, ...]
    """Tar shards and folders; ``*`` in a name stands for as many as there are."""
    wear: float
    """Share of crops with film wear."""
    early_film: float = 0.0
    """Share of crops that look as on early film; see :class:`restore_train.augment.EarlyFilm`."""
    in_memory: bool = True
    """Photos are decoded once and kept; else each is read and decoded when it is drawn: for sets larger than memory."""
    index: str | tuple[str, ...] | None = None
    """Tab-separated ``name``, ``set``."""
    weights: dict[str, float] = field(default_factory=dict)
    """How often a photo of a set is drawn, beside 1."""
    pairs: tuple[str, ...] = ()
    """Tars and folders of registered thermal pairs; see :mod:`restore_train.thermal_pairs`."""
    pair_weights: dict[str, float] = field(default_factory=dict)
    """How often a pair whose name begins so is drawn, beside 1."""
    held_out: tuple[str, ...] = ()
    """Beginnings of names of pairs that are kept from training, to choose by."""


@dataclass(frozen=True)
class Network:
    """Which network, its sizes, and what it starts from."""

    sizes: dict[str, Any]
    """The fields of the network's dataclass of sizes."""
    kind: str = "pix2pix"
    """A key of :data:`LOSSES`."""
    backbone: str | None = None
    """Pretrained encoder; random where absent. See :func:`restore_train.backbones.luma_backbone`."""
    starts_from: str | None = None
    """A shipped model whose parts this one starts from instead, as far as both have them."""
    classifier: str | None = None
    """MobileNetV2 for RGB (safetensors), relative to the data folder, for the loss ``features``; it is not trained."""
    frozen_blocks: int = 0
    """The first blocks of the encoder keep their pretrained weights: general edges, and half the cost of a step."""
    weight_decay: float = 0.01


@dataclass(frozen=True, kw_only=True)
class Adversary:
    """A conditional PatchGAN beside the content losses (Isola 2017, equation 4)."""

    lr: float
    weight: float
    """Of the adversarial loss beside the content losses: 1 / lambda of the paper where these weigh 1."""
    alone_steps: int = 0
    """The discriminator learns alone for this many steps before the generator listens to it."""
    game: str = "least-squares"
    """One of :data:`GAMES`; thermal networks only."""
    feature_matching: float = 0.0
    """Weight of :func:`restore_train.losses.feature_matching_loss`; colour networks only."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stretch of training. A phase starts from the running average of the one before."""

    name: str
    steps: int
    batch: int
    crop: int
    smallest: int
    largest: int
    """Of crops; see :class:`restore_train.photoset.Crops`."""
    lr: float
    pretrained_lr: float
    """Of the parts that do not start from random weights."""
    encoder_lr: float | None = None
    """Of the encoder, where it is another."""
    losses: dict[str, float]
    """Weights by name, out of :data:`LOSSES`."""
    gain: float = 0.0
    """Extra weight of coloured pixels in ``smooth_l1``; see :func:`restore_train.losses.colour_weights`."""
    beta: float = 0.05
    """Where ``smooth_l1`` turns from quadratic to linear, in chroma units."""
    holes: float = 0.0
    """Of ``pixelcnn``; see :func:`restore_train.pixcolor_training.random_holes`."""
    passes: int = 4
    """The post-head learns from grids that are redrawn this many times at most, step by step 1, 2, 3 ... times; see
    :mod:`restore_train.pixcolor_training`."""
    draws_every: int = 0
    """Every so many steps it learns from grids drawn as at work instead; 0 is never."""
    warmup_steps: int = 200
    decay_steps: int = 0
    """The learning rate is constant, then falls linearly to zero over the last ``decay_steps``."""
    source: str = "photos"
    """One of :data:`SOURCES`: what a thermal network learns from; photos are made to look thermal."""
    photo_share: float = 0.0
    """Of a batch of pairs: so many of its examples are photos made to look thermal after all."""
    night: float = 1.0
    """How often a pair of the night is drawn beside one of the day."""
    ema: float = 0.999
    """Decay of the weights' running average, which is what is kept."""
    adversary: Adversary | None = None


def rate_at(step: int, phase: Phase) -> float:
    """Factor on the learning rate: linear warm-up, constant, linear to zero over the last ``decay_steps``."""
    rising = min(1.0, (step + 1) / max(phase.warmup_steps, 1))
    falling = min(1.0, (phase.steps - step) / phase.decay_steps) if phase.decay_steps else 1.0
    return rising * falling


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, beside the machine's rounding."""

    name: str
    seed: int
    data: Data
    network: Network
    phases: tuple[Phase, ...]


def section(kind: type[T], values: dict[str, Any], where: str) -> T:
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(values) - known:
        raise ValueError(f"{where}: unknown keys {sorted(unknown)}; known are {sorted(known)}")
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return kind(**frozen)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def phase_of(values: dict[str, Any], known_losses: Sequence[str], where: str) -> Phase:
    where = f"{where} [phase {values.get('name', '?')}]"
    if unknown := set(values.get("losses", {})) - set(known_losses):
        raise ValueError(f"{where}: unknown losses {sorted(unknown)}; known are {', '.join(known_losses)}")
    if "adversary" in values:
        adversary = section(Adversary, values["adversary"], f"{where} [adversary]")
        known_word(adversary.game, GAMES, f"{where} [adversary] game")
        values = values | {"adversary": adversary}
    phase = section(Phase, values, where)
    known_word(phase.source, SOURCES, f"{where} source")
    return phase


def known_word(word: str, known: Sequence[str], where: str) -> None:
    if word not in known:
        raise ValueError(f"{where} is {word!r}; known are {', '.join(known)}")


def read_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not TOML: {error}") from error
    base = values.pop("extends", None)
    return values if base is None else read_toml(path.parent / base) | values


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe. Raises ``ValueError`` that names the section and the key at fault.

    ``extends = "other.toml"`` takes from a recipe beside it what this one does not say, whole sections at a time.
    """
    values = read_toml(path)
    for name, part in (("data", Data), ("network", Network)):
        if name in values:
            values[name] = section(part, values[name], f"{path.name} [{name}]")
    kind = values["network"].kind if "network" in values else Network.kind
    if kind not in LOSSES:
        raise ValueError(f"{path.name} [network]: unknown kind {kind!r}; known are {', '.join(LOSSES)}")
    values["phases"] = [phase_of(phase, LOSSES[kind], path.name) for phase in values.pop("phase", [])]
    recipe = section(Recipe, values, path.name)
    names = [phase.name for phase in recipe.phases]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{path.name}: phases need names of their own, and there must be one at least: {names}")
    return recipe
