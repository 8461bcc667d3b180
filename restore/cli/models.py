"""``rechroma models``."""

from __future__ import annotations

import click
from rich.table import Table

from restore.cli.console import console

__all__ = ["models"]

SPEED_SIZE = (256, 448)  # a 16:9 frame as the network sees it
SPEED_ROUNDS = 3


@click.command()
@click.option("--card", help="Show this model's card instead.")
@click.option("--speed/--no-speed", default=True, show_default=True, help="Time each model on this machine.")
def models(card: str | None, speed: bool) -> None:
    """List the shipped models: size, speed here, and their cards."""
    from restore_models import SHIPPED

    if card is not None:
        if card not in SHIPPED:
            raise click.BadParameter(f"unknown model {card!r}; shipped are {', '.join(SHIPPED)}")
        click.echo(SHIPPED[card].card.read_text(encoding="utf-8"))
        return
    table = Table("model", "size", "frames/s here", "what it is", "card")
    for model in SHIPPED.values():
        size = f"{model.weights.stat().st_size / 1e6:.1f} MB"
        measured = f"{frames_per_second(model.name):.1f}" if speed else "-"
        table.add_row(model.name, size, measured, model.summary, f"rechroma models --card {model.name}")
    console.print(table)


def frames_per_second(name: str) -> float:
    """The bare network on 16:9 frames at its working size; the best of a few rounds."""
    import time

    import numpy as np

    from restore.colorizer import Colorizer

    colorizer = Colorizer(name)
    frames = [np.full(SPEED_SIZE, 0.5, np.float32)] * 4
    colorizer.predict(frames)
    seconds = []
    for _ in range(SPEED_ROUNDS):
        start = time.perf_counter()
        colorizer.predict(frames)
        seconds.append(time.perf_counter() - start)
    return len(frames) / min(seconds)
