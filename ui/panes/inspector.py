"""A closer look at one file of the library: its state, facts, ledger, versions and kin."""

from ui.desk import Desk
from ui.panes.ledger import ledger, section
from ui.panes.library import FINE, KINDS, STATES, TONES, WORKING
from ui.panes.lineage import of_document
from ui.panes.words import act, count, date_of, esc, moment, name_of, short, size, tag, tool
from ui.replies import Document, Filed

SHOWN = 60  # headings


def inspector(desk: Desk) -> str:
    file = desk.picked
    if file is None:
        return ""
    parts = (card, facts, ledger, versions, amendments, attached, learned, headings)
    body = "".join(part(file, desk) for part in parts)
    return f'{header(file)}<div class="ledger" data-picked="{esc(file["id"])}">{body}</div>'


def header(file: Document) -> str:
    name = f'<b title="{esc(file["title"])}">{esc(name_of(file["title"]))}</b>'
    return f'<header>{name}<span class="grow"></span>{tool("close", "Close (Esc)", act("unpick"))}</header>'


def card(file: Document, desk: Desk) -> str:
    """State, reason and remedy; what the file is, and what can be done with it."""
    digest = f'<span class="mono" title="{esc(file["digest"])}">sha256 {esc(short(file["digest"]))}</span>'
    version = tag(f"version {file['version']}") if len(file["versions"]) > 1 else ""
    reason = f'<div class="card {tone(file)}">{esc(file["reason"])}</div>' if file["reason"] else ""
    return (
        f'<p class="row">{stamp(file)}{version}</p>{reason}<p class="row">{actions(file)}</p>'
        f'<p class="soft">{esc(kind(file))} · {size(file["size"])} · added {moment(file["added"])}<br>{digest}</p>'
    )


def actions(file: Document) -> str:
    read = f'<button class="btn p" {act("read", id=file["id"])}>Open</button>' if file["characters"] else ""
    again = f'<button class="btn" {act("reread", id=file["id"])}>Read again</button>' if wanting(file) else ""
    return f'{read}{again}<a class="btn" href="/api/documents/{esc(file["id"])}/file" download>Download</a>'


def wanting(file: Filed) -> bool:
    """Whether reading the file again may help."""
    return file["state"] not in (*WORKING, *FINE)


def stamp(file: Filed) -> str:
    return tag(STATES.get(file["state"], file["state"]), tone(file))


def tone(file: Filed) -> str:
    return TONES.get(file["state"], "mute" if file["state"] in WORKING else "bad")


def kind(file: Filed) -> str:
    return KINDS.get(file["kind"], file["kind"].upper() or "unknown kind")


def facts(file: Document, desk: Desk) -> str:
    said = file["facts"]
    rows = [
        ("Type", said["type"]),
        ("Parties", "\n".join(said["parties"])),
        ("Date", date_of(said["dated"])),
        ("Governing law", said["law"]),
        ("Amends", said["amends"]),
    ]
    items = "".join(
        f"<dt>{label}</dt><dd>{esc(value).replace(chr(10), '<br>')}</dd>" for label, value in rows if value
    )
    return section("Facts", f"<dl>{items}</dl>" if items else "")


def versions(file: Document, desk: Desk) -> str:
    """The versions, newest first, and the way to add one."""
    if file["parent"]:
        return ""  # what came attached changes with what it came in
    rows = "".join(version(one, file) for one in file["versions"]) if len(file["versions"]) > 1 else ""
    family = current(file)["id"]
    add = (
        '<label class="btn" tabindex="0">Replace with a new version…'
        f'<input type="file" hidden data-replaces="{esc(family)}"></label>'
    )
    return section("Versions", f"{rows}<p>{add}</p>")


def current(file: Document) -> Filed:
    return next((one for one in file["versions"] if one["current"]), file)


def version(one: Filed, file: Document) -> str:
    sign = "●" if one["current"] else "○"
    note = "" if one["state"] in ("ready", "partial") else f" · {STATES.get(one['state'], one['state'])}"
    name = f"Version {one['version']}{esc(note)}"
    words = f'<span>{sign}</span><span>{name}</span><span class="soft">{moment(one["added"])}</span>'
    css = "line on" if one["id"] == file["id"] else "line"
    if not one["characters"]:
        return f'<div class="{css}" title="{esc(one["reason"])}">{words}</div>'
    return f'<button class="{css}" {act("read", id=one["id"])} title="Open this version">{words}</button>'


def amendments(file: Document, desk: Desk) -> str:
    return section("Amends", kin(file["amends"], desk)) + section("Amended by", kin(file["amended_by"], desk))


def kin(others: list[str], desk: Desk) -> str:
    return "".join(link(other, desk.titles[other]) for other in others if other in desk.titles)


def link(document: str, title: str, beside: str = "") -> str:
    name = f'<span title="{esc(title)}">{esc(name_of(title))}</span>'
    return f'<button class="line link" {act("pick", id=document)}>{name}{beside}</button>'


def attached(file: Document, desk: Desk) -> str:
    inside = link(file["parent"], desk.titles.get(file["parent"], "")) if file["parent"] else ""
    rows = "".join(link(one["id"], one["title"], stamp(one)) for one in file["attached"])
    return section("Came inside", inside) + section("Attachments", rows)


def learned(file: Document, desk: Desk) -> str:
    return section("Learned from it", of_document(desk.learned, desk.manages) if desk.learned else "")


def headings(file: Document, desk: Desk) -> str:
    rows = file["outline"]
    terms = count(len(file["definitions"]), "defined term")
    items = "".join(
        f'<li class="l{min(max(row["level"], 1), 4)}" title="{esc(row["heading"])}">{esc(row["heading"])}</li>'
        for row in rows[:SHOWN]
    )
    more = (
        f'<li class="soft">and {count(len(rows) - SHOWN, "heading")} more</li>' if len(rows) > SHOWN else ""
    )
    note = f'<p class="soft">{terms}</p>' if file["definitions"] else ""
    return section("Outline", f"<ul>{items}{more}</ul>{note}" if rows or note else "")
