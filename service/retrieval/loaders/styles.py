"""The styles of a Word document: what they say about headings, numbering and hidden text."""

import re
from collections.abc import Iterator
from typing import Any

from service.retrieval.loaders.numbering import LEVELS, W, whole

_HEADING = re.compile(r"heading ([1-9])$", re.IGNORECASE)


class Styles:
    def __init__(self, root: Any) -> None:
        """`root` is the element of styles.xml, or None."""
        self._by_id: dict[str, Any] = {}
        self._hiding: dict[str, bool] = {"": False}
        self.default = ""
        for style in () if root is None else root.findall(W + "style"):
            kind = style.get(W + "type", "paragraph")
            if kind in ("paragraph", "character"):
                self._by_id[style.get(W + "styleId", "")] = style
            if kind == "paragraph" and style.get(W + "default") in ("1", "true", "on"):
                self.default = style.get(W + "styleId", "")

    def heading(self, name: str) -> int:
        """The outline level from 1 that the style, or one it is based on, gives; 0 for body text."""
        for _, style in self._chain(name):
            level = whole(value(style, "pPr", "outlineLvl"), -1)
            if level >= 0:
                return level + 1 if level < LEVELS else 0
            title = value(style, "name")
            match = _HEADING.match(title)
            if match or title.lower() == "title":
                return int(match[1]) if match else 1
        return 0

    def numbering(self, name: str) -> tuple[str, str, str]:
        """The list, the level ("" when unsaid) and the style that names them; all "" for no numbering."""
        for owner, style in self._chain(name):
            number = value(style, "pPr", "numPr", "numId")
            if number:
                return number, value(style, "pPr", "numPr", "ilvl"), owner
        return "", "", ""

    def hides(self, name: str) -> bool:
        """Whether text in the style, a paragraph's or a character's, is hidden text."""
        if name not in self._hiding:
            found = (style.find(f"{W}rPr/{W}vanish") for _, style in self._chain(name))
            self._hiding[name] = on(next((vanish for vanish in found if vanish is not None), None))
        return self._hiding[name]

    def is_contents(self, name: str) -> bool:
        """Whether the style is that of a line in a table of contents."""
        return name in self._by_id and value(self._by_id[name], "name").lower().startswith("toc ")

    def _chain(self, name: str) -> Iterator[tuple[str, Any]]:
        seen = set()
        while name in self._by_id and name not in seen:
            seen.add(name)
            yield name, self._by_id[name]
            name = value(self._by_id[name], "basedOn")


def on(switch: Any) -> bool:
    """What an on-off element says; it is on unless it says otherwise, and off when it is not there."""
    return switch is not None and switch.get(W + "val") not in ("0", "false", "off")


def value(element: Any, *path: str) -> str:
    """The `w:val` of the element at the path below, "" when it is not there."""
    for name in path:
        element = element.find(W + name)
        if element is None:
            return ""
    return str(element.get(W + "val", ""))
