"""What the documents say, held to the code: settings, routes, metrics, error codes, commands, links."""

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from service import errors, telemetry
from service.cli import app as command_line
from service.config import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def test_configuration_is_generated() -> None:
    from docs.generate import page

    assert read("configuration.md") == page(), "run `make docs`"
    for name, section in Settings.model_fields.items():
        for key, info in getattr(section.annotation, "model_fields", {}).items():
            assert info.description, f"{name}.{key} has no description"


def test_every_route_is_documented() -> None:
    from service.api import app

    routes = {
        f"{method} {route.path}"
        for module in vars(app).values()
        if hasattr(module, "router")
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert len(routes) > 30
    told = set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/\S+?)`", read("api.md")))
    assert {f"{method} {path}" for method, path in told} >= routes


def test_every_error_code_is_documented() -> None:
    codes = {
        kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)
    }
    assert not [code for code in codes | {"invalid_request"} if f"`{code}`" not in read("api.md")]


def test_every_metric_is_documented() -> None:
    names = [metric._name for metric in vars(telemetry).values() if hasattr(metric, "_name")]
    names += telemetry.GAUGES
    assert names
    assert not [name for name in names if name not in read("operations.md")]


def test_every_command_is_documented() -> None:
    names = [c.name or c.callback.__name__ for c in command_line.registered_commands if c.callback]
    assert not [name for name in names if f"privity {name}" not in read("operations.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target
