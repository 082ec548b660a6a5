"""The title bar's choice of who answers, in plain words: "Contract Q&A, v3, published today"."""

from ui.desk import Desk
from ui.panes.words import act, day, esc, icon, moment, on, tag
from ui.replies import Model


def picker(desk: Desk) -> str:
    """What the wall lets this person use in the open matter, and the base."""
    chosen = next((one for one in desk.models if one["name"] == desk.model), None)
    rows = "".join(choice(one, desk) for one in desk.models)
    summary = f'<summary class="pick">Adapter <b>{esc(short(chosen))}</b>{icon("down")}</summary>'
    return f'<details class="menu adapter">{summary}<div>{hint(desk)}{rows}{fixing(desk, chosen)}</div></details>'


def hint(desk: Desk) -> str:
    if len(desk.models) > 1:
        return ""
    return '<p class="soft">No adapter is published for this matter yet.</p>'


def choice(one: Model, desk: Desk) -> str:
    here = one["name"] == desk.model
    fixed = f" {tag('fixed for this matter')}" if one["name"] == desk.fixed else ""
    return (
        f'<button {act("model", id=one["name"])} class="{on(here)}" aria-pressed="{str(here).lower()}">'
        f"{esc(title(one))}{fixed}<small>{esc(words(one))}</small></button>"
    )


def title(one: Model) -> str:
    return "The base model" if one["name"] == "base" else one["title"]


def short(one: Model | None) -> str:
    """As the bar itself says it: `Contract Q&A · v3`."""
    if one is None or one["name"] == "base":
        return "Base model"
    return f"{one['title']} · v{one['version']}"


def words(one: Model) -> str:
    if one["name"] == "base":
        return "no adapter"
    when = one.get("since")
    return f"v{one['version']}, published {since(when)}" if when else f"v{one['version']}"


def since(seconds: float) -> str:
    """`today`, `yesterday`, or the day."""
    group = day(seconds)
    return group.lower() if group in ("Today", "Yesterday") else f"on {moment(seconds)}"


def fixing(desk: Desk, chosen: Model | None) -> str:
    """What makes the choice the whole matter's: its members decide, whatever their role."""
    matter = desk.current
    if matter is None or chosen is None:
        return ""
    name = "the base model" if chosen["name"] == "base" else chosen["title"]
    if desk.fixed:
        question = (
            f"Give up {title_of(desk)} as this matter’s own? "
            f"Questions in {matter['name']} will go to the base model unless they say otherwise."
        )
        give_up = act("fix", id="", confirm=question, verb="Give up")
        again = f"<button {give_up}>Fix no adapter for this matter…</button>"
    else:
        again = ""
    if chosen["name"] in ("base", desk.fixed):
        return f"<hr>{again}" if again else ""
    question = f"Fix {name}? Every question in {matter['name']} will go to it unless it says otherwise."
    fix = act("fix", id=chosen["name"], confirm=question, verb="Fix")
    return f"<hr><button {fix}>Fix {esc(name)} for this matter…</button>{again}"


def title_of(desk: Desk) -> str:
    return next((one["title"] for one in desk.models if one["name"] == desk.fixed), desk.fixed)
