"""TXT and Markdown. The canonical text is the file's own, byte order mark aside: line endings stay."""

import codecs
import re
from collections.abc import Iterator

from service.config import Documents
from service.core import Block, Entry, Page, Style
from service.retrieval.loaders.content import Content
from service.retrieval.loaders.headings import MAX_HEADING, heading_level, starts_clause

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WRAPPED = 50  # a line shorter than this was not wrapped for want of room
_UNWRAPPED = 120  # a line longer than this is a paragraph of its own: nobody wraps text so wide
_HASHES = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+")
_BULLET = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+")


def read_plain(data: bytes, limits: Documents) -> Content:
    text, ledger = decode(data)
    blocks = tuple(Block(a, b, 1, *style_of(text[a:b])) for a, b in paragraphs(text))
    return Content(text, blocks, (Page(1, 0, len(text)),), ledger)


def read_markdown(data: bytes, limits: Documents) -> Content:
    """As plain text; headings by their hashes, which stay in the text but outside the block."""
    text, ledger = decode(data)
    return Content(text, tuple(_markdown_blocks(text)), (Page(1, 0, len(text)),), ledger)


def decode(data: bytes) -> tuple[str, tuple[Entry, ...]]:
    """The text, and a line for the ledger when it is not UTF-8."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            ledger = () if encoding == "utf-8" else (Entry("odd", "The text is stored as UTF-16."),)
            return data[len(bom) :].decode(encoding, "replace"), ledger
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8":
            return text, ()
        return text, (Entry("odd", "The text is not UTF-8 and was read as Western European (Windows-1252)."),)
    raise AssertionError("latin-1 decodes every byte")


def lines(text: str) -> Iterator[tuple[int, int]]:
    """Every line as a span without its ending; empty spans for blank lines."""
    at = 0
    for line in text.splitlines(keepends=True):
        body = line.strip()
        start = at + line.find(body) if body else at
        yield start, start + len(body)
        at += len(line)


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the paragraphs: parted by blank lines, by headings, by clause numbers and by lines too long
    to be wrapped."""
    start = end = 0
    for a, b in lines(text):
        if a == b:
            if start < end:
                yield start, end
            start = end = b
        elif start == end:
            start, end = a, b
        elif _parted(text, start, end, text[a:b]):
            yield start, end
            start, end = a, b
        else:
            end = b
    if start < end:
        yield start, end


def _parted(text: str, start: int, end: int, line: str) -> bool:
    """Whether `line` begins a new paragraph after the one at [start, end). Looks at its tail only."""
    last = text[max(start, end - _UNWRAPPED - 1) : end].splitlines()[-1]
    if line.isupper() and last.isupper():  # capitals that go on over lines are a shouted paragraph
        return starts_clause(line) or (starts_clause(last) and len(last) < _WRAPPED)
    if len(last) > _UNWRAPPED or heading_level(line):
        return True
    if end - start <= MAX_HEADING and heading_level(text[start:end]):
        return True
    return starts_clause(line) and last.endswith((".", ";", ":", ",", "?", "!", ")", '"', "”", " and", " or"))


def style_of(paragraph: str) -> tuple[Style, int]:
    """Style and level of a paragraph of plain text."""
    level = heading_level(paragraph)
    if level:
        return "heading", level
    return ("list" if _BULLET.match(paragraph) else "paragraph"), 0


def _markdown_blocks(text: str) -> Iterator[Block]:
    for start, end in _markdown_paragraphs(text):
        body = text[start:end]
        hashes = _HASHES.match(body)
        if hashes:
            yield Block(start + hashes.end(), end, 1, "heading", len(hashes[1]))
        elif body.startswith("|"):
            yield Block(start, end, 1, "table")
        else:
            yield Block(start, end, 1, "list" if _BULLET.match(body) else "paragraph")


def _markdown_paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Parted by blank lines; a heading and a list item stand by themselves."""
    start = end = 0
    for a, b in lines(text):
        line = text[a:b]
        alone = _HASHES.match(line) is not None
        if start < end and (a == b or alone or _BULLET.match(line)):
            yield start, end
            start = end
        if alone:
            yield a, b
        elif a < b:
            start, end = (a, b) if start == end else (start, b)
    if start < end:
        yield start, end
