"""The small TOML beside a user's ONNX colorizer, which says what the model takes and gives.

All but the kinds has a default. For a model that reads L around zero and answers in ab at a quarter of the size::

    name = "my-colours"         # in reports; the file's name where not given
    working_size = 256          # short side that the network sees, in pixels
    multiple_of = 32            # sides it takes are multiples of this

    [input]
    kind = "L"                  # "luma" or "L"
    range = [-50, 50]           # values of black and white; [0, 1] for luma, [0, 100] for L where not given
    channels = 1                # or 3 equal ones
    size = [256, 256]           # height and width, only where the network takes no other; pictures are stretched to it

    [output]
    kind = "ab"                 # "ab" or "CbCr"
    neutral = 0                 # the value that means no colour
    scale = 110                 # Lab units (ab), or chroma in [-0.5, 0.5] (CbCr), per unit of output
    stride = 4                  # height of the input over that of the output
    matrix = "BT.601"           # of CbCr: BT.601, BT.709 or BT.2020

    [curve]                     # how strong colour is shown; see restore_models.ColourCurve
    gain = 1.0
    exponent = 1.0
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from restore.colour import Matrix
from restore.errors import ModelError
from restore_models import ColourCurve

__all__ = ["Description", "description_text", "read_description"]

MATRICES = {"BT.601": Matrix.BT601, "BT.709": Matrix.BT709, "BT.2020": Matrix.BT2020}
INPUT_RANGES = {"luma": (0.0, 1.0), "L": (0.0, 100.0)}
OUTPUTS = ("ab", "CbCr")
KINDS: Mapping[type, str] = {str: "a text", int: "a whole number", float: "a number"}

Value = TypeVar("Value", str, int, float)


@dataclass(frozen=True)
class Description:
    """What a user's model takes and gives."""

    name: str
    input_kind: str
    """A key of ``INPUT_RANGES``."""
    output_kind: str
    """One of ``OUTPUTS``."""
    black: float = 0.0
    white: float = 1.0
    channels: int = 1
    size: tuple[int, int] | None = None
    """Height and width, where the network takes no other."""
    neutral: float = 0.0
    scale: float = 1.0
    stride: int = 1
    matrix: Matrix = Matrix.BT601
    working_size: int = 256
    multiple_of: int = 1
    curve: ColourCurve = field(default_factory=ColourCurve)


def read_description(path: Path) -> Description:
    """Reads and checks the TOML at ``path``. Raises ``ModelError``, in one line that says what is wrong with it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"an .onnx model needs {path.name} beside it, which says what it takes and gives; the README has an example"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"{path.name} is not TOML that can be read: {error}") from error
    try:
        return described(content, path.stem)
    except ValueError as error:
        raise ModelError(f"{path.name}: {error}") from error


def described(content: Mapping[str, Any], stem: str) -> Description:
    check_keys(content, "", "name", "working_size", "multiple_of", "input", "output", "curve")
    source, answer, curve = (table(content, name) for name in ("input", "output", "curve"))
    check_keys(source, "input.", "kind", "range", "channels", "size")
    check_keys(answer, "output.", "kind", "neutral", "scale", "stride", "matrix")
    check_keys(curve, "curve.", "gain", "exponent")
    input_kind = one_of(source, "input.kind", tuple(INPUT_RANGES))
    black, white = pair(source, "input.range", float) or INPUT_RANGES[input_kind]
    channels = value(source, "input.channels", 1)
    if channels not in (1, 3):
        raise ValueError(f"input.channels is 1 or 3, not {channels}")
    if black == white:
        raise ValueError(f"input.range gives black and white the same value, {black:g}")
    return Description(
        name=value(content, "name", stem),
        input_kind=input_kind,
        output_kind=one_of(answer, "output.kind", OUTPUTS),
        black=black,
        white=white,
        channels=channels,
        size=positive_pair(pair(source, "input.size", int)),
        neutral=value(answer, "output.neutral", 0.0),
        scale=value(answer, "output.scale", 1.0),
        stride=positive(answer, "output.stride", 1),
        matrix=MATRICES[one_of(answer, "output.matrix", tuple(MATRICES), default="BT.601")],
        working_size=positive(content, "working_size", 256),
        multiple_of=positive(content, "multiple_of", 1),
        curve=ColourCurve(gain=value(curve, "curve.gain", 1.0), exponent=value(curve, "curve.exponent", 1.0)),
    )


def check_keys(content: Mapping[str, Any], prefix: str, *known: str) -> None:
    for key in content:
        if key not in known:
            raise ValueError(f"unknown key {prefix}{key}; known are {', '.join(prefix + name for name in known)}")


def table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = content.get(name, {})
    if not isinstance(found, Mapping):
        raise ValueError(f"{name} is a table, written [{name}]")
    return found


def value(content: Mapping[str, Any], name: str, default: Value) -> Value:
    """What ``name``, which may have a table's prefix, is set to, in the type of ``default``."""
    return checked(content.get(name.rpartition(".")[2], default), name, type(default))


def checked(found: Any, name: str, kind: type[Value]) -> Value:
    """``found`` as a ``kind``; an integer serves as a float."""
    if isinstance(found, bool) or not isinstance(found, (int, float) if kind is float else kind):
        raise ValueError(f"{name} is {KINDS[kind]}, not {found!r}")
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError(f"{name} is a finite number, not {found}")
    return kind(found)


def positive(content: Mapping[str, Any], name: str, default: int) -> int:
    found = value(content, name, default)
    if found < 1:
        raise ValueError(f"{name} is at least 1, not {found}")
    return found


def pair(content: Mapping[str, Any], name: str, kind: type[Value]) -> tuple[Value, Value] | None:
    found = content.get(name.rpartition(".")[2])
    if found is None:
        return None
    if not isinstance(found, list) or len(found) != 2:
        raise ValueError(f"{name} is a list of two numbers, not {found!r}")
    first, second = found
    return checked(first, name, kind), checked(second, name, kind)


def positive_pair(found: tuple[int, int] | None) -> tuple[int, int] | None:
    if found is not None and min(found) < 1:
        raise ValueError(f"input.size is a height and a width in pixels, not {list(found)}")
    return found


def one_of(content: Mapping[str, Any], name: str, known: tuple[str, ...], default: str | None = None) -> str:
    found = content.get(name.rpartition(".")[2], default)
    if found not in known:
        raise ValueError(f"{name} is {' or '.join(known)}, not {found!r}" if found else f"{name} is missing")
    return str(found)


def description_text(description: Description) -> str:
    """The TOML that :func:`read_description` reads back; luma in and CbCr out, as our own networks have it."""
    return (
        f'name = "{description.name}"\n'
        f"working_size = {description.working_size}\n"
        f"multiple_of = {description.multiple_of}\n\n"
        '[input]\nkind = "luma"\n\n'
        f'[output]\nkind = "CbCr"\nstride = {description.stride}\n\n'
        f"[curve]\ngain = {description.curve.gain}\nexponent = {description.curve.exponent}\n"
    )
