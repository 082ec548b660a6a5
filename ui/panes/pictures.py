"""Pages as pictures, with rectangles over them."""

from ui.desk import Source
from ui.panes.words import esc
from ui.replies import Marked, Page


def pictures(shown: Source) -> str:
    marks = {marked["number"]: marked for marked in shown.marks}
    return "".join(
        picture(page, shown.document["id"], marks.get(page["number"])) for page in shown.document["page_list"]
    )


def picture(page: Page, file: str, marked: Marked | None) -> str:
    """One page as a picture, with the cited rectangles over it in fractions of its size."""
    n = page["number"]
    ratio = f"{page['width']:.1f}/{page['height']:.1f}" if page["width"] and page["height"] else "210/297"
    rects = "".join(rect(box) for box in marked["rects"]) if marked else ""
    note = (
        "<figcaption>This page holds no text. It could not be searched.</figcaption>" if page["empty"] else ""
    )
    image = f'<img loading="lazy" alt="Page {n}" src="/api/documents/{esc(file)}/pages/{n}.png?width=1100">'
    return (
        f'<figure id="page-{n}" class="page" style="aspect-ratio:{ratio}" data-from="{page["start"]}">'
        f"{image}{rects}{note}</figure>"
    )


def rect(box: list[float]) -> str:
    x0, y0, x1, y1 = (min(max(float(value), 0.0), 1.0) * 100 for value in box)
    place = f"left:{x0:.3f}%;top:{y0:.3f}%;width:{x1 - x0:.3f}%;height:{y1 - y0:.3f}%"
    return f'<i class="mark" style="{place}"></i>'
