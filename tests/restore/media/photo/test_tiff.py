"""TIFF: pages, tags, byte orders, compressions and odd samples."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import tifftools
from numpy.typing import NDArray
from PIL import Image

from restore.errors import DamagedMediaError, InputError
from restore.media.photo.metadata import is_marked
from restore.media.photo.photo import Photo
from restore.media.photo.reading import read_photo
from restore.media.photo.tiff_ifd import flavour_of, read_directories
from restore.media.photo.writing import write_photo

GRAY = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (37, 1))  # 37 x 60
GRAY_16 = GRAY.astype(np.uint16) * 257


def tiff(*pages: NDArray[Any], order: str = "<", big: bool = False, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=order, bigtiff=big) as writer:  # type: ignore[arg-type]
        for page in pages:
            writer.write(page, **{"photometric": "minisblack", "metadata": None, **options})
    return buffer.getvalue()


def coloured(photo: Photo) -> bytes:
    chromas = []
    for page in photo.pages:
        ramp = np.broadcast_to(np.linspace(0.2, -0.2, page.luma.shape[1], dtype=np.float32), page.luma.shape)
        chromas.append(np.stack([ramp, -ramp]))
    return write_photo(photo, chromas)


def both(data: bytes) -> tuple[Photo, Photo, tifffile.TiffFile]:
    before = read_photo(data)
    result = coloured(before)
    return before, read_photo(result), tifffile.TiffFile(io.BytesIO(result))


def same_luma(before: Photo, after: Photo) -> bool:
    white = (1 << before.bit_depth) - 1
    return all(
        np.abs(one.luma - other.luma).max() * white <= 0.8 for one, other in zip(before.pages, after.pages, strict=True)
    )


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("picture", [GRAY, GRAY_16], ids=["8", "16"])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd"])
def test_byte_order_size_depth_and_compression_are_kept(
    order: str, big: bool, picture: NDArray[Any], compression: str | None
) -> None:
    source = tiff(picture, order=order, big=big, compression=compression)
    before, after, file = both(source)
    page = file.pages[0].aspage()
    with tifffile.TiffFile(io.BytesIO(source)) as original:
        assert page.compression == original.pages[0].aspage().compression
    assert (file.byteorder, file.is_bigtiff) == (order, big)
    assert page.dtype == picture.dtype
    assert page.photometric == tifffile.PHOTOMETRIC.RGB
    assert same_luma(before, after)
    rgb = page.asarray().astype(float)
    assert (rgb[:, 20:25, 2] > rgb[:, 20:25, 0]).all()


def test_libtiff_reads_the_result() -> None:
    with Image.open(
        io.BytesIO(coloured(read_photo(tiff(GRAY, compression="lzw", resolution=(300, 200), resolutionunit=2))))
    ) as picture:
        assert np.abs(np.asarray(picture.convert("L"), int) - GRAY).max() == 0
        assert picture.info["dpi"] == (300, 200)


def test_every_page_is_coloured_and_keeps_its_size() -> None:
    before, after, file = both(tiff(GRAY, GRAY[:20, :30], GRAY[::-1, :50]))
    assert [page.luma.shape for page in after.pages] == [(37, 60), (20, 30), (37, 50)]
    assert same_luma(before, after)
    assert all(is_marked(page.aspage().tags[700].value) for page in file.pages)


def test_tags_stay_and_those_about_samples_go() -> None:
    tags = [
        (315, 2, 0, "An artist", False),
        (274, 3, 1, 6, False),
        (290, 3, 1, 2, False),
        (65001, 7, 4, b"\1\2\3\4", False),
    ]
    source = tiff(GRAY, extratags=tags, description="A street", iccprofile=bytes(imagecodecs.cms_profile("srgb")))
    before, after, file = both(source)
    kept = file.pages[0].aspage().tags
    assert before.orientation == after.orientation == 6
    assert kept[315].value == "An artist"
    assert kept[270].value == "A street"
    assert kept[65001].value == b"\1\2\3\4"
    assert 290 not in kept
    assert after.icc == before.icc is not None


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_exif_and_gps_directories_are_copied(order: str, big: bool) -> None:
    """One in another too."""
    info, file = tifftools.read_tiff(io.BytesIO(tiff(GRAY, order=order, big=big, resolution=(300, 300)))), io.BytesIO()
    interoperability = {"datatype": 13, "ifds": [[{"tags": {0x0001: {"datatype": 2, "data": "R98"}}}]]}
    taken = {"datatype": 2, "data": "1936:02:01 10:00:00"}
    exif = {0x829A: {"datatype": 5, "data": [1, 125]}, 0x9003: taken, 0xA005: interoperability}
    gps = {0x0002: {"datatype": 5, "data": [41, 1, 30, 1, 31, 2]}}
    for code, tags in ((0x8769, exif), (0x8825, gps)):
        info["ifds"][0]["tags"][code] = {"datatype": 13, "ifds": [[{"tags": tags}]]}
    tifftools.write_tiff(info, file)
    result = coloured(read_photo(file.getvalue()))
    with tifffile.TiffFile(io.BytesIO(result)) as written:
        kept = written.pages[0].aspage().tags
        assert kept[0x8769].value["DateTimeOriginal"] == "1936:02:01 10:00:00"
        assert kept[0x8769].value["ExposureTime"] == (1, 125)
        assert kept[0x8825].value["GPSLatitude"] == (41, 1, 30, 1, 31, 2)
    if not big:  # which Pillow does not read here
        with Image.open(io.BytesIO(result)) as picture:
            assert picture.getexif().get_ifd(0x8769)[0x9003] == "1936:02:01 10:00:00"
            assert picture.info["dpi"] == (300, 300)
    before, after = (read_directories(data)[0][0x8769].directory for data in (file.getvalue(), result))
    assert before is not None
    assert after is not None
    assert before[0xA005].directory == after[0xA005].directory != {}
    assert before[0x9003] == after[0x9003]


def test_values_are_the_same_bytes() -> None:
    """Of every type, on all pages; text without an end gets one."""
    tags = [
        (65000, 2, 4, b"abc\0", False), (65001, 1, 3, b"\1\2\3", False), (65002, 5, 2, bytes(range(16)), False),
        (65003, 10, 1, b"\xff" * 8, False), (65004, 11, 2, b"\0\0\xc0\x7f\0\0\x80\x3f", False),
        (65005, 12, 1, bytes(8), False), (65006, 8, 2, b"\xfe\xff\1\0", False), (65007, 7, 5, b"\0a\0b\0", False),
    ]  # fmt: skip
    source = tiff(GRAY, GRAY, extratags=tags)
    for before, after in zip(read_directories(source), read_directories(coloured(read_photo(source))), strict=True):
        assert {code: before[code] for code, *_ in tags} == {code: after[code] for code, *_ in tags}


def test_tags_that_point_nowhere_are_left_out() -> None:
    """Private directories, which are not read, and those of fax machines."""
    source = tiff(GRAY, extratags=[(65010, 13, 1, 8, False), (400, 4, 1, 8, False), (65011, 4, 1, 8, False)])
    result = read_directories(coloured(read_photo(source)))[0]
    assert 65011 in result
    assert not {65010, 400} & set(result)


def test_min_is_white_is_turned_round() -> None:
    before, after, _ = both(tiff(GRAY, photometric="miniswhite"))
    assert np.array_equal(before.pages[0].luma_codes, 255 - GRAY)
    assert same_luma(before, after)


def test_planes_tiles_palette_and_cmyk() -> None:
    rgb = np.stack([GRAY, GRAY // 2, GRAY // 3])
    before, after, _ = both(tiff(rgb, photometric="rgb", planarconfig="separate"))
    assert before.luma == pytest.approx(np.tensordot([0.299, 0.587, 0.114], rgb, 1) / 255, abs=1e-4)
    assert same_luma(before, after)

    tiled = np.tile(GRAY, (2, 2))
    assert same_luma(*both(tiff(tiled, tile=(32, 32)))[:2])

    colours = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)
    before, _, _ = both(tiff(GRAY, photometric="palette", colormap=colours))
    assert before.luma == pytest.approx(GRAY / 255, abs=1e-4)

    inks = np.dstack([GRAY * 0, GRAY * 0, GRAY * 0, 255 - GRAY])
    before, after, _ = both(tiff(inks, photometric="separated"))
    assert before.luma == pytest.approx(GRAY / 255, abs=1e-4)
    assert any("CMYK" in warning for warning in before.warnings)
    assert same_luma(before, after)


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_alpha_keeps_its_kind(kind: str) -> None:
    alpha = np.tile(np.linspace(255, 0, 60).astype(np.uint8), (37, 1))
    luma = (GRAY.astype(np.uint16) * alpha // 255).astype(np.uint8) if kind == "assocalpha" else GRAY
    picture = np.dstack([luma, alpha])
    before, after, file = both(tiff(picture, extrasamples=[kind], planarconfig="contig"))
    assert list(file.pages[0].aspage().extrasamples) == [tifffile.EXTRASAMPLE[kind.upper()]]
    assert np.array_equal(after.alpha, alpha)  # type: ignore[arg-type]
    assert before.pages[0].premultiplied is (kind == "assocalpha")
    assert same_luma(before, after)
    if kind == "assocalpha":  # no colour is brighter than its alpha
        assert (file.pages[0].asarray()[..., :3] <= alpha[..., None] + 1).all()


def test_odd_depths() -> None:
    bilevel = tiff(GRAY > 100, compression=None)
    before, after, _ = both(bilevel)
    assert (before.source_bit_depth, before.bit_depth) == (1, 8)
    assert set(np.unique(before.pages[0].luma_codes)) == {0, 255}
    assert same_luma(before, after)
    buffer = io.BytesIO()
    Image.fromarray(GRAY > 100).save(buffer, "TIFF", compression="group4")
    before, after, file = both(buffer.getvalue())
    assert file.pages[0].aspage().compression == tifffile.COMPRESSION.ADOBE_DEFLATE
    assert same_luma(before, after)
    twelve = read_photo(tiff(GRAY_16 >> 4, bitspersample=12))
    assert (twelve.source_bit_depth, twelve.bit_depth) == (12, 16)
    assert twelve.luma == pytest.approx((GRAY_16 >> 4) / 4095, abs=1e-5)


@pytest.mark.parametrize("picture", [GRAY.astype(np.float32), GRAY.astype(np.int16), GRAY.astype(np.uint32)])
def test_samples_without_black_and_white_are_refused(picture: NDArray[Any]) -> None:
    with pytest.raises(InputError, match="no black and white"):
        read_photo(tiff(picture))


def test_broken_files_are_refused() -> None:
    data = bytearray(tiff(GRAY, GRAY))
    flavour = flavour_of(bytes(data))
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    circle = bytes(data)[: first + 2 + 12 * count] + first.to_bytes(4, "little") + bytes(data)[first + 6 + 12 * count :]
    assert flavour.order == "<"
    with pytest.raises(DamagedMediaError, match="circle"):
        read_directories(circle)
    with pytest.raises(DamagedMediaError):
        read_photo(bytes(data[:-200]))
    with pytest.raises(DamagedMediaError):
        read_photo(bytes(data[:12]))
