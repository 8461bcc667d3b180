"""``rechroma models``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from restore.cli.console import console
from restore.cli.options import engine_option, existing_or_not
from restore.errors import ModelError, OutputError

if TYPE_CHECKING:
    from restore_models import ShippedModel

__all__ = ["models"]

SPEED_SIZE = (256, 448)  # a 16:9 frame as the network sees it
SPEED_ROUNDS = 3


@click.group(invoke_without_command=True)
@click.option("--card", help="Show this model's card instead.")
@click.option("--speed/--no-speed", default=True, show_default=True, help="Time each model on this machine.")
@engine_option
@click.pass_context
def models(context: click.Context, card: str | None, speed: bool, engine: str) -> None:
    """List the shipped models: size, speed here, and their cards. Or export one as ONNX."""
    if context.invoked_subcommand is not None:
        return
    from restore_models import SHIPPED

    if card is not None:
        if card not in SHIPPED:
            raise click.BadParameter(f"unknown model {card!r}; shipped are {', '.join(SHIPPED)}")
        click.echo(card_text(SHIPPED[card].card))
        return
    table = Table("model", "size", "frames/s here", "what it is", "card")
    broken: list[str] = []
    for model in SHIPPED.values():
        size, measured = "missing", "-"
        try:
            size = f"{model.weights.stat().st_size / 1e6:.1f} MB"
            if speed:
                measured = f"{frames_per_second(model, engine):.1f}"
        except FileNotFoundError:
            broken.append(f"the weights of {model.name} are missing; install rechroma again")
        except ModelError as error:
            broken.append(str(error))
        table.add_row(model.name, size, measured, model.summary, f"rechroma models --card {model.name}")
    console.print(table)
    if broken:
        raise ModelError("; ".join(broken))


@models.command()
@click.argument("model")
@click.option("-o", "--output", type=existing_or_not, help="The .onnx file to write. [default: MODEL.onnx]")
def export(model: str, output: Path | None) -> None:
    """Write MODEL, a shipped one or a .safetensors file, as ONNX, with the TOML that says what it takes and gives."""
    from restore.paint.engines.export import save_as_onnx

    target = output if output is not None else Path(f"{Path(model).stem}.onnx")
    if target.suffix != ".onnx" or target.is_dir() or not target.parent.is_dir():
        raise OutputError(f"{target} cannot be written: give an .onnx file in a folder that exists")
    save_as_onnx(model, target)
    console.print(f"{target} and {target.with_suffix('.toml').name} written; use them with --model {target}")


def card_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read ({error.strerror}); install rechroma again") from error


def frames_per_second(model: ShippedModel, engine: str) -> float:
    """The bare network on 16:9 frames at its working size; the best of a few rounds."""
    import time

    import numpy as np

    from restore.paint.network import Colorizer
    from restore.paint.thermal import open_thermal_painter

    predict: Callable[..., object]
    if model.makes_luma:  # PyTorch alone runs it
        predict = open_thermal_painter(model.name).paint
    else:
        predict = Colorizer(model.name, engine=engine).predict
    frames = [np.full(SPEED_SIZE, 0.5, np.float32)] * 4
    predict(frames)
    seconds = []
    for _ in range(SPEED_ROUNDS):
        start = time.perf_counter()
        predict(frames)
        seconds.append(time.perf_counter() - start)
    return len(frames) / min(seconds)
