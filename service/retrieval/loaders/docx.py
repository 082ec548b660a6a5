"""Word documents, walked in their OOXML: what is printed is read, as if every tracked change were accepted.

Tracked changes and comments stand beside the text as marks. Automatic numbers and the results of fields are text.
The header of the first page opens the text, for a letterhead or "without prejudice" stands there; so does, at the
end, a footer of the first page's own. Headers and footers of the other pages are counted and left out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from service.config import Documents
from service.core import Entry, Mark, State
from service.retrieval.loaders.archive import Archive
from service.retrieval.loaders.content import Attachment, Content, Part, Unreadable, compose
from service.retrieval.loaders.line import name_of
from service.retrieval.loaders.numbering import Numbering, W
from service.retrieval.loaders.story import Story, notes_by_id
from service.retrieval.loaders.styles import Styles, on
from service.retrieval.loaders.tracked import Comment

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_PAGE_NUMBER = re.compile(
    r"[\s\-–—]*(?:page|p\.)?\s*[\divxlc]*\s*(?:(?:of|/)\s*\d+)?[\s\-–—]*", re.IGNORECASE
)
_CONCEALED = {
    "hidden": "Text that Word hides; it is not part of the text.",
    "white": "White text on a white ground; it is not part of the text.",
    "tiny": "Text of two points or less; it is not part of the text.",
}


def read(data: bytes, limits: Documents) -> Content:
    """Raises Unreadable(TOO_LARGE) when the parts unpack to more than `limits.max_bytes`."""
    with Archive(data, limits.max_bytes) as archive:
        main = archive.related("").get("officeDocument", "word/document.xml")
        root = archive.tree(main)
        if root is None or root.find(W + "body") is None:
            raise Unreadable(State.DAMAGED, "The file holds no Word document. Save it anew in Word.")
        return _Reading(archive, main).read(root.find(W + "body"))


class _Reading:
    """The parts of one file, opened as they are needed."""

    def __init__(self, archive: Archive, main: str) -> None:
        self._archive, self._main = archive, main
        self._near = archive.related(main)
        notes = {kind: notes_by_id(self._tree(f"{kind}s")) for kind in ("footnote", "endnote")}
        self._story = Story(Styles(self._tree("styles")), Numbering(self._tree("numbering")), notes)
        self._running = 0  # characters of the headers and footers left out

    def _tree(self, kind: str) -> Any:
        return self._archive.tree(self._near[kind]) if kind in self._near else None

    def read(self, body: Any) -> Content:
        self._story.blocks(body)
        self._story.finish()
        head, foot = self._first_page(next(body.iter(W + "sectPr"), None))
        parts = [*head, *self._story.parts, *foot]
        content = compose(parts, comments=dict(self._comments()))
        attachments, unread = _embedded(self._archive)
        ledger = [*_changes(content.marks), *self._left_out(bool(head or foot)), *unread]
        return replace(content, ledger=tuple(ledger), attachments=attachments)

    def _first_page(self, section: Any) -> tuple[list[Part], list[Part]]:
        """The header of the first page and the footer of its own; the others are counted."""
        targets = self._archive.targets(self._main)
        first = section is not None and on(section.find(W + "titlePg"))
        wanted = {"header": "first" if first else "default", "footer": "first" if first else ""}
        found: dict[str, list[Part]] = {"header": [], "footer": []}
        chosen = set()
        for reference in () if section is None else section:
            kind = name_of(reference).removesuffix("Reference")
            if kind in wanted and reference.get(W + "type", "default") == wanted[kind]:
                chosen.add(target := targets.get(reference.get(_RELATION, ""), ("", ""))[1])
                found[kind] = self._marginal(target)
        for kind, target in sorted(set(targets.values())):
            if kind in wanted and target not in chosen:
                self._running += sum(len(part.accepted) for part in self._marginal(target))
        return found["header"], found["footer"]

    def _marginal(self, target: str) -> list[Part]:
        """A header's or footer's parts, but for the page numbers."""
        root = self._archive.tree(target)
        parts = [] if root is None else self._story.apart(root)
        kept = [part for part in parts if not _PAGE_NUMBER.fullmatch(part.accepted)]
        dropped = (part.accepted for part in parts if part not in kept)
        self._running += sum(map(len, dropped))
        return [part._replace(style="paragraph", level=0) if part.level else part for part in kept]

    def _comments(self) -> Iterator[tuple[str, Comment]]:
        root = self._tree("comments")
        for element in () if root is None else root.iterchildren(W + "comment"):
            text = "\n".join(filter(None, (part.accepted for part in self._story.apart(element))))
            yield (
                element.get(W + "id", ""),
                Comment(text, element.get(W + "author", ""), element.get(W + "date", "")),
            )

    def _left_out(self, head: bool) -> Iterator[Entry]:
        seen = self._story.seen
        for kind, reason in _CONCEALED.items():
            if seen[kind]:
                yield Entry("hidden", reason, seen[kind])
        if seen["undone"]:
            yield Entry(
                "dropped", "Text that was inserted and deleted again before acceptance.", seen["undone"]
            )
        if head:
            yield Entry("kept", "The header or footer of the first page is part of the text, once.")
        if self._running:
            yield Entry(
                "dropped",
                "Running headers, footers and page numbers; they are not part of the text.",
                self._running,
            )
        yield from _noted(seen)


def _noted(seen: "dict[str, int]") -> Iterator[Entry]:
    if notes := seen["footnote"] + seen["endnote"]:
        yield Entry("kept", f"Notes: {notes}; a footnote follows its paragraph, endnotes close the text.", 0)
    if seen["contents"]:
        yield Entry("kept", "A table of contents, part of the text.", seen["contents"])
    if seen["struck"]:
        yield Entry("odd", "Text that is printed struck through; it is part of the text.", seen["struck"])
    if seen["symbol"]:
        yield Entry("odd", f"Signs of a picture font that have no letter: {seen['symbol']}; shown as \ufffd.")
    if pictures := seen["blip"] + seen["imagedata"]:
        yield Entry("unread", f"Pictures in the document: {pictures}; words in them were not read.")
    if drawings := seen["relIds"] + seen["chart"] + seen["altChunk"]:
        yield Entry(
            "unread", f"Charts, diagrams and inserted files: {drawings}; words in them were not read."
        )


def _changes(marks: Sequence[Mark]) -> Iterator[Entry]:
    inserted = [mark for mark in marks if mark.kind == "inserted"]
    deleted = [mark.text for mark in marks if mark.kind == "deleted"]
    comments = [mark.text for mark in marks if mark.kind == "comment"]
    if inserted:
        reason = f"Tracked insertions: {len(inserted)}, not yet accepted; they are part of the text."
        yield Entry("inserted", reason, sum(mark.end - mark.start for mark in inserted))
    if deleted:
        reason = f"Tracked deletions: {len(deleted)}; they are not part of the text."
        yield Entry("deleted", reason, sum(map(len, deleted)))
    if comments:
        reason = f"Comments in the margin: {len(comments)}; they are not part of the text."
        yield Entry("commented", reason, sum(map(len, comments)))


def _embedded(archive: Archive) -> tuple[tuple[Attachment, ...], list[Entry]]:
    """Office files that lie whole inside this one; what is wrapped in a program's own form is only counted."""
    names = [name for name in archive.names() if name.startswith("word/embeddings/")]
    whole = [name for name in names if name.endswith((".docx", ".xlsx", ".pdf"))]
    files = tuple(Attachment(name.rpartition("/")[2], archive.read(name) or b"") for name in whole)
    ledger = []
    if files:
        ledger.append(Entry("attached", f"Files inside the document: {len(files)}; each is filed beside it."))
    if len(names) > len(whole):
        reason = f"Embedded objects of other programs: {len(names) - len(whole)}; they were not read."
        ledger.append(Entry("unread", reason))
    if any(name.endswith("vbaProject.bin") for name in archive.names()):
        ledger.append(Entry("odd", "The file holds macros. They were neither read nor run."))
    return files, ledger
