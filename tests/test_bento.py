"""The bento's packages are those of pyproject.toml, at the versions of constraints.txt."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_bento_installs_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = {canonical(re.split(r"[<>=\[ ]", line)[0]) for line in project["dependencies"]}
    bento = yaml.safe_load((ROOT / "bentofile.yaml").read_text("utf-8"))
    pinned = dict(line.split("==") for line in bento["python"]["packages"])
    locked = dict(
        line.strip().split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    )
    assert {canonical(name) for name in pinned} == asked
    assert {name: locked[name] for name in pinned} == pinned
