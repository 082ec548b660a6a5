"""Pure: which elements of a web page nobody sees: hidden, white on white, tiny, outside the page.

Only what the element itself says is looked at. Where a style sheet may colour the ground, white text counts as seen.
"""

import re
from typing import Any

_LENGTH = 1000  # characters of a style that are looked at
_GONE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|(?<![\w-])opacity\s*:\s*0(?:\.0*)?\s*(?:;|!|$)"
    r"|(?:left|top|right|bottom|text-indent)\s*:\s*-(?:\d{4,}(?:px|pt)|\d{3,}r?em)",
    re.I,
)
_SIZE = re.compile(r"font-size\s*:\s*(\d*\.?\d+)(px|pt|em|rem|%|)(?![\w%])", re.I)
_TINY = {"px": 2.0, "pt": 2.0, "em": 0.15, "rem": 0.15, "%": 15.0, "": 2.0}
_WHITE = re.compile(
    r"(?:^|;)\s*color\s*:\s*(?:white|#fff(?:fff)?|rgba?\(\s*255\s*,\s*255\s*,\s*255\b[^)]*\))\s*(?:;|!|$)",
    re.I,
)


def hides(element: Any) -> bool:
    """Whether the element and all in it is not to be seen. Takes an lxml element."""
    style = element.get("style", "")[:_LENGTH]
    return (
        element.get("hidden") is not None
        or (element.tag == "input" and element.get("type") == "hidden")
        or (style and (_GONE.search(style) is not None or _tiny(style)))
        or (_white(element, style) and not _grounded(element))
    )


def _tiny(style: str) -> bool:
    size = _SIZE.search(style)
    return size is not None and float(size[1]) < _TINY[size[2].lower()]


def _white(element: Any, style: str) -> bool:
    named = element.tag == "font" and element.get("color", "").lower() in ("white", "#ffffff", "#fff")
    return named or _WHITE.search(style) is not None


def _grounded(element: Any) -> bool:
    """Whether it, or what it stands in, may have a ground of another colour than white."""
    return any(
        "background" in around.get("style", "").lower()
        or any(around.get(name) is not None for name in ("bgcolor", "background", "class", "id"))
        for around in (element, *element.iterancestors())
    )
