"""Zip files written byte by byte, so that every part of one can lie."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

DEFLATED = 8


@dataclass(frozen=True)
class Part:
    """A file in the zip. What is None is as it should be."""

    name: bytes
    data: bytes = b""
    method: int = DEFLATED
    packed: bytes | None = None
    flags: int = 0
    mode: int = 0o100644 << 16
    system: int = 3
    extra: bytes = b""
    crc: int | None = None
    size: int | None = None  # unpacked, as both headers say
    after: bytes = b""  # the data: a descriptor, or what should not be there
    offset: int | None = None
    disk: int = 0
    local_name: bytes | None = None
    local_method: int | None = None
    local_crc: int | None = None
    local_extra: bytes = b""
    blank: bool = False  # no sizes before the data


def deflated(data: bytes) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


def packed(
    parts: Sequence[Part],
    *,
    before: bytes = b"",
    gap: bytes = b"",
    middle: bytes = b"",
    after: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    disk: int = 0,
    shift: int = 0,
) -> bytes:
    """The zip; `before`, `gap` and `middle` (around the directory) and `after` are bytes that belong to nothing."""
    body, directory = before, b""
    for part in parts:
        data = part.packed if part.packed is not None else part.data
        if part.packed is None and part.method == DEFLATED:
            data = deflated(part.data)
        crc = zlib.crc32(part.data) if part.crc is None else part.crc
        size = len(part.data) if part.size is None else part.size
        offset = len(body) if part.offset is None else part.offset
        name = part.local_name if part.local_name is not None else part.name
        method = part.method if part.local_method is None else part.local_method
        told = (
            (0, 0, 0) if part.blank else (crc if part.local_crc is None else part.local_crc, len(data), size)
        )
        body += struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, part.flags, method, 0, 33, *told, len(name), len(part.local_extra)
        )
        body += name + part.local_extra + data + part.after
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", part.system << 8 | 20, 20, part.flags, part.method, 0, 33, crc, len(data),
            size, len(part.name), len(part.extra), 0, part.disk, 0, part.mode, offset,
        )  # fmt: skip
        directory += part.name + part.extra
    body += gap
    many = len(parts) if count is None else count
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", disk, 0, many, many, len(directory), len(body) + shift, len(comment)
    )
    return body + directory + middle + end + comment + after


def descriptor(data: bytes, *, sign: bool = True, crc: int | None = None) -> bytes:
    found = zlib.crc32(data) if crc is None else crc
    return (b"PK\7\x08" if sign else b"") + struct.pack("<3L", found, len(deflated(data)), len(data))
