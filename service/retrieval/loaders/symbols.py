"""Letters of Word's picture fonts, which stand in a private area of Unicode (F020 to F0FF)."""

_GREEK = dict(
    zip(
        "ABGDEZHQIKLMNXOPRSTUFCYWabgdezhqiklmnxoprstufcyw",
        "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω",
        strict=True,
    )
)
_SYMBOL = {
    **{ord(latin): greek for latin, greek in _GREEK.items()},
    0xA2: "′", 0xA3: "≤", 0xA5: "∞", 0xAE: "→", 0xB0: "°", 0xB1: "±", 0xB2: "″", 0xB3: "≥", 0xB4: "×",
    0xB7: "•", 0xB9: "≠", 0xBB: "≈", 0xBC: "…", 0xD2: "®", 0xD3: "©", 0xD4: "™", 0xD6: "√", 0xE2: "®",
    0xE3: "©", 0xE4: "™",
}  # fmt: skip
_WINGDINGS = {
    0x6C: "●", 0x6D: "❍", 0x6E: "■", 0x6F: "☐", 0x71: "❑", 0x72: "❒", 0x75: "◆", 0x76: "❖", 0x77: "◆", 0x9F: "•",
    0xA1: "○", 0xA2: "○", 0xA4: "◉", 0xA7: "▪", 0xA8: "☐", 0xD8: "➢", 0xE0: "→", 0xF0: "⇨", 0xFB: "✗", 0xFC: "✓",
    0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
_WINGDINGS_2 = {
    0x4F: "✗",
    0x50: "✓",
    0x51: "☒",
    0x52: "☑",
    0x53: "☒",
    0x54: "☒",
    0x97: "•",
    0x98: "•",
    0xA3: "☐",
}
UNKNOWN = "\ufffd"


def letter(code: int, font: str) -> str:
    """The character that the font shows for this code, with or without its private area; UNKNOWN for none."""
    code = code - 0xF000 if 0xF000 <= code <= 0xF0FF else code
    name = font.lower()
    if name == "wingdings 2":
        return _WINGDINGS_2.get(code, UNKNOWN)
    if name.startswith(("wingdings", "webdings")):
        return _WINGDINGS.get(code, UNKNOWN)
    if name.startswith("symbol"):
        return _SYMBOL.get(code, chr(code) if 0x20 <= code < 0x7F else UNKNOWN)
    return _SYMBOL.get(code) or _WINGDINGS.get(code) or UNKNOWN


def spelled(text: str, font: str) -> str:
    """The text with its private characters written out; as it is when it has none."""
    if text.isascii() or not any("\uf020" <= char <= "\uf0ff" for char in text):
        return text
    return "".join(letter(ord(char), font) if "\uf020" <= char <= "\uf0ff" else char for char in text)
