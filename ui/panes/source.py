"""The reader: a document at the cited place, its outline beside it; or the library's look at one file."""

from bisect import bisect_right

from ui.desk import Desk, Source
from ui.panes import since
from ui.panes.inspector import current, inspector
from ui.panes.pictures import pictures
from ui.panes.sheet import sheet
from ui.panes.words import act, esc, name_of, on, tag, tool
from ui.replies import Heading

AS = (("changes", "Changes"), ("accepted", "As accepted"), ("original", "As original"))
FIND = (
    '<label class="field search find"><input type="search" data-find autocomplete="off" '
    'aria-label="Find in document" placeholder="Find in document"><span class="soft" data-hits></span></label>'
)
OUTLINE = tool("outline", "Outline", 'data-do="outline"')
BACK = tool("back", "Back to where you were", 'data-do="back" hidden')
WALK = tool("up", "Previous (Shift Enter)", 'data-do="before"') + tool(
    "down", "Next (Enter)", 'data-do="after"'
)


def source(desk: Desk) -> str:
    shown = desk.source
    if shown is not None and desk.view != "admin":
        shown.drawn = shown.drawn or document(shown)
        return shown.drawn
    return inspector(desk) if desk.view == "library" and desk.found is None else ""


def document(shown: Source) -> str:
    file, citation = shown.document, shown.citation
    body = pictures(shown) if shown.face == "pages" else sheet(shown)
    key = f"{file['id']}/{shown.face}/{shown.at}/{shown.answer}/{citation['n'] if citation else 0}"
    data = f'data-key="{esc(key)}" data-document="{esc(file["id"])}" data-face="{shown.face}"'
    return (
        f"{header(shown)}{toolbar(shown)}{warnings(shown)}"
        f'<div class="reader" {data}><nav class="outline" aria-label="Outline">{outline(shown)}</nav>'
        f'<div class="pages" tabindex="0" role="document" aria-label="{esc(name_of(file["title"]))}">{body}</div></div>'
    )


def header(shown: Source) -> str:
    file, citation = shown.document, shown.citation
    page = (
        f'<span class="soft">p. {citation["page"]} / {file["pages"]}</span>'
        if citation and shown.paged
        else ""
    )
    version = tag(f"version {file['version']}") if len(file["versions"]) > 1 else ""
    return (
        f'<header><b title="{esc(file["title"])}">{esc(name_of(file["title"]))}</b>{version}<span class="grow"></span>'
        f"{stepper(shown)}{page}"
        f'<a class="btn" href="/api/documents/{esc(file["id"])}/file" download>Download</a>'
        f"{tool('close', 'Close (Esc)', act('close'))}</header>"
    )


def toolbar(shown: Source) -> str:
    """How the document is shown, and find."""
    faces = seg("face", (("pages", "Pages"), ("text", "Text")), shown.face) if shown.paged else ""
    return (
        f'<div class="readbar">{OUTLINE}{faces}{tracked(shown)}{BACK}<span class="grow"></span>'
        f'{FIND}<span class="step">{WALK}</span>{zoom() if shown.face == "pages" else ""}</div>'
    )


def tracked(shown: Source) -> str:
    """The choice of how tracked changes are shown, where there are any; assets/reader.js keeps it."""
    if shown.face == "pages" or all(mark["kind"] == "comment" for mark in shown.document["marks"]):
        return ""
    buttons = "".join(f'<button data-do="as" data-as="{key}">{label}</button>' for key, label in AS)
    return f'<span class="seg" role="group" aria-label="Tracked changes">{buttons}</span>'


def seg(do: str, choices: tuple[tuple[str, str], ...], here: str) -> str:
    """A choice between a few ways, the present one pressed."""
    buttons = "".join(
        f'<button class="{on(key == here)}" aria-pressed="{str(key == here).lower()}" '
        f"{act(do, id=key)}>{label}</button>"
        for key, label in choices
    )
    return f'<span class="seg" role="group">{buttons}</span>'


def warnings(shown: Source) -> str:
    """What a reader must know before the words: an older version, a remark on the citation."""
    file, said = shown.document, since.above(shown)
    html = f'<p class="remark"><b>!</b><span>{said}</span></p>' if said else ""
    if not said and not file["current"] and current(file)["id"] != file["id"]:
        newer = f"<button {act('read', id=current(file)['id'])}>Open the version that is searched</button>"
        html += f'<p class="remark"><b>!</b><span>This is version {file["version"]}. {newer}</span></p>'
    remark = shown.citation.get("remark", "") if shown.citation else ""
    return html + (f'<p class="remark"><b>!</b><span>{esc(remark)}</span></p>' if remark else "")


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


def outline(shown: Source) -> str:
    rows = shown.document["outline"]
    start = shown.citation["start"] if shown.citation else -1
    here = bisect_right([row["start"] for row in rows], start) - 1 if start >= 0 else -1
    return (
        "".join(entry(row, shown, at == here) for at, row in enumerate(rows))
        or '<p class="hint">No headings.</p>'
    )


def entry(row: Heading, shown: Source, here: bool) -> str:
    target = f"page-{row['page']}" if shown.face == "pages" else row["start"]
    heading, types = esc(row["heading"]), row.get("types", [])
    told = f"<small>{esc(' · '.join(types))}</small>" if types else ""
    hint = esc(f"{row['heading']} ({', '.join(types)})") if types else heading
    return (
        f'<button class="l{min(max(row["level"], 1), 4)} {on(here)}" data-goto="{target}" '
        f'data-start="{row["start"]}" title="{hint}">{heading}{told}</button>'
    )
