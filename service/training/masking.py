"""Personal data taken out of rows: found by its form and, where it has one, its checksum. Pure.

Every value has one placeholder in a row, the same in question, context and answer, so answers still stand in their
contexts. Names are not found: no form tells them from a company's. Numbers without a checksum of their own (passports,
bank accounts without IBAN) are left alone, for in contracts most such numbers are something else. Who wants more of
that gives another finder to `covered`: `presidio.py` has one.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from service.training.rows import Row, place

KINDS = ("E-MAIL", "PHONE", "IBAN", "CARD", "SSN", "NI-NUMBER")
PLACEHOLDER = re.compile(r"\[([A-Z][A-Z-]*) (\d+)\]")


@dataclass(frozen=True, slots=True)
class Found:
    kind: str  # one of the above, or another finder's
    start: int
    end: int


Finder = Callable[[str], Sequence[Found]]


def find(text: str) -> list[Found]:
    """The personal data of a text, in its order; of what overlaps, what begins first and is longest."""
    every = [
        Found(kind, match.start(), match.end())
        for kind, pattern, holds in _FORMS
        for match in pattern.finditer(text)
        if holds(match.group())
    ]
    kept = list[Found]()
    for one in sorted(every, key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def joined(found: Iterable[Found]) -> list[Found]:
    """What several finders found, in its order: of what overlaps one, from the first character to the last of them.

    It has the kind that is ours, if one of them is; else that of the longest.
    """
    kept = list[Found]()
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if kept and one.start < kept[-1].end:
            last = kept.pop()
            kind = max(last, one, key=lambda each: (each.kind in KINDS, each.end - each.start)).kind
            one = Found(kind, last.start, max(last.end, one.end))
        kept.append(one)
    return kept


def masked(row: Row, finds: Finder = find) -> Row:
    """The row with a placeholder for every value: "[E-MAIL 1]". The same value has the same one throughout."""
    return covered(row, finds)[0]


def tally(rows: Iterable[Row], finds: Finder = find) -> dict[str, int]:
    """How much of each kind stands in the contexts, questions and answers."""
    return dict(sum((covered(row, finds)[1] for row in rows), Counter[str]()))


def covered(row: Row, finds: Finder = find) -> tuple[Row, Counter[str]]:
    """The row with its placeholders, and how much of each kind they stand for.

    What was found in one of its texts is covered in the others, too. An answer becomes what its place in the context
    has become: a finder that reads what stands around a value may see less of it in the answer alone.
    """
    spot = place(row.answer, row.context) if row.answer.strip() else None
    texts = (row.context, row.question, row.context[slice(*spot)] if spot else row.answer)
    found = _everywhere(texts, finds, spot)
    if not any(found):
        return row, Counter()
    names = _names(texts, found)
    context, question, answer = (_put(text, some, names) for text, some in zip(texts, found, strict=True))
    if spot:
        inside = [one for one in found[0] if one.start < spot[1] and one.end > spot[0]]
        answer = _part(row.context, spot, inside, names) if inside else row.answer
    counts = Counter(one.kind for some in found for one in some)
    return replace(row, question=question, context=context, answer=answer), counts


def _part(text: str, spot: tuple[int, int], inside: Sequence[Found], names: Mapping[str, str]) -> str:
    """A part of a text with its placeholders, each of them whole."""
    start, end = min(spot[0], inside[0].start), max(spot[1], inside[-1].end)
    return _put(
        text[start:end], [Found(one.kind, one.start - start, one.end - start) for one in inside], names
    )


def _everywhere(texts: Sequence[str], finds: Finder, spot: tuple[int, int] | None) -> list[list[Found]]:
    """Of each text what was found in it, and every whole word of it that was found in one of the others.

    `spot` is the place of the last text in the first.
    """
    found = [list(finds(text)) for text in texts]
    if spot:
        found[0] += [Found(one.kind, one.start + spot[0], one.end + spot[0]) for one in found[-1]]
    kinds = {
        tuple(text[one.start : one.end].split()): one.kind
        for text, some in zip(texts, found, strict=True)
        for one in some
    }
    words = sorted(filter(None, kinds), key=lambda words: -len(" ".join(words)))
    if not words:
        return found
    again = re.compile(
        r"(?<!\w)(?:" + "|".join(r"\s+".join(map(re.escape, one)) for one in words) + r")(?!\w)"
    )
    return [
        joined(
            some
            + [
                Found(kinds[tuple(one.group().split())], one.start(), one.end())
                for one in again.finditer(text)
            ]
        )
        for text, some in zip(texts, found, strict=True)
    ]


def _names(texts: Sequence[str], found: Sequence[Sequence[Found]]) -> dict[str, str]:
    """A placeholder for every value, by the order in which they come; none that the texts have already."""
    names, numbers = dict[str, str](), Counter[str]()
    for text in texts:
        for kind, number in PLACEHOLDER.findall(text):
            numbers[kind] = max(numbers[kind], int(number))
    for text, some in zip(texts, found, strict=True):
        for one in some:
            value = _same(text[one.start : one.end])
            if value not in names:
                numbers[one.kind] += 1
                names[value] = f"[{one.kind} {numbers[one.kind]}]"
    return names


def _put(text: str, found: Iterable[Found], names: Mapping[str, str]) -> str:
    parts, at = list[str](), 0
    for one in found:
        parts += [text[at : one.start], names[_same(text[one.start : one.end])]]
        at = one.end
    return "".join([*parts, text[at:]])


def _same(value: str) -> str:
    """A value however it is spaced."""
    return re.sub(r"[\s().-]", "", value).lower()


# --- forms -------------------------------------------------------------------------------------------------


def _always(_: str) -> bool:
    return True


def _digits(value: str) -> list[int]:
    return [int(sign) for sign in value if sign in "0123456789"]


def _iban(value: str) -> bool:
    plain = "".join(value.split())
    if not 15 <= len(plain) <= 34:
        return False
    turned = plain[4:] + plain[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def _luhn(value: str) -> bool:
    digits = _digits(value)
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    doubled = (d if n % 2 == 0 else d * 2 - 9 * (d > 4) for n, d in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0


def _ssn(value: str) -> bool:
    area, middle, serial = re.split(r"[- ]", value)
    return area not in ("000", "666") and area[0] != "9" and middle != "00" and serial != "0000"


def _ni(value: str) -> bool:
    plain = "".join(value.split()).upper()
    return plain[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _phone(value: str) -> bool:
    return 9 <= len(_digits(value)) <= 15


_FORMS: tuple[tuple[str, "re.Pattern[str]", Callable[[str], bool]], ...] = (
    (
        "E-MAIL",
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w-])"),
        _always,
    ),
    (
        "IBAN",
        re.compile(
            r"(?<![A-Za-z\d])[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?(?![A-Za-z\d])", re.ASCII
        ),
        _iban,
    ),
    ("CARD", re.compile(r"(?<![\d-])(?<!\d[.,])\d(?:[ -]?\d){12,18}(?!\d|[.,-]\d)", re.ASCII), _luhn),
    ("SSN", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])", re.ASCII), _ssn),
    (
        "NI-NUMBER",
        re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)", re.ASCII),
        _ni,
    ),
    (
        "PHONE",
        re.compile(
            r"(?<![\w+.-])(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,12}"  # +44 20 7946 0018
            r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}"  # (512) 555-0143
            r"|0\d{2,4} \d{3,4} ?\d{3,4})(?![\w-])",  # 020 7946 0018
            re.ASCII,
        ),
        _phone,
    ),
)
