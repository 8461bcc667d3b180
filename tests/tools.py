"""What tests of every kind share: the command line in this process, and what to do where something is not there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest

from restore.cli.options import gather
from restore.options import FilmOptions, Options, PhotoOptions, ThermalOptions

REQUIRE_DATA = "RECHROMA_REQUIRE_DATA"
"""Set to 1 where data and programs must be there: then a test that misses them fails."""


def missing(what: str) -> NoReturn:
    """Skips the test for want of a file, program or right, or fails it where the run says that all must be there."""
    if os.environ.get(REQUIRE_DATA, "0") not in ("", "0"):
        pytest.fail(f"{what}; {REQUIRE_DATA} says that it must be there")
    pytest.skip(what)


def run(*arguments: object) -> int:
    """Runs ``rechroma ARGUMENTS`` in this process and returns its exit code."""
    from restore.cli import main

    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    assert left.value.code is None or isinstance(left.value.code, int), left.value.code
    return left.value.code or 0


AnyOptions = TypeVar("AnyOptions", bound=Options)


def film_options(**values: Any) -> FilmOptions:
    """Returns a film's options by the names that the command line has for them."""
    options: FilmOptions = gather(FilmOptions, values)
    return options


def photo_options(**values: Any) -> PhotoOptions:
    """Returns the options of photos by the names that the command line has for them."""
    options: PhotoOptions = gather(PhotoOptions, values)
    return options


def thermal_options(**values: Any) -> ThermalOptions:
    """Returns thermal options by the names that the command line has for them."""
    options: ThermalOptions = gather(ThermalOptions, values)
    return options


def change(options: AnyOptions, **changes: Any) -> AnyOptions:
    """Returns the options with some values changed, by the names that the command line has for them."""
    parts: dict[str, Any] = {}
    for name in ("look", "run", "encoding"):
        part: Any = getattr(options, name, None)
        known = {key: changes.pop(key) for key in list(changes) if part is not None and hasattr(part, key)}
        if known:
            parts[name] = replace(part, **known)
    return replace(options, **parts, **changes)


def child_processes(parent: int, command: str) -> set[int]:
    """Returns the running children whose command line holds ``command``; on Linux."""
    children: set[int] = set()
    for task in Path(f"/proc/{parent}/task").iterdir():
        for child in (task / "children").read_text().split():
            if command in Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace"):
                children.add(int(child))
    return children


def files_in(folder: Path) -> list[str]:
    """Returns the names of all files below a folder but its report, sorted."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != "rechroma-report.json")
