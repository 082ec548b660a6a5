"""The packed RTF in which Outlook keeps a message's text (MS-OXRTFCP): LZ77 over a ring of 4,096 bytes."""

import struct

_RING, _MASK = 4096, 4095
_START = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans "
    rb"SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    + b"\r\n"
    + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_PACKED, _PLAIN = b"LZFu", b"MELA"
_LIMIT = 64 * 2**20  # bytes


def unpacked(data: bytes) -> bytes:
    """The RTF. Raises ValueError for what is no packed RTF; a stream that breaks off gives what it had."""
    if len(data) < 16:
        raise ValueError("the packed text has no head")
    _, size, kind = struct.unpack("<II4s", data[:12])
    if kind == _PLAIN:
        return data[16 : 16 + size]
    if kind != _PACKED:
        raise ValueError("the packed text is of no known kind")
    return _unpack(data, min(size, _LIMIT))


def _unpack(data: bytes, size: int) -> bytes:
    ring = bytearray(_START.ljust(_RING, b"\0"))
    at, write, out = 16, len(_START), bytearray()
    while at < len(data) and len(out) < size:
        control = data[at]
        at += 1
        for bit in range(8):
            run, at, ended = _next(data, at, control >> bit & 1, ring, write)
            for byte in run:
                ring[write] = byte
                write = (write + 1) & _MASK
            out += run
            if ended:
                return bytes(out[:size])
    return bytes(out[:size])


def _next(data: bytes, at: int, is_reference: int, ring: bytearray, write: int) -> tuple[bytes, int, bool]:
    """What the next token stands for, where the one after it begins, and whether it is the last."""
    if not is_reference:
        return data[at : at + 1], at + 1, at >= len(data)
    if at + 2 > len(data):
        return b"", at, True
    token = data[at] << 8 | data[at + 1]
    start, length = token >> 4, (token & 15) + 2
    if start == write:
        return b"", at + 2, True
    run = bytearray()
    for i in range(length):  # it may reach into what it writes itself
        place = (start + i) & _MASK
        fresh = (place - write) & _MASK
        run.append(run[fresh] if fresh < len(run) else ring[place])
    return bytes(run), at + 2, False
