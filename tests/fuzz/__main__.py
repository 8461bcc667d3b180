"""``python -m tests.fuzz``: a campaign by hand, with other seeds and counts than the slow test's."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import SHARED_DATA
from tests.fuzz.campaign import Campaign, all_cases
from tests.fuzz.targets import TARGETS, make_jobs


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Damage real files and read them.")
    parser.add_argument("--cases", type=int, default=400, help="of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="this one only; may be repeated")
    parser.add_argument("--data", type=Path, default=SHARED_DATA)
    asked = parser.parse_args()
    counts = dict.fromkeys(asked.target or TARGETS, asked.cases)
    started = time.monotonic()
    with TemporaryDirectory() as jobs, Campaign() as campaign:
        make_jobs(Path(jobs))
        campaign.run(all_cases(counts, asked.data, Path(jobs), asked.seed))
    for outcome, count in sorted(campaign.outcomes.items()):
        print(f"{count:6} {outcome}")
    print(f"{sum(campaign.outcomes.values())} cases in {time.monotonic() - started:.0f} s;", end=" ")
    print(f"the slowest took {campaign.slowest:.1f} s, memory grew by {campaign.peak >> 20} MiB at most")
    for fault in campaign.faults:
        print(f"\n{fault.case}\n{fault.what}")
    return 1 if campaign.faults else 0


if __name__ == "__main__":
    sys.exit(main())
