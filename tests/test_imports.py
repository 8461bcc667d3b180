"""Imports point one way, as DESIGN.md says, and never in a circle; read from the sources, which are not run."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"restore": ROOT, "restore_models": ROOT / "models", "restore_train": ROOT / "train"}
MAY_IMPORT = {
    "restore": {"restore", "restore_models"},  # restore_train only by name: see TRAINING_COMMANDS in cli/main.py
    "restore_models": {"restore_models"},
    "restore_train": {"restore", "restore_models", "restore_train"},
}
LAYERS = ("cli", "verify", "jobs", "pipeline", "options", "paint", "temporal", "media")
"""From above to below. What is not named here is the ground that all stand on: colour, errors, frames, ..."""

WRONG_WAY: dict[str, str] = {}
"""Known violations, ``importer -> imported``, and why they are there."""

CIRCLES: dict[str, str] = {}
"""Modules that import each other, and why."""


@cache
def modules() -> dict[str, Path]:
    """Dotted name to file; a package's name stands for its ``__init__``."""
    return {
        ".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(".__init__"): file
        for package, folder in PACKAGES.items()
        for file in sorted((folder / package).rglob("*.py"))
    }


def imports_of(name: str) -> set[str]:
    """The modules of this project that a module imports, inside its functions too."""
    asked = set()
    for node in ast.walk(ast.parse(modules()[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            asked |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports relatively"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            asked |= {full if full in modules() else str(node.module) for full in whole}
    return {other for other in asked if other in modules()}


def depth(name: str) -> int:
    """How far below a module of ``restore`` stands: 0 for the command line."""
    layer = name.split(".")[1]
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def points_the_wrong_way(importer: str, imported: str) -> bool:
    package, other = importer.split(".")[0], imported.split(".")[0]
    if package != "restore" or other != "restore":
        return other not in MAY_IMPORT[package]
    if importer in ("restore", "restore.__main__") or imported == "restore.version":
        return False
    return imported == "restore" or depth(imported) < depth(importer)


def test_imports_point_one_way() -> None:
    wrong = {
        f"{importer} -> {imported}"
        for importer in modules()
        for imported in imports_of(importer)
        if points_the_wrong_way(importer, imported)
    }
    assert sorted(wrong - WRONG_WAY.keys()) == [], "these imports point the wrong way"
    assert sorted(WRONG_WAY.keys() - wrong) == [], "these are no longer there; take them out of WRONG_WAY"


def ends(graph: dict[str, set[str]]) -> set[str]:
    """The modules that no other imports, or that import none: they are in no circle."""
    imported: set[str] = set().union(*graph.values())
    return {name for name, others in graph.items() if name not in imported or not others & graph.keys()}


def test_no_imports_in_circles() -> None:
    left = {name: imports_of(name) for name in modules()}
    while harmless := ends(left):
        left = {name: others for name, others in left.items() if name not in harmless}
    assert sorted(left) == sorted(CIRCLES), "modules that import each other, or lie between such"


def test_only_the_command_line_names_restore_train() -> None:
    naming = [name for name, file in modules().items() if "restore_train" in file.read_text(encoding="utf-8")]
    assert [name for name in naming if name.startswith("restore.")] == ["restore.cli.main"]
