"""What learned from what, on the page; and the choices of a data set's and a run's makers."""

from typing import Any

import pytest

from tests.ui.desks import desk, document
from tests.ui.runs import dataset, laid, recipes, row, whole
from tests.ui.test_acts import Service, do
from tests.ui.test_panes import HOSTILE
from ui import finetune, library
from ui.client import ApiError
from ui.panes import draw
from ui.replies import Lineage, Me, Rule
from ui.tuning import Draft, Tuning

RULES = [
    Rule(name=name, says=says, questions=[]) for name, says in (("law", "Governing law"), ("cap", "A cap"))
]


def lineage(**change: Any) -> Lineage:
    usual: Any = {
        "runs": [
            {"number": 9, "name": "leases", "state": "published", "adapter": "leases", "version": 2}
            | {"train": 8, "held_out": 1},
            {"number": 11, "name": "leases", "state": "training", "adapter": "", "version": None}
            | {"train": 4, "held_out": 1},
        ],
        "adapters": [
            {"name": "leases", "version": 2, "published": True, "retired": False, "answers": 1204},
            {"name": "leases", "version": 1, "published": False, "retired": True, "answers": 1},
        ],
        "documents": [
            {"document": "d2", "title": "", "train": 1, "held_out": 0},
            {"document": "d1", "title": f"in/{HOSTILE}.docx", "train": 12, "held_out": 3},
        ],
        "told": "",
    }
    return usual | change


def test_a_document_tells_what_was_trained_on_it() -> None:
    shown = desk(
        view="library", picked=document(), learned=lineage(), me=Me(id="u", name="n", role="trainer")
    )
    source = draw(shown)["source"]
    assert "Learned from it" in source
    assert "leases v2" in source
    assert "1,204 answers" in source
    assert "retired" in source
    assert "Run 11 · leases" in source
    assert "Run 9" not in source, "its adapter stands for it"
    assert source.count('data-act="tune_adapter"') == 2


def test_a_member_is_told_of_adapters_and_led_nowhere() -> None:
    shown = desk(view="library", picked=document(), learned=lineage(runs=[]))
    source = draw(shown)["source"]
    assert "leases v2" in source
    assert "tune_" not in source


def test_a_file_is_looked_at_with_what_learned_from_it_and_without_it_where_that_fails() -> None:
    shown = desk(view="library")
    do(library.pick, Service(documents__d1=document(), lineage=lineage()), shown, id="d1")
    assert shown.learned is not None
    do(library.pick, Service(documents__d1=document()), shown, id="d1")
    assert shown.learned is None


def test_a_run_tells_the_documents_that_it_learned_from() -> None:
    html = draw(laid(Tuning(stage="run", run=whole(), lineage=lineage())))["stage"]
    assert "Learned from" in html
    assert html.index("12 · 3 held out") < html.index("A document that was deleted")
    assert HOSTILE not in html
    assert 'data-act="tune_document" data-id="d1"' in html
    assert "It has written 1,205 answers." in html


def test_only_the_kinds_of_question_that_are_ticked_are_asked() -> None:
    service = Service(
        datasets={"datasets": [dataset(name="Leases")], "id": "s1"} | dataset(name="Leases"),
        datasets__t1=dataset(),
        datasets__t1__propose={"proposed": 1, "documents": 1, "unread": 0},
        datasets__t1__rows={"rows": [row()], "total": 1},
    )
    shown = laid(Tuning(rules=RULES))
    assert draw(shown)["stage"].count('name="rule-') == 2
    do(finetune.from_matter, service, shown, **{"rules": "1", "rule-cap": "on"})
    (body,) = [body for path, body in service.asked if path.endswith("/propose")]
    assert body["rules"] == ["cap"]
    with pytest.raises(ApiError, match="at least one kind"):
        do(finetune.from_matter, service, shown, rules="1")
    do(finetune.from_matter, service, shown, **{"rules": "1", "rule-cap": "on", "rule-law": "on"})
    assert service.asked[-3:]
    assert [body for path, body in service.asked if path.endswith("/propose")][-1]["rules"] == []


def test_who_may_use_it_is_chosen_among_those_who_belong_to_all_its_matters() -> None:
    tuning = Tuning(chosen=dataset(matters=["m1", "m2"]), recipes=recipes(), draft=Draft(name="leases"))
    ann, bob = {"name": "ann"}, {"name": "bob"}
    service = Service(
        matters__m1__members={"members": [ann, bob]}, matters__m2__members={"members": [bob, {"name": "eve"}]}
    )
    shown = laid(tuning)
    do(finetune.to_recipe, service, shown)
    assert tuning.people == ["bob"]
    assert "everybody in its matters" in draw(shown)["stage"]
    finetune.keep(tuning, {"form": "recipe", "name": "leases", "who-bob": "on", "who-eve": "on"})
    assert finetune.asked(tuning)["people"] == ["bob"]
    assert "Who may use it: bob" in draw(shown)["stage"]


def test_a_row_can_be_given_another_passage() -> None:
    service = Service(datasets__t1__rows__r1=row(context="Anew."), datasets__t1=dataset())
    shown = laid(Tuning(chosen=dataset(), rows=[row()]))
    do(finetune.change_row, service, shown, row="r1", state="accepted", context="Anew.")
    assert service.asked[0][1] == {"state": "accepted", "context": "Anew."}
    assert "data-context=" in draw(shown)["stage"]
