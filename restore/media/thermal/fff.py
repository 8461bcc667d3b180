"""FLIR's file format FFF: a header, an index, records. A radiometric JPEG holds one, a SEQ or CSQ many.

Numbers of records and places in them are those that ExifTool documents (exiftool.org, tag names of FLIR).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from restore.errors import DamagedMediaError, InputError
from restore.media.photo.photo import check_size
from restore.media.thermal.radiometry import ZERO_CELSIUS, Radiometry

MAGIC = b"FFF\0"
HEADER_SIZE, ENTRY_SIZE, RAW_HEADER_SIZE = 64, 32, 32
VERSIONS = range(100, 200)
MAX_ENTRIES = 1024
MAX_VALUES = 1 << 26
MAX_RECORD = 1 << 28
"""Bytes: more than twice what the largest sensor gives uncompressed, and no reason to read more at once."""

RAW, CAMERA = 0x01, 0x20
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
SOF55, START_OF_SCAN = 0xF7, 0xDA
END_OF_JPEG = b"\xff\xd9"

PLANCK = {"planck_r1": 0x58, "planck_b": 0x5C, "planck_f": 0x60, "planck_r2": 0x30C}
SCENE = {
    "emissivity": 0x20, "distance_metres": 0x24, "reflected_kelvin": 0x28, "air_kelvin": 0x2C, "window_kelvin": 0x30,
    "window_transmission": 0x34, "humidity": 0x3C, "alpha1": 0x70, "alpha2": 0x74, "beta1": 0x78, "beta2": 0x7C,
    "x": 0x80,
}  # fmt: skip
PLANCK_O, FRAME_RATE, TAKEN = 0x308, 0x464, 0x384
TEXTS = {
    "camera": (0xD4, 32), "camera_part": (0xF4, 16), "camera_serial": (0x104, 16), "camera_software": (0x114, 16),
    "lens": (0x170, 32), "lens_part": (0x190, 16), "lens_serial": (0x1A0, 16), "filter": (0x1EC, 16),
}  # fmt: skip
NUMBERS = {"field_of_view_degrees": 0x1B4, "focus_distance_metres": 0x45C}
RANGES = {"range_highest_celsius": 0x90, "range_lowest_celsius": 0x94}


class Readable(Protocol):
    """Bytes, or a mapped file."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: slice, /) -> bytes: ...


@dataclass(frozen=True)
class FffIndex:
    """Places of the records of one FFF; it may announce more than there is."""

    creator: str
    places: dict[int, tuple[int, int]]
    """Start, counted in the whole file, and length of the first record of each kind."""

    end: int
    """Place after the last record."""

    @property
    def raw_length(self) -> int:
        """Bytes of the sensor's record; 0 where there is none."""
        return self.places.get(RAW, (0, 0))[1]


@dataclass(frozen=True)
class SensorRecord:
    """Content of the camera record."""

    radiometry: Radiometry | None
    metadata: dict[str, Any]
    milliseconds: int | None
    """Time since 1970, by the camera's clock."""

    frame_rate: int | None


def read_index(data: Readable, start: int = 0) -> FffIndex:
    """Reads the index of the FFF that begins at ``start``. Raises ``DamagedMediaError``."""
    header = data[start : start + HEADER_SIZE]
    if len(header) < HEADER_SIZE or header[:4] != MAGIC:
        raise DamagedMediaError("there is no FLIR header")
    order = next((sign for sign in "<>" if struct.unpack_from(f"{sign}I", header, 20)[0] in VERSIONS), None)
    if order is None:
        raise DamagedMediaError("the FLIR header is of no known version")
    at, count = struct.unpack_from(f"{order}II", header, 24)
    if not (HEADER_SIZE <= at < MAX_RECORD and 0 < count <= MAX_ENTRIES):
        raise DamagedMediaError("the FLIR index is damaged")
    index = data[start + at : start + at + count * ENTRY_SIZE]
    if len(index) < count * ENTRY_SIZE:
        raise DamagedMediaError("the FLIR index is cut off")
    places: dict[int, tuple[int, int]] = {}
    end = start + at + count * ENTRY_SIZE
    for entry in range(0, len(index), ENTRY_SIZE):
        kind, _, _, _, offset, length = struct.unpack_from(f"{order}HHIIII", index, entry)
        if kind == 0 or length == 0:
            continue
        if offset < HEADER_SIZE or offset + length > MAX_RECORD:
            raise DamagedMediaError("the FLIR index points outside of the file")
        places.setdefault(kind, (start + offset, length))
        end = max(end, start + offset + length)
    return FffIndex(header[4:20].split(b"\0")[0].decode("ascii", "replace"), places, end)


def record(data: Readable, index: FffIndex, kind: int) -> bytes:
    """Returns what there is of a record; empty where it is missing."""
    start, length = index.places.get(kind, (0, 0))
    return data[start : start + length]


def order_of(content: bytes) -> str:
    """Returns a record's byte order, known by its first number, which is small."""
    return "<" if content[1:2] == b"\0" else ">"


def decode_raw(data: Readable, index: FffIndex) -> NDArray[np.uint16]:
    """Decodes the sensor's counts ``H x W``. Raises ``DamagedMediaError`` and ``InputError``."""
    content = record(data, index, RAW)
    if len(content) <= RAW_HEADER_SIZE:
        raise DamagedMediaError("the record with the sensor's values is missing or cut off")
    order = order_of(content)
    width, height = struct.unpack_from(f"{order}HH", content, 2)
    check_size(width, height)
    if width * height > MAX_VALUES:
        raise DamagedMediaError(f"no sensor has {width} x {height} values")
    payload = content[RAW_HEADER_SIZE:]
    try:
        if payload.startswith(PNG):
            check_header(payload, 16, ">IIBB", (width, height, 16, 0))
            with Image.open(io.BytesIO(payload), formats=["PNG"]) as picture:
                raw = fix_byte_order(np.asarray(picture).astype(np.uint16))
        elif payload.startswith(JPEG) and (frame := lossless_frame(payload)) is not None:
            check_header(payload, frame + 5, ">HHB", (height, width, 1))
            if not payload.rstrip(b"\0").endswith(END_OF_JPEG):  # CharLS works for minutes on what has no end
                raise DamagedMediaError("the sensor's values are cut off")
            raw = np.asarray(imagecodecs.jpegls_decode(payload))
        else:
            raw = read_plain(payload, order, height, width)
    except InputError:
        raise
    except Exception as error:  # each codec has its own class of errors
        raise DamagedMediaError(f"the sensor's values cannot be decoded: {error}") from error
    if raw.shape != (height, width) or raw.dtype != np.uint16:
        raise DamagedMediaError(
            f"the sensor's values are {raw.dtype} of shape {raw.shape}, not 16 bits of {width}x{height}"
        )
    return raw


def lossless_frame(payload: bytes) -> int | None:
    """Returns the place of a JPEG-LS's size (ITU-T T.87, SOF55); None for another JPEG."""
    place = 2
    while place + 4 <= len(payload) and payload[place] == 0xFF and payload[place + 1] != START_OF_SCAN:
        if payload[place + 1] == SOF55:
            return place
        place += 2 + int(struct.unpack_from(">H", payload, place + 2)[0])
    return None


def check_header(payload: bytes, place: int, layout: str, expected: tuple[int, ...]) -> None:
    """Checks that the picture inside a record is gray and of the record's size, before memory is taken for it."""
    if len(payload) < place + struct.calcsize(layout) or struct.unpack_from(layout, payload, place) != expected:
        raise DamagedMediaError("the sensor's values are of another size than their record says")


def fix_byte_order(raw: NDArray[Any]) -> NDArray[Any]:
    """Returns counts in the byte order in which neighbours are alike: most FLIR cameras write their PNGs swapped."""
    if raw.dtype != np.uint16 or raw.ndim != 2:
        return raw
    swapped = raw.byteswap()
    return swapped if roughness(swapped) < roughness(raw) else raw


def roughness(raw: NDArray[Any]) -> float:
    """Returns the mean difference of neighbours, down and across."""
    if min(raw.shape) < 2:
        return 0.0
    return sum(float(np.abs(np.diff(raw.astype(np.int32), axis=axis)).mean()) for axis in (0, 1))


def read_plain(payload: bytes, order: str, height: int, width: int) -> NDArray[np.uint16]:
    missing = height * width - len(payload) // 2
    if missing > 0:
        raise DamagedMediaError(f"{missing} of its {height * width} values are cut off")
    return np.frombuffer(payload, f"{order}u2", height * width).reshape(height, width).astype(np.uint16)


def read_sensor(data: Readable, index: FffIndex) -> SensorRecord:
    """Reads the camera record; empty where it is missing or too short. Never raises for what it holds."""
    content = record(data, index, CAMERA)
    if len(content) < FRAME_RATE + 2:
        content = content.ljust(FRAME_RATE + 2, b"\0")
    order = order_of(content)

    def real(place: int) -> float:
        return float(struct.unpack_from(f"{order}f", content, place)[0])

    humidity = real(SCENE["humidity"])
    constants = {name: real(place) for name, place in (PLANCK | SCENE).items()}
    constants["humidity"] = humidity / 100 if humidity > 2 else humidity  # some cameras write percent
    radiometry = Radiometry(planck_o=float(struct.unpack_from(f"{order}i", content, PLANCK_O)[0]), **constants)
    metadata: dict[str, Any] = {}
    for name, (place, length) in TEXTS.items():
        text = content[place : place + length].split(b"\0")[0].decode("utf-8", "replace").strip()
        if text and text.isprintable():
            metadata[name] = text
    metadata |= {name: round(real(place), 4) for name, place in NUMBERS.items() if 0 < real(place) < 1e6}
    metadata |= {
        name: round(real(place) - ZERO_CELSIUS, 2) for name, place in RANGES.items() if 100 < real(place) < 1e4
    }
    seconds, fraction, zone = struct.unpack_from(f"{order}IIh", content, TAKEN)
    milliseconds = seconds * 1000 + min(fraction & 0xFFFF, 999) if seconds else None
    if milliseconds is not None:
        moment = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=milliseconds % 1000)
        metadata["taken"] = moment.isoformat(timespec="milliseconds")
        metadata["camera_minutes_from_utc"] = -zone
    rate = struct.unpack_from(f"{order}H", content, FRAME_RATE)[0]
    usable = radiometry if radiometry.is_usable else None
    return SensorRecord(usable, metadata, milliseconds, rate or None)
