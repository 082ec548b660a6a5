"""A plain zip file, read by us: what its directory says, what stands before each file, and the bytes must all agree.

Two readers of one zip may see two archives when its parts contradict one another. So nothing here is forgiven: the
entries tile the file from its first byte to its directory, and the directory ends where the file does.
"""

import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from stat import S_IFDIR, S_IFMT, S_IFREG
from typing import BinaryIO

from service.adapters.refused import Refused, shown

ENTRIES = 64  # an adapter has three files; more than this is not read on
RATIO = 100  # times a file may grow; weights hardly shrink when packed, text does by ten
SMALL = 1 << 16  # bytes that any file may have, however well packed

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _LATER, _UTF8 = 0x2041, 0x0008, 0x0800
_FLAGS = 0x0006 | _LATER | _UTF8  # how hard it was packed, sizes after the data, names in UTF-8
_UNIX, _MADE_ON = 3, 8
_WINDOWS_FOLDER, _WINDOWS_LINK = 0x10, 0x400
_CHUNK = 1 << 20
_PLAIN = "Pack it anew with an ordinary zip program."


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    raw: bytes  # the name's own bytes
    flags: int
    method: int
    crc: int
    packed: int  # bytes
    size: int  # bytes, unpacked
    offset: int  # of its local header
    start: int = 0  # of its data, once the local header has been read

    @property
    def folder(self) -> bool:
        return self.name.endswith("/")


def entries(stream: BinaryIO) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The zip's entries, and every reason why it is not plain (then nothing of it may be unpacked)."""
    try:
        start, raw, count = _directory(stream)
        found, reasons = _central(raw, count)
        if reasons:
            return (), tuple(reasons)
        return tuple(_tiled(stream, found, start)), ()
    except Refused as refused:
        return (), (refused.reason,)


def unpacked(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """The entry's bytes, counted as they come. Raises Refused as soon as they are not what was announced."""
    done, check = 0, 0
    for piece in _inflated(stream, entry) if entry.method == _DEFLATED else _copied(stream, entry):
        done, check = done + len(piece), zlib.crc32(piece, check)
        if done > entry.size:
            raise Refused(f"{shown(entry.name)} unpacks to more than it announces. {_PLAIN}")
        yield piece
    if done != entry.size or check != entry.crc:
        raise Refused(f"{shown(entry.name)} is damaged: its checksum is wrong. Send the file again.")


def _copied(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    stream.seek(entry.start)
    left = entry.packed
    while left and (piece := stream.read(min(left, _CHUNK))):
        left -= len(piece)
        yield piece


def _inflated(stream: BinaryIO, entry: Entry) -> Iterator[bytes]:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    for packed in _copied(stream, entry):
        while packed and not engine.eof:
            try:
                piece = engine.decompress(packed, _CHUNK)
            except zlib.error:
                raise Refused(f"{shown(entry.name)} is damaged: it cannot be unpacked.") from None
            packed = engine.unconsumed_tail
            yield piece
        if engine.unused_data or packed:
            raise Refused(f"{shown(entry.name)} has hidden bytes after its end. {_PLAIN}")
    yield engine.flush()
    if not engine.eof:
        raise Refused(f"{shown(entry.name)} is damaged: it ends too early. Send the file again.")


def _directory(stream: BinaryIO) -> tuple[int, bytes, int]:
    """Where the central directory starts, its bytes, and how many entries it announces."""
    length = stream.seek(0, 2)
    if length < _END.size:
        raise Refused(
            f"The file is no zip archive: it has {length} bytes. Send the adapter's files as a zip."
        )
    stream.seek(length - _END.size)
    sign, disk, first, here, count, size, start, comment = _END.unpack(stream.read(_END.size))
    if sign != b"PK\5\6" or comment:
        raise Refused(_no_end(stream, length))
    if disk or first or here != count:
        raise Refused("The zip is split over several volumes. Pack it into one file.")
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (size, start) or _is_zip64(stream, length):
        raise Refused("The zip is of the kind for files beyond 4 GB (zip64). " + _PLAIN)
    if start + size != length - _END.size:
        raise Refused(f"The zip's directory is not where its end says. {_PLAIN}")
    if not 0 < count <= ENTRIES or size > ENTRIES * 1024:
        raise Refused(f"The zip announces {count} files; an adapter has at most three. Leave the others out.")
    stream.seek(start)
    return start, stream.read(size), count


def _no_end(stream: BinaryIO, length: int) -> str:
    stream.seek(max(0, length - _END.size - 0x10000))
    if b"PK\5\6" in stream.read():
        return f"The zip's end is cut off, or has a comment or bytes after it. {_PLAIN}"
    return "The file is no zip archive, or its end is missing. Send the adapter's files as a zip."


def _is_zip64(stream: BinaryIO, length: int) -> bool:
    if length < _END.size + 20:
        return False
    stream.seek(length - _END.size - 20)
    return stream.read(4) == b"PK\6\7"


def _central(raw: bytes, count: int) -> tuple[list[Entry], list[str]]:
    found: list[Entry] = []
    reasons: list[str] = []
    at = 0
    for _ in range(count):
        if at + _CENTRAL.size > len(raw) or raw[at : at + 4] != b"PK\1\2":
            raise Refused(f"The zip's directory is damaged. {_PLAIN}")
        (_, made, _, flags, method, _, _, crc, packed, size, name, extra, comment, disk, _, mode, offset) = (
            _CENTRAL.unpack_from(raw, at)
        )
        at += _CENTRAL.size
        if at + name + extra + comment > len(raw):
            raise Refused(f"The zip's directory is damaged. {_PLAIN}")
        spelt, more = raw[at : at + name], raw[at + name : at + name + extra]
        at += name + extra + comment
        entry = Entry(spelt.decode("utf-8", "replace"), spelt, flags, method, crc, packed, size, offset)
        reasons += [
            f"{shown(entry.name)} {reason}"
            for reason in (
                _name(spelt, flags), _flags(flags), _kind(made >> _MADE_ON, mode, entry), _packing(entry),
                _extra(more, spelt), "lies on another volume. Pack it into one file." if disk else None,
            )
            if reason
        ]  # fmt: skip
        found.append(entry)
    if at != len(raw):
        raise Refused(f"The zip's directory holds more than it announces. {_PLAIN}")
    return found, reasons + _twice(found)


def _name(raw: bytes, flags: int) -> str | None:
    """Why this name may not be in an archive."""
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        return f"has a name that is not UTF-8. {_PLAIN}"
    parts = name.removesuffix("/").split("/")
    if name.startswith("/") or "\\" in name or ":" in name:
        return (
            "has a path of a whole machine (a root, a drive or a backslash). Pack the files by their names."
        )
    if any(part in ("..", ".", "") for part in parts):
        return "leads out of its folder. Pack the files by their names."
    if len(raw) > 255 or any(unicodedata.category(letter)[0] == "C" for letter in name):
        return "has control characters in its name, or too long a one. Rename it."
    if len(parts) > 2:
        return "lies too deep: one folder at most. Pack the adapter's own folder."
    return None


def _flags(flags: int) -> str | None:
    if flags & _ENCRYPTED:
        return "is encrypted. Pack it without a password."
    return f"uses zip features beyond the plain ones. {_PLAIN}" if flags & ~_FLAGS else None


def _kind(system: int, mode: int, entry: Entry) -> str | None:
    """Files and folders only. The upper half of `mode` is Unix's, where the archive was made there."""
    unix, dos = S_IFMT(mode >> 16) if system == _UNIX else 0, mode & 0xFFFF
    if unix not in (0, S_IFREG, S_IFDIR) or dos & _WINDOWS_LINK:
        return "is a link or a device. Put the file itself into the archive."
    marked = unix == S_IFDIR or bool(dos & _WINDOWS_FOLDER)
    if (marked or unix == S_IFREG) and marked != entry.folder:
        return f"calls itself both a file and a folder. {_PLAIN}"
    return None


def _packing(entry: Entry) -> str | None:
    if entry.method not in (_STORED, _DEFLATED):
        return f"is packed by method {entry.method}. Use the ordinary one (deflate)."
    if entry.folder and (entry.size or entry.packed > 2):  # some programs deflate nothing into two bytes
        return f"is a folder with contents of its own. {_PLAIN}"
    if entry.method == _STORED and entry.size != entry.packed:
        return f"is stored, but its sizes differ. {_PLAIN}"
    if entry.size > RATIO * entry.packed and entry.size > SMALL:
        return f"unpacks to more than {RATIO} times its size. Send weights that were trained."
    return None


def _extra(raw: bytes, name: bytes) -> str | None:
    at = 0
    while at < len(raw):
        if at + 4 > len(raw):
            return f"has a damaged entry in the directory. {_PLAIN}"
        kind, length = struct.unpack_from("<2H", raw, at)
        field, at = raw[at + 4 : at + 4 + length], at + 4 + length
        if at > len(raw):
            return f"has a damaged entry in the directory. {_PLAIN}"
        if kind == 0x0001:
            return f"is packed for files beyond 4 GB (zip64). {_PLAIN}"
        if kind == 0x7075 and field[5:] != name:  # Info-ZIP's Unicode path
            return f"has a second, different name. {_PLAIN}"
    return None


def _twice(found: list[Entry]) -> list[str]:
    """Names that some file system would take for one another."""
    seen: dict[str, str] = {}
    reasons = []
    for entry in found:
        plain = unicodedata.normalize("NFKC", entry.name).casefold().rstrip("/. ")
        if plain in seen:
            reasons.append(f"{shown(entry.name)} is in the archive twice. Leave one.")
        seen[plain] = entry.name
    return reasons


def _tiled(stream: BinaryIO, found: list[Entry], end: int) -> Iterator[Entry]:
    """The entries with the places of their data; they must follow one another without a gap or an overlap."""
    at = 0
    for entry in sorted(found, key=lambda entry: entry.offset):
        if entry.offset != at:
            wrong = "overlaps another file" if entry.offset < at else "has hidden bytes before it"
            raise Refused(f"{shown(entry.name)} {wrong}. {_PLAIN}")
        start = _local(stream, entry)
        at = start + entry.packed + _descriptor(stream, entry, start + entry.packed)
        if at > end:
            raise Refused(f"{shown(entry.name)} reaches into the zip's directory. {_PLAIN}")
        yield replace(entry, start=start)
    if at != end:
        raise Refused(f"The zip has hidden bytes before its directory. {_PLAIN}")


def _local(stream: BinaryIO, entry: Entry) -> int:
    """Where the entry's data starts. Raises Refused if its local header says anything else than the directory."""
    stream.seek(entry.offset)
    raw = stream.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or raw[:4] != b"PK\3\4":
        raise Refused(f"{shown(entry.name)} is not where the zip's directory says. {_PLAIN}")
    _, _, flags, method, _, _, crc, packed, size, name, extra = _LOCAL.unpack(raw)
    spelt, more = stream.read(name), stream.read(extra)
    told, known = (crc, packed, size), (entry.crc, entry.packed, entry.size)
    agreed = told == known or (flags & _LATER and not any(told))
    if len(more) < extra or (spelt, flags, method) != (entry.raw, entry.flags, entry.method) or not agreed:
        raise Refused(
            f"{shown(entry.name)} is called one thing in the directory and another before it. {_PLAIN}"
        )
    if reason := _extra(more, spelt):
        raise Refused(f"{shown(entry.name)} {reason}")
    return entry.offset + _LOCAL.size + len(spelt) + len(more)


def _descriptor(stream: BinaryIO, entry: Entry, at: int) -> int:
    """Bytes of the sizes that follow the data, which must say what the directory says."""
    if not entry.flags & _LATER:
        return 0
    stream.seek(at)
    raw, want = stream.read(16), struct.pack("<3L", entry.crc, entry.packed, entry.size)
    if raw[:4] == b"PK\7\x08" and raw[4:] == want:
        return 16
    if raw[:12] == want:
        return 12
    raise Refused(f"{shown(entry.name)} is followed by sizes that are not its own. {_PLAIN}")
