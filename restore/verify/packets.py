"""Digests of copied streams that do not depend on the container they lie in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.packet import Packet
from av.stream import AttachmentStream, Stream

from restore.media.film.containers import codec_name
from restore.media.film.decoding import Damage, open_media, read_packets

START_CODE = b"\x00\x00\x01"
ADTS_HEADER, ADTS_CRC = 7, 2
EMPTY_MOV_TEXT = b"\x00\x00"  # a gap between subtitles, which only MP4 has to fill


@dataclass
class StreamDigest:
    """Checksum, number and extent of a stream's packets."""

    packets: int = 0
    start_seconds: Fraction | None = None
    end_seconds: Fraction | None = None
    """When its last packet begins."""

    digest: Any = field(default_factory=hashlib.sha256, repr=False)

    @property
    def sha256(self) -> str:
        """Hex checksum of all payloads in a row."""
        return str(self.digest.hexdigest())

    def add(self, packet: Packet[Stream], payload: bytes) -> None:
        self.packets += 1
        self.digest.update(payload)
        if packet.pts is not None:
            seconds = packet.pts * Fraction(packet.time_base)
            self.start_seconds = seconds if self.start_seconds is None else min(seconds, self.start_seconds)
            self.end_seconds = seconds if self.end_seconds is None else max(seconds, self.end_seconds)


def stream_digests(path: Path, indices: set[int]) -> dict[int, StreamDigest]:
    """Returns digests of the streams with these indices; one pass, one packet in memory."""
    digests = {index: StreamDigest() for index in indices}
    with open_media(path) as container:
        streams = [container.streams[index] for index in sorted(indices)]
        for stream in streams:
            if isinstance(stream, AttachmentStream):
                digests[stream.index].packets = 1
                digests[stream.index].digest.update(stream.data)
        packeted = [stream for stream in streams if not isinstance(stream, AttachmentStream)]
        if not packeted:
            return digests
        for packet in read_packets(container, packeted, Damage()):
            payload = bare_payload(packet)
            if payload:
                digests[packet.stream.index].add(packet, payload)
    return digests


def bare_payload(packet: Packet[Stream]) -> bytes:
    """Returns the payload without what containers add: ADTS headers, start codes, lengths, repeated parameter sets."""
    data = bytes(packet)
    context, name = packet.stream.codec_context, codec_name(packet.stream) or ""
    if name == "aac" and len(data) > ADTS_HEADER and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        has_crc = not data[1] & 1
        return data[ADTS_HEADER + ADTS_CRC * has_crc :]
    if name == "mov_text" and data == EMPTY_MOV_TEXT:
        return b""
    if name in ("h264", "hevc"):
        extradata = (context.extradata or b"") if context is not None else b""
        units = length_prefixed(data, name, extradata) if extradata[:1] == b"\x01" else start_coded(data)
        return b"".join(unit for unit in units if is_picture(unit, name))
    return data


def length_prefixed(data: bytes, name: str, extradata: bytes) -> Iterator[bytes]:
    """Yields NAL units as in MP4 and Matroska; the width of their length fields stands in avcC and hvcC."""
    width = (extradata[4 if name == "h264" else 21] & 3) + 1
    position = 0
    while position + width <= len(data):
        length = int.from_bytes(data[position : position + width], "big")
        position += width
        yield data[position : position + length]
        position += length


def start_coded(data: bytes) -> Iterator[bytes]:
    """Yields NAL units as in transport streams; zeros before a start code are padding."""
    for unit in data.split(START_CODE)[1:]:
        yield unit.rstrip(b"\x00")


def is_picture(unit: bytes, name: str) -> bool:
    """Whether it is coded picture data, not parameters or remarks."""
    if not unit:
        return False
    return 1 <= unit[0] & 0x1F <= 5 if name == "h264" else (unit[0] >> 1) & 0x3F < 32
