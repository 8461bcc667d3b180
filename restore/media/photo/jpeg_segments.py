"""A JPEG file as its marker segments (ITU-T T.81, annex B): looked at, copied and patched without decoding."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from restore.errors import DamagedMediaError, InputError

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Any that is not part of a scan."""

COEFFICIENTS = 64
SOS, DRI, COMMENT, APP0, APP1, APP2, APP14, APP15 = 0xDA, 0xDD, 0xFE, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
READABLE_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive Huffman
DECISIVE = FRAME_MARKERS | {0xC4, 0xDB, DRI}  # frame, Huffman and quantization tables, restart interval
EXIF = b"Exif\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
ICC = b"ICC_PROFILE\0"
MULTI_PICTURE = b"MPF\0"
LARGEST_PAYLOAD = 65533


@dataclass(frozen=True)
class Segment:
    """A marker with a length: ``data[start:end]``, from its 0xFF on."""

    marker: int
    start: int
    end: int
    payload: bytes


@dataclass(frozen=True)
class Component:
    """One line of the frame header."""

    identity: int
    across: int
    """Horizontal sampling factor."""

    down: int
    table: int
    """Number of its quantization table."""


@dataclass(frozen=True)
class FrameHeader:
    """What a JPEG says about its picture."""

    width: int
    height: int
    progressive: bool
    components: tuple[Component, ...]
    space: str
    """L, YCbCr, RGB or CMYK."""

    restart_interval: int = 0
    """In coding units; 0 for none."""

    @property
    def restart_rows(self) -> int:
        """Returns after how many rows of coding units decoding restarts; 0 for none, or not at the ends of rows."""
        widest = max(component.across for component in self.components) if len(self.components) > 1 else 1
        rows, rest = divmod(self.restart_interval, -(-self.width // (8 * widest)))
        return 0 if rest or self.progressive else rows


def segments(data: bytes, position: int = 2) -> Iterator[Segment]:
    """Yields the segments from ``position`` on, up to and with the next start of scan. Raises ``DamagedMediaError``."""
    while True:
        if data[position : position + 1] != b"\xff":
            raise DamagedMediaError("the JPEG's headers are cut off or broken")
        while data[position + 1 : position + 2] == b"\xff":  # fill bytes
            position += 1
        if len(data) < position + 4:
            raise DamagedMediaError("the JPEG ends before its picture")
        marker = data[position + 1]
        end = position + 2 + struct.unpack_from(">H", data, position + 2)[0]
        if end > len(data) or end < position + 4:
            raise DamagedMediaError("the JPEG ends before its picture")
        yield Segment(marker, position, end, data[position + 4 : end])
        if marker == SOS:
            return
        position = end


def read_frame(parts: Iterable[Segment]) -> FrameHeader:
    """Returns the frame header, with the colour space as libjpeg decides on it. Raises ``InputError``."""
    frame, has_jfif, transform, interval = None, False, None, 0
    for part in parts:
        if part.marker == APP0 and part.payload.startswith(b"JFIF\0"):
            has_jfif = True
        elif part.marker == APP14 and part.payload.startswith(b"Adobe") and len(part.payload) >= 12:
            transform = part.payload[11]
        elif part.marker == DRI and len(part.payload) == 2:
            (interval,) = struct.unpack(">H", part.payload)
        elif part.marker in FRAME_MARKERS:
            frame = part
    if frame is None or len(frame.payload) < 6:
        raise DamagedMediaError("the JPEG has no frame header")
    precision, height, width, count = struct.unpack_from(">BHHB", frame.payload)
    if frame.marker not in READABLE_FRAMES or precision != 8:
        raise InputError(
            f"a JPEG of kind SOF{frame.marker - 0xC0} with {precision} bits cannot be read; convert it to TIFF"
        )
    lines = frame.payload[6:]
    if len(lines) < 3 * count or count not in (1, 3, 4):
        raise DamagedMediaError(f"the JPEG's frame header is broken: {count} components")
    components = tuple(
        Component(lines[i], lines[i + 1] >> 4, lines[i + 1] & 15, lines[i + 2]) for i in range(0, 3 * count, 3)
    )
    identities = bytes(component.identity for component in components)
    if count != 3:
        space = "L" if count == 1 else "CMYK"
    elif has_jfif or transform:
        space = "YCbCr"
    else:
        space = "RGB" if transform == 0 or identities == b"RGB" else "YCbCr"
    return FrameHeader(width, height, frame.marker == 0xC2, components, space, interval)


def has_whole_luma(data: bytes, frame: FrameHeader) -> bool:
    """Whether the scans of a progressive file hold all bits of its luma; what is missing, decoders guess."""
    missing, position = set(range(COEFFICIENTS)), 2
    try:
        while missing:
            *_, scan = segments(data, position)
            identities, (first, last, bits) = scan.payload[1:-3:2], scan.payload[-3:]
            if frame.components[0].identity in identities and not bits & 15:
                missing -= set(range(first, last + 1))
            following = MARKER.search(data, scan.end)
            if following is None or following[0] == EOI:
                break
            position = following.start()
    except (DamagedMediaError, ValueError):
        return False
    return not missing


def exif_of(parts: Iterable[Segment]) -> bytes | None:
    """Returns EXIF data from its TIFF header on."""
    for part in parts:
        if part.marker == APP1 and part.payload.startswith(EXIF):
            return part.payload[6:]
    return None


def xmp_of(parts: Iterable[Segment]) -> bytes | None:
    """Returns the XMP packet."""
    for part in parts:
        if part.marker == APP1 and part.payload.startswith(XMP):
            return part.payload[len(XMP) :]
    return None


def icc_of(parts: Iterable[Segment]) -> bytes | None:
    """Returns the ICC profile, put together from its numbered pieces."""
    pieces = sorted(
        (part.payload[12], part.payload[14:])
        for part in parts
        if part.marker == APP2 and part.payload.startswith(ICC) and len(part.payload) > 14
    )
    return b"".join(piece for _, piece in pieces) or None


def segment(marker: int, payload: bytes) -> bytes:
    """Returns a segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def xmp_segment(xmp: bytes) -> bytes | None:
    """Returns an XMP packet as a segment; nothing where it is too long for one."""
    return segment(APP1, XMP + xmp) if len(XMP) + len(xmp) <= LARGEST_PAYLOAD else None


def icc_segments(profile: bytes) -> bytes:
    """Returns an ICC profile as numbered segments."""
    room = LARGEST_PAYLOAD - len(ICC) - 2
    pieces = [profile[start : start + room] for start in range(0, len(profile), room)]
    return b"".join(segment(APP2, ICC + bytes([number, len(pieces)]) + piece) for number, piece in enumerate(pieces, 1))


def without_metadata(data: bytes) -> bytes:
    """Returns only what decides on pixels, so that no decoder stumbles over broken metadata, or interprets any."""
    head, scan = [SOI], len(data)
    for part in segments(data):
        names_space = part.marker == APP0 or (part.marker == APP14 and part.payload.startswith(b"Adobe"))
        if part.marker == SOS:
            scan = part.start
        elif names_space or part.marker in DECISIVE:
            head.append(data[part.start : part.end])
    return b"".join(head) + data[scan:]


def with_segments(encoded: bytes, source: bytes, *, keep_adobe: bool, xmp: bytes | None, icc: bytes | None) -> bytes:
    """Returns ``encoded`` with all application segments and comments of ``source``, in order, in place of its own.

    ``xmp`` and ``icc``, as whole segments, take the place of the source's; None keeps what the source has of XMP, and
    leaves ICC out. Offsets to further pictures after the first (MPF) point nowhere now and are left out.
    """
    head, has_jfif = [], False
    placed_xmp, placed_icc = xmp is None, icc is None
    for part in segments(source):
        application = APP0 <= part.marker <= APP15
        if not (application or part.marker == COMMENT):
            continue
        raw: bytes | None = source[part.start : part.end]
        if part.marker == APP0 and part.payload.startswith(b"JFIF\0"):
            has_jfif = True
        elif part.marker == APP14 and part.payload.startswith(b"Adobe") and not keep_adobe:
            raw = None
        elif part.marker == APP1 and part.payload.startswith(XMP) and xmp is not None:
            raw, placed_xmp = (None if placed_xmp else xmp), True
        elif part.marker == APP2 and part.payload.startswith(ICC):
            raw, placed_icc = (None if placed_icc else icc), True
        elif part.marker == APP2 and part.payload.startswith(MULTI_PICTURE):
            raw = None
        if raw is not None:
            head.append(raw)
    if not placed_xmp and xmp is not None:
        head.append(xmp)
    if not placed_icc and icc is not None:
        head.append(icc)
    if not has_jfif and not keep_adobe:  # then nothing would say that this is YCbCr
        head = [segment(APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"), *head]
    first_kept = next(part.start for part in segments(encoded) if not APP0 <= part.marker <= APP15)
    return SOI + b"".join(head) + encoded[first_kept:]
