"""What kind of document a document is, by its title line and its file name. Pure."""

import re

from service.core import Document
from service.retrieval.structure.tree import blocks

TOP = 40  # blocks in which a title line is looked for

_KINDS = (
    ("Side Letter", r"\bside letter\b"),
    ("Deed of Variation", r"\bdeed of variation\b"),
    ("Amendment", r"\b(?:amendment|amending agreement)\b(?!.*\band restatement\b)"),
    ("Addendum", r"\baddendum\b"),
    ("Supplement", r"\bsupplement(?:al)? (?:agreement|deed|indenture)\b"),
    ("Minutes", r"\bminutes of\b|\bboard minutes\b|^minutes\b"),
    ("Schedule of Condition", r"\bschedule of condition\b"),
    ("Schedule", r"^(?:schedule|annex|appendix)\s+[A-Z\d]{1,2}\b(?![.\d])(?!.*\bagreement\b).*$"),
    ("Guarantee", r"\bguarant(?:ee|y)\b"),
    ("Notice", r"\bnotice\b(?!.*agreement)"),
    ("Power of Attorney", r"\bpower of attorney\b"),
    ("Judgment", r"\bjudge?ment\b(?!.*agreement)|\bopinion of the court\b|\bmemorandum opinion\b"),
    ("Order", r"^(?:\w+ ){0,4}order$"),
    ("Lease", r"\blease\b(?! ?back)(?!.*\b(?:assignment|purchase)\b)"),
    ("Letter", r"^letter\b"),
)
_NOUN = (
    r"(?:agreement|contract|deed|licen[cs]e|plan|policy|indenture|charter|by-?laws"
    r"|terms and conditions|memorandum of understanding|undertaking|protocol)"
)
_AGREEMENT = re.compile(
    rf"(?<!\w)(?P<name>(?:(?!(?:This|THIS)\b)(?:[A-Z][\w’'&/-]*|and|of|for|in|on|the|to|&|-),?\s+){{0,9}}(?=[A-Z])(?i:{_NOUN})s?)(?!\w)"
)
_MAKER = re.compile(
    r"^.*(?:\b(?:inc|incorporated|corp|corporation|llc|llp|ltd|limited|plc|gmbh|company|l\.p|lp|n\.v|b\.v|s\.a|ag|co)\b\.?,?"
    r"|\d[\w.]*,?)\s+(?=\w)",
    re.I,
)
_FRONT = re.compile(
    r"^(?:(?:quicklinks.*|exhibit|ex|annex|schedule)?[\s:.-]*\(?\d+[\d.()a-z-]*\)?\s+|execution\s+(?:copy|version)|confidential|final|form\s+of|this|the|an?\s"
    r"|master\s+(?=\w+\s+\w+)|amended\s+and\s+restated|dated.{0,20}\d{4}|copy|draft|version"
    r"|(?:exhibit|attachment|annex|schedule|appendix)\s[A-Z]\s(?:to\s)?|signature\spage\sto\s)\s*",
    re.I,
)
_AMENDS = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth) amendment\b|^.{0,60}\bamendment (?:no|number|#|n°|to\b|\d)",
    re.I,
)
_SCHEDULE = re.compile(r"(?:schedule|annex|appendix|exhibit)\b", re.I)
_SMALL = re.compile(r"(?:a|an|and|as|at|by|for|from|in|of|on|or|the|to|with)", re.I)
_SALUTATION = re.compile(r"^(?:dear\b|ladies and gentlemen|gentlemen)", re.I | re.M)
_COURT = re.compile(
    r"\b(?:court of appeals?|district court|supreme court|high court|court of justice)\b", re.I
)


def title_line(document: Document) -> str:
    """The line at the top that says what the document is; "" when none does."""
    for number, block in enumerate(blocks(document)):
        if number >= TOP:
            break
        line = " ".join(document.text[block.start : min(block.end, block.start + 300)].split()).strip("#* ")
        if (
            _says(line)
            and len(line) <= 200
            and (block.style == "heading" or line.isupper() or len(line) < 90)
        ):
            return line
    return ""


def type_of(document: Document) -> str:
    """ "Lease", "Amendment", "Supply Agreement": by the title line, else the first words, else the file name."""
    if document.kind in ("eml", "msg"):
        return "E-mail"
    name = re.sub(r"[_]+", " ", document.title.rpartition("/")[2].rpartition(".")[0])
    line = title_line(document)
    if _AMENDS.search(" ".join(document.text[:200].split())):
        return "Amendment"
    for words in (line, name):
        for kind, pattern in _KINDS:
            if (
                words
                and re.search(pattern, words, re.I)
                and not (kind == "Notice" and len(words.split()) > 8)
            ):
                return kind
        if words == line and _agreement(line):
            return _agreement(line)
    return (
        _agreement(" ".join(document.text[:600].split()))
        or _agreement(name)
        or _correspondence(document.text)
    )


def _says(line: str) -> bool:
    if line.endswith((".", ";", ",")) and not line.isupper():
        return False
    return bool(re.search(rf"\b{_NOUN}\b", line, re.I)) or any(re.search(p, line, re.I) for _, p in _KINDS)


def _agreement(words: str) -> str:
    """The name of the agreement: "Supply Agreement" in "EXHIBIT 10.2 MASTER SUPPLY AGREEMENT between …"."""
    found = _AGREEMENT.search(words[:400])
    if found is None:
        return ""
    name, before = found["name"], ""
    while name != before:
        before, name = name, _FRONT.sub("", name).strip(" .,:-")
    kept = _MAKER.sub("", name).split()[-7:]
    while kept and (_SMALL.fullmatch(kept[0]) or not kept[0][0].isalnum()):
        kept = kept[1:]
    return " ".join(_capital(word) for word in kept)


def _capital(word: str) -> str:
    if _SMALL.fullmatch(word):
        return word.lower()
    return (
        "-".join(part[:1].upper() + part[1:].lower() for part in word.split("-"))
        if word.isupper() or word.islower()
        else word
    )


def _correspondence(text: str) -> str:
    if _SALUTATION.search(text[:3000]):
        return "Letter"
    return "Judgment" if _COURT.search(text[:1500]) else ""
