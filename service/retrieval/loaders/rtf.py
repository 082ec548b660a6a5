"""Rich Text Format, read by its groups and control words (RTF 1.9.1): what is printed, every change accepted.

Automatic numbers are text, for the file carries them written out. Footnotes follow their paragraph; hidden text,
headers and footers, pictures and comments are counted. Outlook's HTML in disguise gives its text.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from service.config import Documents
from service.core import Entry, State
from service.retrieval.loaders.colours import Colours
from service.retrieval.loaders.content import Content, Part, Unreadable, compose
from service.retrieval.loaders.flow import Flow
from service.retrieval.loaders.group import Group, revised
from service.retrieval.loaders.tracked import Ink, Run

_TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\(.)|([{}])|[\r\n]+|([^\\{}\r\n]+)", re.DOTALL
)
_HEADING = re.compile(r"heading ([1-9]);", re.IGNORECASE)
_TINY = 4  # half points: smaller than anything that is meant to be read
_GROUNDS = ("highlight", "cb", "chcbpat", "chshdng", "cbpat", "shading")
_WORDS, _BREAKS = 10_000_000, 1_000_000  # control words, paragraph ends at most
_DEPTH = 500  # groups within groups at most
_TEXT = {
    "tab": "\t", "line": "\n", "lbr": "\n", "emdash": "—", "endash": "–", "emspace": " ", "enspace": " ",
    "qmspace": " ", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
}  # fmt: skip
_SIGNS = {b"~": " ", b"_": "-", b"{": "{", b"}": "}", b"\\": "\\"}
_RUNNING = frozenset((
    "header", "headerf", "headerl", "headerr", "footer", "footerf", "footerl", "footerr",
))  # fmt: skip
_PASSED = frozenset((
    "fonttbl", "colortbl", "info", "pict", "objdata", "fldinst", "themedata", "colorschememapping",
    "datastore", "latentstyles", "listtable", "listoverridetable", "rsidtbl", "generator", "xmlnstbl",
    "filetbl", "bkmkstart", "bkmkend", "xe", "tc", "txe", "rxe", "nonshppict", "shpinst", "listname",
    "leveltext", "levelnumbers", "panose", "falt", "fname", "atnid", "atndate", "atnref", "atrfstart",
    "atrfend", "ftnsep", "ftnsepc", "ftncn", "aftnsep", "aftnsepc", "aftncn", "userprops", "docvar",
    "formfield", "datafield", "pnseclvl", "mmathPr", "wgrffmtfilter",
))  # fmt: skip
_OWN = frozenset(
    ("pntext", "listtext", "shptxt", "shprslt", "fldrslt", "result", "shppict")
)  # read where they stand
_PLACES = {
    "footnote": "footnote", "annotation": "annotation", "revtbl": "author", "stylesheet": "styles", "fonttbl": "fonts",
    "colortbl": "colours",
}  # fmt: skip
_CODES = {77: "mac_roman", 128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950", 161: "cp1253", 162: "cp1254",
          163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
          238: "cp1250"}  # fmt: skip


def read(data: bytes, limits: Documents) -> Content:
    reader = Reader()
    reader.read(data)
    return compose(reader.parts, tuple(reader.ledger()))


class Reader:
    """One pass over the tokens; `parts` holds the blocks at the end."""

    def __init__(self) -> None:
        self._flow = Flow()
        self._left: Counter[str] = Counter()
        self._state, self._stack = Group(), [Group()]
        self._bytes = b""  # of a character set that takes several a character
        self._skip = 0
        self._high = 0  # the first half of a character outside the first 65,536
        self._code = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._levels: dict[int, int] = {}  # style number -> heading level
        self._style = 0
        self._starred = False
        self._colours = Colours()
        self._authors: list[str] = []
        self._author = ""

    def read(self, data: bytes) -> None:
        if data.count(b"\\") > _WORDS or data.count(b"\\par") > _BREAKS:
            raise Unreadable(State.TOO_LARGE, "The file holds more paragraphs than are read. Split it.")
        at = 0
        while match := _TOKEN.match(data, at) if at < len(data) else None:
            at = match.end()
            word, number, code, sign, brace, plain = match.groups()
            if code:
                self._byte(bytes([int(code, 16)]))
                continue
            if plain:
                self._byte(plain)
                continue
            if word or sign or brace:
                self._settle()
            if word:
                at = max(at, self._word(word.decode(), None if number is None else int(number), at))
            elif sign:
                self._sign(sign)
            elif brace:
                self._brace(brace)
        self._settle()
        self._flow.paragraph()

    @property
    def parts(self) -> list[Part]:
        return self._flow.parts

    def ledger(self) -> Iterator[Entry]:
        left = self._left
        if left["hidden"]:
            yield Entry("hidden", "Hidden text; it is not part of the text.", left["hidden"])
        if left["white"]:
            yield Entry("hidden", "White text on a white ground; it is not part of the text.", left["white"])
        if left["tiny"]:
            yield Entry("hidden", "Text of two points or less; it is not part of the text.", left["tiny"])
        if left["running"]:
            yield Entry(
                "dropped", "Running headers and footers; they are not part of the text.", left["running"]
            )
        if left["annotation"]:
            yield Entry(
                "commented", "Comments in the margin; they are not part of the text.", left["annotation"]
            )
        if left["footnotes"]:
            yield Entry("kept", f"Notes: {left['footnotes']}; each follows its paragraph.")
        if left["pict"]:
            yield Entry("unread", f"Pictures in the document: {left['pict']}; words in them were not read.")
        if left["objdata"]:
            yield Entry("unread", f"Embedded objects: {left['objdata']}; they were not read.")
        yield from self._changes()

    def _changes(self) -> Iterator[Entry]:
        for fate, reason in (
            ("inserted", "Tracked insertions, not yet accepted; they are part of the text."),
            ("deleted", "Tracked deletions; they are not part of the text."),
        ):
            if self._left[fate]:
                yield Entry("inserted" if fate == "inserted" else "deleted", reason, self._left[fate])

    # --- tokens -------------------------------------------------------------------------------------------

    def _brace(self, brace: bytes) -> None:
        self._starred, self._skip = False, 0
        if brace == b"{":
            if len(self._stack) >= _DEPTH:
                raise ValueError("groups are nested too deeply")
            self._stack.append(self._state)
        elif len(self._stack) > 1:
            ended, self._state = self._state, self._stack.pop()
            if ended.where != self._state.where:
                self._leave(ended.where)

    def _leave(self, where: str) -> None:
        if where == "footnote":
            self._flow.end_note()
        elif where == "author":
            self._authors += (
                [name for name in self._author.split(";") if name.strip()] if self._author else []
            )
            self._author = ""

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._starred = True
        elif sign in (b"\n", b"\r"):
            self._par()
        elif sign in _SIGNS:
            self._put(_SIGNS[sign])

    def _byte(self, raw: bytes) -> None:
        """Bytes that stand for text; the first ones after a Unicode character only stand in for it."""
        if self._skip:
            take = min(self._skip, len(raw))
            self._skip -= take
            raw = raw[take:]
        self._bytes += raw
        if len(self._bytes) > 4096:
            self._settle()

    def _settle(self) -> None:
        if self._bytes:
            raw, self._bytes = self._bytes, b""
            self._put(raw.decode(self._state.code or self._code, "replace").replace("\xa0", " "))

    def _word(self, word: str, number: int | None, at: int) -> int:
        """Obeys a control word; the place to read on from where it is followed by bare bytes."""
        starred, self._starred = self._starred, False
        if word == "bin":
            return at + max(0, number or 0)
        if word == "u" and number is not None:
            self._unicode(number % 0x10000)
            self._skip = self._state.skip
        elif word in _TEXT:
            self._put(_TEXT[word])
        elif self._is_destination(word, starred):
            self._enter(word)
        else:
            self._formats(word, number)
            self._structure(word, number)
        return at

    def _unicode(self, unit: int) -> None:
        """A character, or a half of one: halves wait for one another."""
        high, self._high = self._high, 0
        if 0xD800 <= unit < 0xDC00:
            self._high = unit
        elif 0xDC00 <= unit < 0xE000:
            whole = 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00)
            self._put(chr(whole) if high else "\ufffd")
        else:
            self._put(chr(unit))

    def _is_destination(self, word: str, starred: bool) -> bool:
        known = (
            word in _PASSED or word in _RUNNING or word in ("footnote", "annotation", "revtbl", "stylesheet")
        )
        return known or (starred and word not in _OWN)

    def _enter(self, word: str) -> None:
        if not self._state.where:
            return
        self._left[word] += word in ("pict", "objdata")
        where = _PLACES.get(word, "running" if word in _RUNNING else "")
        self._left["footnotes"] += where == "footnote"
        self._state = replace(self._state, where=where)

    def _formats(self, word: str, number: int | None) -> None:
        state, on = self._state, number != 0
        if word == "plain":
            self._state = replace(
                state, hidden=False, tiny=False, white=False, ground=False, inserted=-1, deleted=-1, code=""
            )
        elif word == "v":
            self._state = replace(state, hidden=on)
        elif word == "fs":
            self._state = replace(state, tiny=0 < (number or 0) <= _TINY)
        elif word == "cf":
            self._state = replace(state, white=self._colours.is_white(number or 0))
        elif word in _GROUNDS:
            self._state = replace(state, ground=bool(number))
        elif state.where == "colours":
            self._colours.word(word, number or 0)
        elif word == "uc":
            self._state = replace(state, skip=max(0, min(number or 0, 10)))
        elif word == "f":
            self._font = number or 0
            self._state = replace(state, code=self._fonts.get(self._font, ""))
        elif word == "fcharset" and state.where == "fonts":
            self._fonts[self._font] = _CODES.get(number or 0, "")
        elif word == "ansicpg":
            self._code = _known(f"cp{number}")
        elif word == "mac":
            self._code = "mac_roman"
        else:
            self._state = revised(state, word, number, on)

    def _structure(self, word: str, number: int | None) -> None:
        if self._state.where == "styles":
            self._style = number or 0 if word == "s" else self._style
            if word == "outlinelevel":
                self._levels[self._style] = min((number or 0) + 1, 9)
        elif word in ("par", "sect", "page"):
            self._par()
        elif word in ("cell", "nestcell") and self._state.where == "body":
            self._flow.cell()
        elif word in ("row", "nestrow") and self._state.where == "body":
            self._flow.row()
        elif word in ("pard", "intbl", "s", "outlinelevel"):
            self._state = self._paragraph_like(word, number or 0)

    def _paragraph_like(self, word: str, number: int) -> Group:
        state = self._state
        if word == "pard":
            return replace(state, in_table=False, level=0)
        if word == "intbl":
            return replace(state, in_table=True)
        level = self._levels.get(number, 0) if word == "s" else number + 1 if 0 <= number < 9 else 0
        return replace(state, level=level)

    # --- text ---------------------------------------------------------------------------------------------

    def _put(self, text: str) -> None:
        state = self._state
        if state.where == "author":
            self._author += text
        elif state.where == "colours":
            self._colours.end(text.count(";"))
        elif state.where == "styles":
            if named := _HEADING.match(text):
                self._levels[self._style] = int(named[1])
        elif state.where in ("running", "annotation"):
            self._left[state.where] += len(text)
        elif state.where in ("body", "footnote") and (why := state.unseen):
            self._left[why] += len(text)
        elif state.where in ("body", "footnote"):
            self._flow.put(Run(text, self._ink(text)), noted=state.where == "footnote")

    def _ink(self, text: str) -> Ink | None:
        state = self._state
        if state.deleted >= 0:
            self._left["deleted"] += len(text)
            return Ink("deleted", self._name(state.deleted), state.cut)
        if state.inserted >= 0:
            self._left["inserted"] += len(text)
            return Ink("inserted", self._name(state.inserted), state.made)
        return None

    def _name(self, number: int) -> str:
        return self._authors[number].strip() if number < len(self._authors) else ""

    def _par(self) -> None:
        state = self._state
        if state.where == "footnote":
            self._put(" ")
        elif state.where == "body" and state.in_table:
            self._flow.put(Run(" "))
        elif state.where == "body" and state.deleted >= 0:
            self._put("\n\n")
        elif state.where == "body":
            self._flow.paragraph(state.level, self._ink("") if state.inserted >= 0 else None)


def _known(encoding: str) -> str:
    try:
        b"".decode(encoding)
    except LookupError:
        return "cp1252"
    return encoding
