"""The adapters' shell. Rows, checks and gauge are drawn in the browser (assets/adapters.js), from what the API says."""

import json

from ui.panes.library import head
from ui.panes.words import act, esc

COLUMNS = (
    ("name", "Name", ""),
    ("version", "Version", ""),
    ("base", "Base", ""),
    ("rank", "Rank", "num"),
    ("weight", "Size", "num"),
    ("origin", "Origin", ""),
    ("matters", "Matters", ""),
    ("f1", "F1", "num"),
    ("forgets", "Forgets", "num"),
    ("today", "Answers today", "num"),
    ("state", "State", ""),
)
VOCABULARY = json.dumps({"columns": [key for key, _, _ in COLUMNS]})
UPLOAD = (
    '<label class="btn p" tabindex="0">Upload…'
    '<input type="file" accept=".zip,.gguf,application/zip" hidden data-upload></label>'
)
ADAPTERS = (
    f'<div class="shelf adapters" data-words="{esc(VOCABULARY)}">'
    '<div class="head"><h2>Adapters</h2><span class="soft base"></span><span class="grow"></span>'
    '<span class="target soft">Drop a zip or a GGUF here</span>'
    f'<button class="btn" data-compare {act("compare")}>Compare…</button>{UPLOAD}</div>'
    '<div class="told" role="status" hidden></div>'
    '<div class="grid" hidden>'
    f'<div class="cols" role="row">{"".join(head(*column) for column in COLUMNS)}</div>'
    '<div class="rows" id="adapter" role="grid" tabindex="0" aria-label="Adapters">'
    '<div class="space"></div></div></div>'
    '<div class="empty" hidden><h2></h2><p></p></div>'
    '<div class="cards"></div></div>'
)
STOCK = (
    '<div class="stock">'
    '<input class="field" type="search" data-filter autocomplete="off" aria-label="Filter adapters" '
    'placeholder="Filter adapters">'
    '<h4>State</h4><div class="states" role="group" aria-label="Show only"></div>'
    '<h4>Memory</h4><div class="gauge" role="status"></div></div>'
)
