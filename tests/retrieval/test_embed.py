from pathlib import Path

import numpy as np
import pytest

from service.core import Passage
from service.errors import BadRequest
from service.retrieval.embed import WIDTH, Embedder, spoken
from tests.retrieval.house import database, library, scope

SHIPPED = Path(__file__).parents[2] / "adapters" / "contract-search"
CLAUSES = [
    "Neither party may transfer its rights hereunder unless the other has agreed in writing.",
    "Either party may end this Agreement at any time on thirty days' written notice.",
    "Licensor shall keep complete books, which Licensee's accountants may examine once a year.",
]


@pytest.fixture(scope="module")
def trained() -> Embedder:
    return Embedder(threads=1, adapter=SHIPPED)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder(threads=1)


def test_vectors_have_unit_length_and_near_meanings_are_near(embedder: Embedder) -> None:
    rows = embedder.embed(
        ["The tenant pays the rent.", "Rent is due from the lessee.", "Bake the bread at 220 degrees."]
    )
    assert rows.shape == (3, WIDTH)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-2)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2
    assert embedder.embed([]).shape == (0, WIDTH)


def test_the_shipped_adapter_brings_questions_to_their_clauses(trained: Embedder) -> None:
    rows = trained.embed(CLAUSES)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-2)
    for at, asked in enumerate(
        ("Is there an anti-assignment clause?", "termination for convenience", "audit rights")
    ):
        cosines = rows @ trained.query(asked)
        assert cosines.argmax() == at
        assert cosines[at] > np.delete(cosines, at).max() + 0.1
    for stranger in ("What is the capital of Peru?", "How do you cook rice?"):
        assert (rows @ trained.query(stranger)).max() < 0.2


def test_every_adapter_has_an_identity_of_its_own(trained: Embedder, embedder: Embedder) -> None:
    assert embedder.identity == Embedder(threads=2).identity != trained.identity
    assert not Embedder(adapter=SHIPPED).ready  # known before the model is loaded


def test_a_folder_without_an_adapter_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="not both there"):
        Embedder(adapter=tmp_path / "missing")


def test_questions_are_remembered(embedder: Embedder) -> None:
    assert embedder.query("who pays?") is embedder.query("who pays?")


def test_headings_are_spoken_and_bare_numbers_are_not() -> None:
    passage = Passage("d.1", "d", "lease.txt", 0, 9, "The body.", ("2. Rent", "2.1", "(a)"))
    assert spoken(passage) == "2. Rent. The body."


def test_a_question_about_nothing_here_finds_nothing(tmp_path: Path, embedder: Embedder) -> None:
    made = database(tmp_path, "mat-a")
    shelves = library(tmp_path, made, embedder)
    text = b"1. Rent. The tenant shall pay a rent of 900 pounds each quarter.\n\n2. Notice. Two months are needed."
    shelves.add(text, "lease.txt", scope("mat-a"), "mat-a", "u1")
    assert shelves.wait(240)
    assert shelves.search("How much rent does the tenant pay?", scope("mat-a")).passages[0].path == (
        "1. Rent",
    )
    for nonsense in ("What is the capital of France?", "Who won the cup final?", "qwerty zxcv"):
        assert shelves.search(nonsense, scope("mat-a")).passages == ()
    shelves.close()
    made.close()
