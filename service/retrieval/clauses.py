"""From blocks to a clause tree, and from the tree to disjoint passages. Pure.

A document is first cut into *atoms*: sentences, none of which crosses a block or the start of a clause. Each atom
knows the headings above it. Passages are runs of neighbouring atoms, chosen as the cheapest way to cut the row:
a passage pays for being longer or shorter than the size aimed at, and for every clause that begins inside it.

    1. Term. | The term is … | It renews … | 2. Fees. | (a) The fee … | (b) Late …
    [              about 500              ] [               about 500             ]
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from service.core import Document, Passage
from service.retrieval.numbering import Outline, clauses
from service.retrieval.structure.tree import blocks, tree

LONGEST = 1.6  # of the size aimed at
INSIDE = {"part": 1.0, "clause": 0.5, "item": 0.15, "block": 0.1, "sentence": 0.0}
ORPHAN = 1.0  # for ending a passage on a heading
LINE = 80  # characters of a heading in the outline
TINY = 0.6  # for a passage of less than a quarter of the size: page furniture, a stray line


@dataclass(frozen=True, slots=True)
class Atom:
    """A sentence, the headings above it, and what begins with it."""

    start: int
    end: int
    path: tuple[str, ...]
    opens: str  # a key of INSIDE
    heading: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int  # from 1
    start: int
    page: int


def passages(document: Document, size: int = 500) -> tuple[Passage, ...]:
    """The disjoint passages of a document, in reading order, of about `size` characters.

    Every character that is not blank is in exactly one passage, and `passage.text` is `document.text[start:end]`.
    """
    atoms = list(_atoms(document, int(LONGEST * size)))
    pages = [page.start for page in document.pages]
    return tuple(
        Passage(
            id=f"{document.id}.{number}",
            document=document.id,
            title=document.title,
            start=atoms[first].start,
            end=atoms[last].end,
            text=document.text[atoms[first].start : atoms[last].end],
            path=atoms[first].path,
            page=document.pages[max(0, bisect_right(pages, atoms[first].start) - 1)].number if pages else 1,
        )
        for number, (first, last) in enumerate(_cuts(atoms, size))
    )


def outline(document: Document) -> list[Heading]:
    """The document's headings in reading order, each at most LINE characters."""
    return [
        Heading(_line(node.clause.heading), len(node.path), node.start, document.page_at(node.start))
        for node in tree(document)
        if node.clause.caption or node.clause.rank == "part"
    ]


def path_at(document: Document, offset: int) -> tuple[str, ...]:
    """The headings that stand above the character at `offset`, outermost first, those of its own clause included."""
    path = tuple[str, ...]()
    for node in tree(document):
        if node.start > offset:
            break
        path = node.path
    return path


def _line(heading: str) -> str:
    if len(heading) <= LINE:
        return heading
    cut = heading.rfind(" ", LINE // 2, LINE)
    return heading[: cut if cut > 0 else LINE - 1] + "…"


def _atoms(document: Document, longest: int) -> Iterator[Atom]:
    row = Outline()
    for block in blocks(document):
        start, path, opens, head = block.start, row.path, "block", False
        for clause in clauses(document.text, block, row):
            yield from _sentences(document.text, start, clause.start, path, opens, head, longest)
            path = row.enter(clause)
            start, opens, head = clause.start, clause.rank, clause.end >= block.end
        yield from _sentences(document.text, start, block.end, path, opens, head, longest)


def _sentences(
    text: str, start: int, end: int, path: tuple[str, ...], opens: str, heading: bool, longest: int
) -> Iterator[Atom]:
    from nupunkt import sent_spans

    if not text[start:end].strip():
        return
    for first, last in sent_spans(text[start:end]):
        for a, b in _pieces(text, start + first, start + last, longest):
            yield Atom(a, b, path, opens, heading)
            opens = "sentence"


def _pieces(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """[start, end) without blanks at its ends, in pieces of `longest` characters at most, cut where it hurts least."""
    while True:
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        if start == end:
            return
        if end - start <= longest:
            yield start, end
            return
        cut = _cut(text, start, longest)
        stop = cut
        while text[stop - 1].isspace():
            stop -= 1
        yield start, stop
        start = cut


def _cut(text: str, start: int, longest: int) -> int:
    low, high = start + longest // 2, start + longest
    for sign in ("\n", "; ", ", ", " "):
        found = text.rfind(sign, low, high)
        if found >= 0:
            return found + len(sign)
    return high


def _misfit(length: int, size: int) -> float:
    return ((length - size) / size) ** 2 + (TINY if length < size / 4 else 0.0)


def _cuts(atoms: list[Atom], size: int) -> list[tuple[int, int]]:
    """The runs [first, last] of atoms that cost least together (dynamic programming over the last cut)."""
    inside = list(accumulate((INSIDE[atom.opens] for atom in atoms), initial=0.0))
    best, back = [0.0], [0]
    for last, atom in enumerate(atoms):
        price, begin = float("inf"), last
        for first in range(last, -1, -1):
            length = atom.end - atoms[first].start
            if length > LONGEST * size and first < last:
                break
            cost = best[first] + inside[last + 1] - inside[first + 1] + _misfit(length, size)
            if cost < price:
                price, begin = cost, first
        best.append(price + (ORPHAN if atom.heading else 0.0))
        back.append(begin)
    runs, end = [], len(atoms)
    while end:
        runs.append((back[end], end - 1))
        end = back[end]
    return runs[::-1]
