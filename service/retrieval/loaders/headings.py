"""Pure: is a line of plain text a heading, and how deep; does a line begin a numbered clause."""

import re

_NAMED = re.compile(r"(article|section|schedule|exhibit|annex|appendix|part|chapter)\s+[\dIVXLC]+\b|"
                    r"(schedule|exhibit|annex|appendix)\s+[A-Z]\b", re.IGNORECASE)  # fmt: skip
_NUMBERED = re.compile(r"(\d{1,2}(?:\.\d{1,3})*)[.)]?\s+(?=\S)")
_ENUMERATOR = re.compile(
    r"[ \t]*(?:(?i:article|section|schedule|exhibit|annex|appendix)\s+[\dIVXLCA-Z]{1,6}\b"
    r"|\d{1,3}(?:\.\d{1,3})+\.?|\d{1,3}[.)]|\([A-Za-z]{1,5}\)|\(\d{1,3}\)"
    r"|(?!v\.)[A-Za-z][.)](?![A-Za-z]\.)|[•●▪◦*–-](?=\s))(?:[ \t]*(?=\S)|$)"
)
_LEADER = re.compile(r"(\.{3,}|\. \. |…|\t)\s*[\divxlc]+\s*$", re.IGNORECASE)
_PAGE = re.compile(r"\s(\d{1,3}|[ivxl]{1,6})$")  # as a line of a table of contents ends
_SMALL = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "per", "the", "to", "with")
)
MAX_HEADING = 100  # characters


def starts_clause(line: str) -> bool:
    """Whether the line begins with a clause number, a letter in brackets, a bullet or "Article 5"."""
    return _ENUMERATOR.match(line) is not None


def heading_level(line: str) -> int:
    """The depth of the heading from 1, or 0 when the line is none. Lines of a table of contents are none."""
    line = line.strip()
    if not 2 <= len(line) <= MAX_HEADING or "\n" in line or line[-1] in ";,:" or _LEADER.search(line):
        return 0
    named = _NAMED.match(line)
    if named:
        return _named_level(line, line[named.end() :])
    depth = numbered_depth(line)
    if depth:
        return depth if _is_title(line[_number_end(line) :]) or _is_phrase(line) else 0
    return 1 if _is_capitals(line) else 0


def numbered_depth(line: str) -> int:
    """How many parts the number has that the line begins with: 2 for "4.1 Fees"; 0 without a number."""
    numbered = _NUMBERED.match(line)
    return numbered[1].count(".") + 1 if numbered else 0


def _number_end(line: str) -> int:
    numbered = _NUMBERED.match(line)
    return numbered.end() if numbered else 0


def _named_level(line: str, rest: str) -> int:
    if rest.strip(" .–—-") and not _is_title(rest) and not _is_capitals(rest):
        return 0
    return 2 if line[:7].lower() == "section" else 1


def _is_title(text: str) -> bool:
    """Title Case or CAPITALS, few words, no full sentence."""
    words = re.findall(r"[^\W\d_][\w'’-]*", text)
    if not words or len(words) > 10 or (text.endswith(".") and len(words) > 6) or _PAGE.search(text):
        return False
    return all(word[0].isupper() or word.lower() in _SMALL for word in words)


def _is_phrase(line: str) -> bool:
    """A number with its dot and a few words without an end: "5. Interest on late payment"."""
    number, _, text = line.partition(" ")
    if "." not in number or not text[:1].isupper() or not text[-1].isalpha() or _PAGE.search(text):
        return False
    return len(text.split()) <= 6


def _is_capitals(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    if len(letters) < 4 or len(text.split()) > 12 or _PAGE.search(text):
        return False
    return all(c.isupper() for c in letters)
