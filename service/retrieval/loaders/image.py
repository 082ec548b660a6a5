"""Pictures as files: PNG, JPEG, TIFF. A frame is a page, as the camera's or scanner's own notes turn it.

Runs in the child process of `reader`: decoders are C, and meet hostile bytes.
"""

import io
from typing import Any

from service.core import State
from service.retrieval.loaders.content import Unreadable

_PIXELS = 120_000_000  # of a frame, at most
_WIDE = 612.0  # points, where the file does not tell its resolution: a page's width
_LETTER = 2500  # pixels across a page, which recognition reads best


class Frames:
    """Raises Unreadable (DAMAGED) for bytes that are no picture."""

    def __init__(self, data: bytes) -> None:
        from PIL import Image, UnidentifiedImageError

        Image.MAX_IMAGE_PIXELS = None  # we count ourselves, and say it in our own words
        try:
            self._image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF"))
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
            raise Unreadable(
                State.DAMAGED, "The picture is damaged and cannot be opened. Get a whole copy."
            ) from None
        self.count = int(getattr(self._image, "n_frames", 1))

    def frame(self, number: int) -> Any:
        """The frame (from 1) as a grey or coloured PIL image, upright by its own notes, on white."""
        from PIL import Image, ImageOps

        try:
            self._image.seek(number - 1)
            wide, high = self._image.size
            if wide * high > _PIXELS:
                raise Unreadable(
                    State.TOO_LARGE,
                    f"The picture has {wide * high / 1e6:.0f} megapixels; {_PIXELS / 1e6:.0f} are allowed. "
                    "Save it smaller.",
                )
            shown = ImageOps.exif_transpose(_plain(self._image))
        except (
            OSError,
            EOFError,
            ValueError,
            SyntaxError,
            TypeError,
            KeyError,
            Image.DecompressionBombError,
        ):
            raise Unreadable(
                State.DAMAGED,
                f"Picture {number} of the file is damaged and cannot be drawn. Get a whole copy.",
            ) from None
        return shown

    def size(self, image: Any) -> tuple[float, float]:
        """Points."""
        density = self._image.info.get("dpi", (0, 0))
        try:
            known = 50 <= float(density[0]) <= 1200
        except (TypeError, ValueError, IndexError, ZeroDivisionError):
            known = False
        scale = 72 / float(density[0]) if known else _WIDE / image.width
        return image.width * scale, image.height * scale


def legible(image: Any) -> Any:
    """The picture in grey, in a size at which letters are read best."""
    scale = min(3.0, _LETTER / image.width)
    grey = image.convert("L")
    if 0.8 < scale < 1.25:
        return grey
    return grey.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), 3)


def _plain(image: Any) -> Any:
    """Grey or RGB; 16-bit greys are scaled, transparent places are white."""
    from PIL import Image

    if image.mode.startswith("I") or image.mode == "F":
        low, high = image.getextrema()
        span = max(float(high) - float(low), 1.0)
        return image.convert("F").point(lambda value: (value - low) * (255 / span)).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        whole = image.convert("RGBA")
        paper = Image.new("RGBA", whole.size, "white")
        paper.alpha_composite(whole)
        shown = paper.convert("RGB")
    else:
        shown = image.convert("L" if image.mode in ("1", "L") else "RGB")
    shown.info["exif"] = image.info.get("exif", b"")
    return shown
