"""Options that several commands share, each written once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = [
    "colorizer_options",
    "engine_option",
    "existing_or_not",
    "look_options",
    "make_colorizer",
    "running_options",
    "sampling_options",
    "worker_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])


class ExpandedPath(click.Path):
    """A path; ``~`` is a home folder here too, where the shell leaves it alone: after ``--output=``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(os.path.expanduser(value), param, ctx)  # noqa: PTH111 - as a string


# Whether it exists and may be read is checked by the library, with its own exit code.
existing_or_not = ExpandedPath(path_type=Path, readable=False)

engine_option = click.option(
    "--engine",
    default="auto",
    show_default=True,
    help="auto, torch, openvino or onnx. The last two, for CPUs, are extras: pip install 'rechroma[openvino]'.",
)
COLORIZER = (
    click.option(
        "--model",
        default="pix2pix",
        show_default=True,
        help="A shipped model, a .safetensors file, or an .onnx file with its .toml beside it.",
    ),
    engine_option,
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.option("--precision", default="auto", show_default=True, help="auto, fp32 or bf16."),
    click.option("--batch", type=int, help="Pictures a batch; chosen by memory where not given."),
    click.option("--threads", type=click.IntRange(min=1), help="Threads of the network, decoder and encoder."),
    click.option(
        "--working-size",
        type=click.IntRange(min=32),
        help="Short side that the network sees, in pixels; the model's own where not given.",
    ),
)
LOOK = (
    click.option(
        "--saturation", default=1.0, show_default=True, type=click.FloatRange(min=0), help="Factor on colour."
    ),
    click.option(
        "--upsampling",
        default="guided",
        show_default=True,
        type=click.Choice(["guided", "bilinear"]),
        help="How small chroma follows the picture's edges.",
    ),
)


SAMPLING = (
    click.option(
        "--seed", type=click.IntRange(min=0), help="Of what is drawn, by a model that samples (pixcolor). [default: 0]"
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(min=0),
        help="Of the draws: below 1 likelier, calmer colours; 0 the likeliest. [default: 0.8]",
    ),
)


WORKERS = (
    click.option(
        "--jobs",
        default=1,
        show_default=True,
        type=click.IntRange(min=1),
        help="Processes that share the work, each with --threads or its share of the cores, and a GPU of several.",
    ),
    click.option("--cluster", metavar="ADDRESS", help="Dask scheduler whose workers do the work, as tcp://host:8786."),
)


def stacked(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


colorizer_options = stacked(*COLORIZER)
running_options = stacked(*COLORIZER[1:])  # all but the model
look_options = stacked(*LOOK)
sampling_options = stacked(*SAMPLING)
worker_options = stacked(*WORKERS)


def make_colorizer(*, model: str, **options: Any) -> Any:
    """The colorizer that the shared options ask for; loads torch, so only once a command really runs."""
    from restore.paint.network import Colorizer

    return Colorizer(model, **options)
