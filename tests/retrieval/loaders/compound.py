"""Compound files (MS-CFB) as Outlook writes them, small enough for a test."""

import struct
from collections.abc import Mapping
from itertools import pairwise
from typing import Union

Tree = Mapping[str, Union[bytes, "Tree"]]
_FREE, _END, _FAT, _NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_HEAD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def compound(tree: Tree) -> bytes:
    """A file of these storages and streams; streams below 4,096 bytes lie in the mini stream."""
    return _Writer().write(tree)


class _Writer:
    def __init__(self) -> None:
        self.entries: list[list[object]] = []  # name, type, right, child, start, size
        self.mini, self.mini_fat = b"", list[int]()
        self.sectors, self.fat = b"", list[int]()

    def write(self, tree: Tree) -> bytes:
        self._entry("Root Entry", 5)
        self.entries[0][3] = self._storage(tree)
        self.entries[0][4], self.entries[0][5] = self._chain(self.mini), len(self.mini)
        directory = self._chain(b"".join(map(_packed, self.entries)))
        mini_fat = struct.pack(f"<{len(self.mini_fat)}I", *self.mini_fat)
        first = self._chain(mini_fat, fill=b"\xff")
        count = len(self.fat) // 127 + 1
        places = range(len(self.fat), len(self.fat) + count)
        self.fat += [_FAT] * count + [_FREE] * (128 * count - len(self.fat) - count)
        self.sectors += struct.pack(f"<{len(self.fat)}I", *self.fat)
        head = _HEAD + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
        head += struct.pack("<IIIIIIII", 0, count, directory, 0, 4096, first, -(-len(mini_fat) // 512), _END)
        head += struct.pack("<I", 0) + struct.pack("<109I", *places, *[_FREE] * (109 - count))
        return head + self.sectors

    def _entry(self, name: str, kind: int, start: int = _END, size: int = 0) -> int:
        self.entries.append([name, kind, _NONE, _NONE, start, size])
        return len(self.entries) - 1

    def _storage(self, tree: Tree) -> int:
        """The entries of a storage, each hung to the right of the one before; the first one's number."""
        numbers = []
        for name, inner in sorted(tree.items(), key=lambda item: (len(item[0]), item[0].upper())):
            if isinstance(inner, bytes):
                start = self._chain(inner) if len(inner) >= 4096 else self._mini(inner)
                numbers.append(self._entry(name, 2, start, len(inner)))
            else:
                numbers.append(self._entry(name, 1))
                self.entries[numbers[-1]][3] = self._storage(inner)
        for left, right in pairwise(numbers):
            self.entries[left][2] = right
        return numbers[0] if numbers else _NONE

    def _chain(self, data: bytes, fill: bytes = b"\0") -> int:
        if not data:
            return _END
        first, count = len(self.fat), -(-len(data) // 512)
        self.fat += [*range(first + 1, first + count), _END]
        self.sectors += data.ljust(512 * count, fill)
        return first

    def _mini(self, data: bytes) -> int:
        if not data:
            return _END
        first, count = len(self.mini_fat), -(-len(data) // 64)
        self.mini_fat += [*range(first + 1, first + count), _END]
        self.mini += data.ljust(64 * count, b"\0")
        return first


def _packed(entry: list[object]) -> bytes:
    name, kind, right, child, start, size = entry
    coded = str(name).encode("utf-16-le")
    head = coded.ljust(64, b"\0") + struct.pack("<HBBIII", len(coded) + 2, kind, 1, _NONE, right, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


def properties(values: Mapping[int, str | bytes | int], head: int) -> dict[str, bytes]:
    """A table of properties and the streams that it names; numbers stand in the table itself."""
    table, streams = bytes(head), {}
    for pid, value in values.items():
        if isinstance(value, int):
            table += struct.pack("<HHIQ", 3, pid, 6, value)
            continue
        kind, data = (0x1F, value.encode("utf-16-le")) if isinstance(value, str) else (0x102, value)
        table += struct.pack("<HHIII", kind, pid, 6, len(data) + 2 * (kind == 0x1F), 0)
        streams[f"__substg1.0_{pid:04X}{kind:04X}"] = data
    return {"__properties_version1.0": table, **streams}


def message(values: Mapping[int, str | bytes | int], *attached: Tree, head: int = 32) -> Tree:
    """A message's storage; attachments as `properties(..., 8)` with, for a message, the storage of its own."""
    return {
        **properties(values, head),
        **{f"__attach_version1.0_#{number:08X}": inner for number, inner in enumerate(attached)},
    }
