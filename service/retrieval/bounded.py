"""A small file of a piece that was trained elsewhere, read no further than it may be large."""

from collections.abc import Callable
from pathlib import Path

from service.errors import BadRequest


def bounded(folder: Path, name: str, most: int, unfit: Callable[[Path, str], BadRequest]) -> bytes:
    """The bytes of a file in a folder, `most` at most. Raises what `unfit` makes of the folder and the reason."""
    try:
        with (folder / name).open("rb") as file:
            data = file.read(most + 1)
    except OSError:
        raise unfit(folder, f"{name} cannot be read") from None
    if len(data) > most:
        raise unfit(folder, f"{name} is larger than {most:,} bytes")
    return data
