"""The other end of :mod:`tests.restore.jobs.killable`: runs films and albums in children, and kills them."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any


@cache
def server() -> subprocess.Popen[str]:
    """Returns the process that forks children for all tests of this one; it ends when its input does."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.restore.jobs.killable"],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(started.communicate)
    return started


class Killer:
    """One kind of work, with one model."""

    def __init__(self, work: str, model: Path) -> None:
        self.work, self.model = work, model

    def run(self, source: Path, target: Path, seconds: float | None = None, **options: Any) -> int:
        """Exit code: -9 where it was killed, after ``seconds`` or, for films, at its frame ``kill_at``."""
        arguments = {"model": str(self.model), "source": str(source), "target": str(target), **options}
        return self.ask(self.work, arguments, seconds)

    def command(self, *arguments: object, messages: Path, **options: Any) -> int:
        """Exit code of ``rechroma ARGUMENTS``; what it says is written to ``messages``."""
        words = [str(argument) for argument in arguments]
        return self.ask("command", {"arguments": words, "messages": str(messages), **options})

    def ask(self, work: str, arguments: dict[str, Any], seconds: float | None = None) -> int:
        """Exit code of a child that does the work."""
        process = server()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"work": work, "arguments": arguments, "seconds": seconds}) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())
