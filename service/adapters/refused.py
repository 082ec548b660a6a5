"""Why an adapter is refused, and how names from its files are shown."""


class Refused(Exception):
    """One reason, a sentence with its remedy. Never leaves the package: it becomes a line of a `Check`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def shown(name: str) -> str:
    """A name out of an uploaded file, as a sentence can carry it: printable ASCII, and short."""
    plain = ascii(name)[1:-1].replace("\\\\", "\\")
    return plain if len(plain) <= 80 else f"{plain[:60]}…{plain[-16:]}"


def size(count: float) -> str:
    """Bytes for a person: "9.4 MB"."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} bytes"
