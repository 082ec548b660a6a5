from typing import Any

from service.retrieval.loaders import rectangles

from .made import checked, read
from .papers import drawn, words


def form(canvas: Any) -> None:
    words("Name of the tenant:")(canvas)
    canvas.acroForm.textfield(name="tenant", value="Anna Berg", x=220, y=750, width=200, height=20)
    canvas.acroForm.checkbox(name="agreed", checked=True, x=72, y=700)


def test_values_of_form_fields_are_text_and_have_places() -> None:
    data = drawn(form)
    document = checked(read(data, "a.pdf"))
    assert document.text.split() == ["Name", "of", "the", "tenant:", "Anna", "Berg"]
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("kept", 9)]
    start = document.text.index("Anna")
    ((_, ((x0, y0, x1, y1),)),) = rectangles(data, document, start, start + 9)
    assert 220 / 595 <= x0 + 0.001 < x1 < 420 / 595
    assert 0.08 < y0 < y1 < 0.12


def test_comments_are_counted_and_not_text() -> None:
    def page(canvas: Any) -> None:
        words("The rent is due.")(canvas)
        canvas.textAnnotation("Ask the client.", Rect=(300, 700, 320, 720))

    document = checked(read(drawn(page), "a.pdf"))
    assert document.text == "The rent is due."
    assert [(entry.fate, entry.characters) for entry in document.ledger] == [("commented", 15)]
