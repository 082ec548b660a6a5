"""A source as a DOCX, written part by part: automatic numbers and tracked changes are raw OOXML."""

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

from samples import markup

STYLES = Path(__file__).parent / "sources" / "styles.xml"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MOMENT = (2024, 9, 29, 12, 0, 0)  # of every part in the package, so that a rebuild gives the same bytes
PARTS = {"document": "document.main", "styles": "styles", "numbering": "numbering", "footer1": "footer"}


def build(source: markup.Source, path: Path) -> None:
    """Write `source` to `path`. Raises ValueError where a written number is not the one Word would count."""
    body = _Body(source.facts)
    parts = {
        "[Content_Types].xml": _types(),
        "_rels/.rels": _relations({"officeDocument": "word/document.xml", "metadata": "docProps/core.xml"}),
        "docProps/core.xml": _properties(source.facts),
        "word/_rels/document.xml.rels": _relations(
            {name: f"{name}.xml" for name in ("styles", "numbering", "footer1")}
        ),
        "word/document.xml": body.write(source.body),
        "word/styles.xml": STYLES.read_text("utf-8"),
        "word/numbering.xml": _numbering(body.lists),
        "word/footer1.xml": _footer(source.facts["header"]),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, HEAD + text)


class _Body:
    """The paragraphs of word/document.xml. `lists` counts the numberings begun: each schedule begins anew."""

    def __init__(self, facts: dict[str, str]) -> None:
        self.facts = facts
        self.lists = 1
        self.counts = [0, 0, 0]
        self.changes = 0

    def write(self, body: tuple[markup.Paragraph, ...]) -> str:
        title = _p("Title", self.runs(self.facts["title"]))
        page = (
            '<w:sectPr><w:footerReference w:type="default" r:id="footer1"/><w:pgSz w:w="11906" w:h="16838"/>'
            '<w:pgMar w:top="1531" w:right="1531" w:bottom="1531" w:left="1531" w:header="709" '
            'w:footer="709" w:gutter="0"/></w:sectPr>'
        )
        inside = "".join(self.paragraph(paragraph) for paragraph in body)
        return f'<w:document xmlns:w="{W}" xmlns:r="{R}"><w:body>{title}{inside}{page}</w:body></w:document>'

    def paragraph(self, paragraph: markup.Paragraph) -> str:
        match paragraph.kind:
            case "page":
                return '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
            case "table":
                return self.table(paragraph.rows)
            case "sign":
                return _p("Signature", self.runs(paragraph.text + " ______________________________"))
            case "title":
                return _p("Heading1", self.runs(paragraph.text))
            case "heading" | "clause" if paragraph.number:
                style = "Heading2" if paragraph.kind == "heading" else f"Clause{paragraph.level + 1}"
                return _p(style, self.runs(paragraph.text), self.number(paragraph))
            case "heading":
                return _p("Heading2", self.runs(paragraph.text))
            case _:
                return _p("Indented" if paragraph.kind == "indent" else "BodyText", self.runs(paragraph.text))

    def number(self, paragraph: markup.Paragraph) -> str:
        """The numbering properties whose automatic number is the written one."""
        level = paragraph.level
        if paragraph.number == "1." and self.counts[0]:
            self.lists, self.counts = self.lists + 1, [0, 0, 0]
        self.counts[level] += 1
        self.counts[level + 1 :] = [0] * (2 - level)
        one, two, three = self.counts
        counted = (f"{one}.", f"{one}.{two}", f"({chr(96 + three)})")[level]
        if counted != paragraph.number:
            raise ValueError(f"The source says {paragraph.number} where Word would count {counted}.")
        return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{self.lists}"/></w:numPr>'

    def runs(self, text: str) -> str:
        return "".join(self.run(run) for run in markup.runs(text))

    def run(self, run: markup.Run) -> str:
        look = "<w:rPr><w:b/></w:rPr>" if run.bold else ""
        tag = "delText" if run.change == "deleted" else "t"
        plain = f'<w:r>{look}<w:{tag} xml:space="preserve">{escape(run.text)}</w:{tag}></w:r>'
        if not run.change:
            return plain
        self.changes += 1
        element = "ins" if run.change == "inserted" else "del"
        when = f"{self.facts['changed']}T09:30:00Z"
        by = f'w:id="{self.changes}" w:author="{self.facts["author"]}" w:date="{when}"'
        return f"<w:{element} {by}>{plain}</w:{element}>"

    def table(self, rows: tuple[tuple[str, ...], ...]) -> str:
        edges = "".join(f'<w:{edge} w:val="single" w:sz="4"/>' for edge in ("top", "bottom", "insideH"))
        look = f'<w:tblPr><w:tblW w:w="5000" w:type="pct"/><w:tblBorders>{edges}</w:tblBorders></w:tblPr>'
        grid = "<w:tblGrid>" + f'<w:gridCol w:w="{8844 // len(rows[0])}"/>' * len(rows[0]) + "</w:tblGrid>"
        return f"<w:tbl>{look}{grid}{''.join(map(self.row, rows))}</w:tbl>" + _p("BodyText", "")

    def row(self, cells: tuple[str, ...]) -> str:
        return "<w:tr>" + "".join(f"<w:tc>{_p('Cell', self.runs(cell))}</w:tc>" for cell in cells) + "</w:tr>"


def _p(style: str, runs: str, more: str = "") -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{more}</w:pPr>{runs}</w:p>'


def _numbering(lists: int) -> str:
    shapes = (
        ("decimal", "%1.", 680, 680),
        ("decimal", "%1.%2", 680, 680),
        ("lowerLetter", "(%3)", 1247, 567),
    )
    levels = "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="{shape}"/><w:lvlText w:val="{text}"/>'
        f'<w:lvlJc w:val="left"/><w:pPr><w:ind w:left="{left}" w:hanging="{hanging}"/></w:pPr></w:lvl>'
        for n, (shape, text, left, hanging) in enumerate(shapes)
    )
    restart = "".join(
        f'<w:lvlOverride w:ilvl="{n}"><w:startOverride w:val="1"/></w:lvlOverride>' for n in range(3)
    )
    nums = "".join(
        f'<w:num w:numId="{n}"><w:abstractNumId w:val="0"/>{restart if n > 1 else ""}</w:num>'
        for n in range(1, lists + 1)
    )
    shape = (
        f'<w:abstractNum w:abstractNumId="0"><w:multiLevelType w:val="multilevel"/>{levels}</w:abstractNum>'
    )
    return f'<w:numbering xmlns:w="{W}">{shape}{nums}</w:numbering>'


def _footer(header: str) -> str:
    text = f'<w:r><w:t xml:space="preserve">{escape(header)} · </w:t></w:r>'
    number = '<w:fldSimple w:instr=" PAGE "><w:r><w:t>1</w:t></w:r></w:fldSimple>'
    return f'<w:ftr xmlns:w="{W}">{_p("Footer", text + number)}</w:ftr>'


def _types() -> str:
    parts = "".join(
        f'<Override PartName="/word/{name}.xml" ContentType="{WORD}.{kind}+xml"/>'
        for name, kind in PARTS.items()
    )
    core = "application/vnd.openxmlformats-package.core-properties+xml"
    return (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'{parts}<Override PartName="/docProps/core.xml" ContentType="{core}"/></Types>'
    )


def _relations(targets: dict[str, str]) -> str:
    inside = "".join(_relation(name, target) for name, target in targets.items())
    return f'<Relationships xmlns="{PACKAGE}/relationships">{inside}</Relationships>'


def _relation(name: str, target: str) -> str:
    kind = (
        f"{PACKAGE}/relationships/metadata/core-properties"
        if name == "metadata"
        else f"{R}/{name.rstrip('1')}"
    )
    return f'<Relationship Id="{name}" Type="{kind}" Target="{target}"/>'


def _properties(facts: dict[str, str]) -> str:
    names = f'xmlns:c="{PACKAGE}/metadata/core-properties" xmlns:d="http://purl.org/dc/elements/1.1/"'
    title = f"<d:title>{escape(facts['header'])}</d:title><d:creator>{escape(facts['author'])}</d:creator>"
    return f"<c:coreProperties {names}>{title}</c:coreProperties>"
