"""Options that several commands share, each written once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

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
model_option = click.option(
    "--model",
    help="A shipped model, a .safetensors file, or an .onnx file with its .toml beside it. [default: pix2pix, for "
    "thermal files thermal]",
)
temporal_option = click.option(
    "--temporal",
    default="light",
    show_default=True,
    type=click.Choice(["off", "light", "strong"]),
    help="How much the colour is held still over time.",
)
MODEL = (
    model_option,
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
        "--seed",
        type=click.IntRange(min=0),
        help="Of the colours that a model samples (pixcolor). [default: 0]",
    ),
    click.option(
        "--temperature",
        type=click.FloatRange(min=0),
        help="Of a model that samples: below 1 likelier, calmer colours; 0 the likeliest. [default: 0.8]",
    ),
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
ENCODING = (
    click.option("--codec", help="h264 (default), hevc, av1, ffv1, prores, h264_nvenc, hevc_nvenc or av1_nvenc."),
    click.option("--crf", type=float, help="Constant quality, lower is better; 0 is lossless for h264."),
    click.option("--preset", help="The encoder's preset."),
    click.option("--pix-fmt", help="Pixel format of films; the source's depth and subsampling where not given."),
)
BATCH = (
    click.option(
        "--jobs",
        default=1,
        show_default=True,
        type=click.IntRange(min=1),
        help="Processes that share the work, each with --threads or its share of the cores, and a GPU of several.",
    ),
    click.option("--cluster", metavar="ADDRESS", help="Dask scheduler whose workers do the work, as tcp://host:8786."),
    click.option("--overwrite", is_flag=True, help="Replace results that are there."),
    click.option("--restart", is_flag=True, help="Forget what an earlier run finished, instead of resuming it."),
)


def stack(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


colorizer_options = stack(click.option("--model", default="pix2pix", show_default=True), *MODEL[1:])
encoding_options = stack(*ENCODING)
shared_options = stack(*LOOK, *MODEL, *BATCH)
"""What ``video``, ``photos`` and ``thermal`` have in common."""


def gather(kind: type[Any], values: dict[str, Any]) -> Any:
    """Makes an options class of what the command line was given. Raises ``OptionError``."""
    from restore.options import Encoding, Look, Run

    chosen = dict(values)
    groups: dict[str, Any] = {"look": Look, "run": Run, "encoding": Encoding}
    for name, group in groups.items():
        parts = {field.name: chosen.pop(field.name) for field in fields(group) if field.name in chosen}
        if parts:
            chosen[name] = group(**parts)
    return kind(**chosen)


def make_colorizer(*, model: str | None = None, **options: Any) -> Any:
    """Opens the colorizer that the shared options ask for; loads torch, so only once a command really runs."""
    from restore.paint.recipe import open_model

    return open_model("film", model, **options)
