"""Personal data found by presidio beside ours: the extra's own tests run where it is installed."""

import logging
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from service.config import Training
from service.errors import BadRequest
from service.training import presidio
from service.training.masking import covered, find
from service.training.presidio import finder, lacks
from service.training.rows import Row, stands

HERE = find_spec("presidio_analyzer") is not None
installed = pytest.mark.skipif(
    not HERE, reason="presidio-analyzer is not installed; pip install 'privity[presidio]' brings it"
)
pytestmark = pytest.mark.filterwarnings("ignore")  # of presidio's and spaCy's own libraries
THEIRS = Training(masking="presidio", masking_model="no_such_model")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    presidio.opened.cache_clear()
    yield
    presidio.opened.cache_clear()


# --- without the package


def test_ours_is_what_finds_unless_the_setting_says_more() -> None:
    assert finder(Training()) is find
    assert lacks(Training()) == ""


def test_a_package_that_is_missing_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presidio, "find_spec", lambda name: None)
    for asked in (finder, lacks):
        with pytest.raises(BadRequest, match=r'pip install "privity\[presidio\]"'):
            asked(THEIRS)


# --- with it


@installed
def test_ours_is_never_weakened() -> None:
    text = (
        "Write to ann.alder+law@birch.example or o'hara@birch.co.uk, call +44 20 7946 0018, or pay to "
        "GB82 WEST 1234 5698 7654 32 by 4111 1111 1111 1111; SSN 512-44-9873; NI AB123456D."
    )
    ours, both = find(text), finder(THEIRS)(text)
    assert {one.kind for one in ours} <= {one.kind for one in both}
    for one in ours:
        assert any(each.start <= one.start and one.end <= each.end for each in both), one.kind


@installed
def test_a_number_counts_where_a_word_beside_it_explains_it() -> None:
    finds = finder(THEIRS)
    assert [one.kind for one in finds("The host has the address 192.168.17.4.")] == ["IP-ADDRESS"]
    bank = "His bank account number is 945456787654."
    assert [bank[one.start : one.end] for one in finds(bank)] == ["945456787654"]
    assert finds("The parcel of land is registered under 945456787654.") == []


@installed
def test_dates_places_and_sites_are_left() -> None:
    text = "Made on 5 March 2021 under the laws of Texas; see https://birch.example/terms for all."
    assert finder(THEIRS)(text) == []


@installed
def test_what_is_not_looked_for_is_said() -> None:
    told = lacks(THEIRS)
    assert told.startswith("Names are not looked for")
    assert "no_such_model" in told
    assert "training.masking_model" in told


def taught(folder: Path) -> str:
    """A spaCy model that knows one person's name."""
    import spacy

    model = spacy.blank("en")
    model.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ann Alder"}])
    model.to_disk(folder)
    return str(folder)


@installed
def test_a_model_finds_names_and_answers_still_stand(tmp_path: Path) -> None:
    settings = Training(masking="presidio", masking_model=taught(tmp_path / "names"))
    assert lacks(settings) == ""
    row = Row("Who is Ann Alder?", "Ask Ann Alder, ann@birch.example, first.", "Alder, ann@birch.example")
    made, counts = covered(row, finder(settings))
    assert made.question == "Who is [PERSON 1]?"
    assert made.context == "Ask [PERSON 1], [E-MAIL 1], first."
    assert made.answer == "[PERSON 1], [E-MAIL 1]"
    assert stands(made.answer, made.context)
    assert counts == {"PERSON": 2, "E-MAIL": 2}
    assert covered(made, finder(settings)) == (made, {})


@installed
def test_a_model_that_does_not_load_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    with pytest.raises(BadRequest, match=r"training\.masking_model cannot be loaded"):
        finder(Training(masking="presidio", masking_model=str(tmp_path / "broken")))


@installed
def test_nothing_is_dialled_and_nothing_that_is_read_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def dial(*_: Any) -> None:
        raise AssertionError("somebody dialled")

    monkeypatch.setattr(socket.socket, "connect", dial)
    monkeypatch.setattr(socket, "getaddrinfo", dial)
    with caplog.at_level(logging.DEBUG):
        finds = finder(THEIRS)
        assert finds("ann@birch.example pays from DE89 3704 0044 0532 0130 00 and from GB82 WEST 1234 5698.")
    for word in ("birch", "3704", "WEST"):
        assert word not in caplog.text
