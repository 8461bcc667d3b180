"""No result takes another's name, on disks that ignore case too."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from restore.errors import OutputError
from restore.jobs import names as photo_places
from restore.jobs.names import folded
from restore.jobs.thermal_plan import ThermalPlan
from restore.media.thermal import ThermalSource


def still(name: str) -> ThermalSource:
    return cast(ThermalSource, SimpleNamespace(path=Path(name), is_recording=False))


def destination(plan: ThermalPlan, name: str) -> str:
    return plan.destination(still(name), Path(name), ".png").name


def test_a_taken_name_gives_way_and_a_third_is_refused(tmp_path: Path) -> None:
    plan = ThermalPlan(tmp_path)
    assert [destination(plan, name) for name in ("a.jpg", "a.tiff", "a.jpg")] == ["a.png", "a.tiff.png", "a.jpg.png"]
    with pytest.raises(OutputError, match=r"its result would replace that of a\.jpg; colour it into another folder"):
        destination(plan, "a.jpg")  # of a third folder


def test_names_that_a_disk_takes_for_one_give_way_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_places, "are_one_name", lambda _, first, second: folded(first) == folded(second))
    plan = ThermalPlan(tmp_path)
    names = [
        destination(plan, name) for name in ("Roof.jpg", "roof.tiff", "Café.png", "Cafe\N{COMBINING ACUTE ACCENT}.tif")
    ]
    assert names == ["Roof.png", "roof.tiff.png", "Café.png", "Cafe\N{COMBINING ACUTE ACCENT}.tif.png"]
