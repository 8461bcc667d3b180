"""The one form of a proof: what was compared, and what the result lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Verification:
    """What was compared of an original and its result. Films, photos and albums fill the same fields.

    ``problems`` is empty where the result keeps everything. What only one kind has (frames, streams, pages) is in
    ``facts`` by its name in a JSON report, and in ``notes`` for a reader.
    """

    original: str
    result: str
    luma_max_difference: float | None = None
    """The largest of all pictures, in codes of the result's depth; None where none could be compared."""

    luma_mean_difference: float | None = None
    """Of the picture that differs most on average; of a film, of all its frames."""

    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What a reader should know and the result cannot help."""

    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the result keeps everything."""
        return not self.problems

    def note(self, label: str, text: str, **facts: Any) -> None:
        """Adds facts, and the line that says them to a reader."""
        self.facts |= facts
        self.notes.append(line(label, text))

    def expect(self, kept: bool, problem: str) -> None:
        """Adds ``problem`` unless that was kept."""
        if not kept:
            self.problems.append(problem)

    def add_luma(self, largest: float, mean: float) -> None:
        """Takes the differences of one more picture into the figures of all."""
        self.luma_max_difference = max(largest, self.luma_max_difference or 0)
        self.luma_mean_difference = max(mean, self.luma_mean_difference or 0)

    def lines(self) -> list[str]:
        """Returns everything as lines for a reader."""
        lines = list(self.notes)
        if self.luma_max_difference is not None:
            mean = f", mean {self.luma_mean_difference:.4f}" if self.luma_mean_difference is not None else ""
            lines.append(line("luma", f"max difference {self.luma_max_difference:g}{mean}"))
        lines += [line("warning", warning) for warning in self.warnings]
        return lines + [line("PROBLEM", problem) for problem in self.problems]


def line(label: str, text: str) -> str:
    """Returns a label and what it names, in two columns."""
    return f"{label:<11} {text}"
