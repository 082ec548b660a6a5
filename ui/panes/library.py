"""The library: one line for each file, with its state, and a closer look at one of them."""

from ui.client import Document, Filed
from ui.desk import FINAL, Desk
from ui.panes.words import act, count, empty, esc, moment, name_of, on, short, size, tag, tool

KINDS = {"pdf": "PDF", "docx": "Word", "eml": "E-mail", "txt": "Text", "md": "Markdown"}
COLUMNS = (
    ("title", "Name", ""),
    ("kind", "Type", ""),
    ("added", "Added", ""),
    ("pages", "Pages", "num"),
    ("passages", "Passages", "num"),
    ("state", "State", ""),
)
WORDS = {"too_large": "too large", "partial": "partly read", "queued": "waiting", "reading": "reading"}
TONES = {"ready": "ok", "partial": "warn", "duplicate": "mute", "empty": "warn"}

DROP = (
    '<div class="head"><h2>Documents</h2><span class="grow"></span>'
    '<span class="target">Drop files or folders here</span>'
    '<label class="btn" tabindex="0">Add folder<input type="file" webkitdirectory multiple hidden></label>'
    '<label class="btn p" tabindex="0">Add files<input type="file" multiple hidden></label></div>'
    '<div class="uploads" hidden></div>'
)


def shelf(desk: Desk) -> str:
    if desk.current is None:
        return ""
    if not desk.documents:
        return empty(
            "No documents yet",
            "Drop files or folders here, or choose Add files. PDF, DOCX, EML, TXT and MD are read; every "
            "file’s state is shown, and a bad one never stops the others.",
        )
    rows = chosen(desk)
    if not rows:
        return empty("No document matches", "Clear the filter on the left to see all of them.")
    body = "".join(line(filed, desk) for filed in rows)
    return f"<table><thead><tr>{heads(desk)}</tr></thead><tbody>{body}</tbody></table>"


def chosen(desk: Desk) -> list[Filed]:
    """The files that the filter lets through, in the chosen order."""
    words = desk.filter.lower().split()
    rows = [filed for filed in desk.documents if all(word in filed["title"].lower() for word in words)]
    rows = [filed for filed in rows if belongs(filed, desk.shelf)]
    return sorted(rows, key=lambda filed: order(filed, desk.sort), reverse=desk.descending)


def belongs(filed: Filed, shelf: str) -> bool:
    """Whether a file stands on a shelf: "" all, "attention" not read as it should be, "working" not done."""
    if shelf == "working":
        return filed["state"] not in FINAL
    return shelf == "" or (filed["state"] in FINAL and filed["state"] not in ("ready", "duplicate"))


def order(filed: Filed, column: str) -> tuple[float, str]:
    value = dict(filed)[column]
    number = float(value) if isinstance(value, int | float) else 0.0
    return number, str(value).lower()


def heads(desk: Desk) -> str:
    html = ""
    for key, label, css in COLUMNS:
        arrow = ("↓" if desk.descending else "↑") if key == desk.sort else ""
        html += f'<th class="{css}"><button {act("sort", id=key)}>{label} <i>{arrow}</i></button></th>'
    return html + "<th></th>"


def line(filed: Filed, desk: Desk) -> str:
    known = filed["passages"] or filed["state"] in ("ready", "partial")
    numbers = [f"{filed[key]:,}" if known else "—" for key in ("pages", "passages")]
    here = on(desk.picked is not None and desk.picked["id"] == filed["id"])
    kind = esc(KINDS.get(filed["kind"], filed["kind"].upper() or "—"))
    return (
        f'<tr class="{here}" tabindex="0" {act("pick", id=filed["id"])}>'
        f'<td class="name">{title(filed["title"])}</td>'
        f'<td class="soft">{kind}</td><td class="soft">{moment(filed["added"])}</td>'
        f'<td class="num">{numbers[0]}</td><td class="num">{numbers[1]}</td>'
        f'<td class="state">{state(filed)}</td><td class="tools">{delete(filed)}</td></tr>'
    )


def delete(filed: Filed) -> str:
    name = name_of(filed["title"])
    question = f"Delete {name}? It will not be searched or quoted again. This cannot be undone."
    return tool(
        "bin", f"Delete {name}", act("delete_document", id=filed["id"], confirm=question, verb="Delete")
    )


def title(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f'<span title="{esc(path)}">{esc(name)}</span>' + (
        f"<small>{esc(folder)}</small>" if folder else ""
    )


def state(filed: Filed) -> str:
    """A tag, or a bar while the file is being embedded; the reason stands beside it when there is one."""
    if filed["state"] == "embedding":
        return bar(filed["done"], filed["passages"])
    if filed["state"] not in FINAL:
        return f'<span class="doing">{esc(WORDS.get(filed["state"], filed["state"]))}<i></i><i></i><i></i></span>'
    reason = esc(filed["reason"])
    return stamp(filed) + (f'<span class="reason" title="{reason}">{reason}</span>' if reason else "")


def stamp(filed: Filed) -> str:
    return tag(WORDS.get(filed["state"], filed["state"]), tone(filed))


def tone(filed: Filed) -> str:
    return TONES.get(filed["state"], "bad" if filed["state"] in FINAL else "mute")


def bar(done: int, total: int) -> str:
    share = 100 * done / total if total else 0
    return (
        f'<span class="bar"><i style="width:{share:.0f}%"></i></span>'
        f'<span class="soft">embedding {done:,} / {total:,}</span>'
    )


def inspector(desk: Desk) -> str:
    file = desk.picked
    if file is None:
        return '<div class="empty small"><p>Choose a document to see what was read from it.</p></div>'
    read = f'<button class="btn" {act("read", id=file["id"])}>Read</button>' if file["characters"] else ""
    reason = f'<div class="card {tone(file)}">{esc(file["reason"])}</div>' if file["reason"] else ""
    digest = f'<span class="mono" title="{esc(file["digest"])}">sha256 {esc(short(file["digest"]))}</span>'
    return (
        f'<header><b title="{esc(file["title"])}">{esc(name_of(file["title"]))}</b>'
        f'<span class="grow"></span>{read}{tool("close", "Close", act("unpick"))}</header>'
        '<div class="ledger">'
        f'<p class="soft">{digest} · {size(file["size"])} · added {moment(file["added"])}</p>'
        f"<p>{stamp(file)}</p>{reason}"
        f"{ledger(file)}{entries(file)}{headings(file)}{beginning(desk.preview)}</div>"
    )


def ledger(file: Document) -> str:
    """What came in and what was kept of it."""
    with_text = file["pages"] - file["pages_without_text"]
    rows = [
        (file["characters"] > 0, "Characters kept", f"{file['characters']:,}"),
        (
            file["pages_without_text"] == 0 and file["pages"] > 0,
            "Pages with text",
            f"{with_text:,} of {file['pages']:,}",
        ),
        (file["state"] in ("ready", "partial"), "Passages searched", f"{file['passages']:,}"),
    ]
    return "<h3>Ledger</h3>" + "".join(check(*row) for row in rows)


def check(fine: bool, label: str, value: str = "") -> str:
    number = f'<span class="num">{value}</span>' if value else ""
    return f'<div class="chk"><span>{"✓" if fine else "!"}</span><span>{esc(label)}</span>{number}</div>'


def entries(file: Document) -> str:
    return "".join(
        check(False, line["reason"], f"{line['characters']:,}" if line["characters"] else "")
        for line in file["ledger"]
    )


def headings(file: Document) -> str:
    rows = file["outline"]
    items = "".join(
        f'<li class="l{min(max(row["level"], 1), 4)}">{esc(row["heading"])}</li>' for row in rows[:60]
    )
    more = f'<li class="soft">and {count(len(rows) - 60, "heading")} more</li>' if len(rows) > 60 else ""
    return f"<h3>Outline</h3><ul>{items}{more}</ul>" if rows else ""


def beginning(text: str) -> str:
    return f'<h3>Text</h3><div class="preview">{esc(text)}</div>' if text.strip() else ""
