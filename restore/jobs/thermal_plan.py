"""Which files a batch of thermal files reads, and the names of what is made of each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from restore.errors import InputError, OutputError
from restore.jobs.names import Places
from restore.media.film.containers import CONTAINERS
from restore.media.thermal import THERMAL_SUFFIXES, ThermalSource

__all__ = ["ThermalPlan", "plan_thermal"]

STILL_SUFFIXES = (".png", ".jpg", ".jpeg")
FILM_SUFFIXES = tuple(suffix for container in CONTAINERS for suffix in container.suffixes)


@dataclass
class ThermalPlan:
    """The files, each with its place below ``out`` without an ending, and what is missing."""

    out: Path
    files: list[tuple[Path, Path]] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    ignored: int = 0
    """Files in folders that are nothing thermal by their names."""

    single: bool = False
    """``out`` is the result itself and no folder."""

    taken: Places = field(init=False)

    def __post_init__(self) -> None:
        self.taken = Places(self.out)

    def destination(self, source: ThermalSource, place: Path, still_suffix: str) -> Path:
        """Where the result of an opened source goes; a name that is taken already gets the whole old name.

        Raises ``OutputError`` for a single result of the other kind, and for one that would replace another's.
        """
        if self.single:
            known = FILM_SUFFIXES if source.is_recording else STILL_SUFFIXES
            if self.out.suffix.lower() not in known:
                kind = "recording" if source.is_recording else "picture"
                raise OutputError(f"{source.path} is a {kind}; its result ends in {', '.join(known)}")
            return self.out
        own = source.path.suffix.lower()
        film_suffix = own if own in FILM_SUFFIXES else ".mkv"
        suffix = film_suffix if source.is_recording else still_suffix
        wanted = place.with_name(place.name.removesuffix(source.path.suffix) + suffix)
        for name in (wanted, place.with_name(place.name + suffix)):
            if self.taken.holder(name) is None:
                self.taken.take(name, source.path)
                return self.out / name
        other = self.taken.holder(wanted)
        raise OutputError(f"its result would replace that of {other}; colour it into another folder")


def plan_thermal(inputs: Sequence[Path], out: Path) -> ThermalPlan:
    """Files and folders (their trees mirrored in ``out``); ``out`` may be a file where the only input is one.

    Raises ``InputError`` where nothing of ``inputs`` exists, ``OutputError`` for an ``out`` that cannot be.
    """
    if not inputs:
        raise InputError("give at least one file or folder")
    plan = ThermalPlan(out)
    if out.suffix.lower() in STILL_SUFFIXES + FILM_SUFFIXES and not out.is_dir():
        if len(inputs) != 1 or inputs[0].is_dir():
            raise OutputError(f"{out} is one file; give a folder for the results of several")
        plan.single = True
    elif out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; give a folder for the results")
    several = sum(path.is_dir() for path in inputs) > 1
    seen: set[str] = set()
    for path in inputs:
        if not path.exists():
            plan.failed.append((path, "there is no such file or folder"))
            continue
        base = Path(path.resolve().name) if several else Path()
        found = (
            ((file, base / file.relative_to(path)) for file in walk(path, out))
            if path.is_dir()
            else [(path, Path(path.name))]
        )
        for file, place in found:
            if path.is_dir() and file.suffix.lower() not in THERMAL_SUFFIXES:
                plan.ignored += 1
            elif os.path.realpath(file) not in seen:
                seen.add(os.path.realpath(file))
                plan.files.append((file, place))
    if not plan.files and plan.failed:
        raise InputError("; ".join(f"{path}: {reason}" for path, reason in plan.failed[:3]))
    if not plan.files:
        raise InputError(f"{inputs[0]} holds no file that could be thermal")
    return plan


def walk(folder: Path, out: Path) -> Iterator[Path]:
    """Files in the order of their names, without hidden ones and without those of ``out``."""
    avoided = os.path.realpath(out)
    for parent, names, files in os.walk(folder):
        names[:] = sorted(
            name for name in names if not name.startswith(".") and os.path.realpath(Path(parent, name)) != avoided
        )
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(parent, name)
