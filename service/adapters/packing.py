"""An adapter's files out of the house again, in a form that can be admitted."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from service.core import LoraFile


def packed(folder: Path, target: Path) -> Path:
    """A zip of what came in, the canonical files and the card; where that was a GGUF, the GGUF."""
    peft = (folder / LoraFile.WEIGHTS).is_file()
    names: Sequence[str] = (LoraFile.CONFIG, LoraFile.WEIGHTS) if peft else (LoraFile.GGUF,)
    with zipfile.ZipFile(target, "x", zipfile.ZIP_STORED) as archive:
        for name in (*names, LoraFile.CARD):
            if (folder / name).is_file():
                archive.write(folder / name, str(name))
    return target
