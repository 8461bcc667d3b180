"""The scripts that compare checkouts say what is wrong with their arguments, and compare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def compare_speed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "compare-speed"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_speed_of_what_is_no_checkout(gray_film: Path, tmp_path: Path) -> None:
    refused = compare_speed(ROOT, tmp_path, gray_film)
    assert refused.returncode == 2
    assert "NEW is no checkout" in refused.stderr


@pytest.mark.slow
def test_speed_of_a_checkout_and_itself(gray_film: Path, toy_model: Path) -> None:
    compared = compare_speed(ROOT, ROOT, gray_film, "--runs", "1", "--", "--model", toy_model, "--device", "cpu")
    assert compared.returncode == 0, compared.stderr
    table = {line.split()[0]: line.split()[-3:] for line in compared.stdout.splitlines()[-3:]}
    assert set(table) == {"CPU", "wall", "peak"}
    for old, new, ratio in table.values():
        assert float(ratio) == pytest.approx(float(new) / float(old), rel=0.02)
    failed = compare_speed(ROOT, ROOT, gray_film, "--", "--model", "absent.safetensors")
    assert failed.returncode == 1
    assert "failed with 8" in failed.stderr
