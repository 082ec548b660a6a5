"""A zip, a folder or a single GGUF, into a quarantine folder of our own: allowed names only, real bytes counted."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from service.adapters.allowed import is_gguf, refusal
from service.adapters.findings import Check
from service.adapters.refused import Refused, shown, size
from service.adapters.zipped import Entry, entries, unpacked
from service.core import LoraFile

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes: of all files together, packed and unpacked; of the configuration; of the card."""

    total: int = 1 << 30
    config: int = 1 << 20
    card: int = 1 << 20

    def of(self, name: str) -> int:
        return {LoraFile.CONFIG.value: self.config, LoraFile.CARD.value: self.card}.get(name, self.total)


LIMITS = Limits()


def unpack(source: Path, folder: Path, limits: Limits = LIMITS) -> Check:
    """Bring the adapter's files from `source` into `folder`, which must be new or empty.

    Files of other names are refused one by one, and the allowed ones still brought in, so that the later checks can
    say what else is wrong. From an archive that is not plain nothing is taken.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        reasons = _take(source, folder, limits)
    except Refused as refused:
        reasons = [refused.reason]
    except OSError as error:
        reasons = [f"The files cannot be read: {(error.strerror or 'unknown reason').lower()}."]
    if reasons:
        return Check("archive", False, tuple(reasons))
    files = [file.stat().st_size for file in folder.iterdir()]
    many = "1 file" if len(files) == 1 else f"{len(files)} files"
    return Check("archive", True, (f"Archive plain, {many}, {size(sum(files))}",))


def _take(source: Path, folder: Path, limits: Limits) -> list[str]:
    mode = source.lstat().st_mode
    if S_ISDIR(mode):
        return _from_folder(source, folder, limits)
    with _opened(source) as stream:
        length = stream.seek(0, 2)
        if length > limits.total:
            raise Refused(f"The file is larger than {size(limits.total)}. Send the adapter alone.")
        if is_gguf(source.name):
            _write(_pieces(stream), folder / LoraFile.GGUF, limits.total)
            return []
        return _from_zip(stream, folder, limits)


def _from_zip(stream: BinaryIO, folder: Path, limits: Limits) -> list[str]:
    found, reasons = entries(stream)
    if reasons:
        return list(reasons)
    if sum(entry.size for entry in found) > limits.total:
        raise Refused(f"The archive unpacks to more than {size(limits.total)}. Send the adapter alone.")
    files = [entry for entry in found if not entry.folder]
    said = _names([entry.name.split("/")[-1] for entry in files]) + _tops(found)
    for entry in files:
        name = entry.name.split("/")[-1]
        if refusal(name) is None:
            said += _bring(unpacked(stream, entry), name, folder, limits)
    return said


def _tops(found: Sequence[Entry]) -> list[str]:
    tops = {entry.name.split("/")[0] if "/" in entry.name else "" for entry in found}
    return ["The files lie in several folders. Pack one adapter's folder."] if len(tops) > 1 else []


def _from_folder(source: Path, folder: Path, limits: Limits) -> list[str]:
    names = sorted(os.listdir(source))[:1000]
    said = _names(names)
    for name in names:
        if refusal(name) is None:
            try:
                with _opened(source / name) as stream:
                    said += _bring(_pieces(stream), name, folder, limits)
            except Refused as refused:
                said.append(refused.reason)
    return said


def _names(names: Sequence[str]) -> list[str]:
    """Every reason that lies in the files' names alone."""
    said = [reason for name in names if (reason := refusal(name))]
    models = [name for name in names if is_gguf(name)]
    if len(models) > 1:
        said.append("There are several GGUF files. Send one.")
    if models and (LoraFile.CONFIG in names or LoraFile.WEIGHTS in names):
        said.append(f"{shown(models[0])} comes beside {LoraFile.WEIGHTS}. Send one form or the other.")
    if not models:
        said += [
            f"{name} is missing. Save the adapter with PEFT's `save_pretrained` and send both files."
            for name in (LoraFile.CONFIG, LoraFile.WEIGHTS)
            if name not in names
        ]
    return said


def _bring(pieces: Iterator[bytes], name: str, folder: Path, limits: Limits) -> list[str]:
    target = folder / (LoraFile.GGUF if is_gguf(name) else name)
    try:
        if target.exists():
            return []  # a second GGUF, or a second folder's: its name was refused already
        left = limits.total - sum(file.stat().st_size for file in folder.iterdir())
        _write(pieces, target, min(left, limits.of(name)))
    except Refused as refused:
        target.unlink(missing_ok=True)
        return [refused.reason]
    return []


def _write(pieces: Iterator[bytes], target: Path, limit: int) -> None:
    done = 0
    with target.open("xb") as file:
        for piece in pieces:
            done += len(piece)
            if done > limit:
                raise Refused(f"{target.name} is larger than {size(limit)}, the most that is taken.")
            file.write(piece)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while piece := stream.read(_CHUNK):
        yield piece


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, never a link to one; opening a pipe or a device would wait for ever."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        said = "is a link or cannot be opened" if error.errno != 2 else "is not there"
        raise Refused(f"{shown(path.name)} {said}. Put the file itself there.") from None
    if not S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise Refused(f"{shown(path.name)} is no regular file. Put the file itself there.")
    with os.fdopen(number, "rb") as stream:
        yield stream
