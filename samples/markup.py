"""The light markup of the sample sources, read into paragraphs.

A source begins with `key: value` lines and a blank line. After that each line is one paragraph:

    # Schedule 1            a centred heading          3.1 The Tenant ...    a numbered clause
    ## 3. Rent              a numbered heading         (a) any part ...      its sub-clause
    > **Act**: ...          an indented paragraph      | a | b |             a row of a table
    [sign] Signed by ...    a place to sign            [page]                a new page

Inside a paragraph `**bold**`, and the tracked changes `{++inserted++}` and `{--deleted--}`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

Kind = Literal["title", "heading", "clause", "indent", "text", "table", "sign", "page"]
Change = Literal["", "inserted", "deleted"]

_NUMBER = re.compile(r"(\d+\.\d+|\d+\.|\([a-z]\))\s+(.*)")
_INLINE = re.compile(r"\*\*(?P<bold>.+?)\*\*|\{\+\+(?P<inserted>.+?)\+\+\}|\{--(?P<deleted>.+?)--\}")


@dataclass(frozen=True, slots=True)
class Run:
    text: str
    bold: bool = False
    change: Change = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    kind: Kind
    text: str = ""
    number: str = ""  # as written: "3.", "3.1" or "(a)"
    rows: tuple[tuple[str, ...], ...] = ()  # of a table

    @property
    def level(self) -> int:
        """Depth of the number from 0: 3. is 0, 3.1 is 1, (a) is 2."""
        return 2 if self.number.startswith("(") else 0 if self.number.endswith(".") else 1


@dataclass(frozen=True, slots=True)
class Source:
    facts: dict[str, str]  # format, title, header and what the cover says
    body: tuple[Paragraph, ...]


def read(path: Path) -> Source:
    head, _, body = path.read_text("utf-8").partition("\n\n")
    facts = dict(line.split(": ", 1) for line in head.splitlines())
    lines = [line for line in body.splitlines() if line.strip()]
    return Source(facts, tuple(_paragraphs(lines)))


def runs(text: str) -> Iterator[Run]:
    """The stretches of one paragraph, by look and by tracked change."""
    end = 0
    for found in _INLINE.finditer(text):
        if found.start() > end:
            yield Run(text[end : found.start()])
        yield _run(found)
        end = found.end()
    if end < len(text):
        yield Run(text[end:])


def _run(found: re.Match[str]) -> Run:
    if found["bold"]:
        return Run(found["bold"], bold=True)
    return (
        Run(found["inserted"], change="inserted")
        if found["inserted"]
        else Run(found["deleted"], change="deleted")
    )


def _paragraphs(lines: list[str]) -> Iterator[Paragraph]:
    for in_table, group in groupby(lines, key=lambda line: line.startswith("|")):
        if in_table:
            yield Paragraph("table", rows=tuple(_cells(line) for line in group))
        else:
            yield from map(_paragraph, group)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip("| ").split("|"))


def _paragraph(line: str) -> Paragraph:
    if line == "[page]":
        return Paragraph("page")
    if line.startswith("[sign] "):
        return Paragraph("sign", line[7:])
    if line.startswith("> "):
        return Paragraph("indent", line[2:])
    if line.startswith("# "):
        return Paragraph("title", line[2:])
    heading, text = line.startswith("## "), line.removeprefix("## ")
    if found := _NUMBER.match(text):
        return Paragraph("heading" if heading else "clause", found[2], found[1])
    return Paragraph("heading" if heading else "text", text)
