"""Proves that a coloured film keeps what the original had."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from av.stream import Stream
from numpy.typing import NDArray

from restore.errors import VerificationError
from restore.media.film.containers import described, is_timecode_track
from restore.media.film.decoding import is_chapter_track, is_cover_art
from restore.media.film.frames import SourceFrame
from restore.media.film.muxing import file_metadata
from restore.media.film.source import FilmSource
from restore.verify.packets import StreamDigest, stream_digests

# Containers without negative times shift a whole file whose sound starts before zero.
UNSIGNED_CLOCKS = ("matroska", "webm")
LONGEST_SHIFT_SECONDS = 1  # more than any encoder's priming or reordering


@dataclass
class StreamCheck:
    """One copied stream, before and after."""

    name: str
    kept: bool
    identical: bool
    """Payloads agree byte for byte, apart from what containers add to them."""

    packets_in: int
    packets_out: int


@dataclass
class VerifyReport:
    """What was compared; ``problems`` is empty where the result keeps everything."""

    original: str
    result: str
    frames_in: int = 0
    frames_out: int = 0
    timestamps_equal: bool = True
    """Within ``timestamp_tolerance_seconds``, after ``time_shift_seconds``."""

    timestamp_tolerance_seconds: float = 0.0
    """One tick of the result's clock."""

    time_shift_seconds: float = 0.0
    """By which the whole result is later, because its container has no negative times."""

    largest_timestamp_difference_seconds: float = 0.0
    luma_max_difference: int | None = None
    """In codes of the result; None where no frame could be compared."""

    luma_mean_difference: float | None = None
    streams: list[StreamCheck] = field(default_factory=list)
    tags_missing: list[str] = field(default_factory=list)
    """Metadata of the file that the result lacks; not a failure, because not every container holds every tag."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def lines(self) -> list[str]:
        """For a reader."""
        times = "equal" if self.timestamps_equal else "differ"
        lines = [
            f"frames      {self.frames_in} in, {self.frames_out} out",
            f"timestamps  {times} (within {self.timestamp_tolerance_seconds:.6f} s)",
        ]
        if self.time_shift_seconds:
            lines.append(f"            the whole file is {self.time_shift_seconds:.3f} s later")
        if self.luma_max_difference is not None:
            lines.append(f"luma        max difference {self.luma_max_difference}, mean {self.luma_mean_difference:.4f}")
        for stream in self.streams:
            state = "identical" if stream.identical else "kept, but other data" if stream.kept else "missing"
            lines.append(f"stream      {stream.name}: {state}, {stream.packets_out} of {stream.packets_in} packets")
        if self.tags_missing:
            lines.append(f"tags gone   {', '.join(self.tags_missing)}")
        lines += [f"warning     {warning}" for warning in self.warnings]
        lines += [f"PROBLEM     {problem}" for problem in self.problems]
        return lines


def verify_video(original: Path, result: Path, *, max_luma_difference: int | None = None) -> VerifyReport:
    """Compares frame by frame and packet by packet, in bounded memory.

    A loss of frames, times, streams, chapters, rotation, pixel shape or colour tags is a problem. A difference in luma
    is one only above ``max_luma_difference``, because lossy codecs change luma a little.
    Raises ``InputError`` where one of the two cannot be read, and ``VerificationError`` for a file and itself.
    """
    original, result = Path(original), Path(result)
    if original.exists() and result.exists() and original.samefile(result):
        raise VerificationError(f"{result} is the original itself; name the coloured file")
    report = VerifyReport(str(original), str(result))
    with (
        FilmSource(original, deinterlace="off") as before,
        FilmSource(result, deinterlace="off", film=before.film) as after,
    ):
        compare_frames(before, after, report)
        compare_streams(before, after, report)
        compare_tags(before, after, report)
        report.warnings += [f"original: {each}" for each in before.warnings]
        report.warnings += [f"result: {each}" for each in after.warnings]
    difference = report.luma_max_difference
    if max_luma_difference is not None and difference is not None and difference > max_luma_difference:
        report.problems.append(f"luma differs by up to {difference} codes; at most {max_luma_difference} are allowed")
    return report


def compare_frames(before: FilmSource, after: FilmSource, report: VerifyReport) -> None:
    """Counts, times and luma of both films, side by side."""
    tick = after.layout.time_base
    report.timestamp_tolerance_seconds = float(tick)
    shift: Fraction | None = None
    largest_gap, largest, total, samples = Fraction(0), -1, 0.0, 0
    depth_shift = after.layout.bit_depth - before.layout.bit_depth
    if depth_shift < 0:
        report.problems.append(f"luma has {after.layout.bit_depth} bits, not {before.layout.bit_depth}")
    for old, new in zip_longest(before.frames(), after.frames()):
        report.frames_in += old is not None
        report.frames_out += new is not None
        if old is None or new is None:
            continue
        gap = new.pts * tick - old.pts * before.layout.time_base
        if shift is None:
            shift = whole_shift(after, gap)
            report.time_shift_seconds = float(shift)
        largest_gap = max(largest_gap, abs(gap - shift))
        codes = compared_luma(old, new, depth_shift)
        if codes is not None:
            difference = cv2.absdiff(*codes)
            largest = max(largest, int(difference.max()))
            total += float(difference.sum(dtype=np.float64))
            samples += difference.size
    report.largest_timestamp_difference_seconds = float(largest_gap)
    report.timestamps_equal = largest_gap <= tick
    if samples:
        report.luma_max_difference, report.luma_mean_difference = largest, total / samples
    else:
        report.problems.append("the pictures are of another size, so that luma cannot be compared")
    if report.frames_in != report.frames_out:
        report.problems.append(f"{report.frames_out} frames instead of {report.frames_in}")
    if not report.timestamps_equal:
        report.problems.append(f"timestamps differ by up to {float(largest_gap):.6f} s")


def compared_luma(old: SourceFrame, new: SourceFrame, depth_shift: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Both luma planes in the result's bit depth; None for another size."""
    before: NDArray[Any] = old.luma_codes()
    after: NDArray[Any] = new.luma_codes()
    if before.shape != after.shape:
        return None
    if depth_shift > 0:
        before = np.left_shift(before.astype(np.uint16), depth_shift)
    elif depth_shift < 0:
        before = np.right_shift(before, -depth_shift).astype(after.dtype)
    return before, after


def copied_streams(source: FilmSource) -> dict[str, list[Stream]]:
    """Streams to compare, by kind, in the file's order; not those that a container makes by itself."""
    kinds: dict[str, list[Stream]] = defaultdict(list)
    for stream in source.container.streams:
        if stream is source.stream or is_chapter_track(stream) or is_timecode_track(stream):
            continue
        kinds["cover art" if is_cover_art(stream) else stream.type].append(stream)
    return kinds


def compare_streams(before: FilmSource, after: FilmSource, report: VerifyReport) -> None:
    """Payloads and extent of everything beside the film."""
    old_kinds, new_kinds = copied_streams(before), copied_streams(after)
    old_prints = stream_digests(before.path, {stream.index for kind in old_kinds.values() for stream in kind})
    new_prints = stream_digests(after.path, {stream.index for kind in new_kinds.values() for stream in kind})
    shift = Fraction(report.time_shift_seconds)
    for kind, streams in old_kinds.items():
        for old, new in zip_longest(streams, new_kinds.get(kind, [])[: len(streams)]):
            name = described(old)
            first = old_prints[old.index]
            if new is None:
                report.streams.append(StreamCheck(name, False, False, first.packets, 0))
                report.problems.append(f"{name} is missing")
                continue
            second = new_prints[new.index]
            same = first.sha256 == second.sha256
            report.streams.append(StreamCheck(name, True, same, first.packets, second.packets))
            if not same:
                report.problems.append(f"{name} was changed")
            elif kind != "cover art" and moved(first, second, shift, tolerance=tick_of(new)):
                report.problems.append(f"{name} begins or ends at another time")


def whole_shift(after: FilmSource, gap: Fraction) -> Fraction:
    """How much later a container without negative times shows all of it, by the gap of the first frame."""
    unsigned = any(name in after.container.format.name for name in UNSIGNED_CLOCKS)
    return gap if unsigned and after.layout.time_base < gap <= LONGEST_SHIFT_SECONDS else Fraction(0)


def tick_of(stream: Stream) -> Fraction:
    return Fraction(stream.time_base or 0)


def moved(first: StreamDigest, second: StreamDigest, shift: Fraction, tolerance: Fraction) -> bool:
    """Whether a stream begins or ends elsewhere, apart from the shift of the whole file (known to a tick)."""
    pairs = ((first.start_seconds, second.start_seconds), (first.end_seconds, second.end_seconds))
    slack = 2 * tolerance if shift else tolerance
    return any(old is not None and new is not None and abs(new - old - shift) > slack for old, new in pairs)


def compare_tags(before: FilmSource, after: FilmSource, report: VerifyReport) -> None:
    """Rotation, pixel shape, colour tags, chapters and the file's own tags."""
    for what, old, new in (
        ("size", (before.layout.width, before.layout.height), (after.layout.width, after.layout.height)),
        ("rotation", before.layout.rotation, after.layout.rotation),
        ("pixel aspect ratio", before.layout.sample_aspect_ratio, kept_aspect(before, after)),
        ("colour matrix tag", before.layout.tags.colorspace, after.layout.tags.colorspace),
        ("primaries tag", before.layout.tags.primaries, after.layout.tags.primaries),
        ("transfer tag", before.layout.tags.trc, after.layout.tags.trc),
        ("range tag", before.layout.tags.color_range, after.layout.tags.color_range),
        ("number of chapters", len(before.container.chapters()), len(after.container.chapters())),
    ):
        if old != new:
            report.problems.append(f"{what} is {new}, not {old}")
    kept = {key.lower() for key in after.container.metadata}
    report.tags_missing = sorted(
        key for key in file_metadata(dict(before.container.metadata), None) if key.lower() not in kept
    )


def kept_aspect(before: FilmSource, after: FilmSource) -> Fraction:
    """The result's pixel aspect ratio; the original's where both show the picture at one width.

    Matroska keeps the shape of pixels only as that whole number.
    """
    old, new = before.layout.sample_aspect_ratio, after.layout.sample_aspect_ratio
    same = round(before.layout.width * old) == round(after.layout.width * new)
    return old if same else new
