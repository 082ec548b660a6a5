import io
import zipfile
from datetime import date, datetime

import pytest
from openpyxl import Workbook
from openpyxl.comments import Comment

from service.config import Documents
from service.core import State
from service.retrieval.loaders import Unreadable, load, xlsx

from .made import checked, read, texts


def workbook() -> Workbook:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Rents"
    sheet.append(["Unit", None, "Rent", "Due"])
    sheet.append(["A\n1", None, 1200.5, date(2024, 3, 1)])
    sheet.append([])
    sheet.append([True, 0.1 + 0.2, datetime(2024, 3, 1, 10, 30), "=SUM(C2:C2)"])
    sheet.append([0.05])
    sheet["A5"].number_format = "0.0%"
    hidden = book.create_sheet("Notes")
    hidden.append(["draft"])
    hidden.sheet_state = "hidden"
    return book


def written(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_sheets_rows_and_values() -> None:
    document = checked(read(written(workbook()), "a.xlsx"))
    assert texts(document) == [
        "Rents",
        "Unit\t\tRent\tDue\nA 1\t\t1200.5\t2024-03-01",
        "TRUE\t0.3\t2024-03-01 10:30\n5%",
        "Notes (hidden sheet)",
        "draft",
    ]
    assert [block.style for block in document.blocks] == ["heading", "table", "table", "heading", "table"]
    assert [(entry.fate, entry.reason.partition(":")[0]) for entry in document.ledger] == [
        ("kept", "Hidden sheets"),
        ("unread", "Formulas without a value"),
    ]


def swapped(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            content = source.read(name)
            assert name != part or old in content
            target.writestr(name, content.replace(old, new) if name == part else content)
    return file.getvalue()


def test_entities_are_refused() -> None:
    entity = b'<!DOCTYPE a [<!ENTITY e "x">]><worksheet'
    data = swapped(written(workbook()), "xl/worksheets/sheet1.xml", b"<worksheet", entity)
    with pytest.raises(Unreadable) as caught:
        read(data, "a.xlsx")
    assert caught.value.state is State.DAMAGED


def test_a_bomb_is_refused_by_its_real_size() -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["x" * 30_000] * 50)
    data = swapped(
        written(book), "xl/workbook.xml", b"<workbook", b"<!--" + b" " * 3_000_000 + b"--><workbook"
    )
    with pytest.raises(Unreadable) as caught:
        load(data, "a.xlsx", "m", Documents(max_bytes=1_000_000))
    assert caught.value.state is State.TOO_LARGE


def test_cells_at_the_far_end_cost_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_CELLS", 300_000)
    far = b"".join(b'<row r="%d"><c r="XFD%d"><v>1</v></c></row>' % (n, n) for n in range(500, 1_000))
    data = swapped(written(workbook()), "xl/worksheets/sheet1.xml", b"</sheetData>", far + b"</sheetData>")
    document = read(data, "a.xlsx")
    assert document.text.startswith("Rents")
    assert "Cells after the first" in document.ledger[-1].reason


def test_what_is_beside_the_cells_is_told() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["B2"] = "Rent", 5
    sheet["A1"].comment = Comment("too high & rising", "Anna")
    sheet.row_dimensions[2].hidden = True
    sheet.column_dimensions["B"].hidden = True
    data = io.BytesIO(written(book))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("xl/drawings/drawing1.xml", "<a:p><a:r><a:t>Draft</a:t></a:r></a:p>")
        archive.writestr("xl/media/image1.png", "x")
    document = checked(read(data.getvalue(), "a.xlsx"))
    assert texts(document) == ["Sheet", "Rent\n\t5"]
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [
        ("kept", 0),
        ("commented", 17),
        ("unread", 5),
        ("unread", 0),
    ]
    assert "Hidden rows and columns: 2" in document.ledger[0].reason
