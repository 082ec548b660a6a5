"""Pure: the name that a file bears inside another -> a relative path that stays where it is."""


def inward(name: str) -> tuple[str, bool]:
    """The path, and whether the name led out of its folder: then only its last part is left."""
    name = name.replace("\\", "/").encode("utf-8", "replace").decode()
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or ":" in (parts or [""])[0]:
        return next((part for part in reversed(parts) if part != ".."), "file").replace(":", "_"), True
    return "/".join(parts) or "file", False
