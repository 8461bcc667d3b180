"""What the commands write: JSON that any reader takes, and files that are whole or not there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from restore.errors import InputError, OutputError
from restore_train.cli.output import as_json, check_writable, input_errors, write_json, write_sheets


@dataclass
class Row:
    name: str
    psnr: float


def test_json_of_dataclasses_and_of_figures_that_are_not_finite() -> None:
    content = {"rows": [Row("a", float("inf")), Row("b", 1.5)], "pair": (float("nan"), 2)}
    assert as_json(content) == {"rows": [{"name": "a", "psnr": None}, {"name": "b", "psnr": 1.5}], "pair": [None, 2]}


def test_json_says_by_what_command(tmp_path: Path) -> None:
    write_json(None, set={})
    write_json(tmp_path / "out.json", set={"gray": 1})
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written["command"].startswith("rechroma")
    assert written["set"] == {"gray": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_figures_that_are_no_json_leave_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "out.json", set=1)
    before = (tmp_path / "out.json").read_bytes()
    with pytest.raises(TypeError):
        write_json(tmp_path / "out.json", set=object())
    assert (tmp_path / "out.json").read_bytes() == before


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "absent" / "out.json"):
        with pytest.raises(OutputError, match="cannot be written"):
            check_writable(None, path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_sheets(tmp_path / "file", [("label", [np.zeros((8, 8, 3), np.float32)])])


def test_errors_of_sets_are_input_errors() -> None:
    with pytest.raises(InputError, match="no pictures"), input_errors():
        raise ValueError("no pictures in here")
