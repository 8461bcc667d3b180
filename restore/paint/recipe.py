"""Opens painters, and what another process needs to open the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from restore.errors import ModelError
from restore.paint.key_frames import KeyFramePainter
from restore.paint.network import Colorizer
from restore.paint.painter import Painter
from restore.paint.sampling import DEFAULT_SEED, DEFAULT_TEMPERATURE, SamplingPainter, samples
from restore.paint.thermal import ThermalPainter, open_thermal_painter
from restore_models import DEFAULT_MODEL, ColourCurve

Kind = Literal["film", "photos", "thermal"]
Model = Colorizer | ThermalPainter


@dataclass(frozen=True)
class PainterRecipe:
    """Plain data; opened where the program is the same, it gives the same bits for the same pictures."""

    kind: Kind
    model: str
    """A name, or a file's path from the root, which all machines of a cluster see."""

    weights_sha256: str
    engine: str
    device: str
    precision: str
    batch: int
    working_size: int | None
    """None for a model that takes pictures of one size only."""

    curve: ColourCurve
    seeds: tuple[int, ...] | None
    temperature: float | None
    light: float | None
    threads: int | None = None
    """Of CPU engines; PyTorch's own count where not given."""

    def open(self, *, device: str | None = None) -> Painter:
        """Opens the painter, on another ``device`` where it is given.

        Raises ``ModelError`` where the weights are others here.
        """
        model = open_model(
            self.kind,
            self.model,
            engine=self.engine,
            device=device or self.device,
            precision=self.precision,
            batch=self.batch,
            threads=self.threads,
            working_size=self.working_size,
        )
        if model.weights_sha256 != self.weights_sha256:
            raise ModelError(f"{self.model} is another model on this machine; install the same, or share its file")
        model.curve = self.curve
        if self.light is not None and isinstance(model, ThermalPainter):
            model = model.in_light(self.light)
        return painter_for(self.kind, model, seeds=self.seeds, temperature=self.temperature)


def open_model(kind: Kind, model: str | None, **options: Any) -> Model:
    """Opens a model for a kind of source; None takes that kind's default.

    ``options`` are those of :class:`restore.Colorizer`. A photo goes through the network alone unless ``batch`` says
    otherwise: photos have many sizes, and a batch is always full. Raises ``ModelError``, ``DeviceError`` and
    ``OptionError``.
    """
    if kind == "thermal":
        return open_thermal_painter(model, **options)
    if kind == "photos" and options.get("batch") is None:
        options["batch"] = 1
    return Colorizer(model or DEFAULT_MODEL, **options)


def painter_for(
    kind: Kind, model: Model, *, seeds: Sequence[int] | None = None, temperature: float | None = None
) -> Painter:
    """Returns what colours a kind of source by a model: one that samples draws key frames of films, seeds of photos.

    Raises ``ModelError`` where ``seeds`` or a ``temperature`` are given to a model that does not sample.
    """
    if isinstance(model, ThermalPainter):
        return model
    if not samples(model) and seeds is None and temperature is None:
        return model
    temperature = DEFAULT_TEMPERATURE if temperature is None else temperature
    if kind == "photos":
        return SamplingPainter(model, seeds=(DEFAULT_SEED,) if seeds is None else seeds, temperature=temperature)
    return KeyFramePainter(model, seed=DEFAULT_SEED if seeds is None else seeds[0], temperature=temperature)


def recipe_of(kind: Kind, painter: Painter) -> PainterRecipe:
    """Describes a painter by what it has become: ``auto`` may mean something else on another machine."""
    model: Any = getattr(painter, "colorizer", painter)
    path = Path(model.model)
    seeds = getattr(painter, "seeds", (painter.seed,) if isinstance(painter, KeyFramePainter) else None)
    return PainterRecipe(
        kind=kind,
        model=str(path.absolute()) if path.suffix and path.exists() else model.model,
        weights_sha256=model.weights_sha256,
        engine=model.engine.name,
        device=model.device.type,
        precision=model.precision,
        batch=model.batch,
        working_size=None if getattr(model, "only_size", None) else model.working_size,
        curve=model.curve,
        seeds=None if seeds is None else tuple(seeds),
        temperature=getattr(painter, "temperature", None),
        light=getattr(model, "light", None),
    )
