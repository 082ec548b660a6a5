"""The frame around the work: title bar, rail, side list, status bar."""

from itertools import groupby

from ui.desk import Desk
from ui.panes import finetune
from ui.panes.picker import picker
from ui.panes.words import act, count, day, esc, icon, item, on, tool
from ui.replies import Conversation, Matter

VIEWS = (
    ("ask", "Ask"),
    ("library", "Library"),
    ("adapters", "Adapters"),
    ("finetune", "Fine-tune"),
    ("admin", "Admin"),
)


def title(desk: Desk) -> str:
    name = esc(desk.me["name"]) if desk.me else ""
    return (
        '<span class="brand">Privity</span>'
        f'{matter_menu(desk)}{picker(desk)}<span class="grow"></span>{search()}'
        f'<details class="menu right"><summary class="who">{name}{icon("down")}</summary>'
        f"{account(desk)}</details>"
    )


def search() -> str:
    return (
        '<label class="field search"><input id="search" type="search" autocomplete="off" '
        'aria-label="Search this matter" placeholder="Search this matter"><kbd>/</kbd></label>'
    )


def matter_menu(desk: Desk) -> str:
    current = desk.current
    label = "<b>No matter yet</b>"
    rows = "".join(matter_choice(matter, desk) for matter in desk.matters)
    creating = act("new_matter", prompt="Name of the new matter", verb="Create")
    rows += f"<hr><button {creating}>New matter…</button>"
    if current:
        facts = count(current["documents"], "document")
        label = f'<b>{esc(current["name"])}</b><span class="soft">{facts}</span>'
        renaming = act("rename_matter", prompt="Name of this matter", verb="Rename", value=current["name"])
        rows += f"<button {renaming}>Rename this matter…</button>"
        rows += f"<button {deleting(current)}>Delete this matter…</button>"
    return menu(label, rows)


def deleting(matter: Matter) -> str:
    """It goes for everybody, so its name is to be typed."""
    others = matter["members"] - 1
    whose = f" It goes for {count(others, 'other member')}, too." if others else ""
    gone = (
        f"With it go {count(matter['documents'], 'document')} with all their versions, the index, and every "
        f"conversation and answer.{whose} This cannot be undone."
    )
    return act(
        "delete_matter", prompt=f"Delete {matter['name']}?", told=gone, match=matter["name"], verb="Delete"
    )


def menu(label: str, rows: str) -> str:
    summary = f'<summary class="pick">{label}{icon("down")}</summary>'
    return f'<details class="menu">{summary}<div>{rows}</div></details>'


def matter_choice(matter: Matter, desk: Desk) -> str:
    return (
        f'<button {act("matter", id=matter["id"])} class="{on(matter["id"] == desk.matter)}">'
        f"{esc(matter['name'])}<small>{count(matter['documents'], 'document')}</small></button>"
    )


def account(desk: Desk) -> str:
    role = esc(desk.me["role"]) if desk.me else ""
    return (
        f'<div><p class="soft">Signed in as {role}</p>'
        '<button data-do="theme">Dark or light</button>'
        '<button data-act="password" data-secret="1">Change password…</button>'
        f"<button {act('view', id='admin')}>Keys for programs</button>"
        '<hr><button data-do="signout">Sign out</button></div>'
    )


def rail(desk: Desk) -> str:
    """The views, and for the style sheet and the page's own script what is open now."""
    where = f'data-matter="{esc(desk.matter)}" data-talk="{esc(desk.conversation)}"'
    where += f' data-picked="{esc(desk.picked["id"]) if desk.picked else ""}"'
    where += " data-searching" if desk.found is not None else ""
    where += f' data-adapter="{esc(adapter_at(desk))}" data-role="{desk.me["role"] if desk.me else ""}"'
    where += " data-comparing" if desk.comparing else ""
    return f'<i id="here" data-view="{desk.view}" {where}></i>' + "".join(
        tool(view, label, act("view", id=view), css=on(view == desk.view))
        for view, label in VIEWS
        if view in open_to(desk)
    )


def open_to(desk: Desk) -> set[str]:
    """The views that the person's role opens. One's own keys are kept under Admin, so it shows once one is there."""
    more = {"adapters", "finetune"} if desk.manages else set()
    return {"ask", "library", desk.view} | more | ({"admin"} if desk.rules else set())


def adapter_at(desk: Desk) -> str:
    """The row that the inspector shows, as assets/stock.js names it."""
    if desk.admission is not None:
        return f"refused/{desk.admission['id']}"
    return f"{desk.adapter['name']}@{desk.version}" if desk.adapter else ""


def sidehead(desk: Desk) -> str:
    if desk.view == "finetune":
        return finetune.sidehead(desk)
    if desk.view != "ask":
        return ""
    new = f'<button class="btn p wide" title="Ctrl N, or Alt N" {act("new")}>New question <kbd>Ctrl N</kbd></button>'
    return new + finder("find", "Find in conversations")


def finder(do: str, words: str) -> str:
    return (
        f'<input class="field" type="search" data-typing="{do}" placeholder="{words}" aria-label="{words}">'
    )


def side(desk: Desk) -> str:
    if desk.view == "adapters":
        return ""
    if desk.view == "finetune":
        return finetune.side(desk)
    return (conversations(desk) if desk.view == "ask" else "") + matters(desk)


def conversations(desk: Desk) -> str:
    if not desk.conversations:
        words = "No conversation holds these words." if desk.find else "Your questions will be listed here."
        return f'<h4>Conversations</h4><p class="hint">{words}</p>' if desk.current else ""
    html = ""
    for label, group in groupby(desk.conversations, key=lambda one: day(one["updated"])):
        html += f"<h4>{label}</h4>" + "".join(conversation(one, desk) for one in group)
    return html


def conversation(one: Conversation, desk: Desk) -> str:
    parts = [count(one["answers"], "answer")]
    if one["citations"]:
        parts.append(count(one["citations"], "citation"))
    if one["refused"]:
        parts.append(f"{one['refused']} refused")
    here = one["id"] == desk.conversation
    return item(one["title"], " · ".join(parts), act("conversation", id=one["id"]), here, tools(one))


def tools(one: Conversation) -> str:
    rename = act(
        "rename", id=one["id"], prompt="Name of this conversation", verb="Rename", value=one["title"]
    )
    question = f"Delete “{one['title']}” with its answers? This cannot be undone."
    delete = act("delete_conversation", id=one["id"], confirm=question, verb="Delete")
    buttons = tool("pen", f"Rename {one['title']}", rename) + tool("bin", f"Delete {one['title']}", delete)
    return f'<span class="tools">{buttons}</span>'


def matters(desk: Desk) -> str:
    return "<h4>Matters</h4>" + "".join(matter(one, desk) for one in desk.matters)


def matter(one: Matter, desk: Desk) -> str:
    facts = f"{count(one['documents'], 'document')} · {count(one['members'], 'member')}"
    return item(one["name"], facts, act("matter", id=one["id"]), one["id"] == desk.matter)


def status(desk: Desk) -> str:
    now = desk.status
    if now is None:
        return '<span><i class="dot bad"></i>The service does not answer</span>'
    engine = now["engine"]
    if engine is None or not now["ready"]:
        return f'<span><i class="dot warn"></i>{esc(now["stage"])}</span>'
    rate, first = float(engine["tokens_per_second"]), float(engine["first_token_seconds"])
    speed = [f"{rate:.0f} tok/s" if rate else "idle"] + ([f"first word {first:.1f} s"] if first else [])
    tuned = finetune.told(desk.tuning)
    offline = "<span>offline: no outbound connections</span>" if now["offline"] else ""
    return (
        f'<span><i class="dot"></i>{esc(engine["model"])} · {esc(engine["engine"])} · '
        f"{count(int(engine['threads']), 'thread')}</span>"
        f"<span>queue {int(engine['waiting'])} · {int(engine['running'])} answering</span>"
        f"<span>{' · '.join(speed)}</span>{tuned}"
        f'<span class="grow"></span>{offline}<span>Privity {esc(now["version"])}</span>'
    )


def notice(desk: Desk) -> str:
    if not desk.notice:
        return ""
    close = tool("close", "Close", act("dismiss_notice"))
    return f'<div role="alert"><span>{esc(desk.notice)}</span>{close}</div>'
