"""Pure: what a web page's form shows as filled in."""

from typing import Any

_TYPED = frozenset(("", "text", "email", "number", "date", "tel", "url", "search", "time", "month"))


def entered(element: Any) -> str:
    """The value of an input field, or its tick; "" for buttons and the like. Takes an lxml element."""
    kind = element.get("type", "").lower()
    if kind in ("checkbox", "radio"):
        return "☒ " if element.get("checked") is not None else "☐ "
    return f" {element.get('value', '')} " if kind in _TYPED else ""


def chosen(element: Any) -> str:
    """What a drop-down list shows: the options that are selected, or the first."""
    options = list(element.iter("option"))
    picked = [option for option in options if option.get("selected") is not None] or options[:1]
    return " ".join("".join(option.itertext()).strip() for option in picked)
