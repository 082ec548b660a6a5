"""Who may import whom (docs/architecture.md). Reads the imports; runs nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = [
    {"core", "config", "errors", "offline", "lock"},
    {"storage", "telemetry"},
    {"access", "engines", "adapters", "retrieval"},
    {"assistant", "training"},
    {"api"},
    {"main", "cli", "cli_adapters", "cli_training", "calling", "doctor"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
STRANGERS = {2, 3}  # floors whose rooms do not know one another
OPEN = {"storage": {"tables"}}  # what may be reached past a door
LATE = {"torch", "transformers", "peft", "llama_cpp", "chromadb", "gradio", "sentence_transformers"}
SERVICE = sorted((ROOT / "service").rglob("*.py"))
UI = sorted((ROOT / "ui").rglob("*.py"))


def imports(tree: ast.AST, *, top: bool = False) -> Iterator[str]:
    """Modules imported anywhere, or with `top` those that importing the file imports."""
    nodes = ast.iter_child_nodes(tree) if top else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(file: Path) -> str:
    return file.relative_to(ROOT / "service").parts[0].removesuffix(".py")


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


@pytest.mark.parametrize("file", SERVICE, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_down_and_through_doors(file: Path) -> None:
    here = room(file)
    if here == "__init__":
        return
    for module in imports(parse(file)):
        first, _, rest = module.partition(".")
        assert first != "ui" or here == "main", f"{file.name}: only main may import the page"
        there, _, inner = rest.partition(".")
        if first != "service" or not there or there == here or there not in FLOOR:
            continue
        assert FLOOR[there] <= FLOOR[here], f"{file.name} (floor {FLOOR[here]}) imports up: {module}"
        if FLOOR[there] == FLOOR[here]:
            assert FLOOR[here] not in STRANGERS, f"{file.name} imports sideways: {module}"
        is_module = (ROOT / "service" / there / inner.split(".")[0]).with_suffix(".py").is_file()
        inside = inner.split(".")[0] if inner and is_module else ""
        assert not inside or inside in OPEN.get(there, set()), f"{file.name} climbs past a door: {module}"


@pytest.mark.parametrize("file", UI, ids=lambda f: str(f.relative_to(ROOT)))
def test_the_page_knows_only_http(file: Path) -> None:
    assert not [m for m in imports(parse(file)) if m.split(".")[0] == "service"]


# The page's rooms live on gradio; its door (`ui.app`) lets them in late.
@pytest.mark.parametrize("file", [*SERVICE, ROOT / "ui" / "app.py"], ids=lambda f: str(f.relative_to(ROOT)))
def test_heavy_libraries_are_imported_late(file: Path) -> None:
    assert not {m.split(".")[0] for m in imports(parse(file), top=True)} & LATE


@pytest.mark.parametrize("file", SERVICE, ids=lambda f: str(f.relative_to(ROOT)))
def test_only_access_makes_a_scope(file: Path) -> None:
    makes = [
        node
        for node in ast.walk(parse(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Scope"
    ]
    assert not makes or room(file) == "access"


def test_every_room_has_a_floor() -> None:
    rooms = {room(file) for file in SERVICE} - {"__init__"}
    assert rooms <= FLOOR.keys(), rooms - FLOOR.keys()
