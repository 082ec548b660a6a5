"""Zip archives: their files, to be filed beside them. Nothing is written to disk, nothing is followed.

An archive inside the archive is opened too, one inside that is not. What is left out, the ledger counts.
"""

import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from io import BytesIO

from service.config import Documents
from service.core import Entry, Fate, Page, State
from service.retrieval.loaders.content import Attachment, Content, Unreadable
from service.retrieval.loaders.naming import inward

_COUNT = 2000  # files of an archive at most
_RATIO, _WORTH = 250, 2**20  # from this many bytes a file that unpacks to so many times its size is a bomb
_OFFICE = {"[Content_Types].xml", "word/document.xml", "xl/workbook.xml", "mimetype"}
_JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_LEFT_OUT: dict[str, tuple[Fate, str]] = {
    "encrypted": ("unread", "Encrypted files in the archive: {}; unpack them with the password."),
    "damaged": ("unread", "Damaged files in the archive: {}; they could not be unpacked."),
    "bomb": ("unread", "Files that unpack to hundreds of times their size: {}; they were not unpacked."),
    "deep": ("unread", "Archives within archives within the archive: {}; they were not opened."),
    "link": ("dropped", "Links in the archive: {}; they hold no text and were not followed."),
    "empty": ("dropped", "Empty files in the archive: {}."),
    "junk": ("dropped", "Files that an operating system leaves in folders: {}."),
    "named": ("odd", "Names that led out of the archive's folder: {}; the files were kept, under their last part."),
}  # fmt: skip


def read(data: bytes, limits: Documents) -> Content:
    """No text; the files as attachments, in the order of the archive. Raises Unreadable when there are none."""
    unpacking = _Unpacking(limits.max_bytes)
    files = tuple(unpacking.files(data, "", 1))
    seen = unpacking.seen
    if not files:
        raise _nothing(seen)
    ledger = [Entry("attached", f"Files in the archive: {len(files)}; each is filed by itself.")]
    ledger += (
        Entry(fate, reason.format(seen[why])) for why, (fate, reason) in _LEFT_OUT.items() if seen[why]
    )
    return Content("", (), (Page(1, 0, 0),), tuple(ledger), attachments=files)


def _nothing(seen: Counter[str]) -> Unreadable:
    if seen["encrypted"]:
        return Unreadable(
            State.ENCRYPTED, "The archive is encrypted. Unpack it with its password and add the files."
        )
    if seen["damaged"] or seen["bomb"]:
        return Unreadable(State.DAMAGED, "No file of the archive could be unpacked. Get a whole copy.")
    return Unreadable(State.EMPTY, "The archive holds no files. Look whether it is the right one.")


class _Unpacking:
    """What may still be unpacked: `limit` bytes in all, whatever the directory says."""

    def __init__(self, limit: int) -> None:
        self.seen: Counter[str] = Counter()
        self._limit = self._left = limit
        self._count = 0

    def files(self, data: bytes, folder: str, depth: int) -> Iterator[Attachment]:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.is_dir():
                    continue
                self._tell()
                why = _why_not(info)
                self.seen[why] += bool(why)
                unpacked = None if why else self._unpack(archive, info)
                if unpacked:
                    yield from self._file(folder + self._safe(info.filename), unpacked, depth)

    def _file(self, name: str, data: bytes, depth: int) -> Iterator[Attachment]:
        if not is_archive(data):
            yield Attachment(name, data)
        elif depth > 1:
            self.seen["deep"] += 1
        else:
            yield from self.files(data, f"{name}/", depth + 1)

    def _tell(self) -> None:
        self._count += 1
        if self._count > _COUNT:
            reason = (
                f"The archive holds more than {_COUNT:,} files. Split it, or unpack it and add the folder."
            )
            raise Unreadable(State.TOO_LARGE, reason)

    def _unpack(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | None:
        try:
            with archive.open(info) as member:
                data = member.read(self._left + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            RuntimeError,
            ValueError,
        ):
            self.seen["damaged"] += 1
            return None
        if len(data) > self._left:
            limit = f"{self._limit / 2**20:.1f} MiB"
            reason = f"The archive unpacks to more than {limit}. Split it, or raise documents.max_bytes."
            raise Unreadable(State.TOO_LARGE, reason)
        self._left -= len(data)
        self.seen["empty"] += not data
        return data

    def _safe(self, name: str) -> str:
        path, led_out = inward(name)
        self.seen["named"] += led_out
        return path


def _why_not(info: zipfile.ZipInfo) -> str:
    """Why a member is not unpacked, "" when it is."""
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link"
    if any(
        info.filename.startswith(junk) or info.filename.endswith(f"/{junk}") or info.filename == junk
        for junk in _JUNK
    ):
        return "junk"
    if info.flag_bits & 1:
        return "encrypted"
    if info.file_size > _WORTH and info.file_size > _RATIO * max(1, info.compress_size):
        return "bomb"
    return ""


def is_archive(data: bytes) -> bool:
    """Whether these bytes are a zip of files rather than a document that happens to be stored as one."""
    if not data.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = set(archive.namelist())
    except Exception:  # zipfile has no single error for a broken directory
        return False
    return not names & _OFFICE
