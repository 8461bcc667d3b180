"""Units of photos that end in an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.errors import DiskError
from restore.jobs.photo_units import ResultFile

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="Linux has a device that is always full")
@pytest.mark.parametrize("size", [10, 100_000], ids=["when closed", "when written"])
def test_a_tar_on_a_full_disk_is_no_fault_of_its_source(size: int) -> None:
    with (
        pytest.raises(DiskError, match=r"out\.tar cannot be written: No space left on device"),
        ResultFile(FULL, Path("out.tar")) as file,
    ):
        file.write(bytes(size))
