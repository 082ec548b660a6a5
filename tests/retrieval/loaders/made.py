"""Files made for the tests, and what must hold for every document."""

import io
import zipfile
from collections.abc import Iterable

from service.config import Documents
from service.core import Document
from service.retrieval.loaders import load

LIMITS = Documents()
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def read(data: bytes, name: str) -> Document:
    return load(data, name, "m", LIMITS).document


def checked(document: Document) -> Document:
    """Blocks are disjoint, in order and inside the text; pages are numbered, in order and cover the text."""
    at = 0
    for block in document.blocks:
        assert at <= block.start < block.end <= len(document.text)
        assert document.text[block.start : block.end].strip()
        assert document.page_at(block.start) == block.page
        assert (block.level > 0) == (block.style == "heading")
        at = block.end
    assert [page.number for page in document.pages] == list(range(1, len(document.pages) + 1))
    assert document.pages[0].start == 0
    assert document.pages[-1].end == len(document.text)
    assert all(a.end == b.start for a, b in zip(document.pages, document.pages[1:], strict=False))
    kept = "".join(document.text[b.start : b.end] for b in document.blocks)
    if document.kind != "md":  # whose hashes stand outside the blocks
        assert "".join(kept.split()) == "".join(document.text.split())
    return document


def texts(document: Document) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


def docx(body: str, **parts: str) -> bytes:
    """A Word file of this body; further parts (numbering, styles, footnotes …) by name, as inner XML."""
    head = f'<?xml version="1.0"?><w:{{0}} xmlns:w="{W}" xmlns:mc="urn:mc" xmlns:v="urn:v">{{1}}</w:{{0}}>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", _relations([("officeDocument", "word/document.xml")]))
        archive.writestr("word/document.xml", head.format("document", f"<w:body>{body}</w:body>"))
        archive.writestr("word/_rels/document.xml.rels", _relations((name, f"{name}.xml") for name in parts))
        for name, inner in parts.items():
            archive.writestr(f"word/{name}.xml", head.format(name, inner))
    return file.getvalue()


def _relations(targets: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f'<Relationship Id="r{i}" Type="{_RELATIONS}/{kind}" Target="{target}"/>'
        for i, (kind, target) in enumerate(targets)
    )
    return f'<?xml version="1.0"?><Relationships xmlns="{_PACKAGE}">{rows}</Relationships>'


def paragraph(text: str = "", properties: str = "", runs: str = "") -> str:
    """A paragraph of plain text, or of the given runs."""
    return f"<w:p><w:pPr>{properties}</w:pPr>{runs or run(text)}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


LEASE = (
    ("Helvetica-Bold", "1. RENT", ("The yearly rent is EUR 12,000, payable in twelve equal parts on the first",
                                   "working day of each month, without deduction or set-off.")),
    ("Helvetica-Bold", "2. TERM", ("The lease begins on 1 March 2024 and ends on 28 February 2029 unless it is",
                                   "ended before by either party under clause 7.")),
)  # fmt: skip


def pdf(rotate: int = 0, password: str | None = None, pages: int = 2, blank: tuple[int, ...] = ()) -> bytes:
    """A PDF of `pages` pages that all hold the same two clauses, but for the blank ones."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    side = (
        842  # of a turned page, which is square: its text is turned back, so that it stands upright as shown
    )
    canvas = Canvas(file, pagesize=(side if rotate else 595, side), invariant=1, encrypt=password)
    for number in range(1, pages + 1):
        canvas.setPageRotation(rotate)
        canvas.translate(side / 2, side / 2)
        canvas.rotate(rotate)
        canvas.translate(-side / 2, -side / 2)
        y = 780
        for font, heading, lines in () if number in blank else LEASE:
            canvas.setFont(font, 12)
            canvas.drawString(72, y, heading)
            canvas.setFont("Helvetica", 11)
            for line in lines:
                y -= 14
                canvas.drawString(72, y, line)
            y -= 32
        canvas.showPage()
    canvas.save()
    return file.getvalue()
