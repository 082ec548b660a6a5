"""The text of an RTF file as it comes: runs, paragraph ends, cells and rows, footnotes, in reading order."""

from service.core import Style
from service.retrieval.loaders.content import Part
from service.retrieval.loaders.grid import Cell, Row, laid
from service.retrieval.loaders.headings import MAX_HEADING, heading_level
from service.retrieval.loaders.tracked import Ink, Run, accepted, squeezed


class Flow:
    """Read `parts` after the last paragraph has ended."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._line: list[Run] = []
        self._cells: list[Cell] = []
        self._rows: list[Row] = []
        self._note: list[Run] = []
        self._notes: list[list[Run]] = []  # to follow the paragraph at hand
        self._below: list[list[Run]] = []  # to follow the table at hand
        self._noted = 0

    def put(self, run: Run, noted: bool = False) -> None:
        """`noted` for a run of a footnote."""
        (self._note if noted else self._line).append(run)

    def paragraph(self, level: int = 0, gap: Ink | None = None) -> None:
        """Ends the paragraph at hand; `gap` when its end is a tracked insertion."""
        self._end_table()
        line, self._line = self._line, []
        runs = tuple(Run(run.text.replace("\t", " "), run.ink) for run in line)
        text = accepted(runs).strip()
        level = (level or heading_level(text)) if len(text) <= 2 * MAX_HEADING else 0
        style: Style = "heading" if level else "paragraph"
        if runs or gap:
            self.parts.append(Part(runs, style, level, gap))
        self._put_notes(self._notes)

    def cell(self) -> None:
        self._cells.append(Cell([Part(tuple(self._line))]))
        self._line = []

    def row(self) -> None:
        if accepted(self._line).strip():
            self.cell()
        self._end_row()

    def end_note(self) -> None:
        """Ends the footnote at hand, which is read after the paragraph or table."""
        if self._note:
            self._notes.append(self._note)
            self._note = []

    def _end_row(self) -> None:
        if self._cells:
            self._rows.append(Row(self._cells))
            self._cells = []
            self._below += self._notes
            self._notes = []

    def _end_table(self) -> None:
        self._end_row()
        if self._rows:
            self.parts += laid(self._rows)
            self._rows = []
            self._put_notes(self._below)

    def _put_notes(self, notes: list[list[Run]]) -> None:
        while notes:
            note = notes.pop(0)
            self._noted += 1
            self.parts.append(Part((Run(f"Footnote {self._noted}: "), *squeezed(note))))
