"""An append-only list of what is done: a JSON object a line, each with its own checksum.

A line counts once it is whole and on the disk. A process that dies in the middle of one leaves a tail that is dropped;
a line that was damaged later is left out, counted, and its work is done again.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restore.media.files import sync_folder, write_beside

__all__ = ["Journal", "JournalContent", "read_journal"]

Entry = dict[str, Any]

LONGEST_JOURNAL = 1 << 30
"""Bytes; a larger file is none of ours (a million photos take a third)."""


@dataclass
class JournalContent:
    """What a journal file holds."""

    header: Entry | None = None
    """Of its first line; None where it is damaged, and nothing behind it can be trusted."""

    entries: list[Entry] = field(default_factory=list)
    damaged: int = 0
    """Lines that are left out."""


def checksum(entry: Entry) -> str:
    # ASCII escapes: names that are not UTF-8 reach us as lone surrogates.
    return f"{zlib.crc32(json.dumps(entry, sort_keys=True).encode('ascii')):08x}"


def line_of(entry: Entry) -> bytes:
    return json.dumps({**entry, "crc": checksum(entry)}, sort_keys=True).encode("ascii") + b"\n"


def entry_of(line: bytes) -> Entry | None:
    """None for a line that is not what was written."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or entry.pop("crc", None) != checksum(entry):
        return None
    return entry


def read_journal(path: Path) -> JournalContent:
    """Reads a journal; a missing or foreign one has no header. Raises ``OSError``."""
    if not path.is_file() or path.stat().st_size > LONGEST_JOURNAL:
        return JournalContent()
    *lines, torn = path.read_bytes().split(b"\n")
    parsed = [entry_of(line) for line in lines]
    whole = [entry for entry in parsed[1:] if entry is not None]
    torn_line_was_whole = bool(torn) and entry_of(torn) is not None  # only its line end is missing
    if torn_line_was_whole and parsed:
        last = entry_of(torn)
        assert last is not None
        whole.append(last)
    return JournalContent(parsed[0] if parsed else None, whole, damaged=parsed[1:].count(None))


class Journal:
    """Writes a journal. A line is on the disk when its call returns. Raises ``OSError``."""

    def __init__(self, path: Path, header: Entry, entries: Iterable[Entry] = ()) -> None:
        """Writes the file anew with what is already done; a crash leaves the old one."""
        with write_beside(path) as file:
            file.writelines(line_of(entry) for entry in (header, *entries))
        sync_folder(path.parent)
        self.file = path.open("ab")

    def append(self, entry: Entry, *, sync: bool = True) -> None:
        """Without ``sync``, the line outlives this process, but perhaps not the machine."""
        self.file.write(line_of(entry))
        self.file.flush()
        if sync:
            os.fsync(self.file.fileno())

    def close(self) -> None:
        with suppress(OSError):  # a line that found no room found none when it was appended, and that was said
            self.file.close()
