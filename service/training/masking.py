"""Personal data taken out of rows: found by its form and, where it has one, its checksum. Pure.

Every value has one placeholder in a row, the same in question, context and answer, so answers still stand in their
contexts. Names are not found: no form tells them from a company's. Numbers without a checksum of their own (passports,
bank accounts without IBAN) are left alone, for in contracts most such numbers are something else.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from service.training.rows import Row

Kind = Literal["E-MAIL", "PHONE", "IBAN", "CARD", "SSN", "NI-NUMBER"]


@dataclass(frozen=True, slots=True)
class Found:
    kind: Kind
    start: int
    end: int


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


def masked(row: Row) -> Row:
    """The row with a placeholder for every value: "[E-MAIL 1]". The same value has the same one throughout."""
    names = _names((row.context, row.question, row.answer))
    if not names:
        return row
    return replace(
        row,
        question=_put(row.question, names),
        context=_put(row.context, names),
        answer=_put(row.answer, names),
    )


def tally(rows: Iterable[Row]) -> dict[str, int]:
    """How much of each kind stands in the contexts, questions and answers."""
    return dict(
        Counter(
            one.kind for row in rows for text in (row.question, row.context, row.answer) for one in find(text)
        )
    )


def _names(texts: Iterable[str]) -> dict[str, str]:
    """A placeholder for every value, by the order in which they come."""
    names, numbers = dict[str, str](), Counter[str]()
    for text in texts:
        for one in find(text):
            value = _same(text[one.start : one.end])
            if value not in names:
                numbers[one.kind] += 1
                names[value] = f"[{one.kind} {numbers[one.kind]}]"
    return names


def _put(text: str, names: Mapping[str, str]) -> str:
    parts, at = list[str](), 0
    for one in find(text):
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


_FORMS: tuple[tuple[Kind, "re.Pattern[str]", Callable[[str], bool]], ...] = (
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
