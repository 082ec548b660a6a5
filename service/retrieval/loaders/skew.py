"""How a scanned page lies: how far it leans, what stands where once it is straight, and whether it has columns.

The angle is the one at which the dark pixels of the page fall into the sharpest rows (a projection profile).
"""

from math import cos, radians, sin
from typing import Any

from service.retrieval.loaders.tables import Box

_WIDTH = 700  # pixels that are enough to tell
_MOST = 5.0  # degrees


def skew(image: Any) -> float:
    """Degrees to turn the picture to the left so that its lines run level; 0 where that cannot be told."""
    import numpy as np

    ys, xs = np.nonzero(_dark(image))
    if len(xs) < 200:
        return 0.0
    best, step = 0.0, 1.0
    while step >= 0.1:
        tried = np.arange(best - 5 * step, best + 5.01 * step, step)
        sharp = [_sharpness(xs, ys, angle) for angle in tried]
        best = float(tried[int(np.argmax(sharp))])
        step /= 5
    level = _sharpness(xs, ys, 0.0)
    return best if abs(best) <= _MOST and _sharpness(xs, ys, best) > 1.05 * level else 0.0


def columned(image: Any) -> bool:
    """Whether a white gutter runs down the middle of the page, between text on either side, for most of the text."""
    import numpy as np

    dark = _dark(image)
    rows = dark[:, dark.shape[1] // 10 : -dark.shape[1] // 10].any(axis=1)
    left, right = int(dark.shape[1] * 0.38), int(dark.shape[1] * 0.62)
    width = max(3, dark.shape[1] // 60)
    ink = np.cumsum(dark, axis=1)
    for x in range(left, right, 2):
        free = rows & (ink[:, x + width] == ink[:, x])
        both = free & (ink[:, x] > 0.04 * x) & (ink[:, -1] - ink[:, x + width] > 0.04 * x)
        if both.sum() > 0.6 * rows.sum():
            return True
    return False


def _dark(image: Any) -> Any:
    """Where a small copy of the page holds ink."""
    import numpy as np

    small = image.convert("L")
    small.thumbnail((_WIDTH, 4 * _WIDTH))
    grey = np.asarray(small)
    return grey < min(160, int(grey.mean()) - 20)


def _sharpness(xs: Any, ys: Any, angle: float) -> float:
    """How uneven the rows are when the dark points are turned by `angle`."""
    import numpy as np

    slope = radians(angle)
    rows = np.bincount((ys * cos(slope) - xs * sin(slope) + 2 * _WIDTH).astype(int))
    return float((rows.astype(float) ** 2).sum())


def back(box: Box, angle: float, size: tuple[int, int]) -> Box:
    """The box around `box` as it lies on the picture before that was turned by `angle` about its middle."""
    turn = radians(angle)
    x, y = size[0] / 2, size[1] / 2
    corners = [
        (
            x + (a - x) * cos(turn) - (b - y) * sin(turn),
            y + (a - x) * sin(turn) + (b - y) * cos(turn),
        )
        for a in (box[0], box[2])
        for b in (box[1], box[3])
    ]
    # A leaning box is higher than its words: what the lean adds is taken off again.
    slack = min(abs(sin(turn)) * (box[2] - box[0]), (box[3] - box[1])) / 2
    return (
        min(a for a, _ in corners),
        min(b for _, b in corners) + slack,
        max(a for a, _ in corners),
        max(b for _, b in corners) - slack,
    )
