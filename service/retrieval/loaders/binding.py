"""Pure: the pages as they were read -> one text with blocks, pages, recognised words and a ledger."""

from collections.abc import Callable, Iterator, Sequence

from service.core import Block, Entry, Page, Word
from service.retrieval.loaders import recognition
from service.retrieval.loaders.blocks import compose
from service.retrieval.loaders.content import Content
from service.retrieval.loaders.furniture import Furniture, furniture
from service.retrieval.loaders.layout import Line
from service.retrieval.loaders.sheet import Sheet

Sheets = Sequence[Sheet | None]


def bound(sheets: Sheets, whole: bool = False) -> Content:
    """The pages one after another, a blank line between those that hold text; `whole` leaves nothing out."""
    gone = furniture([sheet.lines if sheet else () for sheet in sheets])
    if whole:
        gone = Furniture([set() for _ in sheets], [set() for _ in sheets])
    text: list[str] = []
    blocks: list[Block] = []
    pages: list[Page] = []
    words: list[Word] = []
    at = 0
    for number, sheet in enumerate(sheets, 1):
        out = gone.running[number - 1] | gone.numbers[number - 1]
        kept = [line for i, line in enumerate(sheet.lines) if i not in out] if sheet else []
        laid = compose(kept)
        if laid.text and at:
            text.append("\n\n")
            at += 2
            _stretch(pages, at)
        blocks += (Block(at + a, at + b, number, style, level) for a, b, style, level in laid.spans)
        pages.append(_page(number, at, at + len(laid.text), sheet))
        words += _words(kept, laid.text, at, sheet)
        text.append(laid.text)
        at += len(laid.text)
    return Content(
        "".join(text), tuple(blocks), tuple(pages), tuple(_ledger(sheets, gone)), words=tuple(words)
    )


def _stretch(pages: list[Page], at: int) -> None:
    """The last page with text reaches to `at`, and the empty ones after it stand there."""
    for i in range(len(pages) - 1, -1, -1):
        page, full = pages[i], not pages[i].empty
        start = page.start if full else at
        pages[i] = Page(page.number, start, at, page.width, page.height, page.confidence)
        if full:
            return


def _page(number: int, start: int, end: int, sheet: Sheet | None) -> Page:
    if sheet is None:
        return Page(number, start, end)
    confidence = sheet.confidence if start < end else None
    return Page(number, start, end, sheet.width, sheet.height, confidence)


def _words(lines: Sequence[Line], text: str, at: int, sheet: Sheet | None) -> Iterator[Word]:
    """The recognised words in their places."""
    if sheet is None or sheet.confidence is None or not sheet.width or not sheet.height:
        return
    place = 0
    for line in lines:
        for word, (x0, y0, x1, y1) in zip(line.text.split(" "), line.words, strict=True):
            place = text.index(word, place)
            box = (x0 / sheet.width, y0 / sheet.height, x1 / sheet.width, y1 / sheet.height)
            yield Word(at + place, at + place + len(word), _rounded(box))
            place += len(word)


def _rounded(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (round(min(1.0, max(0.0, side)), 4) for side in box)
    return x0, y0, x1, y1


def _ledger(sheets: Sheets, gone: Furniture) -> Iterator[Entry]:
    yield from _unread(sheets)
    yield from _recognised(sheets)
    yield from _dropped(sheets, gone)
    yield from _hidden(sheets)
    yield from _written(sheets)


def _unread(sheets: Sheets) -> Iterator[Entry]:
    blank = _numbers(sheets, lambda s: s.blank)
    silent = _numbers(sheets, lambda s: s.silent)
    wordless = _numbers(sheets, lambda s: s.confidence is not None and not s.lines)
    damaged = tuple(n for n, sheet in enumerate(sheets, 1) if sheet is None)
    cut = _numbers(sheets, lambda s: s.cut)
    if blank:
        yield Entry("odd", f"{_counted(blank, 'is', 'are')} blank.", pages=blank)
    if silent:
        remedy = (
            "text recognition did not get to the end of it. Split the file, or scan it anew."
            if recognition.available()
            else f"{recognition.INSTALL}."
        )
        yield Entry("unread", f"{_counted(silent)} no text but a picture: {remedy}", pages=silent)
    if wordless:
        yield Entry("unread", f"On {_shown(wordless)} text recognition found no words.", pages=wordless)
    if damaged:
        reason = f"{_counted(damaged, 'is', 'are')} damaged and could not be read."
        yield Entry("unread", reason, pages=damaged)
    if cut:
        reason = f"{_counted(cut, 'holds', 'hold')} more signs than any page of words; the rest was left out."
        yield Entry("dropped", reason, pages=cut)


def _recognised(sheets: Sheets) -> Iterator[Entry]:
    layers = _numbers(sheets, lambda s: s.layer and bool(s.lines))
    if layers:
        reason = (
            "The text was put over the picture by a scanner's own recognition; how sure it was is not said."
        )
        yield Entry("recognised", reason, _sum(sheets, layers), layers)
    read = _numbers(sheets, lambda s: s.confidence is not None and bool(s.lines))
    if read:
        sure = {n: sheet.confidence or 0.0 for n, sheet in enumerate(sheets, 1) if sheet and n in read}
        worst = min(sure, key=lambda n: sure[n])
        reason = (
            f"Read from pictures by text recognition: confidence {sum(sure.values()) / len(sure):.0%} on average, "
            f"lowest {sure[worst]:.0%} on page {worst}. Check names and figures against the picture."
        )
        yield Entry("recognised", reason, _sum(sheets, read), read)


def _dropped(sheets: Sheets, gone: Furniture) -> Iterator[Entry]:
    for sets, reason in (
        (gone.running, "Running headers and footers were left out after their first occurrence."),
        (gone.numbers, "Page numbers were left out."),
    ):
        pages = tuple(n for n, out in enumerate(sets, 1) if out)
        characters = sum(
            len(sheet.lines[i].text) for sheet, out in zip(sheets, sets, strict=True) if sheet for i in out
        )
        if pages:
            yield Entry("dropped", reason, characters, pages)
    unmapped = sum(sheet.unmapped for sheet in sheets if sheet and sheet.confidence is None)
    if unmapped:
        pages = _numbers(sheets, lambda s: bool(s.unmapped))
        reason = "Characters that have no meaning in the file's fonts were left out."
        yield Entry("dropped", reason, unmapped, pages)


_HIDDEN = {
    "invisible": "Invisible text was left out.",
    "tiny": "Text too small to be read (under 2 points) was left out.",
    "outside": "Text outside the page was left out.",
    "faint": "Text in the colour of its background was left out.",
    "covered": "Text under a bar or a picture was left out: it looks like a redaction that only hides what is still "
    "in the file. Do not pass this file on.",
}


def _hidden(sheets: Sheets) -> Iterator[Entry]:
    for cause, reason in _HIDDEN.items():
        counts = {n: sheet.hidden.get(cause, 0) for n, sheet in enumerate(sheets, 1) if sheet}
        if any(counts.values()):
            pages = tuple(n for n, count in counts.items() if count)
            yield Entry("hidden", reason, sum(counts.values()), pages)


def _written(sheets: Sheets) -> Iterator[Entry]:
    filled = _numbers(sheets, lambda s: bool(s.filled))
    if filled:
        reason = "Values of form fields and text boxes stand in the text after what is printed on their page."
        yield Entry("kept", reason, sum(sheet.filled for sheet in sheets if sheet), filled)
    comments = _numbers(sheets, lambda s: bool(s.comments))
    if comments:
        reason = "Comments in the margin are not part of the text."
        yield Entry("commented", reason, sum(sheet.comments for sheet in sheets if sheet), comments)


def _numbers(sheets: Sheets, test: Callable[[Sheet], bool]) -> tuple[int, ...]:
    return tuple(n for n, sheet in enumerate(sheets, 1) if sheet and test(sheet))


def _sum(sheets: Sheets, pages: tuple[int, ...]) -> int:
    return sum(sheet.characters for n, sheet in enumerate(sheets, 1) if sheet and n in pages)


def _shown(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:20])) + (" and more" if len(numbers) > 20 else "")
    return f"page {shown}" if len(numbers) == 1 else f"pages {shown}"


def _counted(numbers: Sequence[int], one: str = "holds", many: str = "hold") -> str:
    shown = ", ".join(map(str, numbers[:20])) + (" and more" if len(numbers) > 20 else "")
    return f"Page {shown} {one}" if len(numbers) == 1 else f"{len(numbers)} pages ({shown}) {many}"
