"""A tar of pictures, such as a WebDataset shard: the same members in the same order, pictures coloured."""

from __future__ import annotations

import copy
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from restore.errors import DamagedMediaError, InputError
from restore.media.photo.reading import PHOTO_SUFFIXES

Member = tarfile.TarInfo
Result = TypeVar("Result")


@contextmanager
def open_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """Opens an uncompressed tar. Raises ``InputError`` where it is none, is compressed, or breaks while it is read."""
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except FileNotFoundError as error:
        raise InputError("there is no such file") from error
    except tarfile.TarError as error:
        if path.stat().st_size == 0:
            raise InputError("the file is empty") from error
        raise DamagedMediaError(f"this is no uncompressed tar, or it is truncated: {error}") from error


def members(tar: tarfile.TarFile) -> Iterator[Member]:
    """Yields one after the other, and keeps nothing of them, so that a shard of any length streams.

    Raises ``tarfile.ReadError`` also where a broken header follows, which tarfile takes for the end.
    """
    while (member := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined]
        yield member
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    block = tar.fileobj.read(tarfile.BLOCKSIZE)
    if block.strip(b"\0") or len(block) not in (0, tarfile.BLOCKSIZE):
        raise tarfile.ReadError("a member's header is broken")


def is_picture(member: Member) -> bool:
    """Whether its name says so, as those of a folder's files do; macOS's ``._`` companions are none."""
    name = member.name.rpartition("/")[2]
    return member.isreg() and Path(name).suffix.lower() in PHOTO_SUFFIXES and not name.startswith(".")


def pictures_of(path: Path) -> Iterator[Member]:
    """Yields the members that are pictures. Raises ``InputError``."""
    with open_tar(path) as tar:
        yield from filter(is_picture, members(tar))


def count_pictures(path: Path) -> int:
    """Returns how many members are pictures, by all their headers. Raises ``InputError``."""
    with closing(pictures_of(path)) as pictures:  # type: ignore[type-var]
        return sum(1 for _ in pictures)


def read_member(path: Path, member: Member) -> bytes:
    """Returns a member's bytes, through a file of its own: any thread may read. Raises ``DamagedMediaError``."""
    with path.open("rb") as file:
        file.seek(member.offset_data)
        data = file.read(member.size)
    if len(data) != member.size:
        raise DamagedMediaError("the tar is truncated in this member")
    return data


def copy_tar(
    source: Path, target: BinaryIO, coloured: Iterator[Result], bytes_of: Callable[[Result], bytes | None]
) -> None:
    """Writes every member of ``source``; a picture takes what ``bytes_of`` the next of ``coloured`` has for it.

    ``coloured`` has a result for each picture, in their order. Where there are no bytes the member stays as it is.
    Raises ``InputError`` where the tar breaks.
    """
    with (
        open_tar(source) as tar,
        tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as result,
        source.open("rb") as stored,
    ):
        for member in members(tar):
            data = bytes_of(next(coloured)) if is_picture(member) else None
            if data is not None:
                result.addfile(header_of(member, len(data)), BytesIO(data))
            elif member.isreg() and not member.issparse():
                stored.seek(member.offset_data)
                result.addfile(header_of(member, member.size), stored)
            else:
                result.addfile(header_of(member, member.size), tar.extractfile(member) if member.isreg() else None)


def header_of(member: Member, size: int) -> Member:
    """Returns the member's header as it was, but for its size."""
    header = copy.copy(member)
    header.size = size
    if member.issparse():
        header.type = tarfile.REGTYPE
    # tarfile writes these anew where they do not fit into the header proper; the old ones would contradict it.
    anew = {"path", "linkpath", "size"}
    header.pax_headers = {key: value for key, value in member.pax_headers.items() if key not in anew}
    return header
