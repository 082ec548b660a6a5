"""The header of a safetensors file, read by us before any library opens the file.

Eight bytes give the header's length, the header is JSON, and the tensors follow without gaps:
    | length, u64 | {"name": {"dtype", "shape", "data_offsets": [begin, end]}, …} | bytes |
"""

from pathlib import Path
from typing import Any, BinaryIO

from service.adapters import strict
from service.adapters.refused import Refused, shown
from service.adapters.tensors import WIDTH, Kind, Tensor

LENGTH = 4 << 20  # bytes of a header at most; 560 layers take 170 kB
TENSORS = 16_384
SIDE = 1 << 22  # rows or columns of a tensor at most
NAME = 256
_METADATA = 64, 4096  # entries, characters of each
_AGAIN = "Save the adapter anew with PEFT."


def tensors(path: Path) -> tuple[Tensor, ...]:
    """The tensors of a safetensors file in the order of their bytes. Raises Refused."""
    with path.open("rb") as file:
        start, said = _header(file)
        end = file.seek(0, 2)
    _metadata(said.pop("__metadata__", {}))
    if not said:
        raise Refused(f"{path.name} holds no tensors. {_AGAIN}")
    if len(said) > TENSORS:
        raise Refused(f"{path.name} holds {len(said)} tensors, and {TENSORS} are the most that is taken.")
    found = sorted((_tensor(name, facts, start) for name, facts in said.items()), key=lambda t: t.start)
    at = start
    for tensor in found:
        if tensor.start != at:
            wrong = "overlaps another tensor" if tensor.start < at else "has hidden bytes before it"
            raise Refused(f"{shown(tensor.name)} {wrong}. {_AGAIN}")
        at += tensor.size
    if at != end:
        wrong = "has bytes after its last tensor" if at < end else "ends before its last tensor"
        raise Refused(f"{path.name} {wrong}. {_AGAIN}")
    return tuple(found)


def _header(file: BinaryIO) -> tuple[int, dict[str, Any]]:
    """Where the tensors' bytes start, and what the header says."""
    first = file.read(8)
    length = int.from_bytes(first, "little")
    if len(first) < 8 or not 2 <= length <= LENGTH:
        raise Refused(f"The weights are no safetensors file: a header of {length} bytes. {_AGAIN}")
    raw = file.read(length)
    if len(raw) < length:
        raise Refused("The weights end within their header. Send the file again.")
    if raw[:1] != b"{" or raw.rstrip(b" ")[-1:] != b"}":
        raise Refused(f"The weights are no safetensors file: their header is no JSON object. {_AGAIN}")
    if raw.count(b"{") > TENSORS + 2:  # before they take memory
        raise Refused(f"The weights' header speaks of more than {TENSORS} tensors, the most that is taken.")
    return 8 + length, strict.parse(raw, "The weights' header")


def _metadata(said: Any) -> None:
    most, long = _METADATA
    if not isinstance(said, dict) or len(said) > most:
        raise Refused(f"The weights' metadata is no list of at most {most} words. {_AGAIN}")
    for key, value in said.items():
        if not isinstance(value, str) or len(key) > long or len(value) > long:
            raise Refused(
                f"The weights' metadata {shown(key)} is no text of at most {long} characters. {_AGAIN}"
            )


def _tensor(name: str, said: Any, start: int) -> Tensor:
    if not name or len(name) > NAME:
        raise Refused(f"A tensor has a name of {len(name)} characters, and {NAME} are the most. {_AGAIN}")
    if not isinstance(said, dict) or said.keys() != {"dtype", "shape", "data_offsets"}:
        raise Refused(f"{shown(name)} is not described by dtype, shape and data_offsets alone. {_AGAIN}")
    kind, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
    if not isinstance(kind, str) or kind not in WIDTH:
        raise Refused(f"{shown(name)} is of type {shown(str(kind))}. Save the weights as F32, F16 or BF16.")
    if not _whole(shape, 2) or not all(1 <= side <= SIDE for side in shape):
        raise Refused(f"{shown(name)} is no matrix: its shape is {shown(str(shape))}. {_AGAIN}")
    found = Tensor(name, _kind(kind), (shape[0], shape[1]), 0)
    if not _whole(offsets, 2) or offsets[0] < 0 or offsets[1] - offsets[0] != found.size:
        raise Refused(f"{shown(name)} does not take the bytes that its shape needs. {_AGAIN}")
    return Tensor(name, found.kind, found.shape, start + offsets[0])


def _whole(said: Any, count: int) -> bool:
    """Whether this is a list of so many whole numbers (which True and 1.0 are not)."""
    return isinstance(said, list) and len(said) == count and all(type(number) is int for number in said)


def _kind(word: str) -> Kind:
    return next(kind for kind in WIDTH if kind == word)
