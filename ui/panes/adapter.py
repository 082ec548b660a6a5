"""A closer look at one adapter: its state, what can be done with it, its split, who may use it, what was done."""

from ui.desk import Desk
from ui.panes.ledger import section
from ui.panes.words import act, count, esc, megabytes, moment, on, short, tag, tool
from ui.replies import Adapter, Admission, Deed, Figures, Step, Version

SHARES = (5, 10, 25, 50)  # per cent that a split offers
STATES = {
    "retired": ("retired", "mute"),
    "missing": ("files are gone", "bad"),
    "misfit": ("made for another base", "bad"),
}
SIGNS = {"passed": ("✓", "fine"), "refused": ("✕", "bad"), "waiting": ("○", "soft"), "running": ("○", "soft")}
ORIGINS = {"upload": "Uploaded", "shipped": "Came with Privity"}


def adapter(desk: Desk) -> str:
    """The inspector of the adapters' view."""
    if desk.admission is not None:
        return refused(desk.admission)
    card, version = desk.adapter, desk.looked
    if card is None or version is None:
        return ""
    parts = (learned, users, versions, history)
    body = summary(card, version, desk.rules) + (split(card, version) if desk.rules else "")
    body += "".join(part(card, version) for part in parts)
    return f'{header(card["title"])}<div class="ledger" data-adapter="{esc(card["name"])}">{body}</div>'


def header(name: str) -> str:
    close = tool("close", "Close (Esc)", act("unpick_adapter"))
    return f'<header><b title="{esc(name)}">{esc(name)}</b><span class="grow"></span>{close}</header>'


def summary(card: Adapter, version: Version, rules: bool) -> str:
    """State, what can be done, and what this version is."""
    digest = f'<span class="mono" title="{esc(version["digest"])}">{esc(short(version["digest"]))}</span>'
    base = version["base"] if "/" in version["base"] else short(version["base"])
    base = f'<span class="mono" title="{esc(version["base"])}">{esc(base)}</span>'
    answers = [("Answers", f"{version['today']:,} today, {version['total']:,} in all")]
    facts = [
        ("Name", esc(card["name"])),
        ("Digest", digest),
        ("Base", base),
        ("Rank", f"{version['rank']}, scale {version['scale']:g}"),
        ("Size", f"{megabytes(version['size'])}, {count(version['tensors'], 'tensor')}"),
        *(answers if card["kind"] == "answers" else []),
    ]
    rows = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in facts)
    note = f'<p class="soft">{esc(card["told"])}</p>' if card["told"] else ""
    note += "" if rules else '<p class="soft">An admin publishes, rolls back and retires.</p>'
    deeds = f'<p class="row">{actions(card, version, rules)}</p>'
    return f'<p class="row">{stamps(card, version)}</p>{deeds}{note}<dl>{rows}</dl>'


def stamps(card: Adapter, version: Version) -> str:
    number = f"v{version['version']}"
    if version["state"] in STATES:
        words, tone = STATES[version["state"]]
        return tag(f"{number} {words}", tone)
    if card["kind"] == "search":
        return searching(card, version)
    return standing(card, version["version"])


def searching(card: Adapter, version: Version) -> str:
    """The search goes by one version, and by what is published from the next start on."""
    number, published = f"v{version['version']}", version["version"] == card["published"]
    if version["searches"]:
        return tag(f"{number} serves the search" + ("" if published else " until the next start"), "ok")
    if published:
        return tag(f"{number} published, not serving yet", "warn")
    return tag(f"{number} ready, not published")


def standing(card: Adapter, number: int) -> str:
    if number == card["published"]:
        return tag(f"v{number} published", "ok")
    if number == card["candidate"] and card["share"]:
        return tag(f"v{number} gets {card['share']} % of questions", "warn")
    other = tag(f"v{card['published']} published", "ok") if card["published"] else ""
    return tag(f"v{number} ready, not published") + other


def actions(card: Adapter, version: Version, rules: bool) -> str:
    deeds = (publishing, rolling_back) if rules else ()
    html = "".join(deed(card, version) for deed in deeds)
    if version["state"] != "missing" and not version["hidden_matters"]:
        path = f"/api/adapters/{esc(card['name'])}/versions/{version['version']}/file"
        html += f'<a class="btn" href="{path}" download>Export</a>'
    return html + (leaving(card, version) if rules else "")


def publishing(card: Adapter, version: Version) -> str:
    if version["state"] != "ready":
        return ""
    number = version["version"]
    if card["kind"] == "search":
        publish = act("publish", name=card["name"], version=number, confirm=ANEW, verb="Publish")
        return f'<button class="btn p" {publish}>Publish v{number}…</button>'
    return f'<button class="btn p" {act("publish", name=card["name"], version=number)}>Publish v{number}</button>'


def rolling_back(card: Adapter, version: Version) -> str:
    before = card["previous"]
    if not before:
        return ""
    if card["kind"] == "search":
        back = act("rollback", name=card["name"], confirm=ANEW, verb="Roll back")
        return f'<button class="btn" {back}>Roll back…</button>'
    words = (
        f"Roll {card['title']} back to v{before}? New questions go to it at once. "
        "Answers that are being written finish as they began."
    )
    back = act("rollback", name=card["name"], confirm=words, verb="Roll back")
    return f'<button class="btn" {back}>Roll back…</button>'


def leaving(card: Adapter, version: Version) -> str:
    """Out of use: the published version is withdrawn, another one is retired."""
    number, name = version["version"], card["name"]
    if version["state"] == "retired" or number == card["candidate"]:
        return ""
    if card["kind"] == "search" and (version["state"] == "published" or version["searches"]):
        return ""  # the search keeps what it goes by
    if version["state"] == "published":
        words = f"Withdraw {card['title']}? Nobody can choose it until a version is published again."
        withdraw = act("withdraw", name=name, confirm=words, verb="Withdraw")
        return f'<button class="btn danger" {withdraw}>Withdraw…</button>'
    words = (
        f"Retire v{number} of {card['title']}? Its files go when its last answer is written. "
        "To use it again, upload it again."
    )
    retire = act("retire", name=name, version=number, confirm=words, verb="Retire")
    return f'<button class="btn danger" {retire}>Retire…</button>'


ANEW = (
    "The search goes by it from the next start on. Every matter's index is then built anew in the background; "
    "until that is done the old one answers."
)


# --- a split


def split(card: Adapter, version: Version) -> str:
    if card["candidate"] and card["share"]:
        return running(card)
    ready = card["kind"] == "answers" and version["state"] == "ready"
    if not card["published"] or version["version"] == card["published"] or not ready:
        return ""
    number = version["version"]
    choices = "".join(
        f"<button {act('split', name=card['name'], version=number, share=share)}>{share} %</button>"
        for share in SHARES
    )
    words = f"Give v{number} a share of the questions, and compare it with v{card['published']}."
    return section(
        "Try it first", f'<p class="soft">{words}</p><span class="seg" role="group">{choices}</span>'
    )


def running(card: Adapter) -> str:
    """The two versions side by side, and one click to end it either way."""
    old, new = card["published"] or 0, card["candidate"] or 0
    heading = f"Split: v{old} {100 - card['share']} % · v{new} {card['share']} %"
    rows = "".join(
        f'<tr><td>{label}</td><td class="num">{told(card["figures"].get(str(old)), key)}</td>'
        f'<td class="num">{told(card["figures"].get(str(new)), key)}</td></tr>'
        for key, label in MEASURED
    )
    head = f'<tr><th></th><th class="num">v{old}</th><th class="num">v{new}</th></tr>'
    keep = act("split", name=card["name"], version=new, share=0)
    take = act("publish", name=card["name"], version=new)
    buttons = (
        f'<p class="row"><button class="btn" {keep}>Keep v{old}</button>'
        f'<button class="btn p" {take}>Publish v{new}</button></p>'
    )
    return section(heading, f'<table class="figures">{head}{rows}</table>{buttons}')


MEASURED = (
    ("answers", "Answers"),
    ("verified", "Citations verified"),
    ("refused", "Refused"),
    ("first_word_p95", "First word, p95"),
    ("disliked", "Called bad"),
    ("corrected", "Corrected by lawyers"),
)


def told(figures: Figures | None, key: str) -> str:
    value = figures[key] if figures else None  # type: ignore[literal-required]
    if value is None:
        return "—"
    if key in ("verified", "refused"):
        return f"{100 * value:.1f} %"
    return f"{value:.2f} s" if key == "first_word_p95" else f"{value:,}"


# --- where it comes from, and for whom


def learned(card: Adapter, version: Version) -> str:
    origin = esc(ORIGINS.get(version["origin"], version["origin"]))
    by = f" by {esc(version['by'])}" if version["by"] else ""
    probe = version["probe"]
    lines = [f"{origin}{by}, {moment(version['created'])}"]
    if probe:
        moved = probe["moved"]
        turns = f"It turns the vectors by up to {moved:.2f} of 1"
        lines.append(turns if card["kind"] == "search" else f"It moves the logits by {moved:.1f}")
    return section("Learned from", "".join(f'<p class="soft">{line}</p>' for line in lines))


def users(card: Adapter, version: Version) -> str:
    people = ", ".join(esc(name) for name in version["people"]) or "everyone"
    return section("Who may use it", f'<p class="soft">{people} · {places(version)}</p>')


def places(version: Version) -> str:
    names = [esc(matter["name"]) for matter in version["matters"]]
    others = version["hidden_matters"]
    names += [f"{count(others, 'matter')} of others"] if others else []
    return ", ".join(names) or "every matter"


def versions(card: Adapter, version: Version) -> str:
    if len(card["versions"]) < 2:
        return ""
    rows = "".join(line(card, one, version) for one in reversed(card["versions"]))
    return section("Versions", rows)


def line(card: Adapter, one: Version, here: Version) -> str:
    number = one["version"]
    sign = "●" if number == card["published"] else "○"
    note = f" · {STATES[one['state']][0]}" if one["state"] in STATES else ""
    pick = act("pick_adapter", name=card["name"], version=number)
    return (
        f'<button class="line {on(number == here["version"])}" {pick}><span>{sign}</span>'
        f'<span>v{number}{note}</span><span class="soft">{moment(one["created"])}</span></button>'
    )


def history(card: Adapter, version: Version) -> str:
    return section("History", "".join(deed(one) for one in card["history"]))


def deed(one: Deed) -> str:
    by = esc(one["by"]) or "the house"
    return (
        f'<div class="chk"><span></span><span>{esc(sentence(one))}<small>{by}</small></span>'
        f'<span class="num">{moment(one["at"])}</span></div>'
    )


def sentence(one: Deed) -> str:
    """What was done, in plain words."""
    number = f"v{one['version']}" if one["version"] else ""
    matter = (one["matter"]["name"] if one["matter"] else "") or "a matter"
    said = {
        "admit": f"{number} came in",
        "publish": f"{number} published" if number else "Withdrawn",
        "rollback": f"Rolled back to {number}",
        "split": f"Split ended, {number} got no more"
        if one["after"] == "0 %"
        else f"{number} given {one['after']} of questions",
        "retire": f"{number} retired",
        "fix": f"Fixed for {matter}" if one["after"] else f"No longer fixed for {matter}",
    }
    return said.get(one["what"], f"{one['what']} {number}".strip())


# --- what was refused


def refused(one: Admission) -> str:
    reasons = "".join(f"<li>{esc(reason)}</li>" for reason in one["reasons"])
    checks = "".join(check(line) for line in one["ticks"])
    by = f" by {esc(one['by'])}" if one["by"] else ""
    body = (
        f'<p class="row">{tag("refused", "bad")}</p>'
        f'<p class="soft">Brought{by}, {moment(one["created"])}. Nothing was added.</p>'
        f"{section('Why', f'<ol>{reasons}</ol>')}{section('Checks', checks)}"
        f"{section('What to do', REMEDY)}"
    )
    return f'{header(one["name"])}<div class="ledger" data-admission="{esc(one["id"])}">{body}</div>'


REMEDY = (
    "<p>Mend what the reasons name, and upload it again. A refusal is kept for 30 days.</p>"
    '<p><label class="btn" tabindex="0">Upload again…'
    '<input type="file" accept=".zip,.gguf" hidden data-upload></label></p>'
)


def check(line: Step) -> str:
    sign, css = SIGNS[line["state"]]
    words = "; ".join(line["said"])
    if line["state"] == "refused":
        words = f"{line['step'].capitalize()}: {count(len(line['said']), 'reason')} above"
    if line["state"] in ("waiting", "running"):
        words = f"{words}: not reached"
    return f'<div class="chk"><span class="{css}">{sign}</span><span>{esc(words)}</span></div>'
