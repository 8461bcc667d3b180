"""What another process needs to open the same colorizer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from restore.errors import ModelError
from restore.jobs.worker_process import device_of_worker
from restore_models import ColourCurve

if TYPE_CHECKING:
    from restore.paint.network import Colorizer

__all__ = ["ColorizerRecipe", "recipe_of"]


@dataclass(frozen=True)
class ColorizerRecipe:
    """Plain data; opened where the program is the same, the same pictures come out to the bit."""

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
    threads: int | None = None
    """Of CPU engines; PyTorch's own count where not given."""

    def with_threads(self, threads: int | None) -> ColorizerRecipe:
        """For a worker, which has its share of the cores."""
        return replace(self, threads=threads)

    def open(self) -> Colorizer:
        """On the device of this worker. Raises ``ModelError`` where the weights are others here."""
        from restore.paint.network import Colorizer

        opened = Colorizer(
            self.model,
            engine=self.engine,
            device=device_of_worker(self.device),
            precision=self.precision,
            batch=self.batch,
            threads=self.threads,
            working_size=self.working_size,
            curve=self.curve,
        )
        if opened.weights_sha256 != self.weights_sha256:
            raise ModelError(f"{self.model} is another model on this machine; install the same, or share its file")
        return opened


def recipe_of(colorizer: Colorizer) -> ColorizerRecipe:
    """By what it has become: ``auto`` may mean something else on another machine."""
    model = Path(colorizer.model)
    return ColorizerRecipe(
        model=str(model.absolute()) if model.suffix and model.exists() else colorizer.model,
        weights_sha256=colorizer.weights_sha256,
        engine=colorizer.engine.name,
        device=colorizer.device.type,
        precision=colorizer.precision,
        batch=colorizer.largest_batch,
        working_size=None if colorizer.only_size else colorizer.working_size,
        curve=colorizer.curve,
    )
