"""The sample matters: what their gold answers quote stands in their documents, and they can be built again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from service.config import Documents
from service.core import Document
from service.retrieval.loaders import load

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
MATTERS = sorted(path.parent for path in SAMPLES.glob("*/matter.json"))
BUILT = sorted(path for matter in MATTERS for path in matter.iterdir() if path.suffix in {".pdf", ".docx"})


@cache
def read(path: Path) -> Document:
    return load(path.read_bytes(), path.name, path.parent.name, Documents()).document


def squeezed(text: str) -> str:
    return " ".join(text.split())


def questions(matter: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((matter / "questions.json").read_text("utf-8"))
    return found


def quotes() -> Iterator[Any]:
    for matter in MATTERS:
        for number, question in enumerate(questions(matter), 1):
            for quote in (question, *question.get("also", ())):
                if "quote" in quote:
                    path = matter / quote["document"]
                    yield pytest.param(path, quote["quote"], id=f"{matter.name}-{number}-{path.suffix[1:]}")


@pytest.mark.parametrize(("path", "quote"), [*quotes()])
def test_a_gold_quote_stands_in_its_document(path: Path, quote: str) -> None:
    assert squeezed(quote) in squeezed(read(path).text)


@pytest.mark.parametrize("matter", MATTERS, ids=lambda path: path.name)
def test_a_matter_lists_the_files_of_its_folder(matter: Path) -> None:
    listed = json.loads((matter / "matter.json").read_text("utf-8"))["documents"]
    there = {path.name for path in matter.iterdir()} - {"matter.json", "questions.json"}
    assert len(listed) == len(set(listed))
    assert set(listed) == there


@pytest.mark.parametrize("matter", MATTERS, ids=lambda path: path.name)
def test_ten_questions_of_which_two_have_no_answer(matter: Path) -> None:
    asked = questions(matter)
    silent = [question for question in asked if question.get("unanswerable")]
    assert len(asked) == 10
    assert len(silent) == 2
    assert not any("quote" in question for question in silent)


def test_every_format_is_there_and_the_whole_is_small() -> None:
    kinds = {read(path).kind for matter in MATTERS for path in matter.iterdir() if path.suffix != ".json"}
    assert kinds == {"txt", "md", "pdf", "docx", "eml"}
    files = (path for path in SAMPLES.rglob("*") if path.is_file())
    assert sum(path.stat().st_size for path in files if "__pycache__" not in path.parts) < 1_500_000


def test_tracked_insertions_are_read_and_deletions_are_not() -> None:
    text = read(next(path for path in BUILT if path.name.startswith("Side Letter - Monthly"))).text
    assert "until 28 September 2026, provided that" in text
    assert "for the remainder of the Term" not in text


def test_automatic_numbers_are_those_that_the_source_writes() -> None:
    text = squeezed(read(next(path for path in BUILT if path.name.startswith("Deed of Variation"))).text)
    for start in ("4.2 Clause 22.1 of the Lease", "(c) the cost of the roller shutter", "7. General"):
        assert start in text


def test_a_rebuild_gives_the_same_text(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "samples.build", "--out", str(tmp_path)], cwd=ROOT, check=True)
    for path in BUILT:
        again = tmp_path / path.parent.name / path.name
        assert (
            load(again.read_bytes(), path.name, path.parent.name, Documents()).document.text
            == read(path).text
        )
    assert len(list(tmp_path.rglob("*.*"))) == len(BUILT)
