"""A process that runs one case after another, so that a crash, a hang or a greedy case takes nothing else along.

Reads a JSON object a line, ``{"target": name, "file": path, "key": text}``, and answers each with a line of JSON:
``outcome`` (``fine``, ``refused`` or ``fault``), ``said``, and ``peak``, by how many bytes memory grew at most.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import traceback
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from restore.errors import RechromaError
from tests.fuzz.mutations import mutated
from tests.fuzz.targets import TARGETS

ROOM = 6 << 30
"""Bytes of address space beside what the libraries take: a safety for the machine, far above what a case may use."""


def memory(key: str) -> int:
    """``VmRSS`` or ``VmHWM`` in bytes; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(key))


def forget_peak() -> None:
    """Sets the high-water mark of memory back to what is in use (proc(5), clear_refs)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def leftovers(out: Path) -> list[str]:
    return [str(path.relative_to(out)) for path in out.rglob("*") if ".part" in path.name]


def run_case(target: str, whole: Path, key: str, scratch: Path) -> dict[str, Any]:
    out = scratch / "out"
    out.mkdir()
    damaged = scratch / whole.name
    damaged.write_bytes(mutated(whole.read_bytes(), key))
    forget_peak()
    before = memory("VmRSS")
    outcome, said = "fine", ""
    try:
        TARGETS[target].run(damaged, whole, out)
    except RechromaError as error:
        outcome, said = "refused", str(error)
        if "\n" in said or not said or "stumbled" in said:
            outcome = "fault"
    except BaseException:
        outcome, said = "fault", traceback.format_exc()
    if outcome != "fault" and (left := leftovers(out)):
        outcome, said = "fault", f"left behind: {left}"
    return {"outcome": outcome, "said": said, "peak": max(memory("VmHWM") - before, 0)}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing that a library prints gets between the answers
    taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
    for line in sys.stdin:
        case = json.loads(line)
        scratch = Path(mkdtemp(prefix="fuzz"))
        try:
            answer = run_case(case["target"], Path(case["file"]), case["key"], scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
