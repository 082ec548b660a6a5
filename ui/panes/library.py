"""The library's shell. Its rows are drawn in the browser (assets/shelf.js), from what the API says."""

import json

from ui.panes.words import esc, icon

KINDS = {
    "pdf": "PDF",
    "docx": "Word",
    "doc": "Word 97",
    "rtf": "RTF",
    "xlsx": "Excel",
    "eml": "E-mail",
    "msg": "Outlook",
    "txt": "Text",
    "md": "Markdown",
    "html": "Web page",
    "png": "Picture",
    "jpeg": "Picture",
    "tiff": "Picture",
    "zip": "Archive",
}
STATES = {
    "queued": "waiting",
    "reading": "reading",
    "embedding": "embedding",
    "partial": "partly read",
    "too_large": "too large",
}
TONES = {"ready": "ok", "partial": "warn", "duplicate": "mute", "empty": "warn", "unpacked": "mute"}
WORKING = ("queued", "reading", "embedding")
FINE = ("ready", "duplicate", "unpacked")

# What of a ledger is worth a word in the list.
REMARKS = {
    "inserted": "tracked changes",
    "deleted": "tracked changes",
    "commented": "comments",
    "hidden": "hidden text",
    "recognised": "recognised",
}
COLUMNS = (
    ("title", "Name", ""),
    ("type", "Type", ""),
    ("parties", "Parties", ""),
    ("dated", "Date", ""),
    ("kind", "Kind", ""),
    ("pages", "Pages", "num"),
    ("state", "State", ""),
    ("added", "Added", ""),
    ("size", "Size", "num"),
)


def head(key: str, label: str, css: str) -> str:
    return (
        f'<button class="c-{key} {css}" role="columnheader" data-sort="{key}" aria-sort="none">'
        f"<span>{label}</span></button>"
    )


VOCABULARY = json.dumps(
    {
        "kinds": KINDS,
        "states": STATES,
        "tones": TONES,
        "working": WORKING,
        "fine": FINE,
        "remarks": REMARKS,
        "columns": [key for key, _, _ in COLUMNS],
    }
)
SHELF = (
    f'<div class="shelf" data-words="{esc(VOCABULARY)}">'
    '<div class="head"><h2>Documents</h2><span class="soft" data-count></span><span class="grow"></span>'
    '<label class="field search"><input type="search" data-filter autocomplete="off" aria-label="Filter documents" '
    'placeholder="Filter documents"><kbd>/</kbd></label>'
    '<span class="target soft">Drop files or folders here</span>'
    '<label class="btn" tabindex="0">Add folder…<input type="file" webkitdirectory multiple hidden data-add></label>'
    '<label class="btn p" tabindex="0">Add files…<input type="file" multiple hidden data-add></label></div>'
    '<div class="chips" role="group" aria-label="Show only"></div>'
    '<div class="told" role="status" hidden></div>'
    '<div class="grid" hidden>'
    f'<div class="cols" role="row">{"".join(head(*column) for column in COLUMNS)}</div>'
    '<div class="rows" role="treegrid" tabindex="0" aria-label="Documents" aria-multiselectable="true">'
    '<div class="space"></div></div></div>'
    '<div class="empty" hidden><h2></h2><p></p></div>'
    '<div class="chosen" hidden><b></b><span class="grow"></span><button class="btn" data-clear>Clear</button>'
    f'<button class="btn danger" data-delete>{icon("bin")}Delete…</button></div>'
    "</div>"
)
FACETS = '<div class="facets"></div>'
