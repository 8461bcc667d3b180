"""A network of this project as a pair of files, ONNX and TOML, for other programs or for ``--model FILE.onnx``."""

from __future__ import annotations

from pathlib import Path

from restore.errors import OptionError, OutputError
from restore.media.files import write_beside
from restore.paint.engines.choose import OwnGraph, open_colour_model
from restore.paint.engines.description import Description, description_text
from restore.paint.engines.export import onnx_from

__all__ = ["save_as_onnx"]


def save_as_onnx(model: str, target: Path) -> None:
    """Writes ``target`` and its TOML. Raises ``ModelError``, and ``OutputError`` where one of them is there already."""
    opened = open_colour_model(model)
    if isinstance(opened.content, OwnGraph):
        raise OptionError(f"{model} is ONNX already")
    description = Description(
        name=opened.name,
        input_kind="luma",
        output_kind="CbCr",
        stride=opened.stride,
        multiple_of=opened.multiple_of,
        working_size=opened.working_size,
        curve=opened.curve,
    )
    contents = {target.with_suffix(".toml"): description_text(description).encode(), target: onnx_from(opened.content)}
    for path in contents:
        if path.exists():
            raise OutputError(f"{path} exists; remove it or choose another name")
    for path, content in contents.items():
        with write_beside(path) as file:
            file.write(content)
