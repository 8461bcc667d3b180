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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from restore.colour import Matrix
from restore.errors import ModelError

MATRICES = {"BT.601": Matrix.BT601, "BT.709": Matrix.BT709, "BT.2020": Matrix.BT2020}
INPUT_RANGES = {"luma": (0.0, 1.0), "L": (0.0, 100.0)}
KIND_NAMES = {str: "a text", int: "a whole number", float: "a finite number"}

Check = tuple[Callable[[Any], bool], str]
"""Whether a value will do, and in words what will."""


def one_of(*choices: Any) -> Check:
    """Returns the check for one of a few values."""
    return choices.__contains__, " or ".join(map(str, choices))


AT_LEAST_1: Check = (lambda value: value >= 1, "at least 1")
A_SIZE: Check = (lambda size: min(size) >= 1, "a height and a width in pixels")
A_RANGE: Check = (lambda ends: ends[0] != ends[1], "two numbers, and cannot give black and white the same value")

REQUIRED = object()
FIELDS: Mapping[str, tuple[type | tuple[type, type], Any, Check | None]] = {
    "name": (str, None, None),
    "working_size": (int, 256, AT_LEAST_1),
    "multiple_of": (int, 1, AT_LEAST_1),
    "input.kind": (str, REQUIRED, one_of(*INPUT_RANGES)),
    "input.range": ((float, float), None, A_RANGE),
    "input.channels": (int, 1, one_of(1, 3)),
    "input.size": ((int, int), None, A_SIZE),
    "output.kind": (str, REQUIRED, one_of("ab", "CbCr")),
    "output.neutral": (float, 0.0, None),
    "output.scale": (float, 1.0, None),
    "output.stride": (int, 1, AT_LEAST_1),
    "output.matrix": (str, "BT.601", one_of(*MATRICES)),
    "curve.gain": (float, 1.0, None),
    "curve.exponent": (float, 1.0, None),
}
"""Every key: its type, default and check. A pair of types is a list of two."""


Description = dict[str, Any]
"""What a user's model takes and gives: a value for each of ``FIELDS``, checked."""


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
        description = check_values(content)
    except ValueError as error:
        raise ModelError(f"{path.name}: {error}") from error
    description["name"] = description["name"] or path.stem
    description["input.range"] = description["input.range"] or INPUT_RANGES[description["input.kind"]]
    return description


def check_values(content: Mapping[str, Any]) -> Description:
    """Returns a value for each of ``FIELDS``. Raises ``ValueError``."""
    given: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            given |= {f"{name}.{key}": entry for key, entry in value.items()}
        elif name in ("input", "output", "curve"):
            raise ValueError(f"{name} is a table, written [{name}]")
        else:
            given[name] = value
    for key in given.keys() - FIELDS.keys():
        table = key.rpartition(".")[0]
        known = ", ".join(other for other in FIELDS if other.rpartition(".")[0] == table)
        raise ValueError(f"unknown key {key}; known are {known or ', '.join(FIELDS)}")
    values: Description = {}
    for key, (kind, default, check) in FIELDS.items():
        if key not in given:
            if default is REQUIRED:
                raise ValueError(f"{key} is missing")
            values[key] = default
            continue
        values[key] = typed_value(given[key], key, kind)
        if check is not None and not check[0](values[key]):
            raise ValueError(f"{key} is {check[1]}, not {given[key]!r}")
    return values


def typed_value(value: Any, key: str, kind: type | tuple[type, type]) -> Any:
    """Returns ``value`` as a ``kind``; an integer serves as a float. Raises ``ValueError``."""
    if isinstance(kind, tuple):
        if not isinstance(value, list) or len(value) != len(kind):
            raise ValueError(f"{key} is a list of two numbers, not {value!r}")
        return tuple(typed_value(part, key, part_kind) for part, part_kind in zip(value, kind, strict=True))
    fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(f"{key} is {KIND_NAMES[kind]}, not {value!r}")
    return kind(value)
