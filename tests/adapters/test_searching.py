"""Adapters of the embedder: through the same door, refused for the same reasons, serving the search from a start on."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from service.adapters import Adapters, Wanted
from service.adapters.checks import vet
from service.adapters.searching import AHEAD
from service.core import LoraFile
from service.errors import BadRequest, Conflict, NotFound
from service.storage import Database
from service.storage.database import MIGRATIONS
from tests.adapters import hostile, made
from tests.adapters.firm import ADMIN, ANN, TRAINER, Firm, scope
from tests.adapters.made import PREFIX, READER, SMALL, bert_facts, lora

NAME = "clauses"  # what the setting says, in a Firm
LAYER = f"{PREFIX}encoder.layer.0.attention.self.query"


@pytest.fixture
def firm(tmp_path: Path) -> Iterator[Firm]:
    firm = Firm(tmp_path)
    yield firm
    firm.close()


def bring(firm: Firm, seed: int = 0, name: str = NAME, **wanted: Any) -> Any:
    asked = Wanted(name, by=ADMIN.id, scope=scope(ADMIN, "m1"), **wanted)
    return firm.settled(firm.adapters.admit(firm.make_search(seed), asked))


def serve(firm: Firm, folder: Path | None = None) -> list[Path]:
    """A start of the house: what serves the search, then what an older index may need."""
    places = firm.adapters.searching(folder)
    firm.serving = places[0].digest if places else ""
    return [place.folder for place in places]


# --- coming in ---------------------------------------------------------------------------------------------


def test_its_base_tells_what_it_is_for(firm: Firm) -> None:
    admission = bring(firm)
    assert admission.state == "ready", admission.reasons
    said = [line.said[0] for line in admission.lines(0)]
    assert [line.state for line in admission.lines(0)] == ["passed"] * 6
    assert said[4:] == [
        "Not converted: the search takes it as it is",
        "Vectors turn by up to 0.40 of 1, loaded in 5 ms",
    ]
    (version,) = firm.adapters.card(NAME, scope(ADMIN)).versions
    assert (version.kind, version.base, version.tensors) == ("search", READER.fingerprint, 8)
    files = {file.name for file in (firm.home / "adapters" / version.digest).iterdir()}
    assert files == {LoraFile.CONFIG, LoraFile.WEIGHTS, LoraFile.MANIFEST}
    assert firm.adapters.state(version) == "ready"


def test_it_answers_nothing_and_members_do_not_see_it(firm: Firm) -> None:
    bring(firm)
    firm.adapters.publish(NAME, 1, ADMIN.id)
    assert not firm.prepared, "no engine loads it"
    for model in (NAME, f"{NAME}@1"):
        with pytest.raises(NotFound):
            firm.adapters.resolve(model, scope(ADMIN, "m1"))
    assert firm.adapters.visible(scope(ANN)) == []
    assert [card.name for card in firm.adapters.managed(scope(TRAINER))] == [NAME]


def test_a_name_is_for_one_thing(firm: Firm) -> None:
    bring(firm)
    firm.admit("leases")
    assert "a name of its own" in firm.admit(NAME).reasons[0]
    assert "a name of its own" in bring(firm, 3, "leases").reasons[0]
    assert [len(card.versions) for card in firm.adapters.managed(scope(ADMIN))] == [1, 1]


def test_it_has_a_wall_like_all_others(firm: Firm) -> None:
    bring(firm, matters=frozenset({"m1"}))
    assert firm.adapters.managed(scope(TRAINER)) == []
    assert len(firm.adapters.managed(scope(TRAINER, "m1"))) == 1
    with pytest.raises(Conflict, match="the search serves all alike"):
        firm.adapters.publish(NAME, 1, ADMIN.id)


# --- from a start on ---------------------------------------------------------------------------------------


def test_what_is_published_serves_from_the_next_start_on(firm: Firm) -> None:
    assert bring(firm, 1).version == 1
    assert bring(firm, 2).version == 2
    firm.adapters.publish(NAME, 1, ADMIN.id)
    card = firm.adapters.card(NAME, scope(ADMIN))
    assert firm.adapters.told(card) == AHEAD
    folder = firm.home / "adapters" / card.versions[0].digest
    assert serve(firm)[0] == folder
    assert firm.adapters.told(card) == ""
    assert [firm.adapters.serves_search(version) for version in card.versions] == [True, False]
    firm.adapters.publish(NAME, 2, ADMIN.id)
    firm.restart()
    assert serve(firm)[1:] == [folder], "the old one may have made an index that stands"
    assert firm.adapters.rollback(NAME, ADMIN.id) == 1
    assert serve(firm)[0] == folder


def test_the_setting_names_who_serves(firm: Firm) -> None:
    bring(firm, name="others")
    firm.adapters.publish("others", 1, ADMIN.id)
    assert 'Set it to "others"' in firm.adapters.told(firm.adapters.card("others", scope(ADMIN)))
    with pytest.raises(BadRequest, match=r"search\.adapter.*no folder"):
        serve(firm)
    own = firm.make_search(5)
    assert serve(firm, own) == [own]


def test_the_folder_of_the_setting_passes_the_same_checks(firm: Firm) -> None:
    own = firm.make_search(1, use_dora=True, bias="all")
    (own / "run.py").write_text("x")
    with pytest.raises(BadRequest) as caught:
        serve(firm, own)
    assert all(word in caught.value.message for word in ("run.py", "DoRA", "bias", "search.adapter"))
    assert len(caught.value.details["reasons"]) == 3
    assert not list((firm.home / "quarantine").iterdir())


def test_what_ships_follows_the_project_until_somebody_publishes_another(firm: Firm) -> None:
    ours = firm.home / "ours"

    def start(seed: int) -> list[Path]:
        firm.restart()
        shutil.rmtree(ours, ignore_errors=True)
        shutil.copytree(firm.make_search(seed), ours / NAME)
        places = serve(firm, ours / NAME)
        assert [firm.settled(one).state for one in firm.adapters.shelve(ours)] == ["ready"]
        return places

    def published() -> int | None:
        return firm.adapters.card(NAME, scope(ADMIN)).published

    assert start(1) == [ours / NAME], "its very bytes: the index knows it by them"
    assert published() == 1
    assert start(2)[0] == ours / NAME
    assert published() == 2
    start(1)
    assert published() == 1, "the project went back to what it had"
    assert bring(firm, 7).version == 3
    firm.adapters.publish(NAME, 3, ADMIN.id)
    digest = firm.adapters.card(NAME, scope(ADMIN)).versions[2].digest
    assert start(4)[0] == firm.home / "adapters" / digest
    assert published() == 3
    assert not firm.adapters.admissions(scope(ADMIN))


# --- deeds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "deed",
    [
        lambda adapters: adapters.publish(NAME, None, ADMIN.id),
        lambda adapters: adapters.split(NAME, 2, 10, ADMIN.id),
        lambda adapters: adapters.retire(NAME, 1, ADMIN.id),
    ],
)
def test_the_search_has_one_embedder_and_keeps_it(firm: Firm, deed: Callable[[Adapters], Any]) -> None:
    for seed in (1, 2):
        bring(firm, seed)
    firm.adapters.publish(NAME, 1, ADMIN.id)
    serve(firm)
    firm.adapters.publish(NAME, 2, ADMIN.id)
    with pytest.raises(Conflict, match="search"):
        deed(firm.adapters)
    assert firm.adapters.card(NAME, scope(ADMIN)).published == 2


def test_what_an_old_index_stands_on_is_kept_until_the_new_one_is_built(firm: Firm) -> None:
    for seed in (1, 2):
        bring(firm, seed)
    firm.adapters.publish(NAME, 2, ADMIN.id)
    serve(firm)
    firm.renewing = True
    with pytest.raises(Conflict, match="built anew"):
        firm.adapters.retire(NAME, 1, ADMIN.id)
    firm.renewing = False
    firm.adapters.retire(NAME, 1, ADMIN.id)
    firm.restart()
    assert len(list((firm.home / "adapters").iterdir())) == 1


def test_files_that_went_are_told(firm: Firm) -> None:
    bring(firm)
    (version,) = firm.adapters.card(NAME, scope(ADMIN)).versions
    shutil.rmtree(firm.home / "adapters" / version.digest)
    assert firm.adapters.state(version) == "missing"
    with pytest.raises(Conflict, match="not there"):
        firm.adapters.publish(NAME, 1, ADMIN.id)


def migrated(file: Path, revision: str) -> None:
    engine, config = create_engine(f"sqlite:///{file}"), Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_lines_of_before_go_with_what_they_said(tmp_path: Path) -> None:
    """Before, the embedder's adapters had lines without files: they come in again by the door."""
    file = tmp_path / "privity.db"
    migrated(file, "0004")
    rows = sqlite3.connect(file)
    for name, kind in (("contract-search", "search"), ("leases", "answers")):
        rows.execute("INSERT INTO adapters VALUES (?, 'T', 1, NULL, 0, 0)", (name,))
        values = (name, 1, "d", kind, "ready", "b", "peft", 1, 1, 0, 1, "shipped", "[]", "[]", "", 0, "{}")
        rows.execute(f"INSERT INTO adapter_versions VALUES ({', '.join('?' * 17)})", values)
        rows.execute(
            "INSERT INTO adapter_events (name, what, by, at, before, after, matter) "
            "VALUES (?, 'admit', '', 0, '', '', '')",
            (name,),
        )
    rows.commit()
    rows.close()
    Database(file).close()
    rows = sqlite3.connect(file)
    for table in ("adapters", "adapter_versions", "adapter_events"):
        assert rows.execute(f"SELECT name FROM {table}").fetchall() == [("leases",)], table
    rows.close()


# --- hostile -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", hostile.CASES)
def test_a_hostile_file_is_refused_whatever_bases_there_are(tmp_path: Path, case: str) -> None:
    word, build = hostile.CASES[case]
    (tmp_path / "sent").mkdir()
    source = build(tmp_path / "sent")
    both = vet(source, tmp_path / "both", [SMALL, READER])
    assert not both.ok
    assert any(word in reason for reason in both.reasons), both.reasons
    assert not vet(source, tmp_path / "one", [READER]).ok


def weights(folder: Path, changed: Callable[[dict[str, Any]], object], **said: object) -> Path:
    """A good adapter of the embedder with its tensors changed."""
    lora(folder, READER, 4, targets=("query", "value"), **said)  # type: ignore[arg-type]
    tensors = made.tensors(READER, 4, targets=("query", "value"))
    changed(tensors)
    (folder / LoraFile.WEIGHTS).write_bytes(made.encode(tensors))
    return folder


def of(*shape: int, value: float = 0.1) -> tuple[str, Any]:
    return "F32", np.full(shape, value, np.float32)


def renamed(old: str, new: str) -> Callable[[dict[str, Any]], object]:
    def change(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if old in name]:
            tensors[name.replace(old, new)] = tensors.pop(name)

    return change


def every(value: float, half: str = "") -> Callable[[dict[str, Any]], object]:
    def change(tensors: dict[str, Any]) -> None:
        for name, (kind, values) in tensors.items():
            if half in name:
                tensors[name] = (kind, np.full_like(values, value))

    return change


CASES: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "words": ("mbedding", renamed("encoder.layer.0.attention.self.query", "embeddings.word_embeddings")),
    "places": ("mbedding", renamed("encoder.layer.0.attention.self.query", "embeddings.position_embeddings")),
    "a seventh block": ("", renamed("layer.1.", "layer.6.")),
    "another kind of layer": ("", renamed("attention.self.query", "attention.self.gate")),
    "a norm": ("", renamed("attention.self.query", "output.LayerNorm")),
    "half a pair": ("one half", lambda t: t.pop(f"{LAYER}.lora_B.weight")),
    "no pair at all": ("", lambda t: t.clear()),
    "too wide": ("", lambda t: t.update({f"{LAYER}.lora_A.weight": of(4, 25)})),
    "too tall": ("", lambda t: t.update({f"{LAYER}.lora_B.weight": of(25, 4)})),
    "ranks that differ": ("different ranks", lambda t: t.update({f"{LAYER}.lora_B.weight": of(24, 5)})),
    "a bias": ("", lambda t: t.update({f"{PREFIX}encoder.layer.0.output.dense.bias": of(24)})),
    "a whole layer": ("", lambda t: t.update({f"{PREFIX}pooler.dense.weight": of(24, 24)})),
    "DoRA's magnitudes": ("", lambda t: t.update({f"{LAYER}.lora_magnitude_vector": of(24)})),
    "no number": ("finite", every(float("nan"))),
    "infinite": ("finite", every(float("inf"), "lora_B")),
    "untrained": ("", every(0.0, "lora_B")),
    "it drowns the base": ("", every(1e4)),
    "beyond half precision": ("", every(1e30, "lora_A")),
    "eight bytes each": ("", lambda t: t.update({f"{LAYER}.lora_A.weight": ("F64", np.ones((4, 24)))})),
    "of whole numbers": (
        "",
        lambda t: t.update({f"{LAYER}.lora_A.weight": ("I32", np.ones((4, 24), np.int32))}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_hostile_weights_for_the_embedder_are_refused(tmp_path: Path, case: str) -> None:
    word, changed = CASES[case]
    findings = vet(weights(tmp_path / "sent", changed), tmp_path / "quarantine", [SMALL, READER])
    assert not findings.ok
    assert any(word in reason for reason in findings.reasons), findings.reasons
    assert all(reason.endswith(".") and reason.isprintable() for reason in findings.reasons)


@pytest.mark.parametrize(
    "said",
    [
        {"use_dora": True},
        {"bias": "lora_only"},
        {"modules_to_save": ["pooler"]},
        {"r": 257},
        {"task_type": "SEQ_CLS"},
        {"peft_type": "IA3"},
        {"auto_mapping": {"base_model_class": "x", "run": "y"}},
        {"target_modules": ["word_embeddings"]},
        {"layer_replication": [[0, 1]]},
    ],
)
def test_hostile_configurations_for_the_embedder_are_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    sent = weights(tmp_path / "sent", lambda tensors: None, **said)
    assert not vet(sent, tmp_path / "quarantine", [SMALL, READER]).ok


def test_an_adapter_of_another_embedder_is_told_so(tmp_path: Path) -> None:
    other = bert_facts("bge-base", 48, 96, 2, 4)
    sent = lora(tmp_path / "sent", other, 4, targets=("query", "value"))
    (reason,) = vet(sent, tmp_path / "quarantine", [SMALL, READER]).reasons
    assert reason == "Trained on bge-base (hidden size 48); this base has 24. Train it on reader."


@pytest.mark.parametrize("rank", [1, 2, 7, 16, 64])
@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_good_ones_of_every_rank_pass(tmp_path: Path, rank: int, dtype: str) -> None:
    sent = lora(
        tmp_path / "sent", made.MINILM, rank, targets=("query", "key", "dense"), dtype=dtype, use_rslora=True
    )
    findings = vet(sent, tmp_path / "quarantine", [made.SMOLLM, made.MINILM])
    assert findings.facts, findings.reasons
    assert findings.facts.base is made.MINILM
    assert json.dumps(dict(findings.facts.config))
