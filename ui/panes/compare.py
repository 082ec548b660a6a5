"""Two answers to one question, side by side. The form above them is assets/compare.html."""

from ui.desk import Desk, Side
from ui.panes import talk
from ui.panes.words import empty, esc

KEYS = ("left", "right")  # whose answer it is while it is being written


def versus(desk: Desk) -> str:
    if desk.view != "adapters" or not desk.comparing:
        return ""
    if desk.versus is None:
        return empty(*first(desk))
    columns = "".join(side(one, key, desk) for one, key in zip(desk.versus.sides, KEYS, strict=True))
    return f'<div class="sides">{columns}</div>'


def first(desk: Desk) -> tuple[str, str]:
    """What to do first."""
    if desk.current is None:
        return (
            "Begin with a matter",
            "A comparison asks about the documents of a matter. Open one from the menu above.",
        )
    return (
        "One question, two adapters",
        f"Choose two, and ask about {desk.current['name']}. Both answer from the same documents; "
        "neither answer is kept in a conversation.",
    )


def side(one: Side, key: str, desk: Desk) -> str:
    return f"<section><h3>{esc(name(one.model))}</h3>{said(one, key, desk)}</section>"


def said(one: Side, key: str, desk: Desk) -> str:
    if one.live is not None:
        return talk.progress(one.live, key, desk)
    if one.turn is not None:
        return talk.turn(one.turn, desk)
    return talk.unfinished(one.ended, key, desk) if one.ended else ""


def name(model: str) -> str:
    """`contract-qa@3` as a person says it."""
    if model == "base":
        return "Base model, no adapter"
    plain, _, version = model.partition("@")
    return f"{plain} · v{version}" if version else plain
