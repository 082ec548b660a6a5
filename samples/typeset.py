"""A source as a PDF with cover, contents, numbered clauses and page numbers. A rebuild gives the same bytes."""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    HRFlowable,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)
from reportlab.platypus.tableofcontents import TableOfContents

from samples import markup

INK, GREY, PALE = HexColor("#1a1a1a"), HexColor("#6b6b6b"), HexColor("#bfbfbf")
LEFT, RIGHT, TOP, BOTTOM = 27 * mm, 27 * mm, 30 * mm, 27 * mm
WIDTH = A4[0] - LEFT - RIGHT
INDENTS = (11 * mm, 11 * mm, 20 * mm)  # where the text of a numbered paragraph begins, by level
BULLETS = (0.0, 0.0, 11 * mm)


def _style(name: str, **looks: Any) -> ParagraphStyle:
    body = {"fontName": "Times-Roman", "fontSize": 10.8, "leading": 14.6, "textColor": INK, "spaceAfter": 6.5}
    return ParagraphStyle(name, **(body | looks))


TEXT = _style("text", alignment=TA_JUSTIFY)
INDENT = _style("indent", alignment=TA_JUSTIFY, leftIndent=INDENTS[0])
TITLE = _style(
    "title", fontName="Times-Bold", fontSize=12.5, alignment=TA_CENTER, spaceBefore=12, spaceAfter=10
)
HEADING = _style(
    "heading", fontName="Times-Bold", fontSize=11.2, leftIndent=INDENTS[0], bulletFontName="Times-Bold",
    bulletFontSize=11.2, spaceBefore=9, keepWithNext=1,
)  # fmt: skip
CLAUSES = [
    _style(
        f"clause{level}", alignment=TA_JUSTIFY, leftIndent=indent, bulletIndent=bullet,
        bulletFontName="Times-Roman", bulletFontSize=10.8,
    )
    for level, (indent, bullet) in enumerate(zip(INDENTS, BULLETS, strict=True))
]  # fmt: skip
SIGNER = _style("signer", spaceAfter=0)
CELL = _style("cell", fontSize=9.8, leading=12.4, spaceAfter=0)
CELL_HEAD = _style("cell head", fontName="Times-Bold", fontSize=9.8, leading=12.4, spaceAfter=0)
NAME = _style("name", fontName="Times-Bold", fontSize=18, leading=23, alignment=TA_CENTER, spaceAfter=16)
COVER = _style("cover", fontSize=12, leading=17, alignment=TA_CENTER)
COVER_TITLE = _style("cover title", fontName="Times-Bold", fontSize=25, leading=31, alignment=TA_CENTER)
CONTENTS = [_style("contents", spaceAfter=3.5, rightIndent=8 * mm)]


class _Paper(BaseDocTemplate):  # type: ignore[misc]
    """Pages with a running header and a number at the foot; headings feed the contents and the outline."""

    def __init__(self, path: Path, facts: dict[str, str]) -> None:
        super().__init__(str(path), pagesize=A4, invariant=1, title=facts["header"], author=facts["author"])
        self.header = facts["header"]
        frame = Frame(LEFT, BOTTOM, WIDTH, A4[1] - TOP - BOTTOM, 0, 0, 0, 0)
        cover = PageTemplate("cover", [frame])
        self.addPageTemplates([cover, PageTemplate("inner", [frame], onPage=self.head, onPageEnd=self.foot)])

    def head(self, canvas: Canvas, _: BaseDocTemplate) -> None:
        top = A4[1] - 19 * mm
        canvas.setFillColor(GREY)
        canvas.setStrokeColor(PALE)
        canvas.setLineWidth(0.4)
        canvas.setFont("Times-Italic", 9.2)
        canvas.drawString(LEFT, top, self.header)
        canvas.line(LEFT, top - 4, A4[0] - RIGHT, top - 4)

    def foot(self, canvas: Canvas, _: BaseDocTemplate) -> None:
        canvas.setFillColor(GREY)
        canvas.setFont("Times-Roman", 9.2)
        canvas.drawCentredString(A4[0] / 2, 14 * mm, str(canvas.getPageNumber()))

    def afterFlowable(self, flowable: Flowable) -> None:
        """Called by reportlab after each flowable has found its place."""
        entry = getattr(flowable, "entry", None)
        if not entry:
            return
        key = f"{self.page}-{self.frame._y:.0f}"  # the place is the name: no two headings share one
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(entry, key, 0)
        self.notify("TOCEntry", (0, escape(entry), self.page, key))


def build(source: markup.Source, path: Path) -> None:
    """Write `source` to `path`. With `cover` among its facts it gets a title page and a table of contents."""
    facts = source.facts
    story = _cover(facts) if "cover" in facts else [Paragraph(facts["title"], NAME)]
    for paragraph in source.body:
        story += _flowables(paragraph)
    paper = _Paper(path, facts)
    if "cover" not in facts:
        paper.pageTemplates.reverse()
    paper.multiBuild(story)


def _cover(facts: dict[str, str]) -> list[Flowable]:
    rule = {"width": "38%", "thickness": 0.8, "color": INK}
    parties = [
        Paragraph(f"({n}) {_marked(name)}", COVER) for n, name in enumerate(facts["parties"].split(" | "), 1)
    ]
    contents = TableOfContents(levelStyles=CONTENTS, dotsMinLevel=0)
    return [
        Spacer(1, 42 * mm),
        Paragraph(f"Dated {facts['date']}", COVER),
        Spacer(1, 22 * mm),
        HRFlowable(**rule, spaceAfter=20),
        Paragraph(facts["title"], COVER_TITLE),
        HRFlowable(**rule, spaceBefore=22),
        Spacer(1, 16 * mm),
        *parties,
        Spacer(1, 16 * mm),
        *(Paragraph(_marked(line), COVER) for line in facts["cover"].split(" | ")),
        NextPageTemplate("inner"),
        PageBreak(),
        Paragraph("CONTENTS", TITLE),
        Spacer(1, 4),
        contents,
        PageBreak(),
    ]


def _flowables(paragraph: markup.Paragraph) -> list[Flowable]:
    match paragraph.kind:
        case "page":
            return [PageBreak()]
        case "table":
            return [_table(paragraph.rows), Spacer(1, 9)]
        case "sign":
            return [_signature(paragraph.text)]
        case "title":
            return [CondPageBreak(40 * mm), _entry(paragraph, TITLE)]
        case "heading":
            return [CondPageBreak(26 * mm), _entry(paragraph, HEADING)]
        case "clause":
            return [Paragraph(_marked(paragraph.text), CLAUSES[paragraph.level], bulletText=paragraph.number)]
        case _:
            return [Paragraph(_marked(paragraph.text), INDENT if paragraph.kind == "indent" else TEXT)]


def _entry(paragraph: markup.Paragraph, style: ParagraphStyle) -> Flowable:
    """A heading that knows its line in the contents."""
    flowable = Paragraph(_marked(paragraph.text), style, bulletText=paragraph.number or None)
    flowable.entry = f"{paragraph.number} {paragraph.text}".strip()
    return flowable


def _marked(text: str) -> str:
    return "".join(
        f"<b>{escape(run.text)}</b>" if run.bold else escape(run.text) for run in markup.runs(text)
    )


def _table(rows: tuple[tuple[str, ...], ...]) -> Flowable:
    cells = [
        [Paragraph(_marked(cell), CELL if n else CELL_HEAD) for cell in row] for n, row in enumerate(rows)
    ]
    look = [
        ("LINEABOVE", (0, 0), (-1, 0), 0.8, INK),
        ("LINEBELOW", (0, 0), (-1, 0), 0.5, INK),
        ("LINEBELOW", (0, 1), (-1, -1), 0.3, GREY),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    return Table(cells, [WIDTH / len(rows[0])] * len(rows[0]), repeatRows=1, style=TableStyle(look))


def _signature(text: str) -> Flowable:
    line = HRFlowable(width="100%", thickness=0.5, color=INK, spaceBefore=28)
    look = TableStyle([("LEFTPADDING", (0, 0), (0, 0), 0), ("RIGHTPADDING", (1, 0), (1, 0), 0)])
    pair = Table([[Paragraph(_marked(text), SIGNER), line]], [WIDTH * 0.58, WIDTH * 0.42], style=look)
    return KeepTogether([Spacer(1, 12), pair])
