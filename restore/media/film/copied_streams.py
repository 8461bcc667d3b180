"""The streams that go along unchanged: read a second time, in step with the encoder."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from restore.media.film.decoding import Damage, read_packets
from restore.media.film.demuxing import is_cover_art, open_media, seek_before
from restore.media.film.timestamps import TimeWindow

__all__ = ["CopiedStreams", "cover_art_bytes"]


class CopiedStreams:
    """Copies packets from a file into an output that is being written, never further than it is asked to.

    A second pass over the file instead of one that feeds both, so that no queue grows while the encoder looks ahead.
    """

    def __init__(self, path: Path, output: OutputContainer, targets: dict[int, Stream], window: TimeWindow) -> None:
        """``targets`` maps a stream's index in the file to its stream in the output."""
        self.output = output
        self.targets = targets
        self.window = window
        self.counts = dict.fromkeys(targets, 0)
        """Packets copied, by the stream's index in the file."""
        self.damage = Damage()
        self.last_dts: dict[int, int] = {}
        self.container = open_media(path) if targets else None
        self.packets = self.read(self.container) if self.container is not None else iter(())
        self.held: Packet[Stream] | None = None

    def read(self, container: InputContainer) -> Iterator[Packet[Stream]]:
        """Packets of the wanted streams within the window, on the shifted clock."""
        wanted = [container.streams[index] for index in self.targets]
        for stream in container.streams:
            if stream.index not in self.targets:
                stream.discard = Discard.all
        if self.window.start is not None:
            seek_before(container, self.window.start)
        for packet in read_packets(container, wanted, self.damage):
            if is_cover_art(packet.stream) or self.moved_into_window(packet):
                yield packet

    def moved_into_window(self, packet: Packet[Stream]) -> bool:
        """Sets sound times on the packet; False where it lies outside."""
        index = packet.stream.index
        time_base = Fraction(packet.time_base)
        if packet.dts is None:
            packet.dts = packet.pts if packet.pts is not None else self.last_dts.get(index, -1) + 1
        if packet.pts is None:
            packet.pts = packet.dts
        if not self.window.whole:
            if not self.window.holds(packet.pts * time_base):
                return False
            shift = round(self.window.shift / time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        last = self.last_dts.get(index)
        if last is not None and packet.dts <= last:  # muxers insist; the order of the packets is what counts
            packet.dts = last + 1
            packet.pts = max(packet.pts, packet.dts)
        self.last_dts[index] = packet.dts
        return True

    def mux_until(self, seconds: Fraction | None) -> None:
        """Writes every packet up to a time of decoding; None for all that are left."""
        while True:
            if self.held is None:
                self.held = next(self.packets, None)
            packet = self.held
            if packet is None:
                return
            due = packet.dts is None or seconds is None or packet.dts * packet.time_base <= seconds
            if not due:
                return
            self.counts[packet.stream.index] += 1
            packet.stream = self.targets[packet.stream.index]
            self.output.mux_one(packet)
            self.held = None

    def close(self) -> None:
        if self.container is not None:
            self.container.close()


def cover_art_bytes(path: Path, indices: list[int]) -> dict[int, bytes]:
    """The files behind cover art streams, by stream index."""
    pictures: dict[int, bytes] = {}
    if not indices:
        return pictures
    with open_media(path) as container:
        for packet in container.demux([container.streams[index] for index in indices]):
            if packet.size:
                pictures.setdefault(packet.stream.index, bytes(packet))
            if len(pictures) == len(indices):
                break
    return pictures
