"""Small words and marks that every pane uses."""

import re
from datetime import date, datetime, timedelta
from html import escape

ICONS = {
    "ask": '<path d="M4 5h16v11H9l-5 4z"/>',
    "library": '<path d="M4 4h6l2 2h8v14H4z"/>',
    "adapters": '<path d="M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9"/>',
    "finetune": '<path d="M4 19V5M4 19h16M7 15c3 0 3-7 6-7s3 3 6 3"/>',
    "admin": '<path d="M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6z"/>',
    "theme": '<path d="M12 4a8 8 0 1 0 0 16z" fill="currentColor"/><circle cx="12" cy="12" r="8"/>',
    "close": '<path d="M6 6l12 12M18 6L6 18"/>',
    "outline": '<path d="M4 6h16M8 12h12M8 18h12"/>',
    "pen": '<path d="M4 20l1-4L16 5l3 3L8 19z"/>',
    "bin": '<path d="M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "minus": '<path d="M5 12h14"/>',
    "left": '<path d="M14 6l-6 6 6 6"/>',
    "right": '<path d="M10 6l6 6-6 6"/>',
    "down": '<path d="M6 9l6 6 6-6"/>',
    "up": '<path d="M6 15l6-6 6 6"/>',
    "back": '<path d="M9 7l-5 5 5 5M4 12h10a6 6 0 0 1 6 6"/>',
}


def esc(text: object) -> str:
    """Text made harmless in HTML, in elements and in quoted attributes."""
    return escape(str(text), quote=True)


def icon(name: str) -> str:
    return f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{ICONS[name]}</svg>'


def count(n: int, noun: str) -> str:
    """`1 page`, `1,204 pages`, `2 matches`."""
    plural = noun if n == 1 else noun + ("es" if noun.endswith(("s", "ch", "x")) else "s")
    return f"{n:,} {plural}"


def tag(text: str, tone: str = "") -> str:
    return f'<span class="tag {tone}">{esc(text)}</span>'


def act(do: str, **data: object) -> str:
    """The attributes that make an element do something: assets/pane.js sends them to `acts`."""
    pairs = "".join(f' data-{name.replace("_", "-")}="{esc(value)}"' for name, value in data.items())
    return f'data-act="{do}"{pairs}'


def tool(name: str, label: str, attributes: str, css: str = "tool") -> str:
    """A button that is an icon; `label` is its name for the pointer and for screen readers."""
    names = f'title="{esc(label)}" aria-label="{esc(label)}"'
    return f'<button class="{css}" {attributes} {names}>{icon(name)}</button>'


def item(name: str, facts: str, opens: str, here: bool, tools: str = "") -> str:
    """A line of the side list: a name, a smaller line of facts, and its tools."""
    main = f'<button class="main" {opens}>{esc(name)}<small>{esc(facts)}</small></button>'
    return f'<div class="item {on(here)}">{main}{tools}</div>'


def on(yes: bool) -> str:
    return "on" if yes else ""


def card(heading: str, body: str, css: str = "") -> str:
    """A card of what is HTML already."""
    return f'<section class="{f"card {css}".strip()}"><h3>{heading}</h3>{body}</section>'


def empty(heading: str, words: str, what: str = "") -> str:
    """An empty place that says what to do first."""
    return f'<div class="empty"><h2>{esc(heading)}</h2><p>{esc(words)}</p>{what}</div>'


def day(seconds: float, now: datetime | None = None) -> str:
    """The group of a date in a list: Today, Yesterday, This week, Last week, or the month."""
    today = (now or datetime.now()).date()
    then = datetime.fromtimestamp(seconds).date()
    monday = today - timedelta(days=today.weekday())
    if then >= today:
        return "Today"
    if then == today - timedelta(days=1):
        return "Yesterday"
    if then >= monday:
        return "This week"
    if then >= monday - timedelta(days=7):
        return "Last week"
    return month(then, today)


def month(then: date, today: date) -> str:
    return then.strftime("%B") if then.year == today.year else then.strftime("%B %Y")


def moment(seconds: float, now: datetime | None = None) -> str:
    """`today 09:12` or `12 Jan 2026`."""
    then = datetime.fromtimestamp(seconds)
    if then.date() == (now or datetime.now()).date():
        return f"today {then:%H:%M}"
    return f"{then.day} {then:%b %Y}"


def date_of(iso: str) -> str:
    """`2021-03-05`, with a time or without, as `5 Mar 2021`; anything else as it is."""
    try:
        then = date.fromisoformat(iso[:10])
    except ValueError:
        return iso
    return f"{then.day} {then:%b %Y}"


def tidy(text: str) -> str:
    """A quotation on one line: the document's own line breaks mean nothing in a list."""
    return re.sub(r"\s+", " ", text).strip()


def size(n: int) -> str:
    """Bytes in a person's units."""
    if n < 1024:
        return f"{n} bytes"
    return f"{n / 1024:,.0f} KB" if n < 1024**2 else f"{n / 1024**2:,.1f} MB"


def megabytes(n: int) -> str:
    """An adapter's size, as its makers tell it: `921 kB`, `9.3 MB`, `37 MB`."""
    return f"{n / 1e3:.0f} kB" if n < 1e6 else f"{n / 1e6:.{1 if n < 1e7 else 0}f} MB"


def gigabytes(n: float) -> str:
    """Memory in a person's units: `840 MB`, `2.1 GB`."""
    return f"{n / 2**20:,.0f} MB" if n < 2**30 else f"{n / 2**30:,.1f} GB"


def lasting(seconds: float) -> str:
    """How long something takes: `45 s`, `11 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def short(digest: str) -> str:
    """A digest as a person can compare it: `9f2c…a1`."""
    return f"{digest[:4]}…{digest[-2:]}" if len(digest) > 8 else digest


def name_of(path: str) -> str:
    """The file's own name, without the folders it came in."""
    return path.rsplit("/", 1)[-1]
