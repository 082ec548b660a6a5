"""A PDF and a DOCX of our own, for the browser to upload."""

import io

CLAUSES = [
    ("1. Definitions", "In this Lease the yearly rent is forty-eight thousand pounds."),
    ("2. Insurance", "The Landlord insures the building for its full reinstatement value."),
    ("3. Assignment", "The Tenant may not assign part of the premises without written consent."),
    (
        "4. Break right",
        "The Tenant may determine this Lease by giving not less than sixty days’ written notice to the Landlord.",
    ),
    ("5. Notices", "Notices are served at the registered office of the party that receives them."),
]
PARAGRAPHS = [
    (
        "Interpretation",
        "Words defined in the Lease have the same meaning in this letter. <b>{{value}}</b> ${1+1}",
    ),
    (
        "Parking",
        "The licensee may park three bicycles in the rear courtyard free of charge until Michaelmas.",
    ),
    ("Costs", "Each party bears its own costs of this letter."),
]


def lease_pdf() -> bytes:
    """Three pages; the break right stands on the second."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    held = io.BytesIO()
    canvas = Canvas(held, pagesize=A4)
    canvas.setTitle("Lease of Kestrel Mill")
    for number, (heading, words) in enumerate(CLAUSES):
        y = 760 - 120 * (number % 2)
        canvas.setFont("Helvetica-Bold", 12)
        canvas.drawString(72, y, heading)
        canvas.setFont("Helvetica", 11)
        for row, line in enumerate(wrapped(words)):
            canvas.drawString(72, y - 22 - 15 * row, line)
        if number % 2 == 1:
            canvas.showPage()
    canvas.save()
    return held.getvalue()


def wrapped(words: str, width: int = 70) -> list[str]:
    import textwrap

    return textwrap.wrap(words, width)


def letter_docx() -> bytes:
    from docx import Document

    letter = Document()
    for heading, words in PARAGRAPHS:
        letter.add_heading(heading, level=1)
        letter.add_paragraph(words)
    held = io.BytesIO()
    letter.save(held)
    return held.getvalue()
