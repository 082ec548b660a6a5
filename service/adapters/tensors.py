"""A tensor as a file's header describes it, and its values, read piece by piece."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["F32", "F16", "BF16"]
WIDTH: dict[Kind, int] = {"F32": 4, "F16": 2, "BF16": 2}
CHUNK = 1 << 20  # values read at once: 4 MiB as float32


@dataclass(frozen=True, slots=True)
class Tensor:
    """`start` counts from the beginning of the file; shape is (rows, columns), row by row."""

    name: str
    kind: Kind
    shape: tuple[int, int]
    start: int

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * WIDTH[self.kind]


class Values:
    """The tensors' values in a file. One thread at a time; close it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def __enter__(self) -> "Values":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def raw(self, tensor: Tensor) -> Iterator[bytes]:
        """The tensor's bytes as they stand."""
        left, at = tensor.size, tensor.start
        while left:
            piece = os.pread(self._file.fileno(), min(left, 4 * CHUNK), at)
            if not piece:
                raise OSError(f"{tensor.name} ends too early")
            left, at = left - len(piece), at + len(piece)
            yield piece

    def blocks(self, tensor: Tensor) -> Iterator[NDArray[np.float32]]:
        """Its rows as float32, some at a time: about CHUNK values, one row at least."""
        rows, columns = tensor.shape
        step = max(1, CHUNK // columns)
        for row in range(0, rows, step):
            count = min(step, rows - row)
            width = columns * WIDTH[tensor.kind]
            raw = os.pread(self._file.fileno(), count * width, tensor.start + row * width)
            yield _floats(raw, tensor.kind).reshape(count, columns)

    def whole(self, tensor: Tensor) -> NDArray[np.float32]:
        return np.concatenate(list(self.blocks(tensor)))


def _floats(raw: bytes, kind: Kind) -> NDArray[np.float32]:
    if kind == "BF16":  # the upper half of a float32
        return (np.frombuffer(raw, "<u2").astype("<u4") << 16).view("<f4")
    return np.frombuffer(raw, "<f4" if kind == "F32" else "<f2").astype(np.float32, copy=False)
