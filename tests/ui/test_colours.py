"""Every pair of colours that carries words stands out enough, in light and in dark."""

import re

import pytest

from ui.theme import asset

PAIRS = [
    (ink, ground) for ink in ("text", "soft", "faint", "accent", "bad") for ground in ("bg", "panel")
] + [(ink, f"{ink}-soft") for ink in ("accent", "ok", "warn", "bad")]
PAIRS += [("text", "accent-soft"), ("soft", "accent-soft"), ("text", "mark"), ("on-accent", "accent")]


def palette(theme: str) -> dict[str, str]:
    light, dark = re.findall(r"\{([^}]*)\}", asset("colours.css"))[:2]
    found = dict(re.findall(r"--([\w-]+): (#\w+)", light))
    return found | (dict(re.findall(r"--([\w-]+): (#\w+)", dark)) if theme == "dark" else {})


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_contrast(theme: str, ink: str, ground: str) -> None:
    colours = palette(theme)
    darker, lighter = sorted(luminance(colours[name]) for name in (ink, ground))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tone", ["ok", "bad"])
def test_counts_stand_out_from_the_darkest_shade_of_the_matrix(theme: str, tone: str) -> None:
    share = max(map(int, re.findall(r"var\(--share\) \* (\d+)%", asset("finetune.css")))) / 100
    colours = palette(theme)
    parts = [(int(colours[tone][at : at + 2], 16), whole(colours["panel"])[at : at + 2]) for at in (1, 3, 5)]
    mixed = "#" + "".join(
        f"{round(ink * share + int(ground, 16) * (1 - share)):02x}" for ink, ground in parts
    )
    darker, lighter = sorted(map(luminance, (colours["text"], mixed)))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def whole(colour: str) -> str:
    """`#fff` as `#ffffff`."""
    return colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])
