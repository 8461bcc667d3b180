"""EXIF's orientation, and the mark in XMP that says that the colour is machine-made."""

from __future__ import annotations

import re

from PIL import Image
from PIL.ExifTags import Base

# IPTC's controlled value for a picture that mixes captured and machine-made content.
DIGITAL_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
EXIF_HEADER = b"Exif\0\0"
EMPTY_EXIF = 8  # bytes, after which there is nothing but zeros where there are no entries

EMPTY_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""

ABOUT = re.compile(r"""<[\w.-]+:Description\b[^>]*?\b[\w.-]+:about\s*=\s*("[^"<]*"|'[^'<]*')""")
END_OF_RDF = re.compile(r"</([\w.-]+):RDF\s*>")
NAMESPACE = re.compile(rf"""xmlns:([\w.-]+)\s*=\s*["']{re.escape(IPTC_EXTENSION)}["']""")
BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8"))


def orientation_and_warnings(exif: bytes | None) -> tuple[int, tuple[str, ...]]:
    """Returns the orientation in EXIF data (from its TIFF header on), 1 to 8; where it is not known, 1 and a line."""
    if not exif:
        return 1, ()
    fields = Image.Exif()
    try:
        fields.load(EXIF_HEADER + exif)
        is_broken = not fields and any(exif[EMPTY_EXIF:])  # for Pillow warns, and reads on
    except Exception:  # of many kinds
        is_broken = True
    if is_broken:
        return 1, ("the EXIF data is broken, it is copied as it is and its orientation is not known",)
    orientation = fields.get(Base.Orientation, 1)
    if orientation not in range(1, 9):
        return 1, (f"the EXIF orientation {orientation} is none of 1 to 8 and is taken as 1",)
    return int(orientation), ()


def decode_packet(xmp: bytes) -> tuple[str, str]:
    """Returns an XMP packet's text, byte order mark and all, and its encoding. Raises ``UnicodeDecodeError``."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if xmp.startswith(mark):
            return xmp.decode(encoding), encoding
    return xmp.decode("utf-8"), "utf-8"


def source_type_pattern(text: str) -> re.Pattern[str]:
    """Returns what finds a digital source type, written as an element or as an attribute."""
    prefixes = {match[1] for match in NAMESPACE.finditer(text)} or {"Iptc4xmpExt"}
    names = "|".join(f"{re.escape(prefix)}:DigitalSourceType" for prefix in sorted(prefixes))
    return re.compile(rf"""(?P<open><(?P<name>{names})\b[^>/]*>|\b(?:{names})\s*=\s*["'])(?P<value>[^<"']*)""")


def mark_machine_made(xmp: bytes | None) -> tuple[bytes, tuple[str, ...]]:
    """Returns XMP with the IPTC digital source type set and all else as it was, and lines about what was not kept.

    The packet is edited as text: parsing and writing it again would rename its prefixes and drop its padding.
    """
    if not xmp or not xmp.strip(b"\0 \r\n\t"):
        return mark_machine_made(EMPTY_PACKET.encode())[0], ()
    unreadable = ("the XMP data is broken; it is copied, and does not say that the colour is machine-made",)
    try:
        text, encoding = decode_packet(xmp)
    except UnicodeDecodeError:
        return xmp, unreadable
    present = source_type_pattern(text)
    if present.search(text):
        text = present.sub(lambda match: match["open"] + DIGITAL_SOURCE_TYPE, text)
        return text.encode(encoding), ()
    ends = list(END_OF_RDF.finditer(text))
    if not ends:
        return xmp, unreadable
    end, rdf = ends[-1], ends[-1][1]
    first = ABOUT.search(text)  # all descriptions of a packet are about one thing, and say so alike
    about = first[1] if first else '""'
    description = (
        f"<{rdf}:Description {rdf}:about={about} "
        f'xmlns:Iptc4xmpExt="{IPTC_EXTENSION}">'
        f"<Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType></{rdf}:Description>\n"
    )
    return (text[: end.start()] + description + text[end.start() :]).encode(encoding), ()


def is_marked(xmp: bytes | None) -> bool:
    """Whether XMP says that the picture is partly machine-made."""
    return xmp is not None and DIGITAL_SOURCE_TYPE.encode() in xmp.replace(b"\0", b"")
