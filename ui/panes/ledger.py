"""A file's ledger: what came in, and what became of it."""

from ui.desk import Desk
from ui.panes.library import WORKING
from ui.panes.words import count, esc
from ui.replies import Document, Entry, Page

# The ledger's lines under plain headings; every fate that the service knows has its place.
GROUPS = (
    ("Kept", ("kept", "attached")),
    ("Left out", ("dropped", "hidden", "unread")),
    ("Changes and comments", ("inserted", "deleted", "commented")),
    ("Recognised from pictures", ("recognised",)),
    ("Worth knowing", ("odd",)),
)
FINE_FATES = ("kept", "attached")
LOW = 0.85  # recognition below this wants a look at the page


def ledger(file: Document, desk: Desk) -> str:
    """What came in and what became of it, grouped plainly."""
    html = came_in(file)
    for heading, fates in GROUPS:
        lines = [line for line in file["ledger"] if line["fate"] in fates]
        body = "".join(entry(line) for line in lines)
        html += f"<h4>{heading}</h4>{body}" if body else ""
        if "recognised" in fates:
            html += recognition(file["page_list"])
    return section("Ledger", html)


def came_in(file: Document) -> str:
    if file["state"] in WORKING:
        return check(True, "Being read", "")
    rows = [(file["characters"] > 0, "Characters kept", f"{file['characters']:,}")]
    if file["pages"]:
        full = file["pages"] - file["pages_without_text"]
        rows.append((full == file["pages"], "Pages with text", f"{full:,} of {file['pages']:,}"))
    if file["state"] in ("ready", "partial"):
        rows.append((True, "Passages searched", f"{file['passages']:,}"))
    return "".join(check(*row) for row in rows)


def check(fine: bool, label: str, value: str, where: str = "") -> str:
    sign = '<span class="fine">✓</span>' if fine else '<span class="look">!</span>'
    below = f"<small>{where}</small>" if where else ""
    return (
        f'<div class="chk">{sign}<span>{esc(label)}{below}</span><span class="num">{esc(value)}</span></div>'
    )


def entry(line: Entry) -> str:
    number = f"{line['characters']:,} characters" if line["characters"] else ""
    where = pages_of(line["pages"]).capitalize() if line["pages"] else ""
    return check(line["fate"] in FINE_FATES, line["reason"], number, where)


def pages_of(pages: list[int]) -> str:
    """`page 3`, `pages 1–4, 9`."""
    runs: list[list[int]] = []
    for page in sorted(pages):
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    words = ", ".join(f"{a}–{b}" if b > a else f"{a}" for a, b in runs)
    return f"{'page' if len(pages) == 1 else 'pages'} {words}"


def recognition(pages: list[Page]) -> str:
    """How sure the recognition was, page by page; the least sure pages first."""
    read = [(page["confidence"], page["number"]) for page in pages if page["confidence"] is not None]
    if not read:
        return ""
    mean, least = sum(sure for sure, _ in read) / len(read), min(read)[0]
    words = f"{count(len(read), 'page')} at {percent(mean)} on average, {percent(least)} at the least"
    rows = "".join(sureness(sure, number) for sure, number in sorted(read))
    return f'<details><summary>{words}</summary><div class="sure">{rows}</div></details>'


def sureness(sure: float, number: int) -> str:
    css = "bar warn" if sure < LOW else "bar"
    bar = f'<span class="{css}"><i style="width:{sure:.0%}"></i></span>'
    return f"<span>Page {number}</span>{bar}<span>{percent(sure)}</span>"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def section(heading: str, body: str) -> str:
    return f"<h3>{heading}</h3>{body}" if body else ""
