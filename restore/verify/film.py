"""Proves that a coloured film keeps what the original had."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
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
from restore.verify.verification import Verification

# Containers without negative times shift a whole file whose sound starts before zero.
UNSIGNED_CLOCKS = ("matroska", "webm")
LONGEST_SHIFT_SECONDS = 1  # more than any encoder's priming or reordering


def verify_video(original: Path, result: Path, *, max_luma_difference: int | None = None) -> Verification:
    """Compares frame by frame and packet by packet, in bounded memory.

    A loss of frames, times, streams, chapters, rotation, pixel shape or colour tags is a problem. A difference in luma
    is one only above ``max_luma_difference``, because lossy codecs change luma a little.
    Facts: ``frames_in`` and ``frames_out``; ``timestamps_equal`` within ``timestamp_tolerance_seconds`` (a tick of the
    result's clock) after ``time_shift_seconds`` (by which the whole result is later, because its container has no
    negative times); ``largest_timestamp_difference_seconds``; ``streams``, a :class:`StreamCheck` each; and
    ``tags_missing``, which are no problem, because not every container holds every tag.

    Raises ``InputError`` where one of the two cannot be read, and ``VerificationError`` for a file and itself.
    """
    original, result = Path(original), Path(result)
    if original.exists() and result.exists() and original.samefile(result):
        raise VerificationError(f"{result} is the original itself; name the coloured file")
    report = Verification(str(original), str(result))
    with (
        FilmSource(original, deinterlace="off") as before,
        FilmSource(result, deinterlace="off", film=before.film) as after,
    ):
        shift = compare_frames(before, after, report)
        compare_streams(before, after, shift, report)
        compare_tags(before, after, report)
        for name, film in (("original", before), ("result", after)):
            report.warnings += [f"{name}: {warning}" for warning in film.warnings]
    difference = report.luma_max_difference
    if max_luma_difference is not None and difference is not None and difference > max_luma_difference:
        report.problems.append(f"luma differs by up to {difference} codes; at most {max_luma_difference} are allowed")
    return report


def compare_frames(before: FilmSource, after: FilmSource, report: Verification) -> Fraction:
    """Compares counts, times and luma, frame by frame; returns the shift of the whole result in seconds."""
    tick = after.layout.time_base
    shift: Fraction | None = None
    frames_in, frames_out = 0, 0
    largest_gap, largest, total, samples = Fraction(0), 0, 0.0, 0
    depth_shift = after.layout.bit_depth - before.layout.bit_depth
    report.expect(depth_shift >= 0, f"luma has {after.layout.bit_depth} bits, not {before.layout.bit_depth}")
    for old, new in zip_longest(before.frames(), after.frames()):
        frames_in += old is not None
        frames_out += new is not None
        if old is None or new is None:
            continue
        gap = new.pts * tick - old.pts * before.layout.time_base
        shift = whole_shift(after, gap) if shift is None else shift
        largest_gap = max(largest_gap, abs(gap - shift))
        codes = luma_of_both(old, new, depth_shift)
        if codes is not None:
            difference = cv2.absdiff(*codes)
            largest = max(largest, int(difference.max()))
            total += float(difference.sum(dtype=np.float64))
            samples += difference.size
    shift = shift or Fraction(0)
    if samples:
        report.add_luma(largest, total / samples)
    report.expect(samples > 0, "the pictures are of another size, so that luma cannot be compared")
    report.expect(frames_in == frames_out, f"{frames_out} frames instead of {frames_in}")
    report.note("frames", f"{frames_in} in, {frames_out} out", frames_in=frames_in, frames_out=frames_out)
    equal = largest_gap <= tick
    report.expect(equal, f"timestamps differ by up to {float(largest_gap):.6f} s")
    report.note(
        "timestamps",
        f"{'equal' if equal else 'differ'} (within {float(tick):.6f} s)",
        timestamps_equal=equal, timestamp_tolerance_seconds=float(tick), time_shift_seconds=float(shift),
        largest_timestamp_difference_seconds=float(largest_gap),
    )  # fmt: skip
    if shift:
        report.note("", f"the whole file is {float(shift):.3f} s later")
    return shift


def luma_of_both(old: SourceFrame, new: SourceFrame, depth_shift: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Returns both luma planes in the result's bit depth; None for another size."""
    before: NDArray[Any] = old.luma_codes()
    after: NDArray[Any] = new.luma_codes()
    if before.shape != after.shape:
        return None
    if depth_shift > 0:
        before = np.left_shift(before.astype(np.uint16), depth_shift)
    elif depth_shift < 0:
        before = np.right_shift(before, -depth_shift).astype(after.dtype)
    return before, after


def whole_shift(after: FilmSource, gap: Fraction) -> Fraction:
    """Returns how much later a container without negative times shows all of it, by the gap of the first frame."""
    unsigned = any(name in after.container.format.name for name in UNSIGNED_CLOCKS)
    return gap if unsigned and after.layout.time_base < gap <= LONGEST_SHIFT_SECONDS else Fraction(0)


# Streams


@dataclass(frozen=True)
class StreamCheck:
    """One copied stream, before and after."""

    name: str
    is_there: bool
    """The result has it."""

    identical: bool
    """Payloads agree byte for byte, apart from what containers add to them."""

    packets_in: int
    packets_out: int


def compare_streams(before: FilmSource, after: FilmSource, shift: Fraction, report: Verification) -> None:
    """Compares payloads and extent of everything beside the film."""
    old_kinds, new_kinds = streams_by_kind(before), streams_by_kind(after)
    old_digests = stream_digests(before.path, {stream.index for kind in old_kinds.values() for stream in kind})
    new_digests = stream_digests(after.path, {stream.index for kind in new_kinds.values() for stream in kind})
    checks = []
    for kind, streams in old_kinds.items():
        for old, new in zip_longest(streams, new_kinds.get(kind, [])[: len(streams)]):
            first = old_digests[old.index]
            second = new_digests[new.index] if new is not None else StreamDigest()
            same = new is not None and first.sha256 == second.sha256
            checks.append(StreamCheck(described(old), new is not None, same, first.packets, second.packets))
            if new is None:
                report.problems.append(f"{described(old)} is missing")
            elif not same:
                report.problems.append(f"{described(old)} was changed")
            elif kind != "cover art" and is_moved(first, second, shift, tolerance=Fraction(new.time_base or 0)):
                report.problems.append(f"{described(old)} begins or ends at another time")
    report.facts["streams"] = checks
    for check in checks:
        state = "identical" if check.identical else "kept, but other data" if check.is_there else "missing"
        report.note("stream", f"{check.name}: {state}, {check.packets_out} of {check.packets_in} packets")


def streams_by_kind(source: FilmSource) -> dict[str, list[Stream]]:
    """Returns the streams to compare, in the file's order, without those that a container makes by itself."""
    kinds: dict[str, list[Stream]] = defaultdict(list)
    for stream in source.container.streams:
        if stream is not source.stream and not is_chapter_track(stream) and not is_timecode_track(stream):
            kinds["cover art" if is_cover_art(stream) else stream.type].append(stream)
    return kinds


def is_moved(first: StreamDigest, second: StreamDigest, shift: Fraction, tolerance: Fraction) -> bool:
    """Whether a stream begins or ends elsewhere, apart from the shift of the whole file (known to a tick)."""
    pairs = ((first.start_seconds, second.start_seconds), (first.end_seconds, second.end_seconds))
    slack = 2 * tolerance if shift else tolerance
    return any(old is not None and new is not None and abs(new - old - shift) > slack for old, new in pairs)


# Tags


def compare_tags(before: FilmSource, after: FilmSource, report: Verification) -> None:
    """Compares rotation, pixel shape, colour tags, chapters and the file's own tags."""
    old, new = before.layout, after.layout
    for what, wanted, found in (
        ("size", (old.width, old.height), (new.width, new.height)),
        ("rotation", old.rotation, new.rotation),
        ("pixel aspect ratio", old.sample_aspect_ratio, expected_aspect(before, after)),
        ("colour matrix tag", old.tags.colorspace, new.tags.colorspace),
        ("primaries tag", old.tags.primaries, new.tags.primaries),
        ("transfer tag", old.tags.trc, new.tags.trc),
        ("range tag", old.tags.color_range, new.tags.color_range),
        ("number of chapters", len(before.container.chapters()), len(after.container.chapters())),
    ):
        report.expect(wanted == found, f"{what} is {found}, not {wanted}")
    present = {key.lower() for key in after.container.metadata}
    missing = sorted(key for key in file_metadata(before.container.metadata, None) if key.lower() not in present)
    report.facts["tags_missing"] = missing
    if missing:
        report.note("tags gone", ", ".join(missing))


def expected_aspect(before: FilmSource, after: FilmSource) -> Fraction:
    """Returns the result's pixel aspect ratio; the original's where both show the picture at one width.

    Matroska keeps the shape of pixels only as that whole number.
    """
    old, new = before.layout.sample_aspect_ratio, after.layout.sample_aspect_ratio
    same = round(before.layout.width * old) == round(after.layout.width * new)
    return old if same else new
