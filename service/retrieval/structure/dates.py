"""Dates as contracts write them, to ISO 8601. Pure.

June 21, 1999 · 21 June 1999 · 31st day of March, 2000 · this 1st day of the month of May 2003 · 2004-05-06
"""

import re
from collections.abc import Iterator
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"  # noqa: E501
_DAY = r"(?P<day>\d{1,2})\s?(?:st|nd|rd|th|t\s?h)?"
_YEAR = r"(?P<year>(?:19|20)\s?\d\s?\d)(?!\d)"
_FORMS = tuple(
    re.compile(form, re.I)
    for form in (
        rf"\b{_MONTH}\s{{0,4}}{_DAY}\s{{0,3}},?\s{{0,4}}{_YEAR}",
        rf"(?<!\d){_DAY}\s{{0,4}}(?:day\s{{1,3}})?(?:of\s{{1,3}})?(?:the\smonth\sof\s)?{_MONTH}\s{{0,3}},?\s{{0,4}}(?:in\sthe\syear\s)?{_YEAR}",
        r"(?<![\d/])(?P<year>(?:19|20)\d\d)-(?P<number>\d\d)-(?P<day>\d\d)(?!\d)",
        r"(?<![\d/])(?P<number>\d{1,2})/(?P<day>\d{1,2})/(?P<year>(?:19|20)?\d\d)(?![\d/])",
    )
)


def dates(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, ISO) of every whole date, by form and then in order. 3/4/2020 is taken as the American does,
    unless only the other way makes a date."""
    for form in _FORMS:
        for match in form.finditer(text):
            iso = _iso(match)
            if iso:
                yield match.start(), match.end(), iso


def _iso(match: "re.Match[str]") -> str:
    found = match.groupdict()
    day, year = int(found["day"]), int("".join(found["year"].split()))
    if year < 100:
        year += 1900 if year > 60 else 2000
    month = int(found["number"]) if found.get("number") else 1 + _MONTHS.index(found["month"][:3].lower())
    if month > 12 >= day:
        month, day = day, month
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""
