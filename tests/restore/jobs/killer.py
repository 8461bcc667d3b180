"""The other end of :mod:`tests.restore.jobs.killable`: runs films and albums in children, and kills them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["Killer"]


class Killer:
    """One server, one kind of work. ``close`` ends it."""

    def __init__(self, work: str, model: Path) -> None:
        self.work, self.model = work, model
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.restore.jobs.killable"],
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, source: Path, target: Path, seconds: float | None = None, **options: Any) -> int:
        """Exit code: -9 where it was killed, after ``seconds`` or, for films, at its frame ``kill_at``."""
        arguments = {"model": str(self.model), "source": str(source), "target": str(target), **options}
        return self.ask(self.work, arguments, seconds)

    def command(self, *arguments: object, messages: Path, **options: Any) -> int:
        """Exit code of ``rechroma ARGUMENTS``; what it says is written to ``messages``."""
        words = [str(argument) for argument in arguments]
        return self.ask("command", {"arguments": words, "messages": str(messages), **options})

    def ask(self, work: str, arguments: dict[str, Any], seconds: float | None = None) -> int:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps({"work": work, "arguments": arguments, "seconds": seconds}) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def close(self) -> None:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.close()
        self.server.wait()
        self.server.stdout.close()
