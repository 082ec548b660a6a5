"""PDFs and pictures drawn for the tests."""

import io
from collections.abc import Callable
from typing import Any

TEXT = (
    "1. RENT",
    "The yearly rent is EUR 12,000, payable in twelve equal parts.",
    "2. TERM",
    "The lease begins on 1 March 2024 and ends on 28 February 2029.",
    "Either party may end it with six months of notice in writing.",
    "3. GOVERNING LAW",
    "This lease is governed by the laws of England and Wales.",
)


def drawn(*pages: Callable[[Any], None], size: tuple[float, float] = (595, 842)) -> bytes:
    """A PDF; each page is drawn by a function that gets its canvas."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, pagesize=size, invariant=1)
    for page in pages:
        page(canvas)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def words(*lines: str, y: float = 760, size: float = 12) -> Callable[[Any], None]:
    def draw(canvas: Any) -> None:
        canvas.setFont("Helvetica", size)
        for i, text in enumerate(lines or TEXT):
            canvas.drawString(72, y - i * 1.6 * size, text)

    return draw


def photographed(*lines: str, turn: float = 0.0, width: int = 1700) -> Any:
    """A grey PIL image of a page with these lines, turned to the left by degrees."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument(drawn(words(*lines)))
    page = pdf[0]
    image = page.render(scale=width / 595).to_pil().convert("L")
    page.close()
    pdf.close()
    return image.rotate(turn, expand=turn % 90 == 0, fillcolor=255, resample=3) if turn else image


def scanned(image: Any) -> Callable[[Any], None]:
    """A page filled by the picture."""
    from reportlab.lib.utils import ImageReader

    def draw(canvas: Any) -> None:
        canvas.setPageSize((image.width * 595 / 1700, image.height * 595 / 1700))
        canvas.drawImage(ImageReader(image), 0, 0, image.width * 595 / 1700, image.height * 595 / 1700)

    return draw


def saved(*images: Any, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    more = {"save_all": True, "append_images": images[1:]} if len(images) > 1 else {}
    images[0].save(file, form, **more, **options)
    return file.getvalue()
