"""A network of this project as an ONNX graph: how it reaches the other engines, and other programs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from restore.errors import OptionError, OutputError
from restore.media.files import write_beside
from restore.paint.engines.model import OpenedModel, UserOnnx, open_colour_model

OPSET = 17
FREE_SIDES = {"luma": {0: "batch", 2: "H", 3: "W"}, "chroma": {0: "batch", 2: "h", 3: "w"}}


def onnx_from(module: nn.Module, *, channels: int = 1) -> bytes:
    """Exports ``module``: ``luma`` B x 1 x H x W in, ``chroma`` B x 2 x h x w out; batch, height and width are free.

    ``module`` is in fp32, on the CPU and in evaluation mode; ``channels`` is for one that reads more than luma. Takes
    about half a second. Raises ``OptionError`` where a package is missing.
    """
    side = 2 * int(module.multiple_of)  # type: ignore[arg-type]  # small: the graph alone counts
    example = torch.full((1, channels, side, side), 0.5)
    with TemporaryDirectory(prefix="rechroma-") as folder, one_thread(), warnings.catch_warnings():
        # The newer exporter (dynamo=True) asks for one more package and takes many seconds for the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder) / "graph.onnx"
        try:
            torch.onnx.export(
                module, (example,), path, dynamo=False, opset_version=OPSET, input_names=["luma"],
                output_names=["chroma"], dynamic_axes=FREE_SIDES,
            )  # fmt: skip
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).splitlines()[0]
            raise OptionError(f"this network cannot be converted ({reason}); use engine torch") from error
        return path.read_bytes()


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs the block on one thread: on a busy machine, many small steps are quicker where none waits for another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def save_as_onnx(model: str, target: Path) -> None:
    """Writes ``target`` and its TOML. Raises ``ModelError``, and ``OutputError`` where one of them is there already."""
    opened = open_colour_model(model)
    if isinstance(opened.content, UserOnnx):
        raise OptionError(f"{model} is ONNX already")
    contents = {target.with_suffix(".toml"): toml_from(opened).encode(), target: onnx_from(opened.content)}
    for path in contents:
        if path.exists():
            raise OutputError(f"{path} exists; remove it or choose another name")
    for path, content in contents.items():
        with write_beside(path) as file:
            file.write(content)


def toml_from(model: OpenedModel) -> str:
    """Returns the TOML that describes an export: luma in and CbCr out, as our own networks have it."""
    return (
        f'name = "{model.name}"\n'
        f"working_size = {model.working_size}\n"
        f"multiple_of = {model.multiple_of}\n\n"
        '[input]\nkind = "luma"\n\n'
        f'[output]\nkind = "CbCr"\nstride = {model.stride}\n\n'
        f"[curve]\ngain = {model.curve.gain}\nexponent = {model.curve.exponent}\n"
    )
