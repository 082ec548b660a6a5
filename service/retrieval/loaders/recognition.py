"""Words from a picture of a page, through Tesseract: lines in reading order, the box of each word, the confidence.

Tesseract runs as a process of its own on one core, reads the picture from a pipe and writes to one: no file is left.
The page is turned and straightened first where that reads better. Runs in the child process of `reader`.
"""

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from service.retrieval.loaders.layout import Line
from service.retrieval.loaders.skew import back, columned, skew
from service.retrieval.loaders.tables import Box

INSTALL = "Install Tesseract (apt-get install tesseract-ocr) and read the file again"
_SECONDS = 240.0  # for one run over one page: seconds on an idle machine, but other work goes first
_DOUBTFUL = 0.65  # confidence under which another way up is tried
_FEW = 6  # words: so few may mean that the page lies on its side
_SPECK = 0.25  # confidence under which signs without letters are specks
_LANGUAGES = 4  # at most; each makes a page slower


class Word(NamedTuple):
    text: str
    box: Box  # pixels
    confidence: float  # 0 to 1
    line: tuple[int, int, int]  # block, paragraph, line


@dataclass(frozen=True, slots=True)
class Reading:
    words: tuple[Word, ...]

    @property
    def confidence(self) -> float:
        """Of the characters, on average; 0 without words."""
        letters = sum(len(word.text) for word in self.words)
        return sum(word.confidence * len(word.text) for word in self.words) / letters if letters else 0.0

    @property
    def sure(self) -> float:
        """How much was read, and how surely: what another reading of the same page must beat."""
        return sum(word.confidence**2 * len(word.text) for word in self.words)


def available() -> bool:
    return shutil.which("tesseract") is not None


def recognise(image: Any) -> Reading:
    """The words on a grey PIL image of about 300 dots an inch. Raises subprocess.TimeoutExpired."""
    languages = _languages()
    straight = _straightened(image, languages)
    if straight.confidence >= _DOUBTFUL and len(straight.words) >= _FEW:
        return straight
    best = straight
    quarter = _quarter(image)
    for turn in [quarter] if quarter else [1, 3]:
        turned = _unturned(_straightened(image.rotate(90 * turn, expand=True), languages), turn, image.size)
        best = max(best, turned, key=lambda reading: reading.sure)
    return best


def _straightened(image: Any, languages: str) -> Reading:
    angle = skew(image)
    if abs(angle) < 0.2:
        return _read(image, languages)
    level = image.rotate(angle, resample=3, fillcolor=255)
    words = _read(level, languages).words
    return Reading(tuple(word._replace(box=back(word.box, angle, image.size)) for word in words))


def _read(image: Any, languages: str) -> Reading:
    layout = (
        "3" if columned(image) else "4"
    )  # 3 finds columns, but loses numbers that stand apart at the left
    table = _run(image, "--dpi", "300", "--psm", layout, "-l", languages, "tsv")
    return Reading(tuple(_words(table)))


def _run(image: Any, *options: str) -> str:
    """What Tesseract says about the picture. Raises TimeoutExpired."""
    file = io.BytesIO()
    image.convert("L").save(file, "PPM")
    environment = {"PATH": os.environ.get("PATH", ""), "OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"}
    if "TESSDATA_PREFIX" in os.environ:
        environment["TESSDATA_PREFIX"] = os.environ["TESSDATA_PREFIX"]
    done = subprocess.run(
        ["tesseract", "stdin", "stdout", *options],
        input=file.getvalue(),
        capture_output=True,
        timeout=_SECONDS,
        env=environment,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")


def _languages() -> str:
    """All that are installed, English first."""
    listed = subprocess.run(
        ["tesseract", "--list-langs"],
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    ).stdout.decode("utf-8", "replace")
    names = [name for name in listed.splitlines()[1:] if name and name not in ("osd", "equ", "snum")]
    return "+".join(sorted(names, key=lambda name: (name != "eng", name))[:_LANGUAGES]) or "eng"


def _words(table: str) -> Iterator[Word]:
    for row in table.splitlines()[1:]:
        field = row.split("\t")
        if len(field) != 12 or field[0] != "5":
            continue
        text, confidence = "".join(field[11].split()), float(field[10]) / 100
        if not text or confidence < 0 or (confidence < _SPECK and not any(c.isalnum() for c in text)):
            continue
        x, y, wide, high = map(float, field[6:10])
        yield Word(
            text, (x, y, x + wide, y + high), confidence, (int(field[2]), int(field[3]), int(field[4]))
        )


def _quarter(image: Any) -> int:
    """How many quarters to turn the picture to the left so that it stands upright, 0 where that is not known."""
    for row in _run(image, "--psm", "0", "--dpi", "300").splitlines():
        name, _, value = row.partition(": ")
        if name == "Rotate" and value.isdigit():
            return (4 - int(value) // 90) % 4
    return 0


def _unturned(reading: Reading, turn: int, size: tuple[int, int]) -> Reading:
    """The boxes as they lie on the picture of this size before it was turned `turn` quarters to the left."""
    wide, high = size

    def unturned(box: Box) -> Box:
        x0, y0, x1, y1 = box
        return {
            1: (wide - y1, x0, wide - y0, x1),
            2: (wide - x1, high - y1, wide - x0, high - y0),
            3: (y0, high - x1, y1, high - x0),
        }.get(turn, box)

    return Reading(tuple(word._replace(box=unturned(word.box)) for word in reading.words))


def as_lines(reading: Reading, scale: float) -> tuple[Line, ...]:
    """The words as lines; `scale` is points to a pixel."""
    found = []
    for place, group in groupby(reading.words, key=lambda word: word.line):
        words = list(group)
        boxes = tuple(_scaled(word.box, scale) for word in words)
        around = (
            min(b[0] for b in boxes),
            min(b[1] for b in boxes),
            max(b[2] for b in boxes),
            max(b[3] for b in boxes),
        )
        text = " ".join(word.text for word in words)
        found.append(Line(text, around, paragraph=place[0] * 1000 + place[1], words=boxes))
    return tuple(found)


def _scaled(box: Box, scale: float) -> Box:
    x0, y0, x1, y1 = (round(side * scale, 2) for side in box)
    return x0, y0, x1, y1
