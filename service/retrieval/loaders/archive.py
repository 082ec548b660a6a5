"""The parts of an OOXML file: unpacked under a limit on real bytes, parsed without entities or network."""

import io
import posixpath
import zipfile
from types import TracebackType
from typing import Any

from service.core import State
from service.retrieval.loaders.content import Unreadable

_TAGS = 6_000_000  # of a part at most: 3,000 dense pages have half of that
# The "strict" flavour of OOXML differs in its namespaces alone.
_STRICT = (
    (
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    ),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    ),
)


class Archive:
    """A zip file whose parts may not unpack to more than `limit` bytes together, whatever its directory says."""

    def __init__(self, data: bytes, limit: int) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(data))
        self._limit = self._left = limit
        if any(info.flag_bits & 1 for info in self._zip.infolist()):
            raise Unreadable(
                State.ENCRYPTED, "The file is encrypted. Save a copy without a password and add that."
            )

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes | None:
        """The part's bytes, or None when there is none. Raises Unreadable(TOO_LARGE) for a bomb."""
        try:
            part = self._zip.open(name)
        except KeyError:
            return None
        with part:
            data = part.read(self._left + 1)
        if len(data) > self._left:
            raise Unreadable(
                State.TOO_LARGE,
                f"The file unpacks to more than {self._limit / 2**20:.1f} MiB. Split it, or raise documents.max_bytes.",
            )
        self._left -= len(data)
        return data

    def tree(self, name: str) -> Any:
        """The root element of the part, or None. A document type declaration is refused: no such file has one."""
        from lxml import etree

        data = self.read(name)
        if data is None:
            return None
        if data.count(b"<") > _TAGS:
            reason = f"A part of the file holds more than {_TAGS:,} tags. Split the file, or save it as PDF."
            raise Unreadable(State.TOO_LARGE, reason)
        for strict, usual in _STRICT:
            data = data.replace(strict, usual)
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
        )
        root = etree.fromstring(data, parser)
        if root.getroottree().docinfo.doctype:
            reason = "The file declares a document type, which no Office file does. Save it anew."
            raise Unreadable(State.DAMAGED, reason)
        return root

    def names(self) -> list[str]:
        return self._zip.namelist()

    def related(self, name: str) -> dict[str, str]:
        """The first part of each kind that `name` ("" for the package itself) points to."""
        found: dict[str, str] = {}
        for kind, target in self.targets(name).values():
            found.setdefault(kind, target)
        return found

    def targets(self, name: str) -> dict[str, tuple[str, str]]:
        """What `name` points to, by the relation's id: its kind (the last word of the relation's type) and path."""
        folder, file = posixpath.split(name)
        root = self.tree(posixpath.join(folder, "_rels", file + ".rels"))
        found: dict[str, tuple[str, str]] = {}
        for relation in () if root is None else root:
            if relation.get("TargetMode") != "External" and relation.get("Target"):
                target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target"))).lstrip("/")
                found[relation.get("Id", str(len(found)))] = (
                    posixpath.basename(relation.get("Type", "")),
                    target,
                )
        return found
