"""EXIF's orientation and the IPTC mark in XMP."""

from __future__ import annotations

import struct
from xml.etree import ElementTree

import pytest

from restore.media.photo.metadata import (
    DIGITAL_SOURCE_TYPE,
    IPTC_EXTENSION,
    is_marked,
    mark_machine_made,
    orientation_and_warnings,
)

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PACKET = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">
<rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="image/jpeg">
<dc:creator><rdf:Seq><rdf:li>Zoë</rdf:li></rdf:Seq></dc:creator></rdf:Description>
</rdf:RDF></x:xmpmeta>
   <?xpacket end="w"?>"""


def source_types(xmp: bytes) -> list[str]:
    """Parsed, so that a broken packet fails."""
    name = f"{{{IPTC_EXTENSION}}}DigitalSourceType"
    root = ElementTree.fromstring(xmp)
    found = [element.text or "" for element in root.iter(name)]
    return found + [element.attrib[name] for element in root.iter() if name in element.attrib]


def exif(orientation: int, order: str = "<") -> bytes:
    mark = b"II" if order == "<" else b"MM"
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int, order: str) -> None:
    assert orientation_and_warnings(exif(orientation, order)) == (orientation, ())


@pytest.mark.filterwarnings("ignore")  # of Pillow, as batches do
@pytest.mark.parametrize("broken", [b"hello", exif(6)[:12], exif(6)[:3], exif(0), exif(9)])
def test_orientation_that_cannot_be_known_is_said(broken: bytes) -> None:
    orientation, warnings = orientation_and_warnings(broken)
    assert orientation == 1
    assert "EXIF" in warnings[0]


def test_no_exif_is_upright() -> None:
    assert orientation_and_warnings(None) == (1, ())
    assert orientation_and_warnings(b"MM\0*\0\0\0\x08" + bytes(6)) == (1, ())


def test_a_new_packet() -> None:
    xmp, warnings = mark_machine_made(None)
    assert source_types(xmp) == [DIGITAL_SOURCE_TYPE]
    assert not warnings


def test_merged_into_a_packet_that_stays_as_it_is() -> None:
    xmp, warnings = mark_machine_made(PACKET.encode())
    assert not warnings
    assert source_types(xmp) == [DIGITAL_SOURCE_TYPE]
    abouts = {
        element.attrib[f"{{{RDF}}}about"] for element in ElementTree.fromstring(xmp).iter(f"{{{RDF}}}Description")
    }
    assert abouts == {"uuid:1"}
    start, end = PACKET.split("</rdf:RDF>")
    assert xmp.decode().startswith(start)
    assert xmp.decode().endswith(end)
    assert is_marked(xmp)
    assert not is_marked(PACKET.encode())


@pytest.mark.parametrize(
    "written",
    [
        '<rdf:Description rdf:about="" xmlns:e="{ns}" e:DigitalSourceType="http://x/old"/>',
        '<rdf:Description rdf:about="" xmlns:e="{ns}"><e:DigitalSourceType>http://x/old</e:DigitalSourceType></rdf:Description>',
    ],
)
def test_an_older_source_type_is_replaced(written: str) -> None:
    old = PACKET.replace("</rdf:RDF>", written.format(ns=IPTC_EXTENSION) + "</rdf:RDF>")
    xmp, warnings = mark_machine_made(old.encode())
    assert not warnings
    assert source_types(xmp) == [DIGITAL_SOURCE_TYPE]
    assert mark_machine_made(xmp)[0] == xmp


def test_utf_16_stays_utf_16() -> None:
    xmp, _ = mark_machine_made(b"\xff\xfe" + PACKET.encode("utf-16-le"))
    assert DIGITAL_SOURCE_TYPE in xmp.decode("utf-16")
    assert is_marked(xmp)


@pytest.mark.parametrize("broken", [b"no packet at all", b"\xff\x00\xfa<rdf:RDF>"])
def test_a_broken_packet_is_kept_and_said(broken: bytes) -> None:
    xmp, warnings = mark_machine_made(broken)
    assert xmp == broken
    assert len(warnings) == 1
