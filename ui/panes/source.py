"""The inspector: the cited document at the cited place, or one file's ledger."""

from bisect import bisect_right

from ui.client import Document, Heading, Marked, Page
from ui.desk import Desk, Source
from ui.panes import library
from ui.panes.words import act, esc, name_of, tool

WINDOW = 60_000  # characters shown on either side of a citation in a very long text

OUTLINE = tool("outline", "Outline", 'data-do="outline"')


def source(desk: Desk) -> str:
    if desk.source is not None and desk.view != "admin":
        return document(desk.source)
    if desk.view == "library":
        return library.inspector(desk)
    return ""


def document(shown: Source) -> str:
    citation = shown.citation
    start = citation["start"] if citation else -1
    body = pages(shown) if shown.document["kind"] == "pdf" else sheet(shown)
    key = f"{shown.document['id']}/{shown.answer}/{citation['n'] if citation else 0}"
    index = f'<nav class="outline">{outline(shown.document, start)}</nav>'
    inner = f'{index}<div class="pages">{body}</div>'
    return f'{header(shown)}<div class="reader" data-key="{esc(key)}">{inner}</div>'


def header(shown: Source) -> str:
    file, citation = shown.document, shown.citation
    paged = file["kind"] == "pdf"
    number = (
        f'<span class="soft">p. {citation["page"]} / {file["pages"]}</span>' if citation and paged else ""
    )
    return (
        f'<header><b title="{esc(file["title"])}">{esc(name_of(file["title"]))}</b><span class="grow"></span>'
        f"{stepper(shown)}{number}{zoom() if paged else ''}"
        f"{OUTLINE}"
        f'<a class="btn" href="/api/documents/{esc(file["id"])}/file" download>Download</a>'
        f"{tool('close', 'Close', act('close'))}</header>"
    )


def stepper(shown: Source) -> str:
    """`‹ 2 of 4 ›`, through the citations of the answer."""
    if shown.citation is None:
        return ""
    before = tool("left", "Previous source", act("step", by=-1))
    after = tool("right", "Next source", act("step", by=1))
    return f'<span class="step">{before}{shown.citation["n"]} of {shown.of}{after}</span>'


def zoom() -> str:
    smaller = tool("minus", "Smaller", 'data-do="smaller"')
    larger = tool("plus", "Larger", 'data-do="larger"')
    return f'<span class="step">{smaller}{larger}</span>'


def outline(file: Document, start: int) -> str:
    rows = file["outline"]
    here = bisect_right([row["start"] for row in rows], start) - 1 if start >= 0 else -1
    return (
        "".join(entry(row, file, at == here) for at, row in enumerate(rows))
        or '<p class="hint">No headings.</p>'
    )


def entry(row: Heading, file: Document, here: bool) -> str:
    target = f"page-{row['page']}" if file["kind"] == "pdf" else f"at-{row['start']}"
    state = " on" if here else ""
    return (
        f'<button class="l{min(max(row["level"], 1), 4)}{state}" data-goto="{target}" '
        f'title="{esc(row["heading"])}">{esc(row["heading"])}</button>'
    )


def pages(shown: Source) -> str:
    marks = {marked["number"]: marked for marked in shown.marks}
    return "".join(
        picture(page, shown.document["id"], marks.get(page["number"])) for page in shown.document["page_list"]
    )


def picture(page: Page, file: str, marked: Marked | None) -> str:
    """One page as a picture, with the cited rectangles over it in fractions of its size."""
    n = page["number"]
    ratio = f"{page['width']:.1f}/{page['height']:.1f}" if page["width"] and page["height"] else "210/297"
    rects = "".join(rect(box) for box in marked["rects"]) if marked else ""
    note = (
        "<figcaption>This page holds no text. It could not be searched.</figcaption>" if page["empty"] else ""
    )
    image = f'<img loading="lazy" alt="Page {n}" src="/api/documents/{esc(file)}/pages/{n}.png?width=1100">'
    return f'<figure id="page-{n}" class="page" style="aspect-ratio:{ratio}">{image}{rects}{note}</figure>'


def rect(box: list[float]) -> str:
    x0, y0, x1, y1 = (min(max(float(value), 0.0), 1.0) * 100 for value in box)
    place = f"left:{x0:.3f}%;top:{y0:.3f}%;width:{x1 - x0:.3f}%;height:{y1 - y0:.3f}%"
    return f'<i class="mark" style="{place}"></i>'


def sheet(shown: Source) -> str:
    """The canonical text by paragraphs, the cited span marked. Very long texts show a window around it."""
    text = shown.text
    start, end = (shown.citation["start"], shown.citation["end"]) if shown.citation else (0, 0)
    first = text.rfind("\n", 0, max(0, start - WINDOW)) + 1
    last = text.find("\n", end + WINDOW)
    last = len(text) if last < 0 else last
    headings = {row["start"] for row in shown.document["outline"]}
    html = f'<p class="cut">{first:,} earlier characters are not shown here.</p>' if first else ""
    at = first
    for line in text[first:last].split("\n"):
        html += paragraph(line, at, start, end, headings)
        at += len(line) + 1
    rest = len(text) - last
    html += f'<p class="cut">{rest:,} later characters are not shown here.</p>' if rest > 0 else ""
    return f'<div class="sheet">{html}</div>'


def paragraph(line: str, at: int, start: int, end: int, headings: set[int]) -> str:
    """One line of the text that begins at offset `at`, with the part inside [start, end) marked."""
    if not line.strip():
        return ""
    stop = at + len(line)
    anchor = next((offset for offset in headings if at <= offset < stop), None)
    identity = f' id="at-{anchor}"' if anchor is not None else ""
    kinds = (["head"] if anchor is not None else []) + (["hit"] if at < end and stop > start else [])
    css = f' class="{" ".join(kinds)}"' if kinds else ""
    a, b = max(start - at, 0), min(end - at, len(line))
    if a >= b:
        return f"<p{identity}{css}>{esc(line)}</p>"
    return f"<p{identity}{css}>{esc(line[:a])}<mark>{esc(line[a:b])}</mark>{esc(line[b:])}</p>"
