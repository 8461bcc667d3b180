"""Tars: the same members in the same order, only pictures changed."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore.errors import DamagedMediaError, InputError
from restore.media.photo.tar import copy_tar, count_pictures, pictures_of, read_member

LONG = "a/very/long/name/" + "x" * 120 + ".jpg"


def shard(path: Path, members: dict[str, bytes], **options: int) -> Path:
    with tarfile.open(path, "w", **options) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size, header.mtime, header.mode, header.uname = len(content), 1_500_000_000, 0o640, "archive"
            tar.addfile(header, io.BytesIO(content))
        link = tarfile.TarInfo("again.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "1.jpg"
        tar.addfile(link)
    return path


MEMBERS = {
    "1.jpg": b"one",
    "1.json": b"{}" * 400,
    "._1.jpg": b"mac",
    LONG: b"two",
    "../evil.png": b"three",
    "last.cls": b"",
}


@pytest.mark.parametrize("layout", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_names_order_and_headers_stay(tmp_path: Path, layout: int) -> None:
    members = MEMBERS if layout != tarfile.USTAR_FORMAT else {k: v for k, v in MEMBERS.items() if k != LONG}
    source = shard(tmp_path / "in.tar", members, format=layout)
    pictures = [member.name for member in pictures_of(source)]
    assert pictures == [name for name in members if name.endswith(("jpg", "png")) and not name.startswith("._")]
    assert count_pictures(source) == len(pictures)
    bigger = {name: members[name] * 5000 for name in pictures}
    bigger["../evil.png"] = b""  # as for a picture that failed

    def results() -> Iterator[str]:
        yield from pictures

    with (tmp_path / "out.tar").open("wb") as file:
        copy_tar(source, file, results(), lambda name: bigger[name] or None)
    with tarfile.open(source) as before, tarfile.open(tmp_path / "out.tar") as after:
        assert after.getnames() == before.getnames()
        for old, new in zip(before, after, strict=True):
            assert (new.type, new.mode, new.mtime, new.uname, new.linkname) == (
                old.type,
                old.mode,
                old.mtime,
                old.uname,
                old.linkname,
            )
            if new.isreg():
                expected = bigger.get(new.name) or members[new.name]
                assert after.extractfile(new).read() == expected  # type: ignore[union-attr]


def test_read_member(tmp_path: Path) -> None:
    source = shard(tmp_path / "in.tar", MEMBERS)
    found = {member.name: read_member(source, member) for member in pictures_of(source)}
    assert found["1.jpg"] == b"one"
    assert found[LONG] == b"two"


@pytest.mark.parametrize("content", [b"", b"this is no tar" * 100])
def test_what_is_no_tar_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    with pytest.raises(InputError):
        count_pictures(path)
    with pytest.raises(InputError, match="no such file"):
        count_pictures(tmp_path / "missing.tar")


def test_compressed_and_truncated_tars_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "z.tar", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("1.jpg"))
    with pytest.raises(DamagedMediaError, match="uncompressed"):
        count_pictures(tmp_path / "z.tar")
    source = shard(tmp_path / "in.tar", {"1.jpg": b"1" * 5000, "2.jpg": b"2" * 5000})
    source.write_bytes(source.read_bytes()[:6000])
    with pytest.raises(DamagedMediaError, match="truncated"):
        count_pictures(source)
